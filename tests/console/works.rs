//! However fast programs and people begin work, over however many sites, not
//! more of it is under way at once than the machine has a use for.

use std::fs;
use std::io::Read;
use std::net::TcpListener;
use std::path::Path;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use entracte::app::console::home::Home;
use entracte::app::console::tokens;
use entracte::app::console::tokens::Scope;
use reqwest::blocking::Client;
use serde_json::Value;
use serde_json::json;

use super::desk::Answer;
use super::desk::Desk;
use super::pages::many::lay_down;
use super::support::run::Entracte;

const SITES: usize = 10;
const QUESTIONS: usize = 50;

/// Sites of one console, and a token that may do everything there.
struct Many {
    above: tempfile::TempDir,
    desk: Desk,
    token: String,
    _home: Entracte,
}

impl Many {
    fn new() -> Many {
        let above = tempfile::Builder::new().prefix("entracte-works-").tempdir_in("/dev/shm").unwrap();
        let sites: Vec<String> = (0..SITES).map(|number| lay_down(above.path(), number)).collect();
        let config = above.path().join("config");
        let entracte = Entracte::new(Path::new(&sites[0])).with("XDG_CONFIG_HOME", config.to_str().unwrap());
        let desk = Desk::open_with(&entracte, &sites.iter().map(String::as_str).collect::<Vec<_>>());
        let home = Home::find(Some(&config.join("entracte/console")));
        let scopes = [Scope::Read, Scope::Plan, Scope::Operate];
        let (_, secret) = tokens::create(&home, "ci", &scopes, 1, "ada").unwrap();
        Many { above, desk, token: secret.reveal().to_owned(), _home: entracte }
    }

    fn post(&self, path: &str, body: &Value) -> Answer {
        let request = Client::new().post(format!("{}{path}", self.desk.origin)).bearer_auth(&self.token);
        Answer::of(request.header("content-type", "application/json").body(body.to_string()).send().unwrap())
    }

    fn get(&self, path: &str) -> Value {
        let request = Client::new().get(format!("{}{path}", self.desk.origin)).bearer_auth(&self.token);
        Answer::of(request.send().unwrap()).is(200).json()["result"].clone()
    }

    /// The processes that work on one of the sites.
    fn at_work(&self) -> usize {
        let above = self.above.path().to_str().unwrap();
        let processes = fs::read_dir("/proc").unwrap().filter_map(Result::ok);
        let lines = processes.filter_map(|process| {
            let mut line = String::new();
            fs::File::open(process.path().join("cmdline")).ok()?.read_to_string(&mut line).ok()?;
            Some(line)
        });
        lines.filter(|line| line.contains(above) && line.contains("--detached")).count()
    }

    /// Asks everything that was begun to stop, and waits until it has.
    fn stops(&self, begun: &[String]) {
        for work in begun {
            self.post(&format!("{work}/stop"), &json!({}));
            let since = Instant::now();
            while self.get(work)["state"] != "ended" {
                assert!(since.elapsed() < Duration::from_secs(60), "{work} does not stop");
                thread::sleep(Duration::from_millis(50));
            }
        }
    }
}

fn site(number: usize) -> String {
    format!("/api/v1/sites/shop-{number:03}")
}

fn work_of(begun: &Answer) -> String {
    begun.json()["result"]["url"].as_str().unwrap().to_owned()
}

#[test]
fn what_is_under_way_at_once_is_bounded() {
    let many = Many::new();
    // Whoever connects there waits for an answer that never comes.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let from = json!({"from": format!("http://{}/shop.zip", silent.local_addr().unwrap())});
    let most = thread::available_parallelism().unwrap().get().max(4);
    let ask = |number: usize| many.post(&format!("{}/stage", site(number % SITES)), &from);
    let answers: Vec<Answer> = thread::scope(|threads| {
        let asked: Vec<_> = (0..QUESTIONS).map(|number| threads.spawn(move || ask(number))).collect();
        asked.into_iter().map(|answer| answer.join().unwrap()).collect()
    });
    assert!(many.at_work() <= most, "{} at work", many.at_work());
    let (begun, refused): (Vec<_>, Vec<_>) = answers.into_iter().partition(|answer| answer.status == 202);
    // Who came second to a site has ended already, and made room for another.
    assert!(begun.len() >= most && !refused.is_empty(), "{} begun", begun.len());
    for answer in refused {
        let answer = answer.is(429);
        assert_eq!(answer.header("retry-after"), "5");
        let document = answer.json();
        assert_eq!((&document["exit"], &document["verb"]), (&json!(8), &json!("stage")), "{document:#}");
        assert!(document["error"]["message"].as_str().unwrap().contains("nothing was begun"), "{document:#}");
    }

    // Until all places are taken by what waits for that server.
    let mut begun: Vec<String> = begun.iter().map(work_of).collect();
    let since = Instant::now();
    while many.at_work() < most {
        begun
            .extend((0..SITES).map(ask).filter(|answer| answer.status == 202).map(|answer| work_of(&answer)));
        assert!(since.elapsed() < Duration::from_secs(60), "{} at work", many.at_work());
    }
    for verb in ["plan", "watch", "doctor", "apply"] {
        many.post(&format!("{}/{verb}", site(0)), &json!({})).is(429);
    }
    let page = many.desk.post("/sites/shop-001/check", &[]).is(429);
    assert!(page.text.contains("nothing was begun"), "{}", page.text);
    // Who takes a run back waits for nobody.
    let urgent = many.post(&format!("{}/rollback", site(3)), &json!({})).is(202);
    many.stops(&[work_of(&urgent)]);

    many.stops(&begun);
    let watched = many.post(&format!("{}/watch", site(4)), &json!({})).is(202);
    many.stops(&[work_of(&watched)]);
    assert_eq!(many.at_work(), 0);
}
