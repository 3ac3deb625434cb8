use std::fs as std_fs;
use std::io;

use super::*;

struct Bed {
    folder: tempfile::TempDir,
    uploads: Uploads,
}

fn bed() -> Bed {
    let folder = tempfile::tempdir().unwrap();
    let uploads = Uploads { folder: folder.path().join("inbox"), limit: 1000 };
    Bed { folder, uploads }
}

fn wanted(name: &str, size: u64) -> Wanted<'_> {
    Wanted { name, size, mark: "1", by: "Ada" }
}

/// Gives some bytes, and then its line breaks.
struct Breaks<'a>(&'a [u8]);

impl Read for Breaks<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self.0.read(into)? {
            0 => Err(io::ErrorKind::ConnectionReset.into()),
            count => Ok(count),
        }
    }
}

#[test]
fn names_that_are_taken() {
    for (name, is_taken) in [
        ("wordpress-6.9.zip", true),
        ("Été 2026 (final).tar.gz", true),
        ("", false),
        (".zip", false),
        (".hidden.zip", false),
        ("-rf.zip", false),
        ("~x.zip", false),
        ("a/b.zip", false),
        ("..\\b.zip", false),
        ("../b.zip", false),
        ("a\u{0}.zip", false),
        ("a\n.zip", false),
        ("a\u{202e}piz.zip", false),
        ("a.zip.part", false),
        ("page.php", false),
    ] {
        assert_eq!(archive_name(name).is_ok(), is_taken, "{name:?}");
    }
    assert!(archive_name(&format!("{}.zip", "x".repeat(200))).is_err());
}

#[test]
fn a_broken_line_is_gone_on_with() {
    let bed = bed();
    let begun = bed.uploads.begin(&wanted("a.zip", 6)).unwrap();
    let broken = bed.uploads.add(&begun.upload, 0, &mut Breaks(b"abc")).unwrap_err();
    assert!(matches!(broken, UploadError::Broken { .. }));
    let again = bed.uploads.begin(&wanted("a.zip", 6)).unwrap();
    assert_eq!((again.upload.clone(), again.offset), (begun.upload.clone(), 3));
    assert!(matches!(bed.uploads.finish(&begun.upload), Err(UploadError::Short { offset: 3, size: 6 })));
    let whole = bed.uploads.add(&begun.upload, 3, &mut &b"def"[..]).unwrap();
    assert_eq!(whole.offset, 6);
    let arrived = bed.uploads.finish(&begun.upload).unwrap();
    assert_eq!(arrived.sha256, Sha256::of(b"abcdef"));
    let path = bed.folder.path().join("inbox/a.zip");
    assert_eq!(std_fs::read(&path).unwrap(), b"abcdef");
    let known = bed.uploads.arrived("a.zip", 6, fs::modified(&path).unwrap()).unwrap();
    assert_eq!(known, (Sha256::of(b"abcdef"), "Ada".into()));
    std_fs::write(&path, "ABCDEF").unwrap();
    assert_eq!(bed.uploads.arrived("a.zip", 6, fs::modified(&path).unwrap()), None, "another file by now");
    assert!(matches!(bed.uploads.finish(&begun.upload), Err(UploadError::Unknown)));
}

#[test]
fn offsets_are_what_is_here_or_refused() {
    let bed = bed();
    let begun = bed.uploads.begin(&wanted("a.zip", 6)).unwrap().upload;
    bed.uploads.add(&begun, 0, &mut &b"ab"[..]).unwrap();
    for offset in [0, 1, 3, 6, u64::MAX] {
        let refused = bed.uploads.add(&begun, offset, &mut &b"xx"[..]).unwrap_err();
        assert!(matches!(refused, UploadError::Offset { expected: 2 }), "{offset}");
    }
    assert!(matches!(bed.uploads.add(&begun, 2, &mut &b"cdefg"[..]), Err(UploadError::TooMuch { size: 6 })));
    assert_eq!(bed.uploads.find(&begun).unwrap().offset, 2, "nothing of what was too much stays");
}

#[test]
fn two_do_not_write_one() {
    let bed = bed();
    let begun = bed.uploads.begin(&wanted("a.zip", 6)).unwrap().upload;
    let held = bed.uploads.locked(&begun).unwrap();
    assert!(matches!(bed.uploads.add(&begun, 0, &mut &b"ab"[..]), Err(UploadError::Busy)));
    assert!(matches!(bed.uploads.cancel(&begun), Err(UploadError::Busy)));
    drop(held);
    bed.uploads.cancel(&begun).unwrap();
    assert!(matches!(bed.uploads.find(&begun), Err(UploadError::Unknown)));
    assert_eq!(fs::list(&bed.folder.path().join("inbox")).unwrap(), [""; 0].map(PathBuf::from));
}

