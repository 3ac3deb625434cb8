//! `publish` and `unpublish`, one after the other.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::thread;

use serde_json::json;

use crate::press;
use crate::press::Press;
use crate::support::effort;
use crate::support::process;
use crate::support::releases;

fn versions(all: &[&str]) -> BTreeSet<String> {
    all.iter().map(|version| (*version).to_owned()).collect()
}

#[test]
fn an_empty_folder_becomes_a_reference_and_grows() {
    let press = Press::new();
    fs::write(press.path("notes"), "What is <new>\nin 1\n").unwrap();
    let first = press.publish(1, &["--notes", &press.text("notes")]);
    assert_eq!(
        (&first["first"], &first["draft"], &first["packs"]),
        (&true.into(), &false.into(), &json!([]))
    );
    let root = entracte::base::digest::Sha256::of(
        &fs::read(press.reference().join("metadata/1.root.json")).unwrap(),
    );
    assert_eq!(first["root"], root.to_string());
    assert_eq!(press.versions(), versions(&["1"]));

    let second = press.publish(2, &[]);
    assert_eq!((&second["first"], second["packs"].as_array().unwrap().len()), (&false.into(), 1));
    assert_eq!(press.versions(), versions(&["1", "2"]));
    let page = fs::read_to_string(press.reference().join("index.html")).unwrap();
    assert!(page.contains("What is &lt;new&gt;\nin 1"), "{page}");

    // What is served can be read by the web server's user; the rest cannot.
    for name in press.names("").iter().filter(|name| !name.starts_with("publisher/")) {
        let mode = fs::metadata(press.reference().join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o644, "{name}");
    }
    let mode = fs::metadata(press.reference().join("publisher")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
    assert!(press.names("publisher/incoming").is_empty());
}

#[test]
fn a_product_is_said_once_and_again_where_there_are_two() {
    let press = Press::new();
    let nameless = |version: &str| {
        let arguments = press.arguments_for(&press.small.release(2), version, "small", &[]);
        let named = arguments.iter().position(|word| word == "--product").unwrap();
        press.call(&[&arguments[..named], &arguments[named + 2..]].concat())
    };
    nameless("2").refused(2);
    press.publish(1, &["--draft"]);
    assert_eq!(nameless("2").code(0)["product"], "small");
    press.call(&press.arguments_for(&press.small.release(1), "1", "other", &[])).code(0);
    let said = nameless("3").refused(2);
    assert!(said.contains("--product"), "{said}");
}

#[test]
fn a_version_means_one_thing() {
    let press = Press::new();
    press.publish(1, &[]);
    let before = press.names("");
    let again = press.try_publish(1, &[]);
    assert_eq!((again.exit, &again.result["was_there"]), (3, &true.into()));
    assert_eq!(press.names(""), before);

    let other = press.arguments_for(&press.small.release(2), "1", "small", &[]);
    let said = press.call(&other).refused(5);
    assert!(said.contains("published already") && said.contains("unpublish 1"), "{said}");
    assert_eq!(press.names(""), before, "nothing was written");
    // Another product may have the same version.
    press.call(&press.arguments_for(&press.small.release(2), "1", "other", &[])).code(0);
    let said = press.verb(&["unpublish", "1", "--from", &press.text("reference")]).refused(5);
    assert!(said.contains("other, small") && said.contains("--product"), "{said}");
}

#[test]
fn a_draft_is_seen_by_nobody_until_it_is_signed() {
    let press = Press::new();
    press.publish(1, &[]);
    let metadata = press.names("metadata");
    let draft = press.publish(2, &["--draft"]);
    assert_eq!((&draft["draft"], draft["packs"].as_array().unwrap().len()), (&true.into(), 1));
    assert_eq!(press.names("metadata"), metadata);
    assert_eq!(press.versions(), versions(&["1"]));
    let (objects, targets) = (press.names("objects"), press.names("targets"));
    // Signed without its folder, from a record that the publisher alone has.
    let to = press.text("reference");
    let signed = press.verb(&["publish", "--to", &to, "--version", "2"]).code(0);
    assert_eq!(signed["draft"], false);
    assert_eq!((press.names("objects"), press.names("targets")), (objects, targets));
    assert_eq!(press.versions(), versions(&["1", "2"]));
    let said = press.verb(&["publish", "--to", &to, "--version", "2"]).refused(5);
    assert!(said.contains("no draft"), "{said}");
}

#[test]
fn a_first_draft_needs_no_keys_and_makes_no_root() {
    let press = Press::new();
    fs::rename(press.path("keys"), press.path("elsewhere")).unwrap();
    let draft = press.publish(1, &["--draft"]);
    assert_eq!((&draft["root"], press.names("metadata").len()), (&json!(null), 0));
    let said = press.try_publish(1, &[]);
    assert_ne!(said.exit, 0);
    let hint = said.error["hints"].to_string();
    assert!(hint.contains("key new"), "{hint}");
    fs::rename(press.path("elsewhere"), press.path("keys")).unwrap();
    let signed = press.verb(&["publish", "--to", &press.text("reference"), "--version", "1"]).code(0);
    assert_eq!(signed["first"], true);
    assert_eq!(press.versions(), versions(&["1"]));
}

#[test]
fn what_is_taken_back_goes_in_two_steps() {
    let press = Press::new();
    press.publish(1, &[]);
    let alone = [press.names("objects"), press.names("targets")];
    press.publish(2, &[]);
    let from = press.text("reference");
    let gone = press.verb(&["unpublish", "2", "--from", &from]).code(0);
    assert_eq!((&gone["removed_files"], gone["waiting_files"].as_u64().unwrap() > 5), (&0.into(), true));
    assert_eq!(press.versions(), versions(&["1"]));
    assert!(press.names("objects").is_superset(&alone[0]) && press.names("objects") != alone[0]);
    // Published again while it waits, it is whole, and nothing of it waits any more.
    press.publish(2, &[]);
    assert_eq!(press.versions(), versions(&["1", "2"]));
    press.verb(&["unpublish", "2", "--from", &from, "--grace", "0"]).code(0);
    assert_eq!([press.names("objects"), press.names("targets")], alone);
    assert_eq!(press.versions(), versions(&["1"]));
    assert!(!fs::read_to_string(press.reference().join("index.html")).unwrap().contains("<h3>2"));
    let said = press.verb(&["unpublish", "2", "--from", &from]).refused(3);
    assert!(said.contains("no release 2"), "{said}");
    // Roots stay for ever; of the lists only those that count.
    assert_eq!(press.names("metadata").len(), 4);
}

#[test]
fn the_newest_are_kept() {
    let press = Press::new();
    let file = vec![b'x'; 5000];
    for version in ["1.9", "1.10", "1.8", "2.0rc1", "2.0"] {
        let files: [(&str, &[u8]); 2] = [("a", &file), ("version", version.as_bytes())];
        let release = press.release(version, &files);
        let keep = ["--keep", "3", "--grace", "0", "--packs", "2"];
        press.call(&press.arguments_for(&release, version, "app", &keep)).code(0);
    }
    assert_eq!(press.versions(), versions(&["1.10", "2.0rc1", "2.0"]));
    assert_eq!(press.names("objects").len(), 4);
    // Packs lead from older versions only, not from those published before.
    let packs: Vec<String> =
        press.names("targets").into_iter().filter(|name| name.ends_with(".pack")).collect();
    let lead = |words: &str| packs.iter().any(|name| name.contains(words));
    assert!(lead("app-1.10-to-2.0-") && lead("app-2.0rc1-to-2.0-") && !lead("-to-1.8-"), "{packs:?}");
}

#[test]
fn archives_and_own_manifests_are_published_as_they_are() {
    let press = Press::new();
    let release = press.release("r", &[("index.php", b"<?php"), ("lib/a.php", b"a"), ("not-listed", b"n")]);
    let manifest = release.join("entracte.json");
    let listed = press.release("listed", &[("index.php", b"<?php"), ("lib/a.php", b"a")]);
    let (from, to) = (listed.to_str().unwrap(), manifest.to_str().unwrap());
    press.entracte.run(&["manifest", "build", from, "--product", "shop", "--version", "7", "-o", to]).code(0);
    let keys = press.text("keys");
    let (path, reference) = (release.to_str().unwrap(), press.text("reference"));
    let call = ["publish", path, "--to", &reference, "--version", "7", "--keys", &keys];
    let done = press.entracte.json(&call).code(0);
    assert_eq!((&done["product"], &done["files"]), (&"shop".into(), &2.into()));
    let said = press.entracte.json(&["publish", path, "--to", &reference, "--version", "8", "--keys", &keys]);
    assert!(said.refused(5).contains("version 7"));

    let archive = press.text("r.tar.gz");
    process::run("tar", &["-czf", &archive, "-C", from, "."]);
    let call = press.arguments_for(archive.as_ref(), "8", "shop", &[]);
    assert_eq!(press.call(&call).code(0)["new_objects"], 0, "the same content");
    assert_eq!(press.versions(), versions(&["7", "8"]));
}

/// A folder is read while it is packed, another source before: what comes of it is the same.
#[test]
fn however_a_release_is_given_it_is_the_same() {
    let press = Press::new();
    let large: Vec<u8> = (0..3_000_000_u32).flat_map(u32::to_le_bytes).collect();
    let same = b"the same content, many times".repeat(50);
    let names: Vec<String> = (0..300).map(|number| format!("copies/{number:03}")).collect();
    let mut files: Vec<(&str, &[u8])> = vec![
        ("empty", b""),
        ("large", &large),
        ("large-again", &large),
        ("run_once/1_x.sh", b"# entracte: repeatable\n"),
    ];
    files.extend(names.iter().map(|name| (name.as_str(), &same[..])));
    let folder = press.release("folder", &files);
    std::os::unix::fs::symlink("large", folder.join("link")).unwrap();
    fs::create_dir(folder.join("nothing-in-it")).unwrap();
    fs::set_permissions(folder.join("large"), fs::Permissions::from_mode(0o755)).unwrap();
    for entry in walkdir::WalkDir::new(&folder) {
        let time = filetime::FileTime::from_unix_time(1_700_000_000, 0);
        filetime::set_symlink_file_times(entry.unwrap().path(), time, time).unwrap();
    }
    let from = folder.to_str().unwrap();
    let archive = press.text("release.tar");
    process::run("tar", &["-cf", &archive, "-C", from, "."]);
    let described = press.text("described");
    process::run("cp", &["-a", from, &described]);
    let own = format!("{described}/entracte.json");
    press
        .entracte
        .run(&["manifest", "build", from, "--product", "shop", "--version", "1", "-o", &own])
        .code(0);

    let mut seen = Vec::new();
    for source in [from, &archive, &described] {
        let _ = fs::remove_dir_all(press.reference());
        let done = press.call(&press.arguments_for(source.as_ref(), "1", "shop", &["--grace", "0"])).code(0);
        assert_eq!(
            (&done["new_objects"], &done["files"]),
            (&4.into(), &(files.len() + 2).into()),
            "{source}"
        );
        assert_eq!(press.versions(), versions(&["1"]), "{source}");
        let again = press.call(&press.arguments_for(source.as_ref(), "1", "shop", &[]));
        assert_eq!((again.exit, &again.result["was_there"]), (3, &true.into()), "{source}");
        seen.push([press.names("objects"), press.names("targets")]);
    }
    let [unread, unpacked, described] = &seen[..] else { panic!("{seen:?}") };
    assert_eq!(unread, described);
    // Times in an archive are not believed, so its manifest has another one.
    assert_eq!(unread[0], unpacked[0]);
}

#[test]
fn what_somebody_writes_into_is_not_published() {
    let press = Press::new();
    let text: Vec<u8> = (0..60_000_u64).flat_map(|number| number.pow(3).to_le_bytes()).collect();
    let names: Vec<String> = (0..60).map(|number| format!("{number:02}.php")).collect();
    let files: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), &text[..])).collect();
    let release = press.release("release", &files);
    let stop = AtomicBool::new(false);
    let (written, arguments) = (release.join("59.php"), press.arguments_for(&release, "1", "shop", &[]));
    let said = thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                fs::write(&written, &text).unwrap();
            }
        });
        let said = press.call(&arguments);
        stop.store(true, Ordering::Relaxed);
        said.refused(1)
    });
    assert!(said.contains("59.php") && said.contains("changed since") && said.contains("somebody"), "{said}");
    assert_eq!((press.versions(), press.names("targets").len()), (versions(&[]), 0));
    press.call(&arguments).code(0);
    assert_eq!(press.versions(), versions(&["1"]));
}

