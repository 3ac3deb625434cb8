//! A small site whose owner is told.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::path::PathBuf;

use entracte::notify::Kind;
use entracte::notify::Notice;
use entracte::site::Site;
use entracte::site::state::State;
use serde_json::Value;

use crate::support::run::Answered;
use crate::support::run::Entracte;
use crate::support::small::SmallSite;

pub struct Lab {
    small: SmallSite,
    pub entracte: Entracte,
    /// As `init` wrote them.
    settings: String,
}

impl Lab {
    /// With these lines about notices.
    pub fn new(notify: &str) -> Lab {
        let small = SmallSite::in_memory();
        let entracte = small.adopt();
        let settings = fs::read_to_string(state(&small).join("entracte.toml")).unwrap();
        let lab = Lab { small, entracte, settings };
        lab.set(notify);
        lab
    }

    /// With other lines in their place.
    pub fn set(&self, notify: &str) {
        fs::write(self.state().join("entracte.toml"), format!("{}\n{notify}", self.settings)).unwrap();
    }

    pub fn state(&self) -> PathBuf {
        state(&self.small)
    }

    /// A place for the owner's own files.
    pub fn folder(&self) -> &Path {
        self.small.folder.path()
    }

    pub fn site(&self) -> Site {
        Site::open(State::find(&self.small.root(), None).unwrap()).unwrap()
    }

    pub fn test(&self) -> Answered {
        self.entracte.json(&["notify", "test"])
    }

    /// A program of the owner's.
    pub fn program(&self, name: &str, script: &str) -> PathBuf {
        let path = self.folder().join(name);
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    /// The files of what waits.
    pub fn waiting(&self) -> Vec<PathBuf> {
        let Ok(entries) = fs::read_dir(self.state().join("notify/queue")) else { return Vec::new() };
        entries.map(|entry| entry.unwrap().path()).collect()
    }

    /// Time passes for all that waits: moments of these names become this one.
    pub fn set_back(&self, names: &[&str], moment: &str) {
        for path in self.waiting() {
            let mut item: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
            for name in names {
                item[name] = moment.into();
            }
            fs::write(&path, item.to_string()).unwrap();
        }
    }

    /// Every file of the state that holds this text.
    pub fn files_with(&self, text: &str) -> Vec<PathBuf> {
        walkdir::WalkDir::new(self.state())
            .into_iter()
            .map(Result::unwrap)
            .filter(|entry| entry.file_type().is_file())
            .map(|entry| entry.into_path())
            .filter(|path| String::from_utf8_lossy(&fs::read(path).unwrap()).contains(text))
            .collect()
    }
}

fn state(small: &SmallSite) -> PathBuf {
    small.root().parent().unwrap().join(".entracte-site")
}

/// An update that was rolled back because of `why`.
pub fn rolled_back(why: &str) -> Notice {
    Notice {
        run: Some("20261121-031145-1f0a".into()),
        from: Some("1".into()),
        to: Some("2".into()),
        details: vec![why.into()],
        log: "verify: 14 files as planned\nrolled back".into(),
        next: vec!["entracte show 20261121-031145-1f0a".into()],
        ..Notice::new(Kind::RolledBack, "The site was not well after the update.", why)
    }
}

/// The settings of mail that goes to Ann.
pub fn to_ann(way: &str) -> String {
    format!("[notify.mail]\nto = [\"Ann <ann@example.org>\"]\nfrom = \"web@example.org\"\n{way}\n")
}
