//! Findings: shown, sifted, accepted.

use std::fs;

use super::Pages;
use super::says;
use super::told;

#[test]
fn findings_are_those_of_the_last_watch_and_are_accepted_with_a_note() {
    let pages = Pages::open();
    says(&pages.get("/watch").is(200), &["Nobody has watched this site yet"]);
    pages.small.write(&pages.small.path("app/<img src=x>.txt"), "x");
    pages.small.write(&pages.small.path("app/changed.txt"), "mine\n");
    fs::remove_file(pages.small.path("app/same.txt")).unwrap();
    let answer = pages.work("/watch/run", &[]);
    assert_eq!((answer["verb"].as_str(), answer["exit"].as_i64()), (Some("watch"), Some(7)));
    let page = pages.get("/watch").is(200);
    for detail in answer["result"]["details"].as_array().unwrap() {
        let reasons = detail["why"].as_array().unwrap().iter().map(|why| why["text"].as_str().unwrap());
        let all: Vec<&str> = std::iter::once(detail["path"].as_str().unwrap()).chain(reasons).collect();
        says(&page, &all);
    }
    says(&page, &["all (3)", "Unexpected (1)", "Changed (1)", "Missing (1)", "against release 1"]);
    assert!(!page.text.contains("<img"), "{}", page.text);
    // Sifted on the server.
    let sifted = told(&pages.get("/watch?q=CHANGED").is(200));
    assert!(sifted.contains("app/changed.txt") && !sifted.contains("app/same.txt"), "{sifted}");
    let kind = told(&pages.get("/watch?kind=missing").is(200));
    assert!(kind.contains("app/same.txt") && !kind.contains("app/changed.txt"), "{kind}");

    // Without a note, without a tick, or with an old page nothing is accepted.
    let seen = page.field("seen").unwrap();
    pages.post("/watch/accept", &[("seen", &seen), ("path", "app/changed.txt"), ("note", " ")]).is(400);
    pages.post("/watch/accept", &[("seen", &seen), ("note", "x")]).is(400);
    pages.post("/watch/accept", &[("path", "app/changed.txt"), ("note", "x")]).is(400);
    let fields =
        [("seen", seen.as_str()), ("path", "app/changed.txt"), ("path", "app/same.txt"), ("note", "by Ann")];
    pages.small.write(&pages.small.path("app/new.txt"), "new");
    pages.entracte.json(&["watch"]).code(7);
    says(&pages.post("/watch/accept", &fields).is(409), &["another watch found other things"]);
    assert!(!pages.log().contains("\"accepted\""));

    let seen = pages.get("/watch").is(200).field("seen").unwrap();
    let fields = [("seen", seen.as_str()), fields[1], fields[2], fields[3]];
    let done = pages.post("/watch/accept", &fields).is(303);
    says(&pages.desk.get(done.header("location")).is(200), &["Accepted.", "2 paths stand accepted."]);
    let left = pages.entracte.json(&["watch"]).code(7);
    assert_eq!(
        (left["modified"].as_array().unwrap().len(), left["unexpected"].as_array().unwrap().len()),
        (0, 2)
    );
    let history = pages.entracte.json(&["history"]).result;
    let line = history["events"].as_array().unwrap().iter().find(|line| line["event"] == "accepted").unwrap();
    assert_eq!(line["by"], "the one who started the console");
    assert_eq!(line["detail"], "by Ann: app/changed.txt, app/same.txt");
    assert_eq!(pages.entracte.json(&["history", "--verify"]).code(0)["verified"], true);

    // How it went over time: a picture, and the same as a table.
    let page = pages.get("/watch").is(200);
    says(&page, &["Findings over time"]);
    assert!(page.text.contains("at most 4 findings, now 2"), "{}", page.text);
    assert!(page.text.contains("<polyline") && !page.text.contains("style="), "{}", page.text);
}

#[test]
fn lines_are_shown_where_the_release_is_at_hand_and_never_of_other_files() {
    let pages = Pages::open();
    pages.small.stage(&pages.entracte);
    super::super::support::update::plan_and_approve(&pages.entracte);
    pages.entracte.json(&["apply"]).code(0);
    pages.small.write(&pages.small.path("app/changed.txt"), "as somebody <b>wants</b> it\n");
    pages.entracte.json(&["watch"]).code(7);
    let page = pages.get("/watch").is(200);
    assert!(page.text.contains("/watch/lines?path=app%2Fchanged.txt"), "{}", page.text);
    let lines = pages.get("/watch/lines?path=app%2Fchanged.txt").is(200);
    says(&lines, &["-as in 2, and longer", "+as somebody <b>wants</b> it"]);
    says(&pages.get("/watch/lines?path=data%2Fsite.db").is(409), &["may hold passwords"]);
    says(&pages.get("/watch/lines?path=app%2Fnone.txt").is(200), &["not at hand"]);
    for outside in ["..%2F.entracte-site%2Fgate-pass", "%2Fetc%2Fpasswd", "", "app%2F..%2F..%2Fx"] {
        assert!(pages.get(&format!("/watch/lines?path={outside}")).status >= 400, "{outside}");
    }
}
