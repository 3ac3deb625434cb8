//! Two folders read at once, for what differs between them.
//!
//! Content is read only where nothing else tells: of files of one size that
//! are not one inode. Links are never followed, and what cannot be read is an
//! entry of the result, as in a scan.

mod content;
mod seen;
#[cfg(test)]
mod tests;

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::ffi::OsString;
use std::io;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use rayon::iter::IntoParallelRefIterator;
use rayon::iter::ParallelIterator;

use crate::base::event::Watch;
use crate::base::path::TreePath;
use crate::base::pattern::Patterns;
use crate::base::tree::Meta;
use crate::integrity::progress;
use crate::integrity::scan;
use crate::integrity::scan::ScanError;
use crate::sys::beneath::Root;
use crate::sys::beneath::Stat;
use crate::sys::beneath::StatKind;

use self::content::Side;
use self::content::same_content;

pub use self::seen::Marks;
pub use self::seen::Pair;
pub use self::seen::Seen;
pub use self::seen::What;

pub struct Options<'a> {
    /// Paths that are neither listed nor entered.
    pub skip: &'a Patterns,
    pub marks: Marks,
}

/// What two folders do not share, and how much was looked at on both sides.
#[derive(Debug, Default)]
pub struct Pairs {
    pub different: BTreeMap<TreePath, Pair>,
    /// Regular files, and their sizes together.
    pub checked: u64,
    pub bytes: u64,
}

/// An entry of a folder: the folder, and the name in it.
pub type Spot<'s> = (&'s Root, &'s OsStr);

/// The same, held, with what stands there.
type Opened = (Arc<Root>, OsString, io::Result<Stat>);

/// Everything below `a` against everything below `b`.
pub fn read(a: &Root, b: &Root, options: &Options, watch: Watch) -> Result<Pairs, ScanError> {
    let tops = [Arc::new(Root::open(a.path())?), Arc::new(Root::open(b.path())?)];
    work_through(options, watch, |work, scope| {
        let [a, b] = tops;
        work.folder(scope, Some(a), Some(b), TreePath::root());
    })
}

/// One entry against another, with all that is below them, as if both stood at `at`.
pub fn read_entries(
    a: Option<Spot>,
    b: Option<Spot>,
    at: &TreePath,
    options: &Options,
    watch: Watch,
) -> Result<Pairs, ScanError> {
    let spot = |spot: Option<Spot>| -> Result<Option<Opened>, ScanError> {
        let Some((folder, name)) = spot else { return Ok(None) };
        let Some(stat) = folder.stat(&TreePath::root().child(name))? else { return Ok(None) };
        Ok(Some((Arc::new(Root::open(folder.path())?), name.to_owned(), Ok(stat))))
    };
    let (a, b) = (spot(a)?, spot(b)?);
    work_through(options, watch, |work, scope| {
        let [a, b] = [&a, &b].map(|spot| spot.as_ref().map(|(folder, name, stat)| At { folder, name, stat }));
        work.keep(work.entry(a, b).map(|pair| (at.clone(), pair)).into_iter().collect());
        work.descend(scope, a, b, at.clone());
    })
}

fn work_through<'a>(
    options: &'a Options<'a>,
    watch: Watch,
    begin: impl for<'s> FnOnce(&'s Work<'a>, &rayon::Scope<'s>) + Send,
) -> Result<Pairs, ScanError> {
    let pool = rayon::ThreadPoolBuilder::new().build().map_err(ScanError::Threads)?;
    let work = Work { options, different: Mutex::default(), checked: 0.into(), bytes: 0.into() };
    progress::while_working(&work.checked, &work.bytes, watch, || pool.scope(|scope| begin(&work, scope)));
    Ok(Pairs {
        different: work.different.into_inner().unwrap_or_else(PoisonError::into_inner),
        checked: work.checked.into_inner(),
        bytes: work.bytes.into_inner(),
    })
}

