//! A tree held against its picture while it is walked through.

use std::ffi::CStr;
use std::ffi::OsStr;
use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

use rayon::iter::IndexedParallelIterator;
use rayon::iter::ParallelIterator;
use rayon::slice::ParallelSlice;

use super::PIECE;
use super::Picture;
use super::Piece;
use super::Told;
use crate::base::digest::Algorithms;
use crate::base::digest::Sha256;
use crate::base::event::Watch;
use crate::base::path::TreePath;
use crate::base::pattern::Patterns;
use crate::integrity::cache;
use crate::integrity::key::Key;
use crate::integrity::progress;
use crate::integrity::scan::ScanError;
use crate::integrity::scan::is_reserved;
use crate::integrity::scan::read_whole;
use crate::integrity::shares::Shares;
use crate::sys::beneath::Root;
use crate::sys::beneath::StatKind;
use crate::sys::fs;

/// How a tree is beside its picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Glance {
    Same(Seen),
    /// Something is other than it was, or there is no picture on these grounds, or
    /// none that can be believed.
    Other,
    /// Bytes are others under marks that are as they were.
    Lies,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Regular files, and their sizes together.
    pub checked: u64,
    pub bytes: u64,
    /// Files that were read again though their marks are as they were.
    pub rehashed: u64,
}

/// Whether everything below `root` is as the picture at `path` has it, and the
/// content of these shares of the files too.
pub fn glance(
    path: &Path,
    grounds: &Sha256,
    root: &Root,
    skip: &Patterns,
    shares: Shares,
    watch: Watch,
) -> Result<Glance, ScanError> {
    let (Some(sealed), Some(key)) = (fs::read_if_present(path)?, Key::load(&cache::key_of(path))?) else {
        return Ok(Glance::Other);
    };
    let Some(picture) = key.open(&sealed).and_then(|body| Picture::parse(body, grounds)) else {
        return Ok(Glance::Other);
    };
    let pool = rayon::ThreadPoolBuilder::new().build().map_err(ScanError::Threads)?;
    let work = Work::new(&picture, skip, shares);
    let top = Arc::new(Root::open(root.path())?);
    progress::while_working(&work.checked, &work.bytes, watch, || {
        pool.scope(|scope| work.folder(scope, top, TreePath::root()));
    });
    Ok(match (work.lies.into_inner(), work.differs.into_inner()) {
        (true, _) => Glance::Lies,
        (false, true) => Glance::Other,
        (false, false) => Glance::Same(Seen {
            checked: picture.files,
            bytes: picture.bytes,
            rehashed: work.rehashed.into_inner(),
        }),
    })
}

struct Work<'a> {
    picture: &'a Picture<'a>,
    skip: &'a Patterns,
    shares: Shares,
    differs: AtomicBool,
    lies: AtomicBool,
    checked: AtomicU64,
    bytes: AtomicU64,
    rehashed: AtomicU64,
}

impl<'a> Work<'a> {
    fn new(picture: &'a Picture<'a>, skip: &'a Patterns, shares: Shares) -> Work<'a> {
        let (differs, lies) = Default::default();
        let (checked, bytes, rehashed) = Default::default();
        Work { picture, skip, shares, differs, lies, checked, bytes, rehashed }
    }

    /// Once anything differs the rest need not be looked at.
    fn differs(&self) {
        self.differs.store(true, Ordering::Relaxed);
    }

    fn folder<'s>(&'s self, scope: &rayon::Scope<'s>, folder: Arc<Root>, path: TreePath) {
        if self.differs.load(Ordering::Relaxed) {
            return;
        }
        let (Some(known), Ok(names)) = (self.picture.folders.get(path.as_bytes()), folder.names()) else {
            return self.differs();
        };
        let mut names = names.sorted();
        // Where there are as many as were known, either none is left out or one is gone.
        if names.len() != known.entries {
            names.retain(|name| !self.is_skipped(&path, name));
        }
        if names.len() != known.entries {
            return self.differs();
        }
        let pieces = names.par_chunks(PIECE).zip(&known.pieces);
        let below: Vec<Vec<OsString>> =
            pieces.map(|(names, known)| self.piece(&folder, names, known)).collect();
        for name in below.into_iter().flatten() {
            let (parent, path) = (folder.clone(), path.child(&name));
            scope.spawn(move |scope| match parent.child(&name) {
                Ok(child) => {
                    drop(parent);
                    self.folder(scope, Arc::new(child), path);
                }
                Err(_) => self.differs(),
            });
        }
    }

    fn is_skipped(&self, folder: &TreePath, name: &CStr) -> bool {
        let name = OsStr::from_bytes(name.to_bytes());
        let path = folder.child(name);
        is_reserved(&path, name) || self.skip.matches_bytes(path.as_bytes())
    }

    /// Looks at the entries of a piece; the folders among them.
    fn piece(&self, folder: &Root, names: &[&CStr], known: &Piece) -> Vec<OsString> {
        let (mut marks, mut below, mut held) = (Told::default(), Vec::new(), Vec::new());
        for name in names {
            let Ok(stat) = folder.stat_of_name(name) else {
                self.differs();
                return below;
            };
            marks.marks(name.to_bytes(), stat.kind, stat.size, &stat.meta, stat.ctime);
            match stat.kind {
                StatKind::Folder => below.push(OsStr::from_bytes(name.to_bytes()).to_owned()),
                StatKind::File | StatKind::Link => held.push((*name, stat.kind)),
                StatKind::Special(_) => {}
            }
        }
        self.checked.fetch_add(held.len() as u64, Ordering::Relaxed);
        if marks.digest().as_bytes() != known.marks {
            self.differs();
        } else if self.shares.hold(known.share) && !self.reads_as(folder, &held, known.content) {
            self.lies.store(true, Ordering::Relaxed);
        }
        below
    }

    /// Whether files and links hold what they did.
    fn reads_as(&self, folder: &Root, names: &[(&CStr, StatKind)], known: &[u8; 32]) -> bool {
        let mut content = Told::default();
        for (name, kind) in names {
            let at = TreePath::from_bytes(name.to_bytes());
            let digest = match kind {
                StatKind::Link => folder.read_link(&at).map(|target| Sha256::of(&target)).ok(),
                _ => {
                    self.rehashed.fetch_add(1, Ordering::Relaxed);
                    let read = read_whole(folder, &at, Algorithms::Sha256, &self.bytes).ok();
                    read.and_then(|(kind, _)| kind.sha256())
                }
            };
            match digest {
                Some(digest) => content.told(name.to_bytes(), &digest),
                None => return false,
            }
        }
        content.digest().as_bytes() == known
    }
}
