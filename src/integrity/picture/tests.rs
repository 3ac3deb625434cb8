use super::*;

use std::os::unix::ffi::OsStrExt;
use std::time::Duration;

use crate::base::digest::Algorithms;
use crate::base::pattern::Patterns;
use crate::integrity::scan;
use crate::sys::beneath::Root;

const GROUNDS: Sha256 = Sha256::from_bytes([7; 32]);

/// A tree with every kind of entry, and where its picture is.
struct Bed {
    folder: tempfile::TempDir,
}

impl Bed {
    fn new() -> Bed {
        let bed = Bed { folder: tempfile::tempdir().unwrap() };
        for name in ["site/many", "site/a/b/empty", "site/cache"] {
            std::fs::create_dir_all(bed.at(name)).unwrap();
        }
        for number in 0..PIECE * 2 + 3 {
            std::fs::write(bed.at(&format!("site/many/{number}.txt")), format!("{number}")).unwrap();
        }
        for name in ["site/index.php", "site/a/one.php", "site/a/b/two.php", "site/cache/page"] {
            std::fs::write(bed.at(name), name).unwrap();
        }
        std::fs::write(bed.at("site/a").join(std::ffi::OsStr::from_bytes(b"odd\xff\n")), "x").unwrap();
        std::os::unix::fs::symlink("one.php", bed.at("site/a/link")).unwrap();
        rustix::fs::mkfifoat(rustix::fs::CWD, bed.at("site/pipe"), rustix::fs::Mode::RWXU).unwrap();
        // Older than any scan by more than the margin of doubt.
        std::thread::sleep(Duration::from_millis(150));
        bed
    }

