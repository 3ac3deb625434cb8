//! An update moves what is expected in its own transaction: no watch after it
//! raises an alarm about what it did, and none during it.

use std::fs;

use super::guarded::Guarded;
use super::guarded::told;
use super::support::run::Entracte;

pub fn update(site: &Guarded, version: u32) {
    let release = site.small.release(version);
    let (from, version) = (release.to_str().unwrap(), version.to_string());
    let call = ["update", "--from", from, "--complete", "--version", &version, "--yes", "--foreground"];
    site.entracte.json(&call).code(0);
}

#[test]
fn right_after_update_and_rollback_nothing_is_found() {
    let site = Guarded::new();
    // The owner edited one file that the release changes, and deleted another.
    site.write("app/changed.txt", "edited by hand\n");
    fs::remove_file(site.small.path("app/same.txt")).unwrap();
    assert_eq!(told(&site.watch(7, &[])), ["modified app/changed.txt", "missing app/same.txt"]);
    update(&site, 2);
    assert!(site.small.has("app/changed.txt.new") && site.small.has("run_once/001-mark.sh.done"));
    site.clean("after the update: the edit was kept, the script has run");
    site.write("app/changed.txt", "edited once more\n");
    assert_eq!(told(&site.watch(7, &[])), ["modified app/changed.txt: changed-again"]);
    site.write("app/changed.txt", "edited by hand\n");
    site.write("run_once/001-mark.sh.done", "other\n");
    assert_eq!(told(&site.watch(7, &[])), ["unexpected run_once/001-mark.sh.done"]);
    fs::remove_file(site.small.path("run_once/001-mark.sh.done")).unwrap();
    site.clean("without the mark of a script that has run");
    site.entracte.json(&["rollback", "--foreground"]).code(0);
    let answer = site.watch(7, &[]);
    assert_eq!(told(&answer), ["modified app/changed.txt", "missing app/same.txt"], "as it was before");
}

#[test]
fn what_the_programs_of_an_update_made_is_expected() {
    let site = Guarded::new();
    let script = "#!/bin/sh\n# entracte: repeatable\n# entracte: changes = made/**\n\
        # entracte: changes = app/same.txt\nset -eu\ncd \"$ENTRACTE_SITE\"\n\
        mkdir -p made\necho '<?php' > made/by.php\necho more >> app/same.txt\n";
    site.small.write(&site.small.release(2).join("run_once/001-mark.sh"), script);
    update(&site, 2);
    assert!(site.small.has("made/by.php"));
    site.clean("after scripts that made and changed files");
    site.write("made/by.php", "<?php eval(1);");
    site.write("made/other.php", "<?php");
    assert_eq!(
        told(&site.watch(7, &[])),
        ["unexpected made/by.php: code changed-again", "unexpected made/other.php"]
    );
}

#[test]
fn during_a_run_it_says_so() {
    let site = Guarded::new();
    site.small.stage(&site.entracte);
    super::support::update::plan_and_approve(&site.entracte);
    site.entracte.json(&["apply", "--stop-before", "migrate", "--foreground"]).code(0);
    let said = site.entracte.json(&["watch"]).refused(5);
    assert!(said.contains("is not over"), "{said}");
    assert!(site.history("found").is_empty());
    site.entracte.json(&["rollback", "--foreground"]).code(0);
    site.clean("after the rollback");
}

#[test]
fn while_somebody_works_on_it_nothing_is_alarmed() {
    let site = Guarded::new();
    site.clean("before");
    // The run sleeps in its script, with its files in place and its marks open.
    let script = "#!/bin/sh\n# entracte: repeatable\n# entracte: changes = media/**\n\
        touch \"$ENTRACTE_SITE/media/here\"\nfor i in $(seq 600); do test -e \"$ENTRACTE_SITE/media/go\" && exit 0; sleep 0.1; done\n";
    site.small.write(&site.small.release(2).join("run_once/001-mark.sh"), script);
    let from = site.small.release(2);
    let call =
        ["update", "--from", from.to_str().unwrap(), "--complete", "--version", "2", "--yes", "--foreground"];
    let mut update = site.entracte.command(&call).stdout(std::process::Stdio::null()).spawn().unwrap();
    while !site.small.has("media/here") {
        assert!(update.try_wait().unwrap().is_none(), "the update ended");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let said = site.entracte.json(&["watch"]).refused(8);
    assert!(said.contains("under way"), "{said}");
    site.write("media/go", "");
    assert!(update.wait().unwrap().success());
    let answer = site.clean("after the update");
    assert_eq!(answer["news"]["new"], serde_json::json!([]));
}

#[test]
fn what_was_accepted_after_an_update_survives_its_rollback() {
    let site = Guarded::new();
    update(&site, 2);
    site.write("app/own.php", "<?php // mine\necho 1;");
    site.write("app/added.txt", "mine, though the release brings it\n");
    site.watch(7, &[]);
    site.watch(0, &["--accept", "app", "--note", "mine"]);
    site.entracte.json(&["rollback", "--foreground"]).code(0);
    let answer = Entracte::json(&site.entracte, &["watch"]);
    assert_eq!(answer.exit, 0, "{:#}", answer.result["details"]);
}
