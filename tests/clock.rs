//! The clock jumps by ten years, either way, at any time: a run ends in the new
//! site or in the old one, runs stay in their order, and no time is negative.

#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "tests look from outside")]

mod support;

use std::fs;
use std::os::unix::fs::FileExt;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use entracte::base::step::Step;
use serde_json::Value;

use support::effort;
use support::faketime;
use support::faketime::NOW;
use support::ground::Ground;
use support::template::Template;
use support::update;

const LATER: &str = "+10y";
const EARLIER: &str = "-10y";

/// The control: the clock is another one, and the journal says so.
#[test]
fn between_plan_and_apply() {
    if faketime::library().is_none() {
        return;
    }
    let ground = Ground::new();
    let said = faketime::at(&ground.small, EARLIER).json(&["apply"]).refused(5);
    assert!(said.contains("clock"), "{said}");
    ground.is_old("refused by the clock");
    update::apply(&faketime::at(&ground.small, LATER));
    ground.is_new("applied ten years later");
    times_make_sense(&ground, "applied ten years later");
    let at = ground.entracte.json(&["history"]).code(0)["runs"][0]["at"].as_str().unwrap().to_owned();
    let year = |text: &str| text[..4].parse::<i32>().unwrap();
    let today = year(&jiff::Timestamp::now().to_string());
    assert!((9..=11).contains(&(year(&at) - today)), "the clock was not another one: {at}");
    ground.entracte.json(&["rollback"]).code(0);
    ground.is_old("applied ten years later, taken back today");
}

/// By which clock a run begins, and by which it goes on or back.
const JUMPS: &[(&str, &str)] = &[(NOW, LATER), (NOW, EARLIER), (LATER, NOW), (LATER, EARLIER)];

#[test]
fn in_the_middle_of_a_run() {
    if faketime::library().is_none() {
        return;
    }
    let ground = Ground::new();
    let template = Template::of(&ground);
    let all: Vec<(Step, &(&str, &str))> =
        Step::RUN.into_iter().flat_map(|step| JUMPS.iter().map(move |jump| (step, jump))).collect();
    let mut tried = 0;
    for (number, (step, (first, second))) in all.into_iter().enumerate() {
        for (which, verb) in ["resume", "rollback"].into_iter().enumerate() {
            if !effort::is_full() && (number + number / JUMPS.len()) % 2 != which {
                continue;
            }
            let when = format!("begun at {first}, stopped before {step}, {verb} at {second}");
            template.lay();
            let stop = ["apply", "--stop-before", step.name()];
            faketime::at(&ground.small, first).json(&stop).code(0);
            let result = faketime::at(&ground.small, second).json(&[verb]).code(0);
            assert!(result["closed_seconds"].as_f64().unwrap() >= 0.0, "{when}: {result:#}");
            match verb {
                "resume" => ground.is_new(&when),
                _ => ground.is_old(&when),
            }
            times_make_sense(&ground, &when);
            tried += 1;
        }
    }
    effort::tried("clock jumps of ten years between two steps", tried);
}

/// Killed under one clock, recovered under another.
#[test]
fn while_it_goes_back() {
    if faketime::library().is_none() {
        return;
    }
    let ground = Ground::new();
    let template = Template::of(&ground);
    for (first, second) in [(LATER, NOW), (EARLIER, NOW), (NOW, EARLIER), (LATER, EARLIER)] {
        for point in ["swap.undo:4", "journal.written:4"] {
            let when = format!("rolled back at {first}, killed at {point}, again at {second}");
            template.lay();
            update::apply(&ground.entracte);
            let faulty = faketime::at(&ground.small, first).with("ENTRACTE_FAULT", &format!("{point}=kill"));
            faulty.run(&["rollback", "--foreground"]).killed();
            ground.status_is_true(&when);
            faketime::at(&ground.small, second).json(&["rollback"]).code(0);
            ground.is_old(&when);
            times_make_sense(&ground, &when);
        }
    }
}

