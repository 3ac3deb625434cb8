//! Where the vendor of an application publishes its releases, and what proves them.

use serde::Deserialize;

use crate::site::profile::VersionRule;

/// Addresses are templates; `docs/vendors.md` names what may stand in their braces.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VendorRule {
    /// For people: who is believed.
    pub name: String,
    /// The list of versions.
    pub feed: String,
    pub format: FeedFormat,
    /// The archive of a version, where the feed does not say it.
    pub archive: Option<String>,
    /// The name of the archive among the files that a feed lists.
    pub file: Option<String>,
    /// A page that tells what is new.
    pub notes: Option<String>,
    /// The vendor's words for the channels of the settings.
    #[serde(default)]
    pub channels: ChannelWords,
    /// Where the site says the number that the vendor counts it by.
    pub build: Option<VersionRule>,
    pub digest: Option<DigestRule>,
    pub signature: Option<SignatureRule>,
}

/// How a list of versions is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FeedFormat {
    Dokuwiki,
    GithubRefs,
    GithubReleases,
    Nextcloud,
    Sourceforge,
    Wordpress,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ChannelWords {
    pub stable: String,
    pub testing: String,
}

impl Default for ChannelWords {
    fn default() -> ChannelWords {
        ChannelWords { stable: "stable".into(), testing: "testing".into() }
    }
}

/// A small file beside the archive that begins with its digest.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DigestRule {
    pub url: String,
    pub algorithm: DigestName,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DigestName {
    Md5,
    Sha1,
    Sha256,
    Sha512,
}

/// Who signs archives, and how.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, tag = "kind", rename_all = "kebab-case")]
pub enum SignatureRule {
    /// By OpenPGP, in a file beside the archive; by whom, the settings say.
    Gpg { url: String },
    /// RSA with SHA-512 over the archive, in the feed. The key is a DER SubjectPublicKeyInfo in base64.
    RsaSha512 { key: String },
}
