//! Where a site's database is: as settings say, else as the application's own
//! configuration says, read as text.

use std::path::Path;
use std::path::PathBuf;

use crate::base::exit::Exit;
use crate::base::exit::Fault;
use crate::base::secret::Secret;
use crate::database::address::Address;
use crate::database::address::AddressError;
use crate::database::address::MySqlAddress;
use crate::site::php;
use crate::site::profile::DatabaseRule;
use crate::site::settings;
use crate::site::settings::SettingsError;
use crate::sys::fs;
use crate::sys::fs::IoError;

/// Largest configuration file that is read, in bytes.
const MAX_BYTES: u64 = 4 << 20;

/// All databases of a site.
#[derive(Clone, Debug, Default)]
pub struct Databases {
    /// The application's own: what a release declares and its SQL files are for this one.
    pub main: Option<Found>,
    /// Those that are only saved, and brought back with it.
    pub others: Vec<Found>,
}

/// A site's database and the beginning of its tables' names.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    pub address: Address,
    pub prefix: String,
}

#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("{path} does not state {what} literally")]
    NotLiteral { path: String, what: String },
    #[error("{path} names a database of kind \"{engine}\", which entracte does not know")]
    Engine { path: String, engine: String },
    #[error("the password file {path} can be read by others")]
    Exposed { path: String, mode: u32 },
    #[error("the database address cannot be used")]
    Address(#[from] AddressError),
    #[error(transparent)]
    Settings(#[from] SettingsError),
    #[error(transparent)]
    Io(#[from] IoError),
}

impl Fault for ConfigError {
    fn exit(&self) -> Exit {
        Exit::Refused
    }

    fn hints(&self) -> Vec<String> {
        match self {
            ConfigError::NotLiteral { .. } | ConfigError::Engine { .. } => {
                vec!["set `url` and `password_file` under [database] in entracte.toml".into()]
            }
            ConfigError::Exposed { path, .. } => vec![format!("chmod 600 {path}")],
            ConfigError::Settings(error) => error.hints(),
            ConfigError::Io(error) => error.hints(),
            ConfigError::Address(_) => Vec::new(),
        }
    }
}

/// The database of the site at `root`; `None` when it has none.
pub fn database(
    root: &Path,
    settings: &settings::Database,
    rule: Option<&DatabaseRule>,
) -> Result<Option<Found>, ConfigError> {
    if settings.none {
        return Ok(None);
    }
    if let Some(url) = &settings.url {
        let password = settings.password_file.as_deref().map(password).transpose()?;
        let address = Address::parse(url, password, root)?;
        return Ok(Some(Found { address, prefix: settings.prefix.clone().unwrap_or_default() }));
    }
    let Some(rule) = rule else { return Ok(None) };
    let Some(path) = rule.files.iter().map(|file| join(root, file)).find(|path| fs::is_file(path)) else {
        return Ok(None);
    };
    let found = from_application(root, &path, rule)?;
    Ok(found.map(|found| Found { prefix: settings.prefix.clone().unwrap_or(found.prefix), ..found }))
}

/// The site's other databases, in the order of the settings.
pub fn others(root: &Path, settings: &settings::Database) -> Result<Vec<Found>, ConfigError> {
    let one = |other: &settings::OtherDatabase| {
        let password = other.password_file.as_deref().map(password).transpose()?;
        let address = Address::parse(&other.url, password, root)?;
        Ok(Found { address, prefix: other.prefix.clone() })
    };
    settings.also.iter().map(one).collect()
}

/// A profile's file is in the site or in the folder above it.
fn join(root: &Path, file: &str) -> PathBuf {
    match file.strip_prefix("../") {
        Some(name) => root.parent().unwrap_or(root).join(name),
        None => root.join(file),
    }
}

/// The one secret that a file (0600) holds.
pub fn password(path: &Path) -> Result<Secret, ConfigError> {
    settings::check_private(path)?;
    let mode = fs::mode(path)?;
    if mode & 0o044 != 0 {
        return Err(ConfigError::Exposed { path: fs::shown(path), mode });
    }
    Ok(Secret::new(fs::read_text(path, 4096)?.trim_end_matches(['\n', '\r'])))
}

fn from_application(root: &Path, path: &Path, rule: &DatabaseRule) -> Result<Option<Found>, ConfigError> {
    let stated = php::settings(&fs::read_text(path, MAX_BYTES)?);
    let literal = |name: &Option<String>| -> Result<Option<String>, ConfigError> {
        let Some(name) = name else { return Ok(None) };
        match stated.get(name) {
            Some(None) => Err(ConfigError::NotLiteral { path: fs::shown(path), what: name.clone() }),
            Some(Some(value)) => Ok(Some(value.clone())),
            None => Ok(None),
        }
    };
    let prefix = literal(&rule.prefix)?.unwrap_or_default();
    if let Some(url) = literal(&rule.url)? {
        return Ok(Some(Found { address: Address::parse(&url, None, root)?, prefix }));
    }
    if let Some(engine) = literal(&rule.engine)?
        && !matches!(engine.as_str(), "mysql" | "mysqli" | "mariadb")
    {
        return Err(ConfigError::Engine { path: fs::shown(path), engine });
    }
    let Some(name) = literal(&rule.name)? else { return Ok(None) };
    let host = literal(&rule.host)?.unwrap_or_else(|| "localhost".into());
    let user = literal(&rule.user)?.unwrap_or_default();
    let password = Secret::new(literal(&rule.password)?.unwrap_or_default());
    let address = Address::MySql(MySqlAddress::from_parts(&host, &user, password, &name));
    Ok(Some(Found { address, prefix }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::site::profile::Profile;

    fn found(profile: &str, file: &str, text: &str) -> Result<Option<Found>, ConfigError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("site").join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
        let rule = Profile::named(profile).unwrap().database;
        database(&folder.path().join("site"), &settings::Database::default(), rule.as_ref())
    }

    #[test]
    fn applications_say_where_their_database_is() {
        for (profile, file, text, shown, prefix) in [
            (
                "wordpress",
                "wp-config.php",
                "<?php define('DB_NAME','blog');define('DB_USER','u');define('DB_PASSWORD','p@/:');\
                 define('DB_HOST','127.0.0.1:3307');$table_prefix='wp_';",
                "mysql://u@127.0.0.1:3307/blog",
                "wp_",
            ),
            (
                "roundcube",
                "config/config.inc.php",
                "<?php $config['db_dsnw'] = 'mysql://rc:secret@localhost/mail';",
                "mysql://rc@localhost/mail",
                "",
            ),
            (
                "nextcloud",
                "config/config.php",
                "<?php $CONFIG = array('dbtype'=>'mysql','dbname'=>'nc','dbhost'=>'db','dbuser'=>'u','dbpassword'=>'p','dbtableprefix'=>'oc_');",
                "mysql://u@db/nc",
                "oc_",
            ),
        ] {
            let found = found(profile, file, text).unwrap().unwrap();
            assert!(
                found.address.to_string().starts_with(shown.trim_end_matches("/blog")),
                "{}",
                found.address
            );
            assert_eq!(found.prefix, prefix, "{profile}");
            assert!(!format!("{found:?} {}", found.address).contains("secret"));
        }
    }

    #[test]
    fn what_is_computed_is_said_to_be_and_not_guessed() {
        let error =
            found("wordpress", "wp-config.php", "<?php define('DB_NAME', getenv('DB'));").unwrap_err();
        assert!(error.to_string().ends_with("does not state DB_NAME literally"), "{error}");
    }

    #[test]
    fn no_configuration_is_no_database() {
        assert!(found("wordpress", "index.php", "").unwrap().is_none());
    }
}
