//! The content of a release, file by file, compressed, under its digest: only
//! what is not there yet.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::io::Read;
use std::io::Write;

use rayon::iter::IntoParallelRefIterator;
use rayon::iter::ParallelIterator;
use zstd::bulk::Compressor;

use crate::base::digest::Sha256;
use crate::base::event::Event;
use crate::base::event::Watch;
use crate::integrity::manifest::FileEntry;
use crate::release::publish::Release;
use crate::release::publish::error::PublishError;
use crate::release::publish::folder::Reference;
use crate::release::publish::folder::Workshop;
use crate::release::reference::content::Exactly;
use crate::sys::fault;
use crate::sys::fs;
use crate::sys::fs::IoError;

/// Objects are many, and packs save more than a higher level would.
const LEVEL: i32 = 3;
/// What is compressed in memory at once.
const AT_ONCE: u64 = 8 << 20;
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

/// Puts everything that `release` holds in place. A name stands for whole
/// content, so it is given only when that is on the disk.
pub(super) fn put(
    reference: &Reference,
    workshop: &Workshop,
    release: &Release,
    watch: Watch,
) -> Result<Objects, PublishError> {
    let entries: BTreeMap<Sha256, &FileEntry> =
        release.manifest.files.iter().filter_map(|entry| Some((entry.sha256()?, entry))).collect();
    let missing: Vec<(Sha256, &FileEntry)> = entries
        .iter()
        .filter(|(digest, _)| !fs::is_file(&reference.object(digest)))
        .map(|(digest, entry)| (*digest, *entry))
        .collect();
    let total_bytes = missing.iter().map(|(_, entry)| entry.size()).sum();
    let (mut done, mut bytes) = (0, 0);
    for batch in batches(&missing) {
        let press = |press: &mut Press, one: &_| write(workshop, release, one, press);
        batch.par_iter().map_init(Press::default, press).collect::<Result<(), _>>()?;
        reference.sync()?;
        for (digest, _) in batch {
            give_name(reference, workshop, digest)?;
        }
        done += batch.len() as u64;
        bytes += batch.iter().map(|(_, entry)| entry.size()).sum::<u64>();
        let (what, total) = ("compressing".into(), missing.len() as u64);
        watch(None, Event::Progress { what, done, total, bytes, total_bytes });
    }
    let mut sizes = 0;
    for digest in entries.keys() {
        let path = reference.object(digest);
        let file = fs::metadata(&path)?;
        sizes += file.ok_or_else(|| PublishError::Damaged { path: fs::shown(&path), source: None })?.len();
    }
    Ok(Objects { new: done, bytes: sizes })
}

fn batches<'m, 'e>(missing: &'m [(Sha256, &'e FileEntry)]) -> Vec<&'m [(Sha256, &'e FileEntry)]> {
    let (mut batches, mut start, mut bytes) = (Vec::new(), 0, 0);
    for (at, (_, entry)) in missing.iter().enumerate() {
        bytes += entry.size();
        if bytes >= BATCH_BYTES || at + 1 - start >= BATCH_FILES {
            batches.push(&missing[start..=at]);
            (start, bytes) = (at + 1, 0);
        }
    }
    if start < missing.len() {
        batches.push(&missing[start..]);
    }
    batches
}

/// What a thread keeps from file to file: making it anew takes longer than a small file.
#[derive(Default)]
struct Press {
    content: Vec<u8>,
    packed: Vec<u8>,
    compressor: Option<Compressor<'static>>,
}

impl Press {
    /// What `content` holds, as one frame in `packed`.
    fn compress(&mut self) -> io::Result<&[u8]> {
        let compressor = match &mut self.compressor {
            Some(compressor) => compressor,
            none => none.insert(Compressor::new(LEVEL)?),
        };
        self.packed.clear();
        self.packed.reserve(zstd::zstd_safe::compress_bound(self.content.len()));
        compressor.compress_to_buffer(&self.content, &mut self.packed)?;
        Ok(&self.packed)
    }
}

fn write(
    workshop: &Workshop,
    release: &Release,
    (digest, entry): &(Sha256, &FileEntry),
    press: &mut Press,
) -> Result<(), PublishError> {
    let failed = |source| PublishError::Content { path: entry.path.clone(), source };
    let content = (release.open)(entry).map_err(failed)?;
    let mut content = Exactly::new(content, entry.size(), Some(*digest));
    let (path, mut file) = workshop.create(&digest.to_string())?;
    fault::point("publish.object").map_err(|source| IoError::new("write", &path, source))?;
    if entry.size() > AT_ONCE {
        return stream(&mut content, &file, entry.size()).map_err(failed);
    }
    press.content.clear();
    content.read_to_end(&mut press.content).map_err(failed)?;
    let packed = press.compress().map_err(failed)?;
    Ok(file.write_all(packed).map_err(|source| IoError::new("write", path, source))?)
}

fn stream(content: &mut impl Read, file: &File, size: u64) -> io::Result<()> {
    let mut encoder = zstd::Encoder::new(io::BufWriter::new(file), LEVEL)?;
    encoder.set_pledged_src_size(Some(size))?;
    io::copy(content, &mut encoder)?;
    encoder.finish()?.flush()
}

fn give_name(reference: &Reference, workshop: &Workshop, digest: &Sha256) -> Result<(), PublishError> {
    let path = reference.object(digest);
    if let Some(shelf) = path.parent() {
        fs::create_folders(shelf, 0o755)?;
    }
    Ok(fs::rename(&workshop.path(&digest.to_string()), &path)?)
}
