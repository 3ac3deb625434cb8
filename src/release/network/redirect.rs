//! Where an answer leads on to, and whether that is followed.

use url::Url;

use crate::release::network::address::is_loopback;
use crate::release::network::address::shown;
use crate::release::network::error::NetworkError;

const MOST: usize = 5;

/// The way from the address that was typed to the one that answers.
#[derive(Debug)]
pub(super) struct Way {
    seen: Vec<Url>,
    insecure_http: bool,
}

impl Way {
    pub fn begin(url: &Url, insecure_http: bool) -> Result<Way, NetworkError> {
        let way = Way { seen: vec![url.clone()], insecure_http };
        match way.is_open(url) {
            true => Ok(way),
            false => Err(NetworkError::Insecure { url: shown(url) }),
        }
    }

    pub fn here(&self) -> &Url {
        // The list begins with one and never gets shorter.
        &self.seen[self.seen.len() - 1]
    }

    /// Goes on to what a `Location` says.
    pub fn follow(&mut self, location: &str) -> Result<(), NetworkError> {
        let from = self.here();
        let elsewhere = |to: String| NetworkError::Elsewhere { from: shown(from), to };
        let Ok(mut to) = from.join(location) else {
            return Err(elsewhere("an address that cannot be understood".into()));
        };
        to.set_fragment(None);
        if !["http", "https"].contains(&to.scheme()) {
            return Err(elsewhere(shown(&to)));
        }
        let is_downgrade = from.scheme() == "https" && to.scheme() == "http";
        if is_downgrade || !self.is_open(&to) {
            return Err(NetworkError::Downgrade { from: shown(from), to: shown(&to) });
        }
        if self.seen.contains(&to) {
            return Err(NetworkError::Loop { url: shown(&self.seen[0]) });
        }
        if self.seen.len() > MOST {
            return Err(NetworkError::Redirects { url: shown(&self.seen[0]), most: MOST });
        }
        self.seen.push(to);
        Ok(())
    }

    /// Whether nobody on the way can have changed what comes.
    pub fn is_safe(&self) -> bool {
        self.seen.iter().all(is_protected)
    }

    fn is_open(&self, url: &Url) -> bool {
        self.insecure_http || is_protected(url)
    }
}

fn is_protected(url: &Url) -> bool {
    url.scheme() == "https" || is_loopback(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn follow(from: &str, insecure: bool, locations: &[&str]) -> Result<String, String> {
        let mut way = Way::begin(&Url::parse(from).unwrap(), insecure).map_err(|error| error.to_string())?;
        for location in locations {
            way.follow(location).map_err(|error| error.to_string())?;
        }
        Ok(way.here().to_string())
    }

    #[test]
    fn ways_that_are_followed() {
        for (from, insecure, locations, end) in [
            ("https://a/x.zip", false, &["/y.zip"][..], "https://a/y.zip"),
            ("https://a/x.zip", false, &["https://b/z?s=1#f"], "https://b/z?s=1"),
            ("http://127.0.0.1/x.zip", false, &["https://b/z"], "https://b/z"),
            ("http://a/x.zip", true, &["http://b/z"], "http://b/z"),
            ("https://a/0", false, &["1", "2", "3", "4", "5"], "https://a/5"),
        ] {
            assert_eq!(follow(from, insecure, locations).as_deref(), Ok(end), "{from} {locations:?}");
        }
    }

    #[test]
    fn ways_that_are_refused() {
        for (from, insecure, locations, said) in [
            ("http://a/x.zip", false, &[][..], "http://a/x.zip is not protected by TLS"),
            (
                "https://a/x.zip",
                true,
                &["http://a/x.zip"],
                "leads on to http://a/x.zip, which is not protected",
            ),
            ("https://a/x.zip", false, &["http://localhost/x.zip"], "which is not protected"),
            ("http://localhost/x.zip", false, &["http://b/x.zip"], "which is not protected"),
            ("https://a/x.zip", false, &["file:///etc/passwd"], "file:///etc/passwd, which is not fetched"),
            ("https://a/x.zip", false, &["ftp://u:secret@a/x"], "ftp://a/x, which is not fetched"),
            ("https://a/x.zip", false, &["https://"], "cannot be understood"),
            ("https://a/x.zip", false, &["y", "x.zip"], "https://a/x.zip leads back to itself"),
            ("https://a/0", false, &["1", "2", "3", "4", "5", "6"], "leads on more than 5 times"),
        ] {
            let error = follow(from, insecure, locations).unwrap_err();
            assert!(error.contains(said) && !error.contains("secret"), "{from} {locations:?}: {error}");
        }
    }
}
