//! The pages of a site over real HTTP, held against the JSON of the command line.

mod compare;
mod gate;
mod history;
pub mod many;
mod settings;
mod upkeep;
mod watch;

use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use super::desk::Answer;
use super::desk::Desk;
use super::support::run::Entracte;
use super::support::small::SmallSite;
use super::worker;

/// A small site, the program, and a console with its operator signed in.
pub struct Pages {
    pub small: SmallSite,
    pub entracte: Entracte,
    pub desk: Desk,
}

impl Pages {
    pub fn open() -> Pages {
        let small = SmallSite::in_memory();
        let entracte = small.adopt_with(&["--version", "1"]);
        let pages = Pages::on(small, entracte);
        // What visitors and the owner put there is nobody's finding.
        let path = pages.state().join("entracte.toml");
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, text.replace("keep = []", "keep = [\"media/**\"]")).unwrap();
        pages
    }

    pub fn on(small: SmallSite, entracte: Entracte) -> Pages {
        let desk = Desk::open_with(&entracte, &[]);
        Pages { small, entracte, desk }
    }

    /// A page of the site; `rest` begins with `/` or is empty.
    pub fn get(&self, rest: &str) -> Answer {
        self.desk.get(&format!("/sites/site{rest}"))
    }

    pub fn post(&self, rest: &str, fields: &[(&str, &str)]) -> Answer {
        self.desk.post(&format!("/sites/site{rest}"), fields)
    }

    /// Begins work by a form and waits until it has answered.
    #[track_caller]
    pub fn work(&self, rest: &str, fields: &[(&str, &str)]) -> Value {
        let answer = self.post(rest, fields).is(303);
        let id = answer.header("location").strip_prefix("/sites/site/work/").expect("work to follow");
        worker::answer(&self.small.root(), id)
    }

    pub fn state(&self) -> PathBuf {
        self.small.root().with_file_name(".entracte-site")
    }

    pub fn log(&self) -> String {
        fs::read_to_string(self.state().join("history.jsonl")).unwrap()
    }
}

/// The text of a page without its tags, entities and breaks.
pub fn told(page: &Answer) -> String {
    let mut text = String::new();
    for piece in page.text.split('<') {
        text.push_str(piece.split_once('>').map_or(piece, |(_, after)| after));
        text.push(' ');
    }
    let plain = text
        .replace("&#38;", "&")
        .replace("&#39;", "'")
        .replace("&#34;", "\"")
        .replace("&#60;", "<")
        .replace("&#62;", ">");
    plain.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[track_caller]
pub fn says(page: &Answer, wanted: &[&str]) {
    let told = told(page);
    for text in wanted {
        assert!(told.contains(text), "\"{text}\" is not in: {told}");
    }
}

#[test]
fn home_says_what_the_command_line_says() {
    let pages = Pages::open();
    let status = pages.entracte.json(&["status"]).result;
    let page = pages.get("").is(200);
    says(
        &page,
        &[
            "Nothing: all is well",
            status["site"].as_str().unwrap(),
            &format!("Installed {}", status["installed"]["version"].as_str().unwrap()),
            "Visitors come in",
            "Last watch never",
            "Last run none yet",
            "Nothing is done unattended.",
        ],
    );
    // Findings, a plan, a closed gate: each is on the page, with the way there.
    pages.small.write(&pages.small.path("app/added.php"), "<?php echo 1;");
    let watched = pages.entracte.json(&["watch"]).code(7);
    assert_eq!(watched["unexpected"][0], "app/added.php");
    pages.small.stage(&pages.entracte);
    let plan = pages.entracte.json(&["plan"]).code(0);
    pages.entracte.run(&["close", "--for", "a <b>test</b>"]).code(0);
    let page = pages.get("").is(200);
    let id = &plan["id"].as_str().unwrap()[..12];
    says(
        &page,
        &[
            "1 file is not as it should be",
            &format!("The plan {id} waits"),
            "nobody is at work: a <b>test</b>",
        ],
    );
    for to in ["/gate", "/update/review", "/watch"] {
        assert!(
            page.text.contains(&format!("class=\"button\" href=\"/sites/site{to}\"")),
            "{to}: {}",
            page.text
        );
    }
    assert!(!page.text.contains("<b>test"), "{}", page.text);
    pages.entracte.run(&["open"]).code(0);
    // A whole update: the last run and the release that stands here now.
    pages.entracte.run(&["approve", plan["id"].as_str().unwrap()]).code(0);
    says(&pages.get("").is(200), &["is approved and waits to be applied"]);
    let run = pages.entracte.json(&["apply"]).code(0);
    let page = pages.get("").is(200);
    says(&page, &["Installed 2, since", "1 → 2: finished"]);
    assert!(page.text.contains(&format!("/sites/site/runs/{}", run["run"].as_str().unwrap())));
    // The same in French, and nothing in English left.
    let french = pages.desk.request(reqwest::Method::GET, "/sites/site").header("accept-language", "fr");
    let french = Answer::of(french.send().unwrap());
    says(&french, &["Dernière exécution 1 → 2 : terminée", "Visiteurs entrent"]);
}

#[test]
fn a_run_that_stopped_comes_first() {
    let small = SmallSite::in_memory();
    let entracte = small.ready();
    entracte.json(&["apply", "--stop-before", "swap"]).code(0);
    let status = entracte.json(&["status"]).result;
    let pages = Pages::on(small, entracte);
    let page = pages.get("").is(200);
    let run = status["run"]["id"].as_str().unwrap();
    says(&page, &[&format!("The run {run} is not finished, and visitors are kept out")]);
    let (first, _) = page.text.split_once(run).unwrap();
    assert!(!first.contains("<dl"), "what needs a person comes before all facts");
    // Nothing of the settings can change before it is over.
    let settings = pages.get("/settings").is(200);
    says(&settings, &["A run is not finished"]);
    let text = fs::read_to_string(pages.state().join("entracte.toml")).unwrap();
    let digest = settings.field("digest").unwrap();
    let fields = [("digest", digest.as_str()), ("was.url", ""), ("url", "https://x.example/")];
    let refused = pages.post("/settings", &fields).is(409);
    says(&refused, &[run]);
    assert_eq!(fs::read_to_string(pages.state().join("entracte.toml")).unwrap(), text);
    // Nor can anybody be let in behind it.
    pages.post("/gate/open", &[]).is(409);
    assert_eq!(pages.entracte.json(&["status"]).result["gate"]["closed"], true);
}
