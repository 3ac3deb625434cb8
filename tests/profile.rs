//! What a profile says of the application's own programs: a lock that rewrites
//! files of the site, an upgrade that keeps a file in step with the database.

#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "tests look from outside")]

mod support;

use std::fs;
use std::io::Read;
use std::io::Write;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::path::PathBuf;
use std::thread;

use serde_json::Value;

use support::run::Entracte;
use support::small::Look;
use support::small::SmallSite;
use support::update;

const SITE: &str = r#"
format = 1
name = "generic"
title = "a small site"
detect = []
gate = ["none"]

[release]
schema = ["schema/*.sql"]
run_once = ["run_once/*"]
"#;

/// Rewrites a file with other bits, makes one, and on opening rewrites again.
const LOCK: &str = r#"
[lock]
close = ["sh", "-c", "echo locked = 1 > config/app.conf; chmod 600 config/app.conf; echo since > config/lock.txt"]
open = ["sh", "-c", "echo locked = 0 > config/app.conf"]
changes = ["config/*"]
"#;

const FAILING_LOCK: &str = r#"
[lock]
close = ["sh", "-c", "echo locked = 1 > config/app.conf; exit 3"]
open = ["sh", "-c", "echo locked = 0 > config/app.conf"]
changes = ["config/app.conf"]
"#;

/// Refuses to go from 2 to 2, as an application does whose database is new already.
const UPGRADE: &str = r#"
[upgrade]
argv = ["sh", "-c", "grep -q 1 config/database-version || exit 9; echo 2 > config/database-version; exit 3"]
success = [0, 3]
changes = ["config/database-version"]
limit_seconds = 60
"#;

/// A small site with a profile of its own, ready to be updated.
struct Own {
    small: SmallSite,
    entracte: Entracte,
    old: Look,
}

impl Own {
    fn new(rules: &str) -> Own {
        Own::adopted(rules, |small| small.adopt())
    }

    fn adopted(rules: &str, adopt: impl FnOnce(&SmallSite) -> Entracte) -> Own {
        let small = SmallSite::new();
        small.write(&small.path("config/app.conf"), "# by hand\n");
        small.write(&small.path("config/database-version"), "1\n");
        let entracte = adopt(&small);
        let profile = small.root().with_file_name(".entracte-site").join("profile.toml");
        fs::write(&profile, format!("{SITE}{rules}")).unwrap();
        fs::set_permissions(&profile, fs::Permissions::from_mode(0o600)).unwrap();
        small.stage(&entracte);
        update::plan_and_approve(&entracte);
        let old = small.look();
        Own { small, entracte, old }
    }

    fn faulty(&self, fault: &str) -> Entracte {
        Entracte::with_fault(&self.small.root(), fault)
    }

    fn state(&self) -> PathBuf {
        self.small.root().with_file_name(".entracte-site")
    }

    #[track_caller]
    fn is_old(&self, when: &str) {
        self.old.assert_same(&self.small.look(), when);
        assert!(!self.state().join("gate/closed").exists(), "the gate is closed, {when}");
    }

    #[track_caller]
    fn rolled_back(&self, when: &str) {
        assert_eq!(self.entracte.json(&["rollback"]).code(0)["outcome"], "rolled-back", "{when}");
        self.is_old(when);
    }

    /// The number of the journal's first line that `is_wanted`, counted from 1.
    fn line_of(&self, is_wanted: impl Fn(&Value) -> bool) -> usize {
        let run = fs::read_dir(self.state().join("runs")).unwrap().next().unwrap().unwrap();
        let journal = fs::read_to_string(run.path().join("journal.jsonl")).unwrap();
        let entry = |line: &str| serde_json::from_str::<Value>(line).unwrap()["entry"].clone();
        journal.lines().position(|line| is_wanted(&entry(line))).unwrap() + 1
    }
}

#[test]
fn what_the_lock_changes_is_no_difference_and_is_taken_back() {
    let own = Own::new(LOCK);
    update::apply(&own.entracte);
    assert_eq!(own.small.read("config/app.conf"), "locked = 0\n", "going forward it is the application's");
    assert_eq!(own.small.read("index.html"), "<h1>small 2</h1>\n");
    own.rolled_back("after success");
}

#[test]
fn a_lock_that_fails_half_way_leaves_the_site_as_it_was() {
    let own = Own::new(FAILING_LOCK);
    own.entracte.json(&["apply", "--foreground"]).refused(1);
    own.is_old("the lock failed");
}

#[test]
fn stopped_behind_the_lock_and_taken_back() {
    for step in ["save", "swap", "verify"] {
        let own = Own::new(LOCK);
        own.entracte.json(&["apply", "--stop-before", step]).code(0);
        assert_eq!(own.small.read("config/app.conf"), "locked = 1\n", "{step}");
        own.rolled_back(step);
    }
}

