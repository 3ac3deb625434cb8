//! Settings: what a form changes, what it refuses, and who comes second.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::super::door::invitation;
use super::super::support::browser::Browser;
use super::Pages;
use super::says;
use super::told;

const MORE: &str = "\n# who is told\n[notify.webhook] # theirs\nurl = \"https://hooks.example.org/T0/hush\" # secret\n# the end\n";

fn with_more() -> (Pages, String) {
    let pages = Pages::open();
    let path = pages.state().join("entracte.toml");
    let text = fs::read_to_string(&path).unwrap() + MORE;
    fs::write(&path, &text).unwrap();
    (pages, text)
}

impl Pages {
    fn settings(&self) -> String {
        fs::read_to_string(self.state().join("entracte.toml")).unwrap()
    }

    fn digest(&self) -> String {
        self.get("/settings").is(200).field("digest").unwrap()
    }
}

#[test]
fn fields_change_and_every_other_byte_stays() {
    let (pages, text) = with_more();
    let mode = fs::metadata(pages.state().join("entracte.toml")).unwrap().permissions().mode();
    let page = pages.get("/settings").is(200);
    assert!(!page.text.contains("hush"), "secrets are not shown");
    let digest = pages.digest();
    let fields = [
        ("digest", digest.as_str()),
        ("was.url", ""),
        ("url", "https://shop.example.org/"),
        ("was.policy.windows", ""),
        ("policy.windows", "02:00-05:00\r\nSat,Sun 00:00-24:00\r\n"),
        ("was.notify.webhook.url", ""),
        ("hidden.notify.webhook.url", "1"),
        ("notify.webhook.url", ""),
    ];
    let done = pages.post("/settings", &fields).is(303);
    says(&pages.desk.get(done.header("location")).is(200), &["Saved."]);
    let new = pages.settings();
    let kept: String = new
        .lines()
        .filter(|line| !line.starts_with("url = \"https://shop") && !line.starts_with("windows"))
        .map(|line| format!("{line}\n"))
        .collect();
    assert_eq!(kept, text, "{new}");
    assert!(
        new.contains("hush") && new.contains("windows = [\"02:00-05:00\", \"Sat,Sun 00:00-24:00\"]"),
        "{new}"
    );
    assert_eq!(fs::read_to_string(pages.state().join("entracte.toml.previous")).unwrap(), text);
    let now = fs::metadata(pages.state().join("entracte.toml")).unwrap().permissions().mode();
    assert_eq!(now, mode);
    let history = pages.entracte.json(&["history"]).result;
    let line = history["events"].as_array().unwrap().last().unwrap();
    assert_eq!(
        (line["event"].as_str(), line["detail"].as_str()),
        (Some("settings"), Some("policy.windows, url"))
    );
    assert_eq!(line["by"], "the one who started the console");
    assert_eq!(told(&pages.get("").is(200)).matches("shop.example.org").count(), 1);
    // The same form once more says nothing new.
    let digest = pages.digest();
    let same = [
        ("digest", digest.as_str()),
        ("was.url", "https://shop.example.org/"),
        ("url", "https://shop.example.org/"),
    ];
    let done = pages.post("/settings", &same).is(303);
    assert!(done.header("location").ends_with("done=same"));
}

#[test]
fn what_would_not_be_understood_is_not_written() {
    let (pages, text) = with_more();
    let digest = pages.digest();
    for (key, value, said) in [
        ("url", "not an address", "url"),
        ("policy.windows", "night", "policy.windows"),
        ("policy.zone", "Europe/Nowhere", "policy.zone"),
        ("retention.runs", "-1", "retention.runs"),
        ("retention.runs", "many", "whole number"),
        ("gate.kind", "<script>alert(1)</script>", "gate.kind"),
        ("schedule.update", "0 0 31 2 *", "never"),
        ("notify.mail.to", "ann@example.org", "notify.mail"),
        ("notify.mail.smtp", "smtps://ann:hush2@mail.example.org", "notify.mail"),
        ("keep", "[", "keep"),
    ] {
        let typed = value;
        let was = format!("was.{key}");
        let answer = pages.post("/settings", &[("digest", &digest), (&was, ""), (key, value)]).is(422);
        says(&answer, &["Nothing was written.", said]);
        assert!(
            !answer.text.contains("<script>alert") && !answer.text.contains("hush"),
            "{key}: {}",
            answer.text
        );
        assert_eq!(pages.settings(), text, "{key}");
        // What was typed is still in the form, ready to be mended.
        let shown = typed.replace('<', "&#60;").replace('>', "&#62;");
        assert!(key.ends_with("smtp") || answer.text.contains(&shown), "{key}: {}", answer.text);
        assert!(answer.text.contains("class=\"field wrong\""), "{key}");
    }
    // As text, with the line and the name.
    let wrong = format!("{text}[gate.kind]\nx = 1\n");
    pages.post("/settings/text", &[("digest", &digest), ("text", &wrong)]).is(422);
    let wrong = format!("{text}\n[retention]\nruns = \"ten\"\n");
    let answer = pages.post("/settings/text", &[("digest", &digest), ("text", &wrong)]).is(422);
    let line = wrong.lines().count();
    says(&answer, &[&format!("line {line}"), "It is about retention.runs."]);
    assert_eq!(pages.settings(), text);
    assert!(!pages.log().contains("\"settings\""));
}

