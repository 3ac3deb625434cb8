//! Digests remembered by the marks of their files, so that an unchanged file
//! need not be read again.
//!
//! An entry is believed only while path, size, modification and change time,
//! inode and device are the same, and only when the file was older than the
//! scan that read it by more than a clock tick: a file written in the same
//! instant could have changed once more without a trace.
//!
//! What is stored is sealed with a key of the state folder ([`Key`]): a cache
//! that somebody else wrote is not believed. And since marks can be made to lie,
//! a watch doubts a share of them each time ([`StatCache::doubting`]): those
//! files are read again, and where their bytes differ all the same, that is known.

mod records;

use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

use jiff::Timestamp;

use crate::base::digest::Md5;
use crate::base::digest::Sha256;
use crate::base::path::TreePath;
use crate::base::tree::Kind;
use crate::base::tree::Meta;
use crate::integrity::cache::records::ENTRY;
use crate::integrity::cache::records::Entry;
use crate::integrity::cache::records::Records;
use crate::integrity::key::Key;
use crate::integrity::scan::Scan;
use crate::integrity::shares::Shares;
use crate::sys::beneath::Stat;
use crate::sys::fs;
use crate::sys::fs::IoError;

const MAGIC: &[u8] = b"entracte stat cache 2\n";
/// Of before caches were sealed.
const UNSEALED: &[u8] = b"entracte stat cache 1\n";
/// The key stands beside the cache.
const KEY: &str = "key";
const NANOS: i128 = 1_000_000_000;
/// Files younger than this against the scan are read again, in nanoseconds.
const TICK: i128 = 100_000_000;
/// The same where times have no fraction, as on some network file systems.
const COARSE_TICK: i128 = 2 * NANOS;

#[derive(Clone, Default)]
pub struct StatCache {
    records: Records,
    doubt: Doubt,
    /// What was asked for, known and not believed.
    doubted: Arc<Mutex<Vec<TreePath>>>,
}

/// Which of the files that look unchanged are read again all the same.
#[derive(Clone, Default)]
pub enum Doubt {
    #[default]
    None,
    Some(Shares, Key),
    All,
}

impl StatCache {
    /// What a scan learnt, as far as it can be believed later. `file_time` is when
    /// it began by the clock that sets the times of files, which need not be ours:
    /// a server's on the network, or ours before it was put right.
    pub fn of(scan: &Scan, file_time: Timestamp) -> StatCache {
        let mut records = Records::default();
        believable(scan, file_time).for_each(|(path, entry)| records.put(path, &entry));
        StatCache { records, ..StatCache::default() }
    }

    /// What is known of these paths only.
    #[must_use]
    pub fn only(self, wanted: impl Fn(&[u8]) -> bool) -> StatCache {
        let mut records = Records::default();
        let wanted = self.records.iter().filter(|(path, _)| wanted(path));
        wanted.for_each(|(path, entry)| records.put(path, &entry));
        StatCache { records, ..self }
    }

    /// What either knows.
    #[must_use]
    pub fn and(mut self, other: StatCache) -> StatCache {
        other.records.iter().for_each(|(path, entry)| self.records.put(path, &entry));
        self
    }

    /// The same, believing less.
    #[must_use]
    pub fn doubting(self, doubt: Doubt) -> StatCache {
        StatCache { doubt, doubted: Arc::default(), ..self }
    }

    /// Files that were read again though their marks are as they were, and whose
    /// bytes are not: somebody took pains to hide a change, or the disk fails.
    pub fn lies(&self, scan: &Scan) -> Vec<TreePath> {
        let is_lie = |path: &&TreePath| {
            let (Some(entry), Some(node)) = (self.records.get(path), scan.tree.get(*path)) else {
                return false;
            };
            let (reads, ctime) = (node.sha256(), scan.ctime(node));
            reads.is_some_and(|reads| reads != entry.sha256)
                && ctime.is_some_and(|ctime| entry.has_marks(node.size(), &node.meta, ctime))
        };
        let mut lies: Vec<TreePath> = self.doubts().iter().filter(is_lie).cloned().collect();
        lies.sort();
        lies.dedup();
        lies
    }

    /// How many files were known and read again all the same.
    pub fn doubted(&self) -> u64 {
        self.doubts().len() as u64
    }

