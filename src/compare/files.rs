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
            what.push(format!("content: {size} bytes in A, {other} in B"));
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
mod tests {
    use super::*;
    use crate::base::digest::Sha256;
    use crate::base::tree::Kind;
    use crate::base::tree::Meta;
    use crate::base::tree::Node;
    use crate::compare::content::Contents;
    use crate::compare::listing::Listing;
    use crate::compare::renamed;

    const EVERYTHING: Marks = Marks { permissions: true, owners: true, times: true };

    fn compare(a: &Listing, b: &Listing) -> Files {
        let whole = a.is_whole && b.is_whole;
        let marks = if whole { EVERYTHING } else { Marks::default() };
        let pairs = Listing::pairs(a, b, marks);
        let names = Names::read("web:x:33:33::/:/bin/sh\n", "web:x:33:\n");
        let mut files = judge(&pairs, &View { marks, folders_count: whole, names: &names });
        renamed::find(&mut files, &pairs.different, [&Contents::Nowhere, &Contents::Nowhere]);
        files
    }

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
          "renamed": [],
          "moved_folders": [],
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
    #[test]
    fn owners_and_times_are_told_with_names_where_there_are_any() {
        let of = |uid, mtime| {
            let meta = Meta { uid, gid: uid, mtime, ..Meta::default() };
            let node = Node { kind: file("x"), meta };
            Listing {
                tree: [(TreePath::from_bytes(b"x"), node)].into(),
                is_whole: true,
                ..Listing::default()
            }
        };
        let found = compare(&of(33, 0), &of(1001, 1));
        assert_eq!(
            found.details[0].what,
            [
                "owner: web:web in A, 1001:1001 in B",
                "time: 1970-01-01 00:00:00 in A, 1970-01-01 00:00:01 in B (UTC)"
            ]
        );
    }

    #[test]
    fn a_folder_that_moved_is_told_in_one() {
        let files = |folder: &str| -> Vec<(String, Kind, u32)> {
            (0..3).map(|at| (format!("{folder}/{at}.php"), file(&format!("text {at}")), 0o644)).collect()
        };
        let listing_of = |files: &[(String, Kind, u32)]| {
            let entries: Vec<(&str, Kind, u32)> =
                files.iter().map(|(path, kind, mode)| (path.as_str(), kind.clone(), *mode)).collect();
            listing(&entries)
        };
        let found = compare(&listing_of(&files("old/lib")), &listing_of(&files("new/lib")));
        assert_eq!(found.moved.len(), 3);
        let folder = |text: &str| TreePath::from_bytes(text.as_bytes());
        assert_eq!(found.moved_folders, [MovedFolder { from: folder("old"), to: folder("new"), files: 3 }]);
    }
}
