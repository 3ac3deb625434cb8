//! Several at once, and who follows the one that works.

use std::fs;
use std::process::Child;
use std::process::Output;
use std::process::Stdio;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use serde_json::Value;

use crate::state;
use crate::support::effort;
use crate::support::ground::Ground;
use crate::support::run::Entracte;
use crate::support::template::Template;

/// Where a site stands when several come for it.
#[derive(Clone, Copy, Debug)]
enum From {
    /// A plan is approved.
    Approved,
    /// A run was stopped between its steps.
    Stopped,
    Finished,
}

/// Who come at once; the last three are a cron job that does not wait for itself.
const RIVALS: &[(From, &[&str])] = &[
    (From::Approved, &["apply", "apply"]),
    (From::Stopped, &["resume", "rollback"]),
    (From::Finished, &["rollback", "rollback"]),
    (From::Approved, &["apply", "update"]),
    (From::Stopped, &["resume", "resume"]),
    (From::Stopped, &["rollback", "rollback"]),
    (From::Stopped, &["resume", "apply"]),
    (From::Approved, &["apply", "apply", "apply"]),
    (From::Stopped, &["rollback", "resume", "apply"]),
    (From::Approved, &["update", "update", "update"]),
];

#[test]
fn of_several_at_once_one_works() {
    let ground = Ground::new();
    let template = Template::of(&ground);
    let (mut starts, rounds) = (0, effort::points(RIVALS.len(), 5 * RIVALS.len()));
    for (number, (from, verbs)) in RIVALS.iter().cycle().take(rounds).enumerate() {
        template.lay();
        match from {
            From::Approved => {}
            From::Stopped => drop(ground.entracte.json(&["apply", "--stop-before", "migrate"]).code(0)),
            From::Finished => drop(crate::support::update::apply(&ground.entracte)),
        }
        // A detached worker and one in the foreground lock alike.
        one_works(&ground, verbs, number % 2 == 0, &format!("round {number}: {from:?}, {verbs:?}"));
        starts += verbs.len();
    }
    effort::tried("updaters started at once: one works, the others end with 8", starts as u64);
}

/// A rival that was started, and when.
struct Rival {
    verb: &'static str,
    child: Child,
    since: Instant,
}

/// How it ended, and after how long.
struct Ended {
    verb: &'static str,
    pid: u32,
    document: Value,
    took: Duration,
}

fn one_works(ground: &Ground, verbs: &[&'static str], in_foreground: bool, when: &str) {
    // Whoever works stands still for two seconds, in which the others have to give up.
    let slow = ground.faulty("journal.written=pause");
    let rivals: Vec<Rival> = verbs.iter().map(|verb| start(&slow, ground, verb, in_foreground)).collect();
    let ended: Vec<Ended> = thread::scope(|threads| {
        let waiting: Vec<_> = rivals.into_iter().map(|rival| threads.spawn(|| rival.wait())).collect();
        waiting.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let (winners, losers): (Vec<Ended>, Vec<Ended>) =
        ended.into_iter().partition(|rival| rival.document["exit"] == 0);
    let [winner] = &winners[..] else {
        panic!(
            "{when}: {} of them worked: {:?}",
            winners.len(),
            losers.iter().map(|loser| &loser.document).collect::<Vec<_>>()
        )
    };
    for loser in &losers {
        assert_eq!(loser.document["exit"], 8, "{when}: {:#}", loser.document);
        let said = loser.document["error"]["message"].as_str().unwrap();
        let doing = format!(": {} (process ", winner.verb);
        assert!(said.contains(&doing), "{when}: the holder is not named: {said}");
        let pid = format!("(process {} on", winner.pid);
        assert!(!in_foreground || said.contains(&pid), "{when}: not {}: {said}", winner.pid);
        assert!(loser.took < Duration::from_secs(1), "{when}: {} gave up after {:?}", loser.verb, loser.took);
    }
    if winner.verb == "rollback" {
        ground.is_old(when)
    } else {
        ground.is_new(when)
    }
    let runs = ground.entracte.json(&["history"]).code(0)["runs"].as_array().unwrap().len();
    assert_eq!(runs, 1, "{when}: more than one run was begun");
}

fn start(slow: &Entracte, ground: &Ground, verb: &'static str, in_foreground: bool) -> Rival {
    let release = ground.small.release(2);
    let mut arguments = vec!["--json", verb];
    match verb {
        "update" => {
            arguments.extend(["--yes", "--complete", "--version", "2", "--from", release.to_str().unwrap()])
        }
        _ if in_foreground => arguments.push("--foreground"),
        _ => {}
    }
    let mut command = slow.command(&arguments);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    Rival { verb, child, since: Instant::now() }
}

impl Rival {
    fn wait(self) -> Ended {
        let Rival { verb, child, since } = self;
        let pid = child.id();
        let Output { stdout, .. } = child.wait_with_output().unwrap();
        let document = serde_json::from_slice(&stdout).unwrap_or(Value::Null);
        Ended { verb, pid, document, took: since.elapsed() }
    }
}

/// The control: the same start without a lock is seen to go wrong.
#[test]
fn without_the_lock_two_begin() {
    let ground = Ground::new();
    let slow = ground.faulty("journal.written=pause");
    let lock = state(&ground).join("lock");
    let first = start(&slow, &ground, "apply", true);
    while journals(&ground) == 0 {
        thread::sleep(Duration::from_millis(5));
    }
    fs::remove_file(&lock).unwrap();
    let second = start(&slow, &ground, "resume", true);
    let ended = [first, second].map(|rival| rival.wait().document["exit"].clone());
    assert!(ended.iter().all(|exit| exit != 8), "{ended:?}");
}

fn journals(ground: &Ground) -> usize {
    let runs = fs::read_dir(state(ground).join("runs")).into_iter().flatten();
    runs.filter(|run| run.as_ref().unwrap().path().join("journal.jsonl").exists()).count()
}

/// A follower that runs beside the one that works, as cron and a person do, gets
/// its answer and leaves the other's events alone.
#[test]
fn who_was_refused_does_not_hide_who_works() {
    let ground = Ground::new();
    let slow = ground.faulty("journal.written=pause");
    let working = start(&slow, &ground, "apply", false);
    while journals(&ground) == 0 {
        thread::sleep(Duration::from_millis(5));
    }
    for _ in 0..6 {
        ground.entracte.json(&["apply"]).refused(8);
    }
    let followed = ground.entracte.json(&["attach"]).code(0);
    assert_eq!(followed["outcome"], "finished", "{followed:#}");
    assert_eq!(working.wait().document["exit"], 0);
    ground.is_new("after five refusals");
}

/// Who follows is killed, the line is lost: the work goes on, and can be followed again.
#[test]
fn a_killed_follower_ends_nothing() {
    let ground = Ground::new();
    let slow = ground.faulty("swap.operation:3=pause");
    let mut follower = start(&slow, &ground, "apply", false);
    while !ground.flag().exists() {
        thread::sleep(Duration::from_millis(5));
    }
    follower.child.kill().unwrap();
    follower.child.wait().unwrap();
    assert_eq!(ground.entracte.json(&["status"]).exit, 8);
    ground.entracte.json(&["attach"]).code(0);
    ground.is_new("its follower was killed");
}
