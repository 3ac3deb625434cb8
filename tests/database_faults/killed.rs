//! Killed before every system call that changes something, from saving to the
//! last one-time script; statements sent to the server are such calls.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use tempfile::TempDir;

use crate::support::database::field::Field;
use crate::support::database::field::Setting;
use crate::support::effort;
use crate::support::tracer::Ended;
use crate::support::tracer::Fault;
use crate::support::tracer::trace;

/// A script that must not run twice, in byte order behind the repeatable one.
const COUNTING: &str = "run_once/002-count.sh";
/// As many calls from where it was begun are always tried.
const AROUND: u64 = 6;

/// The field and what its scripts leave outside of the site, where nobody puts
/// anything back: a line for each time that the script ran.
struct Counted {
    field: Field,
    runs: PathBuf,
    _folder: TempDir,
}

impl Counted {
    fn new() -> Counted {
        let folder = tempfile::tempdir_in("/tmp").unwrap();
        let runs = folder.path().join("runs");
        let script = format!(
            "#!/bin/sh\n# entracte: changes = media/**\nset -eu\n\
             echo ran >> \"$ENTRACTE_SITE/media/count.txt\"\n\
             echo \"$ENTRACTE_RUN\" >> {}\n",
            runs.display()
        );
        let seed = [
            "CREATE TABLE pages (id INT AUTO_INCREMENT PRIMARY KEY, title VARCHAR(200))",
            "INSERT INTO pages (title) VALUES ('one'), ('two''s'), ('été')",
            "CREATE TABLE counters (name VARCHAR(20) PRIMARY KEY, n INT)",
            "INSERT INTO counters VALUES ('visits', 7)",
        ];
        let schema = "ALTER TABLE pages ADD COLUMN author TEXT;\nUPDATE counters SET n = n + 1;\n\
                      CREATE TABLE tags AS SELECT id, 'all' AS name FROM pages;\n";
        let field = Field::new(&Setting {
            seed: seed.map(str::to_owned).to_vec(),
            schema: vec![("001.sql", schema.to_owned())],
            settings: String::new(),
            scripts: vec![("002-count.sh", script)],
            only_database: false,
            prefix: "",
            limits: "",
        });
        Counted { field, runs, _folder: folder }
    }

    fn lay(&self) {
        self.field.lay();
        let _ = fs::remove_file(&self.runs);
    }

    /// How often the script ran to its end.
    fn runs(&self) -> usize {
        fs::read_to_string(&self.runs).unwrap_or_default().lines().count()
    }

    fn calls(&self, arguments: &[&str]) -> u64 {
        self.lay();
        let traced = trace(self.field.entracte.command(arguments), Fault::Count);
        assert_eq!(traced.ended, Ended::Status(0), "{traced:?}");
        traced.calls
    }

    /// The calls from `save` to the end of `run-once`, or a part of them, and those
    /// around the script that must not run twice.
    fn points(&self, daily: usize) -> Vec<u64> {
        let [first, scripts, last] = ["save", "run-once", "verify"]
            .map(|step| self.calls(&["apply", "--foreground", "--stop-before", step]));
        let all = last - first;
        let spread = effort::spread(all, effort::points(daily, all as usize));
        let begun = self.begun(scripts, last);
        let points: BTreeSet<u64> =
            spread.into_iter().map(|at| first + at).chain(begun..last.min(begun + AROUND)).collect();
        points.into_iter().collect()
    }

    /// The first call before which the journal knows that the script was begun.
    fn begun(&self, mut unknown: u64, mut known: u64) -> u64 {
        while unknown + 1 < known {
            let middle = unknown.midpoint(known);
            self.kill(middle, "to find the script");
            let journal = fs::read_to_string(self.field.journal()).unwrap();
            match journal.lines().any(|line| line.contains("\"script\"") && line.contains(COUNTING)) {
                true => known = middle,
                false => unknown = middle,
            }
        }
        known
    }

    fn kill(&self, at: u64, when: &str) {
        self.lay();
        let traced = trace(self.field.entracte.command(&["apply", "--foreground"]), Fault::Kill { at });
        assert!(traced.ended == Ended::Killed || traced.calls < at, "{when}: {traced:?}");
        self.field.status_is_true(when);
    }
}

/// What was known of the script that must not run twice, and what was the case.
enum Script {
    Known,
    HadRun,
    HadNotRun,
}

impl Counted {
    fn recover(&self, verb: &str, when: &str) {
        match verb {
            "rollback" => {
                self.field.recover("rollback", when);
                self.field.is_old(when);
            }
            _ => drop(self.resume(when)),
        }
    }

    /// Goes on until the new site is there, deciding what a person has to.
    fn resume(&self, when: &str) -> Script {
        let before = self.runs();
        let answered = self.field.try_to("resume", when);
        let script = match answered.exit {
            6 => {
                let said = answered.refused(6);
                assert!(said.contains(COUNTING) && said.contains("nobody knows"), "{when}: {said}");
                assert_eq!(self.runs(), before, "{when}: the script ran again, and nobody was told");
                assert!(self.field.flag().exists(), "{when}: open though nobody knows");
                self.decide(before, when)
            }
            0 | 1 | 3 => Script::Known,
            _ => panic!("{when}: {answered:?}"),
        };
        if self.field.small.read("VERSION") == "1\n" {
            self.field.entracte.json(&["apply"]).code(0);
        }
        self.field.is_new(when);
        assert_eq!(self.runs(), 1, "{when}: the script ran {} times", self.runs());
        assert_eq!(self.field.small.read("media/count.txt"), "ran\n", "{when}");
        script
    }

