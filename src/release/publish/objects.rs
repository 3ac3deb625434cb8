//! The content of a release, read once: its digest is taken, it is compressed under
//! that where it is not there yet, and handed on, in the order of the manifest, for the archive.

use std::fs::File;
use std::io;
use std::io::Read;
use std::io::Write;
use std::path::PathBuf;
use std::sync::mpsc;
use std::thread::Scope;

use rayon::iter::IndexedParallelIterator;
use rayon::iter::IntoParallelRefIterator;
use rayon::iter::ParallelIterator;
use zstd::bulk::Compressor;

use crate::base::digest::Sha256;
use crate::integrity::manifest::Content;
use crate::integrity::manifest::FileEntry;
use crate::release::publish::error::PublishError;
use crate::release::publish::folder::Reference;
use crate::release::publish::folder::Workshop;
use crate::release::publish::pieces::AT_ONCE;
use crate::release::publish::pieces::Line;
use crate::release::publish::pieces::Piece;
use crate::release::publish::pieces::pieces;
use crate::release::publish::pieces::room;
use crate::release::publish::release::Release;
use crate::release::publish::release::unread;
use crate::release::publish::shelves::Object;
use crate::release::publish::shelves::Shelves;
use crate::release::publish::shelves::Taken;
use crate::release::reference::names;
use crate::sys::fault;
use crate::sys::fs;
use crate::sys::fs::IoError;

/// Objects are many, and what is fetched as objects is the rest that packs and archives do not bring. The
/// next higher level takes half as long again, and makes those of WordPress 4 % smaller.
const LEVEL: i32 = 2;
/// How many pieces go to the disk together, while more of them are made.
const FLUSHED_PIECES: usize = 8;

/// Makes an object of everything that `release` holds and hands that on. They have no names yet.
pub(super) fn make<'s, 'm: 's>(
    scope: &'s Scope<'s, '_>,
    reference: &'m Reference,
    workshop: &'m Workshop,
    release: &'m Release,
    line: Line<'m>,
) -> Result<Shelves<'m>, PublishError> {
    let taken = Taken::new(reference)?;
    let mut shelves = Shelves::new(reference, workshop);
    let bench = Bench { workshop, release, taken: &taken };
    let (written, flush) = mpsc::sync_channel::<()>(1);
    // The disk has time while the processors pack: little is left for when names wait for it.
    // Whether all is there is asked, and told, before names are given.
    scope.spawn(move || flush.into_iter().for_each(|()| drop(reference.sync())));
    for (number, files) in pieces(release.files()).enumerate() {
        let mut content = line.spare.try_recv().unwrap_or_default();
        let made = bench.make(files, &mut content)?;
        let digests = made.iter().map(|(digest, _)| *digest).collect();
        for (digest, object) in made {
            shelves.made(digest, object)?;
        }
        if number % FLUSHED_PIECES == FLUSHED_PIECES - 1 {
            // Who still writes is not asked again.
            let _ = written.try_send(());
        }
        // Who takes it no more has failed, and says why.
        if line.next.send(Piece { files, digests, content }).is_err() {
            break;
        }
    }
    Ok(shelves)
}

/// A file's digest, where it has one, and what became of its object.
type Made = (Option<Sha256>, Object);

/// Where objects are made.
struct Bench<'b, 'r> {
    workshop: &'b Workshop,
    release: &'b Release<'r>,
    taken: &'b Taken<'b>,
}

impl Bench<'_, '_> {
    /// Reads the files of a piece into `content`, each once, and makes their objects.
    fn make(&self, files: &[FileEntry], content: &mut Vec<u8>) -> Result<Vec<Made>, PublishError> {
        content.resize(files.iter().map(room).sum(), 0);
        let mut rest = &mut content[..];
        let part = |entry: &FileEntry| rest.split_off_mut(..room(entry)).unwrap_or_default();
        let parts: Vec<&mut [u8]> = files.iter().map(part).collect();
        let one = |press: &mut Press, (entry, part): (&FileEntry, &mut [u8])| match entry.content {
            Content::Link { .. } | Content::Folder => Ok((None, Object::None)),
            Content::File { size, .. } if size > AT_ONCE => self.large(entry, size),
            Content::File { .. } => self.small(press, entry, part),
        };
        files.par_iter().zip(parts).map_init(Press::default, one).collect()
    }

    fn small(&self, press: &mut Press, entry: &FileEntry, content: &mut [u8]) -> Result<Made, PublishError> {
        let expected = self.release.expected(entry);
        self.release.content(entry, expected)?.fill(content).map_err(|source| unread(entry, source))?;
        let digest = expected.unwrap_or_else(|| Sha256::of(content));
        if let Some(object) = self.taken.object(&digest)? {
            return Ok((Some(digest), object));
        }
        let (path, mut file) = object(self.workshop, &digest)?;
        let packed = press.compress(content).map_err(|source| unread(entry, source))?;
        file.write_all(packed).map_err(|source| IoError::new("write", path, source))?;
        Ok((Some(digest), Object::New(packed.len() as u64)))
    }

    fn large(&self, entry: &FileEntry, size: u64) -> Result<Made, PublishError> {
        let digest = self.release.digest(entry)?;
        if let Some(object) = self.taken.object(&digest)? {
            return Ok((Some(digest), object));
        }
        let (path, file) = object(self.workshop, &digest)?;
        let mut content = self.release.content(entry, Some(digest))?;
        stream(&mut content, &file, size).map_err(|source| unread(entry, source))?;
        let file = file.metadata().map_err(|source| IoError::new("look at", path, source))?;
        Ok((Some(digest), Object::New(file.len())))
    }
}

/// What a thread keeps from file to file: making it anew takes longer than a small file.
#[derive(Default)]
struct Press {
    packed: Vec<u8>,
    compressor: Option<Compressor<'static>>,
}

impl Press {
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
