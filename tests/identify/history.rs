use std::fs;

use serde_json::Value;

use crate::support::run::Entracte;
use crate::support::small::SmallSite;

/// A site that was updated, taken back and updated again.
fn updated() -> (SmallSite, Entracte) {
    let small = SmallSite::new();
    let entracte = small.ready();
    entracte.json(&["apply", "--foreground"]).code(0);
    entracte.json(&["rollback", "--foreground"]).code(0);
    small.stage(&entracte);
    crate::support::update::plan_and_approve(&entracte);
    entracte.json(&["apply", "--foreground"]).code(0);
    (small, entracte)
}

fn log(small: &SmallSite) -> std::path::PathBuf {
    small
        .root()
        .with_file_name(format!(".entracte-{}", small.root().file_name().unwrap().to_str().unwrap()))
        .join("history.jsonl")
}

fn of(entracte: &Entracte, path: &str) -> Value {
    entracte.json(&["history", "--file", path]).code(0)["file"].clone()
}

/// `event what version`, the oldest first.
fn rows(file: &Value) -> Vec<String> {
    // The old release of a small site does not say its version.
    let word = |value: &Value| match value.as_str().unwrap_or("-") {
        unknown if unknown.starts_with("unknown-") => "1".to_owned(),
        known => known.to_owned(),
    };
    let row =
        |row: &Value| format!("{} {} {}", word(&row["event"]), word(&row["what"]), word(&row["version"]));
    file["rows"].as_array().unwrap().iter().map(row).collect()
}

#[test]
fn which_release_changed_a_file() {
    let (small, entracte) = updated();
    let changed = of(&entracte, "app/changed.txt");
    assert_eq!(rows(&changed), ["adopted listed 1", "rolled-back replace 1", "finished replace 2"]);
    assert_eq!((&changed["now"], &changed["as_in"]), (&Value::from("released"), &Value::from(vec!["2"])));
    let digest = |row: usize| changed["rows"][row]["sha256"].clone();
    assert_eq!((digest(2) == changed["sha256"], digest(0) == changed["sha256"]), (true, false));

    let same = of(&entracte, "app/same.txt");
    assert_eq!(rows(&same), ["adopted listed 1"]);
    assert_eq!(same["as_in"].as_array().unwrap().len(), 2);
    let added = of(&entracte, "app/added.txt");
    assert_eq!(rows(&added), ["adopted not listed 1", "rolled-back add 1", "finished add 2"]);
    let removed = of(&entracte, "app/removed.txt");
    assert_eq!((rows(&removed)[2].as_str(), &removed["now"]), ("finished remove 2", &Value::from("missing")));

    small.write(&small.path("app/changed.txt"), "edited\n");
    let edited = of(&entracte, small.path("app/changed.txt").to_str().unwrap());
    assert_eq!(
        (&edited["now"], &edited["as_in"]),
        (&Value::from("changed"), &Value::from(Vec::<String>::new()))
    );
    assert_eq!(of(&entracte, "media/counter.txt")["now"], "unknown");
    assert!(entracte.json(&["history", "--file", "../x"]).refused(2).contains(".."));

    let text = entracte.run(&["history", "--file", "app/changed.txt"]).code(0).stdout;
    assert!(text.starts_with("app/changed.txt: other than the installed release has it\n"), "{text}");
    assert!(text.contains("finished     replace"), "{text}");
}

#[test]
fn what_watch_found_of_a_file_over_time() {
    let small = SmallSite::new();
    let entracte = small.adopt();
    let folder = log(&small).with_file_name("watch");
    fs::create_dir(&folder).unwrap();
    for (day, findings) in [
        (1, r#"{"path": "app/same.txt", "kind": "modified", "why": []}"#),
        (2, r#"{"path": "app/same.txt", "kind": "modified"}, {"path": "other", "kind": "unexpected"}"#),
        (3, r#"{"path": "other", "kind": "unexpected"}"#),
        (4, r#"{"path": "app/same.txt", "kind": "missing"}"#),
    ] {
        let text = format!(r#"{{"format": 1, "at": "2036-01-0{day}T00:00:00Z", "findings": [{findings}]}}"#);
        fs::write(folder.join(format!("found-2036010{day}-000000-000000.json")), text).unwrap();
    }
    fs::write(folder.join("found-20360105-000000-000000.json"), "torn").unwrap();
    fs::write(folder.join("memory.json"), "{}").unwrap();
    assert_eq!(
        rows(&of(&entracte, "app/same.txt")),
        ["adopted listed 1", "found modified -", "found as it should be -", "found missing -"]
    );
}

#[test]
fn runs_and_events_are_complete_and_can_be_few() {
    let (_small, entracte) = updated();
    let all = entracte.json(&["history"]).code(0);
    let runs = all["runs"].as_array().unwrap();
    let outcomes: Vec<&str> = runs.iter().map(|row| row["outcome"].as_str().unwrap()).collect();
    assert_eq!(outcomes, ["rolled-back", "finished"]);
    assert!(runs.iter().all(|row| row["plan"].is_string() && row["until"].as_str() > row["at"].as_str()));
    let events: Vec<&str> =
        all["events"].as_array().unwrap().iter().map(|row| row["event"].as_str().unwrap()).collect();
    assert_eq!((events[0], events.last()), ("adopted", Some(&"finished")));
    assert_eq!((&all["verified"], &all["proof"], &all["file"]), (&Value::Null, &Value::Null, &Value::Null));
    let last = entracte.json(&["history", "-n", "1"]).code(0);
    assert_eq!((last["runs"].as_array().unwrap().len(), last["events"].as_array().unwrap().len()), (1, 1));
    assert_eq!(last["runs"][0], runs[1]);
    let text = entracte.run(&["history"]).code(0).stdout;
    assert!(text.starts_with("adopted ") && text.lines().count() == 3, "{text}");
}

#[test]
fn a_log_that_was_altered_is_told_by_its_line() {
    let (small, entracte) = updated();
    let (path, whole) = (log(&small), fs::read_to_string(log(&small)).unwrap());
    let count = whole.lines().count();
    let proof = entracte.json(&["history", "--verify"]).code(0);
    assert_eq!(
        (&proof["verified"], proof["proof"]["lines"].as_u64()),
        (&Value::from(true), Some(count as u64))
    );
    let cut: String = whole.lines().take(count - 2).map(|line| format!("{line}\n")).collect();
    for (what, text, line) in
        [("cut at its end", cut, count - 1), ("another plan", whole.replacen("approved", "approves", 1), 3)]
    {
        fs::write(&path, text).unwrap();
        let answer = entracte.json(&["history", "--verify"]);
        assert_eq!((answer.exit, &answer.result["verified"]), (7, &Value::from(false)), "{what}");
        assert_eq!(
            answer.result["proof"]["wrong_line"].as_u64(),
            Some(line as u64),
            "{what}: {:#}",
            answer.result["proof"]
        );
        let said = entracte.run(&["history", "--verify"]).code(7).stdout;
        assert!(said.contains(&format!("altered at line {line}")), "{said}");
    }
    // As an older entracte left it: nobody noted how far it goes.
    fs::write(&path, &whole).unwrap();
    fs::remove_file(path.with_file_name("installed").join("history-head.json")).unwrap();
    let proof = entracte.json(&["history", "--verify"]).code(0);
    assert_eq!(proof["proof"]["end_is_known"], false);
}
