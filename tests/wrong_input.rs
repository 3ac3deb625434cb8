//! Wrong input: each has its exit code, says something that helps, and leaves
//! the site as it was.

#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "tests look from outside")]

mod support;

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;
use std::time::Instant;

use support::bed::Bed;
use support::bed::Server;
use support::process;
use support::releases;
use support::run::Entracte;
use support::site::TestSite;
use support::small::SmallSite;
use support::update::adopt;

#[test]
fn no_such_site() {
    let entracte = Entracte::new(Path::new("/nonexistent/site"));
    for verb in [&["status"][..], &["plan"], &["apply"], &["stage", "--from", "/tmp"], &["rollback"]] {
        let said = entracte.json(verb).refused(5);
        assert!(said.contains("/nonexistent/site"), "{verb:?}: {said}");
    }
    let said = entracte.json(&["init", "/nonexistent/site"]).refused(5);
    assert!(said.contains("/nonexistent/site"), "{said}");
}

#[test]
fn a_folder_that_is_no_known_site() {
    let small = SmallSite::new();
    let before = small.look();
    let said = Entracte::new(&small.root()).json(&["plan"]).refused(5);
    assert!(said.contains("init"), "what to do is not said: {said}");
    before.assert_same(&small.look(), "after plan");
}

#[test]
fn an_unknown_profile() {
    let small = SmallSite::new();
    let before = small.look();
    let entracte = Entracte::new(&small.root());
    let arguments = ["init", small.root().to_str().unwrap(), "--profile", "wordpres"].map(str::to_owned);
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let said = entracte.json(&arguments).refused(5);
    assert!(said.contains("wordpres"), "{said}");
    before.assert_same(&small.look(), "after init");
    assert_eq!(
        fs::read_dir(small.root().parent().unwrap()).unwrap().count(),
        1,
        "init left something behind"
    );
}

#[test]
fn wrong_usage() {
    let entracte = Entracte::new(Path::new("/"));
    entracte.run(&["aply"]).code(2);
    entracte.run(&["apply", "--stop-before"]).code(2);
    entracte.run(&["rollback", "--database", "burn"]).code(2);
    let small = SmallSite::new();
    let said = small.ready().run(&["apply", "--stop-before", "lunch"]).code(2).stderr;
    assert!(said.contains("lunch"), "{said}");
}

/// Sources that cannot be staged: what is made of them, the exit code, what is said.
#[test]
fn a_source_that_is_no_release() {
    let small = SmallSite::new();
    let entracte = small.adopt();
    small.stage(&entracte);
    let plan = entracte.json(&["plan"]).code(0);
    let before = small.look();
    for (name, make, code, said_of_it) in SOURCES {
        let path = make(&small.folder.path().join(name));
        let said =
            entracte.json(&["stage", "--from", path.to_str().unwrap(), "--version", "3"]).refused(*code);
        assert!(said.contains(said_of_it), "{name}: {said}");
        before.assert_same(&small.look(), name);
    }
    let plan_now = entracte.json(&["plan"]).code(0);
    assert_eq!(plan["id"], plan_now["id"], "what was staged before is not staged any more");
    assert!(!Path::new("/tmp/entracte-escaped").exists());
}

type Make = fn(&Path) -> PathBuf;

const SOURCES: &[(&str, Make, i32, &str)] = &[
    ("not-there.zip", |path| path.to_owned(), 5, "not-there.zip"),
    ("not-an-archive.zip", not_an_archive, 1, "not-an-archive.zip"),
    ("empty.zip", |path| written(path, b""), 1, "empty.zip"),
    ("cut.zip", cut_zip, 1, "cut.zip"),
    ("cut.tar.gz", cut_tar, 1, "cut.tar.gz"),
    ("climbs.tar", |path| tar_with(path, b"../entracte-escaped"), 9, "entracte-escaped"),
    ("absolute.tar", |path| tar_with(path, b"/tmp/entracte-escaped"), 9, "entracte-escaped"),
    ("state.tar", |path| tar_with(path, b"site/.entracte/entracte.toml"), 9, ".entracte"),
    ("maintenance.tar", |path| tar_with(path, b"site/.maintenance"), 9, ".maintenance"),
    ("marked-done.tar", |path| tar_with(path, b"site/run_once/1.sh.done"), 9, "run_once/1.sh.done"),
    (
        "prepends.tar",
        |path| tar_of(path, b"site/uploads/.htaccess", PREPENDS),
        9,
        "uploads/.htaccess\": line 2 ",
    ),
    ("crowded.tar.gz", crowded, 9, "`folder_entries` under [limits] in entracte.toml"),
];

const PREPENDS: &str = "Options -Indexes\nphp_value auto_prepend_file evil.php\n";

/// More files in one folder than are taken without being asked for.
fn crowded(path: &Path) -> PathBuf {
    let packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let mut builder = tar::Builder::new(packed);
    for number in 0..50_001 {
        let mut header = tar::Header::new_gnu();
        header.set_mode(0o644);
        header.set_size(0);
        builder.append_data(&mut header, format!("site/cache/{number}"), &b""[..]).unwrap();
    }
    written(path, &builder.into_inner().unwrap().finish().unwrap())
}

