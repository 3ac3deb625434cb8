//! What a folder is, told by what is known of releases: real trees, planted
//! changes, versions that hardly differ, and nothing that is known.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use crate::support::effort;
use crate::support::limited::Limit;
use crate::support::releases;
use crate::support::releases::Release;
use crate::support::run::Entracte;
use crate::support::small::SmallSite;

const PROVENANCE: &str = include_str!("../../manifests/releases/PROVENANCE.tsv");

/// Whether the list of this version ships with the program.
fn is_shipped(product: &str, version: &str) -> bool {
    let known = PROVENANCE.lines().any(|line| line.starts_with(&format!("{product}\t{version}\t")));
    if !known {
        effort::skipped("identify", &format!("{product} {version} is newer than the lists: manifests/make"));
    }
    known
}

/// A tree of the cache that may be changed, in a folder of its own.
fn copy(release: &Release) -> (TempDir, PathBuf) {
    let folder = tempfile::Builder::new().prefix("entracte-identify-").tempdir_in("/tmp").unwrap();
    let site = folder.path().join("parent/site");
    fs::create_dir(folder.path().join("parent")).unwrap();
    assert!(Command::new("cp").arg("-r").arg(&release.folder).arg(&site).status().unwrap().success());
    (folder, site)
}

fn identified(folder: &Path) -> Value {
    Entracte::new(folder).json(&["identify", folder.to_str().unwrap()]).code(0)["nearest"].clone()
}

fn paths(value: &Value) -> BTreeSet<String> {
    value.as_array().unwrap().iter().map(|path| path.as_str().unwrap().to_owned()).collect()
}

#[test]
fn real_releases_are_known() {
    for (product, name) in [
        ("wordpress", "wordpress-6.1"),
        ("wordpress", "wordpress-6.8"),
        ("dokuwiki", "dokuwiki-old"),
        ("dokuwiki", "dokuwiki-new"),
    ] {
        let release = releases::tree(name);
        let found = identified(&release.folder);
        assert_eq!(found["product"], product, "{name}");
        if !is_shipped(product, &release.version) {
            assert_ne!(found["sure"], "exact", "{name}: {found:#}");
            continue;
        }
        assert_eq!(found["version"], *release.version, "{name}: {found:#}");
        assert_eq!(found["place"], "whole");
        assert_eq!(found["tied"].as_array().unwrap().len(), 0);
        // The cache's DokuWiki is changed to run outside Debian's folders.
        let modified = found["modified"].as_array().unwrap().len();
        match product {
            "wordpress" => assert_eq!((&found["sure"], modified), (&Value::from("exact"), 0)),
            _ => assert!(found["sure"] == "sure" && modified < 20, "{name}: {found:#}"),
        }
        assert_eq!(found["counts"]["missing"], 0, "{name}: {found:#}");
    }
}

/// Plants one change of every kind and returns the paths with other line ends.
fn plant(site: &Path) -> BTreeSet<String> {
    let mut converted = BTreeSet::new();
    for name in ["admin.php", "ajax-actions.php", "file.php", "media.php", "post.php"] {
        let path = format!("wp-admin/includes/{name}");
        let text = fs::read_to_string(site.join(&path)).unwrap();
        fs::write(site.join(&path), text.replace('\n', "\r\n")).unwrap();
        converted.insert(path);
    }
    let login = fs::read_to_string(site.join("wp-login.php")).unwrap();
    fs::write(site.join("wp-login.php"), format!("{login}<?php eval($_GET['x']);\n")).unwrap();
    fs::remove_file(site.join("wp-trackback.php")).unwrap();
    for (path, text) in [
        ("wp-config.php", "<?php"),
        ("wp-content/uploads/2026/11/a.jpg", "a"),
        ("wp-content/plugins/shop/shop.php", "<?php // shop"),
        ("wp-content/plugins/shop/lib/b.php", "<?php // b"),
        ("wp-includes/class-wp-hidden.php", "<?php // hidden"),
    ] {
        fs::create_dir_all(site.join(path).parent().unwrap()).unwrap();
        fs::write(site.join(path), text).unwrap();
    }
    converted
}

