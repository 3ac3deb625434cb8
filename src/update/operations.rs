//! The changes of a plan as single operations on the live tree, in the order
//! in which they are done. Pure; undoing them is the same list backwards.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use serde::Deserialize;
use serde::Serialize;

use crate::base::path::SitePath;
use crate::base::path::TreePath;
use crate::base::tree::Tree;
use crate::update::plan::Change;
use crate::update::plan::Effect;
use crate::update::plan::Thing;

/// One step on the live tree.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operation {
    pub path: SitePath,
    pub act: Act,
    /// What is put there.
    pub new: Option<Thing>,
    /// What stood there when the plan was made.
    pub old: Option<Thing>,
}

impl Operation {
    /// What stands there afterwards, if anything; `None` where it is what stood there before.
    pub fn outcome(&self) -> Option<Option<&Thing>> {
        match (self.act, &self.new) {
            (Act::Withdraw | Act::RemoveFolder, _) => Some(None),
            (_, Some(new)) => Some(Some(new)),
            (_, None) => None,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Act {
    /// The live file or link goes to the backup set; nothing takes its place.
    Withdraw,
    /// An empty folder goes away; one that is not empty stays.
    RemoveFolder,
    MakeFolder,
    /// The prepared file or link trades places with the live one.
    Exchange,
    /// The prepared file or link is put where nothing stands.
    Place,
}

/// The operations that carry out `changes` on the tree `live`.
pub fn operations(changes: &[Change], live: &Tree) -> Vec<Operation> {
    let mut wanted = Vec::new();
    for change in changes {
        match change.effect() {
            Some(Effect::Put(new)) => put(&change.path, change.old.as_ref(), new, &mut wanted),
            Some(Effect::TakeAway) => take_away(&change.path, change.old.as_ref(), &mut wanted),
            None => {}
        }
        if let (Some(beside), Some(new)) = (&change.beside, &change.new) {
            put(&beside.path, beside.old.as_ref(), new, &mut wanted);
        }
    }
    let emptied = emptied_folders(&wanted, live);
    let missing = missing_folders(&wanted, live);
    wanted.extend(emptied);
    wanted.extend(missing);
    in_order(wanted)
}

fn put(path: &SitePath, old: Option<&Thing>, new: &Thing, wanted: &mut Vec<Operation>) {
    let mut push = |act, new: Option<&Thing>, old: Option<&Thing>| {
        wanted.push(Operation { path: path.clone(), act, new: new.cloned(), old: old.cloned() });
    };
    match (old.map(Thing::is_folder), new.is_folder()) {
        (None, true) => push(Act::MakeFolder, Some(new), None),
        (None, false) => push(Act::Place, Some(new), None),
        (Some(false), false) => push(Act::Exchange, Some(new), old),
        (Some(false), true) => {
            push(Act::Withdraw, None, old);
            push(Act::MakeFolder, Some(new), None);
        }
        (Some(true), false) => {
            push(Act::RemoveFolder, None, old);
            push(Act::Place, Some(new), None);
        }
        (Some(true), true) => {}
    }
}

fn take_away(path: &SitePath, old: Option<&Thing>, wanted: &mut Vec<Operation>) {
    let act = match old.map(Thing::is_folder) {
        Some(true) => Act::RemoveFolder,
        Some(false) => Act::Withdraw,
        None => return,
    };
    wanted.push(Operation { path: path.clone(), act, new: None, old: old.cloned() });
}

/// Folders that hold nothing once the withdrawn paths are gone.
fn emptied_folders(wanted: &[Operation], live: &Tree) -> Vec<Operation> {
    let gone: BTreeSet<&SitePath> = wanted
        .iter()
        .filter(|operation| matches!(operation.act, Act::Withdraw | Act::RemoveFolder))
        .map(|operation| &operation.path)
        .collect();
    if gone.is_empty() {
        return Vec::new();
    }
    let mut candidates: BTreeMap<SitePath, bool> =
        gone.iter().flat_map(|path| path.ancestors()).map(|folder| (folder, true)).collect();
    for operation in wanted.iter().filter(|operation| operation.new.is_some()) {
        occupied(operation.path.as_str().as_bytes(), &mut candidates);
    }
    for (path, node) in live {
        match path.to_site_path() {
            Ok(path) if gone.contains(&path) => {}
            // A folder counts only through what is in it, unless it is empty itself.
            _ if node.is_folder() && has_entries(live, path) => {}
            _ => occupied(path.as_bytes(), &mut candidates),
        }
    }
    candidates
        .into_iter()
        .filter(|(folder, empty)| *empty && !gone.contains(folder))
        .filter_map(|(path, _)| {
            let old = Thing::of_node(live.get(&TreePath::from(&path))?);
            // What came in place of the folder meanwhile is not ours, nor is its mode the folder's.
            old.is_folder().then_some(Operation { path, act: Act::RemoveFolder, new: None, old: Some(old) })
        })
        .collect()
}

/// Something stays at `path`, so no folder above it becomes empty.
fn occupied(path: &[u8], candidates: &mut BTreeMap<SitePath, bool>) {
    for (at, _) in path.iter().enumerate().filter(|(_, byte)| **byte == b'/') {
        if let Ok(folder) = SitePath::parse_bytes(&path[..at])
            && let Some(empty) = candidates.get_mut(&folder)
        {
            *empty = false;
        }
    }
}

fn has_entries(live: &Tree, folder: &TreePath) -> bool {
    let mut start = folder.as_bytes().to_vec();
    start.push(b'/');
    live.range(TreePath::from_bytes(&start)..)
        .next()
        .is_some_and(|(path, _)| path.as_bytes().starts_with(&start))
}

/// Folders that must be made before something can be put into them.
fn missing_folders(wanted: &[Operation], live: &Tree) -> Vec<Operation> {
    let made: BTreeSet<&SitePath> = wanted
        .iter()
        .filter(|operation| operation.act == Act::MakeFolder)
        .map(|operation| &operation.path)
        .collect();
    let mut missing = BTreeSet::new();
    for operation in wanted.iter().filter(|operation| operation.new.is_some()) {
        for folder in operation.path.ancestors() {
            let stands = live.get(&TreePath::from(&folder)).is_some_and(|node| node.is_folder());
            if !stands && !made.contains(&folder) {
                missing.insert(folder);
            }
        }
    }
    missing
        .into_iter()
        .map(|path| {
            let new = Thing { what: crate::update::plan::What::Folder, mode: 0, owner: None };
            Operation { path, act: Act::MakeFolder, new: Some(new), old: None }
        })
        .collect()
}

/// Taking away first, from the leaves up; then making and putting, from the top down.
fn in_order(mut wanted: Vec<Operation>) -> Vec<Operation> {
    wanted.sort_by(|a, b| {
        a.act.cmp(&b.act).then_with(|| match a.act {
            Act::Withdraw | Act::RemoveFolder => b.path.cmp(&a.path),
            Act::MakeFolder | Act::Exchange | Act::Place => a.path.cmp(&b.path),
        })
    });
    wanted
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::digest::Sha256;
    use crate::base::tree::Kind;
    use crate::base::tree::Meta;
    use crate::base::tree::Node;
    use crate::integrity::three_way::ChangeKind;
    use crate::integrity::three_way::Reason;
    use crate::update::plan::What;

    fn path(text: &str) -> SitePath {
        SitePath::parse(text).unwrap()
    }

    fn file(text: &str) -> Thing {
        let what = What::File { size: text.len() as u64, sha256: Sha256::of(text.as_bytes()) };
        Thing { what, mode: 0o644, owner: None }
    }

    fn change(at: &str, kind: ChangeKind, old: Option<Thing>, new: Option<Thing>) -> Change {
        Change { path: path(at), kind, reason: Reason::Changed, old, new, resolution: None, beside: None }
    }

    /// A tree from names; a trailing `/` is a folder.
    fn tree(names: &[&str]) -> Tree {
        let mut tree = Tree::new();
        for name in names {
            let kind = match name.strip_suffix('/') {
                Some(_) => Kind::Folder,
                None => Kind::File { size: 1, sha256: Sha256::of(b"x"), md5: None },
            };
            let node = Node { kind, meta: Meta { mode: 0o755, ..Meta::default() } };
            tree.insert(TreePath::from(&path(name.trim_end_matches('/'))), node);
        }
        tree
    }

    fn shown(operations: &[Operation]) -> Vec<String> {
        operations.iter().map(|operation| format!("{:?} {}", operation.act, operation.path)).collect()
    }

    #[test]
    fn a_folder_goes_with_its_last_file_but_not_with_a_strangers() {
        let live = tree(&["a/", "a/b/", "a/b/x", "c/", "c/x", "c/mine"]);
        let remove = |at| change(at, ChangeKind::Remove, Some(file("x")), None);
        let found = operations(&[remove("a/b/x"), remove("c/x")], &live);
        assert_eq!(shown(&found), ["Withdraw c/x", "Withdraw a/b/x", "RemoveFolder a/b", "RemoveFolder a"]);
    }

    #[test]
    fn what_came_in_place_of_a_folder_is_no_folder_that_was_emptied() {
        let found = operations(&[change("a/x", ChangeKind::Remove, Some(file("x")), None)], &tree(&["a"]));
        assert_eq!(shown(&found), ["Withdraw a/x"]);
    }

    #[test]
    fn a_folder_with_an_empty_folder_in_it_stays() {
        let live = tree(&["a/", "a/x", "a/empty/"]);
        let found = operations(&[change("a/x", ChangeKind::Remove, Some(file("x")), None)], &live);
        assert_eq!(shown(&found), ["Withdraw a/x"]);
    }

    #[test]
    fn a_file_becomes_a_folder_and_a_folder_a_file() {
        let live = tree(&["f", "d/", "d/x"]);
        let folder = Thing { what: What::Folder, mode: 0o755, owner: None };
        let found = operations(
            &[
                change("f", ChangeKind::Remove, Some(file("x")), None),
                change("f/y", ChangeKind::Add, None, Some(file("y"))),
                change("d/x", ChangeKind::Remove, Some(file("x")), None),
                change("d", ChangeKind::Replace, Some(folder), Some(file("d"))),
            ],
            &live,
        );
        assert_eq!(
            shown(&found),
            ["Withdraw f", "Withdraw d/x", "RemoveFolder d", "MakeFolder f", "Place d", "Place f/y"]
        );
    }

    #[test]
    fn the_releases_version_of_a_conflict_is_put_beside() {
        let mut conflict = change("a", ChangeKind::Conflict, Some(file("mine")), Some(file("theirs")));
        conflict.resolution = Some(crate::update::plan::Resolution::Ours);
        conflict.beside = Some(crate::update::plan::Beside { path: path("a.new"), old: None });
        assert_eq!(shown(&operations(&[conflict.clone()], &tree(&["a"]))), ["Place a.new"]);
        conflict.beside = None;
        conflict.resolution = Some(crate::update::plan::Resolution::Theirs);
        assert_eq!(shown(&operations(&[conflict], &tree(&["a"]))), ["Exchange a"]);
    }
}