    /// As a person who looks whether the script did its work.
    fn decide(&self, runs: usize, when: &str) -> Script {
        if runs > 0 {
            self.field.entracte.json(&["resume", "--done", COUNTING]).code(0);
            return Script::HadRun;
        }
        self.field.recover("rollback", when);
        self.field.is_old(when);
        Script::HadNotRun
    }
}

#[test]
fn killed_between_save_and_verify_then_rolled_back() {
    let counted = Counted::new();
    let (points, mut mixes) = (counted.points(40), 0);
    for at in &points {
        let when = format!("killed before call {at}, rolled back");
        counted.kill(*at, &when);
        mixes += u64::from(counted.field.is_a_mix());
        counted.field.recover("rollback", &when);
        counted.field.is_old(&when);
        assert_eq!(counted.field.entracte.json(&["rollback"]).exit, 3, "{when}, and again");
        counted.field.is_old(&format!("{when}, and again"));
    }
    // Without recovery there are halves of an update, and this harness sees them.
    assert!(mixes > points.len() as u64 / 4, "only {mixes} mixes were seen");
    effort::tried("update on MariaDB killed between save and verify, rolled back", points.len() as u64);
}

#[test]
fn killed_between_save_and_verify_then_resumed() {
    let counted = Counted::new();
    let (points, mut unknown, mut never) = (counted.points(40), 0, 0);
    for at in &points {
        let when = format!("killed before call {at}, resumed");
        counted.kill(*at, &when);
        match counted.resume(&when) {
            Script::Known => {}
            Script::HadRun => unknown += 1,
            Script::HadNotRun => (unknown, never) = (unknown + 1, never + 1),
        }
        assert_eq!(counted.field.entracte.json(&["resume"]).exit, 3, "{when}, and again");
    }
    assert!(unknown > 0, "no script was ever cut off");
    eprintln!("of {} points, {unknown} left a script unknown, {never} of which had not run", points.len());
    effort::tried("update on MariaDB killed between save and verify, resumed", points.len() as u64);
}

/// Killed in an update, then before any call of its recovery, then recovered.
#[test]
fn a_recovery_killed_before_a_call_is_taken_again() {
    let counted = Counted::new();
    let first = counted.calls(&["apply", "--foreground", "--stop-before", "migrate"]);
    // In the middle of the migration, so that both bring the dump back.
    let is_there = |at: &u64| {
        counted.kill(*at, "to find the migration");
        let journal = fs::read_to_string(counted.field.journal()).unwrap();
        journal.matches("\"event\":\"sql\"").count() > 2 && !journal.contains("\"event\":\"script\"")
    };
    let in_migration = (first + 10..first + 60).find(is_there).expect("a call within the migration");
    let mut tried = 0;
    for verb in ["rollback", "resume"] {
        counted.kill(in_migration, "to count");
        let traced = trace(counted.field.entracte.command(&[verb, "--foreground"]), Fault::Count);
        assert_eq!(traced.ended, Ended::Status(0), "{traced:?}");
        let all = traced.calls;
        for second in effort::spread(all, effort::points(12, all as usize)) {
            let when = format!("killed in the migration, {verb} killed before call {second}");
            counted.kill(in_migration, &when);
            let fault = Fault::Kill { at: second };
            let killed = trace(counted.field.entracte.command(&[verb, "--foreground"]), fault);
            assert!(killed.ended == Ended::Killed || killed.calls < second, "{when}: {killed:?}");
            counted.field.status_is_true(&when);
            counted.recover(verb, &when);
            tried += 1;
        }
    }
    effort::tried("update on MariaDB killed in the migration, its recovery killed, then taken again", tried);
}

/// Control: a recovery that believes nothing happened runs a script twice whose
/// end was lost, and this harness sees it.
#[test]
fn a_script_run_without_the_journal_would_run_twice() {
    let counted = Counted::new();
    let last = counted.calls(&["apply", "--foreground", "--stop-before", "verify"]);
    let mut twice = 0;
    for at in (last - 12)..=last {
        counted.kill(at, "control");
        let (journal, before) = (counted.field.journal(), counted.runs());
        let text = fs::read_to_string(&journal).unwrap();
        let kept = text.lines().filter(|line| !line.contains(COUNTING)).map(|line| format!("{line}\n"));
        fs::write(&journal, kept.collect::<String>()).unwrap();
        let _ = fs::rename(
            counted.field.small.path(&format!("{COUNTING}.done")),
            counted.field.small.path(COUNTING),
        );
        counted.field.try_to("resume", "control");
        twice += u32::from(before == 1 && counted.runs() == 2);
    }
    assert!(twice > 0, "a script that ran twice is not seen");
}
