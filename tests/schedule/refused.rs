//! What cannot be had is told, before anything is written.

use std::fs;
use std::path::Path;
use std::path::PathBuf;

use serde_json::Value;

use crate::machine::Adopted;
use crate::machine::DAILY;
use crate::machine::Machine;
use crate::support::process;

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
        let said =
            site.entracte.json(&[&["schedule", "install", "--unproven"], options].concat()).refused(code);
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
    assert!(!PathBuf::from(dry["list"].as_str().unwrap()).exists());
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
