//! A machine whose crontabs nobody else sees, and sites on it.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::process::Stdio;

use tempfile::TempDir;

use crate::support::bed;
use crate::support::effort;
use crate::support::mounts;
use crate::support::mounts::Mounted;
use crate::support::process;
use crate::support::run::Entracte;
use crate::support::small::SmallSite;

const SPOOL: &str = "/var/spool/cron/crontabs";
pub const DAILY: [&str; 7] =
    ["schedule", "install", "--unproven", "--update", "17 3 * * *", "--zone", "Europe/Paris"];

/// A machine as this one, whose crontabs and settings of the system are the test's own.
pub struct Machine {
    // Unmounted before the folder goes.
    _mounted: Vec<Mounted>,
    pub folder: TempDir,
}

impl Machine {
    /// `None`, told loudly, where a test cannot have mounts of its own.
    pub fn new() -> Option<Machine> {
        let made = mounts::become_private().and_then(|()| Machine::mount());
        if let Err(reason) = &made {
            effort::skipped("crontabs", reason);
        }
        made.ok()
    }

    fn mount() -> Result<Machine, String> {
        let folder = tempfile::Builder::new().prefix("entracte-cron-").tempdir_in("/tmp").unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let inside = |name: &str| folder.path().join(name);
        process::run("cp", &["-a", "/etc", inside("etc").to_str().unwrap()]);
        for name in ["spool", "www", "run"] {
            fs::create_dir(inside(name)).unwrap();
        }
        let spool = inside("spool");
        process::run("chgrp", &["crontab", spool.to_str().unwrap()]);
        process::run("chmod", &["1730", spool.to_str().unwrap()]);
        process::run("chown", &["www-data:www-data", inside("www").to_str().unwrap()]);
        let mut mounted = Vec::new();
        let places =
            [(spool, SPOOL), (inside("etc"), "/etc"), (inside("www"), "/var/www"), (inside("run"), "/run")];
        for (what, at) in places {
            mounted.push(Mounted::new(&["--bind"], &what, Path::new(at))?);
        }
        Ok(Machine { _mounted: mounted, folder })
    }

    /// What a user's crontab holds, without the three lines that `crontab` puts before it.
    pub fn crontab(&self, user: &str) -> Option<Vec<u8>> {
        let bytes = fs::read(self.folder.path().join("spool").join(user)).ok()?;
        let lines = bytes.split_inclusive(|byte| *byte == b'\n');
        Some(
            lines
                .skip_while(|line| line.starts_with(b"# DO NOT") || line.starts_with(b"# ("))
                .flatten()
                .copied()
                .collect(),
        )
    }

    pub fn set_crontab(&self, user: &str, text: &[u8]) {
        let mut child =
            Command::new("crontab").args(["-u", user, "-"]).stdin(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(text).unwrap();
        assert!(child.wait().unwrap().success());
        assert_eq!(self.crontab(user).unwrap(), text);
    }
}

/// A site that was adopted, of root or of www-data.
pub struct Adopted {
    pub small: SmallSite,
    pub entracte: Entracte,
}

impl Adopted {
    pub fn of_root() -> Adopted {
        let small = SmallSite::new();
        let entracte = small.adopt();
        let adopted = Adopted { small, entracte };
        let settings = adopted.settings() + "\n[[health.command]]\nargv = [\"true\"]\n";
        fs::write(adopted.state().join("entracte.toml"), settings).unwrap();
        adopted
    }

    /// As root calls it: the home is root's.
    pub fn of_www_data() -> Adopted {
        let Adopted { small, .. } = Adopted::of_root();
        bed::chown(small.folder.path());
        let entracte = Entracte::new(&small.root()).with("HOME", "/root");
        Adopted { small, entracte }
    }

    pub fn state(&self) -> PathBuf {
        self.small.root().with_file_name(".entracte-site")
    }

    pub fn settings(&self) -> String {
        fs::read_to_string(self.state().join("entracte.toml")).unwrap()
    }
}
