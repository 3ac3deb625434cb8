//! Archives that nobody should believe: bent ones of every format daily, whole
//! collections of strange ones when `ENTRACTE_CORPORA` names a folder of them.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;

use entracte::base::exit::Exit;
use entracte::base::exit::Fault;
use entracte::release::archive::Limits;
use entracte::release::network::Network;
use entracte::release::source::Source;
use entracte::release::stage::Options;
use entracte::release::stage::stage;
use entracte::release::staging::Staging;
use entracte::site::profile::Profile;

use crate::support::chance::Chance;
use crate::support::effort;
use crate::support::process;
use crate::support::releases;
use crate::support::small::SmallSite;
use crate::support::snapshot::Tree;

/// What one archive may take of a processor and of memory, whatever it is.
const PATIENCE: Duration = Duration::from_secs(2);
const MEMORY: u64 = 64 << 20;

/// A folder of collections that are not ours to hand on.
pub fn corpora() -> Option<PathBuf> {
    let folder = std::env::var_os("ENTRACTE_CORPORA").filter(|folder| !folder.is_empty())?;
    Some(PathBuf::from(folder))
}

pub fn files_below(folder: &Path) -> Vec<PathBuf> {
    let entries = walkdir::WalkDir::new(folder).sort_by_file_name().into_iter().map(Result::unwrap);
    entries.filter(|entry| entry.file_type().is_file()).map(walkdir::DirEntry::into_path).collect()
}

/// A staging folder with a folder beside it that nothing may come into.
struct Bench {
    folder: tempfile::TempDir,
    staging: Staging,
    profile: Profile,
}

impl Bench {
    fn new() -> Bench {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("inbox")).unwrap();
        fs::write(folder.path().join("canary"), "sings").unwrap();
        let staging = Staging::open(&folder.path().join("staging")).unwrap();
        Bench { folder, staging, profile: Profile::named("generic").unwrap() }
    }

    fn outside(&self) -> Tree {
        Tree::of(self.folder.path()).without(&["staging", "inbox"])
    }

    /// Stages an archive; how it ended, how long it took.
    fn stage(&self, archive: &Path) -> (Result<(), (Exit, String)>, Duration) {
        let options = Options {
            profile: &self.profile,
            product: &self.profile.name,
            version: None,
            extent: None,
            limits: Limits::default(),
            inbox: &self.folder.path().join("inbox"),
            incoming: &self.folder.path().join("incoming"),
            network: Network::default(),
            live: None,
            home: None,
        };
        let since = busy();
        let ended = stage(&Source::Archive(archive.to_owned()), &self.staging, &options, &mut |_, _| {});
        (ended.map(drop).map_err(|error| (error.exit(), error.to_string())), busy() - since)
    }

    /// Puts the bytes under a name and stages them; asserts what is true of all.
    fn try_bytes(&self, name: &str, bytes: &[u8]) -> Result<(), String> {
        let path = self.folder.path().join("inbox/archive");
        fs::write(&path, bytes).unwrap();
        self.try_file(name, &path)
    }

    fn try_file(&self, name: &str, path: &Path) -> Result<(), String> {
        let (ended, took) = self.stage(path);
        assert!(took < PATIENCE, "{name} took {took:?}");
        ended.map_err(|(exit, said)| {
            assert!(
                matches!(exit, Exit::Failed | Exit::Untrusted | Exit::Refused),
                "{name}: {exit:?} {said}"
            );
            said
        })
    }
}

/// Good archives of every format, small ones.
pub fn small_ones() -> Vec<(&'static str, Vec<u8>)> {
    let tar = small_tar();
    let packed = |name, bytes| (name, bytes);
    vec![
        packed("zip", small_zip(zip::CompressionMethod::Deflated)),
        packed("stored zip", small_zip(zip::CompressionMethod::Stored)),
        packed("tar.gz", gzip(&tar)),
        packed("tar.bz2", bzip2(&tar)),
        packed("tar.xz", xz(&tar)),
        packed("tar.zst", zstd::stream::encode_all(&tar[..], 3).unwrap()),
        packed("tar", tar),
    ]
}

const FILES: &[(&str, &[u8])] = &[
    ("site/index.php", b"<?php echo 'index';\n"),
    ("site/lib/a.php", b"<?php // a\n"),
    ("site/lib/b.txt", b"text text text text text text text text\n"),
    ("site/.htaccess", b"Options -Indexes\n"),
];

fn small_tar() -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, text) in FILES {
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, name, *text).unwrap();
    }
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::Symlink);
    header.set_mode(0o777);
    header.set_size(0);
    builder.append_link(&mut header, "site/current", "lib/a.php").unwrap();
    let mut header = tar::Header::new_ustar();
    header.set_size(4);
    header.set_mode(0o644);
    let records = [("comment", &b"a long word"[..]), ("mtime", b"1700000000.5")];
    builder.append_pax_extensions(records).unwrap();
    builder.append_data(&mut header, "site/pax.txt", &b"pax\n"[..]).unwrap();
    builder.into_inner().unwrap()
}

