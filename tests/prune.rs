//! Housekeeping: what nobody needs goes, the way back of the last update stays,
//! and a kill at any point leaves nothing that confuses anybody.

#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "tests look from outside")]

mod support;

use std::fs;
use std::path::Path;
use std::path::PathBuf;

use serde_json::Value;

use support::effort;
use support::faketime;
use support::mounts;
use support::mounts::Mounted;
use support::process;
use support::run::Entracte;
use support::small::Look;
use support::small::SmallSite;
use support::snapshot::Tree;
use support::tracer::Ended;
use support::tracer::Fault;
use support::tracer::trace;

/// A small site and what its real runs made of it.
struct Past {
    small: SmallSite,
    entracte: Entracte,
    runs: Vec<String>,
}

impl Past {
    fn new(small: SmallSite) -> Past {
        let entracte = small.adopt();
        Past { small, entracte, runs: Vec::new() }
    }

    /// Runs of releases 2, 3, …: `f` finishes, `b` is rolled back, `e` too, after
    /// somebody has edited a file.
    fn of(kinds: &str) -> Past {
        let mut past = Past::new(SmallSite::in_memory());
        kinds.chars().for_each(|kind| past.update(kind));
        past
    }

    fn update(&mut self, kind: char) {
        let version = self.runs.len() as u32 + 2;
        let release = self.release(version);
        let from = ["update", "--from", release.to_str().unwrap(), "--complete", "--yes", "--foreground"];
        let version = version.to_string();
        self.entracte.json(&[&from[..], &["--version", &version]].concat()).code(0);
        if kind == 'e' {
            self.small.write(&self.small.path("app/changed.txt"), "edited by hand\n");
        }
        if kind != 'f' {
            self.entracte.json(&["rollback", "--foreground"]).code(0);
        }
        self.runs.push(self.last_run());
    }

    /// The release of a version: release 2, with the version's number in it.
    fn release(&self, version: u32) -> PathBuf {
        let folder = self.small.release(version);
        if version > 2 {
            process::run("cp", &["-a", self.small.release(2).to_str().unwrap(), folder.to_str().unwrap()]);
            self.small.write(&folder.join("VERSION"), &format!("{version}\n"));
            self.small.write(&folder.join("app/changed.txt"), &format!("as in {version}\n"));
        }
        folder
    }

    fn last_run(&self) -> String {
        self.entracte.json(&["status"]).result["run"]["id"].as_str().unwrap().to_owned()
    }

    fn state(&self) -> PathBuf {
        self.small.root().with_file_name(".entracte-site")
    }

    fn folder(&self, run: usize) -> PathBuf {
        self.state().join("runs").join(&self.runs[run])
    }

    fn set(&self, retention: &str) {
        let settings = self.state().join("entracte.toml");
        let text = fs::read_to_string(&settings).unwrap();
        let text = text.split("\n[retention]").next().unwrap();
        fs::write(&settings, format!("{text}\n[retention]\n{retention}\n")).unwrap();
    }

    /// The numbers of the runs that `history` tells of, `c` where one is committed.
    #[track_caller]
    fn history(&self) -> String {
        let history = self.entracte.json(&["history", "--verify"]).code(0);
        assert_eq!(history["verified"], true);
        let shown = |row: &Value| {
            let at = self.runs.iter().position(|run| row["run"] == *run.as_str()).expect("a known run");
            let committed = if row["committed"] == true { "c" } else { "" };
            format!("{at}{committed}")
        };
        history["runs"].as_array().unwrap().iter().map(shown).collect::<Vec<_>>().join(" ")
    }

    /// The last update can be taken back exactly, and nothing before it.
    #[track_caller]
    fn goes_back_once(&self, before: &Look, when: &str) {
        self.entracte.json(&["rollback", "--foreground"]).code(0);
        before.assert_same(&self.small.look(), when);
        let again = self.entracte.json(&["rollback", "--foreground"]);
        assert_eq!(again.exit, 3, "{when}: {again:?}");
        before.assert_same(&self.small.look(), when);
    }
}

fn whats(answer: &Value) -> Vec<&str> {
    answer["removed"].as_array().unwrap().iter().map(|one| one["what"].as_str().unwrap()).collect()
}

/// What a run needs to be taken back.
fn has_set(folder: &Path) -> bool {
    ["bak", "dump", "operations.json"].iter().any(|part| folder.join(part).exists())
}

