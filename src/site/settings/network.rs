//! How a release is fetched, and how long a bad network is borne with.

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;
use serde::Serialize;
use url::Url;

/// More than anybody waits for, and little enough for every clock.
const MOST_SECONDS: f64 = 1e9;

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NetworkSettings {
    /// Addresses without TLS are taken from other machines, too.
    pub insecure_http: bool,
    /// Default: as the environment says.
    pub proxy: Option<ProxyUrl>,
    /// The file (0600) that holds the password of the proxy's user.
    pub proxy_password_file: Option<PathBuf>,
    /// Certificates (PEM) that are believed besides the system's.
    pub ca_file: Option<PathBuf>,
    /// Attempts in a row that may bring nothing.
    pub tries: u32,
    pub backoff_seconds: Seconds,
    pub connect_seconds: Seconds,
    /// So long no byte may come.
    pub stall_seconds: Seconds,
    /// The time for all of it, attempts and pauses included.
    pub total_seconds: Seconds,
    pub least_bytes_per_second: u64,
    /// The time over which the rate is judged.
    pub rate_seconds: Seconds,
    /// Copies of the reference, asked in turn when it fails.
    pub mirrors: Vec<MirrorUrl>,
}

impl Default for NetworkSettings {
    fn default() -> NetworkSettings {
        NetworkSettings {
            insecure_http: false,
            proxy: None,
            proxy_password_file: None,
            ca_file: None,
            tries: 6,
            backoff_seconds: Seconds::whole(1),
            connect_seconds: Seconds::whole(10),
            stall_seconds: Seconds::whole(30),
            total_seconds: Seconds::whole(3600),
            least_bytes_per_second: 1024,
            rate_seconds: Seconds::whole(60),
            mirrors: Vec::new(),
        }
    }
}

/// A time that no clock is lost with.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(try_from = "f64")]
pub struct Seconds(Duration);

#[derive(Debug, thiserror::Error)]
#[error("{0} is no number of seconds between 0 and {MOST_SECONDS}")]
pub struct NotSeconds(f64);

impl Seconds {
    pub const fn whole(seconds: u64) -> Seconds {
        Seconds(Duration::from_secs(seconds))
    }

    pub fn get(self) -> Duration {
        self.0
    }
}

impl TryFrom<f64> for Seconds {
    type Error = NotSeconds;

    fn try_from(seconds: f64) -> Result<Seconds, NotSeconds> {
        match (0.0..=MOST_SECONDS).contains(&seconds) {
            true => Ok(Seconds(Duration::from_secs_f64(seconds))),
            false => Err(NotSeconds(seconds)),
        }
    }
}

/// The address of a proxy, perhaps with a user; a password has no place in the settings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct ProxyUrl(Url);

#[derive(Debug, thiserror::Error)]
pub enum NotProxy {
    #[error("the proxy is no http or https URL")]
    Scheme,
    #[error("a proxy's password stands in a file of its own: `proxy_password_file`, --proxy-password-file")]
    Password,
}

impl ProxyUrl {
    /// With the user, if one is named.
    pub fn get(&self) -> &Url {
        &self.0
    }
}

impl TryFrom<String> for ProxyUrl {
    type Error = NotProxy;

    fn try_from(text: String) -> Result<ProxyUrl, NotProxy> {
        let url = Url::parse(&text).map_err(|_| NotProxy::Scheme)?;
        if !["http", "https"].contains(&url.scheme()) || !url.has_host() {
            return Err(NotProxy::Scheme);
        }
        match url.password() {
            None => Ok(ProxyUrl(url)),
            Some(_) => Err(NotProxy::Password),
        }
    }
}

/// The address of a copy of a reference, a folder; a password has no place in the settings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct MirrorUrl(Url);

#[derive(Debug, thiserror::Error)]
pub enum NotMirror {
    #[error("the mirror is no http or https URL")]
    Scheme,
    #[error("a mirror that wants a password has no place in the settings")]
    Password,
}

impl MirrorUrl {
    pub fn get(&self) -> &Url {
        &self.0
    }
}

impl TryFrom<String> for MirrorUrl {
    type Error = NotMirror;

    fn try_from(text: String) -> Result<MirrorUrl, NotMirror> {
        let url = Url::parse(&text).map_err(|_| NotMirror::Scheme)?;
        if !["http", "https"].contains(&url.scheme()) || !url.has_host() {
            return Err(NotMirror::Scheme);
        }
        match url.username().is_empty() && url.password().is_none() {
            true => Ok(MirrorUrl(url)),
            false => Err(NotMirror::Password),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<NetworkSettings, String> {
        toml::from_str(text).map_err(|error| error.message().to_owned())
    }

    #[test]
    fn what_is_not_said_is_as_usual() {
        let settings = read("stall_seconds = 0.5\ntries = 2").unwrap();
        assert_eq!(settings.stall_seconds.get(), Duration::from_millis(500));
        assert_eq!((settings.tries, settings.total_seconds), (2, Seconds::whole(3600)));
        assert!(!settings.insecure_http);
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for (text, said) in [
            ("stall_seconds = -1.0", "no number of seconds"),
            ("stall_seconds = nan", "no number of seconds"),
            ("total_seconds = inf", "no number of seconds"),
            ("proxy = \"socks5://127.0.0.1\"", "no http or https URL"),
            ("proxy = \"http://me:hunter2@127.0.0.1\"", "proxy_password_file"),
            ("mirrors = [\"ftp://x/\"]", "no http or https URL"),
            ("mirrors = [\"https://me:hunter2@x/\"]", "no place in the settings"),
            ("insecure = true", "unknown field"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(said) && !error.contains("hunter2"), "{text}: {error}");
        }
    }
}
