//! What is to be published: what it holds, and where its content is.

use std::io;
use std::io::Read;

use jiff::Timestamp;
use rayon::iter::IntoParallelRefIterator;
use rayon::iter::ParallelIterator;

use crate::base::digest::Algorithms;
use crate::base::digest::Sha256;
use crate::integrity::manifest::Content;
use crate::integrity::manifest::FileEntry;
use crate::integrity::manifest::Manifest;
use crate::integrity::scan::hash_reader;
use crate::release::archive::Unfit;
use crate::release::archive::check_unpacked;
use crate::release::publish::error::PublishError;
use crate::release::reference::content::Exactly;

/// Opens a file of the release.
pub type Open<'a> = &'a (dyn Fn(&FileEntry) -> io::Result<Box<dyn Read>> + Sync);

/// A release whose digests are known, or are taken while it is packed.
pub struct Release<'a> {
    listed: Manifest,
    is_read: bool,
    open: Open<'a>,
}

impl<'a> Release<'a> {
    /// One that was read: what `open` gives must be as its manifest says.
    pub fn read(manifest: Manifest, open: Open<'a>) -> Release<'a> {
        Release { listed: manifest, is_read: true, open }
    }

    /// One whose files have [`Sha256::UNSAID`] yet; `open` fails on what is not as it was listed.
    pub fn unread(listed: Manifest, open: Open<'a>) -> Release<'a> {
        Release { listed, is_read: false, open }
    }

    pub(super) fn is(&self, product: &str, version: &str) -> bool {
        self.listed.product == product && self.listed.version == version
    }

    pub(super) fn version(&self) -> &str {
        &self.listed.version
    }

    pub(super) fn time(&self) -> Timestamp {
        self.listed.time
    }

    /// As they are listed; their digests may be unsaid.
    pub(super) fn files(&self) -> &[FileEntry] {
        &self.listed.files
    }

    pub(super) fn bytes(&self) -> u64 {
        self.listed.bytes()
    }

    /// Refuses what those who use it would refuse.
    pub(super) fn check(&self) -> Result<(), PublishError> {
        check_unpacked(&self.listed.files, self.open).map_err(|error| match error {
            Unfit::Unread { path, source } => PublishError::Content { path, source },
            refused => refused.into(),
        })
    }

    /// The digest that a file must have, where that is known.
    pub(super) fn expected(&self, entry: &FileEntry) -> Option<Sha256> {
        entry.sha256().filter(|_| self.is_read)
    }

    /// What a file holds; it ends only if that is what was listed, and has the digest that is known.
    pub(super) fn content(
        &self,
        entry: &FileEntry,
        digest: Option<Sha256>,
    ) -> Result<Exactly<Box<dyn Read>>, PublishError> {
        let content = (self.open)(entry).map_err(|source| unread(entry, source))?;
        Ok(Exactly::new(content, entry.size(), digest))
    }

    /// The digest of a file, which is read for it where it has to be.
    pub(super) fn digest(&self, entry: &FileEntry) -> Result<Sha256, PublishError> {
        if let Some(digest) = self.expected(entry) {
            return Ok(digest);
        }
        let read = hash_reader(&mut self.content(entry, None)?, Algorithms::Sha256);
        read.map(|(_, sha256, _)| sha256).map_err(|source| unread(entry, source))
    }

    /// All of its digests, for who packs nothing of it.
    pub(super) fn digests(&self) -> Result<Vec<Option<Sha256>>, PublishError> {
        let digest = |entry: &FileEntry| match entry.content {
            Content::File { .. } => self.digest(entry).map(Some),
            Content::Link { .. } | Content::Folder => Ok(None),
        };
        self.listed.files.par_iter().map(digest).collect()
    }

    /// Its manifest, with the digests of its files in their order.
    pub(super) fn manifest(&self, digests: &[Option<Sha256>]) -> Manifest {
        let mut manifest = self.listed.clone();
        for (entry, digest) in manifest.files.iter_mut().zip(digests) {
            if let (Content::File { sha256, .. }, Some(digest)) = (&mut entry.content, digest) {
                *sha256 = *digest;
            }
        }
        manifest
    }
}

pub(super) fn unread(entry: &FileEntry, source: io::Error) -> PublishError {
    PublishError::Content { path: entry.path.clone(), source }
}