#[test]
fn after_a_hundred_days_the_last_update_can_still_be_taken_back() {
    if faketime::library().is_none() {
        return;
    }
    let mut past = Past::of("ffbf");
    let before = past.small.look();
    past.update('f');
    let fresh = past.entracte.json(&["prune"]).code(0);
    assert_eq!(whats(&fresh), ["backup set", "backup set"], "{fresh:#}");
    assert_eq!(past.history(), "0c 1c 2 3 4");
    let late = faketime::at(&past.small, "+100d");
    let state = Tree::of(&past.state());
    let dry = late.json(&["prune", "--dry-run"]).code(0);
    let now = Tree::of(&past.state());
    state.without(&["lock"]).assert_same(&now.without(&["lock"]), "after a look");
    let done = late.json(&["prune"]).code(0);
    assert_eq!(whats(&done), whats(&dry));
    assert_eq!(dry["dry_run"], true);
    assert_eq!(past.history(), "2 4", "{done:#}");
    assert!(done["bytes"].as_u64().unwrap() > 10_000, "{done:#}");
    assert_eq!(whats(&late.json(&["prune"]).code(0)), [""; 0]);
    past.goes_back_once(&before, "a hundred days later");
}

#[test]
fn a_run_without_its_backup_set_says_that_it_is_committed() {
    let past = Past::of("fff");
    past.set("backups = 0");
    past.entracte.json(&["prune"]).code(0);
    assert_eq!(past.history(), "0c 1c 2");
    assert_eq!([0, 1, 2].map(|run| has_set(&past.folder(run))), [false, false, true]);
    let refused = past.entracte.json(&["rollback", &past.runs[0]]).refused(3);
    assert!(refused.contains("is committed"), "{refused}");
    past.entracte.json(&["show", &past.runs[0]]).code(0);
    past.entracte.json(&["rollback", "--foreground"]).code(0);
    assert_eq!(past.small.read("VERSION"), "3\n");
}

