//! `entracte.toml`: this site's settings. The format is `docs/settings.md`.

mod argv;
mod health;
mod hooks;
mod network;
mod notify;
mod policy;
mod render;
mod retention;
mod schedule;
mod sections;
mod smtp;
mod user_network;
mod vendor;
mod versions;
mod windows;

use std::path::Path;
use std::path::PathBuf;

use serde::Deserialize;
use url::Url;

use crate::base::exit::Exit;
use crate::base::exit::Fault;
use crate::base::path::SitePath;
use crate::base::pattern::PatternError;
use crate::base::pattern::Patterns;
use crate::site::misunderstood::Misunderstood;
use crate::sys::env;
use crate::sys::fs;
use crate::sys::fs::IoError;

pub use self::health::HealthCommand;
pub use self::health::HealthSettings;
pub use self::health::HealthUrl;
pub use self::hooks::Hook;
pub use self::hooks::Hooks;
pub use self::hooks::Part;
pub use self::network::NetworkSettings;
pub use self::network::NotMirror;
pub use self::network::NotProxy;
pub use self::network::Seconds;
pub use self::notify::CommandSettings;
pub use self::notify::Endpoint;
pub use self::notify::HeartbeatSettings;
pub use self::notify::MailSettings;
pub use self::notify::MailWay;
pub use self::notify::NoticeKind;
pub use self::notify::NoticeLanguage;
pub use self::notify::Notify;
pub use self::notify::Rhythm;
pub use self::notify::WebhookSettings;
pub use self::policy::Ask;
pub use self::policy::Channel;
pub use self::policy::Policy;
pub use self::policy::PolicyRule;
pub use self::policy::Vouched;
pub use self::policy::Winner;
pub use self::render::New;
pub use self::render::render;
pub use self::retention::Retention;
pub use self::schedule::Schedule;
pub use self::sections::Database;
pub use self::sections::Files;
pub use self::sections::GateSettings;
pub use self::sections::LayerSettings;
pub use self::sections::LimitSettings;
pub use self::sections::OtherDatabase;
pub use self::sections::Owner;
pub use self::sections::Php;
pub use self::sections::Recovery;
pub use self::sections::RunOnceSettings;
pub use self::sections::UpgradeSettings;
pub use self::smtp::Security;
pub use self::smtp::SmtpAddress;
pub use self::user_network::NetworkOptions;
pub use self::user_network::UserNetwork;
pub use self::vendor::Mirror;
pub use self::vendor::Pin;
pub use self::vendor::VendorSettings;
pub use self::versions::Versions;
pub use self::windows::Window;
pub use self::windows::Zone;

/// The one version of the format that this program reads and writes.
pub const FORMAT: u32 = 1;

/// What the owner wrote.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    pub format: u32,
    /// The folder that the web server serves.
    pub root: PathBuf,
    pub profile: String,
    /// The product name that releases must bear; default: the profile's.
    pub product: Option<String>,
    pub url: Option<Url>,
    #[serde(default)]
    pub language: Language,
    /// The owner's files besides those of the profile.
    #[serde(default)]
    pub keep: Patterns,
    #[serde(default)]
    pub volatile: Patterns,
    /// What belongs to the site and stands elsewhere: absolute, or from its root.
    #[serde(default)]
    pub outside: Vec<String>,
    pub inbox: Option<PathBuf>,
    pub incoming: Option<PathBuf>,
    #[serde(default)]
    pub database: Database,
    #[serde(default)]
    pub gate: GateSettings,
    #[serde(default)]
    pub policy: Policy,
    #[serde(default)]
    pub files: Files,
    /// Manifests of what is installed besides the application itself.
    #[serde(default)]
    pub layers: Vec<LayerSettings>,
    #[serde(default)]
    pub run_once: RunOnceSettings,
    pub upgrade: Option<UpgradeSettings>,
    #[serde(default)]
    pub health: HealthSettings,
    #[serde(default)]
    pub hooks: Hooks,
    #[serde(default)]
    pub php: Php,
    #[serde(default)]
    pub limits: LimitSettings,
    #[serde(default)]
    pub network: NetworkSettings,
    #[serde(default)]
    pub vendor: VendorSettings,
    #[serde(default)]
    pub recovery: Recovery,
    #[serde(default)]
    pub schedule: Schedule,
    #[serde(default)]
    pub notify: Notify,
    #[serde(default)]
    pub retention: Retention,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// What each visitor asks for.
    #[default]
    Visitor,
    En,
    Fr,
}

