//! The verified local copy of a release: content by its digest, and beside it
//! what it is the content of. The stored format is `docs/staging.md`.

mod unproved;

use std::fs::File;
use std::io::Read;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;

use jiff::Timestamp;
use serde::Deserialize;
use serde::Serialize;

pub use self::unproved::Unproved;
use crate::base::digest::Algorithms;
use crate::base::digest::Hasher;
use crate::base::digest::Sha256;
use crate::base::exit::Exit;
use crate::base::exit::Fault;
use crate::base::json;
use crate::integrity::manifest::FileEntry;
use crate::integrity::manifest::Manifest;
use crate::integrity::manifest::ManifestError;
use crate::sys::fault;
use crate::sys::fs;
use crate::sys::fs::IoError;

pub const FORMAT: u32 = 1;
const BUFFER: usize = 128 * 1024;

/// The staging folder of one site.
#[derive(Clone, Debug)]
pub struct Staging {
    folder: PathBuf,
}

/// A staged release.
#[derive(Clone, Debug, PartialEq)]
pub struct Staged {
    pub manifest: Manifest,
    pub origin: Origin,
}

/// Where a staged release came from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Origin {
    pub format: u32,
    pub manifest: Sha256,
    /// For people.
    pub source: String,
    pub trust: Trust,
    /// Bytes that were not here before.
    pub fetched_bytes: u64,
    pub requests: u64,
    pub staged_at: Timestamp,
    pub notes: Vec<String>,
    /// Who signed it, and where that is published.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signed: Option<Signed>,
    /// What a full download would have been, in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub full_bytes: Option<u64>,
}

/// What was proved of a release of a reference.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Signed {
    pub reference: String,
    /// Digest of the root that the site believes.
    pub root: Sha256,
    /// The root that it led to.
    pub root_version: u64,
    /// When the first of the signatures ends.
    pub expires: Timestamp,
}

/// Why a release is believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Trust {
    /// A key that the site trusts signed it.
    Signed,
    /// Its digests stand in a published list.
    List,
    /// Nobody vouches for it but whoever brought it.
    None,
}

impl Trust {
    pub fn name(self) -> &'static str {
        match self {
            Trust::Signed => "signed",
            Trust::List => "list",
            Trust::None => "none",
        }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum StagingError {
    #[error("the content given as {expected} has another digest")]
    WrongContent { expected: Sha256 },
    #[error("{path} cannot be understood")]
    Damaged {
        path: String,
        #[source]
        source: serde_json::Error,
    },
    #[error("the staged manifest {path} cannot be understood")]
    Manifest {
        path: String,
        #[source]
        source: ManifestError,
    },
    #[error("the staged manifest {path} does not have its digest")]
    Tampered { path: String },
    #[error(transparent)]
    Io(#[from] IoError),
}

impl Fault for StagingError {
    fn exit(&self) -> Exit {
        match self {
            StagingError::WrongContent { .. } => Exit::Untrusted,
            StagingError::Io(error) => error.exit(),
            _ => Exit::Refused,
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            StagingError::Io(error) => error.hints(),
            _ => vec!["`entracte discard` empties staging; then stage again".into()],
        }
    }
}

impl Staging {
    pub fn open(folder: &Path) -> Result<Staging, StagingError> {
        fs::create_folders(&folder.join("objects"), 0o700)?;
        Ok(Staging { folder: folder.to_owned() })
    }

    /// Where the content with this digest is, or would be.
    pub fn object_path(&self, digest: &Sha256) -> PathBuf {
        let name = digest.to_string();
        self.folder.join("objects").join(&name[..2]).join(&name)
    }

    /// Where archives rest that were fetched, and parts of them.
    pub fn downloads(&self) -> PathBuf {
        self.folder.join("download")
    }

    /// Where lists of old servers rest.
    pub fn old_servers(&self) -> PathBuf {
        self.folder.join("yacs")
    }

    /// Where the repository rests that was fetched from last.
    pub fn repositories(&self) -> PathBuf {
        self.folder.join("git")
    }

    /// Every content that is here, unproved.
    pub fn objects(&self) -> Result<Vec<(Sha256, PathBuf)>, IoError> {
        let mut objects = Vec::new();
        for shelf in fs::list(&self.folder.join("objects"))?.into_iter().filter(|path| fs::is_folder(path)) {
            let digest = |path: &PathBuf| path.file_name()?.to_str()?.parse().ok();
            objects.extend(fs::list(&shelf)?.into_iter().filter_map(|path| Some((digest(&path)?, path))));
        }
        Ok(objects)
    }

    pub fn has(&self, digest: &Sha256, size: u64) -> bool {
        fs::metadata(&self.object_path(digest))
            .ok()
            .flatten()
            .is_some_and(|file| file.is_file() && file.len() == size)
    }

    pub fn open_object(&self, digest: &Sha256) -> Result<File, IoError> {
        fs::open(&self.object_path(digest))
    }

    /// Files whose content is not here.
    pub fn missing<'m>(&self, manifest: &'m Manifest) -> Vec<&'m FileEntry> {
        let here = |entry: &FileEntry| entry.sha256().is_none_or(|digest| self.has(&digest, entry.size()));
        manifest.files.iter().filter(|entry| !here(entry)).collect()
    }

