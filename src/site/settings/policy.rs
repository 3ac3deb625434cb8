//! Who wins a conflict, and what may happen without a person.

use serde::Deserialize;

use crate::site::settings::versions::Versions;
use crate::site::settings::windows::Window;
use crate::site::settings::windows::Zone;

/// What the owner allows.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Policy {
    pub conflicts: Winner,
    pub rule: Vec<PolicyRule>,
    /// Where automation looks for releases, as in `stage --from`.
    pub from: String,
    /// Versions that automation takes; default: all that are newer.
    pub versions: Option<Versions>,
    pub channel: Channel,
    /// How long a release has to be out, in hours.
    pub min_age_hours: u32,
    /// When automation may close the site; default: always.
    pub windows: Vec<Window>,
    /// Of the windows; default: the machine's.
    pub zone: Option<Zone>,
    /// What needs a person's word.
    pub ask: Vec<Ask>,
    /// How well a release has to be vouched for.
    pub trust: Vouched,
    /// A network that was away for so many ticks in a row is told of.
    pub network_failures: u32,
    /// A site that was closed for so long is told of, in minutes.
    pub closed_alarm_minutes: u64,
}

impl Default for Policy {
    fn default() -> Policy {
        Policy {
            conflicts: Winner::default(),
            rule: Vec::new(),
            from: "inbox".into(),
            versions: None,
            channel: Channel::default(),
            min_age_hours: 0,
            windows: Vec::new(),
            zone: None,
            ask: vec![Ask::Major, Ask::Conflicts, Ask::Warnings],
            trust: Vouched::default(),
            network_failures: 3,
            closed_alarm_minutes: 60,
        }
    }
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyRule {
    pub pattern: String,
    pub conflicts: Winner,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Winner {
    #[default]
    Ours,
    Theirs,
    Stop,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Channel {
    /// Versions whose names are numbers alone: no `rc`, no `beta`.
    #[default]
    Stable,
    /// Whatever is released.
    Testing,
}

impl Channel {
    pub fn name(self) -> &'static str {
        match self {
            Channel::Stable => "stable",
            Channel::Testing => "testing",
        }
    }
}

/// What a person is asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Ask {
    /// The first number of the version changes.
    Major,
    /// The database's structure may change.
    Schema,
    /// The release brings one-time scripts.
    Scripts,
    /// A file was changed by both sides.
    Conflicts,
    /// A check warns, or the plan does.
    Warnings,
    /// Everything.
    Always,
}

/// Who vouches for a release.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Vouched {
    /// Nobody but whoever brought it.
    None,
    /// A published list of digests.
    List,
    /// A key that the site trusts.
    #[default]
    Signed,
}
