//! Killed or failed anywhere in a run: `resume` ends in exactly the new site,
//! `rollback` in exactly the old one, and `status` says where it stands.

#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "tests look from outside")]

mod support;

use std::collections::BTreeSet;
use std::fs;

use serde_json::Value;

use entracte::base::step::Step;

use support::ground::Ground;

/// Fault points that a whole run visits, with how often.
const POINTS: &[(&str, u32)] = &[
    ("gate-flag-written", 1),
    ("prepare.copy", 1),
    ("prepare.copy", 4),
    ("swap.operation", 1),
    ("swap.operation", 6),
    ("swap.operation", 12),
    ("swap.exchanged", 1),
    ("swap.exchanged", 3),
    ("swap.synced", 1),
    ("migrate.statement", 1),
    ("migrate.statement", 2),
    ("migrate.statement", 3),
    ("run-once.started", 1),
    ("run-once.ended", 1),
];

#[test]
fn killed_at_each_point_then_resumed() {
    for (point, visit) in POINTS {
        let ground = killed_at(&format!("{point}:{visit}=kill"));
        let result = ground.entracte.json(&["resume"]).code(0);
        assert_eq!(result["outcome"], "finished", "{point}:{visit}: {result:#}");
        ground.is_new(&format!("killed at {point}:{visit}, resumed"));
    }
}

#[test]
fn killed_at_each_point_then_rolled_back() {
    for (point, visit) in POINTS {
        let ground = killed_at(&format!("{point}:{visit}=kill"));
        let result = ground.entracte.json(&["rollback"]).code(0);
        assert_eq!(result["outcome"], "rolled-back", "{point}:{visit}: {result:#}");
        ground.is_old(&format!("killed at {point}:{visit}, rolled back"));
    }
}

fn killed_at(fault: &str) -> Ground {
    let ground = Ground::new();
    ground.faulty(fault).run(&["apply", "--foreground"]).killed();
    ground.status_is_true(fault);
    ground
}

/// Before and after every line of the journal, which is inside every step;
/// forward and back in turn.
#[test]
fn killed_around_every_line_of_the_journal() {
    let mut killed_in = BTreeSet::new();
    for visit in 1.. {
        let point = if visit % 3 == 0 { "journal.write" } else { "journal.written" };
        let fault = format!("{point}:{visit}=kill");
        let ground = Ground::new();
        let ran = ground.faulty(&fault).run(&["apply", "--foreground"]);
        if ran.status.success() {
            assert!(visit > 16, "only {visit} lines of journal for eight steps");
            break;
        }
        ran.killed();
        let status = ground.status_is_true(&fault);
        let step = status["run"]["step"].as_str().map(str::to_owned);
        killed_in.extend(step);
        // Before its first line there is no run yet, after its last one it is over.
        let stands = status["run"]["state"].as_str().unwrap_or("none");
        if visit % 2 == 0 {
            match stands {
                "none" => ground.entracte.json(&["apply"]).code(0),
                "finished" => Value::Null,
                _ => ground.entracte.json(&["resume"]).code(0),
            };
            ground.is_new(&format!("{fault}, {stands}, gone on"));
        } else {
            let code = ground.entracte.json(&["rollback"]).exit;
            assert_eq!(code, if stands == "none" { 3 } else { 0 }, "{fault}");
            ground.old.assert_same(&ground.small.look(), &fault);
            assert!(!ground.flag().exists(), "{fault}");
        }
    }
    for step in Step::RUN {
        assert!(killed_in.contains(step.name()), "never killed in {step}: {killed_in:?}");
    }
}

/// The database is dumped again when that step was cut off; cut off again, there
/// is no dump to go back to, and nothing that needs one.
#[test]
fn killed_while_the_database_is_dumped_again() {
    let dumped_and_killed = |visit: u32| {
        let ground = Ground::new();
        ground.faulty(&format!("journal.write:{visit}=kill")).run(&["apply", "--foreground"]).killed();
        let runs = walkdir::WalkDir::new(ground.parent().join(".entracte-site/runs"));
        runs.into_iter().any(|entry| entry.unwrap().file_name() == "dump.json").then_some(ground)
    };
    let ground = (1..).find_map(dumped_and_killed).unwrap();
    ground.faulty("save.dump=kill").run(&["resume", "--foreground"]).killed();
    ground.entracte.json(&["rollback"]).code(0);
    ground.is_old("killed while the database was dumped again");
}