#[test]
fn killed_around_the_lock_and_taken_back() {
    let counted = Own::new(LOCK);
    update::apply(&counted.entracte);
    let closed = counted.line_of(|entry| entry["event"] == "done" && entry["step"] == "close");
    let after_lock = format!("journal.write:{closed}=kill");
    for fault in ["gate-flag-written:1=kill", "gate-server-closed:1=kill", &after_lock] {
        let own = Own::new(LOCK);
        own.faulty(fault).run(&["apply", "--foreground"]).killed();
        own.rolled_back(fault);
    }
}

#[test]
fn killed_while_it_is_unlocked_and_taken_back_again() {
    for fault in ["gate-unlocked:1=kill", "gate-server-opened:1=kill"] {
        let own = Own::new(LOCK);
        own.entracte.json(&["apply", "--stop-before", "swap"]).code(0);
        own.faulty(fault).run(&["rollback", "--foreground"]).killed();
        own.rolled_back(fault);
    }
}

/// What stood in its files before it was locked nobody knows then.
#[test]
fn a_site_that_was_closed_by_hand_is_open_after_a_rollback() {
    let own = Own::new(LOCK);
    own.entracte.json(&["close"]).code(0);
    own.entracte.json(&["apply", "--stop-before", "swap"]).code(0);
    own.entracte.json(&["rollback"]).code(0);
    assert_eq!(own.small.read("config/app.conf"), "locked = 0\n");
    assert!(!own.state().join("gate/closed").exists());
}

#[test]
fn other_exit_statuses_may_mean_success() {
    let own = Own::new(UPGRADE);
    update::apply(&own.entracte);
    assert_eq!(own.small.read("config/database-version"), "2\n");
    own.rolled_back("after an upgrade that ended with 3");
    let own = Own::new(&UPGRADE.replace("[0, 3]", "[0]"));
    own.entracte.json(&["apply", "--foreground"]).refused(6);
    own.rolled_back("after an upgrade whose 3 means failure");
}

/// The database goes back to its dump, and so does the file that speaks of it.
#[test]
fn an_upgrade_of_unknown_outcome_begins_again() {
    let counted = Own::new(UPGRADE);
    update::apply(&counted.entracte);
    let done = counted.line_of(|entry| entry["event"] == "upgrade" && entry["state"] == "done");
    let own = Own::new(UPGRADE);
    own.faulty(&format!("journal.write:{done}=kill")).run(&["apply", "--foreground"]).killed();
    assert_eq!(own.small.read("config/database-version"), "2\n");
    assert_eq!(own.entracte.json(&["resume"]).code(0)["outcome"], "finished");
    assert_eq!(own.small.read("config/database-version"), "2\n");
    own.rolled_back("after resume");
}

/// An application that is locked is closed for the operator, too.
#[test]
fn a_locked_site_is_not_taken_for_an_ailing_one() {
    let own = Own::adopted(LOCK, |small| {
        let url = serve(&small.root());
        let entracte = small.adopt_with(&["--url", &url]);
        let settings = small.root().with_file_name(".entracte-site/entracte.toml");
        let mut document: toml_edit::DocumentMut = fs::read_to_string(&settings).unwrap().parse().unwrap();
        document["gate"]["kind"] = toml_edit::value("command");
        for name in ["close", "open"] {
            document["gate"][name] = toml_edit::value(toml_edit::Array::from_iter(["true"]));
        }
        fs::write(&settings, document.to_string()).unwrap();
        entracte
    });
    update::apply(&own.entracte);
    own.rolled_back("after an update behind the application's own closed page");
}

/// Serves the small site: its gate for those without the pass, and the
/// application, which answers everybody with 503 while it is locked. The address.
fn serve(root: &Path) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let flag = root.with_file_name(".entracte-site/gate/closed");
    let lock = root.join("config/app.conf");
    thread::spawn(move || {
        for connection in listener.incoming() {
            let mut connection = connection.unwrap();
            let mut head = [0; 8192];
            let length = connection.read(&mut head).unwrap_or(0);
            let head = String::from_utf8_lossy(&head[..length]).to_ascii_lowercase();
            let is_shut = flag.exists() && !head.contains("x-entracte-pass");
            let is_locked = fs::read_to_string(&lock).is_ok_and(|text| text == "locked = 1\n");
            let ours = "Retry-After: 60\r\nCache-Control: no-store\r\nX-Entracte: closed\r\n";
            let (status, headers) = match (is_shut, is_locked) {
                (true, _) => ("503 Service Unavailable", ours),
                (false, true) => ("503 Service Unavailable", ""),
                (false, false) => ("200 OK", ""),
            };
            let ending = "Content-Length: 5\r\nConnection: close\r\n\r\nsmall";
            let _ = connection.write_all(format!("HTTP/1.1 {status}\r\n{headers}{ending}").as_bytes());
        }
    });
    url
}