#[test]
fn two_of_one_name_end_with_one() {
    let bed = bed();
    let one = bed.uploads.begin(&wanted("a.zip", 2)).unwrap().upload;
    let other = bed.uploads.begin(&Wanted { mark: "2", ..wanted("a.zip", 2) }).unwrap().upload;
    assert_ne!(one, other);
    bed.uploads.add(&one, 0, &mut &b"ab"[..]).unwrap();
    bed.uploads.add(&other, 0, &mut &b"xy"[..]).unwrap();
    bed.uploads.finish(&other).unwrap();
    assert!(matches!(bed.uploads.finish(&one), Err(UploadError::Exists { .. })));
    assert!(matches!(bed.uploads.begin(&wanted("a.zip", 9)), Err(UploadError::Exists { .. })));
    assert_eq!(bed.uploads.list().unwrap().len(), 1, "what cannot be finished stays");
}

#[test]
fn what_is_too_much_is_refused_beforehand() {
    let mut bed = bed();
    assert!(matches!(bed.uploads.begin(&wanted("a.zip", 0)), Err(UploadError::Empty)));
    assert!(matches!(bed.uploads.begin(&wanted("a.zip", 1001)), Err(UploadError::TooLarge { .. })));
    for number in 0..MOST_UNFINISHED {
        bed.uploads.begin(&wanted(&format!("{number}.zip"), 1)).unwrap();
    }
    assert!(matches!(bed.uploads.begin(&wanted("one-more.zip", 1)), Err(UploadError::Several { .. })));
    bed.uploads.limit = u64::MAX;
    let full = bed.uploads.take_whole("a.zip", Some(u64::MAX / 2), "Ada", &mut &b"x"[..]);
    assert!(matches!(full, Err(UploadError::Full { .. })), "{full:?}");
}

#[test]
fn bytes_from_before_the_machine_stopped_do_not_count() {
    let bed = bed();
    let begun = bed.uploads.begin(&wanted("a.zip", 6)).unwrap().upload;
    bed.uploads.add(&begun, 0, &mut &b"ab"[..]).unwrap();
    let stored = bed.uploads.stored(&begun).unwrap();
    Stored { boot: "another".into(), ..stored }.save(&bed.uploads.record(&begun)).unwrap();
    assert_eq!(bed.uploads.find(&begun).unwrap().offset, 0);
    assert!(matches!(bed.uploads.add(&begun, 2, &mut &b"cd"[..]), Err(UploadError::Offset { expected: 0 })));
    assert_eq!(bed.uploads.add(&begun, 0, &mut &b"abcdef"[..]).unwrap().offset, 6);
}

#[test]
fn what_nobody_goes_on_with_is_swept_away() {
    let bed = bed();
    let old = bed.uploads.begin(&wanted("old.zip", 6)).unwrap().upload;
    let gone = bed.uploads.take_whole("gone.zip", None, "Ada", &mut &b"x"[..]).unwrap();
    assert_eq!(gone.size, 1);
    std_fs::remove_file(bed.folder.path().join("inbox/gone.zip")).unwrap();
    let long_ago = filetime::FileTime::from_unix_time(1_000_000_000, 0);
    for path in [bed.uploads.part(&old), bed.uploads.record(&old)] {
        filetime::set_file_mtime(path, long_ago).unwrap();
    }
    let new = bed.uploads.begin(&wanted("new.zip", 6)).unwrap().upload;
    assert_eq!(bed.uploads.ids().unwrap(), [new]);
}

#[test]
fn a_stream_that_breaks_leaves_nothing() {
    let bed = bed();
    let broken = bed.uploads.take_whole("a.zip", Some(6), "Ada", &mut Breaks(b"abc"));
    assert!(matches!(broken, Err(UploadError::Broken { .. })));
    let too_much = bed.uploads.take_whole("a.zip", Some(2), "Ada", &mut &b"abc"[..]);
    assert!(matches!(too_much, Err(UploadError::TooMuch { .. })));
    assert!(matches!(bed.uploads.take_whole("a.zip", None, "Ada", &mut &b""[..]), Err(UploadError::Empty)));
    assert_eq!(fs::list(&bed.folder.path().join("inbox")).unwrap().len(), 0);
}

#[test]
fn ids_are_ids() {
    let bed = bed();
    let begun = bed.uploads.begin(&wanted("a.zip", 6)).unwrap().upload;
    for id in
        ["", "../../etc/passwd", &begun[..31], &begun.to_uppercase(), &"0".repeat(32), &format!("{begun}0")]
    {
        let is_it = *id == begun;
        assert_eq!(bed.uploads.find(id).is_ok(), is_it, "{id}");
    }
}