#[test]
fn what_people_read() {
    let past = Past::of("fbf");
    past.set("runs = 1\nlogs_days = 0");
    let mut text = past.entracte.run(&["prune", "--dry-run"]).code(0).stdout;
    text = text.replace(past.state().to_str().unwrap(), "STATE");
    for (at, run) in past.runs.iter().enumerate() {
        text = text.replace(run, &format!("RUN-{at}"));
    }
    // What a file takes on the disk is the disk's affair.
    let sizes = |line: &str| {
        let words = line
            .split_inclusive(' ')
            .map(|word| if word.starts_with(|c: char| c.is_ascii_digit()) { "N " } else { word });
        words.collect::<String>()
    };
    let text: Vec<String> = text.lines().map(sizes).collect();
    insta::assert_snapshot!(text.join("\n"), @"
    run, N MiB: STATE/runs/RUN-0 (the N newest are kept)
    backup set, N KiB: STATE/runs/RUN-1 (the N newest are kept)
    N MiB would be freed; nothing was touched
    ");
}

#[test]
fn an_open_run_loses_nothing() {
    let mut past = Past::of("f");
    let before = past.small.look();
    let release = past.release(3);
    past.small.write(&release.join("run_once/002-fails.sh"), "#!/bin/sh\nexit 1\n");
    process::run("chmod", &["755", release.join("run_once/002-fails.sh").to_str().unwrap()]);
    let from = ["update", "--from", release.to_str().unwrap(), "--complete", "--yes", "--foreground"];
    past.entracte.json(&[&from[..], &["--version", "3"]].concat()).refused(6);
    past.runs.push(past.last_run());
    past.set("runs = 0\ndays = 0\nbytes = 0\nbackups = 0\nstaged_days = 0\nlogs_days = 0");
    let folder = past.folder(1);
    let tree = Tree::of(&folder);
    let pruned = past.entracte.json(&["prune"]).code(0);
    assert!(pruned["warnings"][0].as_str().unwrap().contains("is not over"), "{pruned:#}");
    tree.assert_same(&Tree::of(&folder), "the open run");
    assert_eq!(past.history(), "0 1");
    past.entracte.json(&["rollback", "--foreground"]).code(0);
    before.assert_same(&past.small.look(), "the open run taken back");
    past.entracte.json(&["rollback", "--foreground"]).code(0);
    assert_eq!(past.small.read("VERSION"), "1\n");
}

#[test]
fn edits_of_people_stay_until_their_run_is_old_and_are_named() {
    if faketime::library().is_none() {
        return;
    }
    let past = Past::of("ebf");
    past.set("runs = 1\nbytes = 0");
    let kept = past.entracte.json(&["prune"]).code(0);
    let edited = past.folder(0).join("undone/app/changed.txt");
    assert_eq!(fs::read_to_string(&edited).unwrap(), "edited by hand\n", "{kept:#}");
    assert!(!has_set(&past.folder(0)));
    assert!(kept["warnings"].to_string().contains("has to be kept"), "{kept:#}");
    let before = faketime::at(&past.small, "+80d").json(&["doctor"]).code(0);
    let told = before["checks"].as_array().unwrap().iter().find(|check| check["name"] == "edits").unwrap();
    assert_eq!(told["level"], "warning", "{told:#}");
    assert!(told["detail"].as_str().unwrap().contains("undone/app/changed.txt"), "{told:#}");
    // There is nothing more to remove: that is no failure.
    assert_eq!(whats(&past.entracte.json(&["prune"]).code(0)), [""; 0]);
    let gone = faketime::at(&past.small, "+91d").json(&["prune"]).code(0);
    assert_eq!(whats(&gone).last(), Some(&"run"), "{gone:#}");
    let named = gone["removed"].as_array().unwrap().iter().filter(|one| one["what"] == "edit");
    assert!(named.clone().any(|one| one["path"] == edited.to_str().unwrap()), "{gone:#}");
    assert!(!past.folder(0).exists());
    let log = fs::read_to_string(past.state().join("history.jsonl")).unwrap();
    assert!(log.contains("undone/app/changed.txt"), "{log}");
}

#[test]
fn staged_content_that_nobody_needs_goes() {
    let past = Past::of("f");
    let release = past.release(3);
    let stage = ["stage", "--from", release.to_str().unwrap(), "--complete", "--version", "3"];
    past.entracte.json(&stage).code(0);
    past.entracte.json(&["plan"]).code(0);
    let objects = past.state().join("staging/objects");
    let needed = Tree::of(&objects);
    let downloads = past.state().join("staging/download");
    let (spare, half, fetched, outside) = (
        objects.join("ab").join("ab".repeat(32)),
        objects.join("incoming-0123456789abcdef"),
        downloads.join("0123456789abcdef.part"),
        past.small.folder.path().join("outside"),
    );
    fs::create_dir_all(spare.parent().unwrap()).unwrap();
    let copy = past.state().join("scratch/0123456789abcdef");
    for folder in [&outside, &downloads, &copy] {
        fs::create_dir_all(folder).unwrap();
    }
    fs::write(copy.join("site.db"), "a copy").unwrap();
    filetime::set_file_mtime(&copy, filetime::FileTime::from_unix_time(1_600_000_000, 0)).unwrap();
    for file in [&spare, &half, &fetched, &outside.join("file")] {
        past.small.write(file, "of years ago");
    }
    fs::write(downloads.join("fedcba9876543210.part"), "of today").unwrap();
    std::os::unix::fs::symlink(&outside, objects.join("cd")).unwrap();
    fs::write(objects.join("ab").join("ac".repeat(32)), "of today").unwrap();
    let pruned = past.entracte.json(&["prune"]).code(0);
    assert_eq!(whats(&pruned), ["staged content", "downloads", "copy"], "{pruned:#}");
    assert!(!spare.exists() && !half.exists() && !fetched.exists() && !copy.exists());
    assert!(downloads.join("fedcba9876543210.part").exists() && outside.join("file").exists());
    let rest = Tree::of(&objects).only(|path| needed.paths().contains(path));
    needed.assert_same_content(&rest, "what the plan needs");
    assert!(objects.join("ab").join("ac".repeat(32)).exists());
}

#[test]
fn what_never_began_or_was_half_removed_goes_and_what_is_none_of_ours_stays() {
    let past = Past::of("f");
    let runs = past.state().join("runs");
    let elsewhere = past.small.folder.path().join("elsewhere");
    process::run("cp", &["-a", past.folder(0).to_str().unwrap(), elsewhere.to_str().unwrap()]);
    for name in ["20200101-000000-abcd/log", ".pruned-20200102-000000-abcd/bak", "notes"] {
        fs::create_dir_all(runs.join(name)).unwrap();
    }
    std::os::unix::fs::symlink(&elsewhere, runs.join("20200103-000000-abcd")).unwrap();
    let before = Tree::of(&elsewhere);
    past.set("runs = 0\ndays = 0\nbackups = 0");
    let pruned = past.entracte.json(&["prune"]).code(0);
    assert_eq!(whats(&pruned), ["leftover", "leftover"], "{pruned:#}");
    assert!(pruned["warnings"].to_string().contains("20200103"), "{pruned:#}");
    before.assert_same(&Tree::of(&elsewhere), "behind a link");
    assert!(runs.join("notes").exists() && past.folder(0).join("bak").exists());
}

#[test]
fn what_cannot_be_removed_is_told_and_goes_the_next_time() {
    let past = Past::of("fff");
    past.set("runs = 1");
    let fault = "prune.renamed=eio";
    let failed = Entracte::with_fault(&past.small.root(), fault).json(&["prune"]).refused(1);
    assert!(failed.contains("nothing could be removed"), "{failed}");
    assert_eq!(past.history(), "1 2");
    let then = past.entracte.json(&["prune"]).code(0);
    assert_eq!(whats(&then), ["leftover", "run"], "{then:#}");
    assert_eq!(past.history(), "2");
}

#[test]
fn what_a_run_keeps_inside_the_site_goes_with_it() {
    if let Err(reason) = mounts::become_private() {
        return effort::skipped("prune with the state on another mount", &reason);
    }
    let small = SmallSite::new();
    let state = small.root().with_file_name(".entracte-site");
    fs::create_dir(&state).unwrap();
    let options = ["-t", "tmpfs", "-o", "size=32m,mode=0711"];
    let _mounted = match Mounted::new(&options, Path::new("tmpfs"), &state) {
        Ok(mounted) => mounted,
        Err(reason) => return effort::skipped("prune with the state on another mount", &reason),
    };
    let mut past = Past::new(small);
    "ff".chars().for_each(|kind| past.update(kind));
    let inside = |run: usize| past.small.path(&format!(".entracte-run-{}", past.runs[run]));
    assert!(inside(0).exists() && inside(1).exists());
    past.set("backups = 1");
    past.entracte.json(&["prune"]).code(0);
    assert!(!inside(0).exists() && inside(1).exists());
    assert_eq!(past.history(), "0c 1");
    past.entracte.json(&["rollback", "--foreground"]).code(0);
    assert_eq!(past.small.read("VERSION"), "2\n");
}

#[test]
fn killed_at_every_call_nobody_is_confused_and_the_rest_goes_the_next_time() {
    let mut past = Past::of("fbf");
    let before = past.small.look();
    past.update('f');
    past.set("runs = 1\nlogs_days = 0\nstaged_days = 0");
    let parent = past.small.root().parent().unwrap().to_owned();
    let template = parent.with_file_name("template");
    process::run("cp", &["-a", parent.to_str().unwrap(), template.to_str().unwrap()]);
    let lay = || {
        process::run("rm", &["-rf", parent.to_str().unwrap()]);
        process::run("cp", &["-a", template.to_str().unwrap(), parent.to_str().unwrap()]);
    };
    let counted = trace(past.entracte.command(&["prune"]), Fault::Count);
    assert_eq!(counted.ended, Ended::Status(0), "{counted:?}");
    assert_eq!(past.history(), "1 3");
    let wanted = effort::points(24, counted.calls as usize);
    for at in effort::spread(counted.calls, wanted) {
        let when = format!("prune killed before call {at}");
        lay();
        let killed = trace(past.entracte.command(&["prune"]), Fault::Kill { at });
        assert!(killed.ended == Ended::Killed || killed.calls < at, "{when}: {killed:?}");
        let status = past.entracte.json(&["status"]).code(0);
        assert_eq!(status["run"]["id"], past.runs[3].as_str(), "{when}: {status:#}");
        // The older one is no way back before the later one is none.
        let told = past.history();
        let states = ["0 1 2 3", "0c 1 2 3", "1 2 3", "1 2c 3", "1 3"];
        assert!(states.contains(&told.as_str()), "{when}: {told}");
        past.entracte.json(&["prune"]).code(0);
        assert_eq!(past.history(), "1 3", "{when}, and again");
        let left: Vec<String> = fs::read_dir(past.state().join("runs"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .filter(|name| !past.runs.contains(name))
            .collect();
        assert!(left.is_empty(), "{when}: {left:?}");
        past.goes_back_once(&before, &when);
    }
    effort::tried("prune killed before a call, then again", wanted as u64);
}
