//! `trust/` of a site's state: the references that it believes. The stored
//! format is `docs/trust.md`.

use std::path::Path;
use std::path::PathBuf;

use jiff::Timestamp;
use serde::Deserialize;
use serde::Serialize;
use tough::schema::Root;
use tough::schema::Signed;
use url::Url;

use crate::base::digest::Sha256;
use crate::base::escape;
use crate::base::json;
use crate::release::network::address;
use crate::release::trust::Documents;
use crate::release::trust::error::TrustError;
use crate::sys::clock;
use crate::sys::fs;

const FORMAT: u32 = 1;
/// The largest root that is pinned.
const MOST_BYTES: u64 = 1 << 20;
/// So many roots of a reference are looked through for a digest.
const MOST_ROOTS: u64 = 256;

/// All that a site believes.
pub struct Store {
    folder: PathBuf,
}

/// One reference that is believed.
#[derive(Clone, Debug)]
pub struct Pinned {
    url: String,
    digest: Sha256,
    added: Timestamp,
    /// The documents, as they were served.
    metadata: PathBuf,
    /// All else of this reference.
    beside: PathBuf,
}

#[derive(Serialize, Deserialize)]
struct Record {
    format: u32,
    url: String,
    digest: Sha256,
    added: Timestamp,
}

impl Store {
    pub fn open(folder: &Path) -> Store {
        Store { folder: folder.to_owned() }
    }

    pub fn list(&self) -> Result<Vec<Pinned>, TrustError> {
        if !fs::is_folder(&self.folder) {
            return Ok(Vec::new());
        }
        let folders = fs::list(&self.folder)?.into_iter().filter(|path| fs::is_real_folder(path));
        let mut all =
            folders.filter_map(|path| Pinned::read(&path).transpose()).collect::<Result<Vec<_>, _>>()?;
        all.sort_by(|one, other| one.url.cmp(&other.url));
        Ok(all)
    }

    pub fn find(&self, url: &str) -> Result<Option<Pinned>, TrustError> {
        Pinned::read(&self.place(&reference_url(url)?))
    }

    /// The pinned reference, or why it is none, with the digest that it offers.
    pub fn require(&self, url: &str, documents: Documents) -> Result<Pinned, TrustError> {
        if let Some(pinned) = self.find(url)? {
            return Ok(pinned);
        }
        let url = reference_url(url)?.to_string();
        let asked = documents("metadata/1.root.json", MOST_BYTES);
        let offered = asked.map_err(|source| TrustError::CannotCheck { url: url.clone(), source })?;
        match offered {
            None => Err(TrustError::Missing { url, name: "metadata/1.root.json".into() }),
            Some(root) => {
                let offered = parsed(&url, &root).is_ok().then(|| Sha256::of(&root));
                Err(TrustError::NotTrusted { url, offered })
            }
        }
    }

    /// Believes the reference from this root on.
    pub fn add(&self, url: &str, root: &[u8]) -> Result<Pinned, TrustError> {
        let url = reference_url(url)?;
        let (folder, digest) = (self.place(&url), Sha256::of(root));
        let version = parsed(url.as_str(), root)?.signed.version.get();
        if let Some(pinned) = Pinned::read(&folder)? {
            return match pinned.digest == digest {
                true => Ok(pinned),
                false => Err(TrustError::AlreadyTrusted { url: pinned.url, digest: pinned.digest }),
            };
        }
        // What a try that was cut off left.
        fs::remove_folder_all(&folder)?;
        let record = Record { format: FORMAT, url: url.to_string(), digest, added: clock::now() };
        let pinned = Pinned::of(&folder, &record);
        fs::create_folders(&pinned.metadata, 0o700)?;
        pinned.keep_root(version, root)?;
        let text = json::pretty(&record).map_err(|source| TrustError::Broken { source: source.into() })?;
        fs::write_durable(&folder.join("pin.json"), &text)?;
        fs::sync_folder(&self.folder)?;
        Ok(pinned)
    }

    /// Believes the reference from that of its roots on which has this digest.
    pub fn add_by_digest(
        &self,
        url: &str,
        digest: Sha256,
        documents: Documents,
    ) -> Result<Pinned, TrustError> {
        let shown = reference_url(url)?.to_string();
        let mut found = None;
        for version in 1..=MOST_ROOTS {
            let name = format!("metadata/{version}.root.json");
            let root = documents(&name, MOST_BYTES)
                .map_err(|source| TrustError::CannotCheck { url: shown.clone(), source })?;
            let Some(root) = root else { break };
            if Sha256::of(&root) == digest {
                return self.add(url, &root);
            }
            found.get_or_insert(Sha256::of(&root));
        }
        match found {
            None => Err(TrustError::Missing { url: shown, name: "metadata/1.root.json".into() }),
            found => Err(TrustError::NoSuchRoot { url: shown, expected: digest, found }),
        }
    }

