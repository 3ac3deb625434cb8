//! Application profiles: data, no code. The format is `docs/profile.md`.

#[cfg(test)]
mod tests;
mod vendor;

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use crate::base::exit::Exit;
use crate::base::exit::Fault;
use crate::base::path::SitePath;
use crate::base::pattern::Patterns;
use crate::integrity::list::Format;
use crate::integrity::manifest::build::Conventions;
use crate::integrity::manifest::version;
use crate::site::maintenance::AutoUpdater;
use crate::site::maintenance::MaintenanceRule;
use crate::sys::fs;
use crate::sys::fs::IoError;

pub use self::vendor::ChannelWords;
pub use self::vendor::DigestName;
pub use self::vendor::DigestRule;
pub use self::vendor::FeedFormat;
pub use self::vendor::SignatureRule;
pub use self::vendor::VendorRule;

/// The one version of the format that this program reads.
pub const FORMAT: u32 = 1;

/// The profiles that ship with the program; the most specific first.
const EMBEDDED: [(&str, &str); 8] = [
    ("wordpress", include_str!("../../manifests/profiles/wordpress.toml")),
    ("nextcloud", include_str!("../../manifests/profiles/nextcloud.toml")),
    ("mediawiki", include_str!("../../manifests/profiles/mediawiki.toml")),
    ("roundcube", include_str!("../../manifests/profiles/roundcube.toml")),
    ("dokuwiki", include_str!("../../manifests/profiles/dokuwiki.toml")),
    ("tiki", include_str!("../../manifests/profiles/tiki.toml")),
    ("yacs", include_str!("../../manifests/profiles/yacs.toml")),
    ("generic", include_str!("../../manifests/profiles/generic.toml")),
];

/// The names that `--profile` takes.
pub const NAMES: [&str; 8] =
    ["wordpress", "nextcloud", "mediawiki", "roundcube", "dokuwiki", "tiki", "yacs", "generic"];

/// The one that fits where no other does.
pub const GENERIC: &str = "generic";

/// What is known of one application.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    pub format: u32,
    pub name: String,
    pub title: String,
    /// Files that are all there when this is the application.
    pub detect: Vec<SitePath>,
    pub version: Option<VersionRule>,
    /// The owner's files: never replaced, removed or added.
    #[serde(default)]
    pub keep: Patterns,
    /// Caches, logs, sessions: never judged.
    #[serde(default)]
    pub volatile: Patterns,
    /// Files of its releases that owners take away, as their manuals advise.
    #[serde(default)]
    pub optional: Patterns,
    /// Folders that visitors fill.
    #[serde(default)]
    pub uploads: Patterns,
    /// Folders in which each entry is something added: a plugin, a theme.
    #[serde(default)]
    pub additions: Vec<SitePath>,
    /// Rows that change by themselves: table name without prefix -> predicate.
    #[serde(default)]
    pub volatile_rows: BTreeMap<String, String>,
    /// Columns that do: table name without prefix -> their names.
    #[serde(default)]
    pub volatile_columns: BTreeMap<String, Vec<String>>,
    /// How the site is closed when the web server is not known.
    pub gate: Vec<String>,
    pub lock: Option<LockRule>,
    pub database: Option<DatabaseRule>,
    pub upgrade: Option<UpgradeRule>,
    #[serde(default)]
    pub release: ReleaseRule,
    #[serde(default)]
    pub requirements: Requirements,
    /// Where its releases are published.
    pub vendor: Option<VendorRule>,
    pub auto_updater: Option<AutoUpdater>,
    #[serde(default)]
    pub maintenance: Vec<MaintenanceRule>,
}

/// Where a version is said: the text after one mark, up to any character of
/// another. White space in `after` stands for as much or as little as there is.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VersionRule {
    pub file: SitePath,
    pub after: String,
    pub until: String,
    /// Where else it is said when it is not said there.
    #[serde(default)]
    pub otherwise: Vec<VersionRule>,
}

