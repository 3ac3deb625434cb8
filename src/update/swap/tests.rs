//! Every operation done and undone, cut off after each one, on both methods.

use std::collections::BTreeMap;
use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::back::Reached;
use super::back::check_backup;
use super::back::swap_back;
use super::forward::check_drift;
use super::forward::forward_one;
use super::forward::swap;
use super::prepare::prepare;
use super::record::Method;
use super::record::Record;
use super::workshop::Workshop;
use crate::base::digest::Sha256;
use crate::base::path::SitePath;
use crate::site::settings::Owner;
use crate::sys::beneath::Root;
use crate::sys::fs::IoError;
use crate::update::operations::Act;
use crate::update::operations::Operation;
use crate::update::plan::Thing;
use crate::update::plan::What;

struct Bench {
    folder: tempfile::TempDir,
    workshop: Workshop,
    record: Record,
}

const OLD: &[(&str, &str)] = &[
    ("changed.php", "old"),
    ("deep/er/changed.css", "old css"),
    ("gone.php", "gone"),
    ("dir-to-file/x", "x"),
    ("file-to-dir", "was a file"),
    ("mine.txt", "not the release's"),
];

fn path(text: &str) -> SitePath {
    SitePath::parse(text).unwrap()
}

fn file(text: &str) -> Thing {
    let what = What::File { size: text.len() as u64, sha256: Sha256::of(text.as_bytes()) };
    Thing { what, mode: 0o644, owner: None }
}

fn folder() -> Thing {
    Thing { what: What::Folder, mode: 0o755, owner: None }
}

fn operation(at: &str, act: Act, old: Option<Thing>, new: Option<Thing>) -> Operation {
    Operation { path: path(at), act, old, new }
}

fn operations() -> Vec<Operation> {
    let link = Thing { what: What::Link { target: "mine.txt".into() }, mode: 0o777, owner: None };
    vec![
        operation("gone.php", Act::Withdraw, Some(file("gone")), None),
        operation("file-to-dir", Act::Withdraw, Some(file("was a file")), None),
        operation("dir-to-file/x", Act::Withdraw, Some(file("x")), None),
        operation("dir-to-file", Act::RemoveFolder, Some(folder()), None),
        operation("file-to-dir", Act::MakeFolder, None, Some(folder())),
        operation("new", Act::MakeFolder, None, Some(Thing { mode: 0, ..folder() })),
        operation("changed.php", Act::Exchange, Some(file("old")), Some(file("new"))),
        operation("deep/er/changed.css", Act::Exchange, Some(file("old css")), Some(file("new css"))),
        operation("dir-to-file", Act::Place, None, Some(file("now a file"))),
        operation("file-to-dir/y", Act::Place, None, Some(file("y"))),
        operation("new/empty.txt", Act::Place, None, Some(file(""))),
        operation("new/link", Act::Place, None, Some(link)),
    ]
}

fn content_of(sha256: &Sha256) -> Result<File, IoError> {
    let texts = ["new", "new css", "now a file", "y", ""];
    let text = texts.iter().find(|text| Sha256::of(text.as_bytes()) == *sha256).unwrap();
    let mut file = tempfile::tempfile().unwrap();
    std::io::Write::write_all(&mut file, text.as_bytes()).unwrap();
    std::io::Seek::rewind(&mut file).unwrap();
    Ok(file)
}

fn bench(method: Method) -> Bench {
    let folder = tempfile::tempdir().unwrap();
    let (site, run) = (folder.path().join("site"), folder.path().join("run"));
    for (name, text) in OLD {
        let path = site.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        filetime::set_file_mtime(&path, filetime::FileTime::from_unix_time(1_600_000_000, 7)).unwrap();
    }
    std::fs::set_permissions(site.join("changed.php"), PermissionsExt::from_mode(0o640)).unwrap();
    std::fs::create_dir(&run).unwrap();
    let workshop = Workshop::open(&site, &run, &run, None).unwrap();
    let mut record = prepare(&workshop, &operations(), &content_of, Owner::Keep, &mut |_, _| {}).unwrap();
    record.method = method;
    Bench { folder, workshop, record }
}

/// Kind, mode, owner, mtime (not of folders), content or target of everything.
fn identity(folder: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for entry in walkdir::WalkDir::new(folder).min_depth(1) {
        let entry = entry.unwrap();
        let meta = entry.metadata().unwrap();
        let name = entry.path().strip_prefix(folder).unwrap().display().to_string();
        let text = match meta.file_type() {
            kind if kind.is_dir() => "folder".to_owned(),
            kind if kind.is_symlink() => {
                format!("-> {}", std::fs::read_link(entry.path()).unwrap().display())
            }
            _ => format!("{:?} {}.{}", std::fs::read(entry.path()).unwrap(), meta.mtime(), meta.mtime_nsec()),
        };
        found.insert(name, format!("{:o} {} {} {text}", meta.mode(), meta.uid(), meta.gid()));
    }
    found
}

impl Bench {
    fn site(&self) -> BTreeMap<String, String> {
        identity(&self.folder.path().join("site"))
    }

    fn swap(&self) {
        check_drift(&self.workshop, &self.record).unwrap();
        swap(&self.workshop, &self.record, &|| false, &mut |_, _| {}).unwrap();
    }

