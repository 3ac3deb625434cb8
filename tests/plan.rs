//! What a plan says, and that making one changes nothing.

#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "tests look from outside")]

mod support;

use std::fs;

use serde_json::Value;

use support::bed::Bed;
use support::bed::Server;
use support::releases;
use support::site::TestSite;
use support::site::copy_tree;
use support::small::SmallSite;
use support::update::adopt;
use support::update::apply;
use support::update::paths_of;
use support::update::plan_and_approve;

#[test]
fn a_plan_of_every_kind_of_change() {
    let small = SmallSite::new();
    let entracte = small.adopt();
    small.stage(&entracte);
    let before = small.look();
    let plan = entracte.json(&["plan"]).code(0);
    before.assert_same(&small.look(), "after plan");

    assert_eq!(plan["to"]["version"], "2");
    let id = plan["id"].as_str().unwrap();
    assert!(id.len() >= 12 && id.chars().all(|c| c.is_ascii_hexdigit()), "{id}");
    for key in
        ["from", "changes", "counts", "statements", "scripts", "bytes_to_fetch", "bytes_needed", "checks"]
    {
        assert!(!plan[key].is_null(), "`{key}` is missing: {plan:#}");
    }
    let added = paths_of(&plan, "add");
    for path in ["app/added.txt", "app/deep/er/added.txt", "schema/001.sql", "run_once/001-mark.sh"] {
        assert!(added.contains(&path), "{path} is not added: {plan:#}");
    }
    let replaced = paths_of(&plan, "replace");
    for path in
        ["VERSION", "index.html", "app/changed.txt", "app/tool.sh", "app/current", "app/becomes-link.txt"]
    {
        assert!(replaced.contains(&path), "{path} is not replaced: {plan:#}");
    }
    let removed = paths_of(&plan, "remove");
    for path in ["app/removed.txt", "app/emptied/last.txt", "app/becomes-file/one.txt"] {
        assert!(removed.contains(&path), "{path} is not removed: {plan:#}");
    }
    assert!(paths_of(&plan, "conflict").is_empty(), "{plan:#}");
    let touched = |path: &&Value| path["path"].as_str().unwrap().starts_with("media");
    assert!(!plan["changes"].as_array().unwrap().iter().any(|change| touched(&change)), "{plan:#}");

    let statements = plan["statements"].to_string();
    assert!(statements.contains("ALTER TABLE pages ADD COLUMN author TEXT"), "{statements}");
    assert!(plan["scripts"].to_string().contains("run_once/001-mark.sh"), "{plan:#}");
    let paths: Vec<&str> =
        plan["changes"].as_array().unwrap().iter().map(|change| change["path"].as_str().unwrap()).collect();
    assert!(paths.is_sorted(), "{paths:?}");
    for (kind, count) in plan["counts"].as_object().unwrap() {
        let known = ["add", "replace", "remove", "keep", "conflict", "same"];
        assert!(known.contains(&kind.as_str()) && count.is_u64(), "{plan:#}");
    }
    for check in plan["checks"].as_array().unwrap() {
        assert!(["ok", "warning", "error"].contains(&check["level"].as_str().unwrap()), "{check:#}");
        assert!(check["name"].is_string() && check["detail"].is_string(), "{check:#}");
    }
}

#[test]
fn the_same_plan_has_the_same_id_and_another_has_another() {
    let small = SmallSite::new();
    let entracte = small.adopt();
    small.stage(&entracte);
    let id = |what: &str| entracte.json(&["plan"]).code(0)["id"].as_str().expect(what).to_owned();
    let first = id("first");
    assert_eq!(first, id("again"));
    small.write(&small.path("app/changed.txt"), "edited\n");
    assert_ne!(first, id("after an edit"));
}