/// The way back is killed as well, and taken again.
#[test]
fn a_killed_rollback_is_taken_again() {
    for visit in [1, 3, 6, 9] {
        let ground = Ground::new();
        support::update::apply(&ground.entracte);
        let fault = format!("journal.written:{visit}=kill");
        ground.faulty(&fault).run(&["rollback", "--foreground"]).killed();
        ground.status_is_true(&fault);
        assert_eq!(ground.entracte.json(&["rollback"]).code(0)["outcome"], "rolled-back");
        ground.is_old(&fault);
    }
}

/// A disk that fails: before the swap the site is opened again, afterwards it
/// stays closed and a person decides; unless room is all that it wanted, which
/// was kept.
#[test]
fn failed_at_each_point() {
    for (number, (point, visit)) in POINTS.iter().enumerate() {
        let ground = Ground::new();
        let why = ["enospc", "eio"][number % 2];
        let fault = format!("{point}:{visit}={why}");
        let ran = ground.faulty(&fault).run(&["--json", "apply", "--foreground"]);
        let code = ran.status.code();
        match code {
            Some(0) if why == "enospc" => ground.is_new(&fault),
            Some(1) => ground.is_old(&fault),
            Some(6) => {
                ground.status_is_true(&fault);
                assert!(ground.flag().exists(), "{fault}: a half-updated site is open");
                ground.entracte.json(&["rollback"]).code(0);
                ground.is_old(&format!("{fault}, rolled back"));
            }
            _ => panic!("{fault}: {ran}"),
        }
        let is_after_swap = ["migrate", "run-once"].iter().any(|step| point.starts_with(step));
        assert!(!is_after_swap || code != Some(1), "{fault}: {code:?}");
    }
}

/// Releases whose own code fails: the file that is spoilt, and how.
#[test]
fn a_release_whose_statement_or_script_fails() {
    let spoilt = [
        (
            "schema/001.sql",
            "ALTER TABLE pages ADD COLUMN author TEXT;\nALTER TABLE nowhere ADD COLUMN x TEXT;\n",
        ),
        (
            "run_once/001-mark.sh",
            "#!/bin/sh\n# entracte: changes = media/**\necho half > media/counter.txt\nexit 7\n",
        ),
        ("run_once/001-mark.sh", "#!/bin/sh\necho undeclared > app/same.txt\n"),
    ];
    for (path, text) in spoilt {
        let ground = Ground::with(|small| fs::write(small.release(2).join(path), text).unwrap());
        let said = ground.entracte.json(&["apply"]).refused(6);
        assert!(said.contains("rollback"), "what to do next is not said: {said}");
        let status = ground.status_is_true(path);
        assert_eq!(status["run"]["state"], "failed", "{status:#}");
        ground.entracte.json(&["rollback"]).code(0);
        // A file that a script changed without leave is outside the promise.
        if text.contains("undeclared") {
            assert_eq!(ground.small.read("VERSION"), "1\n");
        } else {
            ground.is_old(path);
        }
    }
}

/// Nobody knows whether a killed script did its work: a person says.
#[test]
fn a_killed_script_that_is_not_repeatable() {
    let unsure = || {
        let ground = Ground::with(|small| {
            let path = small.release(2).join("run_once/001-mark.sh");
            let text = fs::read_to_string(&path).unwrap().replace("# entracte: repeatable\n", "");
            fs::write(&path, text).unwrap();
        });
        ground.faulty("run-once.started=kill").run(&["apply", "--foreground"]).killed();
        let said = ground.entracte.json(&["resume"]).refused(6);
        assert!(said.contains("run_once/001-mark.sh") && said.contains("--done"), "{said}");
        ground
    };
    let ground = unsure();
    ground.entracte.json(&["rollback"]).code(0);
    ground.is_old("after an unknown script");
    let ground = unsure();
    ground.entracte.json(&["resume", "--done", "run_once/001-mark.sh"]).code(0);
    assert!(ground.small.has("run_once/001-mark.sh.done") && !ground.small.has("media/marked.txt"));
    assert_eq!(ground.small.read("VERSION"), "2\n");
}
