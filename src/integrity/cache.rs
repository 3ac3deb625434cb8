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

use std::collections::HashMap;
use std::collections::HashSet;
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
/// About so many bytes has an entry.
const ENTRY: usize = 128;
const NANOS: i128 = 1_000_000_000;
/// Files younger than this against the scan are read again, in nanoseconds.
const TICK: i128 = 100_000_000;
/// The same where times have no fraction, as on some network file systems.
const COARSE_TICK: i128 = 2 * NANOS;

#[derive(Clone, Default)]
pub struct StatCache {
    entries: HashMap<TreePath, Entry>,
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

#[derive(Clone, Copy, Debug, PartialEq)]
struct Entry {
    size: u64,
    mtime: (i64, u32),
    ctime: (i64, u32),
    inode: u64,
    device: u64,
    sha256: Sha256,
    md5: Option<Md5>,
}

impl StatCache {
    /// What a scan learnt, as far as it can be believed later. `file_time` is when
    /// it began by the clock that sets the times of files, which need not be ours:
    /// a server's on the network, or ours before it was put right.
    pub fn of(scan: &Scan, file_time: Timestamp) -> StatCache {
        let mut entries = HashMap::with_capacity(scan.ctimes.len());
        entries.extend(believable(scan, file_time).map(|(path, entry)| (path.clone(), entry)));
        StatCache { entries, ..StatCache::default() }
    }

    /// What is known of these paths only.
    #[must_use]
    pub fn only(mut self, wanted: impl Fn(&TreePath) -> bool) -> StatCache {
        self.entries.retain(|path, _| wanted(path));
        self
    }

    /// What either knows.
    #[must_use]
    pub fn and(mut self, other: StatCache) -> StatCache {
        self.entries.extend(other.entries);
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
        let doubted: HashSet<TreePath> = self.doubts().drain(..).collect();
        let differs = |(path, ctime): &&(TreePath, (i64, u32))| {
            let (Some(entry), Some(node)) = (self.entries.get(path), scan.tree.get(path)) else {
                return false;
            };
            let reads = node.sha256();
            reads.is_some_and(|reads| reads != entry.sha256)
                && entry.has_marks(node.size(), &node.meta, *ctime)
        };
        let known = scan.ctimes.iter().filter(|(path, _)| doubted.contains(path));
        let mut lies: Vec<TreePath> = known.filter(differs).map(|(path, _)| path.clone()).collect();
        self.doubts().extend(doubted);
        lies.sort();
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
        let entry = self.entries.get(path)?;
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
        match key.and_then(|key| StatCache::parse(key.open(&bytes)?)) {
            Some(cache) => (cache, None),
            None => {
                let shown = fs::shown(path);
                let said = format!("the stat cache {shown} is damaged or not ours and was discarded");
                (StatCache::default(), Some(said))
            }
        }
    }

    pub fn save(&self, path: &Path) -> Result<(), IoError> {
        write(path, self.entries.len(), self.entries.iter().map(|(path, entry)| (path, *entry)))
    }

    /// The same as [`StatCache::of`] and [`StatCache::save`], without holding it all.
    pub fn keep(scan: &Scan, file_time: Timestamp, path: &Path) -> Result<(), IoError> {
        write(path, scan.ctimes.len(), believable(scan, file_time))
    }

    fn parse(body: &[u8]) -> Option<StatCache> {
        let mut rest = body.strip_prefix(MAGIC)?;
        let mut entries = HashMap::with_capacity(body.len() / ENTRY);
        while !rest.is_empty() {
            let (path, entry) = Entry::read(&mut rest)?;
            entries.insert(path, entry);
        }
        Some(StatCache { entries, ..StatCache::default() })
    }
}

/// What of a scan can be believed later.
fn believable(scan: &Scan, file_time: Timestamp) -> impl Iterator<Item = (&TreePath, Entry)> {
    let started = scan.started.min(file_time).as_nanosecond();
    scan.ctimes.iter().filter_map(move |(path, ctime)| {
        let node = scan.tree.get(path)?;
        let Kind::File { size, sha256, md5 } = node.kind else { return None };
        let (meta, mtime) = (node.meta, (node.meta.mtime, node.meta.mtime_nanos));
        let entry = Entry { size, mtime, ctime: *ctime, inode: meta.inode, device: meta.device, sha256, md5 };
        is_settled(&meta, *ctime, started).then_some((path, entry))
    })
}

fn write<'e>(
    path: &Path,
    count: usize,
    entries: impl Iterator<Item = (&'e TreePath, Entry)>,
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

impl Entry {
    fn has_marks(&self, size: u64, meta: &Meta, ctime: (i64, u32)) -> bool {
        self.size == size
            && self.mtime == (meta.mtime, meta.mtime_nanos)
            && self.ctime == ctime
            && self.inode == meta.inode
            && self.device == meta.device
    }

    fn write(&self, path: &TreePath, bytes: &mut Vec<u8>) {
        let name = path.as_bytes();
        bytes.extend_from_slice(&(name.len() as u32).to_le_bytes());
        bytes.extend_from_slice(name);
        for number in [self.size, self.inode, self.device] {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        for (seconds, nanos) in [self.mtime, self.ctime] {
            bytes.extend_from_slice(&seconds.to_le_bytes());
            bytes.extend_from_slice(&nanos.to_le_bytes());
        }
        bytes.extend_from_slice(self.sha256.as_bytes());
        bytes.push(self.md5.is_some().into());
        if let Some(md5) = &self.md5 {
            bytes.extend_from_slice(md5.as_bytes());
        }
    }

    fn read(rest: &mut &[u8]) -> Option<(TreePath, Entry)> {
        let length = u32::from_le_bytes(take(rest)?) as usize;
        let (name, after) = rest.split_at_checked(length)?;
        *rest = after;
        let [size, inode, device] = [
            u64::from_le_bytes(take(rest)?),
            u64::from_le_bytes(take(rest)?),
            u64::from_le_bytes(take(rest)?),
        ];
        let mtime = (i64::from_le_bytes(take(rest)?), u32::from_le_bytes(take(rest)?));
        let ctime = (i64::from_le_bytes(take(rest)?), u32::from_le_bytes(take(rest)?));
        let sha256 = Sha256::from_bytes(take(rest)?);
        let [has_md5] = take::<1>(rest)?;
        let md5 = if has_md5 == 1 { Some(Md5::from_bytes(take(rest)?)) } else { None };
        Some((TreePath::from_bytes(name), Entry { size, mtime, ctime, inode, device, sha256, md5 }))
    }
}

/// Whether a file was older than a scan that began at `started`, in nanoseconds
/// since 1970, by more than a tick of the clock.
pub(super) fn is_settled(meta: &Meta, ctime: (i64, u32), started: i128) -> bool {
    let tick = if ctime.1 == 0 && meta.mtime_nanos == 0 { COARSE_TICK } else { TICK };
    let latest = ctime.max((meta.mtime, meta.mtime_nanos));
    i128::from(latest.0) * NANOS + i128::from(latest.1) + tick < started
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (head, after) = rest.split_first_chunk::<N>()?;
    *rest = after;
    Some(*head)
}

#[cfg(test)]
mod tests;
