//! Every page, in every place where a site can stand, as a browser shows it:
//! what axe-core says, phone width, the keyboard, and pictures to look at.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fs;

use entracte::console::routes;
use serde_json::Value;
use serde_json::json;

use super::browser;
use super::desk::Desk;
use super::states;
use super::states::State;
use super::support::effort;
use super::support::run::Entracte;

/// What is no page: a file, a stream, a way to another page.
const NO_PAGES: &[&str] = &[
    "/assets/{name}",
    "/enter/{link}",
    "/favicon.ico",
    "/robots.txt",
    "/sites/{site}/gate/preview",
    "/sites/{site}/runs/{run}/files/{name}",
    "/sites/{site}/runs/{run}/logs/{name}",
    "/sites/{site}/runs/{run}/report.json",
    "/sites/{site}/update",
    "/sites/{site}/update/run",
    "/sites/{site}/update/upload/{upload}",
    "/sites/{site}/work/{id}/events",
];
/// Of pages that differ in their names alone so many are looked at in one state.
const ALIKE: usize = 2;
/// Pages that are others where the site stands elsewhere.
const CHANGING: &[&str] =
    &["/sites/{site}/compare/", "/sites/{site}/update", "/sites/{site}/runs/", "/sites/{site}/work/"];
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
    let pictures = browser::pictures("pages");
    let _ = fs::remove_dir_all(&pictures);
    let mut visits = vec![visit("all", "/", &LOOKS, true), visit("all", "/nowhere", &LOOKS, false)];
    visits.push(visit("all", "/enter", &LOOKS, true));
    let mut known = BTreeSet::new();
    for word in &words {
        let name = state_of(&desk, word, &states);
        let state = states.iter().find(|state| state.name == name);
        state.into_iter().for_each(|state| state.compare(&desk, word));
        let mut paths = pages(&desk, &format!("/sites/{word}"), word);
        paths.extend(works(word, state));
        paths.extend(groups(&paths));
        for path in paths {
            // A new kind of page is looked at in every way, one that changes with the state in one.
            let kind = kind(&path, &words);
            let changes =
                CHANGING.iter().any(|changing| kind.starts_with(changing)) || kind == "/sites/{site}";
            let is_new = known.insert(kind);
            if !is_new && !changes && !effort::is_full() {
                continue;
            }
            let one = [LOOKS[visits.len() % LOOKS.len()]];
            let looks = if is_new || effort::is_full() { &LOOKS[..] } else { &one };
            visits.push(visit(&name, &path, looks, is_new));
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

/// Each kind of difference of a comparison.
fn groups(paths: &[String]) -> Vec<String> {
    let whole = paths
        .iter()
        .find(|path| path.contains("/compare/") && !path.contains('?') && !path.ends_with("/report"));
    let kinds = ["only_a", "only_b", "moved"];
    whole.map(|path| kinds.map(|kind| format!("{path}?group={kind}")).into()).unwrap_or_default()
}

/// Where that site stands, as far as its page says which it is.
fn state_of(desk: &Desk, word: &str, states: &[State]) -> String {
    let page = desk.get(&format!("/sites/{word}")).is(200).text;
    let is_it = |state: &&State| page.contains(state.small.folder.path().to_str().unwrap());
    states.iter().find(is_it).map_or_else(|| word.to_owned(), |state| state.name.to_owned())
}

/// The pages that follow work which went on in a process of its own.
fn works(word: &str, state: Option<&State>) -> Vec<String> {
    let folder = state.map(|state| state.root().with_file_name(".entracte-site/runner"));
    let files = folder.and_then(|folder| fs::read_dir(folder).ok()).into_iter().flatten();
    let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    let ids = names.filter_map(|name| name.strip_suffix(".runner").map(str::to_owned));
    ids.map(|id| format!("/sites/{word}/work/{id}")).collect()
}

fn visit(state: &str, path: &str, looks: &[&str], keyboard: bool) -> Value {
    // A document that stands for itself speaks its own language, and has nothing to skip.
    let alone = path.ends_with("/report");
    json!({"state": state, "path": path, "looks": looks, "keyboard": keyboard, "alone": alone})
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
        assert!(answered.status() != 404, "a link leads to {path}, where there is nothing");
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

/// The pages of the console's own table, but for what is no page.
fn routes() -> BTreeSet<String> {
    let pages =
        routes::addresses().into_iter().filter(|address| address.method == "GET" && address.api.is_none());
    pages.map(|address| address.path.to_owned()).collect()
}