    fn back(&self) -> Vec<SitePath> {
        check_backup(&self.workshop, &self.record, Reached::Somewhere, &prove).unwrap();
        swap_back(&self.workshop, &self.record, Reached::Somewhere, &mut |_, _| {}).unwrap()
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.folder.path().join("site").join(name), text).unwrap();
    }
}

fn prove(root: &Root, path: &SitePath) -> Result<Sha256, IoError> {
    Ok(Sha256::of(&std::fs::read(root.full(path)).unwrap()))
}

#[test]
fn cut_off_after_any_operation_it_goes_on_or_back_to_exactly_one_side() {
    for method in [Method::Exchange, Method::Link] {
        let whole = bench(method);
        let old = whole.site();
        whole.swap();
        let names = |site: &BTreeMap<String, String>| site.keys().cloned().collect::<Vec<_>>();
        let new = names(&whole.site());
        assert_ne!(names(&old), new);
        for cut in 0..=whole.record.moves.len() {
            let bench = bench(method);
            for this in &bench.record.moves[..cut] {
                forward_one(&bench.workshop, method, this).unwrap();
            }
            assert!(bench.back().is_empty());
            assert_eq!(bench.site(), old, "{method:?} back after {cut}");
            assert!(bench.back().is_empty(), "a second time changes nothing");
            assert_eq!(bench.site(), old, "{method:?} back twice after {cut}");
            bench.swap();
            bench.swap();
            assert_eq!(names(&bench.site()), new, "{method:?} on after {cut}");
            assert!(bench.back().is_empty());
            assert_eq!(bench.site(), old, "{method:?} back from new after {cut}");
        }
    }
}

/// Where renames know no flags an entry has both names for a moment.
#[test]
fn cut_off_between_two_names_it_goes_on_or_back_to_exactly_one_side() {
    let mut halves = 0;
    for at in 0..operations().len() {
        for forward in [false, true] {
            let bench = bench(Method::Link);
            let old = bench.site();
            let (done, this) = (&bench.record.moves[..at], &bench.record.moves[at]);
            for before in done {
                forward_one(&bench.workshop, Method::Link, before).unwrap();
            }
            let (path, workshop) = (&this.operation.path, &bench.workshop);
            match this.operation.act {
                Act::Place => workshop.new.link(path, &workshop.live, path).unwrap(),
                Act::Withdraw => {
                    let bak = workshop.bak_path(path).unwrap();
                    workshop.live.link(path, &workshop.bak, &bak).unwrap();
                }
                _ => continue,
            }
            halves += 1;
            if forward {
                bench.swap();
            }
            assert!(bench.back().is_empty());
            assert_eq!(bench.site(), old, "between the names of {path}, forward: {forward}");
        }
    }
    assert_eq!(halves, 14);
}

#[test]
fn the_new_files_have_the_old_ones_owner_and_the_plans_mode_and_another_second() {
    let bench = bench(Method::Exchange);
    bench.swap();
    let meta = std::fs::metadata(bench.folder.path().join("site/changed.php")).unwrap();
    assert_eq!(meta.mode() & 0o7777, 0o644);
    assert_ne!(meta.mtime(), 1_600_000_000);
    let new = std::fs::metadata(bench.folder.path().join("site/new")).unwrap();
    assert_eq!(new.mode() & 0o7777, 0o755);
}

#[test]
fn a_file_edited_before_the_swap_stops_it() {
    let bench = bench(Method::Exchange);
    bench.write("changed.php", "edited in the last moment");
    assert!(check_drift(&bench.workshop, &bench.record).is_err());
    assert!(swap(&bench.workshop, &bench.record, &|| false, &mut |_, _| {}).is_err());
    bench.back();
    let text = std::fs::read(bench.folder.path().join("site/changed.php")).unwrap();
    assert_eq!(text, b"edited in the last moment");
}

#[test]
fn what_was_written_after_the_swap_is_set_aside() {
    let bench = bench(Method::Exchange);
    let old = bench.site();
    bench.swap();
    bench.write("changed.php", "edited later");
    bench.write("file-to-dir/y", "edited too");
    bench.write("gone.php", "came back");
    let aside = bench.back();
    assert_eq!(aside, [path("file-to-dir/y"), path("changed.php"), path("gone.php")]);
    assert_eq!(bench.site(), old);
    let undone = bench.folder.path().join("run/undone");
    assert_eq!(std::fs::read(undone.join("changed.php")).unwrap(), b"edited later");
    assert_eq!(std::fs::read(undone.join("gone.php")).unwrap(), b"came back");
}

#[test]
fn an_upload_in_a_new_folder_stays() {
    let bench = bench(Method::Exchange);
    bench.swap();
    bench.write("new/upload.jpg", "jpg");
    bench.back();
    assert!(bench.folder.path().join("site/new/upload.jpg").exists());
    assert!(!bench.folder.path().join("site/new/empty.txt").exists());
}

#[test]
fn a_damaged_or_missing_backup_is_found_before_anything_is_written() {
    for defect in ["flip", "remove"] {
        let bench = bench(Method::Exchange);
        bench.swap();
        let new = bench.site();
        let saved = bench.folder.path().join("run/bak/changed.php.bak");
        match defect {
            "flip" => std::fs::write(&saved, "olc").unwrap(),
            _ => std::fs::remove_file(&saved).unwrap(),
        }
        assert!(check_backup(&bench.workshop, &bench.record, Reached::End, &prove).is_err(), "{defect}");
        assert_eq!(bench.site(), new);
    }
}
