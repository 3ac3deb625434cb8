//! Two trees of files against each other. Pure: what was read decides.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::base::escape;
use crate::base::path::TreePath;
use crate::base::tree::Special;
pub use crate::compare::names::Alike;
use crate::compare::names::alike;
pub use crate::compare::renamed::Moved;
pub use crate::compare::renamed::MovedFolder;
pub use crate::compare::renamed::Renamed;
use crate::integrity::pair::Marks;
use crate::integrity::pair::Pair;
use crate::integrity::pair::Pairs;
use crate::integrity::pair::Seen;
use crate::integrity::pair::What;
use crate::sys::user::Names;

/// Paths in byte order; each stands in one of the first four lists at most.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Files {
    pub only_a: Vec<TreePath>,
    pub only_b: Vec<TreePath>,
    pub different: Vec<TreePath>,
    /// What could not be read on either side; whether it differs is not known.
    pub unreadable: Vec<Unreadable>,
    /// In what each of `different` differs.
    pub details: Vec<Detail>,
    /// Files of `only_a` whose content stands elsewhere in B, among `only_b`.
    pub moved: Vec<Moved>,
    /// The same for texts that changed on the way, but not much.
    pub renamed: Vec<Renamed>,
    /// What `moved` and `renamed` say, by folder.
    pub moved_folders: Vec<MovedFolder>,
    /// Names among `only_a` and `only_b` that are the same on some disks.
    pub alike: Vec<Alike>,
    /// Regular files looked at on both sides, and their sizes together.
    pub checked: u64,
    pub bytes: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Unreadable {
    pub path: TreePath,
    /// `a` or `b`.
    pub side: &'static str,
    pub reason: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Detail {
    pub path: TreePath,
    /// `content`, `permissions`, `owner`, `time`, `target`, `kind`, each with both sides.
    pub what: Vec<String>,
}

impl Files {
    pub fn is_same(&self) -> bool {
        self.only_a.is_empty()
            && self.only_b.is_empty()
            && self.different.is_empty()
            && self.unreadable.is_empty()
    }

    /// Every pair of names that a file has on either side.
    pub fn moved_or_renamed(&self) -> impl Iterator<Item = (&TreePath, &TreePath)> {
        let moved = self.moved.iter().map(|moved| (&moved.from, &moved.to));
        moved.chain(self.renamed.iter().map(|renamed| (&renamed.from, &renamed.to)))
    }
}

/// How two sides are held against each other.
pub struct View<'a> {
    pub marks: Marks,
    /// Whether both tell of empty folders; archives and manifests often do not.
    pub folders_count: bool,
    /// Whether both tell sizes; a list of digests often does not.
    pub sizes_count: bool,
    pub names: &'a Names,
}

/// Sorts out what differs. What has another name on either side is not told yet.
pub fn judge(pairs: &Pairs, view: &View) -> Files {
    let mut files = Files { checked: pairs.checked, bytes: pairs.bytes, ..Files::default() };
    for (path, pair) in &pairs.different {
        match (&pair.a, &pair.b) {
            (Some(Seen { what: What::Unreadable { reason }, .. }), _) => files.unreadable(path, "a", reason),
            (_, Some(Seen { what: What::Unreadable { reason }, .. })) => files.unreadable(path, "b", reason),
            (Some(a), Some(b)) => {
                let what = differences(pair.other_content, a, b, view);
                if !what.is_empty() {
                    files.different.push(path.clone());
                    files.details.push(Detail { path: path.clone(), what });
                }
            }
            (Some(seen), None) if counts(path, seen, A, &pairs.different, view) => {
                files.only_a.push(path.clone());
            }
            (None, Some(seen)) if counts(path, seen, B, &pairs.different, view) => {
                files.only_b.push(path.clone());
            }
            _ => {}
        }
    }
    files.alike = alike(&files.only_a, &files.only_b);
    files
}

impl Files {
    fn unreadable(&mut self, path: &TreePath, side: &'static str, reason: &str) {
        self.unreadable.push(Unreadable { path: path.clone(), side, reason: reason.to_owned() });
    }
}

/// What a pair holds on one side.
type Side = fn(&Pair) -> Option<&Seen>;
const A: Side = |pair| pair.a.as_ref();
const B: Side = |pair| pair.b.as_ref();

/// Whether what only one side has is a difference: not where nobody could look
/// on the other side, and a folder only where nothing in it tells of it.
fn counts(
    path: &TreePath,
    seen: &Seen,
    side: Side,
    different: &BTreeMap<TreePath, Pair>,
    view: &View,
) -> bool {
    if is_below_unreadable(path, different) {
        return false;
    }
    !seen.is_folder() || (view.folders_count && !holds_something(path, side, different))
}

fn is_below_unreadable(path: &TreePath, different: &BTreeMap<TreePath, Pair>) -> bool {
    let bytes = path.as_bytes();
    let slashes = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'/');
    let mut above = slashes.map(|(at, _)| TreePath::from_bytes(&bytes[..at]));
    above.any(|folder| {
        let pair = different.get(&folder);
        pair.is_some_and(|pair| [A, B].iter().any(|side| side(pair).is_some_and(Seen::is_unreadable)))
    })
}

fn holds_something(folder: &TreePath, side: Side, different: &BTreeMap<TreePath, Pair>) -> bool {
    let below = [folder.as_bytes(), b"/"].concat();
    let mut inside = different
        .range(TreePath::from_bytes(&below)..)
        .take_while(|(path, _)| path.as_bytes().starts_with(&below));
    inside.any(|(_, pair)| side(pair).is_some())
}

/// In what two entries of one name differ.
fn differences(other_content: bool, a: &Seen, b: &Seen, view: &View) -> Vec<String> {
    let mut what = Vec::new();
    match (&a.what, &b.what) {
        (What::File { size, .. }, What::File { size: other, .. }) if other_content => {
            what.push(match view.sizes_count {
                true => format!("content: {size} bytes in A, {other} in B"),
                false => "content: the digests differ".into(),
            });
        }
        (What::Link { target }, What::Link { target: other }) if target != other => {
            let shown = |target: &[u8]| escape::bytes(target);
            what.push(format!("target: {} in A, {} in B", shown(target), shown(other)));
        }
        (one, other) if word(one) != word(other) => {
            what.push(format!("kind: {} in A, {} in B", word(one), word(other)));
        }
        _ => {}
    }
    if view.marks.permissions_differ(a, b) {
        what.push(format!("permissions: {:04o} in A, {:04o} in B", a.meta.mode, b.meta.mode));
    }
    if view.marks.owners_differ(a, b) {
        let owner = |seen: &Seen| view.names.owner(seen.meta.uid, seen.meta.gid);
        what.push(format!("owner: {} in A, {} in B", owner(a), owner(b)));
    }
    if view.marks.times_differ(a, b) {
        let time = |seen: &Seen| seen.meta.modified().strftime("%Y-%m-%d %H:%M:%S").to_string();
        what.push(format!("time: {} in A, {} in B (UTC)", time(a), time(b)));
    }
    what
}

fn word(what: &What) -> &'static str {
    match what {
        What::File { .. } => "a file",
        What::Folder => "a folder",
        What::Link { .. } => "a link",
        What::Special(Special::Socket) => "a socket",
        What::Special(Special::Fifo) => "a fifo",
        What::Special(Special::BlockDevice | Special::CharacterDevice) => "a device",
        What::Unreadable { .. } => "unreadable",
    }
}

#[cfg(test)]
mod tests;
