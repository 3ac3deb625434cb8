//! What a folder holds, read in parallel.
//!
//! Links are never followed. What cannot be read is an entry of the result,
//! never a missing one, and a read that failed never yields a digest.

use std::cell::RefCell;
use std::ffi::CStr;
use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

use jiff::Timestamp;
use rayon::iter::IntoParallelRefIterator;
use rayon::iter::ParallelIterator;

use crate::base::digest::Algorithms;
use crate::base::digest::Hasher;
use crate::base::digest::Md5;
use crate::base::digest::Sha256;
use crate::base::event::Watch;
use crate::base::exit::Fault;
use crate::base::path::RESERVED;
use crate::base::path::TreePath;
use crate::base::pattern::Patterns;
use crate::base::tree::Identity;
use crate::base::tree::Kind;
use crate::base::tree::Node;
use crate::base::tree::Tree;
use crate::integrity::cache::StatCache;
use crate::integrity::progress;
use crate::sys::beneath;
use crate::sys::beneath::Beneath;
use crate::sys::beneath::Root;
use crate::sys::beneath::Stat;
use crate::sys::beneath::StatKind;
use crate::sys::clock;
use crate::sys::fs::IoError;

const BUFFER_BYTES: usize = 256 * 1024;

pub struct Options<'a> {
    pub algorithms: Algorithms,
    /// Paths that are neither listed nor entered.
    pub skip: &'a Patterns,
    pub digests: Digests<'a>,
}

/// Where the digests of files come from.
#[derive(Clone, Copy)]
pub enum Digests<'a> {
    /// Each file is read.
    Read,
    /// Of files whose marks are as they were they are known from before.
    Remembered(&'a StatCache),
    /// Somebody takes them later: none is read, and each has [`Sha256::UNSAID`].
    Later,
}

/// What was found.
#[derive(Clone, Debug)]
pub struct Scan {
    pub tree: Tree,
    /// Regular files looked at.
    pub checked: u64,
    /// Their sizes together.
    pub bytes: u64,
    /// Files whose content was read, the others being known by their marks.
    pub rehashed: u64,
    /// When the scan began.
    pub started: Timestamp,
    /// In order; of what has several names, or was seen twice, the latest last: that one
    /// counts, and the later a change is, the less is believed of the file.
    ctimes: Vec<(Identity, (i64, u32))>,
}

#[derive(Debug, thiserror::Error)]
pub enum ScanError {
    #[error("failed to start the threads that read files")]
    Threads(#[source] rayon::ThreadPoolBuildError),
    #[error(transparent)]
    Io(#[from] IoError),
}

impl Fault for ScanError {}

/// Everything below `root`.
pub fn scan(root: &Root, options: &Options, watch: Watch) -> Result<Scan, ScanError> {
    let top = Arc::new(Root::open(root.path())?);
    work_through(options, watch, |work, scope| work.folder(scope, top, TreePath::root()))
}

/// One entry of `folder` with all that is below it, as if it stood at `at`.
pub fn scan_entry(
    folder: &Root,
    name: &OsStr,
    at: &TreePath,
    options: &Options,
    watch: Watch,
) -> Result<Scan, ScanError> {
    let stat = folder.stat(&TreePath::root().child(name))?;
    work_through(options, watch, |work, scope| {
        let Some(stat) = stat else { return };
        work.keep(vec![work.entry(folder, at, name, &Ok(stat))]);
        if stat.kind == StatKind::Folder {
            match folder.child(name) {
                Ok(child) => work.folder(scope, Arc::new(child), at.clone()),
                Err(error) => work.cannot_read(at, &error.source),
            }
        }
    })
}

/// Lets `begin` start the work on threads of its own, and tells how far it is.
fn work_through<'a>(
    options: &'a Options<'a>,
    watch: Watch,
    begin: impl for<'s> FnOnce(&'s Work<'a>, &rayon::Scope<'s>) + Send,
) -> Result<Scan, ScanError> {
    let started = clock::now();
    let pool = rayon::ThreadPoolBuilder::new().build().map_err(ScanError::Threads)?;
    let (checked, bytes, rehashed) = Default::default();
    let work = Work { options, known: Mutex::default(), checked, bytes, rehashed };
    progress::while_working(&work.checked, &work.bytes, watch, || pool.scope(|scope| begin(&work, scope)));
    let known = work.known.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    let Known { tree, mut ctimes } = known;
    ctimes.sort_unstable();
    ctimes.shrink_to_fit();
    Ok(Scan {
        tree,
        checked: work.checked.into_inner(),
        bytes: work.bytes.into_inner(),
        rehashed: work.rehashed.into_inner(),
        started,
        ctimes,
    })
}

