//! A run whose process died: the machine went down, or somebody pulled the plug.

use std::fs;

use serde_json::Value;

use crate::alone::Alone;
use crate::alone::SERVER;
use crate::support::run::Entracte;

const AUTO: &[&str] = &["update", "--auto"];

/// At which line of its journal a whole run is at each of these places.
fn lines_of<const N: usize>(alone: &Alone, places: [fn(&Value) -> bool; N]) -> [usize; N] {
    let run = alone.entracte.json(AUTO).code(0)["run"].as_str().unwrap().to_owned();
    let journal = alone.state().join("runs").join(run).join("journal.jsonl");
    let text = fs::read_to_string(&journal).unwrap();
    let entries: Vec<Value> =
        text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["entry"].take()).collect();
    alone.entracte.json(&["rollback"]).code(0);
    places.map(|is_it| 1 + entries.iter().position(is_it).unwrap_or_else(|| panic!("{text}")))
}

fn dies_at(alone: &Alone, line: usize) {
    Entracte::with_fault(&alone.site.folder, &format!("journal.written:{line}=kill")).run(AUTO).killed();
}

#[test]
fn a_run_that_died_is_taken_back_by_the_next_tick() {
    let alone = Alone::new("rebooted");
    let [swap, verify] = lines_of(
        &alone,
        [
            |entry| entry["event"] == "started" && entry["step"] == "swap",
            |entry| entry["event"] == "started" && entry["step"] == "verify",
        ],
    );
    for (step, line, verb) in [("swap", swap, &["tick"][..]), ("verify", verify, AUTO)] {
        dies_at(&alone, line);
        assert_eq!(alone.site.get(SERVER, "").status, 503, "{step}");
        let answer = alone.entracte.json(verb);
        assert_eq!(answer.exit, 1, "{step}: {:#} {:#}", answer.result, answer.error);
        alone.is_old(step);
        alone.one_mail(&["rolled back", &format!("the process or the machine ended at {step}")]);
    }
    // Twice in the same release is no accident.
    assert!(alone.entracte.json(AUTO).refused(5).contains("died 2 times"));
    alone.no_mail();
    alone.is_old("it is not tried a third time");
}

#[test]
fn a_run_that_died_behind_its_reopening_is_finished() {
    let alone = Alone::new("rebootedlate");
    let [line] = lines_of(&alone, [|entry| entry["event"] == "opening"]);
    dies_at(&alone, line);
    alone.entracte.json(&["tick"]).code(0);
    alone.is_new("finished by the tick");
    assert_eq!(alone.entracte.json(&["status"]).exit, 0);
}

/// A memory that cannot be read or written, as on a full disk, must not keep a site closed.
#[test]
fn a_run_that_died_is_taken_back_even_if_that_cannot_be_noted() {
    let alone = Alone::new("forgetful");
    let [swap] = lines_of(&alone, [|entry| entry["event"] == "started" && entry["step"] == "swap"]);
    dies_at(&alone, swap);
    let memory = alone.state().join("automation.json");
    fs::write(&memory, "{\"format\": 1,").unwrap();
    let ticked = alone.entracte.json(&["tick"]);
    assert_eq!(ticked.exit, 1, "{:#}", ticked.result);
    alone.is_old("taken back");
    alone.one_mail(&["rolled back", "automation.json cannot be understood"]);
    // Nothing is begun by a memory that is not known.
    assert!(alone.entracte.json(AUTO).refused(5).contains("automation.json"));
    alone.is_old("refused");
}

/// What a person stopped, or left failed, is that person's.
#[test]
fn a_run_of_a_person_is_left_alone() {
    let alone = Alone::new("attended");
    let next = alone.next.to_str().unwrap();
    alone.entracte.json(&["stage", "--from", next]).code(0);
    crate::support::update::plan_and_approve(&alone.entracte);
    alone.entracte.json(&["apply", "--stop-before", "verify"]).code(0);
    assert!(alone.entracte.json(AUTO).refused(5).contains("is not over"));
    alone.mails();
    alone.settings(|settings| settings["schedule"]["update"] = toml_edit::value("* * * * *"));
    alone.entracte.json(&["tick"]);
    assert_eq!(alone.site.get(SERVER, "").status, 503);
    alone.mails();
    alone.entracte.json(&["resume"]).code(0);
    alone.is_new("the person went on");
}
