//! A ground that is laid again as it was before each disturbance.

use std::path::PathBuf;

use crate::support::ground::Ground;
use crate::support::process;
use crate::support::tracer::Ended;
use crate::support::tracer::Fault;
use crate::support::tracer::Traced;
use crate::support::tracer::trace;

pub const APPLY: &[&str] = &["apply", "--foreground"];
pub const RESUME: &[&str] = &["resume", "--foreground"];
pub const ROLLBACK: &[&str] = &["rollback", "--foreground"];

pub struct Arena {
    pub ground: Ground,
    template: PathBuf,
}

impl Arena {
    pub fn new() -> Arena {
        Arena::with(|_| ())
    }

    /// With something done to the ground before it is kept.
    pub fn with(prepare: impl FnOnce(&Ground)) -> Arena {
        let ground = Ground::in_memory();
        prepare(&ground);
        let template = ground.small.folder.path().join("template");
        process::run("cp", &["-a", ground.parent().to_str().unwrap(), template.to_str().unwrap()]);
        Arena { ground, template }
    }

    pub fn lay(&self) {
        let parent = self.ground.parent();
        process::run("rm", &["-rf", parent.to_str().unwrap()]);
        process::run("cp", &["-a", self.template.to_str().unwrap(), parent.to_str().unwrap()]);
    }

    /// How many calls a verb makes that change something.
    pub fn calls(&self, verb: &[&str]) -> u64 {
        let traced = self.trace(verb, Fault::Count);
        assert_eq!(traced.ended, Ended::Status(0), "{traced:?}");
        traced.calls
    }

    pub fn trace(&self, verb: &[&str], fault: Fault) -> Traced {
        trace(self.ground.entracte.command(verb), fault)
    }

    /// Kills the verb before its `at`-th call.
    pub fn kill(&self, verb: &[&str], at: u64, when: &str) {
        let traced = self.trace(verb, Fault::Kill { at });
        // Threads may need a call more or less than when they were counted.
        assert!(traced.ended == Ended::Killed || traced.calls < at, "{when}: {traced:?}");
        self.ground.status_is_true(when);
    }

    /// Goes on, or back, until the end.
    pub fn recover(&self, verb: &str, when: &str) {
        let run = self.ground.entracte.json(&["status"]).result["run"].clone();
        let recovered = self.ground.entracte.json(&[verb]);
        match recovered.exit {
            0 => {}
            // Before the first line of the journal there is no run, after the last it is over.
            3 if run.is_null() || run["state"] == "finished" || run["state"] == "rolled-back" => {}
            code => panic!("{when}: {verb} ended with {code}: {recovered:?}"),
        }
    }

    /// Goes on to the new site, from wherever a run stands; begins it where none was.
    pub fn go_on(&self, when: &str) {
        self.recover("resume", when);
        if self.ground.small.read("VERSION") == "1\n" {
            self.ground.entracte.json(&["apply"]).code(0);
        }
    }
}