impl Scan {
    /// The files and links, and when the inode of each last changed: seconds since 1970, and nanoseconds.
    pub(super) fn changes(&self) -> impl Iterator<Item = (&TreePath, &Node, (i64, u32))> {
        self.tree.iter().filter_map(|(path, node)| Some((path, node, self.ctime(node)?)))
    }

    /// The same of one entry of the tree.
    pub fn ctime(&self, node: &Node) -> Option<(i64, u32)> {
        if !is_timed(&node.kind) {
            return None;
        }
        let identity = node.meta.identity();
        let behind = self.ctimes.partition_point(|(other, _)| *other <= identity);
        let (found, ctime) = self.ctimes.get(behind.checked_sub(1)?)?;
        (*found == identity).then_some(*ctime)
    }
}

/// Whether the time when its inode changed says anything of its content.
pub(super) fn is_timed(kind: &Kind) -> bool {
    matches!(kind, Kind::File { .. } | Kind::Link { .. })
}

/// One entry with the time its inode last changed.
type Found = (TreePath, Node, (i64, u32));

/// All that was found so far.
#[derive(Default)]
struct Known {
    tree: Tree,
    ctimes: Vec<(Identity, (i64, u32))>,
}

impl Known {
    /// A folder that could not be listed is noted twice: that it cannot be read counts.
    fn keep(&mut self, (path, node, ctime): Found) {
        let unreadable = |node: &Node| matches!(node.kind, Kind::Unreadable { .. });
        if self.tree.get(&path).is_some_and(unreadable) {
            return;
        }
        if is_timed(&node.kind) {
            self.ctimes.push((node.meta.identity(), ctime));
        }
        self.tree.insert(path, node);
    }
}

struct Work<'a> {
    options: &'a Options<'a>,
    known: Mutex<Known>,
    checked: AtomicU64,
    bytes: AtomicU64,
    rehashed: AtomicU64,
}

impl<'a> Work<'a> {
    /// Reads the entries of one folder and hands the folders in it on.
    fn folder<'s>(&'s self, scope: &rayon::Scope<'s>, folder: Arc<Root>, path: TreePath) {
        let names = match folder.names() {
            Ok(names) => names,
            Err(error) => return self.cannot_read(&path, &error.source),
        };
        let entries: Vec<_> = names
            .iter()
            .map(|(name, is_file)| (path.child(OsStr::from_bytes(name.to_bytes())), name, is_file))
            .filter(|(path, name, _)| !self.is_skipped(path, OsStr::from_bytes(name.to_bytes())))
            .collect();
        let read = entries.par_iter().map(|(path, name, is_file)| self.named(&folder, path, name, *is_file));
        let read: Vec<Found> = read.collect();
        for ((path, name, _), (_, node, _)) in entries.iter().zip(&read) {
            if node.is_folder() {
                let (parent, path) = (folder.clone(), path.clone());
                let name = OsStr::from_bytes(name.to_bytes()).to_owned();
                scope.spawn(move |scope| match parent.child(&name) {
                    Ok(child) => {
                        drop(parent);
                        self.folder(scope, Arc::new(child), path);
                    }
                    Err(error) => self.cannot_read(&path, &error.source),
                });
            }
        }
        self.keep(read);
    }

    /// One name of a folder. What is read anyway need not be looked at before.
    fn named(&self, folder: &Root, path: &TreePath, name: &CStr, is_file: bool) -> Found {
        let os = OsStr::from_bytes(name.to_bytes());
        if is_file && matches!(self.options.digests, Digests::Read) {
            let here = TreePath::root().child(os);
            if let Ok((kind, stat)) = read_whole(folder, &here, self.options.algorithms, &self.bytes) {
                self.checked.fetch_add(1, Ordering::Relaxed);
                self.rehashed.fetch_add(1, Ordering::Relaxed);
                return (path.clone(), Node { kind, meta: stat.meta }, stat.ctime);
            }
        }
        self.entry(folder, path, os, &folder.stat_of_name(name))
    }

    fn is_skipped(&self, path: &TreePath, name: &OsStr) -> bool {
        is_reserved(path, name) || self.options.skip.matches_bytes(path.as_bytes())
    }

    fn keep(&self, read: Vec<Found>) {
        let mut known = self.known.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        read.into_iter().for_each(|found| known.keep(found));
    }

    /// A folder that was seen but cannot be listed: it replaces what was noted of it.
    fn cannot_read(&self, path: &TreePath, error: &io::Error) {
        let node = Node { kind: Kind::Unreadable { reason: error.to_string() }, meta: Default::default() };
        self.keep(vec![(path.clone(), node, (0, 0))]);
    }

    fn entry(&self, folder: &Root, path: &TreePath, name: &OsStr, stat: &io::Result<Stat>) -> Found {
        let stat = match stat {
            Ok(stat) => stat,
            Err(error) => {
                let kind = Kind::Unreadable { reason: error.to_string() };
                return (path.clone(), Node { kind, meta: Default::default() }, (0, 0));
            }
        };
        let here = TreePath::root().child(name);
        let kind = match stat.kind {
            StatKind::Folder => Kind::Folder,
            StatKind::Special(special) => Kind::Special(special),
            StatKind::Link => match folder.read_link(&here) {
                Ok(target) => Kind::Link { target },
                Err(error) => Kind::Unreadable { reason: error.source.to_string() },
            },
            StatKind::File => return self.file(folder, path, &here, stat),
        };
        (path.clone(), Node { kind, meta: stat.meta }, stat.ctime)
    }

    fn file(&self, folder: &Root, path: &TreePath, here: &TreePath, stat: &Stat) -> Found {
        self.checked.fetch_add(1, Ordering::Relaxed);
        let known = match self.options.digests {
            Digests::Read => None,
            Digests::Remembered(cache) => cache
                .lookup(path, stat)
                .filter(|(_, md5)| md5.is_some() || self.options.algorithms == Algorithms::Sha256),
            Digests::Later => Some((Sha256::UNSAID, None)),
        };
        if let Some((sha256, md5)) = known {
            self.bytes.fetch_add(stat.size, Ordering::Relaxed);
            let node = Node { kind: Kind::File { size: stat.size, sha256, md5 }, meta: stat.meta };
            return (path.clone(), node, stat.ctime);
        }
        self.rehashed.fetch_add(1, Ordering::Relaxed);
        // Once more when it changed under our hands.
        let read = read_whole(folder, here, self.options.algorithms, &self.bytes)
            .or_else(|_| read_whole(folder, here, self.options.algorithms, &self.bytes));
        match read {
            Ok((kind, stat)) => (path.clone(), Node { kind, meta: stat.meta }, stat.ctime),
            Err(error) => {
                let kind = Kind::Unreadable { reason: error.to_string() };
                (path.clone(), Node { kind, meta: stat.meta }, stat.ctime)
            }
        }
    }
}

