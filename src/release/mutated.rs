//! Good archives with a byte changed, lost or added at many places: whatever
//! comes of it, the answer is a clear one and nothing lies where it should not.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;

use super::source::Source;
use super::tests::Bench;
use crate::base::exit::Exit;
use crate::base::exit::Fault;
use crate::release::archive::fixtures;

/// Bytes between two changed places: no power of two, so that each field of a
/// tar's blocks has its turn.
const STEP: usize = 97;

/// Content that does not pack to nothing.
fn noise(size: u32) -> Vec<u8> {
    let mut state = 88_172_645_463_325_252_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    (0..size).map(|_| next()).collect()
}

fn good_tar() -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    let long = format!("site/{}/x.php", "n".repeat(150));
    for (name, content) in [("site/index.php", &b"<?php"[..]), (&long, b"long"), ("site/data", &noise(1500))]
    {
        header.set_size(content.len() as u64);
        header.set_mode(0o755);
        header.set_mtime(1_700_000_000);
        header.set_entry_type(tar::EntryType::Regular);
        builder.append_data(&mut header, name, content).unwrap();
    }
    header.set_size(0);
    header.set_entry_type(tar::EntryType::Symlink);
    builder.append_link(&mut header, "site/l", "data").unwrap();
    header.set_entry_type(tar::EntryType::Directory);
    builder.append_data(&mut header, "site/empty", &b""[..]).unwrap();
    builder.into_inner().unwrap()
}

fn good_zip() -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default().unix_permissions(0o755);
    for (name, method) in [
        ("site/index.php", zip::CompressionMethod::Stored),
        ("site/deflated", zip::CompressionMethod::Deflated),
        ("site/zstd", zip::CompressionMethod::Zstd),
    ] {
        writer.start_file(name, options.compression_method(method)).unwrap();
        writer.write_all(&noise(1500)).unwrap();
    }
    writer.start_file("site/wide", options.large_file(true)).unwrap();
    writer.add_directory("site/empty", options).unwrap();
    writer.add_symlink("site/l", "zstd", options).unwrap();
    writer.finish().unwrap().into_inner()
}

/// Everything in a folder, with its size.
fn look(folder: &Path) -> BTreeMap<PathBuf, u64> {
    let entries = walkdir::WalkDir::new(folder).into_iter().map(Result::unwrap);
    entries.map(|entry| (entry.path().to_owned(), entry.metadata().unwrap().len())).collect()
}

type Change = fn(&mut Vec<u8>, usize);

const CHANGES: [(&str, Change); 5] = [
    ("flipped", |bytes, at| bytes[at] ^= 0xff),
    ("one bit flipped", |bytes, at| bytes[at] ^= 1 << (at % 8)),
    ("left out", |bytes, at| _ = bytes.remove(at)),
    ("doubled", |bytes, at| bytes.insert(at, bytes[at])),
    ("cut", |bytes, at| bytes.truncate(at)),
];

#[test]
fn a_changed_archive_is_taken_or_refused_and_nothing_else() {
    let tar = good_tar();
    // Of the five changes at a place, how many are seen at most places: a plain
    // tar has no checksum of its contents.
    for (name, good, seen) in [
        ("good.zip", good_zip(), 4),
        ("good.tar", tar.clone(), 2),
        ("good.tar.gz", fixtures::gzip(&tar), 4),
        ("good.tar.xz", fixtures::xz(&tar), 4),
        ("good.tar.zst", fixtures::zstd(&tar), 4),
    ] {
        let bench = Bench::new("generic");
        let archive = bench.folder.path().join(name);
        let source = Source::Archive(archive.clone());
        std::fs::write(&archive, &good).unwrap();
        let staged = bench.stage(&source, None).unwrap();
        let mut before = look(&bench.folder.path().join("staging"));
        let mut refused = 0;
        for ((change, apply), at) in
            CHANGES.iter().flat_map(|change| (0..good.len()).step_by(STEP).map(move |at| (change, at)))
        {
            let mut bytes = good.clone();
            apply(&mut bytes, at);
            std::fs::write(&archive, &bytes).unwrap();
            match bench.stage(&source, None) {
                Ok(taken) => {
                    // Times, and in a zip modes, are free; a packed tar has a checksum of all.
                    if name.starts_with("good.tar.") {
                        assert_eq!(taken.manifest, staged.manifest, "{name}, {at} {change}");
                    }
                    before = look(&bench.folder.path().join("staging"));
                }
                Err(error) => {
                    refused += 1;
                    let exit = error.exit();
                    assert!(matches!(exit, Exit::Failed | Exit::Untrusted), "{name}, {at} {change}: {error}");
                    let after = look(&bench.folder.path().join("staging"));
                    assert_eq!(after, before, "{name}, {at} {change}: {error}");
                }
            }
        }
        assert!(refused > good.len() / STEP * seen, "{name}: only {refused} were refused");
        let beside = std::fs::read_dir(bench.folder.path()).unwrap().count();
        assert_eq!(beside, 2, "{name}: something lies beside the staging folder and the archive");
    }
}