    pub fn remove(&self, url: &str) -> Result<(), TrustError> {
        let url = reference_url(url)?;
        let folder = self.place(&url);
        if Pinned::read(&folder)?.is_none() {
            return Err(TrustError::NeverTrusted { url: url.to_string() });
        }
        // The record first: half of a pin is none.
        fs::remove_file(&folder.join("pin.json"))?;
        Ok(fs::remove_folder_all(&folder)?)
    }

    fn place(&self, url: &Url) -> PathBuf {
        self.folder.join(&Sha256::of(url.as_str().as_bytes()).to_string()[..16])
    }
}

impl Pinned {
    /// What is believed with documents in `metadata` and no record in any store.
    pub fn unrecorded(url: &str, root: &[u8], metadata: &Path, beside: &Path) -> Result<Pinned, TrustError> {
        let (url, digest) = (reference_url(url)?.to_string(), Sha256::of(root));
        let (metadata, beside) = (metadata.to_owned(), beside.to_owned());
        Ok(Pinned { url, digest, added: clock::now(), metadata, beside })
    }

    fn of(folder: &Path, record: &Record) -> Pinned {
        let (metadata, beside) = (folder.join("metadata"), folder.to_owned());
        Pinned { url: record.url.clone(), digest: record.digest, added: record.added, metadata, beside }
    }

    fn read(folder: &Path) -> Result<Option<Pinned>, TrustError> {
        let Some(bytes) = fs::read_if_present(&folder.join("pin.json"))? else { return Ok(None) };
        let record: Record = json::read_format(&bytes, FORMAT)
            .map_err(|source| fs::IoError::new("understand", folder.join("pin.json"), source))?;
        Ok(Some(Pinned::of(folder, &record)))
    }

    /// Without user, password and query.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Of the root that was believed first.
    pub fn digest(&self) -> Sha256 {
        self.digest
    }

    pub fn added(&self) -> Timestamp {
        self.added
    }

    /// Where root, timestamp, snapshot and targets lie as they were served.
    pub fn folder(&self) -> &Path {
        &self.metadata
    }

    pub(super) fn root(&self) -> PathBuf {
        self.metadata.join("root.json")
    }

    pub(super) fn scratch(&self) -> PathBuf {
        self.beside.join("checking")
    }

    pub(super) fn clock(&self) -> PathBuf {
        self.beside.join("clock.json")
    }

    /// Keeps a verified root in the chain, and as the one that counts.
    pub(super) fn keep_root(&self, version: u64, bytes: &[u8]) -> Result<(), TrustError> {
        let roots = self.beside.join("roots");
        fs::create_folders(&roots, 0o700)?;
        fs::write_durable(&roots.join(format!("{version}.root.json")), bytes)?;
        Ok(fs::write_durable(&self.root(), bytes)?)
    }
}

/// A root that is signed as it demands itself.
fn parsed(url: &str, bytes: &[u8]) -> Result<Signed<Root>, TrustError> {
    let malformed = |source: Box<dyn std::error::Error + Send + Sync>| TrustError::Malformed {
        url: url.to_owned(),
        name: "the root".into(),
        source,
    };
    if bytes.len() as u64 > MOST_BYTES {
        return Err(malformed(format!("larger than {MOST_BYTES} bytes").into()));
    }
    let root: Signed<Root> = json::read(bytes).map_err(|source| malformed(source.into()))?;
    match root.signed.verify_role(&root) {
        Ok(()) => Ok(root),
        Err(source) => Err(TrustError::BadSignature {
            url: url.to_owned(),
            role: "root".into(),
            source: Box::new(source),
        }),
    }
}

/// The one spelling of a reference's address: no user, no password, no query,
/// `/` at its end. What has no `://` is a folder of this machine.
pub fn reference_url(text: &str) -> Result<Url, TrustError> {
    let wrong = |text: String, reason: &str| TrustError::Address { text, reason: reason.into() };
    if !address::Address::is_meant(text) {
        let folder = fs::canonical(Path::new(text))?;
        return Url::from_directory_path(&folder)
            .map_err(|()| wrong(fs::shown(&folder), "not an absolute path"));
    }
    let mut url = Url::parse(text).map_err(|error| wrong("what was named".into(), &error.to_string()))?;
    if !["http", "https", "file"].contains(&url.scheme()) {
        return Err(wrong(
            address::shown(&url),
            &format!("nothing is fetched by {}", escape::text(url.scheme())),
        ));
    }
    // Both fail only for URLs that cannot have them.
    let _ = url.set_password(None);
    let _ = url.set_username("");
    url.set_query(None);
    url.set_fragment(None);
    if !url.path().ends_with('/') {
        url.set_path(&format!("{}/", url.path()));
    }
    Ok(url)
}
