//! The program brings itself up to date and goes back.

#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "tests look from outside")]

mod machine;
mod published;
#[path = "../reference/server.rs"]
#[allow(dead_code, reason = "other tests cut what is sent")]
mod server;
#[path = "../support/mod.rs"]
mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::fs::chown;
use std::process::Command;
use std::time::Duration;

use machine::Machine;
use machine::NEWER;
use machine::NOTE;
use machine::OWN;
use machine::Ran;
use machine::program;
use support::ground::Ground;

#[test]
fn there_and_back() {
    let machine = Machine::new();
    let tree = machine.release(NEWER, &program(NEWER), &[("run_once/001-note.sh", NOTE)]);
    let shown = machine.run(&["--json", "self-update", "--from", &tree]);
    assert_eq!((shown.code, machine.version().as_str()), (4, OWN), "not asked for: {}", shown.text);
    let done = machine.update(&tree, &[]);
    assert_eq!(done.code, 0, "{}", done.text);
    assert_eq!(done.json()["result"]["to"], NEWER);
    assert_eq!(machine.version(), NEWER);
    assert_eq!(machine.beside(), ["entracte", "entracte.bak"]);
    assert!(fs::read(machine.path("bin/entracte.bak")).unwrap() == program(OWN));
    assert_eq!(fs::read_to_string(machine.path("notes")).unwrap(), format!("{OWN} {NEWER}\n"));
    // The source is remembered.
    assert_eq!(machine.run(&["--json", "--yes", "self-update"]).code, 3);
    let back = machine.run(&["--json", "self-update", "--rollback"]);
    assert_eq!((back.code, machine.version().as_str()), (0, OWN), "{}", back.text);
    assert_eq!(machine.run(&["--json", "self-update", "--rollback"]).code, 3);
    assert_eq!(machine.run(&["--json", "--yes", "self-update"]).code, 0);
    assert_eq!(fs::read_to_string(machine.path("notes")).unwrap().lines().count(), 1, "a script ran twice");
}

#[test]
fn what_is_no_better_program_is_refused() {
    let machine = Machine::new();
    let newer = program(NEWER);
    let stranger = b"#!/bin/sh\necho entracte 9.0.0\n";
    let broken = b"\x7fELF and nothing behind it";
    for (what, version, bytes, more, code) in [
        ("the same version", OWN, &newer[..], &[][..], 3),
        ("an older one", "0.0.9", &program("0.0.9"), &[], 9),
        ("one that calls itself otherwise", "8.0.0", stranger, &[], 9),
        ("one that does not start", "8.0.1", broken, &[], 1),
        ("one with a script that fails", "7.1.0", &newer, &[("run_once/002-no.sh", "exit 3\n")], 1),
    ] {
        let tree = machine.release(version, bytes, more);
        let ran = machine.update(&tree, &[]);
        assert_eq!(ran.code, code, "{what}: {}", ran.text);
        assert_eq!(machine.version(), OWN, "{what}");
        let beside = machine.beside();
        assert!(beside.iter().all(|name| !name.starts_with('.')), "{what} left {beside:?}");
    }
    let tree = machine.path("release-0.0.9").to_str().unwrap().to_owned();
    assert_eq!(machine.update(&tree, &["--version", "0.0.9"]).code, 0, "an older one that is asked for");
    assert_eq!(machine.version(), "0.0.9");
}

