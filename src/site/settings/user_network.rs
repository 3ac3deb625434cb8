//! How the network is used where no site's settings say it: by a file of the
//! user's, and by what was typed.

use std::path::Path;
use std::path::PathBuf;

use serde::Deserialize;
use serde::Serialize;
use toml::Table;
use toml::Value;

use crate::site::misunderstood::Misunderstood;
use crate::site::settings::NetworkSettings;
use crate::site::settings::SettingsError;
use crate::site::settings::check_private;
use crate::site::settings::network::MirrorUrl;
use crate::site::settings::network::ProxyUrl;
use crate::sys::fs;
use crate::sys::user;

const MOST_BYTES: u64 = 1 << 20;
/// Settings that name a file.
const FILES: [&str; 2] = ["ca_file", "proxy_password_file"];

/// What was typed, in place of what any settings say.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct NetworkOptions {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proxy: Option<ProxyUrl>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proxy_password_file: Option<PathBuf>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub mirrors: Vec<MirrorUrl>,
}

impl NetworkOptions {
    pub fn is_empty(&self) -> bool {
        *self == NetworkOptions::default()
    }

    /// These settings, but for what was typed.
    pub fn over(&self, settings: NetworkSettings) -> NetworkSettings {
        let typed = self.clone();
        NetworkSettings {
            ca_file: typed.ca_file.or(settings.ca_file),
            proxy_password_file: match typed.proxy {
                // A password is for the proxy that it was named with.
                Some(_) => typed.proxy_password_file,
                None => typed.proxy_password_file.or(settings.proxy_password_file),
            },
            proxy: typed.proxy.or(settings.proxy),
            mirrors: if typed.mirrors.is_empty() { settings.mirrors } else { typed.mirrors },
            ..settings
        }
    }

    /// The same, and what is not typed now is as it was typed before.
    pub fn over_older(self, older: &NetworkOptions) -> NetworkOptions {
        let older = older.clone();
        let (proxy, proxy_password_file) = match self.proxy {
            Some(proxy) => (Some(proxy), self.proxy_password_file),
            None => (older.proxy, older.proxy_password_file),
        };
        NetworkOptions {
            ca_file: self.ca_file.or(older.ca_file),
            proxy,
            proxy_password_file,
            mirrors: if self.mirrors.is_empty() { older.mirrors } else { self.mirrors },
        }
    }
}

/// `~/.config/entracte/network.toml`: the settings that stand under `[network]`
/// in a site's, for whatever no site's settings speak for.
#[derive(Clone, Debug, Default)]
pub struct UserNetwork {
    table: Table,
    pub settings: NetworkSettings,
}

impl UserNetwork {
    /// Nothing is said where there is no such file.
    pub fn load() -> Result<UserNetwork, SettingsError> {
        let path = user::configuration().map(|folder| folder.join("entracte/network.toml"));
        let Some(path) = path.filter(|path| fs::exists(path)) else { return Ok(UserNetwork::default()) };
        check_private(&path)?;
        UserNetwork::parse(&path, &fs::read_text(&path, MOST_BYTES)?)
    }

    /// Reads the text of the file at `path`; what it names stands beside it, or is absolute.
    pub fn parse(path: &Path, text: &str) -> Result<UserNetwork, SettingsError> {
        let damaged = |error: toml::de::Error| {
            let source = Misunderstood::of(&error, text);
            SettingsError::Damaged { path: fs::shown(path), source }
        };
        toml::from_str::<NetworkSettings>(text).map_err(damaged)?;
        let mut table: Table = toml::from_str(text).map_err(damaged)?;
        if table.contains_key("mirrors") {
            return Err(SettingsError::Mirrors { path: fs::shown(path) });
        }
        let folder = path.parent().unwrap_or(path);
        for name in FILES {
            if let Some(Value::String(named)) = table.get_mut(name) {
                *named = folder.join(&*named).to_string_lossy().into_owned();
            }
        }
        let settings = table.clone().try_into().map_err(damaged)?;
        Ok(UserNetwork { table, settings })
    }

    /// What stands under `[network]` of a site that uses it in the same way.
    pub fn lines(&self, options: &NetworkOptions) -> String {
        let mut table = self.table.clone();
        if options.proxy.is_some() {
            table.remove("proxy_password_file");
        }
        // Paths and addresses are texts, which any table can hold.
        table.extend(Table::try_from(options).unwrap_or_default());
        table.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<UserNetwork, SettingsError> {
        UserNetwork::parse(Path::new("/home/ann/.config/entracte/network.toml"), text)
    }

    fn options(ca: Option<&str>, proxy: Option<&str>, mirrors: &[&str]) -> NetworkOptions {
        NetworkOptions {
            ca_file: ca.map(PathBuf::from),
            proxy: proxy.map(|url| url.to_owned().try_into().unwrap()),
            proxy_password_file: None,
            mirrors: mirrors.iter().map(|url| (*url).to_owned().try_into().unwrap()).collect(),
        }
    }

    #[test]
    fn what_is_typed_stands_before_what_is_set() {
        let set =
            "ca_file = \"ca.pem\"\ntries = 2\nproxy = \"http://me@p:1\"\nproxy_password_file = \"/p\"\n";
        let user = read(set).unwrap();
        let nothing = NetworkOptions::default();
        let used = nothing.over(user.settings.clone());
        assert_eq!(used.ca_file.as_deref(), Some(Path::new("/home/ann/.config/entracte/ca.pem")));
        assert_eq!((used.tries, used.proxy_password_file), (2, Some("/p".into())));
        let typed = options(Some("/other.pem"), Some("http://q:2/"), &["https://m/r/"]);
        let used = typed.over(user.settings.clone());
        assert_eq!((used.ca_file, used.tries), (Some("/other.pem".into()), 2));
        assert_eq!(used.proxy.unwrap().get().as_str(), "http://q:2/");
        assert_eq!(used.proxy_password_file, None, "the password of another proxy");
        // What a site is told means the same.
        for typed in [nothing, typed] {
            let site: NetworkSettings = toml::from_str(&user.lines(&typed)).unwrap();
            assert_eq!(format!("{site:?}"), format!("{:?}", typed.over(user.settings.clone())));
        }
        assert_eq!(UserNetwork::default().lines(&NetworkOptions::default()), "");
    }

    #[test]
    fn what_was_typed_before_stays_until_it_is_typed_anew() {
        let older = options(Some("/a"), Some("http://p:1/"), &["https://m/r/"]);
        assert_eq!(NetworkOptions::default().over_older(&older), older);
        let newer = options(Some("/b"), None, &[]).over_older(&older);
        assert_eq!(newer, options(Some("/b"), Some("http://p:1/"), &["https://m/r/"]));
    }

    #[test]
    fn what_no_user_can_say_for_all_references_is_refused() {
        for (text, said) in [
            ("mirrors = [\"https://m/r/\"]", "copies of one reference"),
            ("proxy = \"http://me:hunter2@p/\"", "cannot be understood"),
            ("[network]\ntries = 1", "cannot be understood"),
        ] {
            let error = read(text).unwrap_err();
            let all = format!("{error} {:?}", std::error::Error::source(&error).map(ToString::to_string));
            assert!(all.contains(said) && !all.contains("hunter2"), "{text}: {all}");
        }
    }
}
