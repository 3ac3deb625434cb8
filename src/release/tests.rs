//! Staging from real archives and folders.

use std::fs::OpenOptions;
use std::io::Write;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use super::archive::Limits;
use super::network::Network;
use super::source::Source;
use super::stage::Options;
use super::stage::StageError;
use super::stage::stage;
use super::staging::Staged;
use super::staging::Staging;
use crate::base::digest::Sha256;
use crate::base::exit::Exit;
use crate::base::exit::Fault;
use crate::integrity::manifest::Extent;
use crate::site::profile::Profile;

pub(super) struct Bench {
    pub folder: tempfile::TempDir,
    staging: Staging,
    profile: Profile,
}

impl Bench {
    pub fn new(profile: &str) -> Bench {
        let folder = tempfile::tempdir().unwrap();
        let staging = Staging::open(&folder.path().join("staging")).unwrap();
        Bench { folder, staging, profile: Profile::named(profile).unwrap() }
    }

    fn tar(&self, name: &str, files: &[(&str, &str)]) -> Source {
        let path = self.folder.path().join(name);
        let mut builder = tar::Builder::new(std::fs::File::create(&path).unwrap());
        for (name, text) in files {
            let mut header = tar::Header::new_gnu();
            header.set_size(text.len() as u64);
            header.set_mode(0o644);
            header.set_mtime(1_700_000_000);
            header.set_cksum();
            builder.append_data(&mut header, name, text.as_bytes()).unwrap();
        }
        builder.finish().unwrap();
        Source::Archive(path)
    }

    fn release_folder(&self, files: &[(&str, &str)]) -> Source {
        let folder = self.folder.path().join("release");
        for (name, text) in files {
            let path = folder.join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        Source::Folder(folder)
    }

    pub fn stage(&self, source: &Source, extent: Option<Extent>) -> Result<Staged, StageError> {
        let options = Options {
            profile: &self.profile,
            product: &self.profile.name,
            version: None,
            extent,
            limits: Limits::default(),
            inbox: self.folder.path(),
            incoming: &self.folder.path().join("incoming"),
            network: Network::default(),
            live: None,
            home: None,
        };
        stage(source, &self.staging, &options, &mut |_, _| {})
    }
}

fn paths(staged: &Staged) -> Vec<&str> {
    staged.manifest.files.iter().map(|entry| entry.path.as_str()).collect()
}

#[test]
fn an_archive_is_staged_and_what_is_here_is_not_written_again() {
    let bench = Bench::new("generic");
    let source = bench
        .tar("a.tar", &[("top/a.php", "aaa"), ("top/b/c.txt", "cc"), ("top/run_once/1.sh", "#!/bin/sh")]);
    let first = bench.stage(&source, None).unwrap();
    assert_eq!(paths(&first), ["a.php", "b/c.txt", "run_once/1.sh"]);
    assert_eq!((first.origin.fetched_bytes, first.manifest.extent), (14, Extent::Complete));
    assert_eq!(first.manifest.run_once.len(), 1);
    assert!(bench.staging.missing(&first.manifest).is_empty());
    std::fs::remove_file(bench.staging.object_path(&Sha256::of(b"cc"))).unwrap();
    let again = bench.stage(&source, None).unwrap();
    assert_eq!((again.origin.fetched_bytes, again.manifest.digest()), (2, first.manifest.digest()));
}

#[test]
fn a_folder_is_a_part_unless_it_is_said_to_be_the_whole() {
    let bench = Bench::new("generic");
    let source = bench.release_folder(&[("a.php", "a"), (".git/config", "x"), ("b", "b")]);
    let part = bench.stage(&source, None).unwrap();
    assert_eq!((part.manifest.extent, paths(&part)), (Extent::Partial, vec!["a.php", "b"]));
    assert_eq!(part.origin.notes.len(), 1);
    assert_eq!(bench.stage(&source, Some(Extent::Complete)).unwrap().manifest.extent, Extent::Complete);
}

#[test]
fn a_release_that_is_not_what_its_own_manifest_says_leaves_staging_as_it_was() {
    let bench = Bench::new("generic");
    let before = bench.stage(&bench.tar("good.tar", &[("a", "a")]), None).unwrap();
    let manifest = |path: &str, text: &str| {
        let sha256 = Sha256::of(text.as_bytes());
        format!(
            r#"{{"format": 1, "product": "generic", "version": "2", "time": "2026-01-01T00:00:00Z",
                "files": [{{"path": "{path}", "size": {}, "sha256": "{sha256}"}}]}}"#,
            text.len()
        )
    };
    for (name, listed) in [("other-content", manifest("a", "other")), ("missing-file", manifest("b", "a"))] {
        let source = bench.tar("bad.tar", &[("a", "new content"), ("entracte.json", &listed)]);
        let error = bench.stage(&source, None).unwrap_err();
        assert_eq!(error.exit(), Exit::Untrusted, "{name}");
        assert_eq!(bench.staging.staged().unwrap().unwrap(), before, "{name}");
        assert!(!bench.staging.has(&Sha256::of(b"new content"), 11), "{name}: content was kept");
    }
    let listed = manifest("a", "right");
    let source = bench.tar("own.tar", &[("a", "right"), ("extra", "x"), ("entracte.json", &listed)]);
    let staged = bench.stage(&source, None).unwrap();
    assert_eq!((staged.manifest.version.as_str(), paths(&staged)), ("2", vec!["a"]));
}