#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    #[error("the settings {path} cannot be understood")]
    Damaged {
        path: String,
        #[source]
        source: Misunderstood,
    },
    #[error("the settings {path} are of format {found}; this entracte knows {FORMAT}")]
    Format { path: String, found: u32 },
    #[error("a pattern in the settings {path} cannot be used")]
    Pattern {
        path: String,
        #[source]
        source: PatternError,
    },
    #[error("{path} names mirrors, which are copies of one reference")]
    Mirrors { path: String },
    #[error("{path} can be written by others than its owner")]
    Exposed { path: String, mode: u32 },
    #[error("{path} belongs to another user (uid {uid})")]
    Foreign { path: String, uid: u32 },
    #[error(transparent)]
    Io(#[from] IoError),
}

impl Fault for SettingsError {
    fn exit(&self) -> Exit {
        Exit::Refused
    }

    fn hints(&self) -> Vec<String> {
        match self {
            SettingsError::Exposed { path, mode } => vec![format!("chmod {:o} {path}", mode & !0o022)],
            SettingsError::Mirrors { .. } => {
                vec!["name them with --mirror, or under [network] in the settings of one site".into()]
            }
            SettingsError::Foreign { .. } => vec!["run entracte as the owner of the site's files".into()],
            SettingsError::Io(error) => error.hints(),
            _ => Vec::new(),
        }
    }
}

impl Settings {
    pub fn load(path: &Path) -> Result<Settings, SettingsError> {
        check_private(path)?;
        Settings::parse(path, &fs::read_text(path, 1 << 20)?)
    }

    /// Reads the text of a settings file; `path` is for messages.
    pub fn parse(path: &Path, text: &str) -> Result<Settings, SettingsError> {
        let settings: Settings = toml::from_str(text).map_err(|error| {
            let source = Misunderstood::of(&error, text);
            SettingsError::Damaged { path: fs::shown(path), source }
        })?;
        if settings.format != FORMAT {
            return Err(SettingsError::Format { path: fs::shown(path), found: settings.format });
        }
        for rule in &settings.policy.rule {
            Patterns::new([rule.pattern.as_str()])
                .map_err(|source| SettingsError::Pattern { path: fs::shown(path), source })?;
        }
        Ok(settings)
    }

    /// Who wins a conflict at `path`: the last rule that matches, else the default.
    pub fn winner(&self, path: &SitePath) -> Winner {
        let matches = |rule: &&PolicyRule| {
            Patterns::new([rule.pattern.as_str()]).is_ok_and(|pattern| pattern.matches(path.as_str()))
        };
        self.policy.rule.iter().rev().find(matches).map_or(self.policy.conflicts, |rule| rule.conflicts)
    }

    /// The argument list that runs scripts with this extension.
    pub fn interpreter(&self, extension: &str) -> Option<&[String]> {
        self.run_once.interpreters.get(extension).map(Vec::as_slice)
    }
}

/// Refuses a file or folder that somebody else could have written.
pub fn check_private(path: &Path) -> Result<(), SettingsError> {
    let mode = fs::mode(path)?;
    if mode & 0o022 != 0 {
        return Err(SettingsError::Exposed { path: fs::shown(path), mode });
    }
    let (uid, _) = fs::owner(path)?;
    match uid == env::user_id() || uid == 0 {
        true => Ok(()),
        false => Err(SettingsError::Foreign { path: fs::shown(path), uid }),
    }
}

#[cfg(test)]
mod tests;
