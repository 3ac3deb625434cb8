//! What the clock starts, what goes on, and what is told of both.

use std::fs;
use std::io::BufRead;
use std::io::BufReader;
use std::os::unix::fs::PermissionsExt;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::sync::mpsc;
use std::time::Duration;

use nix::sys::signal::Signal;
use nix::sys::signal::kill;
use nix::unistd::Pid;

use super::guarded::Guarded;
use super::support::effort;
use super::support::faketime;

pub struct Following {
    child: Child,
    lines: mpsc::Receiver<String>,
}

impl Following {
    pub fn start(site: &Guarded) -> Following {
        Following::of(site.entracte.command(&["watch", "--follow"]))
    }

    /// The same where the system gives so few: of a user namespace of its own, whose limits are nobody else's.
    fn with_limit(site: &Guarded, name: &str, limit: u32) -> Following {
        let follow = site.entracte.command(&["watch", "--follow"]);
        let script = format!("echo {limit} > /proc/sys/user/{name} && exec \"$0\" \"$@\"");
        let mut command = Command::new("unshare");
        command.args(["--user", "--map-root-user", "sh", "-c", &script]).arg(follow.get_program());
        command.args(follow.get_args()).env_clear().stdin(Stdio::null());
        command.envs(follow.get_envs().filter_map(|(name, value)| Some((name, value?))));
        Following::of(command)
    }

    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id() as i32), signal).unwrap();
    }

    fn of(mut command: Command) -> Following {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (send, lines) = mpsc::channel();
        let (out, talk) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        let other = send.clone();
        std::thread::spawn(move || {
            BufReader::new(out).lines().map_while(Result::ok).for_each(|line| drop(send.send(line)))
        });
        std::thread::spawn(move || {
            BufReader::new(talk).lines().map_while(Result::ok).for_each(|line| drop(other.send(line)))
        });
        Following { child, lines }
    }

    /// Waits for a line that says this.
    #[track_caller]
    pub fn says(&self, wanted: &str) -> String {
        let mut heard = Vec::new();
        while let Ok(line) = self.lines.recv_timeout(Duration::from_secs(30)) {
            if line.contains(wanted) {
                return line;
            }
            heard.push(line);
        }
        panic!("nobody said {wanted:?}, only {heard:#?}");
    }

    /// Waits for lines that say these, in whatever order they come from the two pipes.
    #[track_caller]
    fn says_all(&self, wanted: &[&str]) {
        let (mut wanted, mut heard) = (wanted.to_vec(), Vec::new());
        while !wanted.is_empty() {
            let line = self.lines.recv_timeout(Duration::from_secs(30));
            let line = line.unwrap_or_else(|_| panic!("nobody said {wanted:?}, only {heard:#?}"));
            wanted.retain(|text| !line.contains(text));
            heard.push(line);
        }
    }

    #[track_caller]
    pub fn end(mut self) -> i32 {
        self.signal(Signal::SIGINT);
        self.child.wait().unwrap().code().unwrap()
    }
}

#[test]
fn findings_are_told_as_they_come_and_go() {
    let site = Guarded::new();
    let following = Following::start(&site);
    following.says("following");
    site.write("app/new/folder/shell.php", "<?php eval($_POST[1]);");
    let line = following.says("shell.php");
    assert!(line.starts_with("+ unexpected app/new/folder/shell.php  code that runs"), "{line}");
    // In a folder that came while it followed.
    site.write("app/new/folder/more.php", "<?php eval($_POST[1]);");
    following.says("more.php");
    fs::remove_file(site.small.path("app/new/folder/shell.php")).unwrap();
    assert_eq!(following.says("shell.php"), "- gone       app/new/folder/shell.php");
    site.write("app/same.txt", "changed\n");
    following.says("+ modified   app/same.txt");
    site.write("app/same.txt", "the same in both\n");
    following.says("- gone       app/same.txt");
    assert_eq!(following.end(), 7);
    assert!(site.history("found").len() >= 3);
}

#[test]
fn an_update_is_not_told_as_findings() {
    let site = Guarded::new();
    let following = Following::start(&site);
    following.says("following");
    super::updated::update(&site, 2);
    // What comes after it is, and nothing before.
    site.write("app/late.php", "<?php eval($_POST[1]);");
    let mut lines = Vec::new();
    loop {
        let line = following.lines.recv_timeout(Duration::from_secs(30)).unwrap();
        let is_last = line.contains("late.php");
        lines.push(line);
        if is_last {
            break;
        }
    }
    let told: Vec<&String> = lines.iter().filter(|line| line.starts_with(['+', '-'])).collect();
    assert_eq!(told.len(), 1, "{lines:#?}");
    assert_eq!(following.end(), 7);
}

