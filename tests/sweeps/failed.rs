//! Calls that fail, once or from then on: never silent, never a panic, always
//! an exit code of the contract and a message that helps; afterwards `rollback`
//! ends in exactly the old site and `resume` in exactly the new one.

use nix::errno::Errno;
use serde_json::Value;

use crate::arena::APPLY;
use crate::arena::Arena;
use crate::support::effort;
use crate::support::tracer::Ended;
use crate::support::tracer::Fault;
use crate::support::tracer::Traced;
use crate::support::tracer::trace;

/// Points a day for each kind of failure.
const DAILY: usize = 40;

#[test]
fn no_space_left() {
    sweep("no space left", |at| Fault::Once { at, errno: Errno::ENOSPC });
}

#[test]
fn no_space_left_ever_after() {
    sweep("no space left ever after", |at| Fault::EverAfter { at, errno: Errno::ENOSPC });
}

#[test]
fn an_error_of_the_disk() {
    sweep("an error of the disk", |at| Fault::Once { at, errno: Errno::EIO });
}

#[test]
fn an_error_of_the_disk_ever_after() {
    sweep("errors of the disk ever after", |at| Fault::EverAfter { at, errno: Errno::EIO });
}

#[test]
fn a_disk_that_turns_read_only() {
    sweep("read-only ever after", |at| Fault::EverAfter { at, errno: Errno::EROFS });
}

#[test]
fn permission_denied() {
    sweep("permission denied", |at| Fault::Once { at, errno: Errno::EACCES });
}

#[test]
fn too_many_open_files() {
    sweep("too many open files", |at| Fault::Once { at, errno: Errno::EMFILE });
}

#[test]
fn interrupted_calls() {
    sweep("an interrupted call", |at| Fault::Once { at, errno: Errno::EINTR });
}

#[test]
fn short_writes() {
    sweep("a short write", |at| Fault::Short { at });
}

/// What cannot be read is never taken for what is not there. Which words a
/// reader has for it differs too much to be asked for here.
#[test]
fn what_cannot_be_read() {
    let arena = Arena::new();
    let looks = arena.trace(APPLY, Fault::Count).looks;
    disturb("an error while looking", &arena, looks, |at| Fault::Unreadable { at }, says_something);
}

fn sweep(what: &str, fault: impl Fn(u64) -> Fault) {
    let arena = Arena::new();
    let all = arena.calls(APPLY);
    disturb(what, &arena, all, fault, speaks);
}

fn disturb(what: &str, arena: &Arena, all: u64, fault: impl Fn(u64) -> Fault, speaks: Speech) {
    let (mut struck, mut failures) = (0, Vec::new());
    for (number, at) in effort::spread(all, effort::points(DAILY, all as usize)).into_iter().enumerate() {
        arena.lay();
        let when = format!("{what} at call {at}");
        let traced = arena.trace(&[&["--json"], APPLY].concat(), fault(at));
        struck += u64::from(traced.struck > 0);
        failures.extend(effort::failure(|| judge(arena, &traced, number, &when, speaks)));
    }
    assert!(struck > 0, "no call was struck");
    assert!(failures.is_empty(), "{} of {struck}:\n{}", failures.len(), failures.join("\n"));
    effort::tried(what, struck);
}

/// What is asked of a message.
type Speech = fn(&Traced, &str);

fn judge(arena: &Arena, traced: &Traced, number: usize, when: &str, speaks: Speech) {
    assert!(!traced.stderr.contains("panicked"), "{when}: {traced:?}");
    let Ended::Status(code) = traced.ended else { panic!("{when}: {traced:?}") };
    match code {
        0 => arena.ground.is_new(when),
        1 | 5 => {
            speaks(traced, when);
            arena.ground.is_old(when);
        }
        6 => {
            speaks(traced, when);
            let status = arena.ground.entracte.json(&["status"]);
            if status.exit == 0 {
                // Only that the run is over could not be made to last.
                return arena.ground.is_new(when);
            }
            assert!(status.exit == 6, "{when}: {traced:?}\n{:#}", status.result);
            assert!(
                arena.ground.flag().exists() || !arena.ground.is_a_mix(),
                "{when}: an open mix: {traced:?}"
            );
            match number % 2 {
                0 => {
                    arena.recover("rollback", when);
                    arena.ground.is_old(&format!("{when}, rolled back"));
                }
                _ => {
                    arena.go_on(when);
                    arena.ground.is_new(&format!("{when}, resumed"));
                }
            }
        }
        _ => panic!("{when}: {traced:?}"),
    }
}

/// That it failed, and what to do next.
fn says_something(traced: &Traced, when: &str) {
    let document: Value = serde_json::from_str(&traced.stdout)
        .unwrap_or_else(|error| panic!("{when}: no document ({error}): {traced:?}"));
    assert!(
        document["error"]["message"].as_str().is_some_and(|said| !said.is_empty()),
        "{when}: {document:#}"
    );
    assert!(document["error"]["hints"].as_array().is_some_and(|all| !all.is_empty()), "{when}: {document:#}");
}

/// What failed, on which path, why, and what to do next.
fn speaks(traced: &Traced, when: &str) {
    let document: Value = serde_json::from_str(&traced.stdout)
        .unwrap_or_else(|error| panic!("{when}: no document ({error}): {traced:?}"));
    let error = &document["error"];
    let texts = |key: &str| -> Vec<&str> {
        error[key].as_array().into_iter().flatten().filter_map(Value::as_str).collect()
    };
    let said = format!("{}: {}", error["message"].as_str().unwrap_or_default(), texts("causes").join(": "));
    let is_path = |word: &str| word.trim_end_matches([',', ':', '.']).contains(['/', '.']);
    let names_a_path = said.split_whitespace().any(is_path);
    assert!(names_a_path, "{when}: no path: {said}");
    let why = [
        "os error",
        "No space left",
        "exit status",
        "disk",
        "full",
        "read-only",
        "readonly",
        "I/O",
        "cannot be read",
        "not in the release",
        "ended with status",
        "error",
        "database file",
    ];
    assert!(why.iter().any(|why| said.contains(why)), "{when}: no cause: {said}");
    assert!(!texts("hints").is_empty(), "{when}: no hint: {document:#}");
}

/// The control: a program that does not look how its calls ended.
#[test]
fn a_careless_updater_is_seen() {
    let arena = Arena::new();
    let (new, site) = (arena.ground.small.release(2), arena.ground.small.root());
    let copy = format!("cp -a {}/. {} 2>/dev/null; exit 0", new.display(), site.display());
    let mut careless = std::process::Command::new("sh");
    careless.args(["-c", &copy]);
    let traced = trace(careless, Fault::EverAfter { at: 20, errno: Errno::ENOSPC });
    assert!(traced.struck > 0 && traced.ended == Ended::Status(0), "{traced:?}");
    assert!(effort::failure(|| judge(&arena, &traced, 0, "careless", speaks)).is_some());
}
