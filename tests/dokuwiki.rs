//! A real DokuWiki, which has no database, to its next release and back.

#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "tests look from outside")]

mod support;

use std::fs;

use support::bed::Bed;
use support::bed::Server;
use support::releases;
use support::site::TestSite;
use support::update::adopt;
use support::update::apply;
use support::update::paths_of;
use support::update::plan_and_approve;
use support::visitors::Visitors;

/// The owner's part of the wiki.
const OWNERS: &[&str] = &[
    "conf/local.php",
    "conf/acl.auth.php",
    "conf/users.auth.php",
    "data/pages/page7.txt",
    "data/media/2026/11/photo été.jpg",
    "data/media/private.txt",
];

#[test]
fn dokuwiki_on_nginx() {
    there_and_back(Server::Nginx, true);
}

#[test]
fn dokuwiki_on_apache() {
    there_and_back(Server::Apache, false);
}

fn there_and_back(server: Server, is_complete: bool) {
    let (old, new) = (releases::tree("dokuwiki-old"), releases::tree("dokuwiki-new"));
    let name = format!("wiki{}", server.name());
    let site = TestSite::dokuwiki(Bed::shared(), &old, &name);
    // A file that the new release's list of deleted files names, from much earlier.
    site.write("inc/cli.php", "<?php // from a release long ago\n");
    let before = site.tree();
    let owners: Vec<Vec<u8>> = OWNERS.iter().map(|path| site.read(path)).collect();
    let entracte = adopt(&site, server, &old.folder);
    let folder = new.folder.to_str().unwrap();
    let complete: &[&str] = if is_complete { &["--complete"] } else { &[] };
    let staged = entracte.json(&[&["stage", "--from", folder], complete].concat()).code(0);
    assert_eq!(staged["version"], new.version.as_str(), "{staged:#}");
    let plan = plan_and_approve(&entracte);
    before.assert_same(&site.tree(), "after plan");
    for path in OWNERS {
        for kind in ["add", "replace", "remove", "conflict"] {
            assert!(!paths_of(&plan, kind).contains(path), "{path} is in {kind}");
        }
    }

    let visitors = Visitors::at(&format!("{}VERSION", site.url(server)), first_word);
    std::thread::sleep(std::time::Duration::from_millis(300));
    apply(&entracte);
    std::thread::sleep(std::time::Duration::from_millis(300));
    visitors.saw_a_clean_change(&old.version, &new.version);

    for (path, bytes) in OWNERS.iter().zip(&owners) {
        assert!(site.read(path) == *bytes, "{path} changed");
    }
    for path in dropped(&new.folder, &old.folder) {
        assert!(!site.has(&path), "{path} is in deleted.files and still there");
    }
    // Nobody knows this file: it is not the release's to delete.
    assert!(site.has("inc/cli.php"));
    assert_eq!(site.read("inc/init.php"), fs::read(new.folder.join("inc/init.php")).unwrap());
    let page = site.get(server, "doku.php?id=page7");
    assert_eq!(page.status, 200, "{}", page.body);
    assert!(page.body.contains("Hello <strong>7</strong>, été."), "{}", page.body);
    assert!(page.body.contains("Wiki of the bed"), "{}", page.body);

    entracte.json(&["rollback"]).code(0);
    before.assert_same(&site.tree(), "after rollback");
    assert!(site.get(server, "VERSION").body.starts_with(&old.version));
    assert_eq!(site.get(server, "doku.php?id=page7").status, 200);
}

fn first_word(body: &str) -> Option<String> {
    body.split_whitespace().next().map(str::to_owned)
}

/// What `deleted.files` names and the old release had.
fn dropped(new: &std::path::Path, old: &std::path::Path) -> Vec<String> {
    let list = fs::read_to_string(new.join("data/deleted.files")).unwrap();
    let paths = list.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let dropped: Vec<String> = paths.filter(|path| old.join(path).is_file()).map(str::to_owned).collect();
    assert!(dropped.len() > 20, "{dropped:?}");
    dropped
}
