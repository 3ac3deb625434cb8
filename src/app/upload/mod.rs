//! Archives that come into a site's inbox piece by piece. What is here of one
//! stands in the inbox under a name that nothing else takes for an archive, so
//! that another browser, or another server, goes on where the line broke; it
//! gets its own name when it is whole.

mod append;
mod error;
mod left;
mod names;
mod stored;

use std::fs::File;
use std::io::ErrorKind;
use std::io::Read;
use std::io::Seek;
use std::path::Path;
use std::path::PathBuf;

use jiff::SignedDuration;
use jiff::Timestamp;
use serde::Serialize;

use crate::app::desk::Place;
use crate::app::failure::Failure;
use crate::app::stage;
use crate::app::upload::append::append;
pub use crate::app::upload::error::UploadError;
pub use crate::app::upload::left::Left;
use crate::app::upload::names::archive_name;
use crate::app::upload::names::inside;
use crate::app::upload::names::part_name;
use crate::app::upload::stored::Stored;
use crate::base::digest::Algorithms;
use crate::base::digest::Sha256;
use crate::integrity::scan::hash_reader;
use crate::site::Site;
use crate::sys::beneath::Rename;
use crate::sys::beneath::Root;
use crate::sys::clock;
use crate::sys::disk;
use crate::sys::fs;
use crate::sys::fs::IoError;
use crate::sys::random;

/// As much stays free on the disk, whatever is uploaded.
const MARGIN_BYTES: u64 = 64 << 20;
const MOST_UNFINISHED: usize = 16;
/// What was just written there may still be written by somebody else.
const QUIET: SignedDuration = SignedDuration::from_secs(60);

/// The inbox of one site, as the place that uploads go to.
pub struct Uploads {
    folder: PathBuf,
    /// No archive may be larger, in bytes.
    pub limit: u64,
}

/// What somebody wants to bring.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    pub name: &'a str,
    pub size: u64,
    /// What tells this file from another one of the same name and size, as far
    /// as the browser knows: the time of its last change.
    pub mark: &'a str,
    pub by: &'a str,
}

/// One that is not whole yet.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct UploadView {
    pub upload: String,
    pub name: String,
    pub size: u64,
    /// As many bytes are here.
    pub offset: u64,
    pub by: String,
    pub begun: Timestamp,
}

/// One that is whole, and in the inbox.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Arrived {
    pub name: String,
    pub size: u64,
    pub sha256: Sha256,
}

impl Uploads {
    pub fn of(place: &Place) -> Result<Uploads, Failure> {
        Ok(Uploads::of_site(&place.open()?))
    }

    pub fn of_site(site: &Site) -> Uploads {
        Uploads { folder: site.inbox(), limit: stage::limits(site).total_bytes }
    }

    /// Begins one, or goes on with the one that was begun of the same file.
    pub fn begin(&self, wanted: &Wanted) -> Result<UploadView, UploadError> {
        let name = archive_name(wanted.name)?;
        self.must_fit(wanted.size)?;
        fs::create_folders(&self.folder, 0o700)?;
        self.sweep()?;
        let begun = self.unfinished()?;
        let is_same = |(_, stored): &&(String, Stored)| {
            stored.name == name && stored.size == wanted.size && stored.mark == wanted.mark
        };
        if let Some((id, stored)) = begun.iter().find(is_same) {
            return Ok(self.view(id, stored));
        }
        self.must_be_free(name)?;
        if begun.len() >= MOST_UNFINISHED {
            return Err(UploadError::Several { most: MOST_UNFINISHED });
        }
        let stored = Stored::new(name, wanted.size, wanted.mark, wanted.by);
        let id = self.create(&stored)?;
        Ok(self.view(&id, &stored))
    }

    pub fn find(&self, id: &str) -> Result<UploadView, UploadError> {
        Ok(self.view(id, &self.stored(id)?))
    }

    /// Every one that is not whole, by name.
    pub fn list(&self) -> Result<Vec<UploadView>, UploadError> {
        let mut all: Vec<UploadView> =
            self.unfinished()?.iter().map(|(id, stored)| self.view(id, stored)).collect();
        all.sort_by(|a, b| (&a.name, &a.upload).cmp(&(&b.name, &b.upload)));
        Ok(all)
    }

