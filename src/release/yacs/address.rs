//! Where an old server stands.

use std::fmt;

use url::Url;

use crate::base::digest::Sha256;
use crate::base::escape;
use crate::base::path::SitePath;
use crate::release::network::address::AddressError;
use crate::release::network::address::shown;

const PREFIX: &str = "yacs+";
/// The script that hands out the files of the reference.
const SCRIPT: &str = "scripts/fetch.php";
/// What it calls the list of all of them.
pub const LIST: &str = "footprints.php";

/// A server that runs YACS: the address below which its scripts stand. Shown
/// without what may be secret in it.
#[derive(Clone, PartialEq, Eq)]
pub struct Server(Url);

impl Server {
    /// Whether an old server is meant rather than anything else.
    pub fn is_meant(text: &str) -> bool {
        text.get(..PREFIX.len()).is_some_and(|start| start.eq_ignore_ascii_case(PREFIX))
    }

    /// `yacs+https://HOST/FOLDER/`
    pub fn parse(text: &str) -> Result<Server, AddressError> {
        let mut url = Url::parse(text.get(PREFIX.len()..).unwrap_or_default())?;
        if !["http", "https"].contains(&url.scheme()) {
            return Err(AddressError::Scheme { scheme: format!("yacs+{}", escape::text(url.scheme())) });
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(AddressError::NotAFolder { url: shown(&url) });
        }
        if !url.path().ends_with('/') {
            let path = format!("{}/", url.path());
            url.set_path(&path);
        }
        Ok(Server(url))
    }

    pub fn list(&self) -> Option<Url> {
        self.script(LIST)
    }

    pub fn file(&self, path: &SitePath) -> Option<Url> {
        self.script(path.as_str())
    }

    /// `None` for a name that the server would take for several.
    fn script(&self, name: &str) -> Option<Url> {
        if name.contains([',', '<']) {
            return None;
        }
        let mut url = self.0.join(SCRIPT).ok()?;
        url.query_pairs_mut().append_pair("script", name);
        Some(url)
    }

    /// The name under which its list rests here.
    pub fn key(&self) -> String {
        Sha256::of(self.0.as_str().as_bytes()).to_string()
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "yacs+{}", shown(&self.0))
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scripts_are_asked_for_below_the_address() {
        for (text, url) in [
            ("yacs+https://example.org", "https://example.org/scripts/fetch.php?script=footprints.php"),
            ("YACS+https://example.org/a", "https://example.org/a/scripts/fetch.php?script=footprints.php"),
            ("yacs+http://x:81/a/", "http://x:81/a/scripts/fetch.php?script=footprints.php"),
        ] {
            assert!(Server::is_meant(text));
            assert_eq!(Server::parse(text).unwrap().list().unwrap().as_str(), url);
        }
        let server = Server::parse("yacs+https://me:hunter2@example.org/").unwrap();
        assert_eq!(server.to_string(), "yacs+https://example.org/");
        let file = server.file(&SitePath::parse("a b/c&d.php").unwrap()).unwrap();
        assert_eq!(file.query(), Some("script=a+b%2Fc%26d.php"));
        assert!(server.file(&SitePath::parse("a,b.php").unwrap()).is_none());
    }

    #[test]
    fn other_addresses_are_refused() {
        for text in [
            "yacs+ftp://x/",
            "yacs+file:///x",
            "yacs+x",
            "yacs+https://x/?a=hunter2",
            "yacs+https://x/#hunter2",
        ] {
            let error = Server::parse(text).unwrap_err().to_string();
            assert!(!error.contains("hunter2"), "{error}");
        }
        assert!(!Server::is_meant("https://x/") && !Server::is_meant("yac\u{e9}+"));
    }
}
