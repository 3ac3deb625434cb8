//! What is done unattended: a real `crontab` with a spool that nobody else sees,
//! units that systemd reads, and what people are told.

#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "tests look from outside")]

mod support;

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::process::Stdio;

use serde_json::Value;
use tempfile::TempDir;

use support::effort;
use support::faketime;
use support::mounts;
use support::mounts::Mounted;
use support::process;
use support::run::Entracte;
use support::small::SmallSite;

const SPOOL: &str = "/var/spool/cron/crontabs";
const DAILY: [&str; 6] = ["schedule", "install", "--update", "17 3 * * *", "--zone", "Europe/Paris"];

/// A machine as this one, whose crontabs and settings of the system are the test's own.
struct Machine {
    // Unmounted before the folder goes.
    _mounted: Vec<Mounted>,
    folder: TempDir,
}

impl Machine {
    /// `None`, told loudly, where a test cannot have mounts of its own.
    fn new() -> Option<Machine> {
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
    fn crontab(&self, user: &str) -> Option<Vec<u8>> {
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

    fn set_crontab(&self, user: &str, text: &[u8]) {
        let mut child =
            Command::new("crontab").args(["-u", user, "-"]).stdin(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(text).unwrap();
        assert!(child.wait().unwrap().success());
        assert_eq!(self.crontab(user).unwrap(), text);
    }
}

/// A site that was adopted, of root or of www-data.
struct Adopted {
    small: SmallSite,
    entracte: Entracte,
}

impl Adopted {
    fn of_root() -> Adopted {
        let small = SmallSite::new();
        let entracte = small.adopt();
        Adopted { small, entracte }
    }

    /// As root calls it: the home is root's.
    fn of_www_data() -> Adopted {
        let Adopted { small, .. } = Adopted::of_root();
        support::bed::chown(small.folder.path());
        let entracte = Entracte::new(&small.root()).with("HOME", "/root");
        Adopted { small, entracte }
    }

    fn state(&self) -> PathBuf {
        self.small.root().with_file_name(".entracte-site")
    }

    fn settings(&self) -> String {
        fs::read_to_string(self.state().join("entracte.toml")).unwrap()
    }
}

fn list_of(result: &Value) -> PathBuf {
    PathBuf::from(result["list"].as_str().unwrap())
}

const THEIRS: &[u8] = b"# by hand\nSHELL=/bin/bash\nMAILTO=\"\"\n\n0 5 * * * echo \xc3\xa9 \\r\r\n# no more\\r\n*/5 * * * *\tdate +\\%F\n";

#[test]
fn a_block_comes_and_goes_and_other_lines_stay() {
    let Some(machine) = Machine::new() else { return };
    for theirs in [Some(THEIRS), None] {
        let site = Adopted::of_root();
        if let Some(theirs) = theirs {
            machine.set_crontab("root", theirs);
        }
        let before = site.settings();
        let result = site.entracte.json(&DAILY).code(0);
        assert_eq!(result["installed"], "crontab", "{result:#}");
        let crontab = machine.crontab("root").unwrap();
        assert!(crontab.starts_with(theirs.unwrap_or_default()), "{}", String::from_utf8_lossy(&crontab));
        let ours = String::from_utf8(crontab[theirs.map_or(0, <[u8]>::len)..].to_vec()).unwrap();
        let lines: Vec<&str> = ours.lines().collect();
        assert!(
            lines.len() == 3 && lines[0].starts_with("# BEGIN entracte") && lines[2] == "# END entracte",
            "{ours}"
        );
        assert_eq!(result["line"], lines[1]);
        assert!(lines[1].ends_with("entracte --quiet tick --all"), "{ours}");
        assert_eq!(result["sites"][0], site.state().to_str().unwrap());
        let added = site.settings().replace(
            "\n# When what is done unattended: minute, hour, day, month, weekday.\n[schedule]\nupdate = \"17 3 * * *\"\nzone = \"Europe/Paris\"\n",
            "",
        );
        assert_eq!(added, before, "more than [schedule] has changed");

        // Again, and with another time: one block, at the same minutes.
        site.entracte.json(&DAILY).code(0);
        site.entracte.json(&["schedule", "install", "--update", "@weekly"]).code(0);
        assert_eq!(machine.crontab("root").unwrap(), crontab);
        assert!(
            site.settings().contains("update = \"@weekly\"\nzone = \"Europe/Paris\"\n"),
            "{}",
            site.settings()
        );
        let every = ["schedule", "install", "--every", "60"];
        assert_eq!(site.entracte.json(&every).code(0)["every"], 60);
        assert_eq!(site.entracte.json(&["schedule", "list"]).code(0)["every"], 60);

        let removed = site.entracte.json(&["schedule", "remove"]).code(0);
        assert_eq!((&removed["installed"], removed["listed"].as_bool()), (&Value::Null, Some(false)));
        assert_eq!(machine.crontab("root").as_deref(), theirs, "not as it was before");
        site.entracte.json(&["schedule", "remove"]).refused(3);
        process::run("sh", &["-c", "crontab -r 2>/dev/null || true"]);
    }
}

#[test]
fn sites_of_one_user_share_a_line() {
    let Some(machine) = Machine::new() else { return };
    let sites: Vec<Adopted> = (0..4).map(|_| Adopted::of_www_data()).collect();
    let install = ["--json", "schedule", "install"];
    // All at once: none may lose what another wrote.
    let running: Vec<_> = sites
        .iter()
        .map(|site| site.entracte.command(&install).stdout(Stdio::null()).spawn().unwrap())
        .collect();
    for mut child in running {
        assert!(child.wait().unwrap().success());
    }
    let listed = sites[0].entracte.json(&["schedule", "list"]).code(0);
    // www-data is found at home, though the environment is root's.
    assert_eq!(listed["list"], "/var/www/.config/entracte/sites");
    assert!(!listed["line"].as_str().unwrap().contains("XDG_CONFIG_HOME"), "{listed:#}");
    assert_eq!(listed["sites"].as_array().unwrap().len(), 4, "{listed:#}");
    let crontab = machine.crontab("www-data").unwrap();
    assert_eq!(String::from_utf8(crontab).unwrap().matches("tick --all").count(), 1);
    assert!(machine.crontab("root").is_none());
    for (number, site) in sites.iter().enumerate() {
        assert!(machine.crontab("www-data").is_some(), "gone before the last site");
        let left = site.entracte.json(&["schedule", "remove"]).code(0);
        assert_eq!(left["sites"].as_array().unwrap().len(), 3 - number);
    }
    assert!(machine.crontab("www-data").is_none());
}

/// What cron would start, started as cron does it.
#[test]
fn the_line_starts_the_program_wherever_it_stands() {
    let Some(machine) = Machine::new() else { return };
    let site = Adopted::of_root();
    let folder = machine.folder.path().join("50% of o'neil\\n");
    fs::create_dir(&folder).unwrap();
    let program = folder.join("entracte");
    fs::copy(env!("CARGO_BIN_EXE_entracte"), &program).unwrap();
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
    let crontab = String::from_utf8(machine.crontab("root").unwrap()).unwrap();
    let Some(cron) = Cron::start() else { return };
    // Whatever the offset of this host is, the next minute will do.
    let fields =
        crontab.lines().find(|line| line.contains("tick")).unwrap().split(" * * * * ").next().unwrap();
    machine.set_crontab("root", crontab.replace(&format!("{fields} * * * * "), "* * * * * ").as_bytes());
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
    child: std::process::Child,
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

#[test]
fn who_may_not_use_cron_is_told_another_way() {
    let Some(machine) = Machine::new() else { return };
    let site = Adopted::of_www_data();
    fs::write("/etc/cron.deny", "www-data\n").unwrap();
    let before = site.settings();
    let said = site.entracte.json(&DAILY).refused(5);
    let state = site.state();
    assert!(said.contains("not allowed") && said.contains("--by-hand"), "{said}");
    assert!(said.contains("root's crontab") && said.contains(state.to_str().unwrap()), "{said}");
    assert_eq!(site.settings(), before);
    assert!(!Path::new("/var/www/.config/entracte/sites").exists());

    let result = site.entracte.json(&[&DAILY[..], &["--by-hand"]].concat()).code(0);
    assert_eq!((&result["installed"], result["listed"].as_bool()), (&Value::Null, Some(true)), "{result:#}");
    let printed = site.entracte.run(&["schedule", "print"]).code(0).stdout;
    assert!(printed.lines().any(|line| line == result["line"]), "{printed}");
    assert!(!printed.contains("not in that list"), "{printed}");
    let listed = site.entracte.json(&["schedule", "list"]).code(0);
    assert!(listed["checks"].to_string().contains("the crontab cannot be seen"), "{listed:#}");
    site.entracte.json(&["schedule", "remove"]).code(0);
    drop(machine);
}

#[test]
fn a_home_that_cannot_hold_a_list_is_told() {
    let Some(_machine) = Machine::new() else { return };
    let site = Adopted::of_www_data();
    process::run("chown", &["root:root", "/var/www"]);
    let said = site.entracte.json(&DAILY).refused(5);
    assert!(said.contains("install -d -o 33 -g 33 /var/www/.config/entracte"), "{said}");
    process::run("install", &["-d", "-o", "33", "-g", "33", "/var/www/.config/entracte"]);
    site.entracte.json(&DAILY).code(0);
}

#[test]
fn what_is_wrong_is_refused_before_anything_is_written() {
    let Some(machine) = Machine::new() else { return };
    let site = Adopted::of_root();
    let before = site.settings();
    let cases: [(&[&str], i32, &str); 7] = [
        (&["--update", "17 25 * * *"], 5, "the hour, cannot be \"25\": it takes 0-23"),
        (&["--update", "17 3 * *"], 5, "4 fields"),
        (&["--prune", "0 0 31 2 *"], 5, "never comes"),
        (&["--update", "@reboot"], 5, "no name of a time"),
        (&["--zone", "Europe/Lutetia"], 5, "no time zone \"Europe/Lutetia\""),
        (&["--every", "45"], 2, "1 to 30, or 60"),
        (&["--every", "0"], 2, "1 to 30, or 60"),
    ];
    for (options, code, words) in cases {
        let said = site.entracte.json(&[&["schedule", "install"], options].concat()).refused(code);
        assert!(said.contains(words), "{options:?}: {said}");
    }
    site.entracte.json(&[&DAILY[..], &["--systemd", "--by-hand"]].concat()).refused(2);
    let dry = site.entracte.json(&[&DAILY[..], &["--dry-run"]].concat()).code(0);
    assert_eq!(
        (dry["dry_run"].as_bool(), dry["jobs"][0]["next"].as_array().map(Vec::len)),
        (Some(true), Some(5))
    );
    machine.set_crontab("root", b"# BEGIN entracte\n1 1 * * * theirs\n");
    let said = site.entracte.json(&DAILY).refused(5);
    assert!(said.contains("without its `# END entracte`"), "{said}");
    assert_eq!(site.settings(), before);
    assert_eq!(machine.crontab("root").unwrap(), b"# BEGIN entracte\n1 1 * * * theirs\n");
    assert!(!list_of(&dry).exists());
    assert!(!site.state().join("schedule.json").exists());
}

/// What stands in the settings by hand can be wrong, too.
#[test]
fn settings_that_are_wrong_are_told_by_list() {
    let Some(_machine) = Machine::new() else { return };
    let site = Adopted::of_root();
    let add = |text: &str| {
        let settings =
            format!("{}\n[schedule]\n{text}\n", site.settings().split("\n[schedule]").next().unwrap());
        fs::write(site.state().join("entracte.toml"), settings).unwrap();
    };
    add("update = \"17 3 * * 9\"");
    let said = site.entracte.json(&["schedule", "list"]).refused(5);
    assert!(said.contains("the day of the week, cannot be \"9\""), "{said}");
    add("upgrade = \"17 3 * * *\"");
    let said = site.entracte.json(&["schedule", "list"]).refused(5);
    assert!(said.contains("upgrade"), "{said}");
    add("watch = \"* */4 * * *\"\nzone = \"UTC\"\njitter_minutes = 30");
    let list = site.entracte.json(&["schedule", "list"]).code(0);
    assert_eq!(list["jobs"][0]["job"], "watch");
    let warning = list["jobs"][0]["warnings"][0].as_str().unwrap();
    assert!(
        warning.contains("every minute of every fourth hour; once in each is `0 */4 * * *`"),
        "{warning}"
    );
    let named = |name: &str| {
        let checks = list["checks"].as_array().unwrap();
        checks.iter().find(|check| check["name"] == name).unwrap_or_else(|| panic!("no {name}: {list:#}"))["level"].clone()
    };
    assert_eq!(
        ["schedule", "schedule-tick", "schedule-line", "schedule-list"].map(named),
        ["warning", "warning", "error", "error"]
    );
}

#[test]
fn systemd_understands_the_units() {
    let Some(machine) = Machine::new() else { return };
    let verify = |scope: &[&str], folder: &str| {
        let units = ["service", "timer"].map(|kind| format!("{folder}/entracte.{kind}"));
        let output = Command::new("systemd-analyze")
            .args(scope)
            .arg("verify")
            .args(&units)
            .env("XDG_RUNTIME_DIR", "/run")
            .output();
        let Ok(output) = output else { return effort::skipped("units", "systemd is not installed") };
        let said = String::from_utf8_lossy(&output.stderr);
        let ours: Vec<&str> = said.lines().filter(|line| line.contains("entracte")).collect();
        assert!(output.status.success() && ours.is_empty(), "{said}");
    };
    let site = Adopted::of_root();
    site.entracte.json(&DAILY).code(0);
    let systemd = [&DAILY[..], &["--systemd", "--every", "15"]].concat();
    let result = site.entracte.json(&systemd).code(0);
    assert_eq!(result["installed"], "systemd", "{result:#}");
    assert_eq!(result["commands"][0], "systemctl daemon-reload", "{result:#}");
    assert!(machine.crontab("root").is_none(), "the line stays beside the timer");
    verify(&["--system"], "/etc/systemd/system");
    let list = site.entracte.json(&["schedule", "list"]).code(0);
    assert_eq!((&list["installed"], list["every"].as_u64()), (&Value::from("systemd"), Some(15)));
    assert!(list["checks"].to_string().contains("the timer does not run"), "{list:#}");
    // Who has a timer keeps it.
    assert_eq!(
        site.entracte.json(&["schedule", "install", "--update", "@daily"]).code(0)["installed"],
        "systemd"
    );
    site.entracte.json(&["schedule", "remove"]).code(0);
    assert!(!Path::new("/etc/systemd/system/entracte.timer").exists());
    assert!(!Path::new("/etc/systemd/system/entracte.service").exists());

    let site = Adopted::of_www_data();
    let result = site.entracte.json(&systemd).code(0);
    assert_eq!(result["commands"][0], "loginctl enable-linger www-data", "{result:#}");
    verify(&["--user"], "/var/www/.config/systemd/user");
}

/// Where nothing was asked for, it is the early morning.
#[test]
fn what_people_read() {
    let Some(_machine) = Machine::new() else { return };
    if faketime::library().is_none() {
        return;
    }
    let site = Adopted::of_root();
    let usual = site.entracte.json(&["schedule", "install", "--dry-run"]).code(0);
    let jobs: Vec<&str> =
        usual["jobs"].as_array().unwrap().iter().map(|job| job["job"].as_str().unwrap()).collect();
    assert_eq!(jobs, ["update", "prune"]);
    let then = faketime::at(&site.small, "@2026-11-21 12:00:00").with("TZ", "UTC");
    let install =
        ["schedule", "install", "--update", "30 2 * * *", "--prune", "* 5 * * 0", "--zone", "Europe/Paris"];
    let said = then.run(&install).code(0).stdout;
    insta::assert_snapshot!(told(&said), @r#"
    crontab asks every 10 minutes what is due
      update      30 2 * * *  (Europe/Paris)
        next      2026-11-22 02:30, 2026-11-23 02:30, 2026-11-24 02:30, 2026-11-25 02:30, 2026-11-26 02:30
        last      never
                  warning: there is no 02:30 on 2027-03-28, when clocks go forward: it is due at 03:00 that day
                  warning: there are two 02:30 on 2027-10-31, when clocks go back: it is due the first time only
      prune       * 5 * * 0  (Europe/Paris)
        next      2026-11-22 05:00, 2026-11-22 05:01, 2026-11-22 05:02, 2026-11-22 05:03, 2026-11-22 05:04
        last      never
                  warning: it is due every minute of the hours 5; once in each is `0 5 * * 0`
      line        N-59/10 * * * * /usr/bin/env XDG_CONFIG_HOME=/HOME/.config /PROGRAM --quiet tick --all
      sites       1 in /HOME/.config/entracte/sites
    "#);
    insta::assert_snapshot!(told(&then.run(&["schedule", "list"]).code(0).stdout), @r#"
    crontab asks every 10 minutes what is due
      update      30 2 * * *  (Europe/Paris)
        next      2026-11-22 02:30, 2026-11-23 02:30, 2026-11-24 02:30, 2026-11-25 02:30, 2026-11-26 02:30
        last      never
                  warning: there is no 02:30 on 2027-03-28, when clocks go forward: it is due at 03:00 that day
                  warning: there are two 02:30 on 2027-10-31, when clocks go back: it is due the first time only
      prune       * 5 * * 0  (Europe/Paris)
        next      2026-11-22 05:00, 2026-11-22 05:01, 2026-11-22 05:02, 2026-11-22 05:03, 2026-11-22 05:04
        last      never
                  warning: it is due every minute of the hours 5; once in each is `0 5 * * 0`
      sites       this one in /HOME/.config/entracte/sites
      schedule-tick: nobody has asked yet what is due
        fix: wait for the first tick, or try it: entracte tick
    "#);
    insta::assert_snapshot!(told(&then.run(&["schedule", "print"]).code(0).stdout), @r#"
    # For the cron page of a control panel, or for `crontab -e`:
    N-59/10 * * * * /usr/bin/env XDG_CONFIG_HOME=/HOME/.config /PROGRAM --quiet tick --all
    #
    # Where the panel asks for the parts:
    #   minute N-59/10   hour *   day *   month *   weekday *
    #   command /usr/bin/env XDG_CONFIG_HOME=/HOME/.config /PROGRAM --quiet tick --all
    #
    # It asks every 10 minutes which job of which site is due. The sites are those in
    # /HOME/.config/entracte/sites; the times are those
    # under [schedule] in the settings of each. Once an hour is enough, where a panel allows
    # no more: what was missed is made up for once. It prints nothing unless something is wrong.
    "#);
    insta::assert_snapshot!(told(&then.run(&["schedule", "remove"]).code(0).stdout), @r#"
    nothing is done unattended on this site any more
      sites       none is left
      note: [schedule] in the settings stays as it is
    "#);
}

/// Without what is another each time, or on another machine.
fn told(said: &str) -> String {
    let mut lines: Vec<String> = Vec::new();
    let mut after_cron = false;
    for line in said.lines() {
        let is_about_cron = line.contains("schedule-cron:");
        if !is_about_cron && !after_cron {
            lines.push(words_of(line));
        }
        after_cron = is_about_cron;
    }
    lines.join("\n")
}

fn words_of(line: &str) -> String {
    let word = |word: &str| match word {
        word if word.ends_with("-59/10") => "N-59/10".into(),
        word if word.ends_with("/entracte") => "/PROGRAM".into(),
        word => match word.split_once("/tmp/entracte-home-") {
            Some((before, after)) => format!("{before}/HOME{}", &after[6..]),
            None => word.into(),
        },
    };
    line.split(' ').map(word).collect::<Vec<String>>().join(" ")
}
