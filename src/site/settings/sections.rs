//! The parts of `entracte.toml` that stand for themselves.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;

use crate::base::path::SitePath;
use crate::base::pattern::Patterns;
use crate::integrity::list::Format;
use crate::site::profile;

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Database {
    /// Default: as the application's own configuration says.
    pub url: Option<String>,
    /// A file (0600) that holds the password and nothing else.
    pub password_file: Option<PathBuf>,
    pub prefix: Option<String>,
    /// The site has no database that entracte should touch.
    #[serde(default)]
    pub none: bool,
    /// How long a statement of a migration waits for others' locks, in seconds.
    pub lock_seconds: Option<u64>,
    /// How long one may take at all, in seconds; `None`: as long as it takes.
    pub statement_seconds: Option<u64>,
    /// Tables that a release changed are written anew afterwards, so that they take less room.
    #[serde(default)]
    pub optimize: bool,
    /// Other databases that belong to the site.
    #[serde(default)]
    pub also: Vec<OtherDatabase>,
}

/// One that scripts and the application's own upgrade may change, too.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OtherDatabase {
    pub url: String,
    pub password_file: Option<PathBuf>,
    #[serde(default)]
    pub prefix: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GateSettings {
    pub kind: String,
    pub close: Vec<String>,
    pub open: Vec<String>,
    /// Time for requests under way to end once the gate is closed.
    pub drain_seconds: f64,
    /// A minijinja template for the visitors' page.
    pub page: Option<PathBuf>,
    pub title: Option<String>,
}

impl Default for GateSettings {
    fn default() -> GateSettings {
        let (kind, close, open) = ("none".into(), Vec::new(), Vec::new());
        GateSettings { kind, close, open, drain_seconds: 1.0, page: None, title: None }
    }
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Files {
    #[serde(default)]
    pub owner: Owner,
}

/// What a folder of the site holds by another manifest than the application's.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LayerSettings {
    /// A name in `installed/layers/`, or a whole path.
    pub manifest: PathBuf,
    /// The folder; the paths of the manifest are relative to it.
    pub below: SitePath,
    /// Told by the content where nothing is said.
    pub format: Option<Format>,
}

/// Whose files the new ones become.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Owner {
    /// The owner of the file that is replaced, else of the folder it is put into.
    #[default]
    Keep,
    /// The user who runs entracte.
    Mine,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RunOnceSettings {
    pub limit_seconds: u64,
    /// File extension -> argument list that the script's path is added to.
    pub interpreters: BTreeMap<String, Vec<String>>,
}

impl Default for RunOnceSettings {
    fn default() -> RunOnceSettings {
        let interpreters = BTreeMap::from([("php".to_owned(), vec!["php".to_owned()])]);
        RunOnceSettings { limit_seconds: 3600, interpreters }
    }
}

/// In place of the profile's upgrade call.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UpgradeSettings {
    #[serde(default)]
    pub argv: Vec<String>,
    pub url: Option<String>,
    /// Exit statuses of `argv` that mean success.
    #[serde(default = "profile::zero")]
    pub success: Vec<i32>,
    pub expect: Option<String>,
    #[serde(default)]
    pub changes: Patterns,
    #[serde(default = "an_hour")]
    pub limit_seconds: u64,
    /// The application is not called at all.
    #[serde(default)]
    pub none: bool,
}

fn an_hour() -> u64 {
    3600
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Php {
    /// PHP's `opcache.revalidate_freq`: how long it may serve old code.
    pub revalidate_seconds: f64,
    /// A program that makes PHP forget compiled files.
    pub reload: Vec<String>,
    /// The FPM program that serves the site, where there are several.
    pub fpm: Option<PathBuf>,
}

impl Default for Php {
    fn default() -> Php {
        Php { revalidate_seconds: 2.0, reload: Vec::new(), fpm: None }
    }
}

/// What becomes of a run whose process died.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Recovery {
    /// So long after its last word the next verb takes it back; 0: never.
    pub after_seconds: u64,
}

impl Default for Recovery {
    fn default() -> Recovery {
        Recovery { after_seconds: 600 }
    }
}

/// Bounds of what an archive may hold.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LimitSettings {
    pub total_bytes: Option<u64>,
    pub file_bytes: Option<u64>,
    pub ratio: Option<u64>,
    pub entries: Option<u64>,
    pub folder_entries: Option<u64>,
    pub memory_bytes: Option<u64>,
}
