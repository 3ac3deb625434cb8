//! Content that the site holds already: it is taken from the live tree, by way
//! of its digest, and never fetched.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use rayon::prelude::*;

use crate::base::digest::Sha256;
use crate::base::path::SitePath;
use crate::integrity::manifest::FileEntry;
use crate::integrity::manifest::Manifest;
use crate::release::staging::Staging;
use crate::release::staging::StagingError;
use crate::sys::beneath::Root;

/// The live tree, and what it is known to hold.
pub struct Here<'a> {
    root: Option<Root>,
    installed: Option<&'a Manifest>,
    /// Where each content of the installed release stands.
    by_digest: BTreeMap<Sha256, &'a SitePath>,
}

impl<'a> Here<'a> {
    /// Without a tree, or where it cannot be opened, nothing is here.
    pub fn new(root: Option<&Path>, installed: Option<&'a Manifest>) -> Here<'a> {
        let files = installed.into_iter().flat_map(|manifest| &manifest.files);
        let by_digest = files.filter_map(|entry| Some((entry.sha256()?, &entry.path))).collect();
        Here { root: root.and_then(|root| Root::open(root).ok()), installed, by_digest }
    }

    /// A file that may have this content; whoever reads it has to see.
    fn open(&self, path: &SitePath, digest: &Sha256, size: u64) -> Option<File> {
        let root = self.root.as_ref()?;
        let there = match self.installed.and_then(|manifest| manifest.entry(path)?.sha256()) {
            // It changes with the release, so what stands there is not it.
            Some(other) if other != *digest => self.by_digest.get(digest).copied()?,
            Some(_) => path,
            None => self.by_digest.get(digest).copied().unwrap_or(path),
        };
        let stat = root.stat(there).ok().flatten()?;
        (stat.size == size).then(|| root.open_file(there).ok()).flatten()
    }

    /// The content of a file of the installed release, if it still is as it was.
    pub fn unmodified(&self, entry: &FileEntry, digest: &Sha256) -> Option<Vec<u8>> {
        let mut content = Vec::new();
        let file = self.open(&entry.path, digest, entry.size())?;
        file.take(entry.size() + 1).read_to_end(&mut content).ok()?;
        (Sha256::of(&content) == *digest).then_some(content)
    }

    /// Takes as much of this into staging as is here; how many bytes that were.
    pub fn take(&self, missing: &[&FileEntry], staging: &Staging) -> Result<u64, StagingError> {
        let taken = AtomicU64::new(0);
        missing.par_iter().try_for_each(|entry| {
            let Some(digest) = entry.sha256() else { return Ok(()) };
            let found: Box<dyn Read> = match entry.size() {
                0 => Box::new(std::io::empty()),
                size => match self.open(&entry.path, &digest, size) {
                    Some(file) => Box::new(file.take(size + 1)),
                    None => return Ok(()),
                },
            };
            match staging.add(&mut { found }, Some(digest)) {
                Ok((bytes, _)) => drop(taken.fetch_add(bytes, Relaxed)),
                // It was edited, or is being edited.
                Err(StagingError::WrongContent { .. }) => {}
                Err(error) => return Err(error),
            }
            Ok(())
        })?;
        Ok(taken.into_inner())
    }
}
