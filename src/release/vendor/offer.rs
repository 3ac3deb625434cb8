//! What a vendor offers, as its feed says it; nothing of it is believed yet.

use url::Url;

use crate::integrity::manifest::version;
use crate::site::profile::DigestName;
use crate::site::settings::Channel;

/// Longest version name that is taken.
const LONGEST_VERSION: usize = 64;

/// One version, and where and how it can be had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    pub version: String,
    pub channel: Channel,
    /// `None`: where the profile says.
    pub archive: Option<Url>,
    pub digest: Option<Published>,
    pub signature: Option<Signature>,
    /// The least PHP version.
    pub requires_php: Option<String>,
    /// A page that tells what is new.
    pub notes_url: Option<Url>,
    /// Until when it is looked after, or that it no longer is.
    pub end_of_life: Option<String>,
}

/// A digest that the vendor published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    pub algorithm: DigestName,
    /// Lower-case hexadecimal of the right length.
    pub hex: String,
}

/// What should prove who made the archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Signature {
    /// An OpenPGP signature stands there.
    Gpg(Url),
    /// The bytes of an RSA signature.
    Rsa(Vec<u8>),
}

impl Offer {
    /// Only a version, where it is a name that can stand in an address and on a line.
    pub fn of(version: &str) -> Option<Offer> {
        let is_plain = version.starts_with(|c: char| c.is_ascii_digit())
            && version.len() <= LONGEST_VERSION
            && version.chars().all(|c| c.is_ascii_alphanumeric() || ".-_+~".contains(c));
        is_plain.then(|| Offer {
            version: version.to_owned(),
            channel: channel_of(version),
            archive: None,
            digest: None,
            signature: None,
            requires_php: None,
            notes_url: None,
            end_of_life: None,
        })
    }
}

impl Published {
    pub fn new(algorithm: DigestName, text: &str) -> Option<Published> {
        let hex = text.trim().to_ascii_lowercase();
        let is_digest = hex.len() == digits(algorithm) && hex.chars().all(|c| c.is_ascii_hexdigit());
        is_digest.then_some(Published { algorithm, hex })
    }

    /// What stands first in a file as `sha256sum` writes it.
    pub fn in_file(algorithm: DigestName, bytes: &[u8]) -> Option<Published> {
        Published::new(algorithm, std::str::from_utf8(bytes).ok()?.split_whitespace().next()?)
    }

    /// For people.
    pub fn name(&self) -> &'static str {
        match self.algorithm {
            DigestName::Md5 => "MD5",
            DigestName::Sha1 => "SHA-1",
            DigestName::Sha256 => "SHA-256",
            DigestName::Sha512 => "SHA-512",
        }
    }

    /// Whether nobody can make another file that has it.
    pub fn is_strong(&self) -> bool {
        matches!(self.algorithm, DigestName::Sha256 | DigestName::Sha512)
    }
}

/// As `check` says it.
pub fn word_of(algorithm: DigestName) -> &'static str {
    match algorithm {
        DigestName::Md5 => "md5",
        DigestName::Sha1 => "sha1",
        DigestName::Sha256 => "sha256",
        DigestName::Sha512 => "sha512",
    }
}

fn digits(algorithm: DigestName) -> usize {
    match algorithm {
        DigestName::Md5 => 32,
        DigestName::Sha1 => 40,
        DigestName::Sha256 => 64,
        DigestName::Sha512 => 128,
    }
}

/// The channel that a version's name tells of.
pub fn channel_of(version: &str) -> Channel {
    match version::is_in_the_making(version) {
        true => Channel::Testing,
        false => Channel::Stable,
    }
}

/// An address of the network; a feed may name no other, and no user or password.
pub fn address(text: &str) -> Option<Url> {
    let url = Url::parse(text.trim()).ok()?;
    let is_plain = ["http", "https"].contains(&url.scheme())
        && url.has_host()
        && url.username().is_empty()
        && url.password().is_none();
    is_plain.then_some(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_versions_are_taken() {
        for (name, channel) in [
            ("6.8.3", Channel::Stable),
            ("2025-05-14b", Channel::Stable),
            ("1.45.0-rc.1", Channel::Testing),
            ("7.0-beta2", Channel::Testing),
        ] {
            assert_eq!(Offer::of(name).unwrap().channel, channel, "{name}");
        }
        let long = "1".repeat(65);
        for name in ["", "v6", "6.8/../..", "6 8", "6\u{1b}[2J", "6.8?x", "../6", "6%2e", &long] {
            assert_eq!(Offer::of(name), None, "{name:?}");
        }
    }

    #[test]
    fn digests_have_their_length() {
        let sha1 = "da39a3ee5e6b4b0d3255bfef95601890afd80709";
        let file = format!("{}  wordpress.zip\n", sha1.to_uppercase());
        let published = Published::in_file(DigestName::Sha1, file.as_bytes()).unwrap();
        assert_eq!((published.hex.as_str(), published.name(), published.is_strong()), (sha1, "SHA-1", false));
        for wrong in ["", "\n", "<html>", &sha1[1..], &format!("g{}", &sha1[1..])] {
            assert_eq!(Published::in_file(DigestName::Sha1, wrong.as_bytes()), None, "{wrong}");
        }
        assert_eq!(Published::new(DigestName::Sha256, sha1), None);
        assert_eq!(Published::in_file(DigestName::Md5, b"\xff\xfe"), None);
    }

    #[test]
    fn a_feed_names_addresses_of_the_network_only() {
        assert_eq!(address(" https://a.org/b.zip\n").unwrap().as_str(), "https://a.org/b.zip");
        for wrong in ["file:///etc/passwd", "ftp://a/b", "https://me:x@a/b", "/b.zip", "", "data:,x"] {
            assert_eq!(address(wrong), None, "{wrong}");
        }
    }
}
