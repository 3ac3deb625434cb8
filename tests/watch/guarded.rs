//! A small site with folders that visitors fill, under watch.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use serde_json::Value;

use super::support::run::Entracte;
use super::support::small::SmallSite;

const PROFILE: &str = r#"
format = 1
name = "generic"
title = "a small site"
detect = []
keep = ["local.php", "media"]
volatile = ["tmp", "app/log.txt"]
uploads = ["media"]
optional = ["app/tool.sh"]
gate = ["none"]

[release]
schema = ["schema/*.sql"]
run_once = ["run_once/*"]
"#;

pub struct Guarded {
    pub small: SmallSite,
    pub entracte: Entracte,
}

impl Guarded {
    pub fn new() -> Guarded {
        Guarded::with(&[])
    }

    pub fn with(more: &[&str]) -> Guarded {
        Guarded::on(SmallSite::in_memory(), more)
    }

    pub fn on(small: SmallSite, more: &[&str]) -> Guarded {
        // The state must be there before the profile in it.
        let entracte = small.adopt_with(more);
        let guarded = Guarded { small, entracte };
        fs::write(guarded.state().join("profile.toml"), PROFILE).unwrap();
        guarded
    }

    pub fn state(&self) -> PathBuf {
        self.small.root().with_file_name(".entracte-site")
    }

    pub fn write(&self, path: &str, bytes: impl AsRef<[u8]>) {
        let path = self.small.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    pub fn mode(&self, path: &str, mode: u32) {
        fs::set_permissions(self.small.path(path), fs::Permissions::from_mode(mode)).unwrap();
    }

    pub fn set(&self, text: &str) {
        let settings = self.state().join("entracte.toml");
        let old = fs::read_to_string(&settings).unwrap();
        fs::write(settings, format!("{old}\n{text}\n")).unwrap();
    }

    #[track_caller]
    pub fn watch(&self, code: i32, more: &[&str]) -> Value {
        self.entracte.json(&[&["watch"], more].concat()).code(code)
    }

    #[track_caller]
    pub fn clean(&self, when: &str) -> Value {
        let answer = self.entracte.json(&["watch"]);
        assert_eq!(answer.exit, 0, "{when}: {:#}", answer.result["details"]);
        answer.result
    }

    /// What a person reads.
    pub fn text(&self, more: &[&str]) -> String {
        let output = self.entracte.command(&[&["watch"], more].concat()).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    }

    pub fn history(&self, event: &str) -> Vec<String> {
        let text = fs::read_to_string(self.state().join("history.jsonl")).unwrap();
        let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        lines
            .filter(|line| line["event"] == event)
            .map(|line| line["detail"].as_str().unwrap().to_owned())
            .collect()
    }
}

/// `kind path: code code` of each finding; that it is recent goes without saying.
pub fn told(answer: &Value) -> Vec<String> {
    codes(&answer["details"])
}

pub fn codes(details: &Value) -> Vec<String> {
    let told = |detail: &Value| {
        let codes = detail["why"].as_array().unwrap().iter().map(|why| why["code"].as_str().unwrap());
        let codes: Vec<&str> = codes.filter(|code| *code != "recent").collect();
        let text = format!(
            "{} {}: {}",
            detail["kind"].as_str().unwrap(),
            detail["path"].as_str().unwrap(),
            codes.join(" ")
        );
        text.trim_end_matches([' ', ':']).to_owned()
    };
    details.as_array().unwrap().iter().map(told).collect()
}