/// What a limit refuses is taken where the settings allow it.
#[test]
fn limits_are_the_settings() {
    let small = SmallSite::new();
    let entracte = small.adopt();
    let settings = small.root().parent().unwrap().join(".entracte-site/entracte.toml");
    let usual = fs::read_to_string(&settings).unwrap();
    let release = tar_with(&small.folder.path().join("release.tar"), b"site/added.html");
    for (limit, narrow, wide) in
        [("folder_entries", 1, 2), ("entries", 2, 3), ("file_bytes", 9, 10), ("total_bytes", 2000, 20_000)]
    {
        let stage = |value: u32| {
            fs::write(&settings, format!("{usual}\n[limits]\n{limit} = {value}\n")).unwrap();
            entracte.json(&["stage", "--from", release.to_str().unwrap(), "--version", "3"])
        };
        let refused = stage(narrow);
        let hints = refused.error["hints"].to_string();
        assert_eq!(refused.exit, 9, "{limit} = {narrow}: {:#}", refused.error);
        assert!(hints.contains(limit), "{limit} = {narrow}: {hints}");
        stage(wide).code(0);
    }
}

fn not_an_archive(path: &Path) -> PathBuf {
    written(path, "this is a text and no archive\n".repeat(100).as_bytes())
}

fn written(path: &Path, bytes: &[u8]) -> PathBuf {
    fs::write(path, bytes).unwrap();
    path.to_owned()
}

fn cut_zip(path: &Path) -> PathBuf {
    let folder = path.with_extension("content");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("index.html"), "<h1>3</h1>\n".repeat(5000)).unwrap();
    fs::write(folder.join("random"), noise()).unwrap();
    let whole = path.with_extension("whole.zip");
    process::run("zip", &["-qr", whole.to_str().unwrap(), folder.to_str().unwrap()]);
    cut(&whole, path)
}

fn cut_tar(path: &Path) -> PathBuf {
    let folder = path.with_extension("content");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("random"), noise()).unwrap();
    let whole = path.with_extension("whole");
    let parent = folder.parent().unwrap().to_str().unwrap();
    let name = folder.file_name().unwrap().to_str().unwrap();
    process::run("tar", &["-C", parent, "-czf", whole.to_str().unwrap(), name]);
    cut(&whole, path)
}

fn noise() -> Vec<u8> {
    (0..100_000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 11) as u8).collect()
}

fn cut(whole: &Path, path: &Path) -> PathBuf {
    let bytes = fs::read(whole).unwrap();
    written(path, &bytes[..bytes.len() * 2 / 3])
}

/// An archive with one good file and one of that name, which `tar` itself would not make.
fn tar_with(path: &Path, name: &[u8]) -> PathBuf {
    tar_of(path, name, "escaped")
}

fn tar_of(path: &Path, name: &[u8], text: &str) -> PathBuf {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, text) in [(&b"site/index.html"[..], "<h1>3</h1>"), (name, text)] {
        let mut header = tar::Header::new_gnu();
        header.as_old_mut().name[..name.len()].copy_from_slice(name);
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        header.set_cksum();
        builder.append(&header, text.as_bytes()).unwrap();
    }
    written(path, &builder.into_inner().unwrap())
}

#[test]
fn apply_without_approval() {
    let small = SmallSite::new();
    let entracte = small.adopt();
    let before = small.look();
    let said = entracte.json(&["apply"]).refused(3);
    assert!(said.contains("stage") && said.contains("plan"), "what to do is not said: {said}");
    small.stage(&entracte);
    let plan = entracte.json(&["plan"]).code(0);
    let said = entracte.json(&["apply"]).refused(4);
    assert!(said.contains("approve"), "{said}");
    let status = entracte.json(&["status"]);
    assert_eq!(status.exit, 4, "{:#}", status.result);
    assert_eq!(status.result["plan"]["id"], plan["id"]);
    entracte.run(&["--yes", "apply"]).code(4);
    entracte.json(&["approve", "0000000000000000"]).refused(5);
    before.assert_same(&small.look(), "without approval");
}

/// What may change between approval and apply, and the path that must be named.
#[test]
fn a_plan_that_does_not_fit_any_more() {
    type Change = fn(&SmallSite);
    let changes: &[(&str, Change)] = &[
        ("app/changed.txt", |small| small.write(&small.path("app/changed.txt"), "edited since\n")),
        ("app/added.txt", |small| small.write(&small.path("app/added.txt"), "came since\n")),
        ("app/removed.txt", |small| fs::remove_file(small.path("app/removed.txt")).unwrap()),
    ];
    for (path, change) in changes {
        let small = SmallSite::new();
        let entracte = small.ready();
        change(&small);
        let before = small.look();
        let said = entracte.json(&["apply"]).refused(5);
        assert!(said.contains(path), "{path} is not named: {said}");
        before.assert_same(&small.look(), path);
        assert_eq!(entracte.json(&["status"]).result["gate"]["closed"], false, "{path}");
    }
}

