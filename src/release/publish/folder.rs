//! A reference's folder, as its publisher sees it.

use std::fs::File;
use std::io;
use std::io::Read;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;

use crate::base::digest::Algorithms;
use crate::base::digest::Hasher;
use crate::base::digest::Sha256;
use crate::base::json;
use crate::integrity::manifest::FileEntry;
use crate::integrity::manifest::Manifest;
use crate::release::publish::error::PublishError;
use crate::release::reference::content;
use crate::release::reference::custom::Kind;
use crate::release::reference::listing::Listed;
use crate::release::reference::names;
use crate::release::trust::TargetInfo;
use crate::sys::beneath::Root;
use crate::sys::fs;
use crate::sys::lock::Lock;
use crate::sys::lock::LockError;

/// Everybody may read what is served.
const SERVED: u32 = 0o644;
const SERVED_FOLDER: u32 = 0o755;

/// A reference; opened to be changed, nobody else publishes there for as long as
/// this lives.
pub struct Reference {
    folder: PathBuf,
    _lock: Option<Lock>,
}

impl Reference {
    /// A reference that is only read.
    pub fn look(folder: &Path) -> Result<Reference, PublishError> {
        match fs::is_folder(&folder.join(names::METADATA)) {
            true => Ok(Reference { folder: folder.to_owned(), _lock: None }),
            false => Err(PublishError::NoReference { path: fs::shown(folder) }),
        }
    }

    /// The reference in `folder`, to be changed; where none is yet, one may be made.
    pub fn open(folder: &Path, may_be_made: bool) -> Result<Reference, PublishError> {
        let (metadata, publisher) = (folder.join(names::METADATA), folder.join(names::PUBLISHER));
        if !fs::is_folder(&metadata) {
            if !may_be_made {
                return Err(PublishError::NoReference { path: fs::shown(folder) });
            }
            if !fs::exists(&publisher) {
                must_be_empty(folder)?;
            }
        }
        fs::create_folders(folder, SERVED_FOLDER)?;
        let lock = lock(&publisher, "publish")?;
        for name in [names::METADATA, names::TARGETS, names::OBJECTS] {
            fs::create_folders(&folder.join(name), SERVED_FOLDER)?;
        }
        Ok(Reference { folder: folder.to_owned(), _lock: Some(lock) })
    }

