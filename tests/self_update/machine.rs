//! A machine of somebody's with this program on it, and programs that it becomes:
//! copies with another version in their bytes, which start and say so.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

use serde_json::Value;
use tempfile::TempDir;

/// Nobody else on the machine.
pub const USER: u32 = 47_213;
pub const OWN: &str = env!("CARGO_PKG_VERSION");
pub const NEWER: &str = "7.1.0";

/// A user with a program of their own.
pub struct Machine {
    folder: TempDir,
}

pub struct Ran {
    pub code: i32,
    pub text: String,
}

impl Ran {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }
}

/// This program without what only a debugger reads, and where its version stands in it.
pub fn plain() -> &'static (Vec<u8>, Vec<usize>) {
    static PLAIN: OnceLock<(Vec<u8>, Vec<usize>)> = OnceLock::new();
    PLAIN.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let stripped = folder.path().join("entracte");
        let words = ["-o", stripped.to_str().unwrap(), env!("CARGO_BIN_EXE_entracte")];
        assert!(Command::new("strip").args(words).status().unwrap().success());
        let bytes = fs::read(stripped).unwrap();
        let version = OWN.as_bytes();
        let places = bytes.windows(version.len()).enumerate().filter(|(_, window)| *window == version);
        let places = places.map(|(at, _)| at).collect();
        (bytes, places)
    })
}

/// The same, of another version.
pub fn program(version: &str) -> Vec<u8> {
    let (plain, places) = plain();
    let mut bytes = plain.clone();
    for at in places {
        bytes[*at..at + OWN.len()].copy_from_slice(version.as_bytes());
    }
    bytes
}

impl Machine {
    pub fn new() -> Machine {
        let machine = Machine { folder: tempfile::tempdir_in("/tmp").unwrap() };
        machine.own(machine.folder.path());
        machine.put("bin/entracte", &program(OWN), 0o755);
        machine
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn own(&self, path: &Path) {
        chown(path, Some(USER), Some(USER)).unwrap();
    }

    pub fn put(&self, name: &str, bytes: &[u8], mode: u32) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, bytes).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        let above = path.ancestors().take_while(|path| *path != self.folder.path());
        above.for_each(|path| self.own(path));
    }

    pub fn run(&self, arguments: &[&str]) -> Ran {
        self.run_with(arguments, "")
    }

    pub fn run_with(&self, arguments: &[&str], fault: &str) -> Ran {
        let output = Command::new(self.path("bin/entracte"))
            .args(arguments)
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("HOME", self.path("home"))
            .env("ENTRACTE_FAULT", fault)
            .current_dir(self.folder.path())
            .uid(USER)
            .gid(USER)
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        Ran { code: output.status.code().unwrap_or(-1), text }
    }

    pub fn version(&self) -> String {
        let ran = self.run(&["--version"]);
        assert_eq!(ran.code, 0, "the program does not start: {}", ran.text);
        ran.text.trim().trim_start_matches("entracte ").to_owned()
    }

    /// A release with that program for this kind of machine, and what else is put into it.
    pub fn release(&self, version: &str, program: &[u8], more: &[(&str, &str)]) -> String {
        let tree = self.path(&format!("release-{version}"));
        let platform = format!("{}-{}", std::env::consts::ARCH, std::env::consts::OS);
        self.put(&format!("release-{version}/bin/{platform}/entracte"), program, 0o755);
        for (name, text) in more {
            self.put(&format!("release-{version}/{name}"), text.as_bytes(), 0o644);
        }
        let tree = tree.to_str().unwrap();
        let manifest = format!("{tree}/entracte.json");
        let ran = self.run(&[
            "manifest",
            "build",
            tree,
            "--product",
            "entracte",
            "--version",
            version,
            "-o",
            &manifest,
        ]);
        assert_eq!(ran.code, 0, "{}", ran.text);
        tree.to_owned()
    }

    /// Publishes such a release, with a program for another kind of machine as well.
    pub fn publish(&self, version: &str, program: &[u8], more: &[(&str, &str)]) -> PathBuf {
        let other = [&[("bin/pdp11-unix/entracte", "not for us")], more].concat();
        let tree = self.release(version, program, &other);
        let reference = self.path("releases");
        if !self.path("home/.config/entracte/keys").exists() {
            assert_eq!(self.run(&["key", "new"]).code, 0);
        }
        let to = reference.to_str().unwrap();
        let ran = self.run(&["publish", &tree, "--to", to, "--version", version]);
        assert_eq!(ran.code, 0, "{}", ran.text);
        reference
    }

    pub fn update(&self, from: &str, more: &[&str]) -> Ran {
        self.run(&[&["--json", "--yes", "self-update", "--from", from], more].concat())
    }

    /// What lies beside the program.
    pub fn beside(&self) -> Vec<String> {
        let entries = fs::read_dir(self.path("bin")).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }
}

/// A script of a release that says what it was told.
pub const NOTE: &str = "#!/bin/sh\necho \"$ENTRACTE_FROM $ENTRACTE_TO\" >>\"$HOME/../notes\"\n";