struct Work<'a> {
    options: &'a Options<'a>,
    different: Mutex<BTreeMap<TreePath, Pair>>,
    checked: AtomicU64,
    bytes: AtomicU64,
}

/// An entry that was seen in an open folder.
#[derive(Clone, Copy)]
struct At<'a> {
    folder: &'a Arc<Root>,
    name: &'a OsStr,
    stat: &'a io::Result<Stat>,
}

impl At<'_> {
    fn is_folder(&self) -> bool {
        matches!(self.stat, Ok(Stat { kind: StatKind::Folder, .. }))
    }

    fn path(&self) -> TreePath {
        TreePath::root().child(self.name)
    }

    fn seen(&self) -> Seen {
        let stat = match self.stat {
            Ok(stat) => stat,
            Err(error) => return Seen::unreadable(error),
        };
        let what = match stat.kind {
            StatKind::File => What::File { size: stat.size, sha256: None },
            StatKind::Folder => What::Folder,
            StatKind::Special(special) => What::Special(special),
            StatKind::Link => match self.folder.read_link(&self.path()) {
                Ok(target) => What::Link { target },
                Err(error) => What::Unreadable { reason: error.source.to_string() },
            },
        };
        Seen { what, meta: stat.meta }
    }
}

/// A name with what stands there on either side.
type Both = (OsString, Option<io::Result<Stat>>, Option<io::Result<Stat>>);

impl<'a> Work<'a> {
    /// The entries of a folder of one side or of both; folders in it are handed on.
    fn folder<'s>(
        &'s self,
        scope: &rayon::Scope<'s>,
        a: Option<Arc<Root>>,
        b: Option<Arc<Root>>,
        path: TreePath,
    ) {
        let list = |folder: &Option<Arc<Root>>| folder.as_ref().map(|folder| folder.list(&TreePath::root()));
        let (of_a, of_b) = match (list(&a).transpose(), list(&b).transpose()) {
            (Ok(of_a), Ok(of_b)) => (of_a.unwrap_or_default(), of_b.unwrap_or_default()),
            (of_a, of_b) => {
                let seen = |there: bool, error: Option<&io::Error>| match error {
                    Some(error) => Some(Seen::unreadable(error)),
                    None => there.then(|| Seen { what: What::Folder, meta: Meta::default() }),
                };
                let (of_a, of_b) = (of_a.err(), of_b.err());
                let seen_a = seen(a.is_some(), of_a.as_ref().map(|error| &error.source));
                let seen_b = seen(b.is_some(), of_b.as_ref().map(|error| &error.source));
                return self.keep(vec![(path, Pair::of(seen_a, seen_b))]);
            }
        };
        let entries: Vec<(TreePath, Both)> = merged(of_a, of_b)
            .into_iter()
            .map(|both| (path.child(&both.0), both))
            .filter(|(path, (name, _, _))| {
                !scan::is_reserved(path, name) && !self.options.skip.matches_bytes(path.as_bytes())
            })
            .collect();
        let found: Vec<Option<Pair>> = entries
            .par_iter()
            .map(|(_, both)| {
                let (a, b) = sides(both, &a, &b);
                self.entry(a, b)
            })
            .collect();
        for (path, both) in &entries {
            let (a, b) = sides(both, &a, &b);
            self.descend(scope, a, b, path.clone());
        }
        let paths = entries.into_iter().map(|(path, _)| path);
        self.keep(paths.zip(found).filter_map(|(path, pair)| Some((path, pair?))).collect());
    }

    /// Hands on what is a folder on either side.
    fn descend<'s>(&'s self, scope: &rayon::Scope<'s>, a: Option<At>, b: Option<At>, path: TreePath) {
        let opened =
            |at: Option<At>| at.filter(At::is_folder).map(|at| (at.folder.clone(), at.name.to_owned()));
        let (a, b) = (opened(a), opened(b));
        if a.is_none() && b.is_none() {
            return;
        }
        scope.spawn(move |scope| {
            let open =
                |at: Option<(Arc<Root>, OsString)>| at.map(|(above, name)| above.child(&name)).transpose();
            match (open(a), open(b)) {
                (Ok(a), Ok(b)) => self.folder(scope, a.map(Arc::new), b.map(Arc::new), path),
                (a, b) => {
                    let seen = |opened: Result<Option<Root>, crate::sys::fs::IoError>| match opened {
                        Ok(folder) => folder.map(|_| Seen { what: What::Folder, meta: Meta::default() }),
                        Err(error) => Some(Seen::unreadable(&error.source)),
                    };
                    self.keep(vec![(path, Pair::of(seen(a), seen(b)))]);
                }
            }
        });
    }

    /// What cannot be listed was kept as a folder before: that it is unreadable counts.
    fn keep(&self, found: Vec<(TreePath, Pair)>) {
        if found.is_empty() {
            return;
        }
        let unreadable = |seen: &Option<Seen>| seen.as_ref().is_some_and(Seen::is_unreadable);
        let mut different = self.different.lock().unwrap_or_else(PoisonError::into_inner);
        for (path, pair) in found {
            match different.get(&path) {
                Some(known) if unreadable(&known.a) || unreadable(&known.b) => {}
                _ => {
                    different.insert(path, pair);
                }
            }
        }
    }

    /// The pair, where it differs.
    fn entry(&self, a: Option<At>, b: Option<At>) -> Option<Pair> {
        for at in [a, b].into_iter().flatten() {
            if let Ok(Stat { kind: StatKind::File, size, .. }) = at.stat {
                self.checked.fetch_add(1, Relaxed);
                self.bytes.fetch_add(*size, Relaxed);
            }
        }
        let mut pair = Pair { a: None, b: None, other_content: false };
        if let (Some(a), Some(b)) = (a, b)
            && let (Ok(of_a), Ok(of_b)) = (a.stat, b.stat)
            && (of_a.kind, of_b.kind) == (StatKind::File, StatKind::File)
        {
            match same_content(a, b, of_a, of_b) {
                Ok(same) => pair.other_content = !same,
                Err((Side::A, error)) => pair.a = Some(Seen::unreadable(&error)),
                Err((Side::B, error)) => pair.b = Some(Seen::unreadable(&error)),
            }
        }
        pair.a = pair.a.or_else(|| a.map(|at| at.seen()));
        pair.b = pair.b.or_else(|| b.map(|at| at.seen()));
        pair.differs(self.options.marks).then_some(pair)
    }
}