#[test]
fn what_somebody_still_writes_is_not_taken_and_what_was_just_written_is() {
    let bench = Bench::new("generic");
    bench.tar("fresh.tar", &[("a", "a")]);
    let path = bench.folder.path().join("fresh.tar");
    let is_over = AtomicBool::new(false);
    thread::scope(|writers| {
        writers.spawn(|| {
            let mut file = OpenOptions::new().append(true).open(&path).unwrap();
            while !is_over.load(Ordering::Relaxed) {
                file.write_all(&[0; 512]).unwrap();
                thread::sleep(Duration::from_millis(300));
            }
        });
        let error = bench.stage(&Source::Inbox(None), None).unwrap_err();
        is_over.store(true, Ordering::Relaxed);
        assert!(matches!(error, StageError::StillChanging { .. }), "{error}");
    });
    bench.stage(&Source::Inbox(None), None).unwrap();
}

#[test]
fn a_cut_archive_is_no_release_and_leaves_nothing() {
    let bench = Bench::new("generic");
    let Source::Archive(path) = bench.tar("whole.tar", &[("a", "a"), ("b", "b")]) else {
        panic!("no archive")
    };
    let whole = std::fs::read(&path).unwrap();
    for length in (0..whole.len()).step_by(256) {
        std::fs::write(&path, &whole[..length]).unwrap();
        let error = bench.stage(&Source::Archive(path.clone()), None).unwrap_err();
        assert!(matches!(error.exit(), Exit::Failed | Exit::Untrusted), "cut at {length}: {error}");
        assert!(bench.staging.staged().unwrap().is_none());
        assert_eq!(std::fs::read_dir(bench.folder.path().join("staging/objects")).unwrap().count(), 0);
    }
}

#[test]
fn obsolete_paths_are_read_from_the_releases_own_list() {
    let bench = Bench::new("dokuwiki");
    let list = "# comment\n\nlib/old.php\ninc/kept.php\n../evil\n";
    let files: &[(&str, &str)] = &[
        ("VERSION", "2024-02-06b \"Kaos\"\n"),
        ("data/deleted.files", list),
        ("inc/kept.php", "k"),
        ("doku.php", "d"),
    ];
    let staged = bench.stage(&bench.tar("doku.tar", files), None).unwrap();
    assert_eq!(staged.manifest.version, "2024-02-06b");
    let deleted: Vec<&str> = staged.manifest.deleted.iter().map(|path| path.as_str()).collect();
    assert_eq!(deleted, ["lib/old.php"]);
}