#[test]
fn planted_changes_are_found_and_no_others() {
    let release = releases::tree("wordpress-6.8");
    if !is_shipped("wordpress", &release.version) {
        return;
    }
    let (_folder, site) = copy(&release);
    let before = identified(&site);
    let converted = plant(&site);
    let after = identified(&site);
    assert_eq!((&after["version"], &after["sure"]), (&before["version"], &Value::from("sure")));
    let more =
        |list: &str| paths(&after[list]).difference(&paths(&before[list])).cloned().collect::<Vec<_>>();
    assert_eq!(more("modified"), ["wp-login.php"]);
    assert_eq!(more("missing"), ["wp-trackback.php"]);
    assert_eq!(more("extra"), ["wp-includes/class-wp-hidden.php"]);
    assert_eq!(paths(&after["line_ends"]), converted);
    let shop =
        after["additions"].as_array().unwrap().iter().find(|one| one["path"] == "wp-content/plugins/shop");
    assert_eq!(shop.unwrap()["files"], 2);
    let own = |found: &Value| found["counts"]["own"].as_u64().unwrap();
    assert_eq!(own(&after) - own(&before), 2);

    // The same tree, moved, and a folder of it.
    let parent = identified(site.parent().unwrap());
    assert_eq!((&parent["place"], &parent["folder"]), (&Value::from("below"), &Value::from("site")));
    assert_eq!(parent["version"], after["version"]);
    assert!(paths(&parent["modified"]).contains("site/wp-login.php"));
    let part = identified(&site.join("wp-admin"));
    assert_eq!((&part["place"], &part["folder"]), (&Value::from("part"), &Value::from("wp-admin")));
    assert_eq!(part["version"], after["version"]);
}

#[test]
fn init_adopts_by_the_list_that_ships() {
    let release = releases::tree("wordpress-6.8");
    if !is_shipped("wordpress", &release.version) {
        return;
    }
    let (_folder, site) = copy(&release);
    let converted = plant(&site);
    let entracte = Entracte::new(&site);
    let adopted = entracte.json(&["init", site.to_str().unwrap()]).code(0);
    assert_eq!(
        (&adopted["baseline"], &adopted["version"]),
        (&Value::from("list"), &Value::from(release.version.as_str()))
    );
    assert_eq!(
        (paths(&adopted["modified"]), paths(&adopted["missing"])),
        (["wp-login.php".into()].into(), ["wp-trackback.php".into()].into())
    );
    let notes = adopted["notes"].to_string();
    assert!(
        notes.contains("as packaged by Debian") && notes.contains(&format!("{} files only", converted.len())),
        "{notes}"
    );
    // What it took for installed is a release that identify knows from now on.
    let known = entracte.json(&["identify"]).code(0);
    assert_eq!(known["nearest"]["version"], *release.version);

    // Too much is other than released: nobody knows what it was.
    let (_folder, other) = copy(&release);
    for entry in fs::read_dir(other.join("wp-includes")).unwrap().map(Result::unwrap) {
        if entry.path().is_file() {
            fs::write(entry.path(), "<?php // mine").unwrap();
        }
    }
    for entry in fs::read_dir(other.join("wp-includes/blocks")).unwrap().map(Result::unwrap) {
        if entry.path().is_dir() {
            fs::remove_dir_all(entry.path()).unwrap();
        }
    }
    fs::copy(site.join("wp-includes/version.php"), other.join("wp-includes/version.php")).unwrap();
    let adopted = Entracte::new(&other).json(&["init", other.to_str().unwrap(), "--dry-run"]).code(0);
    assert_eq!(
        (&adopted["baseline"], &adopted["version"]),
        (&Value::from("observed"), &Value::from(release.version.as_str()))
    );
}

