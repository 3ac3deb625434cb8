//! The web server is away when somebody has to prove that visitors are out: an
//! update and its way back leave the site as it was, say which address did not
//! answer, and work once it answers.

use std::fs;
use std::path::Path;
use std::path::PathBuf;

use serde_json::Value;
use serde_json::json;

use crate::bed::Bed;
use crate::bed::Server;
use crate::bed::free_port;
use crate::look::ask;
use crate::support::run::Answered;
use crate::support::run::Entracte;
use crate::support::snapshot::Tree;
use crate::support::update;

/// A site of release 1 behind nginx with release 2 staged.
struct Ground {
    bed: Bed,
    entracte: Entracte,
    port: u16,
    snippet: String,
    server: Option<Server>,
    old: Tree,
}

impl Ground {
    fn new() -> Ground {
        let (bed, port) = (Bed::new(), free_port());
        let releases = ["1", "2"].map(|version| release(&bed, version));
        lay(&bed.site(), "1");
        let (site, server) = (bed.site(), bed.nginx_at(port, ""));
        let entracte = Entracte::new(&site);
        let init = ["init", site.to_str().unwrap(), "--profile", "generic", "--url", &server.base];
        entracte.json(&[&init[..], &["--release", releases[0].to_str().unwrap()]].concat()).code(0);
        let old = Tree::of(&site);
        let mut ground = Ground { bed, entracte, port, snippet: String::new(), server: Some(server), old };
        ground.set("gate", "kind", "nginx".into());
        ground.set("gate", "drain_seconds", 0.0.into());
        ground.set("php", "revalidate_seconds", 0.0.into());
        ground.entracte.json(&["gate", "install"]).code(0);
        let shown = ground.entracte.run(&["gate", "show"]).code(0).stdout;
        ground.snippet = shown[shown.find("    # BEGIN").unwrap()..].to_owned();
        ground.goes_away();
        ground.comes_back();
        let release = releases[1].to_str().unwrap();
        ground.entracte.json(&["stage", "--from", release, "--complete", "--version", "2"]).code(0);
        update::plan_and_approve(&ground.entracte);
        ground
    }

    /// With release 2 in place and visitors back.
    fn reopened() -> Ground {
        let ground = Ground::new();
        update::apply(&ground.entracte);
        ground.is_new("applied");
        ground
    }

    fn set(&self, table: &str, key: &str, value: toml_edit::Value) {
        let path = self.state().join("entracte.toml");
        let mut settings: toml_edit::DocumentMut = fs::read_to_string(&path).unwrap().parse().unwrap();
        settings[table][key] = toml_edit::Item::Value(value);
        fs::write(path, settings.to_string()).unwrap();
    }

    fn state(&self) -> PathBuf {
        self.bed.folder.path().join(".entracte-site")
    }

    fn goes_away(&mut self) {
        self.server = None;
    }

    fn comes_back(&mut self) {
        self.server = Some(self.bed.nginx_at(self.port, &self.snippet));
    }

    /// As a server that somebody set up anew and forgot the gate.
    fn comes_back_without_the_gate(&mut self) {
        self.server = None;
        self.server = Some(self.bed.nginx_at(self.port, ""));
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}/", self.port)
    }

    /// What the journal of the run says happened, its last lines.
    fn last_events(&self, count: usize) -> Vec<String> {
        let run = self.entracte.json(&["status"]).result["run"]["id"].as_str().unwrap().to_owned();
        let text = fs::read_to_string(self.state().join("runs").join(run).join("journal.jsonl")).unwrap();
        let event = |line: &str| {
            let line: Value = serde_json::from_str(line).unwrap();
            line["entry"]["event"].as_str().unwrap().to_owned()
        };
        let all: Vec<String> = text.lines().map(event).collect();
        all[all.len() - count..].to_vec()
    }

    #[track_caller]
    fn is_new(&self, when: &str) {
        assert_eq!(fs::read_to_string(self.bed.site().join("VERSION")).unwrap(), "2\n", "{when}");
        let status = self.entracte.json(&["status"]).code(0);
        assert_eq!(status["run"]["state"], "finished", "{when}: {status:#}");
        assert_eq!(status["run"]["message"], Value::Null, "{when}: {status:#}");
        assert_eq!(status["run"]["closed"], false, "{when}: {status:#}");
        assert_eq!(status["next"], json!(["rollback", "commit"]), "{when}: {status:#}");
        self.is_open("2\n", when);
    }

    #[track_caller]
    fn is_old(&self, when: &str) {
        self.old.assert_same(&Tree::of(&self.bed.site()), when);
        let status = self.entracte.json(&["status"]).result;
        assert_eq!(status["run"]["state"], "rolled-back", "{when}: {status:#}");
        self.is_open("1\n", when);
    }

    #[track_caller]
    fn is_open(&self, version: &str, when: &str) {
        assert!(!self.state().join("gate/closed").exists(), "the gate is closed, {when}");
        if let Some(server) = &self.server {
            let (status, _, body) = ask(server, "/VERSION", &[]);
            assert_eq!((status, body.as_str()), (200, version), "{when}");
        }
    }

    fn rollback(&self) -> Answered {
        self.entracte.json(&["rollback", "--foreground"])
    }
}

