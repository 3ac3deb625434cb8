//! The address of an archive, as it was typed.

use std::fmt;
use std::path::PathBuf;

use url::Host;
use url::Url;

use crate::base::digest::Sha256;
use crate::base::escape;

/// An http, https or file URL, and the digest that was typed behind it. Shown
/// without what may be secret in it: user, password, query, fragment.
#[derive(Clone, PartialEq, Eq)]
pub struct Address {
    url: Url,
    digest: Option<Sha256>,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    #[error("the address cannot be understood: {0}")]
    Url(#[from] url::ParseError),
    #[error("addresses of the kind {scheme}: are not fetched")]
    Scheme { scheme: String },
    #[error("{url} names a folder that is no reference")]
    Folder { url: String },
    #[error("{url} is not the address of a folder: nothing may stand behind a ? or #")]
    NotAFolder { url: String },
    #[error("{url} does not lead to a file of this machine")]
    Host { url: String },
    #[error("behind the # of {url} stands no sha256=DIGEST")]
    Fragment { url: String },
}

impl Address {
    /// Whether this looks like an address rather than a path.
    pub fn is_meant(text: &str) -> bool {
        let Some((scheme, _)) = text.split_once("://") else { return false };
        scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
    }

    pub fn parse(text: &str) -> Result<Address, AddressError> {
        let mut url = Url::parse(text)?;
        if !["http", "https", "file"].contains(&url.scheme()) {
            return Err(AddressError::Scheme { scheme: escape::text(url.scheme()).into_owned() });
        }
        if url.path().ends_with('/') {
            return Err(AddressError::Folder { url: shown(&url) });
        }
        let digest = match url.fragment().filter(|fragment| !fragment.is_empty()) {
            None => None,
            Some(fragment) => {
                let digest = fragment.strip_prefix("sha256=").and_then(|digest| digest.parse().ok());
                Some(digest.ok_or_else(|| AddressError::Fragment { url: shown(&url) })?)
            }
        };
        url.set_fragment(None);
        let address = Address { url, digest };
        match address.url.scheme() == "file" && address.file().is_none() {
            true => Err(AddressError::Host { url: address.to_string() }),
            false => Ok(address),
        }
    }

    /// A small document rather than an archive; its address may end as a folder's does.
    pub fn of_document(mut url: Url) -> Address {
        url.set_fragment(None);
        Address { url, digest: None }
    }

    /// The address of a folder, which names no archive: it ends in a slash.
    pub fn folder(text: &str) -> Result<Option<Url>, AddressError> {
        let url = Url::parse(text)?;
        let is_fetched = ["http", "https", "file"].contains(&url.scheme());
        Ok((is_fetched && url.path().ends_with('/')).then_some(url))
    }

    pub fn url(&self) -> &Url {
        &self.url
    }

    /// What the archive must have.
    pub fn digest(&self) -> Option<Sha256> {
        self.digest
    }

    /// The file of this machine that is meant.
    pub fn file(&self) -> Option<PathBuf> {
        if self.url.scheme() != "file" {
            return None;
        }
        self.url.to_file_path().ok()
    }

    /// The name under which what is fetched rests here.
    pub fn key(&self) -> String {
        Sha256::of(self.url.as_str().as_bytes()).to_string()
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&shown(&self.url))
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The longest address that is shown.
const LONGEST: usize = 300;

/// The URL for people. What stands in a query signs many an address.
pub fn shown(url: &Url) -> String {
    let mut url = url.clone();
    // Both fail only for URLs that cannot have them.
    let _ = url.set_password(None);
    let _ = url.set_username("");
    url.set_fragment(None);
    let has_query = url.query().is_some();
    url.set_query(None);
    let shown = escape::text(url.as_str());
    match shown.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &shown[..end]),
        None => format!("{shown}{}", if has_query { "?…" } else { "" }),
    }
}

/// Host and port for people.
pub fn host(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    let port = url.port_or_known_default().map(|port| format!(":{port}")).unwrap_or_default();
    escape::text(&format!("{host}{port}")).into_owned()
}

/// Whether it never leaves this machine.
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name.trim_end_matches('.').eq_ignore_ascii_case("localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_of_an_address_are_not_shown() {
        let address =
            Address::parse("https://me:hunter2@example.org/a.zip?token=hunter2#sha256=").unwrap_err();
        assert!(!format!("{address} {address:?}").contains("hunter2"));
        let address = Address::parse("https://me:hunter2@example.org/a.zip?token=hunter2").unwrap();
        assert_eq!(
            format!("{address} {address:?}"),
            "https://example.org/a.zip?… https://example.org/a.zip?…"
        );
    }

    #[test]
    fn a_digest_may_stand_behind_the_address() {
        let digest = Sha256::of(b"a");
        let address = Address::parse(&format!("https://example.org/a.zip#sha256={digest}")).unwrap();
        assert_eq!((address.digest(), address.url().as_str()), (Some(digest), "https://example.org/a.zip"));
        assert_eq!(address.key(), Address::parse("https://example.org/a.zip").unwrap().key());
        let file = Address::parse("file:///srv/a%20b.zip").unwrap();
        assert_eq!(file.file(), Some(PathBuf::from("/srv/a b.zip")));
    }

    #[test]
    fn what_is_no_archive_of_the_network_is_refused() {
        for (text, said) in [
            ("ftp://example.org/a.zip", "kind ftp:"),
            ("git+https://example.org/a.zip", "kind git+https:"),
            ("https://", "understood"),
            ("https://example.org", "names a folder"),
            ("https://example.org/releases/", "names a folder"),
            ("file://elsewhere/a.zip", "this machine"),
            ("https://example.org/a.zip#md5=00", "sha256=DIGEST"),
            ("https://example.org/a.zip#sha256=00", "sha256=DIGEST"),
        ] {
            assert!(Address::is_meant(text), "{text}");
            let error = Address::parse(text).unwrap_err().to_string();
            assert!(error.contains(said), "{text}: {error}");
        }
        for path in ["/srv/a.zip", "a.zip", "c:/a.zip", "inbox:x", "://x", "a b://x"] {
            assert!(!Address::is_meant(path), "{path}");
        }
    }

    #[test]
    fn loopback_is_told_from_the_rest() {
        for (text, loopback) in [
            ("http://localhost/", true),
            ("http://LOCALHOST:8080/", true),
            ("http://127.9.9.9/", true),
            ("http://2130706433/", true),
            ("http://[::1]/", true),
            ("http://localhost.example.org/", false),
            ("http://127.0.0.1.example.org/", false),
            ("http://10.0.0.1/", false),
            ("http://[::ffff:10.0.0.1]/", false),
        ] {
            assert_eq!(is_loopback(&Url::parse(text).unwrap()), loopback, "{text}");
        }
    }
}
