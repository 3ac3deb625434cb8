//! Who closed a site and who opened it, and why, stands in its history.

use std::fs;

use serde_json::Value;

use crate::support::run::Entracte;
use crate::support::small::SmallSite;

/// The events of closing and opening: what, by whom, why.
fn told(entracte: &Entracte) -> Vec<[String; 3]> {
    let history = entracte.json(&["history", "--verify"]).code(0);
    assert_eq!(history["verified"], true, "{history:#}");
    let events = history["events"].as_array().unwrap().iter();
    let gate = events.filter(|event| ["closed", "reopened"].contains(&event["event"].as_str().unwrap()));
    gate.map(|event| ["event", "by", "detail"].map(|key| event[key].as_str().unwrap().to_owned())).collect()
}

#[test]
fn the_history_says_who_closed_and_opened_and_why() {
    let small = SmallSite::in_memory();
    let entracte = small.adopt();
    entracte.json(&["close", "--for", "a <new>\u{1b}[31m disk"]).code(0);
    entracte.json(&["open"]).code(0);
    entracte.json(&["open"]).refused(3);
    entracte.json(&["close"]).code(0);
    entracte.json(&["open"]).code(0);
    let told = told(&entracte);
    let (me, reason) = (&told[0][1], "a <new>\u{1b}[31m disk");
    assert!(me.contains('@'), "{told:#?}");
    let expected = [
        ["closed", me, reason],
        ["reopened", me, reason],
        ["closed", me, "maintenance"],
        ["reopened", me, "maintenance"],
    ];
    assert_eq!(told, expected.map(|line| line.map(str::to_owned)), "{told:#?}");
    let text = entracte.run(&["history"]).code(0).stdout;
    let line = text.lines().find(|line| line.starts_with("closed")).unwrap();
    assert!(line.contains("a <new>") && line.contains(&format!("by {me}")), "{line}");
    assert!(!text.contains('\u{1b}'), "{text}");
}

/// A site is opened though nobody can write that it was, and closed as well.
#[test]
fn a_history_that_cannot_be_written_stops_nobody() {
    let small = SmallSite::in_memory();
    let entracte = small.adopt();
    let history = small.root().with_file_name(".entracte-site").join("history.jsonl");
    let is_closed = || entracte.json(&["status"]).result["gate"]["closed"] == true;
    fs::remove_file(&history).unwrap();
    fs::create_dir(&history).unwrap();
    for (verb, closed) in [("close", true), ("open", false)] {
        let done: Value = entracte.json(&[verb]).code(0);
        let warned = done["warnings"][0].as_str().unwrap();
        assert!(warned.contains("history.jsonl"), "{verb}: {done:#}");
        assert_eq!(is_closed(), closed, "{verb}");
    }
    let text = entracte.run(&["close"]).code(0).stdout;
    assert!(text.contains("history.jsonl"), "{text}");
}
