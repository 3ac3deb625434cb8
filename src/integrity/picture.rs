//! What a tree looked like when nothing was found in it. Where it is still as its
//! picture has it, nothing need be judged again, and nothing of it be held in memory.
//!
//! The entries of each folder, in the order of their names, are cut into pieces.
//! Of each piece two digests are kept: of the names with their marks, and of the
//! names with what they hold. The first is made anew at each look, the second for
//! a share of the pieces, since marks can be made to lie.
//!
//! A picture is sealed with the key of the state folder ([`Key`]) and bound to its
//! grounds: a digest of all else that the judgement rested on.
//!
//! On disk, after the line of the format: grounds (32 bytes), files (8), their
//! sizes together (8); then for each folder in the order of paths: length of its
//! path (4), path, number of entries (4), and for each piece: share (1), digest of
//! marks (32), digest of content (32). Numbers are little-endian.

mod glance;

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::path::Path;

use jiff::Timestamp;

use crate::base::digest::Sha256;
use crate::base::path::TreePath;
use crate::base::tree::Kind;
use crate::base::tree::Meta;
use crate::base::tree::Node;
use crate::base::tree::Special;
use crate::integrity::cache;
use crate::integrity::key::Key;
use crate::integrity::scan;
use crate::integrity::scan::Scan;
use crate::integrity::shares::Shares;
use crate::sys::beneath::StatKind;
use crate::sys::fs;
use crate::sys::fs::IoError;

pub use glance::Glance;
pub use glance::glance;

const MAGIC: &[u8] = b"entracte picture 1\n";
/// So many entries of one folder are a piece.
const PIECE: usize = 512;

/// A tree as it was.
struct Picture<'b> {
    folders: HashMap<&'b [u8], Folder<'b>>,
    files: u64,
    bytes: u64,
}

struct Folder<'b> {
    entries: usize,
    pieces: Vec<Piece<'b>>,
}

struct Piece<'b> {
    share: u8,
    marks: &'b [u8; 32],
    content: &'b [u8; 32],
}

/// The names of a piece with what is said of each, put one behind the other.
#[derive(Default)]
struct Told(Vec<u8>);

/// Keeps what a scan saw, where it can be believed later: every file and link older
/// than the scan by more than a clock tick, and nothing that could not be read.
/// `file_time` as for [`cache::StatCache::of`]. Returns whether it was kept.
pub fn keep(path: &Path, scan: &Scan, file_time: Timestamp, grounds: &Sha256) -> Result<bool, IoError> {
    let key = Key::load_or_make(&cache::key_of(path))?;
    let Some(body) = body(scan, file_time, grounds, &key) else { return Ok(false) };
    fs::write_durable(path, &key.seal(body))?;
    Ok(true)
}

fn body(scan: &Scan, file_time: Timestamp, grounds: &Sha256, key: &Key) -> Option<Vec<u8>> {
    let started = scan.started.min(file_time).as_nanosecond();
    let mut folders: BTreeMap<&[u8], Vec<(&TreePath, &Node)>> = BTreeMap::from([(&b""[..], Vec::new())]);
    for (path, node) in &scan.tree {
        if scan::is_timed(&node.kind) && !cache::is_settled(&node.meta, scan.ctime(node)?, started) {
            return None;
        }
        folders.entry(split(path.as_bytes()).0).or_default().push((path, node));
        if node.is_folder() {
            folders.entry(path.as_bytes()).or_default();
        }
    }
    let mut body =
        [MAGIC, grounds.as_bytes(), &scan.checked.to_le_bytes(), &scan.bytes.to_le_bytes()].concat();
    for (folder, mut entries) in folders {
        entries.sort_unstable_by_key(|(path, _)| split(path.as_bytes()).1);
        body.extend_from_slice(&(folder.len() as u32).to_le_bytes());
        body.extend_from_slice(folder);
        body.extend_from_slice(&(entries.len() as u32).to_le_bytes());
        for piece in entries.chunks(PIECE) {
            let (mut marks, mut content) = (Told::default(), Told::default());
            for (path, node) in piece {
                let name = split(path.as_bytes()).1;
                let ctime = scan.ctime(node).unwrap_or_default();
                marks.marks(name, kind(node)?, node.size(), &node.meta, ctime);
                content.content(name, &node.kind);
            }
            // Its first path says which piece it is.
            body.push(Shares::place(key, piece[0].0.as_bytes()));
            body.extend_from_slice(marks.digest().as_bytes());
            body.extend_from_slice(content.digest().as_bytes());
        }
    }
    Some(body)
}

