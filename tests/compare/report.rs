//! The report in a real browser.

use std::fs;

use serde_json::json;

use crate::support::browser::Browser;
use crate::trees::Twins;

const HOSTILE: [&str; 3] = [
    "<img src=x onerror=document.title='owned'>.php",
    "<script>document.title='owned'<\\script>",
    "\"'&quot;.php",
];

/// The paths that are seen, in the order of the page.
const SEEN: &str = "[...document.querySelectorAll('#tree li:not(.f)')].filter(e => e.checkVisibility()).map(e => e.querySelector('code').textContent)";

fn reported(twins: &Twins, more: &[&str]) -> std::path::PathBuf {
    let (a, b, report) = (twins.text("a"), twins.text("b"), twins.text("report.html"));
    twins.entracte.run(&[&["compare", &a, &b, "--html", &report], more].concat()).code(7);
    report.into()
}

#[test]
fn the_report_sifts_and_runs_nothing_else() {
    let twins = Twins::new();
    twins.plant();
    for name in HOSTILE {
        fs::write(twins.path("b").join(name), "x").unwrap();
    }
    fs::write(twins.path("b").join("run.sh"), "</pre><script>document.title='owned'</script>\n").unwrap();
    let report = reported(&twins, &["--diff"]);
    let mut browser = Browser::start();
    browser.resize(1100, 900, "light");
    browser.open(&report);
    let all = browser.ask(SEEN);
    for name in HOSTILE {
        assert!(all.as_array().unwrap().contains(&json!(name)), "{name} in {all}");
    }
    assert_eq!(browser.ask("document.querySelectorAll('img, iframe, object, link, a').length"), 0);
    assert_eq!(browser.ask("document.scripts.length"), 1);
    assert!(browser.ask("document.title").as_str().unwrap().starts_with("Differences: "));
    assert_eq!(browser.ask("document.querySelector('#shown').textContent"), json!("11 shown"));
    // By part of a path, folders and all.
    browser.click("#search");
    browser.write("LIB/");
    browser.ask("new Promise(done => setTimeout(done, 300))");
    assert_eq!(browser.ask(SEEN), json!(["empty", "latest", "one.php", "two.php", "uno.php"]));
    // By kind, in what is left.
    browser.click("#kinds input[value=d]");
    assert_eq!(browser.ask(SEEN), json!(["empty", "one.php", "uno.php"]));
    browser.ask("(() => { const box = document.querySelector('#search'); box.value = ''; box.dispatchEvent(new Event('input')) })()");
    browser.ask("new Promise(done => setTimeout(done, 300))");
    browser.click("#kinds input[value=d]");
    assert_eq!(browser.ask(SEEN), all);
    browser.click("#fold");
    assert_eq!(browser.ask("document.querySelectorAll('#tree details[open]').length"), 0);
    // Lines open by themselves, and hold text alone.
    browser.click("#tree li.d .lines summary");
    assert!(
        browser
            .ask("document.querySelector('#tree li.d .lines[open] pre').textContent")
            .as_str()
            .unwrap()
            .contains("<?php // changed")
    );
    assert_eq!(browser.complaints, [""; 0]);
    // The page's own policy keeps out what somebody adds to it.
    browser.ask("(() => { const s = document.createElement('script'); s.textContent = 'document.title = \"owned\"'; document.body.append(s); const i = new Image(); i.src = 'https://example.org/x'; })()");
    assert_ne!(browser.ask("document.title"), json!("owned"));
    assert!(!browser.complaints.is_empty());
    assert!(
        browser
            .complaints
            .iter()
            .all(|said| said.contains("Content Security Policy") || said.contains("csp")),
        "{:?}",
        browser.complaints
    );
}

#[test]
fn the_report_fits_narrow_and_dark() {
    let twins = Twins::new();
    twins.plant();
    let long = "a-name-without-any-place-where-it-could-be-broken".repeat(4);
    fs::write(twins.path("b").join(long), "x").unwrap();
    let report = reported(&twins, &["--diff"]);
    let mut browser = Browser::start();
    for scheme in ["light", "dark"] {
        browser.resize(360, 740, scheme);
        browser.open(&report);
        assert_eq!(browser.ask("document.documentElement.scrollWidth <= innerWidth"), json!(true));
    }
    let back = browser.ask("getComputedStyle(document.body).backgroundColor");
    assert_eq!(back, json!("rgb(23, 24, 28)"));
    assert_eq!(browser.complaints, [""; 0]);
}

#[test]
fn a_report_of_very_many_differences_stays_of_use() {
    let twins = Twins::new();
    for at in 0..3000 {
        let folder = twins.path("b").join(format!("many/{:02}", at / 100));
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(format!("{at}.php")), at.to_string()).unwrap();
    }
    let report = reported(&twins, &[]);
    let mut browser = Browser::start();
    browser.open(&report);
    assert_eq!(browser.ask("document.querySelector('#shown').textContent"), json!("3,000 shown"));
    assert_eq!(browser.ask(SEEN), json!([]));
    browser.click("#search");
    browser.write("many/17/1742.php");
    browser.ask("new Promise(done => setTimeout(done, 500))");
    assert_eq!(browser.ask(SEEN), json!(["1742.php"]));
}
