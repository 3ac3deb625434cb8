//! How a tree stands to the release that it is nearest to, path by path.

use crate::base::path::TreePath;
use crate::base::tree::Kind;
use crate::base::tree::Tree;
use crate::integrity::catalogue::Catalogue;
use crate::integrity::nearest::Found;
use crate::integrity::nearest::Rank;
use crate::integrity::nearest::State;

/// Paths as they are in the tree, in byte order. Each file stands in one list at most.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Account {
    pub exact: u64,
    pub line_ends: Vec<TreePath>,
    pub modified: Vec<TreePath>,
    pub missing: Vec<TreePath>,
    pub unreadable: Vec<TreePath>,
    /// Files and links that no known release of the product has there.
    pub extra: Vec<TreePath>,
    /// Files, modified or extra, that are as other releases have them.
    pub elsewhere: Vec<Elsewhere>,
    /// Files beside the folder in which the release lies.
    pub outside: u64,
    /// Everything that the release lists, sorted.
    listed: Vec<TreePath>,
}

impl Account {
    /// Whether the release has nothing of this name, and nothing below it.
    pub fn is_free_of_release(&self, path: &TreePath) -> bool {
        let at = self.listed.partition_point(|listed| listed < path);
        let inside = [path.as_bytes(), b"/"].concat();
        let below = self.listed.partition_point(|listed| listed.as_bytes() < &inside[..]);
        self.listed.get(at) != Some(path)
            && !self.listed.get(below).is_some_and(|listed| listed.as_bytes().starts_with(&inside))
    }
}

/// A file that is as in other releases than the nearest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Elsewhere {
    pub path: TreePath,
    /// The numbers of those releases.
    pub releases: Vec<usize>,
    /// Whether the nearest one has a file of that name, too.
    pub is_listed: bool,
}

pub fn account(catalogue: &Catalogue, tree: &Tree, found: &Found, rank: &Rank) -> Account {
    let release = &catalogue.releases()[rank.release];
    let mut account = Account::default();
    let mut listed: Vec<TreePath> = Vec::with_capacity(release.files().len());
    for number in release.files() {
        let Some(path) = found.place.in_tree(&catalogue.entry(*number).path) else { continue };
        listed.push(path.clone());
        match found.state(catalogue, *number) {
            State::Exact => account.exact += 1,
            State::LineEnds => account.line_ends.push(path),
            State::Other => account.modified.push(path),
            State::Missing if is_below_unreadable(tree, &path) => account.unreadable.push(path),
            State::Missing => account.missing.push(path),
            State::Unreadable => account.unreadable.push(path),
            State::Outside => {}
        }
    }
    listed.sort();
    account.elsewhere = elsewhere(catalogue, found, rank, &listed);
    let is_elsewhere = |path: &TreePath| {
        account
            .elsewhere
            .binary_search_by(|one| one.path.cmp(path))
            .is_ok_and(|at| !account.elsewhere[at].is_listed)
    };
    for (path, node) in tree.iter().filter(|(_, node)| !node.is_folder()) {
        match (found.place.inside(path), &node.kind) {
            (None, _) => account.outside += 1,
            _ if listed.binary_search(path).is_ok() || is_elsewhere(path) => {}
            (_, Kind::Unreadable { .. }) => account.unreadable.push(path.clone()),
            _ => account.extra.push(path.clone()),
        }
    }
    account.unreadable.sort();
    account.listed = listed;
    account
}

fn elsewhere(catalogue: &Catalogue, found: &Found, rank: &Rank, listed: &[TreePath]) -> Vec<Elsewhere> {
    let nearest = &catalogue.releases()[rank.release];
    let mut elsewhere = Vec::new();
    for number in catalogue.entries_of(found.product) {
        let number = number as u32;
        if found.state(catalogue, number) != State::Exact || nearest.holds(number) {
            continue;
        }
        let Some(path) = found.place.in_tree(&catalogue.entry(number).path) else { continue };
        let holds = |release: &usize| catalogue.releases()[*release].holds(number);
        let releases = catalogue.releases_of(found.product).filter(holds).collect();
        let is_listed = listed.binary_search(&path).is_ok();
        elsewhere.push(Elsewhere { path, releases, is_listed });
    }
    elsewhere.sort_by(|a, b| a.path.cmp(&b.path));
    elsewhere
}

fn is_below_unreadable(tree: &Tree, path: &TreePath) -> bool {
    let bytes = path.as_bytes();
    let slashes = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'/');
    slashes
        .map(|(at, _)| TreePath::from_bytes(&bytes[..at]))
        .any(|folder| tree.get(&folder).is_some_and(|node| matches!(node.kind, Kind::Unreadable { .. })))
}
