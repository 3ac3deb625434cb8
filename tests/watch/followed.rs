//! What the clock starts, what goes on, and what is told of both.

use std::fs;
use std::io::BufRead;
use std::io::BufReader;
use std::os::unix::fs::PermissionsExt;
use std::process::Child;
use std::process::Stdio;
use std::sync::mpsc;
use std::time::Duration;

use nix::sys::signal::Signal;
use nix::sys::signal::kill;
use nix::unistd::Pid;

use super::guarded::Guarded;
use super::support::faketime;

struct Following {
    child: Child,
    lines: mpsc::Receiver<String>,
}

impl Following {
    fn start(site: &Guarded) -> Following {
        let mut child = site
            .entracte
            .command(&["watch", "--follow"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
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
    fn says(&self, wanted: &str) -> String {
        let mut heard = Vec::new();
        while let Ok(line) = self.lines.recv_timeout(Duration::from_secs(30)) {
            if line.contains(wanted) {
                return line;
            }
            heard.push(line);
        }
        panic!("nobody said {wanted:?}, only {heard:#?}");
    }

    #[track_caller]
    fn end(mut self) -> i32 {
        kill(Pid::from_raw(self.child.id() as i32), Signal::SIGINT).unwrap();
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
