//! The real daemon starts what was installed.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;

use tempfile::TempDir;

use crate::machine::Adopted;
use crate::machine::DAILY;
use crate::machine::Machine;
use crate::support::bed;
use crate::support::faketime;
use crate::support::process;

/// What cron would start, started as cron does it.
#[test]
fn the_line_starts_the_program_wherever_it_stands() {
    let Some(machine) = Machine::new() else { return };
    // Whose shell is `nologin`, which cron does not mind.
    let site = Adopted::of_www_data();
    let folder = machine.folder.path().join("50% of o'neil\\n");
    fs::create_dir(&folder).unwrap();
    let program = folder.join("entracte");
    fs::copy(env!("CARGO_BIN_EXE_entracte"), &program).unwrap();
    bed::chown(&folder);
    let configuration = folder.join("my config");
    let mut command = Command::new(&program);
    command.args(["--quiet", "--site"]).arg(site.small.root()).args(DAILY);
    process::checked(command.env("XDG_CONFIG_HOME", &configuration));
    assert!(configuration.join("entracte/sites").is_file());

    let script =
        "#!/bin/sh\n{ printf '%s|' \"$@\" \"$XDG_CONFIG_HOME\"; echo; } >> \"$(dirname \"$0\")/called\"\n";
    fs::remove_file(&program).unwrap();
    fs::write(&program, script).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let crontab = String::from_utf8(machine.crontab("www-data").unwrap()).unwrap();
    let Some(cron) = Cron::start() else { return };
    // Whatever the offset of this host is, the next minute will do.
    let fields =
        crontab.lines().find(|line| line.contains("tick")).unwrap().split(" * * * * ").next().unwrap();
    machine.set_crontab("www-data", crontab.replace(&format!("{fields} * * * * "), "* * * * * ").as_bytes());
    let called = folder.join("called");
    process::wait_for("cron", &cron.log, || fs::metadata(&called).is_ok_and(|meta| meta.len() > 0));
    let line = format!("--quiet|tick|--all|{}|", configuration.display());
    let said = fs::read_to_string(&called).unwrap();
    assert_eq!(said.lines().next(), Some(line.as_str()));
    assert_eq!(
        site.entracte.json(&["schedule", "list"]).code(0)["checks"].to_string().matches("cron runs").count(),
        1
    );
}

/// The real daemon, for which a minute passes in two seconds.
struct Cron {
    child: Child,
    log: PathBuf,
    _folder: TempDir,
}

impl Cron {
    fn start() -> Option<Cron> {
        let library = faketime::library()?;
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        let output = fs::File::create(&log).unwrap();
        let mut command = Command::new("cron");
        command.args(["-f", "-L", "15"]).env("LD_PRELOAD", library).env("FAKETIME", "+0 x30");
        command.stdin(Stdio::null()).stdout(output.try_clone().unwrap()).stderr(output);
        Some(Cron { child: command.spawn().unwrap(), log, _folder: folder })
    }
}

impl Drop for Cron {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
