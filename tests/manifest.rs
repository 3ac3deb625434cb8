//! `manifest build|show|verify|diff`, and what is remembered between scans.

#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "tests look from outside")]

mod support;

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::fs::symlink;
use std::time::Duration;

use entracte::integrity::key::Key;
use sha2::Digest;
use sha2::Sha256;

use support::process;
use support::shelf::Shelf;
use support::small::SmallSite;
use support::update::paths_of;

/// A folder with a release in it.
fn shelf() -> Shelf {
    let shelf = Shelf::with(&[
        ("release/index.php", "<?php"),
        ("release/lib/a.php", "a"),
        ("release/été 1.txt", "e"),
        ("release/run", "#!/bin/sh\n"),
    ]);
    let release = shelf.folder.path().join("release");
    fs::create_dir(release.join("lib/empty")).unwrap();
    fs::set_permissions(release.join("run"), fs::Permissions::from_mode(0o755)).unwrap();
    symlink("a.php", release.join("lib/latest")).unwrap();
    shelf
}

#[test]
fn a_folder_and_archives_of_it_have_the_same_files() {
    let shelf = shelf();
    let folder = shelf.build("release", "folder.json");
    let (root, files) =
        (shelf.folder.path().to_str().unwrap(), ["-C", shelf.folder.path().to_str().unwrap(), "release"]);
    for (name, options) in [("a.tar.gz", "-czf"), ("a.tar.xz", "-cJf"), ("a.tar", "-cf")] {
        process::run("tar", &[&[options, &format!("{root}/{name}")], &files[..]].concat());
        let archive = shelf.build(name, "archive.json");
        let diff = ["manifest", "diff", &folder, &archive];
        let diff = shelf.entracte.json(&diff).code(0);
        assert_eq!(diff["changed"], serde_json::json!([]), "{name}: {diff:#}");
    }
    let show = shelf.entracte.json(&["manifest", "show", &folder]).code(0);
    let named: Vec<&str> =
        show["files"].as_array().unwrap().iter().map(|file| file["path"].as_str().unwrap()).collect();
    assert_eq!(named, ["index.php", "lib/a.php", "lib/empty", "lib/latest", "run", "été 1.txt"]);
    assert_eq!(
        (&show["product"], &show["version"], &show["format"]),
        (&"shop".into(), &"1".into(), &"entracte".into())
    );
    let run = &show["files"][4];
    assert_eq!((&run["mode"], &run["size"]), (&"0755".into(), &10.into()));
    assert_eq!(run["sha256"], hex::encode(Sha256::digest(b"#!/bin/sh\n")));
}

#[test]
fn a_manifest_goes_where_a_bare_name_says() {
    let shelf = shelf();
    let from = shelf.path("release");
    let mut command = shelf.entracte.command(&["manifest", "build", &from, "-o", "m.json", "--version", "1"]);
    let output = command.current_dir(shelf.folder.path()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(shelf.folder.path().join("m.json").exists());
}

#[test]
fn every_difference_of_a_tree_is_told() {
    let shelf = shelf();
    let manifest = shelf.build("release", "m.json");
    assert_eq!(shelf.verify(&manifest, "release", &["--strict"]).0, 0);
    let release = shelf.folder.path().join("release");
    fs::write(release.join("index.php"), "<?ph!").unwrap();
    fs::remove_file(release.join("run")).unwrap();
    fs::remove_file(release.join("lib/latest")).unwrap();
    symlink("/etc/passwd", release.join("lib/latest")).unwrap();
    fs::write(release.join(OsStr::from_bytes(b"odd\xff\n")), "x").unwrap();
    process::run("mkfifo", &[release.join("pipe").to_str().unwrap()]);
    let (exit, found) = shelf.verify(&manifest, "release", &[]);
    assert_eq!(exit, 7);
    assert_eq!(found["modified"], serde_json::json!(["index.php", "lib/latest"]));
    assert_eq!(found["missing"], serde_json::json!(["run"]));
    assert_eq!(found["unexpected"], serde_json::json!([]), "only what is listed is judged");
    let (exit, found) = shelf.verify(&manifest, "release", &["--strict"]);
    assert_eq!(exit, 7);
    assert_eq!(found["unexpected"], serde_json::json!(["odd\\xff\\n", "pipe"]), "{found:#}");
}

#[test]
fn manifests_that_cannot_be_used() {
    let shelf = shelf();
    let good = fs::read_to_string(shelf.build("release", "good.json")).unwrap();
    let show = |text: &str| {
        fs::write(shelf.path("bad.json"), text).unwrap();
        shelf.manifest(&["show", &shelf.path("bad.json")]).exit
    };
    assert_eq!(show(&good), 0);
    assert_eq!(show(&good[..good.len() / 2]), 1);
    assert_eq!(show(&good.replace("\"lib/a.php\"", "\"lib/../../a.php\"")), 1);
    assert_eq!(show(&good.replace("\"format\": 1", "\"format\": 2")), 5);
    assert_eq!(show(&good.replace("\"lib/a.php\"", "\"index.php\"")), 9);
    assert_eq!(shelf.entracte.json(&["manifest", "show", "/no/such/file"]).exit, 5);
    assert_eq!(shelf.verify(&shelf.path("good.json"), "no-such-folder", &[]).0, 5);
}

/// A cache that lies is believed, unless one is paranoid; one that is damaged is told of.
#[test]
fn what_is_remembered_is_forgotten_on_demand() {
    let small = SmallSite::new();
    let entracte = small.adopt();
    small.stage(&entracte);
    // What was written an instant ago is not remembered.
    std::thread::sleep(Duration::from_millis(300));
    let plan = entracte.json(&["plan"]).code(0);
    assert!(paths_of(&plan, "replace").contains(&"index.html"));
    let path = small.root().with_file_name(".entracte-site").join("cache/stat");
    let mut bytes = fs::read(&path).unwrap();
    let digest = Sha256::digest(small.read("index.html"));
    let at = bytes.windows(32).position(|window| window == &digest[..]).expect("the file is remembered");
    bytes[at] ^= 1;
    // Sealed anew, as only who may read the key can.
    bytes.truncate(bytes.len() - 32);
    let key = Key::load(&path.with_file_name("key")).unwrap().expect("there is a key");
    fs::write(&path, key.seal(bytes)).unwrap();

    let plan = entracte.json(&["plan"]).code(0);
    assert!(paths_of(&plan, "conflict").contains(&"index.html"), "the cache was not used: {plan:#}");
    let plan = entracte.json(&["plan", "--paranoid"]).code(0);
    assert!(paths_of(&plan, "replace").contains(&"index.html"), "the cache was used: {plan:#}");
    // What was read anew is what is remembered from now on.
    let plan = entracte.json(&["plan"]).code(0);
    assert!(paths_of(&plan, "replace").contains(&"index.html"));

    fs::write(&path, "damaged").unwrap();
    let said = entracte.run(&["plan"]);
    assert!(said.stderr.contains("is damaged or not ours and was discarded"), "{}", said.stderr);
}
