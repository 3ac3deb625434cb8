//! One-time scripts outside an update: a run like any other.

#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "tests look from outside")]

mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt;

use serde_json::Value;

use support::ground::Ground;
use support::run::Entracte;
use support::small::SmallSite;
use support::update::apply;

const COUNTING: &str = "#!/bin/sh\n# entracte: changes = media/count.txt\necho ran >> media/count.txt\n";

#[test]
fn a_script_that_somebody_put_there_runs_once_and_can_be_taken_back() {
    let small = SmallSite::new();
    let entracte = small.adopt();
    assert_eq!(entracte.json(&["run-once", "list"]).exit, 3);
    assert_eq!(entracte.json(&["run-once", "run"]).exit, 3);
    put(&small, "010-count.sh", COUNTING);
    put(&small, "README", "no script");
    let before = small.look();
    let installed = entracte.json(&["status"]).code(0)["installed"].clone();

    let list = entracte.json(&["run-once", "list"]).code(0);
    assert_eq!(states(&list), [("run_once/010-count.sh".to_owned(), "pending".to_owned())]);
    // Nobody has said yes, and nobody can be asked.
    assert_eq!(entracte.json(&["run-once", "run"]).exit, 4);
    before.assert_same(&small.look(), "after a plan that nobody approved");

    let run = entracte.json(&["--yes", "run-once", "run"]).code(0);
    assert_eq!(run["outcome"], "finished");
    assert_eq!(small.read("media/count.txt"), "ran\n");
    assert!(small.has("run_once/010-count.sh.done") && !small.has("run_once/010-count.sh"));
    assert_eq!(entracte.json(&["run-once", "list"]).exit, 3);
    assert_eq!(entracte.json(&["--yes", "run-once", "run"]).exit, 3);
    assert_eq!(entracte.json(&["status"]).code(0)["installed"], installed, "the version does not change");

    entracte.json(&["rollback"]).code(0);
    before.assert_same(&small.look(), "after a rollback");
    assert_eq!(states(&entracte.json(&["run-once", "list"]).code(0)).len(), 1);
}

#[test]
fn a_script_that_fails_leaves_the_site_closed_until_somebody_decides() {
    let small = SmallSite::new();
    let entracte = small.adopt();
    put(
        &small,
        "010-fails.sh",
        "#!/bin/sh\n# entracte: changes = media/count.txt\necho half > media/count.txt\nexit 7\n",
    );
    let before = small.look();
    let said = entracte.json(&["--yes", "run-once", "run"]).refused(6);
    assert!(said.contains("status 7") && said.contains("rollback"), "{said}");
    entracte.json(&["rollback"]).code(0);
    before.assert_same(&small.look(), "after a rollback");
}

#[test]
fn a_release_that_waits_is_not_forgotten() {
    let small = SmallSite::new();
    let entracte = small.adopt();
    put(&small, "010-count.sh", COUNTING);
    small.stage(&entracte);
    assert!(entracte.json(&["--yes", "run-once", "run"]).refused(5).contains("release 2 is staged"));
    assert!(!small.has("media/count.txt"));
}

/// What a signal or the time limit ended may have done half of its work.
#[test]
fn a_script_that_was_cut_off_is_not_run_again() {
    let cut = "#!/bin/sh\n# entracte: changes = media/**\necho ran >> media/count.txt\nkill -9 $$\n";
    let ground = Ground::with(|small| {
        let path = small.release(2).join("run_once/002-cut.sh");
        small.write(&path, cut);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    });
    assert!(ground.entracte.json(&["apply"]).refused(6).contains("was ended by signal 9"));
    let said = ground.entracte.json(&["resume"]).refused(6);
    assert!(said.contains("nobody knows") && said.contains("--done run_once/002-cut.sh"), "{said}");
    assert_eq!(ground.small.read("media/count.txt"), "ran\n", "it ran again");
    ground.entracte.json(&["resume", "--done", "run_once/002-cut.sh"]).code(0);
    assert_eq!(ground.small.read("media/count.txt"), "ran\n");
    assert!(ground.small.has("run_once/002-cut.sh.done"));
    ground.entracte.json(&["rollback"]).code(0);
    ground.is_old("after a rollback");
}

/// What ran outside an update is known to the next update.
#[test]
fn an_update_afterwards_knows_what_ran() {
    let small = SmallSite::new();
    let entracte = small.adopt();
    put(&small, "001-mark.sh", COUNTING);
    entracte.json(&["--yes", "run-once", "run"]).code(0);
    small.stage(&entracte);
    support::update::plan_and_approve(&entracte);
    apply(&entracte);
    assert_eq!(small.read("VERSION"), "2\n");
    assert_eq!(small.read("media/count.txt"), "ran\n");
    assert!(!small.has("media/marked.txt"), "a script of that name ran before");
    assert_eq!(listed(&entracte), ["run_once/001-mark.sh done"]);
}

fn put(small: &SmallSite, name: &str, text: &str) {
    let path = small.path(&format!("run_once/{name}"));
    small.write(&path, text);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
}

fn states(list: &Value) -> Vec<(String, String)> {
    let word = |script: &Value, key: &str| script[key].as_str().unwrap().to_owned();
    let scripts = list["scripts"].as_array().unwrap();
    scripts.iter().map(|script| (word(script, "path"), word(script, "state"))).collect()
}

fn listed(entracte: &Entracte) -> Vec<String> {
    let list = entracte.json(&["run-once", "list"]).result;
    states(&list).into_iter().map(|(path, state)| format!("{path} {state}")).collect()
}
