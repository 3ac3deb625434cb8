//! Content that the site holds already, and that is never fetched: what the release
//! leaves as it was stays where it is, other files are copied into staging.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use rayon::prelude::*;

use crate::base::digest::Algorithms;
use crate::base::digest::Sha256;
use crate::base::path::SitePath;
use crate::integrity::manifest::FileEntry;
use crate::integrity::manifest::Manifest;
use crate::integrity::scan::hash_reader;
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

    /// What stays where it is: files that the release has as the installed one had
    /// them, and that still are so. What is read of a release is always staged.
    pub fn unchanged(&self, new: &Manifest) -> BTreeSet<Sha256> {
        let (Some(root), Some(installed)) = (&self.root, self.installed) else { return BTreeSet::new() };
        let read = read_of(new);
        let stays = |entry: &&FileEntry| {
            let old = installed.entry(&entry.path).and_then(FileEntry::sha256);
            old.is_some() && old == entry.sha256() && entry.size() > 0 && !read.contains(&entry.path)
        };
        let files: Vec<&FileEntry> = new.files.iter().filter(stays).collect();
        let unmodified = |entry: &&FileEntry| {
            let mut file = root.open_file(&entry.path).ok()?;
            let (_, digest, _) = hash_reader(&mut file, Algorithms::Sha256).ok()?;
            entry.sha256().filter(|wanted| *wanted == digest)
        };
        files.par_iter().filter_map(unmodified).collect()
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

    /// Takes as much of this into staging as is here.
    pub fn take(&self, missing: &[&FileEntry], staging: &Staging) -> Result<(), StagingError> {
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
                // It was edited, or is being edited.
                Ok(_) | Err(StagingError::WrongContent { .. }) => Ok(()),
                Err(error) => Err(error),
            }
        })
    }
}

/// Files that say what is to be done with the site.
fn read_of(manifest: &Manifest) -> BTreeSet<&SitePath> {
    let scripts = manifest.run_once.iter().map(|script| &script.path);
    let named = [&manifest.schema, &manifest.tables, &manifest.extensions];
    named.into_iter().flatten().chain(scripts).collect()
}