/// Whether it stands at the top of a tree and is entracte's own.
pub(super) fn is_reserved(path: &TreePath, name: &OsStr) -> bool {
    let top = path.as_bytes().len() == name.len();
    top && (name == RESERVED || path.as_bytes().starts_with(b".entracte-"))
}

/// Reads a file that stays the same from its first to its last byte.
pub(super) fn read_whole(
    folder: &Root,
    name: &TreePath,
    algorithms: Algorithms,
    counted: &AtomicU64,
) -> io::Result<(Kind, Stat)> {
    let file = folder.open_seen(name).map_err(|error| error.source)?;
    let before = beneath::stat_of(&file)?;
    if before.kind != StatKind::File {
        return Err(io::Error::other("it is no regular file any more"));
    }
    // What grows meanwhile has another size, and time, afterwards.
    let (size, sha256, md5) = hash_reader(&mut (&file).take(before.size), algorithms)?;
    let after = beneath::stat_of(&file)?;
    if before != after || size != after.size {
        return Err(io::Error::other("it changed while it was read"));
    }
    counted.fetch_add(size, Ordering::Relaxed);
    Ok((Kind::File { size, sha256, md5 }, after))
}

/// Size and digests of everything that `reader` gives.
pub fn hash_reader(reader: &mut dyn Read, algorithms: Algorithms) -> io::Result<(u64, Sha256, Option<Md5>)> {
    thread_local! {
        // Making one for each small file would cost more than reading it.
        static BUFFER: RefCell<Vec<u8>> = RefCell::new(vec![0; BUFFER_BYTES]);
    }
    let mut hasher = Hasher::new(algorithms);
    let mut size = 0;
    let mut take = |buffer: &mut [u8]| {
        loop {
            match reader.read(buffer) {
                Ok(0) => return Ok(()),
                Ok(count) => {
                    hasher.update(&buffer[..count]);
                    size += count as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    };
    BUFFER.with(|shared| match shared.try_borrow_mut() {
        Ok(mut buffer) => take(&mut buffer),
        // `reader` hashes something itself.
        Err(_) => take(&mut vec![0; BUFFER_BYTES]),
    })?;
    let (sha256, md5) = hasher.finish();
    Ok((size, sha256, md5))
}

/// Size and digests of one file below `root`.
pub fn hash_file(
    root: &Root,
    path: &impl Beneath,
    algorithms: Algorithms,
) -> Result<(u64, Sha256, Option<Md5>), IoError> {
    let mut file: File = root.open_file(path)?;
    hash_reader(&mut file, algorithms).map_err(|source| IoError::new("read", root.full(path), source))
}

#[cfg(test)]
mod tests;
