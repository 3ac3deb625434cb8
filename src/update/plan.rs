//! The plan: every change to come, with its reason, sealed by a digest. The
//! stored format is `docs/plan.md`.

pub mod database;
mod error;

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::path::Path;

use jiff::Timestamp;
use serde::Deserialize;
use serde::Serialize;

use crate::base::check::Check;
use crate::base::digest::Sha256;
use crate::base::json;
use crate::base::path::SitePath;
use crate::base::pattern::Patterns;
use crate::base::tree::Kind;
use crate::base::tree::Node;
use crate::database::schema::declared::Stage;
use crate::database::schema::step::Cost;
use crate::database::schema::step::Step as TableStep;
use crate::integrity::manifest::Content;
use crate::integrity::manifest::FileEntry;
use crate::integrity::manifest::RunOnce;
use crate::integrity::three_way::ChangeKind;
use crate::integrity::three_way::Reason;
use crate::sys::fs;

pub use self::database::DatabaseScope;
pub use self::database::OtherDatabase;
pub use self::database::SqlFile;
pub use self::database::TablesPlan;
pub use self::database::UpgradeCall;
pub use self::error::PlanError;

/// The one version of the format that this program writes.
pub const FORMAT: u32 = 1;

/// A plan and what was found while making it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    pub format: u32,
    /// Digest of `sealed`: what is approved is this.
    pub id: Sha256,
    pub made: Timestamp,
    pub sealed: Sealed,
    pub checks: Vec<Check>,
    pub estimate: Estimate,
    /// What each step of the declared tables costs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub costs: Vec<Cost>,
}

/// Everything that approval covers; not checks or timings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sealed {
    pub product: String,
    pub from: Endpoint,
    pub to: Endpoint,
    /// The installed baseline was taken from the live tree.
    pub observed: bool,
    /// The release lists only some of its files.
    pub partial: bool,
    /// In byte order of their paths; paths that stay as they are do not appear.
    pub changes: Vec<Change>,
    /// Files that stay as they are.
    pub unchanged: u64,
    /// `None` where the planned tree declares no tables.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tables: Option<TablesPlan>,
    pub sql: Vec<SqlFile>,
    pub upgrade: Option<UpgradeCall>,
    pub scripts: Vec<RunOnce>,
    /// Ids of the extensions that the planned tree declares, sorted.
    pub extensions: Vec<String>,
    pub database: DatabaseScope,
    /// Other databases of the site that are saved, since programs run that may change them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub others: Vec<OtherDatabase>,
    /// The owner's own programs around the steps, in the order of their running.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hooks: Vec<HookCall>,
}

/// One side of the update.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endpoint {
    pub version: String,
    pub manifest: Sha256,
}

/// What happens to one path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    pub path: SitePath,
    pub kind: ChangeKind,
    pub reason: Reason,
    /// What stands there now.
    pub old: Option<Thing>,
    /// What the release has there.
    pub new: Option<Thing>,
    /// For a conflict: who wins.
    pub resolution: Option<Resolution>,
    /// For a conflict won by the owner: where the release's version is put.
    pub beside: Option<Beside>,
}

/// A file, link or folder as a plan names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Thing {
    #[serde(rename = "is")]
    pub what: What,
    /// Permission bits.
    pub mode: u32,
    /// Owner and group; `None` for what is yet to be made.
    pub owner: Option<(u32, u32)>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum What {
    File {
        size: u64,
        sha256: Sha256,
    },
    Link {
        target: String,
    },
    Folder,
    /// Something that cannot be compared: a socket, a name that is not text.
    Other,
}

/// Who wins a conflict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Resolution {
    /// The live file stays, the release's version is put beside it.
    Ours,
    /// The release's version is put in place; the old one stays in the backup set.
    Theirs,
    /// The plan cannot be applied until a person decides.
    Stop,
}

/// Where the release's version of a conflict is put.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Beside {
    pub path: SitePath,
    pub old: Option<Thing>,
}

