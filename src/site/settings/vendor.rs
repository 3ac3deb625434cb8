//! What is taken of the vendor's own releases, and by which way.

use std::path::PathBuf;

use serde::Deserialize;
use url::Url;

use crate::site::settings::policy::Channel;

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct VendorSettings {
    /// Default: the policy's.
    pub channel: Option<Channel>,
    /// Stands before every address of the vendor.
    pub mirror: Option<Mirror>,
    /// Versions that do not begin so are not taken.
    pub pin: Option<Pin>,
    /// The language of packages, where a vendor has several.
    pub locale: Word,
    /// Keys whose OpenPGP signatures are believed, as `gpgv` reads them.
    pub keyring: Option<PathBuf>,
}

impl Default for VendorSettings {
    fn default() -> VendorSettings {
        let locale = Word("en_US".into());
        VendorSettings { channel: None, mirror: None, pin: None, locale, keyring: None }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum NotVendor {
    #[error("the mirror is no http or https address of a folder")]
    Mirror,
    #[error("a mirror with a user or a password has no place in the settings")]
    Secret,
    #[error("this is not how a version begins; write it as `6.` or `6.8`")]
    Pin,
    #[error("this is no name of a language; write it as `en_US`")]
    Word,
}

/// A place that holds a copy of what vendors serve: `PREFIX/HOST/PATH`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Mirror(Url);

impl Mirror {
    /// Where this address is found there; `None` where it is none of the network.
    pub fn of(&self, url: &Url) -> Option<Url> {
        let host = url.host_str()?;
        let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
        let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
        let prefix = self.0.as_str().trim_end_matches('/');
        Url::parse(&format!("{prefix}/{host}{port}{}{query}", url.path())).ok()
    }

    pub fn url(&self) -> &Url {
        &self.0
    }
}

impl TryFrom<String> for Mirror {
    type Error = NotVendor;

    fn try_from(text: String) -> Result<Mirror, NotVendor> {
        let url = Url::parse(&text).map_err(|_| NotVendor::Mirror)?;
        let is_plain = url.query().is_none() && url.fragment().is_none();
        if !["http", "https"].contains(&url.scheme()) || !url.has_host() || !is_plain {
            return Err(NotVendor::Mirror);
        }
        match url.username().is_empty() && url.password().is_none() {
            true => Ok(Mirror(url)),
            false => Err(NotVendor::Secret),
        }
    }
}

/// The beginning of a version that is not left.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Pin(String);

impl Pin {
    /// Whether the version begins so: `6.8` holds 6.8.3, not 6.80.
    pub fn holds(&self, version: &str) -> bool {
        let rest = version.strip_prefix(self.0.trim_end_matches('.'));
        rest.is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_digit()))
    }

    pub fn text(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Pin {
    type Error = NotVendor;

    fn try_from(text: String) -> Result<Pin, NotVendor> {
        let is_version = text.starts_with(|c: char| c.is_ascii_digit())
            && text.len() <= 64
            && text.chars().all(|c| c.is_ascii_alphanumeric() || ".-_+~".contains(c));
        is_version.then_some(Pin(text)).ok_or(NotVendor::Pin)
    }
}

/// Letters, digits, `_` and `-`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Word(String);

impl Word {
    pub fn text(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Word {
    type Error = NotVendor;

    fn try_from(text: String) -> Result<Word, NotVendor> {
        let is_word = (1..=32).contains(&text.len())
            && text.chars().all(|c| c.is_ascii_alphanumeric() || "_-".contains(c));
        is_word.then_some(Word(text)).ok_or(NotVendor::Word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<VendorSettings, String> {
        toml::from_str(text).map_err(|error| error.message().to_owned())
    }

    #[test]
    fn a_pin_holds_what_begins_with_it() {
        for (pin, held, left) in [
            ("6.", vec!["6", "6.8", "6.8.7", "6.9-rc1"], vec!["60.1", "7.0", "5.6"]),
            ("6.8", vec!["6.8", "6.8.7", "6.8rc1"], vec!["6.80", "6.9"]),
            ("2025-05-14", vec!["2025-05-14", "2025-05-14b"], vec!["2025-05-141", "2024-02-06"]),
        ] {
            let pin = Pin::try_from(pin.to_owned()).unwrap();
            for version in held {
                assert!(pin.holds(version), "{pin:?} {version}");
            }
            for version in left {
                assert!(!pin.holds(version), "{pin:?} {version}");
            }
        }
    }

    #[test]
    fn a_mirror_stands_before_every_address() {
        for (mirror, url, found) in [
            ("https://m/x/", "https://a.org/b/?c=d&e", "https://m/x/a.org/b/?c=d&e"),
            (
                "http://127.0.0.1:8/v",
                "https://a.org:444/b%20c.zip",
                "http://127.0.0.1:8/v/a.org:444/b%20c.zip",
            ),
        ] {
            let mirror = Mirror::try_from(mirror.to_owned()).unwrap();
            assert_eq!(mirror.of(&Url::parse(url).unwrap()).unwrap().as_str(), found);
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for (text, said) in [
            ("mirror = 'file:///srv/x'", "no http or https"),
            ("mirror = 'https://m/?x='", "no http or https"),
            ("mirror = 'https://me:hunter2@m/'", "no place in the settings"),
            ("pin = ''", "how a version begins"),
            ("pin = '*'", "how a version begins"),
            ("locale = '../x'", "name of a language"),
            ("channel = 'nightly'", "unknown variant"),
            ("mirrors = []", "unknown field"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(said) && !error.contains("hunter2"), "{text}: {error}");
        }
    }
}
