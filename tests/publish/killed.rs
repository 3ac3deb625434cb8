//! Killed before every system call that changes something: clients see what
//! they saw, and the next publish does what this one was to do.

use std::collections::BTreeSet;

use crate::press::Press;
use crate::support::effort;
use crate::support::process;
use crate::support::tracer::Ended;
use crate::support::tracer::Fault;
use crate::support::tracer::Traced;
use crate::support::tracer::trace;

struct Sweep {
    press: Press,
    arguments: Vec<String>,
}

impl Sweep {
    /// With this done before, again and again.
    fn new(prepare: impl FnOnce(&Press), arguments: impl FnOnce(&Press) -> Vec<String>) -> Sweep {
        let press = Press::new();
        prepare(&press);
        process::run("cp", &["-a", &press.text("reference"), &press.text("template")]);
        Sweep { arguments: arguments(&press), press }
    }

    fn lay(&self) {
        process::run("rm", &["-rf", &self.press.text("reference")]);
        process::run("cp", &["-a", &self.press.text("template"), &self.press.text("reference")]);
    }

    fn trace(&self, fault: Fault) -> Traced {
        let arguments: Vec<&str> = self.arguments.iter().map(String::as_str).collect();
        let mut command = self.press.entracte.command(&arguments);
        // Threads would make another order of calls each time.
        command.env("RAYON_NUM_THREADS", "1");
        trace(command, fault)
    }

    fn names(&self) -> [BTreeSet<String>; 2] {
        [self.press.names("objects"), self.press.names("targets")]
    }

    /// Kills at many points; `seen`: what clients may see then, last what they must see in the end.
    fn run(&self, what: &str, seen: [&[&str]; 2]) {
        let seen = seen.map(|all| all.iter().map(|version| (*version).to_owned()).collect::<BTreeSet<_>>());
        let traced = self.trace(Fault::Count);
        assert_eq!(traced.ended, Ended::Status(0), "{traced:?}");
        let (wanted, page) = (self.names(), self.page());
        let mut early = 0;
        let points = effort::spread(traced.calls, effort::points(12, traced.calls as usize));
        for at in &points {
            self.lay();
            let killed = self.trace(Fault::Kill { at: *at });
            assert!(killed.ended == Ended::Killed || killed.calls < *at, "{at}: {killed:?}");
            let now = self.press.versions();
            assert!(seen.contains(&now), "killed before call {at}: {now:?}");
            early += u64::from(now == seen[0]);
            let again = self.press.call(&self.arguments);
            assert!(matches!(again.exit, 0 | 3), "killed before call {at}: {again:?}");
            assert_eq!(self.press.versions(), seen[1], "killed before call {at}, done again");
            assert_eq!(self.names(), wanted, "killed before call {at}, done again: left-overs or losses");
            assert_eq!(self.page(), page, "killed before call {at}, done again");
            assert!(self.press.names("publisher/incoming").is_empty());
        }
        assert!(early * 10 > points.len() as u64 * 5, "it was seen by {early} of {} already", points.len());
        effort::tried(what, points.len() as u64);
    }

    /// Without the digest of the root, which tells when it was made.
    fn page(&self) -> String {
        let page = std::fs::read_to_string(self.press.reference().join("index.html")).unwrap();
        page.lines().filter(|line| !line.contains("trust add")).collect::<Vec<_>>().join("\n")
    }
}

#[test]
fn a_publish_that_was_killed_is_done_again() {
    let sweep = Sweep::new(|press| drop(press.publish(1, &[])), |press| press.arguments(2, &[]));
    sweep.run("publish killed before a call, done again", [&["1"], &["1", "2"]]);
}

#[test]
fn a_first_publish_that_was_killed_is_done_again() {
    let prepare = |press: &Press| std::fs::create_dir(press.reference()).unwrap();
    let sweep = Sweep::new(prepare, |press| press.arguments(1, &[]));
    sweep.run("first publish killed before a call, done again", [&[], &["1"]]);
}

#[test]
fn signing_a_draft_that_was_killed_is_done_again() {
    let prepare = |press: &Press| {
        press.publish(1, &[]);
        press.publish(2, &["--draft"]);
    };
    let sweep = Sweep::new(prepare, |press| press.arguments(2, &["--keep", "1", "--grace", "0"]));
    // Once it is signed and the record is gone, what the old one had may still lie there.
    let traced = sweep.trace(Fault::Count);
    assert_eq!(traced.ended, Ended::Status(0), "{traced:?}");
    for at in effort::spread(traced.calls, effort::points(8, traced.calls as usize)) {
        sweep.lay();
        sweep.trace(Fault::Kill { at });
        let now: Vec<String> = sweep.press.versions().into_iter().collect();
        assert!(now == ["1", "2"] || now == ["1"] || now == ["2"], "killed before call {at}: {now:?}");
        sweep.press.call(&sweep.arguments);
        let now: Vec<String> = sweep.press.versions().into_iter().collect();
        assert_eq!(now, ["2"], "killed before call {at}, done again");
    }
}

#[test]
fn an_unpublish_that_was_killed_is_done_again() {
    let prepare = |press: &Press| {
        press.publish(1, &[]);
        press.publish(2, &[]);
    };
    let arguments = |press: &Press| {
        let (from, keys) = (press.text("reference"), press.text("keys"));
        let all = ["unpublish", "1", "--from", &from, "--keys", &keys, "--grace", "0"];
        all.map(str::to_owned).to_vec()
    };
    let sweep = Sweep::new(prepare, arguments);
    let traced = sweep.trace(Fault::Count);
    assert_eq!(traced.ended, Ended::Status(0), "{traced:?}");
    let points = effort::spread(traced.calls, effort::points(8, traced.calls as usize));
    for at in &points {
        sweep.lay();
        sweep.trace(Fault::Kill { at: *at });
        let now: Vec<String> = sweep.press.versions().into_iter().collect();
        assert!(now == ["1", "2"] || now == ["2"], "killed before call {at}: {now:?}");
        sweep.press.call(&sweep.arguments);
        let now: Vec<String> = sweep.press.versions().into_iter().collect();
        assert_eq!(now, ["2"], "killed before call {at}, done again");
    }
    effort::tried("unpublish killed before a call, done again", points.len() as u64);
}
