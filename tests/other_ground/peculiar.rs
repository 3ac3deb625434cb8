//! A ground with a peculiarity, disturbed and recovered.

use std::fs;
use std::path::Path;
use std::path::PathBuf;

use crate::support::effort;
use crate::support::ground::Ground;
use crate::support::process;
use crate::support::tracer::Answers;
use crate::support::tracer::Ended;
use crate::support::tracer::Fault;
use crate::support::tracer::Traced;
use crate::support::tracer::trace_on;

pub const APPLY: &[&str] = &["apply", "--foreground"];
pub const ROLLBACK: &[&str] = &["rollback", "--foreground"];

/// A ground with a peculiarity, laid again before each disturbance.
pub struct Peculiar<'g> {
    pub ground: &'g Ground,
    pub answers: Answers,
    pub lay: &'g dyn Fn(),
}

impl Peculiar<'_> {
    pub fn trace(&self, verb: &[&str], fault: Fault) -> Traced {
        trace_on(self.answers, self.ground.entracte.command(verb), fault)
    }

    /// Undisturbed to the new site and back, then killed in an update at points
    /// spread over all of it and recovered, each way in turn.
    pub fn sweep(&self, what: &str, daily: usize, full: usize) {
        (self.lay)();
        let all = self.ended_well(APPLY, what).calls;
        self.ground.is_new(what);
        self.ended_well(ROLLBACK, what);
        self.ground.is_old(what);
        let (points, mut mixes) = (effort::spread(all, effort::points(daily, full)), 0);
        for (number, at) in points.iter().enumerate() {
            (self.lay)();
            let when = format!("{what}: killed before call {at} of {all}");
            let traced = self.trace(APPLY, Fault::Kill { at: *at });
            assert!(traced.ended == Ended::Killed || traced.calls < *at, "{when}: {traced:?}");
            self.ground.status_is_true(&when);
            mixes += u64::from(self.ground.is_a_mix());
            match number % 2 {
                0 => self.go_back(&when),
                _ => self.go_on(&when),
            }
        }
        assert!(mixes > 0, "{what}: no mix was seen before the recoveries");
        effort::tried(&format!("killed before a call, {what}"), points.len() as u64);
    }

    pub fn go_back(&self, when: &str) {
        self.recover("rollback", when);
        self.ground.is_old(when);
    }

    fn go_on(&self, when: &str) {
        self.recover("resume", when);
        if self.ground.small.read("VERSION") == "1\n" {
            self.ended_well(APPLY, when);
        }
        self.ground.is_new(when);
    }

    fn recover(&self, verb: &str, when: &str) {
        let run = self.ground.entracte.json(&["status"]).result["run"].clone();
        let recovered = self.trace(&[verb, "--foreground"], Fault::Count);
        match recovered.ended {
            Ended::Status(0) => {}
            // Before the first line of the journal there is no run, after the last it is over.
            Ended::Status(3)
                if run.is_null() || run["state"] == "finished" || run["state"] == "rolled-back" => {}
            _ => panic!("{when}: {verb}: {recovered:?}"),
        }
    }

    pub fn ended_well(&self, verb: &[&str], when: &str) -> Traced {
        let traced = self.trace(verb, Fault::Count);
        assert_eq!(traced.ended, Ended::Status(0), "{when}: {traced:?}");
        traced
    }
}

/// A template of what surrounds the site, to lay it again.
pub struct Template {
    folder: PathBuf,
    parent: PathBuf,
}

impl Template {
    pub fn of(ground: &Ground) -> Template {
        let folder = ground.small.folder.path().join("template");
        copy_inside(&ground.parent(), &folder);
        Template { folder, parent: ground.parent() }
    }

    pub fn lay(&self) {
        let everything = walkdir::WalkDir::new(&self.parent).min_depth(1).contents_first(true);
        for entry in everything.into_iter().map(Result::unwrap) {
            let is_folder = entry.file_type().is_dir();
            let removed =
                if is_folder { fs::remove_dir(entry.path()) } else { fs::remove_file(entry.path()) };
            // Something is mounted there: it stays, empty.
            removed.or_else(|error| if is_folder { Ok(()) } else { Err(error) }).unwrap();
        }
        copy_inside(&self.folder, &self.parent);
    }
}

pub fn copy_inside(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    process::run("cp", &["-a", from.join(".").to_str().unwrap(), to.to_str().unwrap()]);
}
