//! The content of a release, read once: compressed under its digest where it is
//! not there yet, and handed on, in the order of the manifest, for the archive.

use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::io::Read;
use std::io::Write;
use std::path::PathBuf;
use std::sync::mpsc;
use std::sync::mpsc::SyncSender;
use std::thread;

use rayon::iter::IntoParallelRefIterator;
use rayon::iter::ParallelIterator;
use zstd::bulk::Compressor;

use crate::base::digest::Sha256;
use crate::integrity::manifest::FileEntry;
use crate::release::publish::Release;
use crate::release::publish::error::PublishError;
use crate::release::publish::folder::Reference;
use crate::release::publish::folder::Workshop;
use crate::release::reference::content::Exactly;
use crate::release::reference::names;
use crate::sys::fault;
use crate::sys::fs;
use crate::sys::fs::IoError;

/// Objects are many, and packs save more than a higher level would. The next lower one takes
/// a third less time, once, and makes those of WordPress 4 % larger, for everybody.
const LEVEL: i32 = 3;
/// What is in memory at once, of one file or of several.
const AT_ONCE: u64 = 8 << 20;
const FILES_AT_ONCE: usize = 4096;
/// How many pieces go to the disk together, while more of them are made.
const FLUSHED_PIECES: usize = 4;
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

/// Files that follow each other in the manifest, with their content where it is
/// wanted; who wants a file that is larger than a piece reads it by himself.
pub(super) type Piece<'m> = Vec<(&'m FileEntry, Option<Vec<u8>>)>;

/// Puts everything that `release` holds in place and hands it on. A name stands
/// for whole content, so it is given only when that is on the disk.
pub(super) fn put<'m>(
    reference: &Reference,
    workshop: &Workshop,
    release: &'m Release,
    keeps_content: bool,
    next: &SyncSender<Piece<'m>>,
) -> Result<Objects, PublishError> {
    let mut shelves = Shelves::new(reference, workshop);
    let press = |press: &mut Press, job: &Job| press.make(workshop, release, job, keeps_content);
    let (written, flush) = mpsc::sync_channel::<()>(1);
    thread::scope(|scope| {
        // The disk has time while the processors pack: little is left for when names wait for it.
        scope.spawn(|| {
            // Whether all is there is asked, and told, before names are given.
            flush.into_iter().for_each(|()| drop(reference.sync()));
        });
        for (number, files) in pieces(&release.manifest.files).enumerate() {
            let jobs = files.iter().map(|entry| shelves.job(entry)).collect::<Result<Vec<Job>, _>>()?;
            let made: Vec<Made> =
                jobs.par_iter().map_init(Press::default, press).collect::<Result<_, _>>()?;
            let mut piece = Vec::with_capacity(made.len());
            for (job, made) in jobs.iter().zip(made) {
                shelves.made(job, made.packed)?;
                piece.push((job.entry, made.content));
            }
            if number % FLUSHED_PIECES == FLUSHED_PIECES - 1 {
                // Who still writes is not asked again.
                let _ = written.try_send(());
            }
            // Who takes it no more has failed, and says why.
            if next.send(piece).is_err() {
                break;
            }
        }
        drop(written);
        shelves.give_names()?;
        Ok(shelves.done)
    })
}

fn pieces(files: &[FileEntry]) -> impl Iterator<Item = &[FileEntry]> {
    let mut rest = files;
    std::iter::from_fn(move || {
        let mut bytes = 0u64;
        let fits = |entry: &&FileEntry| {
            bytes = bytes.saturating_add(entry.size());
            bytes <= AT_ONCE
        };
        let many = rest.iter().take(FILES_AT_ONCE).take_while(fits).count();
        let (piece, behind) = rest.split_at(many.max(1).min(rest.len()));
        rest = behind;
        (!piece.is_empty()).then_some(piece)
    })
}

/// A file, and the object that is to be made of it.
struct Job<'m> {
    entry: &'m FileEntry,
    object: Option<Sha256>,
}

struct Made {
    content: Option<Vec<u8>>,
    /// Bytes of the object that was made.
    packed: u64,
}

/// The names of objects: which are taken, and which are to be given.
struct Shelves<'r> {
    reference: &'r Reference,
    workshop: &'r Workshop,
    seen: BTreeSet<Sha256>,
    nameless: Vec<Sha256>,
    bytes: u64,
    done: Objects,
}