#[test]
fn where_it_cannot_or_must_not_be_replaced() {
    let machine = Machine::new();
    let refused = |code: i32, word: &str, ran: Ran| {
        assert_eq!(ran.code, code, "{word}: {}", ran.text);
        assert!(ran.text.contains(word), "{word} is not said: {}", ran.text);
    };
    refused(5, "--from", machine.run(&["--json", "--yes", "self-update"]));
    let tree = machine.release(NEWER, &program(NEWER), &[]);
    fs::write(machine.path(".crates.toml"), "[v1]\n\"entracte 0.1.0 (path+file:///src)\" = [\"entracte\"]\n")
        .unwrap();
    refused(5, "cargo", machine.update(&tree, &[]));
    fs::remove_file(machine.path(".crates.toml")).unwrap();
    chown(machine.path("bin"), Some(0), Some(0)).unwrap();
    refused(5, "sudo", machine.update(&tree, &[]));
    machine.own(&machine.path("bin"));
    let other = machine.path("release-7.1.0/bin");
    for entry in fs::read_dir(&other).unwrap() {
        fs::rename(entry.unwrap().path(), other.join("pdp11-unix")).unwrap();
    }
    fs::remove_file(machine.path("release-7.1.0/entracte.json")).unwrap();
    refused(5, "no program for", machine.update(&tree, &["--version", NEWER]));
    assert_eq!(machine.version(), OWN);
}

#[test]
fn killed_anywhere_the_name_means_a_whole_program() {
    for point in ["written", "saved", "replaced"] {
        let machine = Machine::new();
        let tree = machine.release(NEWER, &program(NEWER), &[("run_once/001-note.sh", NOTE)]);
        let killed = machine
            .run_with(&["--yes", "self-update", "--from", &tree], &format!("self-update.{point}=kill"));
        assert_eq!(killed.code, -1, "{point} was not reached: {}", killed.text);
        let version = machine.version();
        assert_eq!(version == NEWER, point == "replaced", "{point}");
        let back = machine.run(&["--json", "self-update", "--rollback"]);
        assert_eq!(back.code, if version == NEWER { 0 } else { 3 }, "{point}: {}", back.text);
        assert_eq!(machine.version(), OWN, "{point}, and back");
        assert_eq!(machine.update(&tree, &[]).code, 0, "{point}, and again");
        assert_eq!((machine.version().as_str(), machine.beside().len()), (NEWER, 2), "{point}");
        assert_eq!(fs::read_to_string(machine.path("notes")).unwrap().lines().count(), 1, "{point}");
    }
}

/// Which program goes on with it makes no difference to a run.
#[test]
fn a_run_is_gone_on_with_by_the_newer_program() {
    let ground = Ground::new();
    let stopped = ground.entracte.json(&["apply", "--stop-before", "migrate"]);
    assert_eq!(stopped.code(0)["outcome"], "stopped");
    let folder = tempfile::tempdir().unwrap();
    let newer = folder.path().join("entracte");
    fs::write(&newer, program(NEWER)).unwrap();
    fs::set_permissions(&newer, fs::Permissions::from_mode(0o755)).unwrap();
    let status =
        Command::new(&newer).args(["--site", ground.small.root().to_str().unwrap(), "resume"]).output();
    let status = status.unwrap();
    assert!(status.status.success(), "{}", String::from_utf8_lossy(&status.stderr));
    ground.is_new("resumed by a newer program");
}

/// A program may be replaced while it works in the background.
#[test]
fn the_program_is_replaced_while_a_run_goes_on() {
    let machine = Machine::new();
    let ground = Ground::new();
    let site = ground.small.root();
    let copy = machine.path("bin/entracte");
    let mut working = Command::new(&copy)
        .args(["--site", site.to_str().unwrap(), "apply"])
        .env("ENTRACTE_FAULT", "swap.operation:2=pause")
        .spawn()
        .unwrap();
    let closed = || ground.entracte.json(&["status"]).result["gate"]["closed"] == true;
    let patience = std::time::Instant::now();
    while !closed() && patience.elapsed() < Duration::from_secs(60) {
        std::thread::sleep(Duration::from_millis(50));
    }
    let tree = machine.release(NEWER, &program(NEWER), &[]);
    let done = machine.update(&tree, &[]);
    assert_eq!(done.code, 0, "{}", done.text);
    assert!(working.wait().unwrap().success());
    ground.is_new("applied by a program that was replaced meanwhile");
    assert_eq!(machine.version(), NEWER);
}