    /// Takes content in; it gets its name only when all of it is written and
    /// has the digest that was expected. Returns size and digest.
    pub fn add(&self, from: &mut dyn Read, expected: Option<Sha256>) -> Result<(u64, Sha256), StagingError> {
        let (temporary, size, digest) = self.write(from)?;
        if let Some(expected) = expected
            && expected != digest
        {
            fs::remove_file_if_present(&temporary)?;
            return Err(StagingError::WrongContent { expected });
        }
        self.name(&temporary, &digest)?;
        Ok((size, digest))
    }

    /// Content without a name: where it is, its size and its digest.
    fn write(&self, from: &mut dyn Read) -> Result<(PathBuf, u64, Sha256), IoError> {
        let temporary = self.folder.join("objects").join(format!("incoming-{}", crate::sys::random::hex(8)));
        match write_hashed(from, &temporary) {
            Ok((size, digest)) => Ok((temporary, size, digest)),
            Err(error) => {
                let _ = fs::remove_file_if_present(&temporary);
                Err(error)
            }
        }
    }

    fn name(&self, temporary: &Path, digest: &Sha256) -> Result<(), IoError> {
        let path = self.object_path(digest);
        match fs::rename(temporary, &path) {
            Err(error) if error.is_not_found() => {
                fs::create_folders(path.parent().unwrap_or(&self.folder), 0o700)?;
                fs::rename(temporary, &path)
            }
            renamed => renamed,
        }
    }

    /// Where the staged release came from.
    pub fn origin(&self) -> Result<Option<Origin>, StagingError> {
        let path = self.folder.join("release.json");
        let Some(bytes) = fs::read_if_present(&path)? else { return Ok(None) };
        json::read_format(&bytes, FORMAT)
            .map(Some)
            .map_err(|source| StagingError::Damaged { path: fs::shown(&path), source })
    }

    /// The staged release, if there is one.
    pub fn staged(&self) -> Result<Option<Staged>, StagingError> {
        let Some(origin) = self.origin()? else { return Ok(None) };
        let path = self.manifest_path(&origin.manifest);
        let bytes = fs::read(&path)?;
        if Sha256::of(&bytes) != origin.manifest {
            return Err(StagingError::Tampered { path: fs::shown(&path) });
        }
        let manifest = Manifest::parse(&bytes)
            .map_err(|source| StagingError::Manifest { path: fs::shown(&path), source })?;
        Ok(Some(Staged { manifest, origin }))
    }

    /// Makes this the staged release; content that it does not need goes away.
    pub fn record(&self, staged: &Staged) -> Result<(), StagingError> {
        let objects = crate::sys::beneath::Root::open(&self.folder)?;
        objects.sync_file_system()?;
        fs::write_durable(&self.manifest_path(&staged.origin.manifest), &staged.manifest.to_json())?;
        let path = self.folder.join("release.json");
        let text = json::pretty(&staged.origin)
            .map_err(|source| StagingError::Damaged { path: fs::shown(&path), source })?;
        fs::write_durable(&path, &text)?;
        // Left-overs cost space, nothing else: the release is staged.
        let _ = self.sweep(Some(staged));
        Ok(())
    }

    /// Removes content that the staged release does not need.
    pub fn forget_unrecorded(&self) -> Result<(), StagingError> {
        let staged = self.staged()?;
        self.sweep(staged.as_ref())
    }

    /// Empties the staging area.
    pub fn discard(&self) -> Result<(), StagingError> {
        fs::remove_file_if_present(&self.folder.join("release.json"))?;
        for path in fs::list(&self.folder)? {
            match fs::is_folder(&path) {
                true => fs::remove_folder_all(&path)?,
                false => fs::remove_file_if_present(&path)?,
            }
        }
        Ok(fs::create_folders(&self.folder.join("objects"), 0o700)?)
    }

