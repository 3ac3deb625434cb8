//! Whole stories at the console, in a real browser: what operators do and see,
//! by the words on the pages alone (`tests/console/browser/operator.mjs`), and
//! what became of the site by it.

mod lost;
mod press;
mod relay;
mod shared;

use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;
use serde_json::json;

use super::browser;
use super::desk::Console;
use super::support::ground::Ground;
use super::support::small::SmallSite;
use super::worker;

/// A fault point in the middle of the swap: the site is closed, and a part of it is new.
const IN_SWAP: &str = "swap.exchanged:5=halt";

/// Tells the story `NAME.mjs`; `done` does what nobody does in a browser.
#[track_caller]
fn tell(name: &str, mut asked: Value, done: impl FnMut(&Value) -> Value) {
    let pictures = browser::pictures(name);
    let _ = fs::remove_dir_all(&pictures);
    asked["pictures"] = json!(pictures);
    browser::talk(name, &asked, done);
}

/// The process that works on one site, as a story speaks of it.
struct Work {
    site: PathBuf,
    pid: u32,
}

impl Work {
    fn on(site: &Path) -> Work {
        Work { site: site.to_owned(), pid: 0 }
    }

    #[track_caller]
    fn does(&mut self, asked: &Value) -> Value {
        match asked["please"].as_str().unwrap() {
            "halted" => self.pid = worker::halted(&self.site),
            "still halted" => assert_eq!(worker::halted(&self.site), self.pid),
            "goes on" => worker::goes_on(self.pid),
            "gone" => worker::gone(&self.site),
            other => panic!("nobody knows how to do {other:?}"),
        }
        Value::Null
    }
}

/// Puts a release into the inbox as one archive.
fn drop_archive(small: &SmallSite, name: &str) {
    let archive = worker::state(&small.root()).join("inbox").join(name);
    let mut tar = Command::new("tar");
    tar.arg("-cf").arg(archive).arg("-C").arg(small.release(2)).arg(".");
    assert!(tar.status().unwrap().success());
}

#[test]
fn the_whole_wizard_and_what_history_says_of_it() {
    let ground = Ground::fresh();
    let site = ground.small.root();
    drop_archive(&ground.small, "small-2.tar");
    let entracte = ground.faulty(IN_SWAP);
    let console = Console::start(&entracte, &[]);
    let mut work = Work::on(&site);
    let asked = json!({
        "link": console.link,
        "archive": "small-2.tar",
        "removed": [
            "app/becomes-file/one.txt",
            "app/becomes-file/two.txt",
            "app/becomes-folder",
            "app/emptied/last.txt",
            "app/removed.txt",
        ],
    });
    tell("whole", asked, |line| {
        if line["please"] != "compare" {
            return work.does(line);
        }
        let run = line["run"].as_str().unwrap();
        assert_eq!(line["name"], format!("{run}-journal.jsonl"));
        let journal = worker::state(&site).join("runs").join(run).join("journal.jsonl");
        let kept = fs::read_to_string(line["kept"].as_str().unwrap()).unwrap();
        assert_eq!(kept, fs::read_to_string(journal).unwrap());
        let status = ground.entracte.json(&["show", run]).code(0);
        assert_eq!(status["plan"], line["plan"]);
        Value::Null
    });
    ground.is_new("after the whole wizard");
}

#[test]
fn one_step_at_a_time() {
    let ground = Ground::new();
    let console = Console::start(&ground.entracte, &[]);
    tell("steps", json!({"link": console.link}), |line| panic!("{line}"));
    ground.is_new("after eight buttons");
}