/// The application's own lock for its jobs: a file, or programs.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LockRule {
    pub path: Option<SitePath>,
    #[serde(default)]
    pub content: String,
    #[serde(default)]
    pub close: Vec<String>,
    #[serde(default)]
    pub open: Vec<String>,
    /// Files of the site that the programs change; they count as the owner's.
    #[serde(default)]
    pub changes: Patterns,
}

/// Where the application keeps its database's address: PHP files, and in them
/// constants (`DB_HOST`), variables (`$wgDBname`) or elements (`$config['x']`).
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DatabaseRule {
    /// Relative to the site; may begin with `../` once.
    pub files: Vec<String>,
    pub host: Option<String>,
    pub user: Option<String>,
    pub password: Option<String>,
    pub name: Option<String>,
    pub prefix: Option<String>,
    /// Where it says `mysql`, `sqlite` and the like.
    pub engine: Option<String>,
    /// One URL instead of the parts.
    pub url: Option<String>,
}

/// How the application brings its database to the new version.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UpgradeRule {
    #[serde(default)]
    pub argv: Vec<String>,
    /// Relative to the site's URL.
    pub url: Option<String>,
    /// Exit statuses of `argv` that mean success.
    #[serde(default = "zero")]
    pub success: Vec<i32>,
    /// Text that a successful upgrade prints.
    pub expect: Option<String>,
    /// Files of the site that it may change.
    #[serde(default)]
    pub changes: Patterns,
    pub limit_seconds: u64,
}

/// The exit statuses that mean success where nothing else is said.
pub fn zero() -> Vec<i32> {
    vec![0]
}

/// What files of a release mean, where no manifest says it.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReleaseRule {
    #[serde(default)]
    pub schema: Patterns,
    #[serde(default)]
    pub tables: Patterns,
    #[serde(default)]
    pub run_once: Patterns,
    #[serde(default)]
    pub extensions: Patterns,
    /// A file of the release that lists obsolete paths.
    pub deleted_list: Option<SitePath>,
    /// Files of the tree that list digests of the others.
    #[serde(default)]
    pub hash_lists: Vec<HashListRule>,
}

/// A list of digests that the application ships.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HashListRule {
    pub file: SitePath,
    pub format: Format,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Requirements {
    /// PHP extensions.
    #[serde(default)]
    pub extensions: Vec<String>,
    /// Where a release says its least PHP version itself; goes before `php`.
    pub php_in: Option<VersionRule>,
    /// Least PHP version from an application version on, ascending.
    #[serde(default)]
    pub php: Vec<PhpRule>,
    /// Least database versions from an application version on, ascending.
    #[serde(default)]
    pub database: Vec<ServerRule>,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PhpRule {
    pub from: String,
    pub min: String,
}

/// Least versions of the servers that the application can use.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServerRule {
    pub from: String,
    pub mysql: Option<String>,
    pub mariadb: Option<String>,
}

#[derive(Debug, thiserror::Error)]
pub enum ProfileError {
    #[error("there is no profile \"{name}\"")]
    Unknown { name: String },
    #[error("the profile {origin} cannot be understood")]
    Damaged {
        origin: String,
        #[source]
        source: Box<toml::de::Error>,
    },
    #[error("the profile {origin} is of format {found}; this entracte knows {FORMAT}")]
    Format { origin: String, found: u32 },
    #[error(transparent)]
    Io(#[from] IoError),
}

impl Fault for ProfileError {
    fn exit(&self) -> Exit {
        match self {
            ProfileError::Io(error) => error.exit(),
            _ => Exit::Refused,
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            ProfileError::Unknown { .. } => vec![format!("profiles are: {}", NAMES.join(", "))],
            _ => Vec::new(),
        }
    }
}

impl Profile {
    /// The embedded profile of this name.
    pub fn named(name: &str) -> Result<Profile, ProfileError> {
        match EMBEDDED.iter().find(|(known, _)| *known == name) {
            Some((_, text)) => Profile::parse(text, name),
            None => Err(ProfileError::Unknown { name: crate::base::escape::text(name).into_owned() }),
        }
    }

