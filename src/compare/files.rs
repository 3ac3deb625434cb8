//! Two trees of files against each other. Pure: what was read decides.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use serde::Serialize;

use crate::base::digest::Sha256;
use crate::base::path::TreePath;
use crate::base::tree::Kind;
use crate::base::tree::Node;
use crate::base::tree::Tree;
use crate::compare::listing::Listing;
pub use crate::compare::names::Alike;
use crate::compare::names::alike;

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
    /// Names among `only_a` and `only_b` that are the same on some disks.
    pub alike: Vec<Alike>,
    /// Regular files looked at, and their sizes together.
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
    /// `content`, `permissions`, `target`, `kind`, each with both sides.
    pub what: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Moved {
    pub from: TreePath,
    pub to: TreePath,
}

impl Files {
    pub fn is_same(&self) -> bool {
        self.only_a.is_empty()
            && self.only_b.is_empty()
            && self.different.is_empty()
            && self.unreadable.is_empty()
    }
}

pub fn compare(a: &Listing, b: &Listing) -> Files {
    let mut files = Files { checked: a.checked + b.checked, bytes: a.bytes + b.bytes, ..Files::default() };
    let both_whole = a.is_whole && b.is_whole;
    let paths: BTreeSet<&TreePath> = a.tree.keys().chain(b.tree.keys()).collect();
    for path in paths {
        match (a.tree.get(path), b.tree.get(path)) {
            (Some(Node { kind: Kind::Unreadable { reason }, .. }), _) => files.unreadable(path, "a", reason),
            (_, Some(Node { kind: Kind::Unreadable { reason }, .. })) => files.unreadable(path, "b", reason),
            (Some(of_a), Some(of_b)) => {
                let what = differences(of_a, of_b, both_whole);
                if !what.is_empty() {
                    files.different.push(path.clone());
                    files.details.push(Detail { path: path.clone(), what });
                }
            }
            (Some(node), None) if counts(path, node, a, b) => files.only_a.push(path.clone()),
            (None, Some(node)) if counts(path, node, b, a) => files.only_b.push(path.clone()),
            _ => {}
        }
    }
    files.moved = moved(&files, &a.tree, &b.tree);
    files.alike = alike(&files.only_a, &files.only_b);
    files
}

impl Files {
    fn unreadable(&mut self, path: &TreePath, side: &'static str, reason: &str) {
        self.unreadable.push(Unreadable { path: path.clone(), side, reason: reason.to_owned() });
    }
}

/// Whether what only `here` has is a difference: not where nobody could look
/// on the other side, and a folder only where nothing in it tells of it.
fn counts(path: &TreePath, node: &Node, here: &Listing, there: &Listing) -> bool {
    if is_below_unreadable(path, &there.tree) {
        return false;
    }
    !node.is_folder() || (here.is_whole && there.is_whole && !holds_something(path, &here.tree))
}

fn is_below_unreadable(path: &TreePath, tree: &Tree) -> bool {
    let bytes = path.as_bytes();
    let slashes = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'/');
    slashes
        .map(|(at, _)| TreePath::from_bytes(&bytes[..at]))
        .any(|folder| tree.get(&folder).is_some_and(|node| matches!(node.kind, Kind::Unreadable { .. })))
}

fn holds_something(folder: &TreePath, tree: &Tree) -> bool {
    let below = [folder.as_bytes(), b"/"].concat();
    let first = tree.range(TreePath::from_bytes(&below)..).next();
    first.is_some_and(|(path, _)| path.as_bytes().starts_with(&below))
}

/// In what two entries of one name differ.
fn differences(a: &Node, b: &Node, both_whole: bool) -> Vec<String> {
    let mut what = Vec::new();
    match (&a.kind, &b.kind) {
        (Kind::File { sha256, size, .. }, Kind::File { sha256: other, size: other_size, .. })
            if sha256 != other =>
        {
            what.push(format!("content: {size} bytes in A, {other_size} in B"));
        }
        (Kind::Link { target }, Kind::Link { target: other }) if target != other => {
            let shown = |target: &[u8]| crate::base::escape::bytes(target);
            what.push(format!("target: {} in A, {} in B", shown(target), shown(other)));
        }
        (one, other) if word(one) != word(other) => {
            what.push(format!("kind: {} in A, {} in B", word(one), word(other)));
        }
        _ => {}
    }
    // A link has no permissions of its own.
    let is_link = matches!(a.kind, Kind::Link { .. }) || matches!(b.kind, Kind::Link { .. });
    if both_whole && !is_link && a.meta.mode != b.meta.mode {
        what.push(format!("permissions: {:04o} in A, {:04o} in B", a.meta.mode, b.meta.mode));
    }
    what
}

fn word(kind: &Kind) -> &'static str {
    use crate::base::tree::Special;
    match kind {
        Kind::File { .. } => "a file",
        Kind::Folder => "a folder",
        Kind::Link { .. } => "a link",
        Kind::Special(Special::Socket) => "a socket",
        Kind::Special(Special::Fifo) => "a fifo",
        Kind::Special(Special::BlockDevice | Special::CharacterDevice) => "a device",
        Kind::Unreadable { .. } => "unreadable",
    }
}

