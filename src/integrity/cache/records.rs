//! What is remembered of files, in the bytes that it is stored as: made into
//! values of their own it would take twice the room.

use std::collections::HashMap;
use std::hash::BuildHasher;

use crate::base::digest::Md5;
use crate::base::digest::Sha256;
use crate::base::path::TreePath;
use crate::base::tree::Meta;

/// About so many bytes has an entry.
pub(super) const ENTRY: usize = 128;

/// The marks of one file, and its digests.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Entry {
    pub size: u64,
    pub mtime: (i64, u32),
    pub ctime: (i64, u32),
    pub inode: u64,
    pub device: u64,
    pub sha256: Sha256,
    pub md5: Option<Md5>,
}

#[derive(Clone, Default)]
pub(super) struct Records {
    bytes: Vec<u8>,
    /// Where each begins, by the hash of its path. Of two with one hash the first
    /// is forgotten: that file is read again.
    places: HashMap<u64, usize>,
}

impl Records {
    /// Takes what was written, behind the first `skipped` bytes; `None` where it is not whole.
    pub fn read(bytes: Vec<u8>, skipped: usize) -> Option<Records> {
        let mut places = HashMap::with_capacity(bytes.len() / ENTRY);
        let mut rest = bytes.get(skipped..)?;
        while !rest.is_empty() {
            let at = bytes.len() - rest.len();
            let (name, _) = Entry::read(&mut rest)?;
            places.insert(places.hasher().hash_one(name), at);
        }
        Some(Records { bytes, places })
    }

    pub fn len(&self) -> usize {
        self.places.len()
    }

    pub fn get(&self, path: &TreePath) -> Option<Entry> {
        let at = *self.places.get(&self.places.hasher().hash_one(path.as_bytes()))?;
        let (name, entry) = self.at(at)?;
        (name == path.as_bytes()).then_some(entry)
    }

    pub fn put(&mut self, path: &[u8], entry: &Entry) {
        self.places.insert(self.places.hasher().hash_one(path), self.bytes.len());
        entry.write(path, &mut self.bytes);
    }

    /// Paths and what is known of each, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], Entry)> {
        self.places.values().filter_map(|at| self.at(*at))
    }

    fn at(&self, at: usize) -> Option<(&[u8], Entry)> {
        Entry::read(&mut self.bytes.get(at..)?)
    }
}

impl Entry {
    pub fn has_marks(&self, size: u64, meta: &Meta, ctime: (i64, u32)) -> bool {
        self.size == size
            && self.mtime == (meta.mtime, meta.mtime_nanos)
            && self.ctime == ctime
            && self.inode == meta.inode
            && self.device == meta.device
    }

    pub fn write(&self, name: &[u8], bytes: &mut Vec<u8>) {
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

    /// The path at the beginning of `rest`, and what is known of it; `rest` is then what follows.
    fn read<'b>(rest: &mut &'b [u8]) -> Option<(&'b [u8], Entry)> {
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
        Some((name, Entry { size, mtime, ctime, inode, device, sha256, md5 }))
    }
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (head, after) = rest.split_first_chunk::<N>()?;
    *rest = after;
    Some(*head)
}