    /// The profile that a site keeps in place of an embedded one.
    pub fn load(path: &Path) -> Result<Profile, ProfileError> {
        Profile::parse(&fs::read_text(path, 1 << 20)?, &fs::shown(path))
    }

    fn parse(text: &str, origin: &str) -> Result<Profile, ProfileError> {
        let profile: Profile = toml::from_str(text).map_err(|source| ProfileError::Damaged {
            origin: origin.to_owned(),
            source: Box::new(source),
        })?;
        match profile.format == FORMAT {
            true => Ok(profile),
            false => Err(ProfileError::Format { origin: origin.to_owned(), found: profile.format }),
        }
    }

    /// The version that a tree says it is; `read` gives the content of its files.
    pub fn version_in(&self, read: &dyn Fn(&SitePath) -> Option<Vec<u8>>) -> Option<String> {
        self.version.as_ref()?.in_tree(read)
    }

    /// The least PHP version that a version is known to need.
    pub fn least_php(&self, version: &str) -> Option<&str> {
        let rule = self.requirements.php.iter().rfind(|rule| version::compare(version, &rule.from).is_ge());
        rule.map(|rule| rule.min.as_str())
    }

    /// The least PHP version that a tree says it needs.
    pub fn php_in(&self, read: &dyn Fn(&SitePath) -> Option<Vec<u8>>) -> Option<String> {
        self.requirements.php_in.as_ref()?.in_tree(read)
    }

    /// What the programs of the application's lock change.
    pub fn lock_changes(&self) -> Patterns {
        self.lock.as_ref().map(|lock| lock.changes.clone()).unwrap_or_default()
    }

    /// The roles of files in a release without a manifest.
    pub fn conventions(&self) -> Conventions {
        let rule = &self.release;
        Conventions {
            schema: rule.schema.clone(),
            tables: rule.tables.clone(),
            run_once: rule.run_once.clone(),
            extensions: rule.extensions.clone(),
        }
    }

    /// The predicate of rows that change by themselves in `table`.
    pub fn volatile_rows(&self, table: &str, prefix: &str) -> Option<&str> {
        let bare = table.strip_prefix(prefix).unwrap_or(table);
        self.volatile_rows.get(bare).map(String::as_str)
    }
}

impl VersionRule {
    /// The version that stands between the marks; `read` gives the content of files.
    fn in_tree(&self, read: &dyn Fn(&SitePath) -> Option<Vec<u8>>) -> Option<String> {
        let said = read(&self.file).and_then(|content| self.in_text(&String::from_utf8_lossy(&content)));
        said.or_else(|| self.otherwise.iter().find_map(|rule| rule.in_tree(read)))
    }

    /// What stands between the marks, on one line.
    pub fn said_in<'a>(&self, text: &'a str) -> Option<&'a str> {
        behind(text, &self.after)?
            .split(|c| self.until.contains(c) || c == '\n' || c == '\r')
            .next()
            .map(str::trim)
    }

    fn in_text(&self, text: &str) -> Option<String> {
        let found = self.said_in(text)?;
        let visible = |c: char| c.is_ascii_graphic() && c != '/' && c != '\\';
        (!found.is_empty() && found.len() <= 64 && found.chars().all(visible)).then(|| found.to_owned())
    }
}

/// What follows the first place where the words of `mark` stand one after the other.
fn behind<'a>(text: &'a str, mark: &str) -> Option<&'a str> {
    let mut words = mark.split_whitespace();
    let Some(first) = words.next() else { return Some(text) };
    let follow =
        |text: &'a str| words.clone().try_fold(text, |rest, word| rest.trim_start().strip_prefix(word));
    text.match_indices(first).find_map(|(at, _)| follow(&text[at + first.len()..]))
}

/// The profile whose application stands in a folder; `exists` says which files do.
pub fn detect(exists: &dyn Fn(&SitePath) -> bool) -> Result<Profile, ProfileError> {
    for (name, _) in EMBEDDED {
        let profile = Profile::named(name)?;
        if profile.detect.iter().all(exists) {
            return Ok(profile);
        }
    }
    Profile::named("generic")
}