/// A program of the owner around a part of the run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HookCall {
    pub when: When,
    /// The name of a step, or `rollback`; `None`: any.
    pub step: Option<String>,
    pub argv: Vec<String>,
    pub limit_ms: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum When {
    Before,
    After,
    Failed,
}

impl When {
    pub fn name(self) -> &'static str {
        match self {
            When::Before => "before",
            When::After => "after",
            When::Failed => "failed",
        }
    }
}

/// What carrying the plan out will take; not part of the id.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    pub bytes_to_fetch: u64,
    /// Bytes that the site's file system needs free.
    pub bytes_needed: u64,
    pub inodes_needed: u64,
    pub database_bytes: u64,
    pub closed_seconds: f64,
}

impl Plan {
    pub fn seal(
        sealed: Sealed,
        checks: Vec<Check>,
        estimate: Estimate,
        costs: Vec<Cost>,
        made: Timestamp,
    ) -> Plan {
        Plan { format: FORMAT, id: sealed.digest(), made, sealed, checks, estimate, costs }
    }

    /// Reads a stored plan and proves that it is what its id says.
    pub fn load(path: &Path) -> Result<Plan, PlanError> {
        let bytes = fs::read_if_present(path)?.ok_or(PlanError::Missing)?;
        let shown = || fs::shown(path);
        let plan: Plan = json::read(&bytes).map_err(|source| PlanError::Damaged { path: shown(), source })?;
        if plan.format != FORMAT {
            return Err(PlanError::Format { path: shown(), found: plan.format });
        }
        if plan.sealed.digest() != plan.id {
            return Err(PlanError::Tampered { path: shown() });
        }
        Ok(plan)
    }

    pub fn save(&self, path: &Path) -> Result<(), PlanError> {
        let mut text =
            json::pretty(self).map_err(|source| PlanError::Damaged { path: fs::shown(path), source })?;
        text.push(b'\n');
        Ok(fs::write_durable(path, &text)?)
    }

    /// How many changes of each kind there are; `same` counts what stays.
    pub fn counts(&self) -> BTreeMap<ChangeKind, u64> {
        let mut counts = BTreeMap::from([(ChangeKind::Same, self.sealed.unchanged)]);
        for change in &self.sealed.changes {
            *counts.entry(change.kind).or_default() += 1;
        }
        counts
    }

    /// Whether anything at all would be done.
    pub fn is_empty(&self) -> bool {
        self.sealed.changes.iter().all(|change| change.effect().is_none() && change.beside.is_none())
            && self.sealed.sql.is_empty()
            && self.sealed.table_steps().is_empty()
            && self.sealed.scripts.is_empty()
            && self.sealed.from == self.sealed.to
    }

    /// Whether PHP files change, of which PHP may keep compiled copies.
    pub fn is_of_php(&self) -> bool {
        let is_php = |path: &SitePath| path.name().ends_with(".php") || path.name().ends_with(".inc");
        self.sealed.changes.iter().any(|change| change.effect().is_some() && is_php(&change.path))
    }

    /// Whether the plan runs anything that may touch the database.
    pub fn touches_database(&self) -> bool {
        self.sealed.database != DatabaseScope::None || !self.sealed.others.is_empty()
    }
}

impl Sealed {
    /// What is done for the declared tables.
    pub fn table_steps(&self) -> &[TableStep] {
        self.tables.as_ref().map(|tables| tables.steps.as_slice()).unwrap_or_default()
    }

    /// What of the release's content it needs: what is put into the site, or run on the database.
    pub fn contents(&self) -> BTreeSet<Sha256> {
        let put = |change: &Change| match (change.effect(), &change.beside) {
            (Some(Effect::Put(new)), _) => new.sha256(),
            (_, Some(_)) => change.new.as_ref().and_then(Thing::sha256),
            _ => None,
        };
        self.changes.iter().filter_map(put).chain(self.sql.iter().map(|file| file.sha256)).collect()
    }

