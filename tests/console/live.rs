//! Work that a page begins: followed, stopped, gone on with and taken back,
//! whatever becomes of browsers and of the console.

mod streams;

use std::fs;
use std::io::BufRead;
use std::io::BufReader;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;
use std::time::Instant;

use reqwest::Method;
use reqwest::blocking::Response;
use rusqlite::Connection;

use super::desk::Answer;
use super::desk::Desk;
use super::desk::Visitor;
use super::forms;
use super::forms::button;
use super::support::ground::Ground;
use super::support::run::Entracte;
use super::worker::PATIENCE;
use super::worker::goes_on;
use super::worker::halted;
use super::worker::killed;

const RUN: &str = "/sites/site/update/run";

/// Presses a button and waits for the work that it begins; its page when it has ended.
#[track_caller]
fn done(who: &Visitor, page: &Answer, text: &str) -> Answer {
    ended(who, button(page, text).send(who).is(303).header("location"))
}

#[track_caller]
fn ended(who: &Visitor, work: &str) -> Answer {
    let since = Instant::now();
    loop {
        let page = who.get(work).is(200);
        if !page.text.contains("data-live") {
            return page;
        }
        assert!(since.elapsed() < PATIENCE, "it does not end: {}", page.text);
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Work that ended, once what guards a killed process has let go of the site.
#[track_caller]
fn free(who: &Visitor, work: &str) -> Answer {
    let since = Instant::now();
    loop {
        let page = ended(who, work);
        if page.text.contains("Roll back") {
            return page;
        }
        assert!(since.elapsed() < PATIENCE, "nobody lets go of the site: {}", page.text);
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[track_caller]
fn says(page: &Answer, texts: &[&str]) {
    for text in texts {
        assert!(page.text.contains(text), "\"{text}\" is not on the page: {}", page.text);
    }
}

#[track_caller]
fn says_none(page: &Answer, texts: &[&str]) {
    for text in texts {
        assert!(!page.text.contains(text), "\"{text}\" is on the page: {}", page.text);
    }
}

/// The console of a site whose work stands still at `fault`.
fn halting(ground: &Ground, fault: &str) -> (Entracte, Desk) {
    let entracte = ground.faulty(&format!("{fault}=halt"));
    let desk = Desk::open_with(&entracte, &[]);
    (entracte, desk)
}

/// Begins the whole update and waits until it stands still; its page's address.
fn begun_and_halted(ground: &Ground, who: &Visitor) -> (String, u32) {
    let work = button(&who.get(RUN), "Carry it out").send(who).is(303).header("location").to_owned();
    (work, halted(&ground.small.root()))
}

#[test]
fn the_whole_update_by_its_forms_and_who_did_it() {
    let ground = Ground::new();
    let desk = Desk::open(&ground.small.root());
    let me = desk.visitor();
    let page = me.get(RUN).is(200);
    says(&page, &["The plan is approved", "→ 2", "Do one step: Close"]);
    let page = done(&me, &page, "Carry it out");
    says(&page, &["Done.", "step-done", "See this run in full", "asked for this"]);
    ground.is_new("after the update by its forms");
    let status = ground.entracte.json(&["status"]).code(0);
    let run = status["run"]["id"].as_str().unwrap().to_owned();

    let shown = me.get(&format!("/sites/site/runs/{run}")).is(200);
    says(&shown, &["finished", "Who did what", "run begun", "report.json", "journal.jsonl", "RESTORE.txt"]);
    says_none(&shown, &["files/dump", "files/bak", "logs/dump", "files/saved"]);
    let people = &ground.entracte.json(&["show", &run]).code(0)["people"];
    let by = |event: &str| {
        let deed = people.as_array().unwrap().iter().find(|deed| deed["event"] == event);
        deed.unwrap_or_else(|| panic!("{event}: {people:#}"))["by"].as_str().unwrap().to_owned()
    };
    assert_eq!(by("opened"), "the one who started the console");
    assert_eq!(by("finished"), "the one who started the console");
    assert!(by("approved").contains('@'), "{}", by("approved"));

    let history = me.get("/sites/site/history").is(200);
    says(
        &history,
        &["<svg class=\"chart\"", "<title id=\"spans-title\">", &run, "the one who started", "run begun"],
    );
    says(&me.get("/sites/site/history?verify=1"), &["The history is unaltered"]);
    says(&me.get("/sites/site/history?kind=adopted"), &["1 event<", "site adopted"]);
    says(&me.get("/sites/site/history?file=VERSION"), &["as the installed release has it", "replaced"]);
    me.get("/sites/site/history?file=../../etc/passwd").is(400);

    says(&button_page(&me, &shown, "Keep it for good"), &["kept for good"]);
    says_none(&me.get(RUN), &["Roll back"]);
    ground.entracte.json(&["rollback"]).refused(3);
}

/// Presses a button of something short, and looks at the history afterwards.
#[track_caller]
fn button_page(who: &Visitor, page: &Answer, text: &str) -> Answer {
    let to = button(page, text).send(who).is(303).header("location").to_owned();
    who.get(&to).is(200);
    who.get("/sites/site/history")
}

#[test]
fn what_may_be_downloaded_is_named_and_nothing_else() {
    let ground = Ground::new();
    let run = ground.entracte.json(&["apply"]).code(0)["run"].as_str().unwrap().to_owned();
    let desk = Desk::open(&ground.small.root());
    let below = format!("/sites/site/runs/{run}");
    for (path, begins) in [
        ("files/journal.jsonl", "{\"at\""),
        ("files/plan.json", "{"),
        ("report.json", "{"),
        ("logs/RESTORE.txt", ""),
        ("logs/run_once_001-mark.sh.log", ""),
    ] {
        let answer = desk.get(&format!("{below}/{path}")).is(200);
        assert!(answer.text.starts_with(begins), "{path}: {}", answer.text);
        assert!(answer.header("content-disposition").starts_with("attachment; filename="), "{path}");
        assert_eq!(answer.header("content-type"), "application/octet-stream", "{path}");
        assert_eq!(answer.header("content-length"), answer.text.len().to_string(), "{path}");
    }
    let journal = ground.parent().join(format!(".entracte-site/runs/{run}/journal.jsonl"));
    let whole = desk.get(&format!("{below}/files/journal.jsonl")).text;
    assert_eq!(whole, fs::read_to_string(journal).unwrap());
    for path in [
        "files/RESTORE.txt",
        "files/dump",
        "files/dump%2F0001",
        "files/saved",
        "files/bak",
        "files/..%2F..%2Fentracte.toml",
        "files/%2Fetc%2Fpasswd",
        "logs/..%2Fjournal.jsonl",
        "logs/journal.jsonl",
        "files/before.jsonl",
    ] {
        desk.get(&format!("{below}/{path}")).is(404);
    }
    desk.get("/sites/site/runs/..").is(404);
    desk.get("/sites/site/runs/20200101-000000-aaaa").is(404);
    for id in ["current", "1-1", "..%2F1-1", "1763787600000-zz"] {
        desk.get(&format!("/sites/site/work/{id}")).is(404);
        desk.get(&format!("/sites/site/work/{id}/events")).is(404);
    }
}

#[test]
fn a_console_that_was_killed_shows_the_same_when_it_is_started_again() {
    for (text, is_new) in [("Resume", true), ("Redo only the step", true), ("Roll back", false)] {
        let ground = Ground::new();
        let (_entracte, desk) = halting(&ground, "swap.operation:3");
        let (work, pid) = begun_and_halted(&ground, &desk.visitor());
        killed(desk.pid());
        drop(desk);
        let desk = Desk::open(&ground.small.root());
        let me = desk.visitor();
        says(&me.get(&work).is(200), &["data-live", "step-started", "the one who started the console"]);
        says(&me.get(RUN), &["Somebody works on this site now", &work]);

        killed(pid);
        let page = free(&me, &work);
        says(&page, &["is gone", "a person has to decide", "Resume", "Redo only the step", "Roll back"]);
        let page = me.get(RUN).is(200);
        says(&page, &["Whoever worked on it is gone", "“Swap”", "The site is closed to visitors"]);
        let page = done(&me, &page, text);
        match (text, is_new) {
            ("Resume", _) => ground.is_new("after Resume"),
            (_, false) => ground.is_old("after Roll back"),
            _ => {
                says(&page, &["Stopped in good order", "Next step: Scan", "Do one step: Scan"]);
                says(&done(&me, &page, "Resume"), &["Done."]);
                ground.is_new("after the step was done again");
            }
        }
    }
}

#[test]
fn two_desks_see_each_other_and_do_one_thing() {
    let ground = Ground::new();
    let (_entracte, ada) = halting(&ground, "swap.operation:1");
    let ben = Desk::open(&ground.small.root());
    let (ada, ben) = ((ada.visitor(), ada), (ben.visitor(), ben));
    let pages = [ada.0.get(RUN), ben.0.get(RUN)];
    let (work, pid) = begun_and_halted(&ground, &ada.0);
    // Ben's page was shown before.
    let late = button(&pages[1], "Carry it out").send(&ben.0).is(409);
    says(&late, &["Somebody works on this site now", "Carrying out the update", "asked for this", &work]);
    says(&ben.0.get(RUN), &["Somebody works on this site now", &work]);
    says(&ben.0.get(&work), &["data-live"]);
    let asked = button(&ben.0.get(&work), "Stop in good order").send(&ben.0).is(303);
    assert_eq!(asked.header("location"), work);
    // A second word would end it at once.
    ada.0.post(&format!("{work}/stop"), &[]).is(303);
    says(&ada.0.get(&work), &["asked it to stop"]);
    goes_on(pid);
    says(&ended(&ada.0, &work), &["Stopped in good order"]);
    // Nobody works any more, and yet it is another.
    let late = button(&pages[1], "Do one step").send(&ben.0).is(409);
    says(&late, &["Something changed meanwhile", "stopped in good order"]);
    // Under the lock as well, where somebody was faster than the look before it.
    let seen = pages[1].field("seen").unwrap();
    let site = Entracte::new(&ground.small.root());
    let said = site.json(&["resume", "--detached", "--seen", &seen, "--by", "Ben"]).refused(5);
    assert!(said.contains("no longer stands where it stood"), "{said}");
    assert_eq!(ground.entracte.json(&["status"]).result["run"]["state"], "stopped");
    let page = ben.0.get(RUN);
    says(&done(&ben.0, &page, "Roll back"), &["Everything is what it was before"]);
    ground.is_old("after all");
    button(&pages[0], "Carry it out").send(&ada.0).is(409);
}

#[test]
fn one_step_at_a_time_shows_the_next() {
    let ground = Ground::new();
    let desk = Desk::open(&ground.small.root());
    let me = desk.visitor();
    let mut page = me.get(RUN);
    let names = ["Close", "Save", "Swap", "Scan", "Migrate", "Run once", "Verify", "Reopen"];
    for (at, name) in names.iter().enumerate() {
        says(&page, &[&format!("Do one step: {name}")]);
        page = done(&me, &page, "Do one step");
        if let Some(next) = names.get(at + 1) {
            says(&page, &["Stopped in good order", &format!("Next step: {next}.")]);
        }
    }
    says(&page, &["Done."]);
    ground.is_new("after eight steps");
    assert_eq!(ground.entracte.json(&["status"]).code(0)["run"]["state"], "finished");
}

#[test]
fn so_far_and_for_so_long() {
    let ground = Ground::new();
    // It stands still for longer than it may work.
    let entracte = ground.faulty("swap.operation:1=pause");
    let desk = Desk::open_with(&entracte, &[]);
    let me = desk.visitor();
    let page = me.get(RUN);
    let forms = |text: &str| button(&page, text);
    forms("Go until there").with("step", "lunch").send(&me).is(400);
    forms("Go for so long").with("seconds", "0").send(&me).is(400);
    forms("Go for so long").with("seconds", "-1").send(&me).is(400);
    forms("Carry it out").with("how", "backwards").send(&me).is(400);
    assert!(ground.entracte.json(&["history"]).code(0)["runs"].as_array().unwrap().is_empty());

    let work = forms("Go until there").with("step", "save").send(&me).is(303).header("location").to_owned();
    says(&ended(&me, &work), &["Stopped before the step “Save”"]);
    let page = me.get(RUN);
    let work = button(&page, "Go for so long").with("seconds", "1").send(&me).is(303);
    let page = ended(&me, work.header("location"));
    says(&page, &["Stopped in good order", "The site is closed to visitors"]);
    let state = ground.entracte.json(&["status"]).result;
    assert_eq!(state["run"]["state"], "stopped", "{state:#}");
    says(&done(&me, &page, "Resume"), &["Done."]);
    ground.is_new("after all");
}

const CUT: &str = "#!/bin/sh\n# entracte: changes = media/**\necho ran >> media/count.txt\n\
    test -e ../proceed || kill -9 $$\n";

#[test]
fn a_script_of_which_nobody_knows_waits_for_a_word() {
    for (text, ran) in [("It has done its work", "ran\n"), ("Run it again", "ran\nran\n")] {
        let ground = Ground::with(|small| {
            let path = small.release(2).join("run_once/002-cut.sh");
            small.write(&path, CUT);
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        });
        let desk = Desk::open(&ground.small.root());
        let me = desk.visitor();
        let page = done(&me, &me.get(RUN), "Carry it out");
        says(
            &page,
            &["was ended by signal 9", "run_once/002-cut.sh", "nobody knows whether it did its work"],
        );
        says(&page, &["It has done its work", "Run it again", "Roll back"]);
        assert!(forms::find(&page, "Resume").is_none(), "it cannot simply go on");
        fs::write(ground.parent().join("proceed"), "").unwrap();
        says(&done(&me, &page, text), &["Done."]);
        assert_eq!(ground.small.read("media/count.txt"), ran);
    }
}

#[test]
fn data_that_is_newer_is_asked_about() {
    for (text, titles) in [("Go back, with the old database", 3), ("Go back, keep the database", 4)] {
        let ground = Ground::new();
        ground.entracte.json(&["apply"]).code(0);
        let database = Connection::open(ground.small.database_file()).unwrap();
        database.execute("INSERT INTO pages (title) VALUES ('by a visitor')", []).unwrap();
        drop(database);
        let desk = Desk::open(&ground.small.root());
        let me = desk.visitor();
        let page = done(&me, &me.get(RUN), "Roll back");
        says(
            &page,
            &[
                "Visitors wrote since the site was opened again",
                "<th scope=\"row\">pages</th>",
                ">3</td>",
                ">4</td>",
            ],
        );
        says(&done(&me, &page, text), &["Everything is what it was before"]);
        let database = Connection::open(ground.small.database_file()).unwrap();
        let count: u32 = database.query_row("SELECT count(*) FROM pages", [], |row| row.get(0)).unwrap();
        assert_eq!(count, titles, "{text}");
        assert_eq!(ground.small.read("VERSION"), "1\n");
    }
}

#[test]
fn who_goes_back_is_offered_that_alone() {
    let ground = Ground::new();
    ground.entracte.json(&["apply"]).code(0);
    ground.faulty("journal.written:4=kill").run(&["rollback"]).code(6);
    let desk = Desk::open(&ground.small.root());
    let me = desk.visitor();
    let page = me.get(RUN).is(200);
    says(&page, &["Going back was cut off"]);
    assert!(forms::find(&page, "Resume").is_none() && forms::find(&page, "Roll back").is_none());
    says(&done(&me, &page, "Go on going back"), &["Everything is what it was before"]);
    ground.is_old("after all");
}