impl<'r> Shelves<'r> {
    fn new(reference: &'r Reference, workshop: &'r Workshop) -> Shelves<'r> {
        let (seen, nameless) = (BTreeSet::new(), Vec::new());
        Shelves { reference, workshop, seen, nameless, bytes: 0, done: Objects::default() }
    }

    fn job<'m>(&mut self, entry: &'m FileEntry) -> Result<Job<'m>, PublishError> {
        let digest = entry.sha256().filter(|digest| self.seen.insert(*digest));
        let Some(digest) = digest else { return Ok(Job { entry, object: None }) };
        match fs::metadata(&self.reference.object(&digest))?.filter(|file| file.is_file()) {
            Some(file) => {
                self.done.bytes += file.len();
                Ok(Job { entry, object: None })
            }
            None => Ok(Job { entry, object: Some(digest) }),
        }
    }

    fn made(&mut self, job: &Job, packed: u64) -> Result<(), PublishError> {
        let Some(digest) = job.object else { return Ok(()) };
        self.nameless.push(digest);
        self.bytes += packed;
        self.done.new += 1;
        self.done.bytes += packed;
        match self.bytes >= BATCH_BYTES || self.nameless.len() >= BATCH_FILES {
            true => self.give_names(),
            false => Ok(()),
        }
    }

    fn give_names(&mut self) -> Result<(), PublishError> {
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

/// What a thread keeps from file to file: making it anew takes longer than a small file.
#[derive(Default)]
struct Press {
    packed: Vec<u8>,
    compressor: Option<Compressor<'static>>,
}

impl Press {
    fn make(
        &mut self,
        workshop: &Workshop,
        release: &Release,
        job: &Job,
        keeps_content: bool,
    ) -> Result<Made, PublishError> {
        let (entry, size) = (job.entry, job.entry.size());
        let Some(digest) = entry.sha256() else { return Ok(Made { content: None, packed: 0 }) };
        let is_large = size > AT_ONCE;
        if job.object.is_none() && (is_large || !keeps_content) {
            return Ok(Made { content: None, packed: 0 });
        }
        let failed = |source| PublishError::Content { path: entry.path.clone(), source };
        let content = (release.open)(entry).map_err(failed)?;
        let mut content = Exactly::new(content, size, Some(digest));
        if is_large {
            let (path, file) = object(workshop, &digest)?;
            stream(&mut content, &file, size).map_err(failed)?;
            let file = file.metadata().map_err(|source| IoError::new("look at", path, source))?;
            return Ok(Made { content: None, packed: file.len() });
        }
        let bytes = content.whole().map_err(failed)?;
        let mut packed = 0;
        if job.object.is_some() {
            let (path, mut file) = object(workshop, &digest)?;
            let compressed = self.compress(&bytes).map_err(failed)?;
            file.write_all(compressed).map_err(|source| IoError::new("write", path, source))?;
            packed = compressed.len() as u64;
        }
        Ok(Made { content: keeps_content.then_some(bytes), packed })
    }

    /// What `content` holds, as one frame.
    fn compress(&mut self, content: &[u8]) -> io::Result<&[u8]> {
        let compressor = match &mut self.compressor {
            Some(compressor) => compressor,
            none => none.insert(Compressor::new(LEVEL)?),
        };
        self.packed.clear();
        self.packed.reserve(zstd::zstd_safe::compress_bound(content.len()));
        compressor.compress_to_buffer(content, &mut self.packed)?;
        Ok(&self.packed)
    }
}

/// A file for an object, on a shelf of the workshop: in one folder for all of them
/// the threads that make them would wait for each other.
fn object(workshop: &Workshop, digest: &Sha256) -> Result<(PathBuf, File), PublishError> {
    let name = names::object_name(digest);
    let created = match workshop.create(&name) {
        Err(PublishError::Io(error)) if error.is_not_found() => {
            fs::create_folders(&workshop.path(&names::shelf_of(digest)), 0o755)?;
            workshop.create(&name)
        }
        created => created,
    };
    let (path, file) = created?;
    fault::point("publish.object").map_err(|source| IoError::new("write", &path, source))?;
    Ok((path, file))
}

fn stream(content: &mut impl Read, file: &File, size: u64) -> io::Result<()> {
    let mut encoder = zstd::Encoder::new(io::BufWriter::new(file), LEVEL)?;
    encoder.set_pledged_src_size(Some(size))?;
    io::copy(content, &mut encoder)?;
    encoder.finish()?.flush()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::path::SitePath;
    use crate::integrity::manifest::Content;

    fn file(size: u64) -> FileEntry {
        let content = Content::File { size, sha256: Sha256::of(b""), md5: None };
        FileEntry { path: SitePath::parse("x").unwrap(), content, mode: None }
    }

    #[test]
    fn pieces_are_bounded_and_hold_everything_once() {
        for (what, sizes, expected) in [
            ("nothing", vec![], vec![]),
            ("small ones go together", vec![1, 0, AT_ONCE - 1], vec![3]),
            ("a byte too many begins another", vec![1, AT_ONCE], vec![1, 1]),
            ("a large one stands alone", vec![1, AT_ONCE + 1, u64::MAX, 1], vec![1, 1, 1, 1]),
            ("many empty ones", vec![0; FILES_AT_ONCE + 1], vec![FILES_AT_ONCE, 1]),
        ] {
            let files: Vec<FileEntry> = sizes.into_iter().map(file).collect();
            assert_eq!(pieces(&files).map(<[FileEntry]>::len).collect::<Vec<_>>(), expected, "{what}");
        }
    }
}
