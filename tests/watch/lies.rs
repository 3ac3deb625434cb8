//! The memory of digests hides nothing: neither when it is written by somebody
//! else, nor when the marks of files lie.

use std::fs;

use super::guarded::Guarded;
use super::guarded::told;
use super::support::process;

/// Changes a byte through a mapping, which leaves size, times and inode as they
/// are on a file system in memory.
fn change_without_a_mark(path: &std::path::Path) -> bool {
    let marks = |path: &std::path::Path| {
        use std::os::unix::fs::MetadataExt;
        let found = fs::metadata(path).unwrap();
        (found.ino(), found.size(), found.mtime_nsec(), found.ctime(), found.ctime_nsec())
    };
    let before = marks(path);
    let code =
        "import mmap,sys\nf=open(sys.argv[1],'r+b')\nm=mmap.mmap(f.fileno(),0)\nm[0:1]=b'X'\nm.flush()\n";
    process::run("python3", &["-c", code, path.to_str().unwrap()]);
    assert_eq!(&fs::read(path).unwrap()[..1], b"X");
    marks(path) == before
}

#[test]
fn bytes_that_change_under_the_same_marks_are_an_alarm_of_their_own() {
    let site = Guarded::new();
    std::thread::sleep(std::time::Duration::from_millis(200));
    site.clean("before");
    if !change_without_a_mark(&site.small.path("app/same.txt")) {
        return super::support::effort::skipped("marks that lie", "/dev/shm is no file system in memory");
    }
    let answer = (0..128).map(|_| site.entracte.json(&["watch"])).find(|answer| answer.exit == 7);
    let answer = answer.expect("each file is read again in 128 turns").code(7);
    assert_eq!(told(&answer), ["modified app/same.txt: marks-lie"]);
    assert!(answer["details"][0]["alarm"].as_bool().unwrap());
    assert_eq!(told(&site.watch(7, &[])), ["modified app/same.txt"], "known from now on");
}

#[test]
fn paranoid_reads_everything_at_once() {
    let site = Guarded::new();
    std::thread::sleep(std::time::Duration::from_millis(200));
    let first = site.clean("before");
    assert_eq!(first["rehashed"], first["checked"]);
    if !change_without_a_mark(&site.small.path("app/changed.txt")) {
        return super::support::effort::skipped("marks that lie", "/dev/shm is no file system in memory");
    }
    let answer = site.watch(7, &["--paranoid"]);
    assert_eq!(answer["rehashed"], answer["checked"]);
    assert_eq!(told(&answer), ["modified app/changed.txt: marks-lie"]);
}

#[test]
fn a_lie_that_was_found_stays_found() {
    let site = Guarded::new();
    std::thread::sleep(std::time::Duration::from_millis(200));
    for when in ["first", "with the owner's files known", "by a glance"] {
        site.clean(when);
    }
    let picture = site.state().join("cache/picture");
    assert!(picture.is_file());
    if !change_without_a_mark(&site.small.path("app/changed.txt")) {
        return super::support::effort::skipped("marks that lie", "/dev/shm is no file system in memory");
    }
    assert_eq!(told(&site.watch(7, &["--paranoid"])), ["modified app/changed.txt: marks-lie"]);
    assert!(!picture.exists(), "nothing says any more that nothing was found");
    assert_eq!(told(&site.watch(7, &[])), ["modified app/changed.txt"]);
    assert_eq!(told(&site.watch(7, &[])), ["modified app/changed.txt"]);
}

#[test]
fn times_that_were_put_back_hide_nothing() {
    let site = Guarded::new();
    std::thread::sleep(std::time::Duration::from_millis(200));
    site.clean("before");
    let path = site.small.path("app/same.txt");
    fs::write(&path, "THE same in both\n").unwrap();
    process::run("touch", &["-d", "@1700000000.123456789", path.to_str().unwrap()]);
    assert_eq!(told(&site.watch(7, &[])), ["modified app/same.txt"]);
}

#[test]
fn a_memory_that_somebody_else_wrote_is_not_believed() {
    let (site, other) = (Guarded::new(), Guarded::new());
    std::thread::sleep(std::time::Duration::from_millis(200));
    for site in [&site, &other] {
        site.clean("before");
    }
    for name in ["stat", "picture"] {
        fs::copy(other.state().join("cache").join(name), site.state().join("cache").join(name)).unwrap();
    }
    let answer = site.clean("with another's memory");
    assert_eq!(answer["rehashed"], answer["checked"]);
    assert!(answer["notes"][0].as_str().unwrap().contains("not ours"), "{answer:#}");
    assert!(site.clean("mended")["rehashed"].as_u64() < answer["checked"].as_u64());
    let key = fs::metadata(site.state().join("cache/key")).unwrap();
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&key.permissions()) & 0o777, 0o600);
}
