//! What becomes of the database, as a plan names it.

use serde::Deserialize;
use serde::Serialize;

use crate::base::digest::Sha256;
use crate::base::path::SitePath;
use crate::base::pattern::Patterns;
use crate::database::dump::Scope;
use crate::database::schema::declared::Stage;
use crate::database::schema::step::Step;
use crate::database::schema::target::Target;
use crate::site::config::Found;
use crate::site::profile;

/// The tables that the planned tree declares, and the way there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TablesPlan {
    /// The files that declare them.
    pub files: Vec<DeclaredFile>,
    /// In which order tables, SQL files and the application's own upgrade have their turn.
    pub order: Vec<Stage>,
    /// Every statement that may be carried out for them; no other is.
    pub steps: Vec<Step>,
    pub target: Target,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeclaredFile {
    pub path: SitePath,
    pub sha256: Sha256,
}

/// One versioned SQL file and its statements.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SqlFile {
    pub path: SitePath,
    pub sha256: Sha256,
    pub statements: Vec<String>,
}

/// The application's own upgrade call: opaque to us.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UpgradeCall {
    pub argv: Vec<String>,
    pub url: Option<String>,
    /// Exit statuses of `argv` that mean success.
    #[serde(default = "profile::zero", skip_serializing_if = "only_zero")]
    pub success: Vec<i32>,
    pub expect: Option<String>,
    pub changes: Patterns,
    pub limit_seconds: u64,
}

/// Plans that say nothing of it have the digest that they always had.
fn only_zero(success: &[i32]) -> bool {
    success == [0]
}

/// Which tables are saved before anything touches them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DatabaseScope {
    /// The plan touches no database.
    None,
    /// All tables, or all with this prefix.
    All { prefix: String },
    /// These of the tables and views with this prefix: it is known that the plan touches no other.
    Tables { prefix: String, names: Vec<String> },
}

impl DatabaseScope {
    /// Whether a table is saved and brought back.
    pub fn covers(&self, table: &str) -> bool {
        match self {
            DatabaseScope::None => false,
            DatabaseScope::All { prefix } => table.starts_with(prefix.as_str()),
            DatabaseScope::Tables { names, .. } => names.iter().any(|name| name == table),
        }
    }

    /// What a dump holds; `None` when the plan touches no database.
    pub fn dumped(&self) -> Option<Scope> {
        match self {
            DatabaseScope::None => None,
            DatabaseScope::Tables { prefix, names } => {
                Some(Scope::Tables { prefix: prefix.clone(), names: names.clone() })
            }
            DatabaseScope::All { .. } => self.site(),
        }
    }

    /// All that is the site's in its database; `None` when the plan touches none.
    pub fn site(&self) -> Option<Scope> {
        match self {
            DatabaseScope::None => None,
            DatabaseScope::All { prefix } | DatabaseScope::Tables { prefix, .. } => {
                Some(Scope::of_prefix(prefix))
            }
        }
    }
}

/// A database beside the application's own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OtherDatabase {
    /// Its address, without a password.
    pub database: String,
    pub prefix: String,
}

impl OtherDatabase {
    pub fn of(found: &Found) -> OtherDatabase {
        OtherDatabase { database: found.address.to_string(), prefix: found.prefix.clone() }
    }
}
