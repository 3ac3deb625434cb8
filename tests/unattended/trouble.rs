//! What keeps an update from beginning is told with what can be done.

use std::fs;
use std::net::TcpListener;

use crate::alone::Alone;
use crate::support::run::Entracte;

const AUTO: &[&str] = &["update", "--auto"];

#[test]
fn a_disk_that_is_full_while_staging_is_told_with_what_can_be_freed() {
    let alone = Alone::new("full");
    let full = Entracte::with_fault(&alone.site.folder, "stage.write:2=enospc");
    let refused = full.json(AUTO).refused(1);
    assert!(refused.contains("No space left on device"), "{refused}");
    alone.one_mail(&["No space left on device", "entracte prune"]);
    alone.is_old("the disk was full");
    alone.entracte.json(AUTO).code(0);
    alone.is_new("there was room again");
}

#[test]
fn a_network_that_is_away_is_told_when_it_stays_away() {
    let alone = Alone::new("offline");
    // A port on which nobody listens any more.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/release.tar", listener.local_addr().unwrap());
    drop(listener);
    alone.settings(|settings| {
        settings["policy"]["from"] = toml_edit::value(&url);
        settings["schedule"]["update"] = toml_edit::value("0 0 1 1 *");
        settings["network"]["tries"] = toml_edit::value(1);
    });
    alone.entracte.json(AUTO).refused(1);
    alone.no_mail();
    // Each tick tries again; the third in a row is told, once.
    alone.entracte.json(&["tick"]).refused(1);
    alone.no_mail();
    alone.entracte.json(&["tick"]).refused(1);
    alone.one_mail(&["3 times in a row", "refuses the connection", &url]);
    alone.entracte.json(&["tick"]).refused(1);
    alone.no_mail();
    alone.settings(|settings| settings["policy"]["from"] = toml_edit::value(alone.next.to_str().unwrap()));
    alone.entracte.json(&["tick"]).code(0);
    alone.is_new("the network was back");
    let memory = fs::read_to_string(alone.state().join("automation.json")).unwrap();
    assert!(memory.contains("\"network_failures\": 0"), "{memory}");
}

#[test]
fn a_record_of_what_was_begun_that_is_damaged_is_told() {
    let alone = Alone::new("undue");
    alone.settings(|settings| settings["schedule"]["update"] = toml_edit::value("* * * * *"));
    fs::write(alone.state().join("schedule.json"), "{\"format\": 2}").unwrap();
    let ticked = alone.entracte.json(&["tick"]);
    assert_eq!(ticked.exit, 5, "{:#}", ticked.result);
    assert_eq!(ticked.result["jobs"][0]["job"], "schedule", "{:#}", ticked.result);
    alone.one_mail(&["schedule.json", "it is of format 2; this entracte knows 1"]);
    alone.is_old("nobody knew what was due");
}

#[test]
fn a_site_that_stays_closed_is_told_of() {
    let alone = Alone::new("shut");
    alone.entracte.json(&["close", "--for", "moving house"]).code(0);
    alone.entracte.json(&["tick"]).code(0);
    alone.no_mail();
    let later = crate::support::faketime::entracte(&alone.site.folder, "+61m");
    later.json(&["tick"]).code(0);
    alone.one_mail(&["moving house", "61 minutes"]);
    later.json(&["tick"]).code(0);
    alone.no_mail();
}
