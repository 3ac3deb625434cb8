//! Browser, console, or whoever works is gone in the middle.

use std::os::unix::fs::PermissionsExt;

use super::super::support::run::Entracte;
use super::relay::Relay;
use super::*;

#[test]
fn a_browser_that_was_closed_sees_the_same_work_again() {
    let ground = Ground::new();
    let entracte = ground.faulty(IN_SWAP);
    let console = Console::start(&entracte, &[]);
    let mut work = Work::on(&ground.small.root());
    let asked = json!({"link": console.link, "origin": console.origin()});
    tell("closed", asked, |line| work.does(line));
    ground.is_new("after the browser was closed");
}

#[test]
fn a_line_that_was_cut_and_a_console_that_was_killed() {
    let ground = Ground::new();
    let line = Relay::start();
    let entracte = ground.faulty(IN_SWAP);
    let (public, listen) = (format!("http://{}", line.address), line.behind.to_string());
    let arguments = ["--public-url", &public, "--listen", &listen];
    let mut console = Some(Console::start(&entracte, &arguments));
    let mut work = Work::on(&ground.small.root());
    let asked = json!({"link": console.as_ref().unwrap().link});
    tell("lost", asked, |asked| {
        match asked["please"].as_str().unwrap() {
            "cut the line" => line.cut(),
            "mend the line" => line.mend(),
            "kill the console" => {
                worker::killed(console.as_ref().unwrap().pid());
                drop(console.take());
            }
            "start the console" => {
                let started = console.insert(Console::start(&ground.entracte, &arguments));
                return json!({"link": started.link});
            }
            _ => return work.does(asked),
        }
        Value::Null
    });
    ground.is_new("after the console was killed twice");
}

const PICKY: &str = "#!/bin/sh\necho 'no room for the thumbnails' >&2\ntest -e ../room || exit 3\n";

#[test]
fn whoever_worked_is_killed_and_each_way_from_there() {
    let onward = Ground::new();
    let back = Ground::new();
    let again = Ground::with(|small| {
        let path = small.release(2).join("run_once/002-thumbnails.sh");
        small.write(&path, PICKY);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    });
    // So late that whoever goes on has fewer exchanges before them.
    let entracte: Entracte = onward.faulty("swap.exchanged:5=kill");
    let roots = [&onward, &back, &again].map(|ground| ground.small.root().to_str().unwrap().to_owned());
    let console = Console::start(&entracte, &roots.each_ref().map(String::as_str));
    let [first, second, third] = &roots;
    let asked = json!({"link": console.link, "onward": first, "back": second, "again": third});
    tell("ways", asked, |line| {
        assert_eq!(line["please"], "mend");
        fs::write(again.parent().join("room"), "").unwrap();
        Value::Null
    });
    onward.is_new("after Resume");
    back.is_old("after Roll back");
    assert_eq!(again.small.read("VERSION"), "2\n");
    assert!(again.small.has("run_once/002-thumbnails.sh.done") && !again.flag().exists());
}