/// Three versions of a small application, as trees and as manifests.
fn shop() -> TempDir {
    let folder = tempfile::Builder::new().prefix("entracte-identify-").tempdir_in("/tmp").unwrap();
    let common = [
        ("index.php", "<?php // shop"),
        ("lib/cart.php", "<?php // cart"),
        ("lib/mail.php", "<?php // mail"),
    ];
    let versions: [(&str, &[(&str, &str)]); 3] = [
        ("1.0", &[("VERSION", "1.0\n"), ("lib/tax.php", "<?php // tax 19")]),
        ("1.1", &[("VERSION", "1.1\n"), ("lib/tax.php", "<?php // tax 21"), ("lib/new.php", "<?php // new")]),
        ("1.2", &[("VERSION", "1.2\n"), ("lib/tax.php", "<?php // tax 21"), ("lib/new.php", "<?php // new")]),
    ];
    for (version, files) in versions {
        let root = folder.path().join(version);
        for (path, text) in common.iter().chain(files) {
            fs::create_dir_all(root.join(path).parent().unwrap()).unwrap();
            fs::write(root.join(path), text).unwrap();
        }
        let to = folder.path().join(format!("{version}.json"));
        let build =
            ["manifest", "build", root.to_str().unwrap(), "--product", "shop", "--version", version, "-o"];
        Entracte::new(&root).run(&[&build[..], &[to.to_str().unwrap()]].concat()).code(0);
    }
    folder
}

/// What people read, without the number of lists that ship.
fn told(folder: &TempDir, tree: &str, more: &[&str]) -> String {
    let named: Vec<String> = ["1.0", "1.1", "1.2"]
        .iter()
        .flat_map(|version| ["--manifest".to_owned(), format!("{}/{version}.json", folder.path().display())])
        .collect();
    let tree = folder.path().join(tree);
    let mut call = vec!["identify", tree.to_str().unwrap()];
    call.extend(named.iter().map(String::as_str));
    call.extend(more);
    let text = Entracte::new(&tree).run(&call).code(0).stdout;
    let (rest, known) = text.rsplit_once("), ").unwrap();
    assert!(known.ends_with(" releases known\n"), "{known}");
    rest.to_owned()
}

