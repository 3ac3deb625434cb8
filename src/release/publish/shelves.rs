//! Objects that were made, and those that were there.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::PoisonError;

use crate::base::digest::Sha256;
use crate::release::publish::error::PublishError;
use crate::release::publish::folder::Reference;
use crate::release::publish::folder::Workshop;
use crate::release::reference::names;
use crate::sys::fs;

/// After so many bytes or files what is done gets its names. Each time everything
/// of the file system goes to the disk, so they are few.
const BATCH_BYTES: u64 = 1 << 30;
const BATCH_FILES: usize = 50_000;

/// What was done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Objects {
    pub new: u64,
    /// All objects of the release, as they are served.
    pub bytes: u64,
}

/// What became of a file's object.
#[derive(Clone, Copy)]
pub(super) enum Object {
    /// Links and folders have none; the same content comes once.
    None,
    /// So many bytes were there.
    There(u64),
    New(u64),
}

/// Which objects are there, or somebody makes already.
pub(super) struct Taken<'r> {
    reference: &'r Reference,
    /// The shelves that were there before.
    shelves: BTreeSet<PathBuf>,
    seen: Mutex<BTreeSet<Sha256>>,
}

impl<'r> Taken<'r> {
    pub fn new(reference: &'r Reference) -> Result<Taken<'r>, PublishError> {
        let shelves = fs::list(&reference.folder().join(names::OBJECTS))?.into_iter().collect();
        Ok(Taken { reference, shelves, seen: Mutex::default() })
    }

    /// `None` where whoever asks has to make it, and is the only one to be told so.
    pub fn object(&self, digest: &Sha256) -> Result<Option<Object>, PublishError> {
        if !self.seen.lock().unwrap_or_else(PoisonError::into_inner).insert(*digest) {
            return Ok(Some(Object::None));
        }
        if !self.shelves.contains(&self.reference.folder().join(names::shelf_of(digest))) {
            return Ok(None);
        }
        let there = fs::metadata(&self.reference.object(digest))?.filter(|file| file.is_file());
        Ok(there.map(|file| Object::There(file.len())))
    }
}

/// The objects that were made. A name stands for whole content, so it is given only when that is on the disk.
pub(super) struct Shelves<'r> {
    reference: &'r Reference,
    workshop: &'r Workshop,
    nameless: Vec<Sha256>,
    bytes: u64,
    done: Objects,
    digests: Vec<Option<Sha256>>,
}

impl<'r> Shelves<'r> {
    pub fn new(reference: &'r Reference, workshop: &'r Workshop) -> Shelves<'r> {
        let (nameless, digests, done) = Default::default();
        Shelves { reference, workshop, nameless, bytes: 0, done, digests }
    }

    /// Those of the files, in the order of the manifest.
    pub fn digests(&self) -> &[Option<Sha256>] {
        &self.digests
    }

    /// To the disk with all of them, and then they get their names.
    pub fn give_names(mut self) -> Result<Objects, PublishError> {
        self.name()?;
        Ok(self.done)
    }

    pub fn made(&mut self, digest: Option<Sha256>, object: Object) -> Result<(), PublishError> {
        self.digests.push(digest);
        match (digest, object) {
            (Some(digest), Object::New(bytes)) => {
                self.nameless.push(digest);
                self.bytes += bytes;
                self.done.new += 1;
                self.done.bytes += bytes;
            }
            (_, Object::There(bytes)) => self.done.bytes += bytes,
            (_, Object::None | Object::New(_)) => {}
        }
        match self.bytes >= BATCH_BYTES || self.nameless.len() >= BATCH_FILES {
            true => self.name(),
            false => Ok(()),
        }
    }

    fn name(&mut self) -> Result<(), PublishError> {
        if self.nameless.is_empty() {
            return Ok(());
        }
        self.reference.sync()?;
        fs::create_folders(&self.reference.folder().join(names::OBJECTS), 0o755)?;
        let mut nameless = std::mem::take(&mut self.nameless);
        nameless.sort_unstable();
        for shelf in nameless.chunk_by(|a, b| names::shelf_of(a) == names::shelf_of(b)) {
            self.fill(&names::shelf_of(&shelf[0]), shelf)?;
        }
        self.bytes = 0;
        Ok(())
    }

    /// Where nothing stood yet a shelf is put up as a whole.
    fn fill(&self, shelf: &str, objects: &[Sha256]) -> Result<(), PublishError> {
        let place = self.reference.folder().join(shelf);
        if !fs::exists(&place) {
            return Ok(fs::rename(&self.workshop.path(shelf), &place)?);
        }
        for digest in objects {
            fs::rename(&self.workshop.path(&names::object_name(digest)), &self.reference.object(digest))?;
        }
        Ok(())
    }
}