fn small_zip(method: zip::CompressionMethod) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default().compression_method(method).unix_permissions(0o644);
    for (name, text) in FILES {
        writer.start_file(*name, options).unwrap();
        writer.write_all(text).unwrap();
    }
    writer.add_symlink("site/current", "lib/a.php", options).unwrap();
    writer.add_directory("site/empty", options).unwrap();
    writer.finish().unwrap().into_inner()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn bzip2(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn xz(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = liblzma::write::XzEncoder::new(Vec::new(), 1);
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Pieces of archives that are put where they do not belong.
const PIECES: &[&[u8]] = &[
    b"PK\x01\x02\x14\x03\x14\0",
    b"PK\x03\x04",
    b"PK\x05\x06\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
    b"ustar\x0000",
    b"../../../../tmp/entracte-escaped",
    b"/tmp/entracte-escaped",
    b"\0",
    b"30 path=../entracte-escaped\n",
    b"site/../../entracte-escaped",
    b"\xff\xff\xff\xff",
];

#[test]
fn bent_archives_of_every_format() {
    let (bench, mut chance) = (Bench::new(), Chance::new(72));
    let (outside, good) = (bench.outside(), small_ones());
    let each = effort::points(100, 20_000);
    let (mut refused, mut tried) = (0, 0);
    for (name, bytes) in &good {
        assert_eq!(bench.try_bytes(name, bytes), Ok(()), "the good {name} is refused");
        for number in 0..each {
            let other = &good[chance.below(good.len())].1;
            let bent = chance.bend(bytes, other, PIECES);
            refused += u64::from(bench.try_bytes(&format!("{name} {number}"), &bent).is_err());
            tried += 1;
        }
    }
    outside.assert_same(&bench.outside(), "after bent archives");
    assert!(!Path::new("/tmp/entracte-escaped").exists());
    // Most of what is bent is seen; a plain tar has no checksum of its contents.
    assert!(refused * 10 > tried * 7, "only {refused} of {tried} were refused");
    effort::tried("archives bent by chance, in seven forms", tried);
}

/// Zips of which two readers could make two different things: which, and how made.
#[test]
fn archives_with_two_meanings() {
    let bench = Bench::new();
    let one = small_zip(zip::CompressionMethod::Stored);
    let two = {
        let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
        writer.start_file("evil.php", zip::write::SimpleFileOptions::default()).unwrap();
        writer.write_all(b"<?php evil();").unwrap();
        writer.finish().unwrap().into_inner()
    };
    let end = one.windows(4).rposition(|window| window == b"PK\x05\x06").unwrap();
    let directory = one.windows(4).position(|window| window == b"PK\x01\x02").unwrap();
    let name = |bytes: &[u8], from: usize| {
        from + bytes[from..].windows(14).position(|window| window == b"site/index.php").unwrap()
    };
    let changed = |at: usize, with: &[u8]| {
        let mut bytes = one.clone();
        bytes[at..at + with.len()].copy_from_slice(with);
        bytes
    };
    let comment = |length: u16, text: &[u8]| {
        let mut bytes = one.clone();
        bytes[end + 20..end + 22].copy_from_slice(&length.to_le_bytes());
        [bytes, text.to_vec()].concat()
    };
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("two zips in a row", [one.clone(), two.clone()].concat()),
        ("a zip in another's comment", comment(two.len() as u16, &two)),
        ("bytes before it", [b"#!/bin/sh\n".to_vec(), one.clone()].concat()),
        ("bytes behind it", [one.clone(), b"more".to_vec()].concat()),
        ("a comment shorter than it says", comment(9, b"short")),
        ("a comment longer than it says", comment(2, b"longer")),
        ("an end record in the comment", comment(22, &one[end..])),
        ("another name inside", changed(name(&one, 0), b"site/index.ph_")),
        ("another name in the directory", changed(name(&one, directory), b"site/index.ph_")),
        ("a NUL in the name", changed(name(&one, directory), b"site/index.\0hp")),
        ("fewer entries than there are", changed(end + 8, &[1, 0, 1, 0])),
        ("more entries than there are", changed(end + 8, &[99, 0, 99, 0])),
        ("a directory that begins later", changed(end + 16, &(directory as u32 + 46).to_le_bytes())),
        ("a directory that begins earlier", changed(end + 16, &(directory as u32 - 1).to_le_bytes())),
        ("a directory on another disk", changed(end + 4, &[1, 0])),
        ("an encrypted entry", changed(directory + 8, &[1, 0])),
        ("another method", changed(directory + 10, &[99, 0])),
        ("another size", changed(directory + 24, &[9, 0, 0, 0])),
        ("another checksum", changed(directory + 16, &[9, 9, 9, 9])),
        ("an entry that stands elsewhere", changed(directory + 42, &[7, 0, 0, 0])),
        ("an entry that goes on", [&one[..directory], b"gap", &one[directory..]].concat()),
    ];
    for (name, bytes) in &cases {
        assert!(bench.try_bytes(name, bytes).is_err(), "{name} was taken");
    }
    assert_eq!(bench.try_bytes("the good one", &one), Ok(()));
    effort::tried("zips with two meanings", cases.len() as u64);
}

/// Trees of real applications, packed in every way, are taken.
#[test]
fn real_releases_are_taken() {
    let bench = Bench::new();
    let folder = tempfile::tempdir().unwrap();
    let packers: &[(&str, &[&str])] = &[
        ("zip", &["zip", "-qry"]),
        ("tar.zst", &["tar", "--zstd", "-cf"]),
        ("tar.gz", &["tar", "-czf"]),
        ("tar", &["tar", "-cf"]),
        ("tar.bz2", &["tar", "-cjf"]),
        ("tar.xz", &["tar", "-I", "xz -0", "-cf"]),
        ("pax", &["tar", "--format=pax", "-cf"]),
        ("ustar", &["tar", "--format=ustar", "-cf"]),
    ];
    let names: &[&str] = if effort::is_full() {
        &["wordpress-6.1", "wordpress-6.8", "wordpress-7", "dokuwiki-old", "dokuwiki-new"]
    } else {
        &["dokuwiki-new"]
    };
    let mut taken = 0;
    for name in names {
        let tree = releases::cache().join(name);
        if !tree.is_dir() {
            effort::skipped(name, "it is not in the cache");
            continue;
        }
        for (ending, argv) in &packers[..effort::points(2, packers.len())] {
            let archive = folder.path().join(format!("{name}.{ending}"));
            let mut command = std::process::Command::new(argv[0]);
            command.args(&argv[1..]).arg(&archive).arg(name).current_dir(releases::cache());
            process::checked(&mut command);
            let (ended, _) = bench.stage(&archive);
            assert_eq!(ended, Ok(()), "{name}.{ending}");
            fs::remove_file(&archive).unwrap();
            taken += 1;
        }
    }
    effort::tried("real releases in every packing, none refused", taken);
}

#[test]
fn collections_of_strange_archives() {
    let Some(folder) = corpora() else {
        return effort::skipped("collections of strange archives", "ENTRACTE_CORPORA names no folder");
    };
    let bench = Bench::new();
    let outside = bench.outside();
    let (mut taken, mut slowest, mut most) = (Vec::new(), Duration::ZERO, 0);
    let files = files_below(&folder.join("archives"));
    assert!(files.len() > 1000, "only {} files", files.len());
    for file in &files {
        let name = file.strip_prefix(&folder).unwrap().display().to_string();
        let before = forget_memory_peak();
        let since = busy();
        if bench.try_file(&name, file).is_ok() {
            taken.push(name.clone());
        }
        slowest = slowest.max(busy() - since);
        let used = memory_peak().saturating_sub(before);
        most = most.max(used);
        assert!(used < MEMORY, "{name} took {used} bytes of memory");
    }
    outside.assert_same(&bench.outside(), "after strange archives");
    eprintln!("{} taken: {taken:#?}", taken.len());
    eprintln!("slowest {slowest:?}, most memory {} KiB", most >> 10);
    effort::tried("strange archives of public collections", files.len() as u64);
}

/// Some of them through the program, as its user would.
#[test]
fn strange_archives_through_the_program() {
    let small = SmallSite::new();
    let entracte = small.adopt();
    let before = small.look();
    let beside = Tree::of(small.folder.path()).without(&["parent/.entracte-site", "inbox"]);
    let inbox = small.folder.path().join("inbox");
    fs::create_dir(&inbox).unwrap();
    let mut chance = Chance::new(5);
    for (name, good) in small_ones() {
        let bent = chance.bend(&good, &good, PIECES);
        fs::write(inbox.join(format!("bent {name}")), bent).unwrap();
    }
    if let Some(folder) = corpora() {
        let every = if effort::is_full() { 1 } else { 20 };
        for (number, file) in files_below(&folder.join("archives")).iter().enumerate().step_by(every) {
            fs::copy(file, inbox.join(number.to_string())).unwrap();
        }
    }
    let mut tried = 0;
    for file in files_below(&inbox) {
        let ran = entracte.run(&["--json", "stage", "--version", "9", "--from", file.to_str().unwrap()]);
        assert!(matches!(ran.status.code(), Some(0 | 1 | 5 | 9)), "{ran}");
        ran.json();
        tried += 1;
    }
    before.assert_same(&small.look(), "after strange archives");
    let now = Tree::of(small.folder.path()).without(&["parent/.entracte-site", "inbox"]);
    beside.assert_same(&now, "after strange archives");
    effort::tried("strange archives through the program", tried);
}

/// How long this thread has been at work; the disk's time is the machine's affair.
fn busy() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// Makes the peak begin anew; the memory that is in use, in bytes.
fn forget_memory_peak() -> u64 {
    fs::write("/proc/self/clear_refs", "5").unwrap();
    memory_peak()
}

fn memory_peak() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
}