#[test]
fn a_local_edit_is_kept_and_the_releases_version_put_beside_it() {
    let small = SmallSite::new();
    small.write(&small.path("app/changed.txt"), "edited by the owner\n");
    small.write(&small.path("app/same.txt"), "edited by the owner, too\n");
    small.write(&small.path("app/removed.txt"), "edited by the owner, as well\n");
    let entracte = small.adopt();
    small.stage(&entracte);
    let plan = plan_and_approve(&entracte);
    let conflicts = paths_of(&plan, "conflict");
    assert!(conflicts.contains(&"app/changed.txt") && conflicts.contains(&"app/removed.txt"), "{plan:#}");
    assert!(!conflicts.contains(&"app/same.txt"), "{plan:#}");
    apply(&entracte);
    assert_eq!(small.read("app/changed.txt"), "edited by the owner\n");
    assert_eq!(small.read("app/changed.txt.new"), "as in 2, and longer\n");
    assert_eq!(small.read("app/same.txt"), "edited by the owner, too\n");
    assert_eq!(small.read("app/removed.txt"), "edited by the owner, as well\n");
    assert_eq!(small.read("VERSION"), "2\n");
}

#[test]
fn what_the_owner_deleted_stays_deleted() {
    let small = SmallSite::new();
    fs::remove_file(small.path("app/changed.txt")).unwrap();
    fs::remove_file(small.path("app/same.txt")).unwrap();
    let entracte = small.adopt();
    small.stage(&entracte);
    let plan = plan_and_approve(&entracte);
    assert!(paths_of(&plan, "keep").contains(&"app/changed.txt"), "{plan:#}");
    apply(&entracte);
    assert!(!small.has("app/changed.txt") && !small.has("app/same.txt"));
    assert!(small.has("app/added.txt"));
    entracte.run(&["rollback"]).code(0);
    assert!(!small.has("app/changed.txt") && !small.has("app/same.txt"));
}

#[test]
fn an_unknown_file_in_the_way_is_a_conflict_and_elsewhere_it_is_left_alone() {
    let small = SmallSite::new();
    small.write(&small.path("app/added.txt"), "mine\n");
    small.write(&small.path("app/mine.txt"), "mine, too\n");
    let before = small.look();
    let entracte = small.adopt();
    small.stage(&entracte);
    let plan = plan_and_approve(&entracte);
    assert_eq!(paths_of(&plan, "conflict"), ["app/added.txt"], "{plan:#}");
    apply(&entracte);
    assert_eq!(small.read("app/added.txt"), "mine\n");
    assert_eq!(small.read("app/added.txt.new"), "only in 2\n");
    assert_eq!(small.read("app/mine.txt"), "mine, too\n");
    entracte.run(&["rollback"]).code(0);
    before.assert_same(&small.look(), "after rollback");
}

#[test]
fn a_folder_that_is_not_said_to_be_complete_removes_nothing() {
    let small = SmallSite::new();
    let entracte = small.adopt();
    let release = small.release(2);
    entracte.json(&["stage", "--from", release.to_str().unwrap(), "--version", "2"]).code(0);
    let plan = entracte.json(&["plan"]).code(0);
    // What stands where the release needs a folder or a file must still give way.
    let removed: Vec<&str> =
        paths_of(&plan, "remove").into_iter().filter(|path| !path.contains("becomes")).collect();
    assert!(removed.is_empty(), "{plan:#}");
    assert!(paths_of(&plan, "add").contains(&"app/added.txt"), "{plan:#}");
}

#[test]
fn a_baseline_taken_from_the_live_tree_replaces_and_removes_nothing() {
    let small = SmallSite::new();
    let root = small.root();
    let entracte = support::run::Entracte::new(&root);
    let database = format!("sqlite:{}", small.database_file().display());
    let arguments = ["init", root.to_str().unwrap(), "--profile", "generic", "--database", &database];
    assert_eq!(entracte.json(&arguments).code(0)["baseline"], "observed");
    small.stage(&entracte);
    let plan = entracte.json(&["plan"]).code(0);
    assert!(paths_of(&plan, "replace").is_empty() && paths_of(&plan, "remove").is_empty(), "{plan:#}");
    assert!(paths_of(&plan, "conflict").contains(&"app/changed.txt"), "{plan:#}");
}

