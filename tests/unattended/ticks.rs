//! Ticks: many sites, and two clocks at once.

use std::fs;
use std::process::Stdio;
use std::thread;
use std::time::Duration;

use serde_json::Value;

use crate::alone::Alone;
use crate::support::bed;
use crate::support::hearer::Hearer;
use crate::support::process;
use crate::support::run::Entracte;

#[test]
fn a_site_that_fails_does_not_stop_the_next() {
    let sites = ["manyone", "manytwo", "manythree"].map(Alone::new);
    let home = tempfile::Builder::new().prefix("entracte-list-").tempdir_in("/tmp").unwrap();
    let list = home.path().join("entracte/sites");
    fs::create_dir_all(list.parent().unwrap()).unwrap();
    let mut text = String::from("# all of them\n/nowhere/.entracte-gone\n");
    for alone in &sites {
        alone.settings(|settings| {
            settings["schedule"]["update"] = toml_edit::value("0 0 1 1 *");
            // What is begun anew is due from now on; what was away is due at each tick.
            settings["policy"]["network_failures"] = toml_edit::value(9);
        });
        fs::write(alone.state().join("automation.json"), "{\"format\": 1, \"network_failures\": 1}").unwrap();
        bed::chown(&alone.state().join("automation.json"));
        text += &format!("{}\n", alone.state().display());
    }
    fs::write(&list, text).unwrap();
    sites[1].respoil("page.php", "<?php throw new Exception('broken');");
    let clock = Entracte::new(home.path()).with("XDG_CONFIG_HOME", home.path().to_str().unwrap());
    let ticked = clock.json(&["tick", "--all"]);
    assert_eq!(ticked.exit, 1, "{:#}", ticked.result);
    let exits: Vec<i64> = ticked.result["sites"]
        .as_array()
        .unwrap()
        .iter()
        .map(|site| site["exit"].as_i64().unwrap())
        .collect();
    assert_eq!(exits, [5, 0, 1, 0], "{:#}", ticked.result);
    sites[0].is_new("the first");
    sites[1].is_old("the second failed");
    sites[2].is_new("the third");
    sites[1].one_mail(&["rolled back"]);
    let causes = ticked.error["causes"].to_string();
    assert!(causes.contains("entracte-gone") && causes.contains("page.php"), "{causes}");
    // Cron mails every word, and these have been said.
    let again = clock.run(&["--quiet", "tick", "--all"]).code(1);
    assert_eq!((again.stdout.as_str(), again.stderr.as_str()), ("", ""));
}

#[test]
fn a_tick_that_meets_another_ends_quietly() {
    let alone = Alone::new("overlap");
    let slowly = Entracte::with_fault(&alone.site.folder, "swap.exchanged:1=pause");
    let mut first =
        slowly.command(&["update", "--auto"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let flag = alone.state().join("gate/closed");
    process::wait_for("the gate to close", &flag, || flag.exists());
    let second = alone.entracte.run(&["tick"]).code(8);
    assert_eq!((second.stdout.as_str(), second.stderr.as_str()), ("", ""));
    assert_eq!(alone.entracte.json(&["tick"]).exit, 8);
    assert!(first.wait().unwrap().success());
    alone.is_new("the first went on");
    alone.no_mail();
}

/// A tick in which nothing is due says nothing: cron would mail it.
#[test]
fn what_is_not_due_is_not_done() {
    let alone = Alone::new("idle");
    alone.settings(|settings| settings["schedule"]["update"] = toml_edit::value("0 0 1 1 *"));
    for _ in 0..2 {
        let ticked = alone.entracte.run(&["tick"]).code(0);
        assert_eq!((ticked.stdout.as_str(), ticked.stderr.as_str()), ("", ""));
        thread::sleep(Duration::from_millis(10));
    }
    alone.is_old("nothing was due");
    let ticked: Value = alone.entracte.json(&["tick"]).code(0);
    assert_eq!(ticked["jobs"].as_array().unwrap().len(), 0, "{ticked:#}");
}

/// Whoever waits for a sign of life gets one from each update, whatever it came to.
#[test]
fn a_heartbeat_goes_with_each_update() {
    let alone = Alone::new("beats");
    let hearer = Hearer::start();
    alone.settings(|settings| {
        let mut heartbeat = toml_edit::Table::new();
        heartbeat["url"] = toml_edit::value(format!("{}/beat", hearer.url));
        settings["notify"]["heartbeat"] = toml_edit::Item::Table(heartbeat);
    });
    let auto = &["update", "--auto"];
    let mut heard = Vec::new();
    let mut next = || {
        let all = hearer.requests();
        let new = all[heard.len()..].to_vec();
        heard = all;
        new
    };
    alone.entracte.json(auto).code(0);
    assert_eq!(next(), ["GET /beat/start", "GET /beat"]);
    alone.entracte.json(auto).refused(3);
    assert_eq!(next(), ["GET /beat/start", "GET /beat"], "nothing to do is a success");
    alone.entracte.json(&["rollback"]).code(0);
    assert!(next().is_empty(), "a person is no clock");
    alone.respoil("page.php", "<?php throw new Exception('broken');");
    alone.entracte.json(auto).refused(1);
    assert_eq!(next(), ["GET /beat/start", "GET /beat/fail"]);
    // Nobody hears it: the update does not care, and says so.
    hearer.answers(500);
    alone.respoil("page.php", "<?php echo '<title>Pages</title>';");
    let result = alone.entracte.json(auto).code(0);
    assert!(result["warnings"].to_string().contains("heartbeat"), "{result:#}");
}