    /// Takes the bytes that come after the first `offset` ones, as many as come.
    /// What came before the line broke stays.
    pub fn add(&self, id: &str, offset: u64, body: &mut dyn Read) -> Result<UploadView, UploadError> {
        let (mut file, stored) = self.locked(id)?;
        let path = self.part(id);
        let here = length(&file, &path)?;
        if offset != here {
            return Err(UploadError::Offset { expected: here });
        }
        append(&mut file, &path, here, stored.size, body)?;
        Ok(self.view(id, &stored))
    }

    /// Gives a whole one its name.
    pub fn finish(&self, id: &str) -> Result<Arrived, UploadError> {
        let (mut file, stored) = self.locked(id)?;
        let path = self.part(id);
        let here = length(&file, &path)?;
        if here != stored.size {
            return Err(UploadError::Short { offset: here, size: stored.size });
        }
        fs::sync_file(&file, &path)?;
        let failed = |source| IoError::new("read", &path, source);
        file.rewind().map_err(failed)?;
        let (_, sha256, _) = hash_reader(&mut file, Algorithms::Sha256).map_err(failed)?;
        self.must_be_free(&stored.name)?;
        // In whole seconds, as any file system keeps it.
        let quiet = Timestamp::from_second((clock::now() - QUIET).as_second()).unwrap_or_default();
        self.put_in_place(id, &stored.name, quiet)?;
        let arrived = Stored { sha256: Some(sha256), modified: Some(quiet), ..stored };
        arrived.save(&self.record(id))?;
        Ok(Arrived { name: arrived.name, size: arrived.size, sha256 })
    }

    /// Brings one in a single stream; what does not come whole leaves nothing.
    /// `most` is what the sender says, or may say.
    pub fn take_whole(
        &self,
        name: &str,
        most: Option<u64>,
        by: &str,
        body: &mut dyn Read,
    ) -> Result<Arrived, UploadError> {
        let name = archive_name(name)?;
        let most = most.unwrap_or(self.limit).min(self.limit);
        fs::create_folders(&self.folder, 0o700)?;
        self.sweep()?;
        self.must_be_free(name)?;
        let stored = Stored::new(name, most, "", by);
        let id = self.create(&stored)?;
        let came = self.locked(&id).and_then(|(mut file, _)| self.whole(&id, &mut file, &stored, body));
        let finished = came.and_then(|()| self.finish(&id));
        if finished.is_err() {
            self.remove(&id)?;
        }
        finished
    }

    fn whole(
        &self,
        id: &str,
        file: &mut File,
        stored: &Stored,
        body: &mut dyn Read,
    ) -> Result<(), UploadError> {
        let path = self.part(id);
        let size = append(file, &path, 0, stored.size, body)?;
        self.must_fit(size)?;
        // Gives back the room that was taken and not needed.
        fs::set_length(file, &path, size)?;
        Stored { size, ..stored.clone() }.save(&self.record(id))
    }

    /// Removes what is here of one.
    pub fn cancel(&self, id: &str) -> Result<(), UploadError> {
        let _held = self.locked(id)?;
        self.remove(id)
    }

    /// What is known of a file of the inbox that came this way and is still that.
    pub fn arrived(&self, name: &str, size: u64, modified: Option<Timestamp>) -> Option<(Sha256, String)> {
        let records = self.records().ok()?;
        let same = |stored: &Stored| {
            stored.name == name
                && stored.size == size
                && stored.modified.is_some()
                && stored.modified == modified
        };
        let stored = records.into_iter().map(|(_, stored)| stored).find(same)?;
        Some((stored.sha256?, stored.by))
    }

    fn must_fit(&self, size: u64) -> Result<(), UploadError> {
        match size {
            0 => Err(UploadError::Empty),
            size if size > self.limit => Err(UploadError::TooLarge { size, limit: self.limit }),
            _ => Ok(()),
        }
    }

    fn must_be_free(&self, name: &str) -> Result<(), UploadError> {
        match fs::exists(&self.folder.join(name)) {
            true => Err(UploadError::Exists { name: name.to_owned() }),
            false => Ok(()),
        }
    }

