//! A run whose process died does not keep a site closed: the next verb takes
//! it back once the time that the settings give is over.

use std::fs;
use std::thread;
use std::time::Duration;

use crate::arena::APPLY;
use crate::arena::Arena;
use crate::arena::ROLLBACK;
use crate::support::effort;
use crate::support::ground::Ground;
use crate::support::tracer::Fault;
use crate::support::update;

/// Verbs that change something.
const VERBS: &[&[&str]] = &[
    &["approve", "00000000"],
    &["apply"],
    &["discard"],
    &["close"],
    &["open"],
    &["scan"],
    &["stage", "--from", "inbox"],
];

/// Sets how long the site has patience, in seconds.
fn be_patient(ground: &Ground, seconds: u64) {
    let settings = ground.parent().join(".entracte-site/entracte.toml");
    let text = fs::read_to_string(&settings).unwrap();
    fs::write(&settings, format!("{text}\n[recovery]\nafter_seconds = {seconds}\n")).unwrap();
}

#[test]
fn the_next_verb_takes_it_back() {
    let arena = Arena::new();
    let all = arena.calls(APPLY);
    let points = effort::spread(all, effort::points(14, 200));
    let mut recovered = 0;
    for (number, at) in points.iter().enumerate() {
        let verb = VERBS[number % VERBS.len()];
        let when = format!("killed before call {at}, then {verb:?}");
        arena.lay();
        arena.trace(APPLY, Fault::Kill { at: *at });
        let run = arena.ground.entracte.json(&["status"]).result["run"].clone();
        if run.is_null() || run["state"] == "finished" {
            continue;
        }
        be_patient(&arena.ground, 1);
        thread::sleep(Duration::from_millis(1100));
        let was_closed = arena.ground.flag().exists();
        let answer = arena.ground.entracte.json(verb);
        if answer.exit == 5 {
            // Visitors were back already: nothing is in a hurry.
            assert!(!was_closed, "{when}: {answer:?}");
            continue;
        }
        let said = answer.refused(1);
        assert!(said.contains("taken back") && said.contains(run["id"].as_str().unwrap()), "{when}: {said}");
        arena.ground.is_old(&when);
        recovered += 1;
    }
    assert!(recovered > 6, "only {recovered} were in the middle");
    effort::tried("run abandoned, taken back by the next verb", recovered);
}

#[test]
fn a_rollback_that_died_is_finished() {
    let arena = Arena::new();
    update::apply(&arena.ground.entracte);
    let all = arena.calls(ROLLBACK);
    for at in effort::spread(all, 6).into_iter().filter(|at| *at > all / 4 && *at < all * 3 / 4) {
        arena.lay();
        update::apply(&arena.ground.entracte);
        arena.trace(ROLLBACK, Fault::Kill { at });
        be_patient(&arena.ground, 1);
        thread::sleep(Duration::from_millis(1100));
        arena.ground.entracte.json(&["apply"]).refused(1);
        arena.ground.is_old(&format!("rollback killed before call {at}"));
    }
}

#[test]
fn before_its_time_and_what_somebody_stopped_is_left_alone() {
    let ground = Ground::in_memory();
    ground.faulty("swap.exchanged:3=kill").run(APPLY).killed();
    // Ten minutes unless the settings say otherwise.
    ground.entracte.json(&["plan"]).refused(5);
    assert!(ground.flag().exists() && ground.is_a_mix());
    ground.entracte.json(&["rollback"]).code(0);

    let ground = Ground::in_memory();
    ground.entracte.json(&["apply", "--stop-before", "scan"]).code(0);
    be_patient(&ground, 1);
    thread::sleep(Duration::from_millis(1100));
    ground.entracte.json(&["plan"]).refused(5);
    assert!(ground.flag().exists());
    ground.entracte.json(&["resume"]).code(0);
    ground.is_new("stopped, resumed");
}

/// A plan never changes the site, and so takes nothing back.
#[test]
fn who_only_looks_changes_nothing() {
    let ground = Ground::in_memory();
    ground.faulty("swap.exchanged:3=kill").run(APPLY).killed();
    be_patient(&ground, 1);
    thread::sleep(Duration::from_millis(1100));
    let before = ground.small.look();
    ground.entracte.json(&["plan"]).refused(5);
    ground.entracte.json(&["status"]).refused(6);
    before.assert_same(&ground.small.look(), "somebody looked");
    assert!(ground.flag().exists());
    ground.entracte.json(&["rollback"]).code(0);
    ground.is_old("looked at, rolled back");
}
