//! A site to plant defects in, and what the doctor says of it.

use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::OnceLock;

use serde_json::Value;

use crate::support::bed;
use crate::support::bed::Bed;
use crate::support::bed::Server;
use crate::support::process;
use crate::support::run::Entracte;
use crate::support::site::TestSite;
use crate::support::update;

/// A small PHP site on nginx, updated once from 1 to 2, laid down again for each test.
pub struct Clinic {
    pub site: TestSite,
    pub entracte: Entracte,
    template: PathBuf,
    /// What nginx has to know of the gate.
    pub snippet: String,
}

static CLINIC: OnceLock<Mutex<Clinic>> = OnceLock::new();

impl Clinic {
    /// Does something to the site as it was at first, alone.
    pub fn with(treat: impl FnOnce(&Clinic)) {
        let clinic = CLINIC.get_or_init(|| Mutex::new(Clinic::open()));
        let clinic = clinic.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        clinic.lay();
        treat(&clinic);
    }

    fn open() -> Clinic {
        let (bed, name) = (Bed::shared(), "doctor".to_owned());
        let parent = bed.make_parent(&name);
        let site = TestSite { bed, folder: parent.join(&name), name, has_database: false, volatile: &[] };
        for version in [1, 2, 3] {
            lay_down(&bed.folder.join(format!("release-{version}")), version);
        }
        lay_down(&site.folder, 1);
        bed::chown(&parent);
        let entracte = update::adopt(&site, Server::Nginx, &bed.folder.join("release-1"));
        let template = parent.with_file_name("template");
        let snippet = fs::read_to_string(bed.folder.join("conf/snippets/site-doctor.conf")).unwrap();
        let clinic = Clinic { site, entracte, template, snippet };
        let update = ["update", "--yes", "--foreground", "--complete", "--version", "2", "--from"];
        clinic.entracte.json(&[&update[..], &[clinic.release(2).to_str().unwrap()]].concat()).code(0);
        process::run("cp", &["-a", parent.to_str().unwrap(), clinic.template.to_str().unwrap()]);
        clinic
    }

    fn lay(&self) {
        let snippet = self.site.bed.folder.join("conf/snippets/site-doctor.conf");
        if fs::read_to_string(snippet).unwrap() != self.snippet {
            self.site.bed.put_snippet("doctor", &self.snippet);
        }
        let parent = self.site.folder.parent().unwrap();
        let had_settings_of_php = self.site.has(".user.ini");
        process::run("rm", &["-rf", parent.to_str().unwrap()]);
        process::run("cp", &["-a", self.template.to_str().unwrap(), parent.to_str().unwrap()]);
        if had_settings_of_php {
            self.settle(|| self.site.get(Server::Nginx, "").status == 200);
        }
    }

    /// Waits until this is so whichever worker of PHP answers: each one notices
    /// what was done to `.user.ini` in its own time.
    pub fn settle(&self, is_so: impl Fn() -> bool) {
        let mut in_a_row = 0;
        process::wait_for("PHP", &self.site.bed.folder.join("log/php.log"), || {
            in_a_row = if is_so() { in_a_row + 1 } else { 0 };
            in_a_row > 5
        });
    }

    pub fn release(&self, version: u32) -> PathBuf {
        self.site.bed.folder.join(format!("release-{version}"))
    }

    pub fn state(&self, inside: &str) -> PathBuf {
        self.site.folder.with_file_name(".entracte-doctor").join(inside)
    }

    /// Beside the site, gone with it.
    pub fn path(&self, name: &str) -> String {
        self.site.folder.with_file_name(name).to_str().unwrap().to_owned()
    }

    pub fn write(&self, path: &Path, text: &str) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
        bed::chown(path);
    }

    /// Sets one setting, as the owner would with an editor.
    pub fn set(&self, table: &str, name: &str, value: impl Into<toml_edit::Value>) {
        let path = self.state("entracte.toml");
        let mut document: toml_edit::DocumentMut = fs::read_to_string(&path).unwrap().parse().unwrap();
        match table {
            "" => document[name] = toml_edit::value(value),
            table => document[table][name] = toml_edit::value(value),
        }
        fs::write(&path, document.to_string()).unwrap();
    }

    pub fn bend(&self, path: &str, from: &str, to: &str) {
        let path = self.state(path);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{text}");
        fs::write(&path, text.replacen(from, to, 1)).unwrap();
    }

    /// In the folder of the one run.
    pub fn run(&self, inside: &str) -> PathBuf {
        let runs = fs::read_dir(self.state("runs")).unwrap().map(|entry| entry.unwrap().path());
        runs.min().unwrap().join(inside)
    }

    pub fn stage_3(&self) {
        let from = self.release(3);
        let stage = ["stage", "--complete", "--version", "3", "--from", from.to_str().unwrap()];
        self.entracte.json(&stage).code(0);
    }

    pub fn begin_3(&self, apply: &[&str], fault: &str) {
        self.stage_3();
        update::plan_and_approve(&self.entracte);
        let faulty = Entracte::with_fault(&self.site.folder, fault);
        faulty.run(&[&["apply", "--foreground"], apply].concat());
    }
}

fn lay_down(folder: &Path, version: u32) {
    for (path, text) in [
        ("index.php", format!("<?php require 'app/page.php'; page('{version}');\n")),
        (
            "app/page.php",
            format!("<?php function page($v) {{ echo \"<title>of $v</title>\"; }} // {version}\n"),
        ),
        ("app/deep/er.txt", format!("of {version}\n")),
        ("style.css", "body { color: red }\n".into()),
    ] {
        fs::create_dir_all(folder.join(path).parent().unwrap()).unwrap();
        fs::write(folder.join(path), text).unwrap();
    }
}

/// All checks, by whatever exit they deserve.
#[track_caller]
pub fn checks(entracte: &Entracte, more: &[&str]) -> Vec<Value> {
    let answer = entracte.json(&[&["doctor"], more].concat());
    let checks = answer.result["checks"].as_array().unwrap_or_else(|| panic!("{answer:?}")).clone();
    let worst = checks.iter().any(|check| check["level"] == "error");
    assert_eq!(answer.exit, if worst { 7 } else { 0 }, "{answer:?}");
    checks
}

#[track_caller]
pub fn find<'c>(checks: &'c [Value], name: &str) -> &'c Value {
    let found: Vec<&Value> = checks.iter().filter(|check| check["name"] == name).collect();
    assert_eq!(found.len(), 1, "{name}: {checks:#?}");
    found[0]
}

pub fn bad(checks: &[Value]) -> Vec<&Value> {
    checks.iter().filter(|check| check["level"] != "ok").collect()
}
