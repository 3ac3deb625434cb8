use super::*;
use crate::base::tree::Special;
use std::os::unix::ffi::OsStrExt;
use std::time::Duration;

fn scanned(folder: &std::path::Path, cache: Option<&StatCache>) -> Scan {
    let nothing = Patterns::new(["skipped"]).unwrap();
    let options = Options {
        algorithms: Algorithms::Sha256,
        skip: &nothing,
        digests: cache.map_or(Digests::Read, Digests::Remembered),
    };
    scan(&Root::open(folder).unwrap(), &options, &mut |_, _| {}).unwrap()
}

fn node<'s>(scan: &'s Scan, path: &[u8]) -> &'s Kind {
    &scan.tree[&TreePath::from_bytes(path)].kind
}

#[test]
fn every_kind_of_entry_is_found_and_no_link_is_followed() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &[u8]| folder.path().join(std::ffi::OsStr::from_bytes(name));
    std::fs::create_dir_all(at(b"a/b")).unwrap();
    std::fs::create_dir(at(b"empty")).unwrap();
    std::fs::create_dir(at(b".entracte")).unwrap();
    std::fs::create_dir(at(b"skipped")).unwrap();
    std::fs::write(at(b"skipped/x"), "x").unwrap();
    std::fs::write(at(b".entracte/lock"), "x").unwrap();
    std::fs::write(at(b"a/b/file"), "abc").unwrap();
    std::fs::write(at(b"not\xfftext\n"), "").unwrap();
    std::os::unix::fs::symlink("..", at(b"a/loop")).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", at(b"out")).unwrap();
    rustix::fs::mkfifoat(rustix::fs::CWD, at(b"pipe"), rustix::fs::Mode::RWXU).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(at(b"socket")).unwrap();
    let scan = scanned(folder.path(), None);
    let names: Vec<String> = scan.tree.keys().map(ToString::to_string).collect();
    assert_eq!(
        names,
        ["a", "a/b", "a/b/file", "a/loop", "empty", "not\\xfftext\\n", "out", "pipe", "socket"]
    );
    assert_eq!(*node(&scan, b"a/b/file"), Kind::File { size: 3, sha256: Sha256::of(b"abc"), md5: None });
    assert_eq!(*node(&scan, b"out"), Kind::Link { target: b"/etc/passwd".to_vec() });
    assert_eq!(*node(&scan, b"pipe"), Kind::Special(Special::Fifo));
    assert_eq!(*node(&scan, b"socket"), Kind::Special(Special::Socket));
    assert_eq!((scan.checked, scan.bytes, scan.rehashed), (2, 3, 2));
}

#[test]
fn a_read_error_never_yields_a_digest() {
    struct Broken(u8);
    impl Read for Broken {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.0 += 1;
            match self.0 {
                1 => {
                    buffer[0] = b'x';
                    Ok(1)
                }
                2 => Err(io::ErrorKind::Interrupted.into()),
                _ => Err(io::Error::other("broken")),
            }
        }
    }
    assert!(hash_reader(&mut Broken(0), Algorithms::Sha256).is_err());
}

#[test]
fn the_cache_saves_reading_until_a_file_changes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a");
    std::fs::write(&path, "one").unwrap();
    std::fs::write(folder.path().join("b"), "two").unwrap();
    // Older than the scan by more than the margin of doubt.
    std::thread::sleep(Duration::from_millis(150));
    let cache = StatCache::of(&scanned(folder.path(), None), clock::now());
    assert_eq!(scanned(folder.path(), Some(&cache)).rehashed, 0);
    std::fs::write(&path, "six").unwrap();
    let again = scanned(folder.path(), Some(&cache));
    assert_eq!(again.rehashed, 1);
    assert_eq!(*node(&again, b"a"), Kind::File { size: 3, sha256: Sha256::of(b"six"), md5: None });
}

#[test]
fn a_file_written_just_before_the_scan_is_not_trusted() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a"), "one").unwrap();
    let cache = StatCache::of(&scanned(folder.path(), None), clock::now());
    assert_eq!(scanned(folder.path(), Some(&cache)).rehashed, 1);
}

#[test]
fn nothing_is_read_where_digests_come_later() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("file"), "text").unwrap();
    std::os::unix::fs::symlink("file", folder.path().join("link")).unwrap();
    let nothing = Patterns::default();
    let options = Options { algorithms: Algorithms::Sha256AndMd5, skip: &nothing, digests: Digests::Later };
    let found = scan(&Root::open(folder.path()).unwrap(), &options, &mut |_, _| {}).unwrap();
    assert_eq!((found.checked, found.bytes, found.rehashed), (1, 4, 0));
    assert_eq!(*node(&found, b"file"), Kind::File { size: 4, sha256: Sha256::UNSAID, md5: None });
    assert_eq!(*node(&found, b"link"), Kind::Link { target: b"file".to_vec() });
}