#[test]
fn nothing_to_resume_roll_back_or_commit() {
    let small = SmallSite::new();
    let before = small.look();
    let entracte = small.adopt();
    entracte.json(&["resume"]).refused(3);
    entracte.json(&["rollback"]).refused(3);
    entracte.json(&["commit"]).refused(3);
    entracte.json(&["plan"]).refused(3);
    assert_eq!(entracte.json(&["status"]).exit, 0);
    before.assert_same(&small.look(), "with nothing to do");
}

#[test]
fn a_second_run_while_one_is_going() {
    let small = SmallSite::new();
    let ready = small.ready();
    let waiting = Entracte::with_fault(&small.root(), "swap.operation:2=wait");
    let mut first = waiting.command(&["apply", "--foreground"]).spawn().unwrap();
    let since = Instant::now();
    while ready.json(&["status"]).exit != 8 {
        assert!(since.elapsed() < Duration::from_secs(30), "status never said that somebody works");
        std::thread::sleep(Duration::from_millis(50));
    }
    for verb in ["apply", "resume", "rollback"] {
        let said = ready.json(&[verb]).refused(8);
        assert!(said.contains(&first.id().to_string()) || said.contains("apply"), "{verb}: who? {said}");
    }
    first.kill().unwrap();
    first.wait().unwrap();
    ready.json(&["rollback"]).code(0);
}

#[test]
fn a_wrong_database_password() {
    let old = releases::tree("wordpress-6.1");
    let site = TestSite::wordpress(Bed::shared(), &old, "password");
    let entracte = adopt(&site, Server::Nginx, &old.folder);
    entracte.json(&["stage", "--from", releases::archive("wordpress-6.8.zip").to_str().unwrap()]).code(0);
    let settings = String::from_utf8(site.read("wp-config.php")).unwrap();
    site.write("wp-config.php", settings.replace("pw-password", "not-the-password"));
    let (tree, database) = (site.tree(), site.database());
    // The plan shows it as a check; applying it is refused.
    let planned = entracte.json(&["plan"]);
    if planned.exit == 0 {
        let checks = planned.result["checks"].to_string();
        assert!(checks.contains("\"error\"") && !checks.contains("not-the-password"), "{checks}");
        entracte.run(&["approve", planned.result["id"].as_str().unwrap()]);
    }
    let ran = entracte.run(&["--json", "apply"]);
    assert!(!ran.stdout.contains("not-the-password") && !ran.stderr.contains("not-the-password"), "{ran}");
    let said = ran.json().refused(5);
    assert!(said.contains("database"), "{said}");
    tree.assert_same(&site.tree(), "after a refused apply");
    database.assert_same(&site.database(), "after a refused apply");
    assert_eq!(entracte.json(&["status"]).result["gate"]["closed"], false);
}

/// A folder in the middle of the tree that the site's owner may not write to.
#[test]
fn a_read_only_folder_in_the_middle() {
    let old = releases::tree("wordpress-6.1");
    let site = TestSite::wordpress(Bed::shared(), &old, "readonly");
    let entracte = adopt(&site, Server::Nginx, &old.folder);
    entracte.json(&["stage", "--from", releases::archive("wordpress-6.8.zip").to_str().unwrap()]).code(0);
    let folder = site.path("wp-includes/blocks");
    std::os::unix::fs::chown(&folder, Some(0), Some(0)).unwrap();
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
    let (tree, database) = (site.tree(), site.database());
    let planned = entracte.json(&["plan"]);
    if planned.exit == 0 {
        entracte.run(&["approve", planned.result["id"].as_str().unwrap()]);
    }
    let said = entracte.json(&["apply"]).refused(5);
    assert!(said.contains("wp-includes/blocks"), "the folder is not named: {said}");
    tree.assert_same(&site.tree(), "after a refused apply");
    database.assert_same(&site.database(), "after a refused apply");
    assert_eq!(site.wordpress_version(Server::Nginx), Some(old.version));
}

/// Settings that others can write decide what runs as the owner.
#[test]
fn settings_that_others_can_write() {
    let small = SmallSite::new();
    let entracte = small.ready();
    let before = small.look();
    let settings = small.root().parent().unwrap().join(".entracte-site/entracte.toml");
    fs::OpenOptions::new().append(true).open(&settings).unwrap().write_all(b"\n").unwrap();
    fs::set_permissions(&settings, fs::Permissions::from_mode(0o666)).unwrap();
    let said = entracte.json(&["apply"]).refused(5);
    assert!(said.contains("entracte.toml"), "{said}");
    before.assert_same(&small.look(), "after a refused apply");
}

#[test]
fn a_state_of_a_newer_entracte() {
    let small = SmallSite::new();
    let entracte = small.ready();
    fs::write(small.root().parent().unwrap().join(".entracte-site/format"), "2\n").unwrap();
    let before = small.look();
    for verb in [&["status"][..], &["plan"], &["stage", "--from", "inbox"], &["apply"], &["rollback"]] {
        let said = entracte.json(verb).refused(5);
        assert!(said.contains("newer entracte"), "{verb:?}: {said}");
    }
    before.assert_same(&small.look(), "after all of it");
}