fn release(bed: &Bed, version: &str) -> PathBuf {
    let folder = bed.folder.path().join(format!("release-{version}"));
    lay(&folder, version);
    folder
}

fn lay(folder: &Path, version: &str) {
    fs::create_dir_all(folder).unwrap();
    let _ = fs::remove_dir_all(folder.join("assets"));
    fs::write(folder.join("index.php"), format!("<?php echo '<title>Home</title>{version}';")).unwrap();
    fs::write(folder.join("VERSION"), format!("{version}\n")).unwrap();
}

/// What is told to whoever cannot prove that visitors are out.
#[track_caller]
fn names_the_address(said: &str, url: &str) {
    assert!(said.contains(&format!("nothing answers at {url}")), "{said}");
    assert!(said.contains("is the web server running"), "{said}");
    assert!(said.contains("set `url` in entracte.toml"), "{said}");
}

#[test]
fn a_rollback_leaves_the_site_open_and_works_later() {
    let mut ground = Ground::reopened();
    ground.goes_away();
    for when in ["the server is away", "it still is"] {
        let said = ground.rollback().refused(1);
        names_the_address(&said, &ground.url());
        assert!(said.contains("the new release stands and the site is open"), "{when}: {said}");
        assert_eq!(ground.last_events(4), ["undo-opened", "closing", "opening", "undo-withdrawn"]);
        ground.is_new(when);
    }
    ground.entracte.json(&["resume"]).refused(3);
    ground.comes_back();
    ground.is_new("the server is back");
    ground.rollback().code(0);
    ground.is_old("rolled back once the server was back");
}

#[test]
fn a_gate_that_the_server_forgot_is_not_believed() {
    let mut ground = Ground::reopened();
    ground.comes_back_without_the_gate();
    let said = ground.rollback().refused(1);
    assert!(said.contains("visitors get 200 at") && said.contains("gate show"), "{said}");
    ground.is_new("nobody could be kept out");
    ground.entracte.json(&["commit"]).code(0);
    ground.rollback().refused(3);
}

#[test]
fn an_update_changes_nothing_and_works_later() {
    let mut ground = Ground::new();
    ground.goes_away();
    let said = ground.entracte.json(&["apply", "--foreground"]).refused(1);
    names_the_address(&said, &ground.url());
    assert!(said.contains("nothing has changed and the site is open"), "{said}");
    ground.is_old("the server is away");
    ground.comes_back();
    ground.is_old("the server is back");
    update::apply(&ground.entracte);
    ground.is_new("applied once the server was back");
}

/// Killed anywhere on the way there: the run goes back or stands as it stood, and
/// whoever asks again gets there.
#[test]
fn killed_while_nobody_can_prove_it() {
    let mut ground = Ground::reopened();
    let lines = (1..=4).map(|line| format!("journal.written:{line}"));
    let gate = ["gate-flag-written", "gate-server-closed", "gate-server-opened"].map(str::to_owned);
    for (number, point) in lines.chain(gate).enumerate() {
        let when = format!("killed at {point} while the server was away");
        ground.goes_away();
        let faulty = Entracte::with_fault(&ground.bed.site(), &format!("{point}=kill"));
        faulty.run(&["rollback", "--foreground"]).killed();
        let status = ground.entracte.json(&["status"]).result;
        let is_closed = ground.state().join("gate/closed").exists();
        assert_eq!(status["gate"]["closed"], is_closed, "{when}: {status:#}");
        if number % 2 == 0 {
            names_the_address(&ground.rollback().refused(1), &ground.url());
            ground.is_new(&format!("{when}, asked again"));
        }
        ground.comes_back();
        ground.rollback().code(0);
        ground.is_old(&format!("{when}, rolled back"));
        update::plan_and_approve(&ground.entracte);
        update::apply(&ground.entracte);
    }
}

/// Undone in part there is no way but back: it waits for the server, and says so.
#[test]
fn cut_off_on_the_way_back() {
    let mut ground = Ground::reopened();
    let faulty = Entracte::with_fault(&ground.bed.site(), "swap.undone=kill");
    faulty.run(&["rollback", "--foreground"]).killed();
    ground.goes_away();
    names_the_address(&ground.rollback().refused(6), &ground.url());
    let status = ground.entracte.json(&["status"]).code(6);
    let message = status["run"]["message"].as_str().unwrap();
    assert!(message.contains(&format!("visitors of {} are kept out", ground.url())), "{message}");
    assert_eq!(status["next"], json!(["rollback"]), "{status:#}");
    ground.comes_back();
    ground.rollback().code(0);
    ground.is_old("rolled back once the server was back");
}
