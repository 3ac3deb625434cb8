//! Where an old server stands.

use std::fmt;

use url::Url;

use crate::base::escape;
use crate::base::path::SitePath;
use crate::release::network::Mirrors;
use crate::release::network::address::Address;
use crate::release::network::address::AddressError;
use crate::release::network::address::shown;

const PREFIX: &str = "yacs+";
/// The script that hands out the files of the reference.
const SCRIPT: &str = "scripts/fetch.php";
const PARAMETER: &str = "script";
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

    /// Of the list of all its files.
    pub fn list(&self) -> Address {
        let mut url = self.script();
        url.query_pairs_mut().append_pair(PARAMETER, LIST);
        Address::of_document(url)
    }

    /// Where its files are asked for by their names.
    pub fn files(&self) -> Mirrors {
        Mirrors::script(&self.script(), PARAMETER)
    }

    fn script(&self) -> Url {
        let mut url = self.0.clone();
        url.set_path(&format!("{}{SCRIPT}", url.path()));
        url
    }

    /// Whether a file can be asked for: the server takes some names for several.
    pub fn can_hand_out(path: &SitePath) -> bool {
        !path.as_str().contains([',', '<'])
    }

    /// Whether whoever is on the way can change what it sends.
    pub fn is_open(&self) -> bool {
        self.0.scheme() == "http"
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
            assert_eq!(Server::parse(text).unwrap().list().url().as_str(), url);
        }
        let server = Server::parse("yacs+https://me:hunter2@example.org/").unwrap();
        assert_eq!(server.to_string(), "yacs+https://example.org/");
        assert!(Server::can_hand_out(&SitePath::parse("a b/c&d.php").unwrap()));
        assert!(!Server::can_hand_out(&SitePath::parse("a,b.php").unwrap()));
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
