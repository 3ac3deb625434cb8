use super::*;
use crate::base::digest::Algorithms;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::fs::symlink;
use std::path::Path;

const MARKS: Marks = Marks { permissions: true, owners: false, times: false };

fn nothing() -> Patterns {
    Patterns::new(["skipped"]).unwrap()
}

fn read(a: &Path, b: &Path) -> Pairs {
    let (a, b) = (Root::open(a).unwrap(), Root::open(b).unwrap());
    super::read(&a, &b, &Options { skip: &nothing(), marks: MARKS }, &mut |_, _| {}).unwrap()
}

/// The slow way: every file hashed.
fn scanned(a: &Path, b: &Path) -> Vec<(String, bool)> {
    let scan = |folder: &Path| {
        let options =
            scan::Options { algorithms: Algorithms::Sha256, skip: &nothing(), digests: scan::Digests::Read };
        scan::scan(&Root::open(folder).unwrap(), &options, &mut |_, _| {}).unwrap().tree
    };
    let (a, b) = (scan(a), scan(b));
    let paths: std::collections::BTreeSet<&TreePath> = a.keys().chain(b.keys()).collect();
    let pair = |path: &TreePath| Pair::of(a.get(path).map(Seen::from), b.get(path).map(Seen::from));
    let pairs = paths.into_iter().map(|path| (path.to_string(), pair(path)));
    pairs.filter(|(_, pair)| pair.differs(MARKS)).map(|(path, pair)| (path, pair.other_content)).collect()
}

fn twins() -> (tempfile::TempDir, std::path::PathBuf, std::path::PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let (a, b) = (folder.path().join("a"), folder.path().join("b"));
    for root in [&a, &b] {
        fs::create_dir_all(root.join("lib/deep")).unwrap();
        fs::create_dir_all(root.join("skipped")).unwrap();
        for name in ["one", "lib/two", "lib/deep/three", "empty"] {
            fs::write(root.join(name), if name == "empty" { "" } else { name }).unwrap();
        }
        fs::write(root.join("long"), vec![7; 300_000]).unwrap();
        symlink("one", root.join("link")).unwrap();
    }
    (folder, a, b)
}

#[test]
fn what_is_read_at_once_differs_as_what_is_hashed_does() {
    let (_folder, a, b) = twins();
    let same = read(&a, &b);
    assert_eq!((same.different.len(), same.checked, same.bytes), (0, 10, 2 * (3 + 7 + 14 + 300_000)));
    let mut long = vec![7; 300_000];
    long[299_999] = 8;
    fs::write(b.join("long"), long).unwrap();
    fs::write(b.join("one"), "uno").unwrap();
    fs::write(b.join("lib/two"), "longer than before").unwrap();
    fs::write(b.join("empty"), "no longer").unwrap();
    fs::write(b.join("skipped/x"), "x").unwrap();
    fs::set_permissions(b.join("lib"), fs::Permissions::from_mode(0o700)).unwrap();
    fs::remove_file(b.join("link")).unwrap();
    symlink("lib", b.join("link")).unwrap();
    fs::rename(b.join("lib/deep"), b.join("lib/deeper")).unwrap();
    fs::remove_file(a.join("lib/deep/three")).unwrap();
    symlink("/etc", a.join("lib/deep/three")).unwrap();
    for (a, b) in [(&a, &b), (&b, &a)] {
        let found = read(a, b);
        let told: Vec<_> =
            found.different.iter().map(|(path, pair)| (path.to_string(), pair.other_content)).collect();
        assert_eq!(told, scanned(a, b));
        assert_eq!(told.iter().filter(|(_, content)| *content).count(), 4, "{told:?}");
    }
}

#[test]
fn one_inode_is_one_content() {
    let (_folder, a, b) = twins();
    fs::remove_file(b.join("one")).unwrap();
    fs::hard_link(a.join("one"), b.join("one")).unwrap();
    assert_eq!(read(&a, &b).different.len(), 0);
}

#[test]
fn entries_with_other_names_are_told_under_one() {
    let (folder, a, b) = twins();
    fs::write(b.join("lib/two"), "other").unwrap();
    let roots = [Root::open(folder.path()).unwrap(), Root::open(&b).unwrap()];
    let at = TreePath::from_bytes(b"outside:/x");
    let skip = nothing();
    let options = Options { skip: &skip, marks: MARKS };
    let read = |a: Option<Spot>, b: Option<Spot>| -> Vec<String> {
        let found = read_entries(a, b, &at, &options, &mut |_, _| {}).unwrap();
        found.different.keys().map(ToString::to_string).collect()
    };
    let (whole_a, whole_b) = ((&roots[0], OsStr::new("a")), (&roots[0], OsStr::new("b")));
    let (file, missing) = ((&roots[1], OsStr::new("one")), (&roots[1], OsStr::new("none")));
    assert_eq!(read(Some(whole_a), Some(whole_b)), ["outside:/x/lib/two"]);
    assert_eq!(read(Some(file), Some(file)), [""; 0]);
    assert_eq!(read(Some(file), Some(missing)), ["outside:/x"]);
    assert_eq!(read(None, Some(whole_b)).len(), 10);
    assert_eq!(read(Some(file), Some(whole_b)).first().map(String::as_str), Some("outside:/x"));
    assert_eq!(read(None, None), [""; 0]);
    let _ = a;
}

#[test]
fn what_is_no_longer_what_was_listed_is_looked_at_anew() {
    let (_folder, a, b) = twins();
    let roots = [&a, &b].map(|path| Arc::new(Root::open(path).unwrap()));
    let one = TreePath::from_bytes(b"one");
    let listed = [&roots[0], &roots[1]].map(|root| Ok(root.stat(&one).unwrap().unwrap()));
    let at = |side: usize| At { folder: &roots[side], name: OsStr::new("one"), stat: &listed[side] };
    let same = || {
        let [Ok(of_a), Ok(of_b)] = &listed else { panic!("both were listed") };
        same_content(at(0), at(1), of_a, of_b)
    };
    assert!(same().is_ok_and(|same| same));
    fs::write(b.join("one"), "uno").unwrap();
    assert!(same().is_ok_and(|same| !same));
    fs::write(b.join("one"), "longer than it was").unwrap();
    assert!(same().is_ok_and(|same| !same));
    fs::write(a.join("one"), "longer than it was").unwrap();
    assert!(same().is_ok_and(|same| same));
    fs::remove_file(b.join("one")).unwrap();
    rustix::fs::mkfifoat(rustix::fs::CWD, b.join("one"), rustix::fs::Mode::RWXU).unwrap();
    assert!(same().is_err_and(|(side, _)| side == Side::B));
    fs::remove_file(b.join("one")).unwrap();
    symlink(a.join("one"), b.join("one")).unwrap();
    assert!(same().is_err_and(|(side, _)| side == Side::B));
}
