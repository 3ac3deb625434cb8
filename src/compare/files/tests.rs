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
    let mut files = judge(&pairs, &View { marks, folders_count: whole, sizes_count: true, names: &names });
    renamed::find(&mut files, &pairs.different, [&Contents::Nowhere, &Contents::Nowhere]);
    files
}

fn listing(entries: &[(&str, Kind, u32)]) -> Listing {
    let node = |(path, kind, mode): &(&str, Kind, u32)| {
        let meta = Meta { mode: *mode, ..Meta::default() };
        (TreePath::from_bytes(path.as_bytes()), Node { kind: kind.clone(), meta })
    };
    Listing { tree: entries.iter().map(node).collect(), is_whole: true, list: None, checked: 0, bytes: 0 }
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
    let b = Listing { is_whole: false, ..listing(&[("a", file("x"), 0o644), ("other", Kind::Folder, 0)]) };
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
        Listing { tree: [(TreePath::from_bytes(b"x"), node)].into(), is_whole: true, ..Listing::default() }
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
