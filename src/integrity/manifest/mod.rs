//! The list of a release's files. The stored format is `docs/manifest.md`.

pub mod build;
pub mod diff;
#[cfg(test)]
pub mod fixtures;
mod json;
pub mod version;

pub use json::MAX_BYTES;
pub use json::MAX_FILES;
pub use json::ManifestError;
pub use json::check_names;

use jiff::Timestamp;
use serde::Deserialize;
use serde::Serialize;

use crate::base::digest::Md5;
use crate::base::digest::Sha256;
use crate::base::path::SitePath;
use crate::base::pattern::Patterns;

/// The one version of the format that this program writes.
pub const FORMAT: u32 = 1;

/// When a release was made. What came as an archive without a manifest has 1970: times in archives
/// are not believed.
pub fn known_time(time: Timestamp) -> Option<Timestamp> {
    (time > Timestamp::UNIX_EPOCH).then_some(time)
}

/// One release: what it is, what it holds, what it needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    pub product: String,
    pub version: String,
    /// When it was made; [`known_time`] says whether that is known.
    pub time: Timestamp,
    /// How far the list of files can be believed to be the whole release.
    pub extent: Extent,
    /// How the manifest came to be.
    pub made: Made,
    /// Which installed versions this release can follow; empty: any.
    pub from: Vec<FromRule>,
    /// In byte order of their paths, each path once.
    pub files: Vec<FileEntry>,
    /// Paths of older releases that this one drops.
    pub deleted: Vec<SitePath>,
    /// Versioned SQL files, in the order they are applied; each is among `files`.
    pub schema: Vec<SitePath>,
    /// Files that declare tables; each is among `files`.
    pub tables: Vec<SitePath>,
    /// One-time scripts, in the order they run; each is among `files`.
    pub run_once: Vec<RunOnce>,
    /// Extension descriptors; each is among `files`.
    pub extensions: Vec<SitePath>,
}

/// Whether a path that is not listed is not part of the release.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Extent {
    /// Every file of the release is listed: what is not, is obsolete.
    Complete,
    /// Only some are: nothing is removed but what `deleted` names.
    Partial,
}

/// How a manifest came to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Made {
    /// The publisher wrote it.
    Published,
    /// entracte built it from the content of a release that had none.
    Built,
    /// entracte took it from a live tree: what the files were before is not known.
    Observed,
}

/// A range of versions that may be updated: `min <= installed < below`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FromRule {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub below: Option<String>,
}

/// One path of a release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileEntry {
    pub path: SitePath,
    pub content: Content,
    /// Permission bits; `None`: whatever the site uses.
    pub mode: Option<u32>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    File {
        size: u64,
        sha256: Sha256,
        md5: Option<Md5>,
    },
    /// A symbolic link; its target stays below the site's root.
    Link {
        target: String,
    },
    /// A folder that the release wants even when nothing is in it.
    Folder,
}

/// A one-time script of a release.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunOnce {
    pub path: SitePath,
    /// Whether running it twice is the same as running it once.
    #[serde(default)]
    pub repeatable: bool,
    /// The files of the site it may change.
    #[serde(default)]
    pub changes: Patterns,
}

impl Manifest {
    /// One that lists nothing yet and claims as little as it can: built, and not the whole release.
    pub fn new(product: impl Into<String>, version: impl Into<String>, time: Timestamp) -> Manifest {
        Manifest {
            product: product.into(),
            version: version.into(),
            time,
            extent: Extent::Partial,
            made: Made::Built,
            from: Vec::new(),
            files: Vec::new(),
            deleted: Vec::new(),
            schema: Vec::new(),
            tables: Vec::new(),
            run_once: Vec::new(),
            extensions: Vec::new(),
        }
    }

    /// The entry of `path`, found by binary search.
    pub fn entry(&self, path: &SitePath) -> Option<&FileEntry> {
        self.files.binary_search_by(|entry| entry.path.cmp(path)).ok().map(|at| &self.files[at])
    }

    /// Sum of the sizes of all files, in bytes.
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(FileEntry::size).sum()
    }
}

impl FileEntry {
    /// Size in bytes; 0 for links and folders.
    pub fn size(&self) -> u64 {
        match self.content {
            Content::File { size, .. } => size,
            Content::Link { .. } | Content::Folder => 0,
        }
    }

    pub fn sha256(&self) -> Option<Sha256> {
        match self.content {
            Content::File { sha256, .. } => Some(sha256),
            Content::Link { .. } | Content::Folder => None,
        }
    }
}
