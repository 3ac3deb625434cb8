//! Somebody edits, uploads, deletes or moves a file, or visitors write rows,
//! while a run stands anywhere: nothing of theirs is lost. What they wrote is in
//! its place afterwards, or in the run's folder, and is named.

#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "tests look from outside")]

#[path = "../support/mod.rs"]
mod support;
mod trial;

use std::fmt;
use std::fs;
use std::path::PathBuf;

use entracte::base::step::Step;
use serde_json::Value;

use support::effort;
use support::ground::Ground;
use support::small::Look;
use support::template::Template;
use support::update;
use trial::Trial;

/// Where a run stands while somebody edits.
#[derive(Clone, Debug)]
enum Stand {
    Approved,
    StoppedBefore(Step),
    /// Killed at a fault point.
    Killed(String),
    Finished,
}

/// How a file is written.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Way {
    /// Into the file that is there, as FTP servers do.
    InPlace,
    /// Beside it and renamed over it, as editors do.
    Renamed,
}

/// What somebody does.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Edit {
    Write(&'static str, Way),
    Delete(&'static str),
    /// A folder is moved out of the site, and a link to it takes its place.
    Link(&'static str),
}

/// One path of each kind, as the plan sees it.
const PATHS: &[&str] = &[
    "app/changed.txt",
    "app/tool.sh",
    "app/same.txt",
    "app/removed.txt",
    "app/added.txt",
    "app/deep/er/added.txt",
    "app/becomes-folder",
    "app/becomes-link.txt",
    "app/becomes-file/upload.txt",
    "app/emptied/upload.txt",
    "media/upload.txt",
    "media/counter.txt",
    "media/marked.txt",
    "notes/mine.txt",
    "run_once/001-mark.sh",
];
const FOLDERS: &[&str] = &["app", "app/emptied", "media"];

/// The bytes that must not be lost.
const BYTES: &str = "written by somebody, not to be lost\n";

fn edits() -> Vec<Edit> {
    let ways = [Way::InPlace, Way::Renamed];
    let writes = PATHS.iter().flat_map(|path| ways.map(|way| Edit::Write(path, way)));
    let deletes = PATHS.iter().map(|path| Edit::Delete(path));
    writes.chain(deletes).chain(FOLDERS.iter().map(|path| Edit::Link(path))).collect()
}

/// Before and in each step, and before each operation of the swap, as a run that
/// nobody disturbs visits them.
fn stands() -> Vec<Stand> {
    let ground = Ground::new();
    let journal = journal_of(&ground);
    let in_steps =
        Step::RUN.map(|step| Stand::Killed(format!("journal.written:{}", line_of(&journal, step.name()))));
    let record = fs::read(run_of(&ground).join("operations.json")).unwrap();
    let record: Value = serde_json::from_slice(record.split(|byte| *byte == b'\n').next().unwrap()).unwrap();
    let operations = record["moves"].as_array().unwrap().len();
    let in_swap = (1..=operations).map(|operation| Stand::Killed(format!("swap.operation:{operation}")));
    let points = ["swap.exchanged:2", "migrate.statement:2", "run-once.started", "run-once.ended"];
    let at_points = points.map(|point| Stand::Killed(point.to_owned()));
    let stopped = Step::RUN.map(Stand::StoppedBefore);
    let others = [Stand::Approved, Stand::Finished];
    others.into_iter().chain(stopped).chain(in_steps).chain(in_swap).chain(at_points).collect()
}

/// The entries of a run that nobody disturbs.
fn journal_of(ground: &Ground) -> Vec<Value> {
    update::apply(&ground.entracte);
    let text = fs::read_to_string(run_of(ground).join("journal.jsonl")).unwrap();
    text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["entry"].clone()).collect()
}

/// The folder of the one run.
fn run_of(ground: &Ground) -> PathBuf {
    let mut runs = fs::read_dir(ground.parent().join(".entracte-site/runs")).unwrap();
    runs.next().unwrap().unwrap().path()
}

/// The number of the line, counted from 1, that says that a step began.
fn line_of(journal: &[Value], step: &str) -> usize {
    let begins = |entry: &Value| entry["event"] == "started" && entry["step"] == step;
    1 + journal.iter().position(begins).unwrap()
}

/// How a person goes on after it.
const WAYS_ON: &[&[&str]] = &[&["resume"], &["rollback"], &["resume", "rollback"]];

struct Case {
    stand: Stand,
    edit: Edit,
    verbs: &'static [&'static str],
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}, {:?}, {:?}", self.stand, self.edit, self.verbs)
    }
}

fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for stand in stands() {
        for edit in edits() {
            for verbs in WAYS_ON {
                let verbs: &'static [&'static str] = match (&stand, verbs) {
                    (Stand::Approved, ["resume"]) => &["apply"],
                    (Stand::Approved, ["resume", "rollback"]) => &["apply", "rollback"],
                    (Stand::Finished, ["resume", ..]) | (Stand::Approved, _) => continue,
                    (_, verbs) => verbs,
                };
                cases.push(Case { stand: stand.clone(), edit, verbs });
            }
        }
    }
    cases
}

/// A site whose visitors fill no folder that entracte knows of.
#[test]
fn no_edit_is_lost() {
    sweep("", 60, "edits while a run stands, no folder of uploads");
}

/// The same where `media/` is known as theirs.
#[test]
fn no_edit_is_lost_where_uploads_are_known() {
    sweep(
        "uploads = [\"media\"]\nkeep = [\"media\", \"notes\"]\n",
        40,
        "edits while a run stands, a folder of uploads",
    );
}

