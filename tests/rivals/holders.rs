//! What a holder of the lock that was killed, a stranger or a reboot leaves.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::fs::symlink;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use serde_json::Value;
use serde_json::json;

use crate::lives;
use crate::state;
use crate::support::effort;
use crate::support::ground::Ground;
use crate::support::run::Entracte;
use crate::support::template::Template;

/// Killed at any moment, it leaves no lock behind that somebody has to clear.
#[test]
fn the_next_command_after_a_killed_holder_works() {
    let ground = Ground::new();
    let template = Template::of(&ground);
    let since = Instant::now();
    crate::support::update::apply(&ground.entracte);
    let (mut whole, moments) = (since.elapsed(), effort::points(12, 120));
    let mut killed = 0;
    for moment in 0..moments {
        template.lay();
        let mut child = ground
            .entracte
            .command(&["apply", "--foreground"])
            .stderr(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        thread::sleep(whole * moment as u32 / moments as u32);
        child.kill().unwrap();
        match child.wait().unwrap().success() {
            // The machine is faster than it was: the moments move together.
            true => whole = whole * 3 / 4,
            false => killed += 1,
        }
        let when = format!("killed in moment {moment} of {moments}");
        ground.status_is_true(&when);
        match ground.entracte.json(&["rollback"]).exit {
            0 | 3 => ground.is_old(&when),
            code => panic!("{when}: rollback ended with {code}"),
        }
    }
    assert!(killed > moments as u64 / 2, "only {killed} were killed while they worked");
    effort::tried("holders killed at any moment, the next command works", killed);
}

/// What a script started lives on when only the script is killed: it is ended
/// with us, and does not hold the lock.
#[test]
fn a_killed_holder_leaves_no_children_behind() {
    let ground = Ground::with(|small| {
        let path = small.release(2).join("run_once/001-mark.sh");
        let text = fs::read_to_string(&path).unwrap();
        let slow = format!("{text}sleep 1717 &\necho $! > \"$ENTRACTE_SITE/media/child\"\nwait\n");
        fs::write(&path, slow).unwrap();
    });
    let mut child =
        ground.entracte.command(&["apply", "--foreground"]).stdout(Stdio::null()).spawn().unwrap();
    let noted = ground.small.path("media/child");
    while !fs::read_to_string(&noted).is_ok_and(|text| text.ends_with('\n')) {
        thread::sleep(Duration::from_millis(10));
    }
    let grandchild = fs::read_to_string(&noted).unwrap().trim().to_owned();
    child.kill().unwrap();
    child.wait().unwrap();
    ground.entracte.json(&["rollback"]).code(0);
    ground.is_old("a script with a child was killed");
    assert!(!lives(&grandchild), "what the script started lives on");
}

/// Nothing goes on changing the site once a script is over, and nothing holds the lock.
#[test]
fn what_a_script_leaves_running_is_ended() {
    let ground = Ground::with(|small| {
        let path = small.release(2).join("run_once/001-mark.sh");
        let text = fs::read_to_string(&path).unwrap();
        let daemon =
            "setsid sleep 1718 >/dev/null 2>&1 </dev/null &\necho $! > \"$ENTRACTE_SITE/media/daemon\"\n";
        fs::write(&path, format!("{text}{daemon}")).unwrap();
    });
    crate::support::update::apply(&ground.entracte);
    let daemon = ground.small.read("media/daemon").trim().to_owned();
    assert!(!lives(&daemon), "what the script left lives on");
    ground.entracte.json(&["status"]).code(0);
    ground.entracte.json(&["rollback"]).code(0);
    ground.is_old("with a daemon that a script left");
}

/// Somebody else's process, that has the number of one that worked here.
struct Sleeper(Child);

impl Sleeper {
    fn new() -> Sleeper {
        Sleeper(Command::new("sleep").arg("300").spawn().unwrap())
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn boot() -> String {
    fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap().trim().to_owned()
}

/// Nobody holds the lock, whatever is written in it.
#[test]
fn what_a_lock_says_holds_nobody_up() {
    let (ground, sleeper) = (Ground::new(), Sleeper::new());
    let holder = |boot: &str| {
        json!({ "pid": sleeper.0.id(), "boot": boot, "host": "here", "doing": "apply", "since": "2026-11-21T05:00:00Z" })
            .to_string()
    };
    let texts = [
        holder(&boot()),
        holder("00000000-0000-0000-0000-000000000000"),
        holder(""),
        "garbage \u{1b}[31m".to_owned(),
        String::new(),
        "[]".to_owned(),
        json!({ "pid": -1, "boot": 7 }).to_string(),
        "x".repeat(10 << 20),
    ];
    let template = Template::of(&ground);
    for text in &texts {
        template.lay();
        let when = format!("a lock that says {:?}", &text[..text.len().min(60)]);
        fs::write(state(&ground).join("lock"), text).unwrap();
        assert_eq!(ground.entracte.json(&["status"]).exit, 0, "{when}");
        crate::support::update::apply(&ground.entracte);
        ground.is_new(&when);
        fs::write(state(&ground).join("lock"), text).unwrap();
        ground.entracte.json(&["rollback"]).code(0);
        ground.is_old(&when);
    }
    effort::tried("false holders that hold nobody up", texts.len() as u64);
}

/// Nor does what is written of a process in the background.
#[test]
fn nobody_waits_for_a_strangers_process() {
    let (ground, sleeper) = (Ground::new(), Sleeper::new());
    // Processes are told apart by the tick in which they started, too.
    thread::sleep(Duration::from_millis(50));
    let killed = ground.faulty("swap.operation:3=kill");
    killed.run(&["apply"]);
    let current = state(&ground).join("runner/current.json");
    let mut runner: Value = serde_json::from_slice(&fs::read(&current).unwrap()).unwrap();
    for boot in [boot(), "00000000-0000-0000-0000-000000000000".to_owned()] {
        runner["pid"] = sleeper.0.id().into();
        runner["boot"] = boot.into();
        fs::write(&current, runner.to_string()).unwrap();
        let mut command = ground.entracte.command(&["--json", "attach"]);
        let mut attached = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let since = Instant::now();
        while attached.try_wait().unwrap().is_none() {
            if since.elapsed() > Duration::from_secs(20) {
                attached.kill().unwrap();
                panic!("attach waits for a process that is not ours: {runner:#}");
            }
            thread::sleep(Duration::from_millis(20));
        }
        assert_eq!(attached.wait().unwrap().code(), Some(6));
    }
    for text in ["", "garbage", "{}"] {
        fs::write(&current, text).unwrap();
        assert!([3, 6].contains(&ground.entracte.json(&["attach"]).exit), "{text:?}");
    }
    ground.entracte.json(&["rollback"]).code(0);
    ground.is_old("after strangers");
}

/// Where the lock should be stands something else: that is said, nothing hangs,
/// and nothing behind a link is touched.
#[test]
fn something_else_stands_in_the_locks_place() {
    let ground = Ground::new();
    let (lock, victim) = (state(&ground).join("lock"), ground.small.folder.path().join("victim"));
    fs::write(&victim, "a file of somebody else\n").unwrap();
    let lay: [(&str, &dyn Fn()); 5] = [
        ("a folder", &|| fs::create_dir(&lock).unwrap()),
        ("a pipe", &|| drop(crate::support::process::run("mkfifo", &[lock.to_str().unwrap()]))),
        ("a link", &|| symlink(&victim, &lock).unwrap()),
        ("a link to nowhere", &|| symlink(victim.with_extension("new"), &lock).unwrap()),
        ("a device", &|| {
            drop(crate::support::process::run("mknod", &[lock.to_str().unwrap(), "c", "1", "3"]))
        }),
    ];
    for (what, lay) in &lay {
        let _ = fs::remove_file(&lock);
        lay();
        for verb in [&["status"][..], &["apply"], &["apply", "--foreground"], &["rollback"]] {
            let said = refused_soon(&ground.entracte, verb, what);
            let is_clear = said.contains(lock.to_str().unwrap()) && said.contains("no file");
            assert!(is_clear, "{what}, {verb:?}: {said}");
            ground.old.assert_same(&ground.small.look(), what);
        }
        assert_eq!(fs::read_to_string(&victim).unwrap(), "a file of somebody else\n", "{what}");
        assert!(!victim.with_extension("new").exists(), "{what} was followed");
        let _ = fs::remove_dir(&lock);
    }
    let _ = fs::remove_file(&lock);
    crate::support::update::apply(&ground.entracte);
    ground.is_new("the lock is a file again");
}

fn refused_soon(entracte: &Entracte, verb: &[&str], what: &str) -> String {
    let mut command = entracte.command(&[&["--json"], verb].concat());
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let since = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if since.elapsed() > Duration::from_secs(20) {
            child.kill().unwrap();
            child.wait().unwrap();
            panic!("{what}: {verb:?} hangs");
        }
        thread::sleep(Duration::from_millis(10));
    }
    let output = child.wait_with_output().unwrap();
    let document: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{what}: {verb:?}: {error}: {output:?}"));
    let exit = document["exit"].as_i64().unwrap();
    assert!([1, 5, 6].contains(&exit), "{what}: {verb:?}: {document:#}");
    document["error"].to_string()
}

/// A lock that its owner may not open.
#[test]
fn a_lock_that_cannot_be_opened() {
    let ground = Ground::new();
    // As root everything can be opened: the site becomes somebody's.
    crate::support::bed::chown(&ground.parent());
    fs::set_permissions(ground.small.folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let lock = state(&ground).join("lock");
    fs::write(&lock, "").unwrap();
    crate::support::process::run("chown", &["root:root", lock.to_str().unwrap()]);
    fs::set_permissions(&lock, fs::Permissions::from_mode(0o000)).unwrap();
    let entracte = Entracte::new(&ground.small.root());
    for verb in [&["status"][..], &["apply"]] {
        let said = refused_soon(&entracte, verb, "an unreadable lock");
        assert!(said.contains("lock") && said.contains("ermission"), "{said}");
    }
}

/// After a reboot nothing of what was noted lives, and the boot has another id.
#[test]
fn after_a_reboot() {
    let ground = Ground::new();
    let template = Template::of(&ground);
    let sleeper = Sleeper::new();
    let points = [
        "prepare.copy:2",
        "swap.operation:6",
        "migrate.statement:2",
        "run-once.started",
        "journal.written:14",
    ];
    for point in points {
        for verb in ["resume", "rollback"] {
            let when = format!("rebooted at {point}, then {verb}");
            template.lay();
            ground.faulty(&format!("{point}=kill")).run(&["apply"]);
            for file in ["lock", "runner/current.json"] {
                let path = state(&ground).join(file);
                let mut noted: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
                noted["boot"] = "00000000-0000-0000-0000-000000000000".into();
                noted["pid"] = sleeper.0.id().into();
                fs::write(&path, noted.to_string()).unwrap();
            }
            let status = ground.status_is_true(&when);
            assert_eq!(status["run"]["state"], "failed", "{when}: {status:#}");
            let said = ground.entracte.json(&["attach"]).refused(6);
            assert!(said.contains("resume") && said.contains("rollback"), "{when}: {said}");
            ground.entracte.json(&[verb]).code(0);
            match verb {
                "resume" => ground.is_new(&when),
                _ => ground.is_old(&when),
            }
        }
    }
    effort::tried("reboots in the middle of a run", 2 * points.len() as u64);
}
