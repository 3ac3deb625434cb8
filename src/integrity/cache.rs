//! Digests remembered by the marks of their files, so that an unchanged file
//! need not be read again.
//!
//! An entry is believed only while path, size, modification and change time,
//! inode and device are the same, and only when the file was older than the
//! scan that read it by more than a clock tick: a file written in the same
//! instant could have changed once more without a trace.

use std::collections::HashMap;
use std::path::Path;

use jiff::Timestamp;

use crate::base::digest::Md5;
use crate::base::digest::Sha256;
use crate::base::path::TreePath;
use crate::base::tree::Kind;
use crate::integrity::scan::Scan;
use crate::sys::beneath::Stat;
use crate::sys::fs;
use crate::sys::fs::IoError;

const MAGIC: &[u8] = b"entracte stat cache 1\n";
const NANOS: i128 = 1_000_000_000;
/// Files younger than this against the scan are read again, in nanoseconds.
const TICK: i128 = 100_000_000;
/// The same where times have no fraction, as on some network file systems.
const COARSE_TICK: i128 = 2 * NANOS;

#[derive(Clone, Debug, Default, PartialEq)]
pub struct StatCache {
    entries: HashMap<TreePath, Entry>,
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
        let started = scan.started.min(file_time).as_nanosecond();
        let entry = |(path, ctime): &(TreePath, (i64, u32))| {
            let node = scan.tree.get(path)?;
            let Kind::File { size, sha256, md5 } = node.kind else { return None };
            let (meta, mtime) = (node.meta, (node.meta.mtime, node.meta.mtime_nanos));
            let entry =
                Entry { size, mtime, ctime: *ctime, inode: meta.inode, device: meta.device, sha256, md5 };
            entry.is_older_than(started).then(|| (path.clone(), entry))
        };
        StatCache { entries: scan.ctimes.iter().filter_map(entry).collect() }
    }

    pub fn lookup(&self, path: &TreePath, stat: &Stat) -> Option<(Sha256, Option<Md5>)> {
        let entry = self.entries.get(path)?;
        let meta = &stat.meta;
        let same = entry.size == stat.size
            && entry.mtime == (meta.mtime, meta.mtime_nanos)
            && entry.ctime == stat.ctime
            && entry.inode == meta.inode
            && entry.device == meta.device;
        same.then_some((entry.sha256, entry.md5))
    }

    /// The stored cache, empty when there is none; a damaged one is thrown away
    /// with a warning.
    pub fn load(path: &Path) -> (StatCache, Option<String>) {
        match fs::read_if_present(path) {
            Ok(None) => (StatCache::default(), None),
            Ok(Some(bytes)) => match StatCache::parse(&bytes) {
                Some(cache) => (cache, None),
                None => (
                    StatCache::default(),
                    Some(format!("the stat cache {} is damaged and was discarded", fs::shown(path))),
                ),
            },
            Err(error) => (StatCache::default(), Some(error.to_string())),
        }
    }

    pub fn save(&self, path: &Path) -> Result<(), IoError> {
        let mut bytes = MAGIC.to_vec();
        for (path, entry) in &self.entries {
            entry.write(path, &mut bytes);
        }
        let digest = Sha256::of(&bytes);
        bytes.extend_from_slice(digest.as_bytes());
        fs::write_durable(path, &bytes)
    }

    fn parse(bytes: &[u8]) -> Option<StatCache> {
        let (body, digest) = bytes.split_at_checked(bytes.len().checked_sub(32)?)?;
        if Sha256::of(body).as_bytes() != digest {
            return None;
        }
        let mut rest = body.strip_prefix(MAGIC)?;
        let mut entries = HashMap::new();
        while !rest.is_empty() {
            let (path, entry) = Entry::read(&mut rest)?;
            entries.insert(path, entry);
        }
        Some(StatCache { entries })
    }
}

impl Entry {
    fn is_older_than(&self, started: i128) -> bool {
        let tick = if self.ctime.1 == 0 && self.mtime.1 == 0 { COARSE_TICK } else { TICK };
        let latest = self.mtime.max(self.ctime);
        i128::from(latest.0) * NANOS + i128::from(latest.1) + tick < started
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

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (head, after) = rest.split_first_chunk::<N>()?;
    *rest = after;
    Some(*head)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cache() -> StatCache {
        let entry = Entry {
            size: 3,
            mtime: (1, 2),
            ctime: (3, 4),
            inode: 5,
            device: 6,
            sha256: Sha256::of(b"abc"),
            md5: Some(Md5::from_bytes([7; 16])),
        };
        let bare = Entry { md5: None, ..entry };
        let entries = [(TreePath::from_bytes(b"a/b\xff"), entry), (TreePath::from_bytes(b"c"), bare)];
        StatCache { entries: entries.into_iter().collect() }
    }

    #[test]
    fn what_is_saved_is_loaded() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cache");
        assert_eq!(StatCache::load(&path), (StatCache::default(), None));
        cache().save(&path).unwrap();
        assert_eq!(StatCache::load(&path), (cache(), None));
    }

    #[test]
    fn a_damaged_cache_is_discarded_with_a_warning() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cache");
        cache().save(&path).unwrap();
        let whole = std::fs::read(&path).unwrap();
        for at in 0..whole.len() {
            let mut flipped = whole.clone();
            flipped[at] ^= 1;
            std::fs::write(&path, flipped).unwrap();
            let (loaded, warning) = StatCache::load(&path);
            assert!(loaded.entries.is_empty() && warning.is_some(), "flipped byte {at}");
        }
        std::fs::write(&path, &whole[..10]).unwrap();
        assert!(StatCache::load(&path).1.is_some());
    }
}