    /// Whether the structure of the database may change.
    pub fn changes_schema(&self) -> bool {
        !self.table_steps().is_empty() || !self.sql.is_empty() || self.upgrade.is_some()
    }

    /// The order in which a release may change the database.
    pub fn order(&self) -> Vec<Stage> {
        self.tables.as_ref().map_or_else(|| Stage::ALL.to_vec(), |tables| tables.order.clone())
    }

    /// Every statement that is known beforehand, in the order in which they run.
    pub fn statements(&self) -> Vec<String> {
        let one = |stage| -> Vec<String> {
            match stage {
                Stage::Tables => self.table_steps().iter().flat_map(|step| step.statements.clone()).collect(),
                Stage::Sql => self.sql.iter().flat_map(|file| file.statements.clone()).collect(),
                Stage::Upgrade => Vec::new(),
            }
        };
        self.order().into_iter().flat_map(one).collect()
    }

    /// What its scripts and the application's own upgrade may change in the site.
    pub fn changed_by_programs(&self) -> Patterns {
        let upgrade = self.upgrade.as_ref().map(|upgrade| upgrade.changes.clone()).unwrap_or_default();
        self.scripts.iter().fold(upgrade, |all, script| all.and(&script.changes))
    }

    fn digest(&self) -> Sha256 {
        // Plain structs and string keys always serialise.
        Sha256::of(&json::line(self).unwrap_or_default())
    }
}

/// What a change does to its path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect<'a> {
    Put(&'a Thing),
    TakeAway,
}

impl Change {
    /// What is done at the path itself; `None`: it is left alone.
    pub fn effect(&self) -> Option<Effect<'_>> {
        let theirs = || match &self.new {
            Some(new) => Effect::Put(new),
            None => Effect::TakeAway,
        };
        match self.kind {
            ChangeKind::Add | ChangeKind::Replace => self.new.as_ref().map(Effect::Put),
            ChangeKind::Remove => Some(Effect::TakeAway),
            ChangeKind::Conflict if self.resolution == Some(Resolution::Theirs) => Some(theirs()),
            ChangeKind::Conflict | ChangeKind::Keep | ChangeKind::Same => None,
        }
    }

    /// What stands at the path after the update.
    pub fn after(&self) -> Option<&Thing> {
        match self.effect() {
            Some(Effect::Put(new)) => Some(new),
            Some(Effect::TakeAway) => None,
            None => self.old.as_ref(),
        }
    }
}

impl Thing {
    pub fn of_node(node: &Node) -> Thing {
        let what = match &node.kind {
            Kind::File { size, sha256, .. } => What::File { size: *size, sha256: *sha256 },
            Kind::Folder => What::Folder,
            Kind::Link { target } => match std::str::from_utf8(target) {
                Ok(target) => What::Link { target: target.to_owned() },
                Err(_) => What::Other,
            },
            Kind::Special(_) | Kind::Unreadable { .. } => What::Other,
        };
        Thing { what, mode: node.meta.mode, owner: Some((node.meta.uid, node.meta.gid)) }
    }

    pub fn of_entry(entry: &FileEntry, mode: u32) -> Thing {
        let what = match &entry.content {
            Content::File { size, sha256, .. } => What::File { size: *size, sha256: *sha256 },
            Content::Link { target } => What::Link { target: target.clone() },
            Content::Folder => What::Folder,
        };
        Thing { what, mode, owner: None }
    }

    pub fn is_folder(&self) -> bool {
        self.what == What::Folder
    }

    /// Size in bytes; 0 for anything but files.
    pub fn size(&self) -> u64 {
        match self.what {
            What::File { size, .. } => size,
            _ => 0,
        }
    }

    pub fn sha256(&self) -> Option<Sha256> {
        match self.what {
            What::File { sha256, .. } => Some(sha256),
            _ => None,
        }
    }
}