fn sweep(profile: &str, daily: usize, what: &str) {
    let ground = Ground::new();
    adopt_profile(&ground, profile);
    let template = Template::of(&ground);
    let new = what_becomes(&ground);
    let cases = cases();
    let wanted = effort::points(daily, cases.len());
    // A stride that shares no divisor with their number reaches every kind in a sample.
    let stride = (cases.len() / wanted..).find(|stride| greatest_divisor(*stride, cases.len()) == 1).unwrap();
    let mut lost = Vec::new();
    for number in 0..wanted {
        let case = &cases[number * stride % cases.len()];
        template.lay();
        if let Err(why) = Trial::new(&ground, &new, case).run() {
            lost.push(format!("{case}: {why}"));
        }
    }
    assert!(lost.is_empty(), "{} of {wanted}:\n{}", lost.len(), lost.join("\n"));
    effort::tried(what, wanted as u64);
}

fn greatest_divisor(a: usize, b: usize) -> usize {
    if b == 0 { a } else { greatest_divisor(b, a % b) }
}

fn adopt_profile(ground: &Ground, lines: &str) {
    if lines.is_empty() {
        return;
    }
    let text = include_str!("../../manifests/profiles/generic.toml");
    let (start, rest) = text.split_once("\n\n").unwrap_or((text, ""));
    let own = |line: &&str| !lines.contains(line.split(' ').next().unwrap_or("-"));
    let start: Vec<&str> = start.lines().filter(own).collect();
    let state = ground.parent().join(".entracte-site");
    fs::write(state.join("profile.toml"), format!("{}\n{lines}\n{rest}", start.join("\n"))).unwrap();
    ground.small.stage(&ground.entracte);
    update::plan_and_approve(&ground.entracte);
}

/// The new site, as a run that nobody disturbs makes it.
fn what_becomes(ground: &Ground) -> Look {
    let template = Template::of(ground);
    update::apply(&ground.entracte);
    let new = ground.small.look();
    template.lay();
    new
}

/// The control: where what was kept is thrown away, the sweep sees it.
#[test]
fn a_lost_edit_is_seen() {
    let ground = Ground::new();
    let template = Template::of(&ground);
    let new = what_becomes(&ground);
    template.lay();
    let edit = Edit::Write("app/changed.txt", Way::InPlace);
    let case = Case { stand: Stand::Finished, edit, verbs: &["rollback"] };
    let mut trial = Trial::new(&ground, &new, &case);
    trial.stand();
    assert!(trial.edit());
    assert_eq!(trial.call("rollback"), Ok(0));
    assert_eq!(trial.is_not_lost(), Ok(()));
    let told = std::mem::take(&mut trial.said);
    assert!(trial.is_not_lost().unwrap_err().contains("not told of"));
    trial.said = told;
    for entry in fs::read_dir(ground.parent().join(".entracte-site/runs")).unwrap() {
        fs::remove_dir_all(entry.unwrap().path().join("undone")).unwrap();
    }
    assert!(trial.is_not_lost().unwrap_err().contains("LOST"));
}

/// Rows that visitors wrote from the instant in which they were let in, wherever
/// the work was cut off: rollback asks, names the table, and forgets nothing.
#[test]
fn no_row_of_a_visitor_is_lost() {
    let ground = Ground::new();
    let template = Template::of(&ground);
    let reopening = line_of(&journal_of(&ground), "reopen");
    let mut open = 0;
    for point in ["journal.write", "journal.written"] {
        for visit in reopening.. {
            template.lay();
            let fault = format!("{point}:{visit}=kill");
            let ran = ground.faulty(&fault).run(&["apply", "--foreground"]);
            let is_after_swap = ground.small.read("VERSION") == "2\n";
            if is_after_swap && !ground.flag().exists() {
                open += 1;
                for way in 0..3 {
                    template.lay();
                    ground.faulty(&fault).run(&["apply", "--foreground"]);
                    visitors_write(&ground, way, &fault);
                }
            }
            if ran.status.success() {
                break;
            }
        }
    }
    assert!(open > 4, "only {open} stands in which visitors are back");
    effort::tried("rows of visitors after reopening, killed at each line", 3 * open);
}

fn visitors_write(ground: &Ground, way: usize, fault: &str) {
    let database = rusqlite::Connection::open(ground.small.database_file()).unwrap();
    database.execute("INSERT INTO pages (title) VALUES ('of a visitor')", []).unwrap();
    drop(database);
    if way == 2 {
        // It makes no difference that the run goes on first.
        ground.entracte.json(&["resume"]);
    }
    let before = ground.small.look();
    let said = ground.entracte.json(&["rollback"]).refused(5);
    assert!(said.contains("pages"), "{fault}: {said}");
    before.assert_same(&ground.small.look(), &format!("{fault}, refused"));
    let choice = if way == 0 { "keep" } else { "restore" };
    ground.entracte.json(&["rollback", "--database", choice]).code(0);
    match choice {
        "keep" => assert!(ground.small.look().rows.join("\n").contains("of a visitor"), "{fault}"),
        _ => {
            ground.is_old(&format!("{fault}, restored"));
            let runs = walkdir::WalkDir::new(ground.parent().join(".entracte-site/runs"));
            let files = runs.into_iter().filter_map(|entry| Some(entry.ok()?.into_path()));
            let mut newer = files.filter(|path| path.to_string_lossy().contains("dump-newer"));
            let has = |path: PathBuf| {
                fs::read(path).is_ok_and(|bytes| bytes.windows(12).any(|part| part == b"of a visitor"))
            };
            assert!(newer.any(has), "{fault}: the newer row is in no dump");
        }
    }
}
