//! How a run ends that nobody looks at.

use std::process::Stdio;
use std::time::Duration;

use crate::alone::Alone;
use crate::alone::SERVER;
use crate::support::faketime;
use crate::support::process;

const AUTO: &[&str] = &["update", "--auto"];
/// A page that PHP cannot run.
const FATAL: &str = "<?php\nthrow new Exception('broken');\n";

#[test]
fn a_good_release_arrives_by_itself() {
    let alone = Alone::new("good");
    let result = alone.entracte.json(AUTO).code(0);
    assert_eq!(result["outcome"], "finished", "{result:#}");
    alone.is_new("left to itself");
    // A success is no news.
    alone.no_mail();
    assert!(alone.entracte.json(AUTO).refused(3).contains("is installed already"));
    alone.entracte.json(&["rollback"]).code(0);
    alone.is_old("taken back by a person");
}

#[test]
fn bad_health_is_taken_back_told_and_not_tried_again() {
    let alone = Alone::new("sick");
    alone.respoil("page.php", FATAL);
    let refused = alone.entracte.json(AUTO).refused(1);
    assert!(refused.contains("page.php"), "{refused}");
    alone.is_old("bad health");
    alone.one_mail(&["rolled back", "1 -> 2", "page.php", "blocklist"]);
    let listed = alone.entracte.json(&["blocklist", "list"]).code(0);
    let blocked = &listed["releases"][0];
    assert_eq!(blocked["version"], "2", "{listed:#}");
    assert!(blocked["reason"].as_str().unwrap().contains("page.php"), "{listed:#}");
    for _ in 0..2 {
        assert!(alone.entracte.json(AUTO).refused(5).contains("is on the blocklist"));
    }
    // For the clock it is nothing new at all.
    alone.settings(|settings| settings["schedule"]["update"] = toml_edit::value("0 0 1 1 *"));
    let again = faketime::entracte(&alone.site.folder, "+400d");
    let quiet = again.run(&["tick"]).code(0);
    assert!(quiet.stderr.is_empty(), "{quiet}");
    let ticked = faketime::entracte(&alone.site.folder, "+800d").json(&["tick"]).code(0);
    assert_eq!(ticked["jobs"][0]["exit"], 3, "{ticked:#}");
    alone.settings(|settings| drop(settings.remove("schedule")));
    alone.no_mail();
    alone.is_old("it was not tried again");
    // A person is told as well, and may do it all the same.
    let plan = alone.entracte.json(&["plan"]).code(0);
    let check = plan["checks"].as_array().unwrap().iter().find(|check| check["name"] == "blocklist").unwrap();
    assert_eq!(check["level"], "warning", "{check:#}");
    assert!(check["detail"].as_str().unwrap().contains("page.php"), "{check:#}");
    // A better build of the same version is another release.
    alone.respoil("page.php", "<?php echo '<title>Pages</title>';");
    alone.entracte.json(AUTO).code(0);
    alone.entracte.json(&["rollback"]).code(0);
    // What a person clears is tried again.
    alone.respoil("page.php", FATAL);
    assert!(
        alone.entracte.json(&["blocklist", "clear", "0000000000"]).refused(3).contains("no single release")
    );
    let digest = blocked["digest"].as_str().unwrap();
    alone.entracte.json(&["blocklist", "clear", digest]).code(0);
    alone.entracte.json(AUTO).refused(1);
    alone.one_mail(&["rolled back"]);
    alone.is_old("tried again");
}

/// Visitors were in: what they wrote is theirs, and a person has to look.
#[test]
fn bad_health_after_reopening_closes_and_asks_for_a_person() {
    let alone = Alone::new("sicklater");
    // Well for the operator behind the gate, ill for visitors.
    let page = "<?php if (!isset($_SERVER['HTTP_X_ENTRACTE_PASS'])) { http_response_code(500); }\n\
                echo '<title>Pages</title>[[2 2 2]]';\n";
    alone.respoil("page.php", page);
    let refused = alone.entracte.json(AUTO).refused(6);
    assert!(refused.contains("visitors had been let in") && refused.contains("closed again"), "{refused}");
    assert_eq!(alone.site.get(SERVER, "").status, 503);
    alone.one_mail(&["1 -> 2", "visitors had been let in", "entracte rollback"]);
    assert_eq!(alone.entracte.json(&["status"]).exit, 6);
    // Nobody goes on without a person.
    alone.entracte.json(AUTO).refused(5);
    assert_eq!(alone.site.get(SERVER, "").status, 503);
    alone.entracte.json(&["rollback"]).code(0);
    alone.is_old("a person took it back");
}

#[test]
fn a_signal_takes_it_back_and_blames_nobody() {
    let alone = Alone::new("signal");
    let slowly = crate::support::run::Entracte::with_fault(&alone.site.folder, "swap.exchanged:1=pause");
    let child = slowly.command(AUTO).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let flag = alone.state().join("gate/closed");
    process::wait_for("the gate to close", &flag, || flag.exists());
    std::thread::sleep(Duration::from_millis(300));
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("stopped by a signal"), "{said}");
    alone.is_old("it was told to stop");
    alone.one_mail(&["rolled back", "stopped by a signal"]);
    assert_eq!(alone.entracte.json(&["blocklist", "list"]).code(0)["releases"].as_array().unwrap().len(), 0);
    alone.entracte.json(AUTO).code(0);
    alone.is_new("the next time");
}