    /// Nobody else changes the reference for as long as what is returned lives;
    /// `None` where there is none.
    pub fn alone(folder: &Path, verb: &str) -> Result<Option<Lock>, PublishError> {
        match fs::is_folder(&folder.join(names::METADATA)) {
            true => lock(&folder.join(names::PUBLISHER), verb).map(Some),
            false => Ok(None),
        }
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    pub fn shown(&self) -> String {
        fs::shown(&self.folder)
    }

    /// Whether there is a root, which comes before anything that is signed.
    pub fn has_root(&self) -> bool {
        fs::is_file(&self.first_root())
    }

    /// Whether clients see anything: the timestamp comes last.
    pub fn is_signed(&self) -> bool {
        fs::is_file(&self.folder.join(names::METADATA).join("timestamp.json"))
    }

    /// The digest that users give to `trust add`.
    pub fn root_digest(&self) -> Result<Sha256, PublishError> {
        Ok(Sha256::of(&fs::read(&self.first_root())?))
    }

    fn first_root(&self) -> PathBuf {
        self.folder.join(names::METADATA).join("1.root.json")
    }

    pub(super) fn publisher(&self) -> PathBuf {
        self.folder.join(names::PUBLISHER)
    }

    pub(super) fn object(&self, digest: &Sha256) -> PathBuf {
        self.folder.join(names::object_name(digest))
    }

    pub(super) fn target(&self, name: &str, digest: &Sha256) -> PathBuf {
        self.folder.join(names::target_path(name, digest))
    }

    /// Where files are written until they are whole; what a publisher left that
    /// was killed is thrown away.
    pub(super) fn workshop(&self) -> Result<Workshop, PublishError> {
        let folder = self.publisher().join("incoming");
        fs::remove_folder_all(&folder)?;
        fs::create_folders(&folder, 0o700)?;
        Ok(Workshop { folder })
    }

    /// Writes everything of this file system to the disk.
    pub(super) fn sync(&self) -> Result<(), PublishError> {
        Ok(Root::open(&self.folder)?.sync_file_system()?)
    }

    /// The content of a file that was published.
    pub(super) fn content(&self, entry: &FileEntry) -> io::Result<Box<dyn Read>> {
        let Some(digest) = entry.sha256() else { return Err(io::ErrorKind::InvalidInput.into()) };
        let file = fs::open(&self.object(&digest)).map_err(|error| error.source)?;
        Ok(Box::new(content::object(file, entry.size(), digest)?))
    }

    /// The manifest of a release that is signed, or was to be.
    pub(super) fn manifest(&self, release: &Listed) -> Result<Manifest, PublishError> {
        let path = self.target(release.name, &release.target.sha256);
        let packed = fs::read(&path)?;
        if Sha256::of(&packed) != release.target.sha256 {
            return Err(PublishError::Damaged { path: fs::shown(&path), source: None });
        }
        let json = content::unpacked(&packed, &[], release.about.manifest_bytes)
            .map_err(|source| PublishError::Damaged { path: fs::shown(&path), source: Some(source) })?;
        match Sha256::of(&json) == release.about.digest {
            true => Ok(Manifest::parse(&json)?),
            false => Err(PublishError::Damaged { path: fs::shown(&path), source: None }),
        }
    }

    /// Moves a finished file to where its name and digest say.
    pub(super) fn put_target(
        &self,
        name: String,
        finished: Finished,
        kind: &Kind,
    ) -> Result<(String, TargetInfo), PublishError> {
        fs::rename(&finished.path, &self.target(&name, &finished.sha256))?;
        let custom = Some(kind.to_value());
        Ok((name, TargetInfo { length: finished.length, sha256: finished.sha256, custom }))
    }

    pub(super) fn write_record<T: serde::Serialize>(
        &self,
        path: &Path,
        record: &T,
    ) -> Result<(), PublishError> {
        let failed = |source| PublishError::Record { path: fs::shown(path), source };
        Ok(fs::write_durable(path, &json::pretty(record).map_err(failed)?)?)
    }
}

fn lock(publisher: &Path, verb: &str) -> Result<Lock, PublishError> {
    fs::create_folders(publisher, 0o700)?;
    Lock::take(&publisher.join("lock"), verb).map_err(|error| match error {
        LockError::Io(error) => error.into(),
        held => PublishError::Locked(held),
    })
}

/// A folder may become a reference only when nothing is in it.
fn must_be_empty(folder: &Path) -> Result<(), PublishError> {
    if !fs::exists(folder) {
        return Ok(());
    }
    match fs::list(folder)?.first() {
        None => Ok(()),
        Some(found) => {
            let found = fs::shown(Path::new(found.file_name().unwrap_or_default()));
            Err(PublishError::NotAReference { path: fs::shown(folder), found })
        }
    }
}

/// Where files are made.
pub(super) struct Workshop {
    folder: PathBuf,
}

/// A file that is whole, on the disk or on its way there.
pub(super) struct Finished {
    pub path: PathBuf,
    pub length: u64,
    pub sha256: Sha256,
}

impl Workshop {
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// A file to be written that will be served.
    pub fn create(&self, name: &str) -> Result<(PathBuf, File), PublishError> {
        let path = self.path(name);
        let file = fs::create_with_mode(&path, SERVED)?;
        Ok((path, file))
    }

    /// A file to write to and read again, which has no name.
    pub fn spool(&self) -> Result<File, PublishError> {
        let path = self.path("spool");
        fs::create(&path)?;
        let file = fs::open_to_change(&path)?;
        fs::remove_file(&path)?;
        Ok(file)
    }

    /// A file that `fill` writes, and what that tells; its digest is taken on the way.
    pub fn finished<T>(
        &self,
        name: &str,
        fill: impl FnOnce(&mut dyn Write) -> Result<T, PublishError>,
    ) -> Result<(Finished, T), PublishError> {
        let (path, file) = self.create(name)?;
        let mut out =
            Hashed { inner: io::BufWriter::new(file), hasher: Hasher::new(Algorithms::Sha256), length: 0 };
        let told = fill(&mut out)?;
        out.flush().map_err(|source| fs::IoError::new("write", &path, source))?;
        fs::sync_file(out.inner.get_ref(), &path)?;
        Ok((Finished { path, length: out.length, sha256: out.hasher.finish().0 }, told))
    }
}

struct Hashed<W> {
    inner: W,
    hasher: Hasher,
    length: u64,
}

impl<W: Write> Write for Hashed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.inner.write(bytes)?;
        self.hasher.update(&bytes[..count]);
        self.length += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}
