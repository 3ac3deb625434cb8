//! Every step of a run, stopped before and gone on from, and the ways back, on
//! a small site with every kind of change.

#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "tests look from outside")]

mod support;

use std::fs;

use entracte::base::step::Step;

use support::ground::Ground;

#[test]
fn rollback_after_success() {
    let ground = Ground::new();
    let applied = support::update::apply(&ground.entracte);
    ground.is_new("after apply");
    let shown = ground.entracte.json(&["show", applied["run"].as_str().unwrap()]).code(0);
    let steps: Vec<&str> =
        shown["steps"].as_array().unwrap().iter().map(|step| step["step"].as_str().unwrap()).collect();
    for step in Step::RUN {
        assert!(steps.contains(&step.name()), "{step} is not shown: {steps:?}");
    }
    assert_eq!(ground.entracte.json(&["rollback"]).code(0)["outcome"], "rolled-back");
    ground.is_old("after rollback");
    ground.entracte.json(&["rollback"]).refused(3);
    ground.is_old("after a second rollback");
}

/// Who goes back is not told to go on.
#[test]
fn a_rollback_that_was_cut_off_names_the_way_that_is_open() {
    let ground = Ground::new();
    support::update::apply(&ground.entracte);
    ground.faulty("journal.written:4=kill").run(&["rollback"]).code(6);
    assert_eq!(ground.entracte.json(&["status"]).result["next"], serde_json::json!(["rollback"]));
    ground.entracte.json(&["resume"]).refused(5);
    let told = ground.faulty("journal.written:2=eio").run(&["rollback"]).stdout;
    assert!(told.contains("next: entracte rollback") && !told.contains("next: entracte resume"), "{told}");
    ground.entracte.json(&["rollback"]).code(0);
    ground.is_old("after all");
}

#[test]
fn after_commit_there_is_no_way_back() {
    let ground = Ground::new();
    support::update::apply(&ground.entracte);
    ground.entracte.json(&["commit"]).code(0);
    let code = ground.entracte.json(&["rollback"]).exit;
    assert!([3, 5].contains(&code), "rollback after commit ended with {code}");
    ground.is_new("after commit");
}

#[test]
fn stopped_before_each_step_then_resumed() {
    for step in Step::RUN {
        let ground = stopped_before(step);
        let result = ground.entracte.json(&["resume"]).code(0);
        assert_eq!(result["outcome"], "finished", "{step}: {result:#}");
        ground.is_new(&format!("stopped before {step}, resumed"));
    }
}

#[test]
fn stopped_before_each_step_then_rolled_back() {
    for step in Step::RUN {
        let ground = stopped_before(step);
        let result = ground.entracte.json(&["rollback"]).code(0);
        assert_eq!(result["outcome"], "rolled-back", "{step}: {result:#}");
        ground.is_old(&format!("stopped before {step}, rolled back"));
    }
}

fn stopped_before(step: Step) -> Ground {
    let ground = Ground::new();
    let result = ground.entracte.json(&["apply", "--stop-before", step.name()]).code(0);
    assert_eq!(result["outcome"], "stopped", "{step}: {result:#}");
    assert_eq!(result["step"], step.name(), "{step}: {result:#}");
    let status = ground.status_is_true(&format!("stopped before {step}"));
    assert_eq!(status["run"]["state"], "stopped", "{step}: {status:#}");
    assert_eq!(status["gate"]["closed"], step > Step::Close, "{step}: {status:#}");
    ground
}

#[test]
fn one_step_at_a_time() {
    let ground = Ground::new();
    for step in Step::RUN {
        let result = ground.entracte.json(&["apply", "--step"]).code(0);
        let is_last = step == Step::Reopen;
        let outcome = if is_last { "finished" } else { "stopped" };
        assert_eq!(result["outcome"], outcome, "after {step}: {result:#}");
        if !is_last {
            ground.status_is_true(&format!("after {step}"));
        }
    }
    ground.is_new("one step at a time");
}

#[test]
fn other_verbs_wait_while_a_run_is_open() {
    let ground = stopped_before(Step::Migrate);
    let release = ground.small.release(2);
    for verb in [&["stage", "--from", release.to_str().unwrap()][..], &["open"], &["discard"], &["commit"]] {
        ground.entracte.json(verb).refused(5);
    }
    ground.entracte.json(&["rollback"]).code(0);
    ground.is_old("after rollback");
}

/// Nothing that came after the update is lost by going back: what stands where
/// the run had worked goes to `undone/`, everything else stays.
#[test]
fn what_came_since_is_not_lost() {
    let ground = Ground::new();
    let applied = support::update::apply(&ground.entracte);
    let since = ["app/changed.txt", "app/deep/mine.txt", "media/upload.txt", "elsewhere/upload.txt"];
    for path in since {
        ground.small.write(&ground.small.path(path), &format!("{path} came since\n"));
    }
    ground.entracte.json(&["rollback"]).code(0);
    assert_eq!(ground.small.read("app/changed.txt"), "as in 1\n");
    assert_eq!(ground.small.read("elsewhere/upload.txt"), "elsewhere/upload.txt came since\n");
    let runs = ground.small.root().parent().unwrap().join(".entracte-site/runs");
    let undone = runs.join(applied["run"].as_str().unwrap()).join("undone");
    for path in since {
        let text = format!("{path} came since\n");
        let places = walkdir::WalkDir::new(&undone).into_iter().filter_map(Result::ok).map(|e| e.into_path());
        let is_kept = places
            .chain([ground.small.path(path)])
            .any(|place| fs::read_to_string(place).ok().as_ref() == Some(&text));
        assert!(is_kept, "{path} is lost");
    }
}

/// Rows that came after the update: rollback asks, and forgets nothing.
#[test]
fn rows_written_since_stop_a_rollback_until_somebody_decides() {
    let written = || {
        let ground = Ground::new();
        support::update::apply(&ground.entracte);
        let database = rusqlite::Connection::open(ground.small.database_file()).unwrap();
        database.execute("INSERT INTO pages (title) VALUES ('written since')", []).unwrap();
        ground
    };
    let ground = written();
    let before = ground.small.look();
    let said = ground.entracte.json(&["rollback"]).refused(5);
    assert!(said.contains("pages"), "{said}");
    before.assert_same(&ground.small.look(), "after a refused rollback");
    ground.entracte.json(&["rollback", "--database", "restore"]).code(0);
    ground.is_old("after rollback --database restore");
    let ground = written();
    ground.entracte.json(&["rollback", "--database", "keep"]).code(0);
    assert_eq!(ground.small.read("VERSION"), "1\n");
    assert!(ground.small.look().rows.join("\n").contains("written since"));
}