#[test]
fn the_whole_text_keeps_secrets_where_they_are() {
    let (pages, text) = with_more();
    let digest = pages.digest();
    let shown = text.replace("\"https://hooks.example.org/T0/hush\"", "\"(secret: notify.webhook.url)\"");
    // Browsers send long line ends.
    let edited = shown.replace("# the end", "# the very end").replace('\n', "\r\n");
    pages.post("/settings/text", &[("digest", &digest), ("text", &edited)]).is(303);
    assert_eq!(pages.settings(), text.replace("# the end", "# the very end"));
    let history = pages.entracte.json(&["history"]).result;
    assert_eq!(history["events"].as_array().unwrap().last().unwrap()["detail"], "comments alone");
    // A mark at another place would show what it hides.
    let digest = pages.digest();
    let moved = shown.replace("format = 1", "format = 1\nproduct = \"(secret: notify.webhook.url)\"");
    let refused = pages.post("/settings/text", &[("digest", &digest), ("text", &moved)]).is(422);
    assert!(!refused.text.contains("hush"), "{}", refused.text);
    // Nothing of a viewer's page holds the text at all: it is for operators.
    assert!(pages.get("/settings").text.contains("<textarea name=\"text\""));
}

#[test]
fn who_comes_second_sees_both() {
    let (pages, text) = with_more();
    let old = pages.digest();
    let theirs = text.replace("# the end", "# theirs");
    fs::write(pages.state().join("entracte.toml"), &theirs).unwrap();
    let fields = [("digest", old.as_str()), ("was.url", ""), ("url", "https://mine.example/")];
    let conflict = pages.post("/settings", &fields).is(409);
    says(&conflict, &["Somebody else changed the settings", "+url = \"https://mine.example/\""]);
    assert!(!conflict.text.contains("hush"));
    assert_eq!(pages.settings(), theirs);
    // His version over theirs, now that he has seen it.
    let digest = conflict.field("digest").unwrap();
    let mine = theirs.replace("hush\" # secret", "hush\" # mine");
    let mine = mine.replace("\"https://hooks.example.org/T0/hush\"", "\"(secret: notify.webhook.url)\"");
    pages.post("/settings/text", &[("digest", &digest), ("text", &mine)]).is(303);
    assert!(
        pages.settings().contains("# mine") && pages.settings().contains("# theirs"),
        "{}",
        pages.settings()
    );
}

#[test]
fn broken_settings_are_told_and_mended() {
    let (pages, text) = with_more();
    let broken = text.replace("format = 1", "format = ");
    fs::write(pages.state().join("entracte.toml"), &broken).unwrap();
    let page = pages.get("/settings").is(200);
    says(&page, &["does not understand these settings", "line 2: "]);
    assert!(!page.text.contains("hush"), "{}", page.text);
    let shown = page.text.split_once("<textarea name=\"text\"").unwrap().1.split_once('>').unwrap().1;
    let shown = shown.split("</textarea>").next().unwrap().trim_start_matches('\n');
    let shown = shown
        .replace("&#34;", "\"")
        .replace("&#39;", "'")
        .replace("&#60;", "<")
        .replace("&#62;", ">")
        .replace("&#38;", "&");
    let digest = page.field("digest").unwrap();
    let mended = shown.replace("format = ", "format = 1");
    pages.post("/settings/text", &[("digest", &digest), ("text", &mended)]).is(303);
    pages.entracte.json(&["status"]).code(0);
    assert!(pages.settings().contains("hush"), "{}", pages.settings());
}

/// Longer than any other form of the console may be.
#[test]
fn a_long_file_is_changed_and_one_too_long_is_told() {
    let pages = Pages::open();
    let path = pages.state().join("entracte.toml");
    let long = pages.settings() + &"# what we decided, and why: \"this\" & that\n".repeat(10_000);
    assert!((400_000..1 << 20).contains(&long.len()), "{}", long.len());
    fs::write(&path, &long).unwrap();
    let typed = long.clone() + "# and this\n";
    pages.post("/settings/text", &[("digest", &pages.digest()), ("text", &typed)]).is(303);
    assert_eq!(pages.settings(), typed);

    // What no program would read comes back as it was typed.
    let longer = typed.clone() + &"# more\n".repeat(100_000);
    let page = pages.post("/settings/text", &[("digest", &pages.digest()), ("text", &longer)]).is(422);
    says(&page, &["1048576 of settings are read"]);
    assert!(page.text.matches("# more").count() == 100_000);

    // What is longer still is heard out, so that a browser shows why not.
    let mut browser = Browser::start();
    browser.visit(&invitation(&pages.desk, "olga", "operator"));
    browser.click("form[action^='/enter/'] button");
    browser.wait_until("location.pathname === '/sites/site'");
    browser.visit(&format!("{}/sites/site/settings", pages.desk.origin));
    browser.ask("document.querySelector('textarea[name=text]').value = '# no end '.repeat(600000)");
    browser.click("form[action$='/settings/text'] button");
    browser.wait_until("document.querySelector('[role=alert]')?.textContent.includes('1 MiB')");
    assert_eq!(pages.settings(), typed);
}