    fn manifest_path(&self, digest: &Sha256) -> PathBuf {
        self.folder.join(format!("manifest-{}.json", digest.short()))
    }

    fn sweep(&self, staged: Option<&Staged>) -> Result<(), StagingError> {
        let files = staged.into_iter().flat_map(|staged| &staged.manifest.files);
        let needed: std::collections::BTreeSet<PathBuf> =
            files.filter_map(FileEntry::sha256).map(|digest| self.object_path(&digest)).collect();
        for shelf in fs::list(&self.folder.join("objects"))? {
            if !fs::is_folder(&shelf) {
                fs::remove_file_if_present(&shelf)?;
                continue;
            }
            for object in fs::list(&shelf)?.iter().filter(|object| !needed.contains(*object)) {
                fs::remove_file_if_present(object)?;
            }
        }
        let current = staged.map(|staged| self.manifest_path(&staged.origin.manifest));
        for path in fs::list(&self.folder)? {
            let is_manifest =
                path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("manifest-"));
            if is_manifest && Some(&path) != current.as_ref() {
                fs::remove_file_if_present(&path)?;
            }
        }
        Ok(())
    }
}

fn write_hashed(from: &mut dyn Read, path: &Path) -> Result<(u64, Sha256), IoError> {
    let mut file = fs::create_new(path)?;
    let mut hasher = Hasher::new(Algorithms::Sha256);
    let mut buffer = vec![0; BUFFER];
    let mut size = 0;
    loop {
        let count = match from.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(source) => return Err(IoError::new("read the content for", path, source)),
        };
        fault::point("stage.write").map_err(|source| IoError::new("write", path, source))?;
        hasher.update(&buffer[..count]);
        file.write_all(&buffer[..count]).map_err(|source| IoError::new("write", path, source))?;
        size += count as u64;
    }
    Ok((size, hasher.finish().0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::integrity::manifest::Content;
    use crate::integrity::manifest::Extent;

    fn staged(texts: &[&str]) -> Staged {
        let mut files: Vec<FileEntry> = texts
            .iter()
            .map(|text| FileEntry {
                path: crate::base::path::SitePath::parse(&format!("f{text}")).unwrap(),
                content: Content::File {
                    size: text.len() as u64,
                    sha256: Sha256::of(text.as_bytes()),
                    md5: None,
                },
                mode: None,
            })
            .collect();
        files.sort_by(|a, b| a.path.cmp(&b.path));
        let manifest =
            Manifest { extent: Extent::Complete, files, ..Manifest::new("p", "1", Timestamp::UNIX_EPOCH) };
        let origin = Origin {
            format: FORMAT,
            manifest: manifest.digest(),
            source: "test".into(),
            trust: Trust::None,
            fetched_bytes: 0,
            requests: 0,
            staged_at: Timestamp::UNIX_EPOCH,
            notes: Vec::new(),
            signed: None,
            full_bytes: None,
        };
        Staged { manifest, origin }
    }

    #[test]
    fn what_is_recorded_is_found_and_the_rest_is_swept() {
        let folder = tempfile::tempdir().unwrap();
        let staging = Staging::open(folder.path()).unwrap();
        assert!(staging.staged().unwrap().is_none());
        for text in ["a", "b"] {
            staging.add(&mut text.as_bytes(), None).unwrap();
        }
        let first = staged(&["a", "b"]);
        staging.record(&first).unwrap();
        assert_eq!(staging.staged().unwrap().unwrap(), first);
        staging.add(&mut "c".as_bytes(), Some(Sha256::of(b"c"))).unwrap();
        let second = staged(&["b", "c"]);
        assert_eq!(staging.missing(&second.manifest).len(), 0);
        staging.record(&second).unwrap();
        assert_eq!(staging.staged().unwrap().unwrap(), second);
        assert!(!staging.has(&Sha256::of(b"a"), 1));
        staging.discard().unwrap();
        assert!(staging.staged().unwrap().is_none() && !staging.has(&Sha256::of(b"b"), 1));
    }

    #[test]
    fn content_with_another_digest_gets_no_name() {
        let folder = tempfile::tempdir().unwrap();
        let staging = Staging::open(folder.path()).unwrap();
        let error = staging.add(&mut "evil".as_bytes(), Some(Sha256::of(b"good"))).unwrap_err();
        assert_eq!(error.exit(), Exit::Untrusted);
        assert_eq!(fs::list(&folder.path().join("objects")).unwrap().len(), 0);
    }
}
