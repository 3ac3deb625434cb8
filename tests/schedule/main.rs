//! What is done unattended: a real `crontab` and cron with a spool that nobody
//! else sees, units that systemd reads, and what people are told.

#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "tests look from outside")]

mod machine;
mod people;
mod refused;
mod running;
#[path = "../support/mod.rs"]
mod support;

use std::path::Path;
use std::process::Command;
use std::process::Stdio;

use serde_json::Value;

use machine::Adopted;
use machine::DAILY;
use machine::Machine;
use support::effort;
use support::process;

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
            "\n# When what is done unattended: minute, hour, day, month, weekday.\n[schedule]\nupdate = \"17 3 * * *\"\nzone = \"Europe/Paris\"\nunproven = true\n",
            "",
        );
        assert_eq!(added, before, "more than [schedule] has changed");

        // Again, and with another time: one block, at the same minutes.
        site.entracte.json(&DAILY).code(0);
        site.entracte.json(&["schedule", "install", "--unproven", "--update", "@weekly"]).code(0);
        assert_eq!(machine.crontab("root").unwrap(), crontab);
        assert!(
            site.settings().contains("update = \"@weekly\"\nzone = \"Europe/Paris\"\nunproven = true\n"),
            "{}",
            site.settings()
        );
        let every = ["schedule", "install", "--unproven", "--every", "60"];
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
    let install = ["--json", "schedule", "install", "--unproven"];
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
        site.entracte.json(&["schedule", "install", "--unproven", "--update", "@daily"]).code(0)["installed"],
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
