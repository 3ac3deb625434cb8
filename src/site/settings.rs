//! `entracte.toml`: this site's settings. The format is `docs/settings.md`.

use std::collections::BTreeMap;
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
use crate::site::profile;
use crate::sys::env;
use crate::sys::fs;
use crate::sys::fs::IoError;

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
    #[serde(default)]
    pub run_once: RunOnceSettings,
    pub upgrade: Option<UpgradeSettings>,
    #[serde(default)]
    pub health: HealthSettings,
    #[serde(default)]
    pub php: Php,
    #[serde(default)]
    pub limits: LimitSettings,
    #[serde(default)]
    pub recovery: Recovery,
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

/// Who wins a conflict, by path.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    #[serde(default)]
    pub conflicts: Winner,
    #[serde(default)]
    pub rule: Vec<PolicyRule>,
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

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Files {
    #[serde(default)]
    pub owner: Owner,
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

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HealthSettings {
    /// Relative to the site's URL; default: its home page.
    #[serde(default)]
    pub urls: Vec<HealthUrl>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HealthUrl {
    pub url: String,
    /// Text that a healthy page holds.
    pub marker: Option<String>,
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

/// What `init` found out.
pub struct New<'a> {
    pub root: &'a Path,
    pub profile: &'a str,
    pub url: Option<&'a Url>,
    pub database_url: Option<&'a str>,
    pub password_file: Option<&'a Path>,
    pub gate: &'a str,
}

/// The first `entracte.toml` of a site, with comments.
pub fn render(new: &New) -> String {
    let text = |value: &str| toml::Value::String(value.to_owned()).to_string();
    let line = |name: &str, value: Option<String>, example: &str| match value {
        Some(value) => format!("{name} = {}\n", text(&value)),
        None => format!("# {name} = {example}\n"),
    };
    let mut page = String::from(
        "# The settings of this site; every one is described in docs/settings.md.\nformat = 1\n",
    );
    page += &line("root", Some(new.root.to_string_lossy().into_owned()), "");
    page += &line("profile", Some(new.profile.to_owned()), "");
    page += &line("url", new.url.map(ToString::to_string), "\"https://www.example.org/\"");
    page += "# The closed page speaks each visitor's language, unless one is set: \"en\" or \"fr\".\n# language = \"en\"\n";
    page += "# Your own files, besides those that the profile knows: never replaced, removed or added.\nkeep = []\n";
    page += "\n[database]\n";
    page += &line("url", new.database_url.map(str::to_owned), "\"mysql://user@localhost/name\"");
    page += &line(
        "password_file",
        new.password_file.map(|path| path.to_string_lossy().into_owned()),
        "\"/path/to/a/file/of/mode/0600\"",
    );
    page += "\n[gate]\n# How visitors are kept out: apache, nginx, prepend, wordpress, command, none.\n";
    page += &line("kind", Some(new.gate.to_owned()), "");
    page += "# Time for requests under way to end.\ndrain_seconds = 1.0\n";
    page += "\n[policy]\n# A file that both you and the release changed: \"ours\" keeps yours and puts theirs beside it as NAME.new,\n";
    page += "# \"theirs\" replaces yours (it stays in the backup set), \"stop\" refuses the plan.\nconflicts = \"ours\"\n";
    page += "# [[policy.rule]]\n# pattern = \"themes/**\"\n# conflicts = \"stop\"\n";
    page += "\n[php]\n# PHP's opcache.revalidate_freq, or a program that makes PHP forget compiled files.\n";
    page += "revalidate_seconds = 2.0\n# reload = [\"systemctl\", \"reload\", \"php8.2-fpm\"]\n";
    page += "\n# Pages that tell whether the site is well; default: its home page.\n";
    page += "# [[health.urls]]\n# url = \"/shop\"\n# marker = \"Basket\"\n";
    page
}

#[cfg(test)]
mod tests;