fn sides<'e>(
    (name, of_a, of_b): &'e Both,
    a: &'e Option<Arc<Root>>,
    b: &'e Option<Arc<Root>>,
) -> (Option<At<'e>>, Option<At<'e>>) {
    let at = |folder: &'e Option<Arc<Root>>, stat: &'e Option<io::Result<Stat>>| {
        Some(At { folder: folder.as_ref()?, name, stat: stat.as_ref()? })
    };
    (at(a, of_a), at(b, of_b))
}

/// Both lists as one, by name.
fn merged(mut a: Vec<(OsString, io::Result<Stat>)>, mut b: Vec<(OsString, io::Result<Stat>)>) -> Vec<Both> {
    a.sort_by(|one, other| one.0.cmp(&other.0));
    b.sort_by(|one, other| one.0.cmp(&other.0));
    let (mut a, mut b) = (a.into_iter().peekable(), b.into_iter().peekable());
    let mut both = Vec::new();
    loop {
        let order = match (a.peek(), b.peek()) {
            (None, None) => return both,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some((of_a, _)), Some((of_b, _))) => of_a.cmp(of_b),
        };
        let of_a = if order != Ordering::Greater { a.next() } else { None };
        let of_b = if order != Ordering::Less { b.next() } else { None };
        both.push(match (of_a, of_b) {
            (Some((name, of_a)), of_b) => (name, Some(of_a), of_b.map(|(_, stat)| stat)),
            (None, Some((name, of_b))) => (name, None, Some(of_b)),
            (None, None) => return both,
        });
    }
}
