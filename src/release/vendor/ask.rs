//! Asks a vendor what it offers, and fetches what proves an offer. Small
//! documents, bounded, asked for again only if they changed.

use std::path::PathBuf;

use url::Url;

use crate::base::base64;
use crate::base::event::Watch;
use crate::base::exit::Exit;
use crate::base::exit::Fault;
use crate::release::network;
use crate::release::network::Fetched;
use crate::release::network::Network;
use crate::release::network::address::Address;
use crate::release::network::address::host;
use crate::release::network::address::shown;
use crate::release::network::error::NetworkError;
use crate::release::vendor::address::TemplateError;
use crate::release::vendor::address::Values;
use crate::release::vendor::address::led;
use crate::release::vendor::feed;
use crate::release::vendor::feed::FeedError;
use crate::release::vendor::offer::Offer;
use crate::release::vendor::offer::Published;
use crate::release::vendor::offer::Signature;
use crate::release::vendor::proof::Evidence;
use crate::release::vendor::proof::ProofError;
use crate::release::vendor::proof::Sought;
use crate::site::profile::Profile;
use crate::site::profile::SignatureRule;
use crate::site::profile::VendorRule;
use crate::site::settings::Channel;
use crate::site::settings::VendorSettings;
use crate::sys::fs;
use crate::sys::fs::IoError;

/// Largest feed, in bytes.
const MOST_FEED: u64 = 8 << 20;
/// Largest digest or signature file, in bytes.
const MOST_PROOF: u64 = 64 << 10;
/// Said where nobody knows the PHP, so that nothing is held back for it.
const ANY_PHP: &str = "99.0.0";

/// Who asks.
#[derive(Clone, Debug)]
pub struct Asking<'a> {
    pub profile: &'a Profile,
    pub settings: &'a VendorSettings,
    pub channel: Channel,
    pub installed: &'a str,
    /// The number that the vendor counts the installed version by.
    pub build: Option<&'a str>,
    pub php: Option<&'a str>,
    /// Where answers are kept.
    pub folder: PathBuf,
    pub network: &'a Network,
}

/// What a vendor said.
#[derive(Clone, Debug)]
pub struct Heard {
    pub offers: Vec<Offer>,
    /// For people.
    pub feed: String,
    pub requests: u64,
    pub bytes: u64,
}

/// An offer with the address of its archive and what proves it.
#[derive(Clone, Debug)]
pub struct Prepared {
    pub archive: Url,
    pub evidence: Evidence,
    pub requests: u64,
    pub bytes: u64,
}