#[test]
fn a_difference_is_shown_on_demand() {
    let small = SmallSite::new();
    let entracte = small.adopt();
    small.stage(&entracte);
    let text = entracte.run(&["plan", "--diff", "app/changed.txt"]).code(0).stdout;
    assert!(text.contains("-as in 1") && text.contains("+as in 2, and longer"), "{text}");
    assert!(!text.contains("\u{1b}["), "colours into a pipe: {text:?}");
}

#[test]
fn a_dry_init_writes_nothing() {
    let small = SmallSite::new();
    let before = small.look();
    let beside = || fs::read_dir(small.root().parent().unwrap()).unwrap().count();
    let root = small.root();
    let release = small.release(1);
    let entracte = support::run::Entracte::new(&root);
    let arguments = ["init", root.to_str().unwrap(), "--profile", "generic", "--dry-run", "--release"];
    let result = entracte.json(&[&arguments[..], &[release.to_str().unwrap()]].concat()).code(0);
    assert_eq!(result["counts"]["modified"], 0, "{result:#}");
    assert!(result["counts"]["exact"].as_u64().unwrap() >= 12, "{result:#}");
    assert!(result["counts"]["unknown"].as_u64().unwrap() >= 3, "{result:#}");
    before.assert_same(&small.look(), "after init --dry-run");
    assert_eq!(beside(), 1);
}

/// On the real thing: a release with a `wp-config.php` of its own, a local edit.
#[test]
fn a_plan_for_wordpress_leaves_tree_and_database_as_they_are() {
    let old = releases::tree("wordpress-6.1");
    let site = TestSite::wordpress(Bed::shared(), &old, "planned");
    let edited = [site.read("wp-admin/css/about.css"), b"\n/* edited here */\n".to_vec()].concat();
    site.write("wp-admin/css/about.css", &edited);
    let settings = site.read("wp-config.php");
    let (tree, database) = (site.tree(), site.database());

    let folder = tempfile::Builder::new().prefix("entracte-release-").tempdir_in("/tmp").unwrap();
    let release = folder.path().join("wordpress");
    copy_tree(&releases::tree("wordpress-6.8").folder, &release);
    fs::write(release.join("wp-config.php"), "<?php die('the release settings');\n").unwrap();
    support::bed::chown(folder.path());

    let entracte = adopt(&site, Server::Nginx, &old.folder);
    tree.assert_same(&site.tree(), "after init");
    entracte.json(&["stage", "--from", release.to_str().unwrap(), "--complete"]).code(0);
    tree.assert_same(&site.tree(), "after stage");
    let plan = entracte.json(&["plan"]).code(0);
    let asked = |name: &str| {
        let checks = plan["checks"].as_array().unwrap();
        checks.iter().find(|check| check["name"] == name).map(|check| check["level"].clone())
    };
    for name in ["php-cli", "php-web", "database", "database rights", "database version"] {
        assert_eq!(asked(name).unwrap(), "ok", "{name}: {:#}", plan["checks"]);
    }
    entracte.run(&["plan"]).code(0);
    entracte.run(&["plan", "--diff"]).code(0);
    tree.assert_same(&site.tree(), "after plan");
    database.assert_same(&site.database(), "after plan");

    assert_eq!(plan["from"]["version"], "6.1.9", "{}", plan["from"]);
    for kind in ["add", "replace", "remove", "conflict"] {
        assert!(!paths_of(&plan, kind).contains(&"wp-config.php"), "wp-config.php is in {kind}");
        assert!(!paths_of(&plan, kind).iter().any(|path| path.starts_with("wp-content/uploads")), "{kind}");
    }
    assert_eq!(paths_of(&plan, "conflict"), ["wp-admin/css/about.css"]);
    plan_and_approve(&entracte);
    apply(&entracte);
    assert_eq!(site.read("wp-config.php"), settings);
    assert_eq!(site.read("wp-admin/css/about.css"), edited);
    assert_eq!(
        site.read("wp-admin/css/about.css.new"),
        fs::read(release.join("wp-admin/css/about.css")).unwrap()
    );
}
