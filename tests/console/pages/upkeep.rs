//! Doctor, blocklist, clearing away, and what is done unattended.

use std::fs;

use super::Pages;
use super::says;
use super::told;

#[test]
fn the_doctor_is_asked_as_work_and_remembered() {
    let pages = Pages::open();
    says(&pages.get("/doctor").is(200), &["Nobody has asked the doctor yet."]);
    let answer = pages.work("/doctor/run", &[("deep", "1")]);
    let page = pages.get("/doctor").is(200);
    says(&page, &["backups were read to their end"]);
    for check in answer["result"]["checks"].as_array().unwrap() {
        let detail: String =
            check["detail"].as_str().unwrap().split_whitespace().collect::<Vec<_>>().join(" ");
        says(&page, &[check["name"].as_str().unwrap(), &detail]);
    }
    let (first, second) = (told(&page).find("fault"), told(&page).find("are fine"));
    assert!(first.is_none() || first < second, "the worst first");
}

#[test]
fn a_blocked_release_is_listed_and_let_go() {
    let pages = Pages::open();
    let digest = "ab".repeat(32);
    let blocked = format!(
        r#"{{"format": 1, "releases": [{{"manifest": "{digest}", "version": "2<i>", "reason": "it failed", "at": "2026-11-21T05:00:00Z", "run": null}}]}}"#
    );
    fs::write(pages.state().join("blocklist.json"), blocked).unwrap();
    let listed = pages.entracte.json(&["blocklist", "list"]).code(0);
    assert_eq!(listed["releases"][0]["digest"], digest);
    let page = pages.get("/upkeep").is(200);
    says(&page, &["2<i>", "it failed"]);
    assert_eq!(page.field("digest").as_deref(), Some(digest.as_str()));
    says(&pages.get("").is(200), &["Not tried again", "2<i>: it failed"]);
    pages.post("/upkeep/unblock", &[("digest", &digest)]).is(303);
    assert!(pages.entracte.json(&["blocklist", "list"]).code(0)["releases"].as_array().unwrap().is_empty());
    assert!(pages.log().contains("the one who started the console"), "{}", pages.log());
    pages.post("/upkeep/unblock", &[("digest", &digest)]).is(409);
}

#[test]
fn what_would_go_is_shown_before_it_goes() {
    let pages = Pages::open();
    says(&pages.get("/upkeep/prune").is(200), &["Nothing would go."]);
    let old = pages.state().join("runner/1-1.log");
    fs::write(&old, "left").unwrap();
    let then = filetime::FileTime::from_unix_time(1_700_000_000, 0);
    filetime::set_file_mtime(&old, then).unwrap();
    let dry = pages.entracte.json(&["prune", "--dry-run"]).code(0);
    let page = pages.get("/upkeep/prune").is(200);
    for removed in dry["removed"].as_array().unwrap() {
        says(&page, &[removed["path"].as_str().unwrap(), removed["why"].as_str().unwrap()]);
    }
    assert!(old.exists(), "a look removes nothing");
    pages.work("/upkeep/prune", &[]);
    assert!(!old.exists());
}

#[test]
fn what_a_console_left_is_named_and_goes() {
    let pages = Pages::open();
    let then = filetime::FileTime::from_unix_time(1_700_000_000, 0);
    let files = |folder: &str| {
        let entries = fs::read_dir(pages.state().join(folder)).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
        names.sort();
        names
    };
    pages.post("/update/upload", &[("name", "left.zip"), ("size", "10")]).is(200);
    files("inbox").iter().for_each(|path| filetime::set_file_mtime(path, then).unwrap());
    pages
        .post("/compare", &[("folder", pages.small.release(2).to_str().unwrap()), ("part", "files")])
        .is(303);
    // It comes last.
    let compared = || files("compare").iter().any(|path| path.extension().unwrap() == "json");
    while !compared() {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let old = pages.state().join("compare/20231114-221320-aaaa");
    for end in ["about", "json", "html"] {
        let path = old.with_extension(end);
        fs::write(&path, "{}").unwrap();
        filetime::set_file_mtime(path, then).unwrap();
    }
    let before = (files("inbox"), files("compare"));
    assert_eq!((before.0.len(), before.1.len()), (2, 6), "{before:?}");
    let dry = pages.entracte.json(&["prune", "--dry-run"]).code(0);
    let told: Vec<(&str, &str)> = dry["removed"]
        .as_array()
        .unwrap()
        .iter()
        .map(|removed| (removed["what"].as_str().unwrap(), removed["why"].as_str().unwrap()))
        .collect();
    let expected = [
        ("upload", "nobody went on with left.zip for 7 days"),
        ("comparison", "3 files: older than 90 days"),
    ];
    assert_eq!(told, expected, "{dry:#}");
    let page = pages.get("/upkeep/prune").is(200);
    says(&page, &[expected[0].1, expected[1].1]);
    assert_eq!((files("inbox"), files("compare")), before, "a look removes nothing");
    pages.entracte.json(&["prune"]).code(0);
    assert!(files("inbox").is_empty());
    let newest: Vec<_> = before.1.into_iter().filter(|path| path.with_extension("") != old).collect();
    assert_eq!(files("compare"), newest);
}

#[test]
fn nobody_is_told_and_that_is_said() {
    let pages = Pages::open();
    let answer = pages.work("/upkeep/notify", &[]);
    assert_eq!(answer["exit"], 5);
    let refused = pages.work("/upkeep/schedule", &[("update", "0 0 31 2 *"), ("zone", "--dry-run")]);
    assert_ne!(refused["exit"], 0, "{refused:#}");
    assert!(!fs::read_to_string(pages.state().join("entracte.toml")).unwrap().contains("[schedule]"));
}
