//! Every page, in every place where a site can stand, as a browser shows it:
//! what axe-core says, phone width, the keyboard, and pictures to look at.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::Value;
use serde_json::json;

use super::browser;
use super::desk::Desk;
use super::states;
use super::support::effort;
use super::support::run::Entracte;

/// Addresses of `look` that are no pages: what comes from there is a file or a stream.
const NO_PAGES: &[&str] = &["/assets/{name}", "/enter/{link}"];
/// Of pages that differ in their names alone so many are looked at in one state.
const ALIKE: usize = 2;
const LOOKS: [&str; 4] = ["desktop", "phone-dark", "dark", "phone"];

#[test]
fn every_page_is_fit_for_everybody() {
    let states = states::all();
    let home = Entracte::new(&states[0].root());
    let roots: Vec<String> = states.iter().map(|state| state.root().to_str().unwrap().to_owned()).collect();
    let roots: Vec<&str> = roots.iter().map(String::as_str).collect();
    let desk = Desk::open_with(&home, &roots);
    let words = words(&desk);
    assert_eq!(words.len(), states.len(), "{words:?}");
    let pictures = browser::pictures();
    let _ = fs::remove_dir_all(&pictures);
    let mut visits = vec![visit("all", "/", &LOOKS, true), visit("all", "/nowhere", &LOOKS, false)];
    let mut known = BTreeSet::new();
    for (state, word) in states.iter().zip(&words) {
        for path in pages(&desk, &format!("/sites/{word}"), word) {
            // A new kind of page is looked at in every way, the same in another state in one.
            let is_new = known.insert(kind(&path, &words));
            let one = [LOOKS[visits.len() % LOOKS.len()]];
            let looks = if is_new || effort::is_full() { &LOOKS[..] } else { &one };
            visits.push(visit(state.name, &path, looks, is_new));
        }
    }
    let said = browser::run(
        "pages",
        &json!({
            "origin": desk.origin, "cookie": desk.cookie, "pictures": pictures, "visits": visits,
            "status": {"/nowhere": 404},
        }),
    );
    for note in said.iter().filter_map(|line| line["note"].as_str()) {
        println!("{note}");
    }
    assert_routes_are_seen(&visits, &words);
}

fn visit(state: &str, path: &str, looks: &[&str], keyboard: bool) -> Value {
    json!({"state": state, "path": path, "looks": looks, "keyboard": keyboard})
}

/// What stands for each site in addresses, in their order.
fn words(desk: &Desk) -> Vec<String> {
    let mut words: Vec<String> = links(&desk.get("/").is(200).text)
        .into_iter()
        .filter_map(|link| link.strip_prefix("/sites/").map(str::to_owned))
        .filter(|word| !word.contains('/'))
        .collect();
    words.dedup();
    words
}

/// Whatever can be reached from a site's first page by links, and the console's own pages.
fn pages(desk: &Desk, first: &str, word: &str) -> Vec<String> {
    let mut found = vec![first.to_owned()];
    let mut alike: BTreeMap<String, usize> = BTreeMap::new();
    let mut at = 0;
    while let Some(path) = found.get(at).cloned() {
        at += 1;
        let answered = desk.request(reqwest::Method::GET, &path).send().unwrap();
        let is_page = answered.status() == 200
            && answered.headers()["content-type"].to_str().unwrap().starts_with("text/html");
        if !is_page {
            found.retain(|other| *other != path);
            at -= 1;
            continue;
        }
        for link in links(&answered.text().unwrap()) {
            let link = link.split('#').next().unwrap_or_default().to_owned();
            let is_elsewhere =
                link.strip_prefix("/sites/").is_some_and(|rest| rest.split(['/', '?']).next() != Some(word));
            if !link.starts_with('/') || link == "/" || is_elsewhere || found.contains(&link) {
                continue;
            }
            let count = alike.entry(kind(&link, &[word.to_owned()])).or_default();
            *count += 1;
            if *count <= ALIKE {
                found.push(link);
            }
        }
    }
    found
}

/// A path without what differs from one site, run, or question to another.
fn kind(path: &str, words: &[String]) -> String {
    let path = path.split('?').next().unwrap_or_default();
    let parts = path.split('/').map(|part| {
        let has_digit = part.bytes().any(|byte| byte.is_ascii_digit());
        if words.iter().any(|word| word == part) {
            "{site}"
        } else if has_digit && part.contains('-') {
            "{}"
        } else {
            part
        }
    });
    parts.collect::<Vec<_>>().join("/")
}

fn links(page: &str) -> Vec<String> {
    let mut links: Vec<String> = Vec::new();
    for piece in page.split("<a ").skip(1) {
        let tag = piece.split('>').next().unwrap_or_default();
        let Some((_, rest)) = tag.split_once("href=\"") else { continue };
        let link = rest.split('"').next().unwrap_or_default().replace("&amp;", "&").replace("&#38;", "&");
        if !tag.contains("download") && !links.contains(&link) {
            links.push(link);
        }
    }
    links
}

/// A page that nobody can come to by links is looked at by nobody.
fn assert_routes_are_seen(visits: &[Value], words: &[String]) {
    let seen: Vec<Vec<String>> = visits
        .iter()
        .map(|visit| {
            visit["path"].as_str().unwrap().split('?').next().unwrap().split('/').map(str::to_owned).collect()
        })
        .collect();
    let is_seen = |route: &str| {
        let parts: Vec<&str> = route.split('/').collect();
        seen.iter().any(|path| {
            path.len() == parts.len()
                && parts.iter().zip(path).all(|(part, here)| part == here || part.starts_with('{'))
        })
    };
    let routes = routes();
    assert!(routes.len() > 3, "{routes:?}");
    let unseen: Vec<&String> =
        routes.iter().filter(|route| !NO_PAGES.contains(&route.as_str()) && !is_seen(route)).collect();
    assert!(unseen.is_empty(), "no link leads to {unseen:?} in any of the states of {words:?}");
}

/// The addresses of `look("…")` in the sources: the table itself is not shown outside.
fn routes() -> BTreeSet<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/console");
    let mut routes = BTreeSet::new();
    for entry in walkdir::WalkDir::new(folder).into_iter().map(Result::unwrap) {
        let is_source = entry.path().extension().is_some_and(|kind| kind == "rs");
        if !is_source || entry.path().to_str().unwrap().contains("console/api/") {
            continue;
        }
        let text: String = fs::read_to_string(entry.path()).unwrap().split_whitespace().collect();
        routes.extend(
            text.split("look(\"")
                .skip(1)
                .filter_map(|rest| Some(rest.split('"').next()?.to_owned()))
                .filter(|path| path.starts_with('/')),
        );
    }
    routes
}
