//! What an update takes of memory: entracte and every program that it starts,
//! together, within 128 MiB.

#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "tests look from outside")]

mod support;

use std::fs;
use std::path::Path;
use std::path::PathBuf;

use support::bed::Bed;
use support::bed::Server;
use support::effort;
use support::limited::Limit;
use support::releases;
use support::run::Entracte;
use support::site::TestSite;
use support::update::adopt;
use support::update::plan_and_approve;

const LIMIT: u64 = 128 << 20;

#[test]
fn a_whole_update_of_wordpress() {
    let (old, new) = (releases::tree("wordpress-6.1"), releases::tree("wordpress-6.8"));
    let site = TestSite::wordpress(Bed::shared(), &old, "memory");
    let entracte = adopt(&site, Server::Nginx, &old.folder);
    let limit = Limit::new(LIMIT);
    let archive = releases::archive("wordpress-6.8.zip");
    let stage = ["stage", "--from", archive.to_str().unwrap()];
    limit.run(entracte.command(&stage)).ended_within(LIMIT);
    limit.run(entracte.command(&["plan"])).ended_within(LIMIT);
    plan_and_approve(&entracte);
    limit.run(entracte.command(&["apply", "--foreground"])).ended_within(LIMIT);
    assert_eq!(Some(site.wordpress_database()), new.database);
    assert_eq!(site.wordpress_version(Server::Nginx), Some(new.version));
    limit.run(entracte.command(&["rollback", "--foreground"])).ended_within(LIMIT);
    assert_eq!(site.wordpress_version(Server::Nginx), Some(old.version));
    effort::tried("verbs of an update of WordPress within 128 MiB, its PHP included", 4);
}

#[test]
fn a_tree_of_many_files() {
    let folder = tempfile::Builder::new().prefix("entracte-many-").tempdir_in("/tmp").unwrap();
    let count = 100_000;
    let site = folder.path().join("parent/site");
    make_files(&site, count);
    let release = folder.path().join("release");
    make_files(&release, 50);
    fs::write(release.join("d0/f1.php"), "changed\n").unwrap();
    let entracte = Entracte::new(&site);
    let limit = Limit::new(LIMIT);
    let (shown, manifest) = (site.to_str().unwrap(), folder.path().join("manifest.json"));
    let manifest = manifest.to_str().unwrap();
    let build = ["manifest", "build", shown, "--product", "many", "--version", "1", "-o", manifest];
    limit.run(entracte.command(&build)).ended_within(LIMIT);
    let init = ["init", shown, "--profile", "generic", "--manifest", manifest];
    limit.run(entracte.command(&init)).ended_within(LIMIT);
    let stage = ["stage", "--from", release.to_str().unwrap(), "--version", "2"];
    limit.run(entracte.command(&stage)).ended_within(LIMIT);
    let planned = limit.run(entracte.command(&["--json", "plan"]));
    planned.ended_within(LIMIT);
    let plan: serde_json::Value = serde_json::from_slice(&planned.output.stdout).unwrap();
    entracte.run(&["approve", plan["result"]["id"].as_str().unwrap()]).code(0);
    limit.run(entracte.command(&["apply", "--foreground"])).ended_within(LIMIT);
    assert_eq!(fs::read_to_string(site.join("d0/f1.php")).unwrap(), "changed\n");
    effort::tried("files in a tree: manifest, init, stage, plan, apply within 128 MiB", count as u64);
}

/// The control: with far too little memory nothing ends well.
#[test]
fn too_little_memory_is_noticed() {
    let folder = tempfile::Builder::new().prefix("entracte-many-").tempdir_in("/tmp").unwrap();
    let site = folder.path().join("parent/site");
    make_files(&site, 20_000);
    let entracte = Entracte::new(&site);
    let few = 4 << 20;
    let build = ["manifest", "build", site.to_str().unwrap(), "--product", "many", "--version", "1"];
    for limit in [Limit::new(few), Limit::watching()] {
        let ran = limit.run(entracte.command(&build));
        assert!(!ran.is_within(few), "20,000 files in 4 MiB: this harness sees nothing: {ran:?}");
    }
}

/// Small files, a hundred in a folder, each with its own content.
fn make_files(folder: &Path, count: usize) {
    for number in 0..count {
        let into: PathBuf = folder.join(format!("d{}", number / 100));
        if number % 100 == 0 {
            fs::create_dir_all(&into).unwrap();
        }
        fs::write(into.join(format!("f{number}.php")), format!("<?php // {number}\n")).unwrap();
    }
}