#[derive(Debug, thiserror::Error)]
pub enum AskError {
    #[error("nobody is known who publishes {title}")]
    NoVendor { title: String },
    #[error("what {url} says cannot be understood")]
    Feed {
        url: String,
        #[source]
        source: FeedError,
    },
    #[error("{url} is no file of a digest")]
    Digest { url: String },
    #[error("{vendor} signs its releases, but {version} comes without a signature")]
    Unsigned { vendor: String, version: String },
    #[error("the key of {vendor} in the profile cannot be read")]
    Key { vendor: String },
    #[error("{vendor} does not say where {version} can be had")]
    NoArchive { vendor: String, version: String },
    #[error(transparent)]
    Template(#[from] TemplateError),
    #[error(transparent)]
    Network(#[from] NetworkError),
    #[error(transparent)]
    Proof(#[from] ProofError),
    #[error(transparent)]
    Io(#[from] IoError),
}

impl Fault for AskError {
    fn exit(&self) -> Exit {
        match self {
            AskError::Feed { .. } | AskError::Digest { .. } => Exit::Failed,
            AskError::Unsigned { .. } => Exit::Untrusted,
            AskError::Network(error) => error.exit(),
            AskError::Proof(error) => error.exit(),
            AskError::Io(error) => error.exit(),
            _ => Exit::Refused,
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            AskError::NoVendor { .. } => vec![
                "name the archive itself with --from, or say under [vendor] in profile.toml where it is published".into(),
            ],
            AskError::Feed { .. } | AskError::Digest { .. } => {
                vec!["is something between this machine and the vendor? Otherwise name the archive itself with --from".into()]
            }
            AskError::Network(error) => error.hints(),
            AskError::Proof(error) => error.hints(),
            AskError::Io(error) => error.hints(),
            _ => Vec::new(),
        }
    }

    fn is_network(&self) -> bool {
        matches!(self, AskError::Network(error) if error.is_network())
    }
}

/// A document that is here.
struct Document {
    path: PathBuf,
    fetched: Fetched,
}

impl<'a> Asking<'a> {
    pub fn rule(&self) -> Result<&'a VendorRule, AskError> {
        let no_vendor = || AskError::NoVendor { title: self.profile.title.clone() };
        self.profile.vendor.as_ref().ok_or_else(no_vendor)
    }

    /// What the vendor offers to this site.
    pub fn offers(&self, watch: Watch) -> Result<Heard, AskError> {
        let rule = self.rule()?;
        let url = led(self.values(rule, self.installed).fill(&rule.feed)?, self.settings.mirror.as_ref());
        let feed = shown(&url);
        let Document { path, fetched } = self.document(&url, "feed", MOST_FEED, watch)?;
        let context = feed::Context { file: rule.file.as_deref(), locale: self.settings.locale.text() };
        let offers = feed::read(rule.format, &context, &fs::read(&path)?)
            .map_err(|source| AskError::Feed { url: feed.clone(), source })?;
        Ok(Heard { offers, feed, requests: fetched.requests, bytes: fetched.bytes })
    }

    /// Finds the archive of an offer and what proves it. `named`: a person said
    /// the version, and the feed does not have it.
    pub fn prepare(&self, offer: &Offer, named: bool, watch: Watch) -> Result<Prepared, AskError> {
        let rule = self.rule()?;
        let archive = self.archive(offer)?;
        let values = self.values(rule, &offer.version).with_raw("archive", archive.to_string());
        let feed = led(self.values(rule, self.installed).fill(&rule.feed)?, self.settings.mirror.as_ref());
        let mut prepared = Prepared {
            archive: led(archive.clone(), self.settings.mirror.as_ref()),
            evidence: Evidence {
                vendor: rule.name.clone(),
                published: offer.digest.clone(),
                publisher: host_name(&feed),
                is_first_hand: self.is_first_hand(&feed),
                signature: Sought::None,
            },
            requests: 0,
            bytes: 0,
        };
        self.seek_signature(rule, offer, &values, named, &mut prepared, watch)?;
        if prepared.evidence.published.is_none() && !matches!(prepared.evidence.signature, Sought::Rsa { .. })
        {
            self.seek_digest(rule, &values, &mut prepared, watch)?;
        }
        Ok(prepared)
    }

    /// Where the vendor has the archive of an offer.
    pub fn archive(&self, offer: &Offer) -> Result<Url, AskError> {
        let rule = self.rule()?;
        match (&offer.archive, &rule.archive) {
            (Some(url), _) => Ok(url.clone()),
            (None, Some(template)) => Ok(self.values(rule, &offer.version).fill(template)?),
            (None, None) => {
                Err(AskError::NoArchive { vendor: rule.name.clone(), version: offer.version.clone() })
            }
        }
    }

    /// The page that tells what is new in an offer.
    pub fn notes(&self, offer: &Offer) -> Option<String> {
        let rule = self.rule().ok()?;
        let filled = || self.values(rule, &offer.version).fill(rule.notes.as_ref()?).ok();
        offer.notes_url.clone().or_else(filled).map(|url| shown(&url))
    }

    /// What will be verified of an offer, in a word for people.
    pub fn worth(&self, offer: &Offer) -> &'static str {
        let rule = self.profile.vendor.as_ref();
        let signature = rule.and_then(|rule| rule.signature.as_ref());
        let algorithm = offer.digest.as_ref().map(|published| published.algorithm);
        let beside = rule.and_then(|rule| rule.digest.as_ref()).map(|digest| digest.algorithm);
        match (signature, algorithm.or(beside)) {
            (Some(SignatureRule::RsaSha512 { .. }), _) if offer.signature.is_some() => "signature",
            (Some(SignatureRule::Gpg { .. }), _) if self.settings.keyring.is_some() => "signature",
            (_, Some(algorithm)) => crate::release::vendor::offer::word_of(algorithm),
            _ => "tls",
        }
    }

    fn values(&self, rule: &VendorRule, version: &str) -> Values {
        let channel = match self.channel {
            Channel::Stable => &rule.channels.stable,
            Channel::Testing => &rule.channels.testing,
        };
        Values::of_version(version)
            .with_version("build", "build_x", &numbers(self.build.unwrap_or(self.installed), 4))
            .with_version("php", "php_x", &numbers(self.php.unwrap_or(ANY_PHP), 3))
            .with("channel", channel)
            .with("locale", self.settings.locale.text())
    }

    /// Whether TLS proves that the vendor itself says what stands there.
    fn is_first_hand(&self, url: &Url) -> bool {
        self.settings.mirror.is_none() && url.scheme() == "https"
    }

    fn seek_signature(
        &self,
        rule: &VendorRule,
        offer: &Offer,
        values: &Values,
        named: bool,
        prepared: &mut Prepared,
        watch: Watch,
    ) -> Result<(), AskError> {
        prepared.evidence.signature = match (&rule.signature, &offer.signature) {
            (Some(SignatureRule::RsaSha512 { key }), Some(Signature::Rsa(signature))) => {
                let text: String = key.split_ascii_whitespace().collect();
                let key = base64::decode(&text).ok_or(AskError::Key { vendor: rule.name.clone() })?;
                Sought::Rsa { key, signature: signature.clone() }
            }
            (Some(SignatureRule::RsaSha512 { .. }), _) if named => Sought::None,
            (Some(SignatureRule::RsaSha512 { .. }), _) => {
                return Err(AskError::Unsigned { vendor: rule.name.clone(), version: offer.version.clone() });
            }
            (Some(SignatureRule::Gpg { url }), offered) => match &self.settings.keyring {
                None => Sought::Unverified("`vendor.keyring` names no keys".into()),
                Some(keyring) => {
                    let url = match offered {
                        Some(Signature::Gpg(url)) => url.clone(),
                        _ => values.fill(url)?,
                    };
                    let signature = self.signature_file(rule, offer, url, prepared, watch)?;
                    Sought::Gpg { keyring: keyring.clone(), signature }
                }
            },
            (None, _) => Sought::None,
        };
        Ok(())
    }

    fn signature_file(
        &self,
        rule: &VendorRule,
        offer: &Offer,
        url: Url,
        prepared: &mut Prepared,
        watch: Watch,
    ) -> Result<PathBuf, AskError> {
        let url = led(url, self.settings.mirror.as_ref());
        match self.document(&url, "signature", MOST_PROOF, watch) {
            Ok(document) => {
                prepared.count(&document.fetched);
                Ok(document.path)
            }
            Err(error) if is_absent(&error) => {
                Err(AskError::Unsigned { vendor: rule.name.clone(), version: offer.version.clone() })
            }
            Err(error) => Err(error.into()),
        }
    }

    /// The digest in a file beside the archive; that there is none is no failure.
    fn seek_digest(
        &self,
        rule: &VendorRule,
        values: &Values,
        prepared: &mut Prepared,
        watch: Watch,
    ) -> Result<(), AskError> {
        let Some(digest) = &rule.digest else { return Ok(()) };
        let url = led(values.fill(&digest.url)?, self.settings.mirror.as_ref());
        let document = match self.document(&url, "digest", MOST_PROOF, watch) {
            Err(error) if is_absent(&error) => return Ok(()),
            document => document?,
        };
        prepared.count(&document.fetched);
        let published = Published::in_file(digest.algorithm, &fs::read(&document.path)?);
        let published = published.ok_or_else(|| AskError::Digest { url: shown(&url) })?;
        prepared.evidence.published = Some(published);
        prepared.evidence.publisher = host_name(&url);
        prepared.evidence.is_first_hand = self.is_first_hand(&url);
        Ok(())
    }

    fn document(&self, url: &Url, name: &str, most: u64, watch: Watch) -> Result<Document, NetworkError> {
        let network = Network { max_bytes: most, ..self.network.clone() };
        // Documents are small: only what they say is told, not how they come.
        let fetched = network::fetch(
            &Address::of_document(url.clone()),
            &self.folder.join(name),
            &network,
            &mut |_, event| {
                if matches!(event, crate::base::event::Event::Warning { .. }) {
                    watch(None, event);
                }
            },
        )?;
        Ok(Document { path: fetched.path.clone(), fetched })
    }
}

impl Prepared {
    fn count(&mut self, fetched: &Fetched) {
        self.requests += fetched.requests;
        self.bytes += fetched.bytes;
    }
}

/// The first numbers of a version, as many as are asked for: `8.2.28-1+deb12` has 8.2.28.
fn numbers(version: &str, count: usize) -> String {
    let digits = |part: &str| {
        let end = part.find(|c: char| !c.is_ascii_digit()).unwrap_or(part.len());
        if end == 0 { "0".to_owned() } else { part[..end].to_owned() }
    };
    let parts: Vec<String> =
        version.split('.').map(digits).chain(std::iter::repeat("0".into())).take(count).collect();
    parts.join(".")
}

fn is_absent(error: &NetworkError) -> bool {
    matches!(error, NetworkError::Status { code: 404 | 410, .. })
}

/// The host of an address, for people.
fn host_name(url: &Url) -> String {
    host(url).trim_end_matches(":443").to_owned()
}

#[cfg(test)]
mod tests;