#[test]
fn what_is_not_published() {
    let press = Press::new();
    let occupied = press.release("reference", &[("index.html", b"somebody's site")]);
    let said = press.try_publish(1, &[]).refused(5);
    assert!(said.contains("index.html"), "{said}");
    assert_eq!(press.names("").len(), 1);
    fs::remove_dir_all(occupied).unwrap();

    let missing = press.arguments_for(&press.path("no-such"), "1", "small", &[]);
    press.call(&missing).refused(5);
    let hostile = press.release("hostile", &[("a\u{1b}[2J", b"x")]);
    press.call(&press.arguments_for(&hostile, "1", "small", &[])).refused(9);
    press.call(&press.arguments_for(&press.small.release(1), "1/2", "small", &[])).refused(9);
    press.call(&press.arguments_for(&press.small.release(1), "1", "Small", &[])).refused(9);
    fs::write(press.path("long"), "n".repeat(70_000)).unwrap();
    press.try_publish(1, &["--notes", &press.text("long")]).refused(5);
    let (reference, release) = (press.text("reference"), press.small.release(1));
    let call = ["publish", release.to_str().unwrap(), "--to", &reference, "--version", "1"];
    let said = press.verb(&call).refused(2);
    assert!(said.contains("--product"), "{said}");
    let said = press.try_publish(1, &["--notes", &press.text("no-notes")]).refused(5);
    assert!(said.contains("there is no file"), "{said}");
    press.verb(&["unpublish", "1", "--from", &press.text("nowhere")]).refused(5);
    assert!(press.names("objects").is_empty() && press.names("metadata").is_empty());
}