/// Files that stand under another name in B; empty ones all look alike.
fn moved(files: &Files, a: &Tree, b: &Tree) -> Vec<Moved> {
    let content = |tree: &Tree, path: &TreePath| -> Option<Sha256> {
        tree.get(path).filter(|node| node.size() > 0).and_then(Node::sha256)
    };
    let mut to: BTreeMap<Sha256, Vec<&TreePath>> = BTreeMap::new();
    for path in files.only_b.iter().rev() {
        if let Some(digest) = content(b, path) {
            to.entry(digest).or_default().push(path);
        }
    }
    let mut moved = Vec::new();
    for path in &files.only_a {
        let free = content(a, path).and_then(|digest| to.get_mut(&digest));
        if let Some(to) = free.and_then(Vec::pop) {
            moved.push(Moved { from: path.clone(), to: to.clone() });
        }
    }
    moved
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::tree::Meta;
    use crate::base::tree::Special;

    fn listing(entries: &[(&str, Kind, u32)]) -> Listing {
        let node = |(path, kind, mode): &(&str, Kind, u32)| {
            let meta = Meta { mode: *mode, ..Meta::default() };
            (TreePath::from_bytes(path.as_bytes()), Node { kind: kind.clone(), meta })
        };
        Listing { tree: entries.iter().map(node).collect(), is_whole: true, checked: 0, bytes: 0 }
    }

    fn file(text: &str) -> Kind {
        Kind::File { size: text.len() as u64, sha256: Sha256::of(text.as_bytes()), md5: None }
    }

    fn link(target: &str) -> Kind {
        Kind::Link { target: target.into() }
    }

    fn unreadable() -> Kind {
        Kind::Unreadable { reason: "permission denied".into() }
    }

    #[test]
    fn every_kind_of_difference_is_found() {
        let a = listing(&[
            ("same", file("x"), 0o644),
            ("content", file("a"), 0o644),
            ("mode", file("x"), 0o644),
            ("link", link("one"), 0o777),
            ("kind", file("x"), 0o644),
            ("pipe", Kind::Special(Special::Fifo), 0o644),
            ("old/place.txt", file("moved"), 0o644),
            ("old", Kind::Folder, 0o755),
            ("gone", file("gone"), 0o644),
            ("empty", Kind::Folder, 0o755),
            ("Read.me", file("r"), 0o644),
            ("e\u{301}te", file("e"), 0o644),
            ("zero", file(""), 0o644),
            ("secret", unreadable(), 0),
            ("hidden/b", file("b"), 0o644),
        ]);
        let b = listing(&[
            ("same", file("x"), 0o644),
            ("content", file("bb"), 0o600),
            ("mode", file("x"), 0o755),
            ("link", link("two"), 0o755),
            ("kind", link("x"), 0o777),
            ("pipe", Kind::Special(Special::Socket), 0o644),
            ("new/place.txt", file("moved"), 0o644),
            ("new", Kind::Folder, 0o755),
            ("README", file("other"), 0o644),
            ("read.ME", file("r"), 0o644),
            ("\u{e9}te", file("e"), 0o644),
            ("null", file(""), 0o644),
            ("secret", file("x"), 0o644),
            ("hidden", unreadable(), 0),
        ]);
        insta::assert_snapshot!(serde_json::to_string_pretty(&compare(&a, &b)).unwrap(), @r#"
        {
          "only_a": [
            "Read.me",
            "empty",
            "éte",
            "gone",
            "old/place.txt",
            "zero"
          ],
          "only_b": [
            "README",
            "new/place.txt",
            "null",
            "read.ME",
            "éte"
          ],
          "different": [
            "content",
            "kind",
            "link",
            "mode",
            "pipe"
          ],
          "unreadable": [
            {
              "path": "hidden",
              "side": "b",
              "reason": "permission denied"
            },
            {
              "path": "secret",
              "side": "a",
              "reason": "permission denied"
            }
          ],
          "details": [
            {
              "path": "content",
              "what": [
                "content: 1 bytes in A, 2 in B",
                "permissions: 0644 in A, 0600 in B"
              ]
            },
            {
              "path": "kind",
              "what": [
                "kind: a file in A, a link in B"
              ]
            },
            {
              "path": "link",
              "what": [
                "target: one in A, two in B"
              ]
            },
            {
              "path": "mode",
              "what": [
                "permissions: 0644 in A, 0755 in B"
              ]
            },
            {
              "path": "pipe",
              "what": [
                "kind: a fifo in A, a socket in B"
              ]
            }
          ],
          "moved": [
            {
              "from": "Read.me",
              "to": "read.ME"
            },
            {
              "from": "éte",
              "to": "éte"
            },
            {
              "from": "old/place.txt",
              "to": "new/place.txt"
            }
          ],
          "alike": [
            {
              "a": "Read.me",
              "b": "read.ME"
            },
            {
              "a": "éte",
              "b": "éte"
            }
          ],
          "checked": 0,
          "bytes": 0
        }
        "#);
    }

    #[test]
    fn an_archive_tells_neither_permissions_nor_empty_folders() {
        let a = listing(&[("a", file("x"), 0o640), ("empty", Kind::Folder, 0o755)]);
        let b =
            Listing { is_whole: false, ..listing(&[("a", file("x"), 0o644), ("other", Kind::Folder, 0)]) };
        assert!(compare(&a, &b).is_same() && compare(&b, &a).is_same());
    }

    /// `a-b` sorts before `a/b`.
    #[test]
    fn a_folder_with_something_in_it_is_no_difference_of_its_own() {
        let a = listing(&[("a", Kind::Folder, 0), ("a-b", file("x"), 0), ("a/b", file("y"), 0)]);
        let found = compare(&a, &Listing { is_whole: true, ..Listing::default() });
        assert_eq!(found.only_a.iter().map(ToString::to_string).collect::<Vec<_>>(), ["a-b", "a/b"]);
    }
}