#[test]
fn versions_that_hardly_differ_are_told_apart_or_honestly_not() {
    let folder = shop();
    insta::assert_snapshot!(told(&folder, "1.1", &[]), @r"
    shop 1.1
      sure        yes, to the last file: 6 of its 6 files are there (100.0 %)
      next        shop 1.2: of 2 files that tell them apart 1 speak for the first, 0 for the second
      differs     0 modified, 0 missing, 0 no part of it
      looked at   6 files read (70 B
    ");
    fs::remove_file(folder.path().join("1.1/VERSION")).unwrap();
    fs::write(folder.path().join("1.1/lib/mail.php"), "<?php // my mail").unwrap();
    fs::write(folder.path().join("1.1/notes.txt"), "n").unwrap();
    insta::assert_snapshot!(told(&folder, "1.1", &["-v"]), @r"
    shop 1.2
      sure        likely: 4 of its 6 files are there (66.7 %)
      or          shop 1.1: what tells them apart (2 files) is not there, or speaks for both
      next        shop 1.0: of 5 files that tell them apart 2 speak for the first, 0 for the second
      differs     1 modified, 1 missing, 1 no part of it
      modified (1)
        lib/mail.php
      missing (1)
        VERSION
      no part of it (1)
        notes.txt
      looked at   6 files read (70 B
    ");
    fs::write(folder.path().join("1.0/lib/new.php"), "<?php // new").unwrap();
    fs::write(folder.path().join("1.0/lib/tax.php"), "<?php // tax 21").unwrap();
    insta::assert_snapshot!(told(&folder, "1.0", &[]), @r"
    shop 1.2
      sure        likely: 5 of its 6 files are there (83.3 %)
      or          shop 1.1: what tells them apart (2 files) is not there, or speaks for both
      next        shop 1.0: of 5 files that tell them apart 2 speak for the first, 1 for the second
      differs     1 modified, 0 missing, 0 no part of it, 1 as another release has them
      modified (1)
        VERSION
      as another release has them (1)
        VERSION  as in 1.0
      looked at   6 files read (70 B
    ");
}

#[test]
fn folders_and_archives_are_taken_for_releases() {
    let folder = shop();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let packed =
        Command::new("tar").args(["-czf", &at("1.0.tar.gz"), "-C", &at(""), "1.0"]).status().unwrap();
    assert!(packed.success());
    let tree = at("1.0");
    for source in [at("1.0.tar.gz"), at("1.0")] {
        let found = Entracte::new(Path::new(&tree)).json(&["identify", &tree, "--from", &source]).code(0);
        assert_eq!(
            (&found["nearest"]["sure"], &found["nearest"]["origin"]),
            (&"exact".into(), &"named".into()),
            "{source}"
        );
    }
    let call = ["identify", &tree, "--from", "https://releases.example.org/shop/"];
    assert!(Entracte::new(Path::new(&tree)).json(&call).refused(9).contains("believed by a site"));
    assert!(
        Entracte::new(Path::new(&tree))
            .json(&["identify", &tree, "--from", "inbox"])
            .refused(2)
            .contains("inbox")
    );
}

#[test]
fn the_releases_of_a_reference_that_the_site_trusts() {
    let small = SmallSite::new();
    let entracte = small.adopt();
    let reference = small.folder.path().join("reference");
    let reference = reference.to_str().unwrap();
    entracte.run(&["key", "new"]).code(0);
    for version in [1, 2] {
        let release = small.release(version);
        let publish = ["publish", release.to_str().unwrap(), "--to", reference, "--product", "generic"];
        entracte.run(&[&publish[..], &["--version", &version.to_string()]].concat()).code(0);
    }
    let said = entracte.json(&["identify", "--from", reference]).refused(9);
    assert!(said.contains("trust"), "{said}");
    let root = format!("{reference}/metadata/1.root.json");
    entracte.run(&["trust", "add", reference, "--root", &root]).code(0);
    let before = small.look();
    let found = entracte.json(&["identify", "--from", reference]).code(0);
    assert_eq!(
        (&found["nearest"]["version"], &found["nearest"]["origin"]),
        (&"1".into(), &"named".into()),
        "{found:#}"
    );
    before.assert_same(&small.look(), "after a look");
}

#[test]
fn where_nothing_is_known_that_is_said() {
    let folder = tempfile::Builder::new().prefix("entracte-identify-").tempdir_in("/tmp").unwrap();
    let (empty, gone) = (folder.path().join("empty"), folder.path().join("gone"));
    fs::create_dir(&empty).unwrap();
    let entracte = Entracte::new(&empty);
    let answer = entracte.json(&["identify", empty.to_str().unwrap()]);
    assert_eq!((answer.exit, &answer.result["nearest"]), (3, &Value::Null));
    assert_eq!(answer.error["kind"], "nothing-to-do");
    assert!(entracte.json(&["identify", gone.to_str().unwrap()]).refused(5).contains("there is no folder"));
    let call = ["identify", empty.to_str().unwrap(), "--manifest", "gone.json"];
    assert!(entracte.json(&call).refused(5).contains("gone.json"));
}

#[test]
fn a_large_tree_that_nobody_knows() {
    let (count, limit) = if effort::is_full() { (100_000, 80 << 20) } else { (5_000, 64 << 20) };
    let folder = tempfile::Builder::new().prefix("entracte-many-").tempdir_in("/tmp").unwrap();
    for number in 0..count {
        let path = folder.path().join(format!("some/folder-{}/of many", number / 100));
        if number % 100 == 0 {
            fs::create_dir_all(&path).unwrap();
        }
        fs::write(path.join(format!("file-{number}.php")), format!("<?php // {number}\n")).unwrap();
    }
    let entracte = Entracte::new(folder.path());
    let used = Limit::watching().run(entracte.command(&["identify", folder.path().to_str().unwrap()]));
    assert_eq!(used.output.status.code(), Some(3));
    assert!(!used.killed && used.peak < limit, "{} bytes for {count} files", used.peak);
    effort::tried("unknown files that identify looked at within 80 MiB", count);
}