/// The last run is the one that was begun last, whatever the clock said, and
/// also when several begin in one second.
#[test]
fn runs_stay_in_their_order() {
    if faketime::library().is_none() {
        return;
    }
    let ground = Ground::new();
    let mut begun = Vec::new();
    for (number, clock) in [NOW, LATER, NOW, "+5y", NOW, NOW, NOW, NOW].into_iter().enumerate() {
        if number > 0 {
            update::plan_and_approve(&ground.entracte);
        }
        let applied = update::apply(&faketime::at(&ground.small, clock));
        begun.push(applied["run"].as_str().unwrap().to_owned());
        let status = ground.entracte.json(&["status"]).code(0);
        assert_eq!(status["run"]["id"], *begun.last().unwrap(), "{clock}: {status:#}");
        let history = ground.entracte.json(&["history"]).code(0);
        let listed: Vec<&str> =
            history["runs"].as_array().unwrap().iter().map(|run| run["run"].as_str().unwrap()).collect();
        assert_eq!(listed, begun, "{clock}");
        let taken_back = ground.entracte.json(&["rollback"]).code(0);
        assert_eq!(taken_back["run"], *begun.last().unwrap(), "{clock}: {taken_back:#}");
        ground.old.assert_same(&ground.small.look(), clock);
    }
}

/// Every duration that is told is one, and the log of runs is unbroken.
#[track_caller]
fn times_make_sense(ground: &Ground, when: &str) {
    let history = ground.entracte.json(&["history", "--verify"]).code(0);
    assert_eq!(history["verified"], true, "{when}: {history:#}");
    no_negative_seconds(&history, when);
    for run in history["runs"].as_array().unwrap() {
        let shown = ground.entracte.json(&["show", run["run"].as_str().unwrap()]).code(0);
        no_negative_seconds(&shown, when);
    }
}

#[track_caller]
fn no_negative_seconds(value: &Value, when: &str) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                if let (true, Some(seconds)) = (name.ends_with("seconds"), value.as_f64()) {
                    assert!((0.0..1e10).contains(&seconds), "{when}: {name} is {seconds}: {fields:?}");
                }
                no_negative_seconds(value, when);
            }
        }
        Value::Array(values) => values.iter().for_each(|value| no_negative_seconds(value, when)),
        _ => {}
    }
}

/// A file that is being written while it is read may change once more without a
/// trace, so its digest is not remembered, however old it looks by our clock.
#[test]
fn a_digest_that_may_be_wrong_is_not_remembered() {
    if faketime::library().is_none() {
        return;
    }
    let ground = Ground::new();
    let path = ground.small.path("app/same.txt");
    let remembers = || {
        let cache = fs::read_dir(ground.parent().join(".entracte-site/cache")).unwrap();
        let texts = cache.map(|entry| fs::read(entry.unwrap().path()).unwrap());
        texts.flatten().collect::<Vec<u8>>().windows(12).any(|name| name == b"app/same.txt")
    };
    for clock in [NOW, LATER] {
        thread::sleep(Duration::from_millis(500));
        let entracte = faketime::at(&ground.small, clock);
        entracte.json(&["plan"]).code(0);
        assert!(remembers(), "{clock}: a file that rests is not remembered");
        let is_over = AtomicBool::new(false);
        thread::scope(|threads| {
            threads.spawn(|| {
                let (text, file) =
                    (fs::read(&path).unwrap(), fs::File::options().write(true).open(&path).unwrap());
                while !is_over.load(Ordering::SeqCst) {
                    file.write_all_at(&text, 0).unwrap();
                    thread::sleep(Duration::from_millis(3));
                }
            });
            thread::sleep(Duration::from_millis(50));
            entracte.json(&["plan"]);
            is_over.store(true, Ordering::SeqCst);
        });
        assert!(!remembers(), "{clock}: a file that is being written is remembered");
    }
}
