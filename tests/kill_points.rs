//! The whole update of the small site, killed before every system call that
//! changes something: `rollback` ends in exactly the old site, `resume` in
//! exactly the new one, a second recovery changes nothing, `status` is true.

#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "tests look from outside")]

mod support;

use std::path::PathBuf;

use support::ground::Ground;
use support::process;
use support::tracer;
use support::tracer::Ended;

/// A ground that can be laid again as it was.
struct Arena {
    ground: Ground,
    template: PathBuf,
}

impl Arena {
    fn new() -> Arena {
        let ground = Ground::new();
        let template = ground.small.folder.path().join("template");
        process::run("cp", &["-a", ground.parent().to_str().unwrap(), template.to_str().unwrap()]);
        Arena { ground, template }
    }

    fn lay(&self) {
        let parent = self.ground.parent();
        process::run("rm", &["-rf", parent.to_str().unwrap()]);
        process::run("cp", &["-a", self.template.to_str().unwrap(), parent.to_str().unwrap()]);
    }

    /// How many calls a verb makes that change something.
    fn calls(&self, verb: &[&str]) -> u64 {
        let traced = tracer::counted(self.ground.entracte.command(verb));
        assert_eq!(traced.ended, Ended::Status(0));
        traced.calls
    }

    /// Kills the verb before its `at`-th call.
    fn kill(&self, verb: &[&str], at: u64) {
        let traced = tracer::killed_before(self.ground.entracte.command(verb), at);
        // Threads may need a call more or less than when they were counted.
        assert!(traced.ended == Ended::Killed || traced.calls < at, "call {at}: {traced:?}");
        self.ground.status_is_true(&format!("killed before call {at}"));
    }

    fn recover(&self, verb: &str, when: &str) {
        let run = self.ground.entracte.json(&["status"]).result["run"].clone();
        let recovered = self.ground.entracte.json(&[verb]);
        match recovered.exit {
            0 => {}
            // Before the first line of the journal there is no run, after the last it is over.
            3 if run.is_null() || run["state"] == "finished" || run["state"] == "rolled-back" => {}
            code => panic!("{when}: {verb} ended with {code}: {recovered:?}"),
        }
    }
}

#[test]
fn killed_before_every_call_then_rolled_back() {
    let arena = Arena::new();
    let (mut mixes, apply) = (0, ["apply", "--foreground"]);
    for at in 1..=arena.calls(&apply) {
        let when = format!("killed before call {at}, rolled back");
        arena.lay();
        arena.kill(&apply, at);
        mixes += u64::from(arena.ground.is_a_mix());
        arena.recover("rollback", &when);
        arena.ground.is_old(&when);
        assert_eq!(arena.ground.entracte.json(&["rollback"]).exit, 3, "{when}, and again");
        arena.ground.is_old(&format!("{when}, and again"));
    }
    // Without recovery there are halves of an update, and this harness sees them.
    assert!(mixes > 20, "only {mixes} mixes were seen");
}

#[test]
fn killed_before_every_call_then_resumed() {
    let arena = Arena::new();
    let apply = ["apply", "--foreground"];
    for at in 1..=arena.calls(&apply) {
        let when = format!("killed before call {at}, resumed");
        arena.lay();
        arena.kill(&apply, at);
        arena.recover("resume", &when);
        if arena.ground.small.read("VERSION") == "1\n" {
            arena.ground.entracte.json(&["apply"]).code(0);
        }
        arena.ground.is_new(&when);
        assert_eq!(arena.ground.entracte.json(&["resume"]).exit, 3, "{when}, and again");
        arena.ground.is_new(&format!("{when}, and again"));
    }
}

#[test]
fn a_rollback_killed_before_every_call_is_taken_again() {
    let arena = Arena::new();
    let rollback = ["rollback", "--foreground"];
    support::update::apply(&arena.ground.entracte);
    for at in 1..=arena.calls(&rollback) {
        let when = format!("a rollback killed before call {at}, taken again");
        arena.lay();
        support::update::apply(&arena.ground.entracte);
        arena.kill(&rollback, at);
        arena.recover("rollback", &when);
        arena.ground.is_old(&when);
    }
}
