//! The program itself, run as a script would run it.

use std::fs;
use std::os::unix::process::CommandExt;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::process::ExitStatus;
use std::process::Stdio;
use std::sync::OnceLock;

use serde_json::Value;
use tempfile::TempDir;

use super::bed;
use super::releases;

/// The program for one site, with a home folder of its own.
pub struct Entracte {
    site: PathBuf,
    home: TempDir,
    environment: Vec<(String, String)>,
    /// Whom it is started as; `None`: as root, and it becomes the site's owner itself.
    user: Option<u32>,
}

/// How one call ended.
#[derive(Debug)]
pub struct Ran {
    call: String,
    pub status: ExitStatus,
    pub stdout: String,
    pub stderr: String,
}

/// The one document of `--json`.
#[derive(Debug)]
pub struct Answered {
    pub exit: i32,
    pub result: Value,
    pub error: Value,
}

impl Entracte {
    pub fn new(site: &Path) -> Entracte {
        let home = tempfile::Builder::new().prefix("entracte-home-").tempdir_in("/tmp").unwrap();
        // entracte works as the owner of the site.
        let owner = fs::metadata(site).map_or(0, |meta| std::os::unix::fs::MetadataExt::uid(&meta));
        std::os::unix::fs::chown(home.path(), Some(owner), Some(owner)).unwrap();
        Entracte { site: site.to_owned(), home, environment: Vec::new(), user: None }
    }

    /// The same site with a fault: `swap.operation:3=kill`.
    pub fn with_fault(site: &Path, fault: &str) -> Entracte {
        Entracte::new(site).with("ENTRACTE_FAULT", fault)
    }

    /// The same program with one variable more in its environment.
    pub fn with(mut self, name: &str, value: &str) -> Entracte {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The same program started as the owner of its site.
    pub fn by_owner(mut self) -> Entracte {
        self.user = Some(std::os::unix::fs::MetadataExt::uid(&fs::metadata(&self.site).unwrap()));
        self
    }

    /// Runs a verb of the site in the usual way.
    pub fn run(&self, arguments: &[&str]) -> Ran {
        let output = self.command(arguments).output().unwrap();
        Ran {
            call: format!("entracte {}", arguments.join(" ")),
            status: output.status,
            stdout: String::from_utf8(output.stdout).expect("output is UTF-8"),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Runs a verb with `--json`.
    pub fn json(&self, arguments: &[&str]) -> Answered {
        self.run(&[&["--json"], arguments].concat()).json()
    }

    /// A verb to start and not wait for.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(program());
        if arguments.iter().all(|argument| *argument != "init") {
            command.arg("--site").arg(&self.site);
        }
        command.args(arguments).env_clear().stdin(Stdio::null()).current_dir(self.home.path());
        command.env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
        command.env("HOME", self.home.path()).env("LANG", "C.UTF-8");
        if let Some(user) = self.user {
            command.uid(user).gid(user);
        }
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }
}

impl Ran {
    /// Asserts the exit code.
    #[track_caller]
    pub fn code(self, expected: i32) -> Ran {
        assert_eq!(self.status.code(), Some(expected), "{self}");
        self
    }

    /// Asserts that the program was killed.
    #[track_caller]
    pub fn killed(self) -> Ran {
        assert_eq!(self.status.signal(), Some(9), "{self}");
        self
    }

    /// Asserts that the output is one document with the envelope that scripts rely on.
    #[track_caller]
    pub fn json(self) -> Answered {
        let code = self.status.code().unwrap_or_else(|| panic!("no exit code: {self}"));
        let document: Value = serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("standard output is not one document ({error}): {self}"));
        let keys: Vec<&str> = document.as_object().unwrap().keys().map(String::as_str).collect();
        for key in ["format", "verb", "ok", "exit", "result", "error"] {
            assert!(keys.contains(&key), "`{key}` is missing: {self}");
        }
        assert_eq!(keys.len(), 6, "{self}");
        assert_eq!(document["format"], 1, "{self}");
        assert!(document["verb"].is_string(), "{self}");
        assert_eq!(document["exit"], code, "{self}");
        assert_eq!(document["ok"], code == 0, "{self}");
        let error = document["error"].clone();
        assert_eq!(error.is_null(), matches!(code, 0 | 7), "{self}");
        if !error.is_null() {
            assert!(error["kind"].is_string() && error["message"].is_string(), "{self}");
            assert!(error["causes"].is_array() && error["hints"].is_array(), "{self}");
        }
        Answered { exit: code, result: document["result"].clone(), error }
    }
}

impl std::fmt::Display for Ran {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Ran { call, status, stdout, stderr } = self;
        write!(f, "{call}\nended with {status}\n--- stdout\n{stdout}\n--- stderr\n{stderr}")
    }
}

impl Answered {
    /// Asserts the exit code and returns the result.
    #[track_caller]
    pub fn code(self, expected: i32) -> Value {
        assert_eq!(self.exit, expected, "{:#} {:#}", self.result, self.error);
        self.result
    }

    /// Asserts the exit code and returns what was said about the failure, as one text.
    #[track_caller]
    pub fn refused(self, expected: i32) -> String {
        assert_eq!(self.exit, expected, "{:#} {:#}", self.result, self.error);
        let texts = |key: &str| self.error[key].as_array().into_iter().flatten().filter_map(Value::as_str);
        let message = self.error["message"].as_str().unwrap();
        let all: Vec<&str> = std::iter::once(message).chain(texts("causes")).chain(texts("hints")).collect();
        all.join("\n")
    }
}

/// The program at a place where every user can start it.
pub fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let built = PathBuf::from(env!("CARGO_BIN_EXE_entracte"));
        if releases::is_reachable(&built) {
            return built;
        }
        let copy = bed::Bed::shared().folder.join("entracte");
        fs::copy(built, &copy).unwrap();
        copy
    })
}
