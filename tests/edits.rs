//! Somebody edits, uploads, deletes or moves a file, or visitors write rows,
//! while a run stands anywhere: nothing of theirs is lost. What they wrote is in
//! its place afterwards, or in the run's folder, and is named.

#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "tests look from outside")]

mod support;

use std::fmt;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::path::PathBuf;

use entracte::base::step::Step;
use serde_json::Value;

use support::effort;
use support::ground::Ground;
use support::run::Answered;
use support::small::Look;
use support::template::Template;
use support::update;

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
    let text = include_str!("../manifests/profiles/generic.toml");
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

struct Trial<'a> {
    ground: &'a Ground,
    new: &'a Look,
    case: &'a Case,
    /// Where a folder went that a link stands for.
    elsewhere: PathBuf,
    said: String,
}

type Found<T = ()> = Result<T, String>;

impl<'a> Trial<'a> {
    fn new(ground: &'a Ground, new: &'a Look, case: &'a Case) -> Trial<'a> {
        let elsewhere = ground.small.folder.path().join("elsewhere");
        let _ = fs::remove_dir_all(&elsewhere);
        Trial { ground, new, case, elsewhere, said: String::new() }
    }

    fn run(mut self) -> Found {
        self.stand();
        if !self.edit() {
            return Ok(());
        }
        let outside =
            fs::exists(&self.elsewhere).unwrap().then(|| support::snapshot::Tree::of(&self.elsewhere));
        let mut exit = 0;
        for verb in self.case.verbs {
            exit = self.call(verb)?;
        }
        if let Some(outside) = outside {
            // What a release's own script writes, it writes through whatever stands there.
            let only = |tree: support::snapshot::Tree| tree.without(&["counter.txt", "marked.txt"]);
            let now = support::snapshot::Tree::of(&self.elsewhere);
            only(outside).assert_same(&only(now), &format!("{}: a link was followed", self.case));
            self.put_folder_back();
        }
        self.is_not_lost()?;
        self.ends_well(exit)
    }

    fn stand(&self) {
        let ground = self.ground;
        match &self.case.stand {
            Stand::Approved => {}
            Stand::StoppedBefore(step) => {
                ground.entracte.json(&["apply", "--stop-before", step.name()]).code(0);
            }
            Stand::Killed(point) => {
                ground.faulty(&format!("{point}=kill")).run(&["apply", "--foreground"]).killed();
            }
            Stand::Finished => drop(update::apply(&ground.entracte)),
        }
    }

    /// Whether there was something to edit.
    fn edit(&self) -> bool {
        match self.case.edit {
            Edit::Write(path, way) => {
                let live = self.ground.small.path(path);
                write(&live, way)
            }
            Edit::Delete(path) => fs::remove_file(self.ground.small.path(path)).is_ok(),
            Edit::Link(path) => {
                let live = self.ground.small.path(path);
                let is_folder = live.symlink_metadata().is_ok_and(|meta| meta.is_dir());
                if is_folder {
                    fs::rename(&live, &self.elsewhere).unwrap();
                    symlink(&self.elsewhere, &live).unwrap();
                }
                is_folder
            }
        }
    }

    fn put_folder_back(&self) {
        let Edit::Link(path) = self.case.edit else { return };
        let live = self.ground.small.path(path);
        if live.symlink_metadata().is_ok_and(|meta| meta.is_symlink()) {
            fs::remove_file(&live).unwrap();
        }
        if !live.exists() {
            fs::rename(&self.elsewhere, &live).unwrap();
        }
    }

    fn call(&mut self, verb: &str) -> Found<i32> {
        let Answered { exit, result, error } = self.ground.entracte.json(&[verb]);
        self.said += &format!("{verb} ended with {exit}: {result} {error}\n");
        match exit {
            0 | 1 | 3 | 5 | 6 => Ok(exit),
            _ => Err(format!("a strange end: {}", self.said)),
        }
    }

    /// What was written is live, or kept with the run and told of.
    fn is_not_lost(&self) -> Found {
        let Edit::Write(path, _) = self.case.edit else { return Ok(()) };
        if holds(&self.ground.small.path(path)) {
            return Ok(());
        }
        let runs = self.ground.parent().join(".entracte-site/runs");
        // Written before anything was saved, it is part of the old site, of which
        // the plan says that scripts change it.
        let saved = |entry: fs::DirEntry| holds(&entry.path().join("saved").join(path));
        if fs::read_dir(&runs).unwrap().map(Result::unwrap).any(saved) {
            return Ok(());
        }
        let kept: Vec<PathBuf> = walkdir::WalkDir::new(runs)
            .into_iter()
            .filter_map(|entry| Some(entry.ok()?.into_path()))
            .filter(|place| ["/undone/", "/bak/"].iter().any(|part| place.to_string_lossy().contains(part)))
            .filter(|place| holds(place))
            .collect();
        match (kept.is_empty(), self.said.contains(path)) {
            (true, _) => Err(format!("LOST; {}", self.said)),
            (false, false) => Err(format!("kept at {kept:?} but not told of: {}", self.said)),
            (false, true) => Ok(()),
        }
    }

    /// The old site or the new one, but for what was edited; or closed, `status`
    /// says so, and going back works.
    fn ends_well(mut self, exit: i32) -> Found {
        let status = self.ground.entracte.json(&["status"]);
        let closed = self.ground.flag().exists();
        if closed != (status.result["gate"]["closed"] == true) || (closed && status.exit != 6) {
            return Err(format!("status is not true: {:#}", status.result));
        }
        let is_over = exit != 6;
        if is_over && closed {
            return Err(format!("closed after exit {exit}: {}", self.said));
        }
        let expects_new = *self.case.verbs.last().unwrap() != "rollback" && [0, 3].contains(&exit);
        if is_over {
            self.is(if expects_new { self.new } else { &self.ground.old })?;
        }
        if is_over && !expects_new {
            return Ok(());
        }
        match self.call("rollback")? {
            0 => self.is_not_lost()?,
            _ => return Err(format!("no way back: {}", self.said)),
        }
        self.is(&self.ground.old)
    }

    fn is(&self, expected: &Look) -> Found {
        let edited = match self.case.edit {
            Edit::Write(path, _) | Edit::Delete(path) | Edit::Link(path) => path,
        };
        // Where something of theirs is, its folder stays, too.
        let folders = Path::new(edited).ancestors().skip(1).filter_map(Path::to_str);
        let folders: Vec<&str> = folders.filter(|folder| !["", "app", "media"].contains(folder)).collect();
        let without = |look: &Look| look.tree.clone().without(&[&[edited][..], &folders].concat());
        let (before, now) = (without(expected), self.ground.small.look());
        let is_new = std::ptr::eq(expected, self.new);
        let same = if is_new { before.is_same_content(&without(&now)) } else { before == without(&now) };
        if !same {
            return Err(format!("a mix:\n{}\n{}", before.difference(&without(&now)), self.said));
        }
        match expected.rows == now.rows {
            true => Ok(()),
            false => Err(format!("other rows: {:?}", now.rows)),
        }
    }
}

fn holds(path: &Path) -> bool {
    fs::read_to_string(path).is_ok_and(|text| text == BYTES)
}

fn write(live: &Path, way: Way) -> bool {
    if live.is_dir() || fs::create_dir_all(live.parent().unwrap()).is_err() {
        return false;
    }
    if way == Way::InPlace {
        // Through a link it would be another file.
        return !live.is_symlink() && fs::write(live, BYTES).is_ok();
    }
    let beside = live.with_extension("tmp");
    fs::write(&beside, BYTES).unwrap();
    fs::set_permissions(&beside, fs::Permissions::from_mode(0o644)).unwrap();
    fs::rename(&beside, live).is_ok()
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
