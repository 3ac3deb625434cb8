use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::path::PathBuf;

use serde_json::Value;
use serde_json::json;
use tempfile::TempDir;

use crate::support::process;
use crate::support::run::Entracte;

/// Two folders that are the same.
pub struct Twins {
    pub folder: TempDir,
    pub entracte: Entracte,
}

impl Twins {
    pub fn new() -> Twins {
        let folder = tempfile::tempdir_in("/tmp").unwrap();
        for side in ["a", "b"] {
            let root = folder.path().join(side);
            fs::create_dir_all(root.join("lib/empty")).unwrap();
            for name in ["index.php", "lib/one.php", "lib/two.php", "lib/three.php", "run.sh"] {
                fs::write(root.join(name), format!("<?php // {name}")).unwrap();
            }
            symlink("one.php", root.join("lib/latest")).unwrap();
        }
        let entracte = Entracte::new(folder.path());
        Twins { folder, entracte }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn text(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }

    pub fn compare(&self, a: &str, b: &str, code: i32) -> Value {
        self.entracte.json(&["compare", &self.text(a), &self.text(b)]).code(code)
    }

    /// A change of each kind, in `b`.
    pub fn plant(&self) {
        let b = |name: &str| self.path("b").join(name);
        fs::write(b("index.php"), "<?php // changed").unwrap();
        fs::rename(b("lib/one.php"), b("lib/uno.php")).unwrap();
        fs::remove_file(b("lib/two.php")).unwrap();
        symlink("three.php", b("lib/two.php")).unwrap();
        fs::remove_file(b("lib/latest")).unwrap();
        symlink("two.php", b("lib/latest")).unwrap();
        fs::set_permissions(b("run.sh"), fs::Permissions::from_mode(0o4755)).unwrap();
        fs::remove_dir(b("lib/empty")).unwrap();
        fs::write(b("new\u{1b}[31m.php"), "new").unwrap();
    }
}

fn snapshot(root: &Path) -> String {
    process::run("find", &[root.to_str().unwrap(), "-printf", "%p %y %m %s %T@ %C@ %l\n"])
}

#[test]
fn planted_differences_of_two_folders_are_found_and_nothing_is_written() {
    let twins = Twins::new();
    assert_eq!(twins.compare("a", "b", 0)["files"]["checked"], 10);
    twins.plant();
    let before = snapshot(twins.folder.path());
    let found = twins.compare("a", "b", 7);
    assert_eq!(before, snapshot(twins.folder.path()));
    let files = &found["files"];
    assert_eq!(files["only_a"], json!(["lib/empty", "lib/one.php"]));
    assert_eq!(files["only_b"], json!(["lib/uno.php", "new\\x1b[31m.php"]));
    assert_eq!(files["different"], json!(["index.php", "lib/latest", "lib/two.php", "run.sh"]));
    assert_eq!(files["moved"], json!([{"from": "lib/one.php", "to": "lib/uno.php"}]));
    assert_eq!(found["database"], Value::Null);
    let text = twins.entracte.run(&["compare", &twins.text("a"), &twins.text("b")]).code(7).stdout;
    let text = text.replace(twins.folder.path().to_str().unwrap(), "FOLDER");
    insta::assert_snapshot!(text, @r#"
    A           FOLDER/a
    B           FOLDER/b
    files       2 only in A, 2 only in B, 4 different, 0 unreadable; 10 looked at (171 B)
    only in A (1)
      lib/empty
    only in B (1)
      new\x1b[31m.php
    different (4)
      index.php  content: 18 bytes in A, 16 in B
      lib/latest  target: one.php in A, two.php in B
      lib/two.php  kind: a file in A, a link in B
      run.sh  permissions: 0644 in A, 4755 in B
    moved or renamed (1)
      lib/one.php -> lib/uno.php
    "#);
}

#[test]
fn what_cannot_be_read_is_told_and_is_not_missing() {
    let twins = Twins::new();
    fs::write(twins.path("a").join("lib/more.php"), "x").unwrap();
    let locked = twins.path("b").join("lib");
    fs::set_permissions(&locked, fs::Permissions::from_mode(0o000)).unwrap();
    process::run("chown", &["-R", "www-data:www-data", twins.folder.path().to_str().unwrap()]);
    let entracte = Entracte::new(twins.folder.path()).by_owner();
    let found = entracte.json(&["compare", &twins.text("a"), &twins.text("b")]).code(7);
    fs::set_permissions(&locked, fs::Permissions::from_mode(0o755)).unwrap();
    assert_eq!(found["files"]["only_a"], json!([]));
    assert_eq!(found["files"]["unreadable"][0]["path"], "lib");
    assert_eq!(found["files"]["unreadable"][0]["side"], "b");
}

#[test]
fn archives_and_manifests_are_trees_too() {
    let twins = Twins::new();
    let archive = twins.text("a.tar.gz");
    process::run("tar", &["-C", &twins.text(""), "-czf", &archive, "a"]);
    let manifest = twins.text("a.json");
    let options = ["--product", "shop", "--version", "1", "-o", &manifest];
    twins.entracte.run(&[&["manifest", "build", &twins.text("a")], &options[..]].concat()).code(0);
    for (a, b) in [("a.tar.gz", "b"), ("b", "a.tar.gz"), ("a.json", "b"), ("a.json", "a.tar.gz")] {
        twins.compare(a, b, 0);
    }
    fs::write(twins.path("b").join("index.php"), "<?php // changed").unwrap();
    fs::remove_file(twins.path("b").join("lib/two.php")).unwrap();
    for a in ["a.tar.gz", "a.json"] {
        let files = &twins.compare(a, "b", 7)["files"];
        assert_eq!((&files["only_a"], &files["different"]), (&json!(["lib/two.php"]), &json!(["index.php"])));
    }
}

#[test]
fn the_report_is_one_private_page() {
    let twins = Twins::new();
    twins.plant();
    let report = twins.text("report.html");
    let (a, b) = (twins.text("a"), twins.text("b"));
    twins.entracte.run(&["compare", &a, &b, "--html", &report]).code(7);
    let page = fs::read_to_string(&report).unwrap();
    assert!(
        page.contains("in A: lib&#x2f;one.php") && page.contains("content: 18 bytes in A, 16 in B"),
        "{page}"
    );
    assert!(page.matches("<script").count() == 1 && !page.contains("//"), "{page}");
    assert_eq!(fs::metadata(&report).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn wrong_input_is_refused_with_a_way_out() {
    let twins = Twins::new();
    let a = twins.text("a");
    fs::write(twins.path("text"), "no archive").unwrap();
    fs::write(twins.path("exposed"), "hush").unwrap();
    fs::set_permissions(twins.path("exposed"), fs::Permissions::from_mode(0o644)).unwrap();
    rusqlite::Connection::open(twins.path("data.db")).unwrap().execute_batch("CREATE TABLE t (x)").unwrap();
    let database = format!("sqlite:{}", twins.text("data.db"));
    let (missing, text, data, exposed) =
        (twins.text("none"), twins.text("text"), twins.text("data.db"), twins.text("exposed"));
    for (arguments, code, said) in [
        (vec![missing.as_str(), &a], 5, "there is no file or folder"),
        (vec![&text, &a], 1, "archive"),
        (vec![&data, &a], 2, "sqlite:"),
        (vec!["https://example.org/release#2.1", &a], 2, "no reference, of which a version could be named"),
        (vec!["ftp://example.org/release", &a], 2, "cannot be compared"),
        (vec!["mysql://web:hush@db/shop", &a], 2, "must not hold the password"),
        (vec![&a, &a, "--database"], 5, "no database is known"),
        (vec![&database, &database, "--files"], 2, "no files to compare"),
        (vec![&database, &a], 5, "nothing compares"),
        (vec!["mysql://web@db/shop", &a, "--password-file", &exposed], 5, "read by others"),
    ] {
        let said_all = twins.entracte.json(&[&["compare"], arguments.as_slice()].concat()).refused(code);
        assert!(said_all.contains(said) && !said_all.contains("hush"), "{arguments:?}: {said_all}");
    }
    let both = twins.entracte.run(&["compare", &a, &a, "--files", "--database"]);
    both.code(2);
}

#[test]
fn sqlite_files_are_compared_and_left_as_they_are() {
    let twins = Twins::new();
    for side in ["a.db", "b.db"] {
        let db = rusqlite::Connection::open(twins.path(side)).unwrap();
        db.execute_batch("PRAGMA journal_mode = WAL; CREATE TABLE pages (id INTEGER PRIMARY KEY, title TEXT); INSERT INTO pages VALUES (1, 'one'), (2, 'two');").unwrap();
    }
    let db = rusqlite::Connection::open(twins.path("b.db")).unwrap();
    db.execute_batch("UPDATE pages SET title = NULL WHERE id = 2; INSERT INTO pages VALUES (3, ''); ALTER TABLE pages ADD COLUMN author TEXT;").unwrap();
    let before = snapshot(twins.folder.path());
    let addresses = ["a.db", "b.db"].map(|name| format!("sqlite:{}", twins.text(name)));
    let found = twins.entracte.json(&["compare", &addresses[0], &addresses[1]]).code(7);
    assert_eq!(before, snapshot(twins.folder.path()));
    assert_eq!(found["database"]["schema"], json!(["table pages: column author (text) only in B"]));
    let rows = &found["database"]["rows"][0];
    assert_eq!((&rows["only_a"], &rows["only_b"], &rows["different"]), (&json!(0), &json!(1), &json!(1)));
    let shown =
        twins.entracte.run(&["compare", &addresses[0], &addresses[1], "--show-values"]).code(7).stdout;
    assert!(shown.contains("different id=2  title 'two' / NULL"), "{shown}");
    let hidden = twins.entracte.run(&["compare", &addresses[0], &addresses[1]]).code(7).stdout;
    assert!(hidden.contains("different id=2  title\n") && !hidden.contains("two"), "{hidden}");
}
