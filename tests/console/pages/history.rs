//! The history: in the reader's words, and unaltered or not.

use std::fs;

use reqwest::Method;

use super::super::desk::Answer;
use super::super::desk::Desk;
use super::super::support::ground::Ground;
use super::says;

#[test]
fn events_are_named_in_the_language_of_who_reads() {
    let ground = Ground::new();
    ground.entracte.json(&["apply"]).code(0);
    let desk = Desk::open(&ground.small.root());
    for (query, named) in [("", "site pris en charge"), ("?file=VERSION", "remplacé")] {
        let asked = desk.request(Method::GET, &format!("/sites/site/history{query}"));
        let page = Answer::of(asked.header("accept-language", "fr").send().unwrap()).is(200);
        says(&page, &[named, "exécution terminée"]);
    }
}

#[test]
fn a_history_that_was_altered_says_so() {
    let ground = Ground::new();
    let log = ground.parent().join(".entracte-site/history.jsonl");
    let text = fs::read_to_string(&log).unwrap();
    fs::write(&log, text.replacen("adopted", "adapted", 1)).unwrap();
    let desk = Desk::open(&ground.small.root());
    says(&desk.get("/sites/site/history?verify=1").is(200), &["was altered at line 2"]);
}