/// The folder that holds a path, and its name there.
fn split(path: &[u8]) -> (&[u8], &[u8]) {
    match path.iter().rposition(|byte| *byte == b'/') {
        Some(at) => (&path[..at], &path[at + 1..]),
        None => (b"", path),
    }
}

/// `None` of what could not be read.
fn kind(node: &Node) -> Option<StatKind> {
    Some(match &node.kind {
        Kind::File { .. } => StatKind::File,
        Kind::Folder => StatKind::Folder,
        Kind::Link { .. } => StatKind::Link,
        Kind::Special(special) => StatKind::Special(*special),
        Kind::Unreadable { .. } => return None,
    })
}

impl Told {
    /// What cannot stay the same when the entry is another: of files and links also
    /// the times. Those of a folder change with what is not looked at in it.
    fn marks(&mut self, name: &[u8], kind: StatKind, size: u64, meta: &Meta, ctime: (i64, u32)) {
        self.name(name);
        let code = match kind {
            StatKind::File => 0,
            StatKind::Folder => 1,
            StatKind::Link => 2,
            StatKind::Special(Special::Socket) => 3,
            StatKind::Special(Special::Fifo) => 4,
            StatKind::Special(Special::BlockDevice) => 5,
            StatKind::Special(Special::CharacterDevice) => 6,
        };
        self.0.push(code);
        for number in [meta.device, meta.inode] {
            self.0.extend_from_slice(&number.to_le_bytes());
        }
        for number in [meta.mode, meta.uid, meta.gid] {
            self.0.extend_from_slice(&number.to_le_bytes());
        }
        if matches!(kind, StatKind::File | StatKind::Link) {
            self.0.extend_from_slice(&size.to_le_bytes());
            for (seconds, nanos) in [(meta.mtime, meta.mtime_nanos), ctime] {
                self.0.extend_from_slice(&seconds.to_le_bytes());
                self.0.extend_from_slice(&nanos.to_le_bytes());
            }
        }
    }

    /// What a file holds, and where a link leads.
    fn content(&mut self, name: &[u8], kind: &Kind) {
        match kind {
            Kind::File { sha256, .. } => self.told(name, sha256),
            Kind::Link { target } => self.told(name, &Sha256::of(target)),
            _ => {}
        }
    }

    fn told(&mut self, name: &[u8], digest: &Sha256) {
        self.name(name);
        self.0.extend_from_slice(digest.as_bytes());
    }

    fn name(&mut self, name: &[u8]) {
        self.0.extend_from_slice(name);
        self.0.push(0);
    }

    fn digest(&self) -> Sha256 {
        Sha256::of(&self.0)
    }
}

impl<'b> Picture<'b> {
    /// What was kept on these grounds; `None` where it was on others.
    fn parse(body: &'b [u8], grounds: &Sha256) -> Option<Picture<'b>> {
        let mut rest = body.strip_prefix(MAGIC)?.strip_prefix(&grounds.as_bytes()[..])?;
        let [files, bytes] = [fixed(&mut rest)?, fixed(&mut rest)?].map(|bytes| u64::from_le_bytes(*bytes));
        let mut folders = HashMap::new();
        while !rest.is_empty() {
            let length = number(&mut rest)?;
            let (path, after) = rest.split_at_checked(length)?;
            rest = after;
            folders.insert(path, Folder::parse(&mut rest)?);
        }
        Some(Picture { folders, files, bytes })
    }
}

impl<'b> Folder<'b> {
    fn parse(rest: &mut &'b [u8]) -> Option<Folder<'b>> {
        let entries = number(rest)?;
        let mut piece = || {
            let [share] = *fixed(rest)?;
            Some(Piece { share, marks: fixed(rest)?, content: fixed(rest)? })
        };
        let pieces: Option<Vec<Piece>> = (0..entries.div_ceil(PIECE)).map(|_| piece()).collect();
        Some(Folder { entries, pieces: pieces? })
    }
}

fn fixed<'b, const N: usize>(rest: &mut &'b [u8]) -> Option<&'b [u8; N]> {
    let (head, after) = rest.split_first_chunk::<N>()?;
    *rest = after;
    Some(head)
}

fn number(rest: &mut &[u8]) -> Option<usize> {
    fixed(rest).map(|bytes| u32::from_le_bytes(*bytes) as usize)
}

#[cfg(test)]
mod tests;
