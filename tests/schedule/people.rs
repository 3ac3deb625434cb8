//! What people read.

use crate::machine::Adopted;
use crate::machine::Machine;
use crate::support::faketime;

/// Where nothing was asked for, it is the early morning.
#[test]
fn what_people_read() {
    let Some(_machine) = Machine::new() else { return };
    if faketime::library().is_none() {
        return;
    }
    let site = Adopted::of_root();
    let usual = site.entracte.json(&["schedule", "install", "--unproven", "--dry-run"]).code(0);
    let jobs: Vec<&str> =
        usual["jobs"].as_array().unwrap().iter().map(|job| job["job"].as_str().unwrap()).collect();
    assert_eq!(jobs, ["update", "prune"]);
    let then = faketime::at(&site.small, "@2026-11-21 12:00:00").with("TZ", "UTC");
    let install = [
        "schedule",
        "install",
        "--unproven",
        "--update",
        "30 2 * * *",
        "--prune",
        "* 5 * * 0",
        "--zone",
        "Europe/Paris",
    ];
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