#[test]
fn people_are_told_when_what_is_found_changes() {
    if faketime::library().is_none() {
        return;
    }
    let site = Guarded::new();
    let (heard, program) = (site.small.folder.path().join("heard"), site.small.folder.path().join("tell.sh"));
    fs::write(&program, format!("#!/bin/sh\ncat >> {}\n", heard.display())).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    site.set(&format!(
        "[notify.command]\nargv = [\"{}\"]\n[schedule]\nwatch = \"@hourly\"",
        program.display()
    ));
    let count = || fs::read_to_string(&heard).unwrap_or_default().matches("\"kind\":\"findings\"").count();
    let tick = |hours: u32| {
        let answer = faketime::at(&site.small, &format!("+{hours}h")).json(&["tick"]);
        answer.result["jobs"].as_array().unwrap().iter().any(|job| job["job"] == "watch")
    };
    tick(1);
    assert!(tick(3), "due");
    assert_eq!(count(), 0, "nothing differs");
    site.write("app/shell.php", "<?php eval($_POST[1]);");
    assert!(tick(5) && tick(7));
    assert_eq!(count(), 1, "once: {}", fs::read_to_string(&heard).unwrap());
    assert!(tick(50));
    assert_eq!(count(), 1, "not again after days, since nothing changed");
    // A person who looks takes no notice away.
    site.write("app/more.php", "<?php eval($_POST[1]);");
    site.watch(7, &[]);
    assert!(tick(52));
    assert_eq!(count(), 2);
    let told = fs::read_to_string(&heard).unwrap();
    assert!(told.contains("2 unexpected") && told.contains("app/more.php: code that runs"), "{told}");
    fs::remove_file(site.small.path("app/more.php")).unwrap();
    fs::remove_file(site.small.path("app/shell.php")).unwrap();
    assert!(tick(54));
    assert_eq!(count(), 2, "that it is well again is nobody's alarm");
    let in_full = || {
        let names = site.state().join("watch").read_dir().unwrap().map(|entry| entry.unwrap().file_name());
        names.filter(|name| name.to_str().unwrap().starts_with("found-")).count()
    };
    assert_eq!(in_full(), 3);
    faketime::at(&site.small, "+200d").json(&["prune"]).code(0);
    assert_eq!(in_full(), 1, "the newest stays");
}

/// Hints that the system keeps for one program.
fn most_queued() -> u32 {
    fs::read_to_string("/proc/sys/fs/inotify/max_queued_events").unwrap().trim().parse().unwrap()
}

#[test]
fn a_storm_of_hints_hides_nothing() {
    let site = Guarded::new();
    let following = Following::start(&site);
    following.says("following");
    // It cannot listen, and a file that nobody judges changes more often than the system keeps hints of.
    following.signal(Signal::SIGSTOP);
    for number in 0..most_queued() {
        site.write("app/log.txt", number.to_string());
    }
    // Of these no hint is left.
    let planted = ["app/shell.php", "schema/shell.php", "shell.php"];
    planted.iter().for_each(|path| site.write(path, "<?php eval($_POST[1]);"));
    site.write("app/same.txt", "changed\n");
    following.signal(Signal::SIGCONT);
    following.says_all(&[
        "more happened than the system keeps hints of",
        "+ modified   app/same.txt",
        "+ unexpected app/shell.php",
        "+ unexpected schema/shell.php",
        "+ unexpected shell.php",
    ]);
    // And it goes on to hear of what comes.
    site.write("app/late.php", "<?php eval($_POST[1]);");
    following.says("app/late.php");
    assert_eq!(following.end(), 7);
}

#[test]
fn where_the_system_allows_no_watches_it_says_so_and_looks() {
    for (name, limit) in [("max_inotify_watches", 3), ("max_inotify_instances", 0)] {
        let site = Guarded::new();
        site.write("app/before.php", "<?php eval($_POST[1]);");
        let following = Following::with_limit(&site, name, limit);
        following.says_all(&["all files are looked at every 60 s instead", "+ unexpected app/before.php"]);
        if effort::is_full() {
            site.write("app/later.php", "<?php eval($_POST[1]);");
            while !following.lines.recv_timeout(Duration::from_secs(100)).unwrap().contains("app/later.php") {
            }
        }
        assert_eq!(following.end(), 7, "{name}");
    }
}

#[test]
fn watches_that_end_while_it_follows_are_told() {
    let site = Guarded::new();
    let folders = 1 + walk(&site.small.root());
    let following = Following::with_limit(&site, "max_inotify_watches", folders + 2);
    following.says("following");
    for number in 0..5 {
        site.write(&format!("app/new-{number}/shell.php"), "<?php eval($_POST[1]);");
    }
    let mut wanted: Vec<String> = (0..5).map(|number| format!("app/new-{number}/shell.php")).collect();
    wanted.push("all files are looked at every 60 s instead".into());
    following.says_all(&wanted.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(following.end(), 7);
}

/// The folders below.
fn walk(folder: &std::path::Path) -> u32 {
    let inside = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    inside.filter(|entry| entry.file_type().unwrap().is_dir()).map(|entry| 1 + walk(&entry.path())).sum()
}