    fn at(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    fn root(&self) -> Root {
        Root::open(&self.at("site")).unwrap()
    }

    fn scan(&self) -> Scan {
        let skip = Patterns::new(["cache/*"]).unwrap();
        let options =
            scan::Options { algorithms: Algorithms::Sha256, skip: &skip, digests: scan::Digests::Read };
        scan::scan(&self.root(), &options, &mut |_, _| {}).unwrap()
    }

    fn keep(&self, scan: &Scan) -> bool {
        keep(&self.at("picture"), scan, crate::sys::clock::now(), &GROUNDS).unwrap()
    }

    fn glance_at(&self, grounds: &Sha256, shares: Shares) -> Glance {
        let skip = Patterns::new(["cache/*"]).unwrap();
        glance(&self.at("picture"), grounds, &self.root(), &skip, shares, &mut |_, _| {}).unwrap()
    }

    fn glance(&self) -> Glance {
        self.glance_at(&GROUNDS, Shares::due(0, None))
    }

    fn is_same(&self) -> bool {
        matches!(self.glance(), Glance::Same(_))
    }
}

fn everything() -> Shares {
    Shares::due(0, Some(Duration::from_secs(40 * 24 * 60 * 60)))
}

#[test]
fn a_tree_is_the_same_until_anything_in_it_changes() {
    type Change = (&'static str, fn(&Bed));
    let changes: [Change; 12] = [
        ("another content of the same size", |bed| {
            std::fs::write(bed.at("site/many/77.txt"), "78").unwrap();
        }),
        ("a time put back", |bed| {
            let before = std::fs::metadata(bed.at("site/index.php")).unwrap();
            std::fs::write(bed.at("site/index.php"), "SITE/INDEX.PHP").unwrap();
            let then = filetime::FileTime::from_last_modification_time(&before);
            filetime::set_file_mtime(bed.at("site/index.php"), then).unwrap();
        }),
        ("a new file", |bed| std::fs::write(bed.at("site/a/b/empty/new"), "").unwrap()),
        ("a file less", |bed| std::fs::remove_file(bed.at("site/many/3.txt")).unwrap()),
        ("another name", |bed| {
            std::fs::rename(bed.at("site/many/3.txt"), bed.at("site/many/3.php")).unwrap();
        }),
        ("one less, and one that is left out instead", |bed| {
            std::fs::remove_file(bed.at("site/a/b/two.php")).unwrap();
            std::fs::write(bed.at("site/.entracte-x"), "").unwrap();
        }),
        ("a new folder", |bed| std::fs::create_dir(bed.at("site/a/b/new")).unwrap()),
        ("a folder less", |bed| std::fs::remove_dir(bed.at("site/a/b/empty")).unwrap()),
        ("another target", |bed| {
            std::fs::remove_file(bed.at("site/a/link")).unwrap();
            std::os::unix::fs::symlink("two.php", bed.at("site/a/link")).unwrap();
        }),
        ("another mode of a file", |bed| fs::set_mode(&bed.at("site/a/one.php"), 0o4755).unwrap()),
        ("another mode of a folder", |bed| fs::set_mode(&bed.at("site/a/b"), 0o777).unwrap()),
        ("a file for a pipe", |bed| {
            std::fs::remove_file(bed.at("site/pipe")).unwrap();
            std::fs::write(bed.at("site/pipe"), "").unwrap();
        }),
    ];
    for (what, change) in changes {
        let bed = Bed::new();
        let scan = bed.scan();
        assert!(bed.keep(&scan), "{what}");
        let Glance::Same(seen) = bed.glance() else { panic!("before {what}") };
        assert_eq!((seen.checked, seen.bytes), (scan.checked, scan.bytes));
        change(&bed);
        assert_eq!(bed.glance(), Glance::Other, "{what}");
    }
}

#[test]
fn what_is_left_out_may_change() {
    let bed = Bed::new();
    assert!(bed.keep(&bed.scan()));
    std::fs::write(bed.at("site/cache/page"), "other").unwrap();
    std::fs::write(bed.at("site/cache/new"), "other").unwrap();
    std::fs::write(bed.at("site/.entracte-note"), "ours").unwrap();
    assert!(bed.is_same());
}

#[test]
fn bytes_that_differ_under_marks_that_do_not_are_found_in_their_turn() {
    let bed = Bed::new();
    let mut scan = bed.scan();
    let path = TreePath::from_bytes(b"many/9.txt");
    if let Some(Kind::File { sha256, .. }) = scan.tree.get_mut(&path).map(|node| &mut node.kind) {
        *sha256 = Sha256::of(b"what stood there before");
    }
    assert!(bed.keep(&scan));
    let turns: Vec<Glance> = (0..128).map(|turn| bed.glance_at(&GROUNDS, Shares::due(turn, None))).collect();
    assert_eq!(turns.iter().filter(|glance| **glance == Glance::Lies).count(), 1);
    assert_eq!(bed.glance_at(&GROUNDS, everything()), Glance::Lies);
    let honest = Bed::new();
    let scan = honest.scan();
    assert!(honest.keep(&scan));
    let Glance::Same(seen) = honest.glance_at(&GROUNDS, everything()) else { panic!("it is honest") };
    assert_eq!(seen.rehashed, scan.checked);
}

#[test]
fn a_picture_that_is_not_ours_or_on_other_grounds_is_not_believed() {
    let bed = Bed::new();
    assert!(!bed.is_same(), "there is none");
    assert!(bed.keep(&bed.scan()));
    let other = Sha256::from_bytes([8; 32]);
    assert_eq!(bed.glance_at(&other, Shares::due(0, None)), Glance::Other);
    let sealed = std::fs::read(bed.at("picture")).unwrap();
    for at in (0..sealed.len()).step_by(7) {
        let mut bent = sealed.clone();
        bent[at] ^= 1;
        std::fs::write(bed.at("picture"), &bent).unwrap();
        assert!(!bed.is_same(), "byte {at}");
        std::fs::write(bed.at("picture"), &sealed[..at]).unwrap();
        assert!(!bed.is_same(), "{at} bytes");
    }
    std::fs::write(bed.at("picture"), &sealed).unwrap();
    assert!(bed.is_same());
    std::fs::remove_file(bed.at("key")).unwrap();
    assert!(!bed.is_same(), "without the key");
}

#[test]
fn what_cannot_be_believed_later_is_not_kept() {
    let bed = Bed::new();
    std::fs::write(bed.at("site/young.php"), "").unwrap();
    assert!(!bed.keep(&bed.scan()));
    std::thread::sleep(Duration::from_millis(150));
    assert!(bed.keep(&bed.scan()));
    let mut scan = bed.scan();
    let unreadable = Kind::Unreadable { reason: "why ever".into() };
    scan.tree.insert(TreePath::from_bytes(b"odd"), Node { kind: unreadable, meta: Meta::default() });
    assert!(!bed.keep(&scan));
}