#[test]
fn a_lock_that_cannot_be_opened_is_nobody_who_publishes() {
    let press = Press::new();
    press.publish(1, &[]);
    let lock = press.reference().join("publisher/lock");
    fs::remove_file(&lock).unwrap();
    fs::create_dir(&lock).unwrap();
    let said = press.try_publish(2, &[]).refused(1);
    assert!(said.contains("failed to open the lock") && !said.contains("somebody else"), "{said}");
}

#[test]
fn one_publishes_at_a_time() {
    let press = Press::new();
    press.publish(1, &[]);
    let lock = fs::File::open(press.reference().join("publisher/lock")).unwrap();
    lock.lock().unwrap();
    press.try_publish(2, &[]).refused(8);
    press.verb(&["unpublish", "1", "--from", &press.text("reference")]).refused(8);
    let signed = press.names("metadata");
    let reference = press.text("reference");
    for verb in [&["rotate", "--days", "root=30"][..], &["renew"]] {
        let all = [&["key"], verb, &["--reference", &reference]].concat();
        press.verb(&all).refused(8);
    }
    assert_eq!(press.names("metadata"), signed);
    drop(lock);
    press.publish(2, &[]);
}

/// Somebody who got at the server, and not at the keys, gets nothing signed.
#[test]
fn what_somebody_else_wrote_is_not_signed_again() {
    let press = Press::new();
    press.publish(1, &[]);
    let newest = press.reference().join("metadata/1.targets.json");
    let text = fs::read_to_string(&newest).unwrap();
    let forged = text.replace("small-1-", "small-6-");
    assert_ne!(forged, text);
    fs::write(&newest, forged).unwrap();
    press.try_publish(2, &[]).refused(9);
    fs::write(&newest, text).unwrap();
    press.publish(2, &[]);
}

#[test]
fn a_real_release_and_the_one_before() {
    let press = Press::new();
    let (old, new) = (releases::tree("dokuwiki-old"), releases::tree("dokuwiki-new"));
    for release in [&old, &new] {
        let call = press.arguments_for(&release.folder, &release.version, "dokuwiki", &[]);
        press.call(&call).code(0);
    }
    let seen = press::look(&press.reference());
    assert_eq!(seen.keys().cloned().collect::<BTreeSet<_>>(), versions(&[&old.version, &new.version]));
    let size = |end: &str| {
        let name = press
            .names("targets")
            .into_iter()
            .filter(|name| name.ends_with(end))
            .max_by_key(|name| fs::metadata(press.reference().join(name)).unwrap().len());
        fs::metadata(press.reference().join(name.unwrap())).unwrap().len()
    };
    let (pack, archive) = (size(".pack"), size(".tar.zst"));
    assert!(pack * 3 < archive, "a pack of {pack} bytes saves little against {archive}");
    effort::tried("bytes of a real release's pack", pack);
}
