use std::collections::BTreeMap;

use super::*;
use crate::integrity::scan::Digests;

fn cache() -> StatCache {
    let entry = Entry {
        size: 3,
        mtime: (1, 2),
        ctime: (3, 4),
        inode: 5,
        device: 6,
        sha256: Sha256::of(b"abc"),
        md5: Some(Md5::from_bytes([7; 16])),
    };
    let bare = Entry { md5: None, ..entry };
    let mut records = Records::default();
    records.put(b"a/b\xff", &entry);
    records.put(b"c", &bare);
    StatCache { records, ..StatCache::default() }
}

fn known_by(cache: &StatCache) -> BTreeMap<Vec<u8>, Entry> {
    cache.records.iter().map(|(path, entry)| (path.to_vec(), entry)).collect()
}

#[test]
fn what_is_saved_is_loaded() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cache");
    assert!(known_by(&StatCache::load(&path).0).is_empty() && StatCache::load(&path).1.is_none());
    cache().save(&path).unwrap();
    let (loaded, warning) = StatCache::load(&path);
    assert_eq!((known_by(&loaded), warning), (known_by(&cache()), None));
    let again = loaded.and(cache());
    assert_eq!(known_by(&again), known_by(&cache()), "each path once");
    again.save(&path).unwrap();
    let one = StatCache::load(&path).0.only(|path| path == b"c");
    assert_eq!(known_by(&one).into_keys().collect::<Vec<_>>(), [b"c"]);
    let (known, other) = (TreePath::from_bytes(b"c"), TreePath::from_bytes(b"a/b\xff"));
    assert!(one.records.get(&known).is_some() && one.records.get(&other).is_none());
}

#[test]
fn a_damaged_cache_is_discarded_with_a_warning() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cache");
    cache().save(&path).unwrap();
    let whole = std::fs::read(&path).unwrap();
    for at in 0..whole.len() {
        let mut flipped = whole.clone();
        flipped[at] ^= 1;
        std::fs::write(&path, flipped).unwrap();
        let (loaded, warning) = StatCache::load(&path);
        assert!(known_by(&loaded).is_empty(), "flipped byte {at}");
        assert!(warning.is_some() || at == UNSEALED.len() - 2, "flipped byte {at}");
    }
    std::fs::write(&path, &whole[..10]).unwrap();
    assert!(StatCache::load(&path).1.is_some());
}

#[test]
fn a_cache_that_another_wrote_is_not_believed() {
    let folder = tempfile::tempdir().unwrap();
    let (ours, theirs) = (folder.path().join("ours/stat"), folder.path().join("theirs/stat"));
    for path in [&ours, &theirs] {
        std::fs::create_dir(path.parent().unwrap()).unwrap();
        cache().save(path).unwrap();
    }
    std::fs::copy(&theirs, &ours).unwrap();
    let (loaded, warning) = StatCache::load(&ours);
    assert!(known_by(&loaded).is_empty() && warning.unwrap().contains("not ours"));
    cache().save(&ours).unwrap();
    std::fs::remove_file(key_of(&ours)).unwrap();
    assert!(known_by(&StatCache::load(&ours).0).is_empty(), "without its key");
}

/// A folder of old files, its scan, and what is known of it afterwards.
fn known(count: u32) -> (tempfile::TempDir, Scan, StatCache) {
    let folder = tempfile::tempdir().unwrap();
    for number in 0..count {
        std::fs::write(folder.path().join(format!("{number}")), format!("file {number}")).unwrap();
    }
    std::thread::sleep(std::time::Duration::from_millis(150));
    let scanned = scanned(folder.path(), None);
    let cache = StatCache::of(&scanned, scanned.started);
    (folder, scanned, cache)
}

fn scanned(folder: &Path, cache: Option<&StatCache>) -> Scan {
    let nothing = crate::base::pattern::Patterns::default();
    let algorithms = crate::base::digest::Algorithms::Sha256;
    let digests = cache.map_or(Digests::Read, Digests::Remembered);
    let options = crate::integrity::scan::Options { algorithms, skip: &nothing, digests };
    let root = crate::sys::beneath::Root::open(folder).unwrap();
    crate::integrity::scan::scan(&root, &options, &mut |_, _| {}).unwrap()
}

#[test]
fn each_file_is_read_once_in_as_many_turns_as_there_are_shares() {
    let (folder, _, cache) = known(60);
    let key = Key::load_or_make(&folder.path().join(".key")).unwrap();
    std::fs::remove_file(folder.path().join(".key")).unwrap();
    let read = |doubt: Doubt| {
        let cache = cache.clone().doubting(doubt);
        let scan = scanned(folder.path(), Some(&cache));
        assert_eq!(cache.lies(&scan), []);
        scan.rehashed
    };
    let week = Some(std::time::Duration::from_secs(7 * 24 * 60 * 60 + 43_200));
    let turns = (0..4).map(|turn| Shares::due(5 + turn * 32, week));
    let turns: Vec<u64> = turns.map(|shares| read(Doubt::Some(shares, key.clone()))).collect();
    assert_eq!(turns.iter().sum::<u64>(), 60, "{turns:?}");
    assert!(turns.iter().all(|read| *read > 0), "{turns:?}");
    assert_eq!((read(Doubt::All), read(Doubt::None)), (60, 0));
}

#[test]
fn bytes_that_differ_under_marks_that_do_not_are_a_lie() {
    let (folder, mut scan, _) = known(3);
    // As if another had been read: the marks of the files are true, one digest is not.
    let path = TreePath::from_bytes(b"1");
    if let Some(Kind::File { sha256, .. }) = scan.tree.get_mut(&path).map(|node| &mut node.kind) {
        *sha256 = Sha256::of(b"what stood there before");
    }
    let cache = StatCache::of(&scan, scan.started);
    let now = scanned(folder.path(), Some(&cache));
    assert_eq!(now.tree[&path].sha256(), Some(Sha256::of(b"what stood there before")), "believed");
    let cache = cache.doubting(Doubt::All);
    let now = scanned(folder.path(), Some(&cache));
    assert_eq!(cache.lies(&now), [path]);
    // An honest change is none.
    std::fs::write(folder.path().join("1"), "file x").unwrap();
    assert_eq!(cache.lies(&scanned(folder.path(), Some(&cache))), []);
}

#[test]
fn a_time_that_was_put_back_hides_nothing() {
    let (folder, _, cache) = known(2);
    let path = folder.path().join("0");
    let before = std::fs::metadata(&path).unwrap();
    std::fs::write(&path, "FILE 0").unwrap();
    let then = filetime::FileTime::from_last_modification_time(&before);
    filetime::set_file_mtime(&path, then).unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().modified().unwrap(), before.modified().unwrap());
    let now = scanned(folder.path(), Some(&cache));
    assert_eq!(now.rehashed, 1);
    assert_eq!(now.tree[&TreePath::from_bytes(b"0")].sha256(), Some(Sha256::of(b"FILE 0")));
}