    /// Takes the room for all of it, so that it does not end half-way.
    fn create(&self, stored: &Stored) -> Result<String, UploadError> {
        let free = disk::space(&self.folder)?.free_bytes;
        let full = || UploadError::Full { needed: stored.size, free };
        if free < stored.size.saturating_add(MARGIN_BYTES) {
            return Err(full());
        }
        let id = random::hex(16);
        let path = self.part(&id);
        let file = fs::create_new(&path)?;
        let made = match disk::reserve(&file, &path, stored.size) {
            Err(error) if error.source.kind() == ErrorKind::StorageFull => Err(full()),
            reserved => reserved.map_err(UploadError::from),
        };
        if let Err(error) = made.and_then(|()| stored.save(&self.record(&id))) {
            self.remove(&id)?;
            return Err(error);
        }
        Ok(id)
    }

    /// The part, held by nobody else. What was written before the machine
    /// stopped may lack bytes in its middle, and counts for nothing.
    fn locked(&self, id: &str) -> Result<(File, Stored), UploadError> {
        let mut stored = self.stored(id)?;
        let path = self.part(id);
        let file = fs::open_to_change(&path)?;
        if !fs::try_to_lock(&file, &path)? {
            return Err(UploadError::Busy);
        }
        if !stored.is_of_this_boot() {
            fs::set_length(&file, &path, 0)?;
            stored.boot = clock::boot_id();
            stored.save(&self.record(id))?;
        }
        Ok((file, stored))
    }

    fn put_in_place(&self, id: &str, name: &str, modified: Timestamp) -> Result<(), UploadError> {
        let inbox = Root::open(&self.folder)?;
        let (from, to) = (inside(&part_name(id))?, inside(name)?);
        inbox.set_mtime(&from, modified.as_second(), 0)?;
        match inbox.rename(&from, &inbox, &to, Rename::NoReplace) {
            Err(error) if error.source.kind() == ErrorKind::AlreadyExists => {
                Err(UploadError::Exists { name: name.to_owned() })
            }
            renamed => Ok(renamed.and_then(|()| fs::sync_folder(&self.folder))?),
        }
    }

    fn view(&self, id: &str, stored: &Stored) -> UploadView {
        let here = fs::metadata(&self.part(id)).ok().flatten().map_or(0, |file| file.len());
        UploadView {
            upload: id.to_owned(),
            name: stored.name.clone(),
            size: stored.size,
            offset: if stored.is_of_this_boot() { here } else { 0 },
            by: stored.by.clone(),
            begun: stored.begun,
        }
    }

    fn stored(&self, id: &str) -> Result<Stored, UploadError> {
        let is_id = id.len() == 32 && id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        if !is_id || !fs::is_file(&self.part(id)) {
            return Err(UploadError::Unknown);
        }
        Stored::load(&self.record(id))?.ok_or(UploadError::Unknown)
    }

    fn unfinished(&self) -> Result<Vec<(String, Stored)>, UploadError> {
        let mut all = self.records()?;
        all.retain(|(id, _)| fs::is_file(&self.part(id)));
        Ok(all)
    }

    fn records(&self) -> Result<Vec<(String, Stored)>, UploadError> {
        let mut found = Vec::new();
        for id in self.ids()? {
            // What cannot be read any more is swept away one day.
            if let Ok(Some(stored)) = Stored::load(&self.record(&id)) {
                found.push((id, stored));
            }
        }
        Ok(found)
    }

    /// Of everything that an upload left here.
    fn ids(&self) -> Result<Vec<String>, UploadError> {
        if !fs::is_folder(&self.folder) {
            return Ok(Vec::new());
        }
        let name = |path: PathBuf| path.file_name()?.to_str().map(str::to_owned);
        let id = |name: String| Some(name.strip_prefix(".upload-")?.get(..32)?.to_owned());
        let mut ids: Vec<String> =
            fs::list(&self.folder)?.into_iter().filter_map(name).filter_map(id).collect();
        ids.dedup();
        Ok(ids)
    }

    fn remove(&self, id: &str) -> Result<(), UploadError> {
        fs::remove_file_if_present(&self.part(id))?;
        Ok(fs::remove_file_if_present(&self.record(id))?)
    }

    fn part(&self, id: &str) -> PathBuf {
        self.folder.join(part_name(id))
    }

    fn record(&self, id: &str) -> PathBuf {
        self.folder.join(format!(".upload-{id}.json"))
    }
}

fn length(file: &File, path: &Path) -> Result<u64, IoError> {
    file.metadata().map(|found| found.len()).map_err(|source| IoError::new("look at", path, source))
}

#[cfg(test)]
mod tests;