    fn doubts(&self) -> MutexGuard<'_, Vec<TreePath>> {
        self.doubted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn lookup(&self, path: &TreePath, stat: &Stat) -> Option<(Sha256, Option<Md5>)> {
        let entry = self.records.get(path)?;
        if !entry.has_marks(stat.size, &stat.meta, stat.ctime) {
            return None;
        }
        if self.doubt.is_about(path) {
            self.doubts().push(path.clone());
            return None;
        }
        Some((entry.sha256, entry.md5))
    }

    /// The stored cache, empty when there is none; one that is damaged or not
    /// ours is thrown away with a warning.
    pub fn load(path: &Path) -> (StatCache, Option<String>) {
        let read = fs::read_if_present(path).and_then(|bytes| Ok((bytes, Key::load(&key_of(path))?)));
        let (bytes, key) = match read {
            Ok((Some(bytes), key)) => (bytes, key),
            Ok((None, _)) => return (StatCache::default(), None),
            Err(error) => return (StatCache::default(), Some(error.to_string())),
        };
        if bytes.starts_with(UNSEALED) {
            return (StatCache::default(), None);
        }
        match key.and_then(|key| StatCache::parse(bytes, &key)) {
            Some(cache) => (cache, None),
            None => {
                let shown = fs::shown(path);
                let said = format!("the stat cache {shown} is damaged or not ours and was discarded");
                (StatCache::default(), Some(said))
            }
        }
    }

    pub fn save(&self, path: &Path) -> Result<(), IoError> {
        write(path, self.records.len(), self.records.iter())
    }

    /// The same as [`StatCache::of`] and [`StatCache::save`], without holding it all.
    pub fn keep(scan: &Scan, file_time: Timestamp, path: &Path) -> Result<(), IoError> {
        write(path, scan.tree.len(), believable(scan, file_time))
    }

    fn parse(mut sealed: Vec<u8>, key: &Key) -> Option<StatCache> {
        let body = key.open(&sealed)?.len();
        sealed.truncate(body);
        let records = sealed.starts_with(MAGIC).then(|| Records::read(sealed, MAGIC.len()))??;
        Some(StatCache { records, ..StatCache::default() })
    }
}

/// What of a scan can be believed later.
fn believable(scan: &Scan, file_time: Timestamp) -> impl Iterator<Item = (&[u8], Entry)> {
    let started = scan.started.min(file_time).as_nanosecond();
    scan.changes().filter_map(move |(path, node, ctime)| {
        let Kind::File { size, sha256, md5 } = node.kind else { return None };
        let (meta, mtime) = (node.meta, (node.meta.mtime, node.meta.mtime_nanos));
        let entry = Entry { size, mtime, ctime, inode: meta.inode, device: meta.device, sha256, md5 };
        is_settled(&meta, ctime, started).then_some((path.as_bytes(), entry))
    })
}

fn write<'e>(
    path: &Path,
    count: usize,
    entries: impl Iterator<Item = (&'e [u8], Entry)>,
) -> Result<(), IoError> {
    let key = Key::load_or_make(&key_of(path))?;
    let mut bytes = Vec::with_capacity(count * ENTRY);
    bytes.extend_from_slice(MAGIC);
    entries.for_each(|(path, entry)| entry.write(path, &mut bytes));
    fs::write_durable(path, &key.seal(bytes))
}

/// Where the key of a cache stands.
pub fn key_of(cache: &Path) -> PathBuf {
    cache.with_file_name(KEY)
}

impl Doubt {
    fn is_about(&self, path: &TreePath) -> bool {
        match self {
            Doubt::None => false,
            Doubt::Some(shares, key) => shares.hold(Shares::place(key, path.as_bytes())),
            Doubt::All => true,
        }
    }
}

/// Whether a file was older than a scan that began at `started`, in nanoseconds
/// since 1970, by more than a tick of the clock.
pub(super) fn is_settled(meta: &Meta, ctime: (i64, u32), started: i128) -> bool {
    let tick = if ctime.1 == 0 && meta.mtime_nanos == 0 { COARSE_TICK } else { TICK };
    let latest = ctime.max((meta.mtime, meta.mtime_nanos));
    i128::from(latest.0) * NANOS + i128::from(latest.1) + tick < started
}

#[cfg(test)]
mod tests;
