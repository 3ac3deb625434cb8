//! Programs at the console: the whole way of an update with a token, as the
//! OpenAPI file says, and nothing without one.

use std::cell::RefCell;
use std::fs;
use std::time::Duration;

use entracte::app::console::home::Home;
use entracte::app::console::tokens;
use entracte::app::console::tokens::Scope;
use entracte::console::routes;
use entracte::console::routes::Address;
use reqwest::Method;
use reqwest::blocking::RequestBuilder;
use serde_json::Value;
use serde_json::json;
use tempfile::TempDir;

use super::browser;
use super::desk::Answer;
use super::desk::Desk;
use super::support::process;
use super::support::run::Entracte;
use super::support::small::SmallSite;
use super::support::snapshot::Tree;
use super::wire;

const SITE: &str = "/api/v1/sites/site";

/// A console with a program that has a token, and all that it was answered.
struct Program {
    desk: Desk,
    folder: TempDir,
    token: String,
    answers: RefCell<Vec<Value>>,
    /// The folder that it works in.
    _home: Entracte,
}

impl Program {
    fn at(small: &SmallSite, scopes: &[Scope]) -> Program {
        let folder = tempfile::tempdir_in("/tmp").unwrap();
        let entracte = Entracte::new(&small.root()).with("XDG_CONFIG_HOME", folder.path().to_str().unwrap());
        let desk = Desk::open_with(&entracte, &[small.root().to_str().unwrap()]);
        let mut program =
            Program { desk, folder, token: String::new(), answers: RefCell::default(), _home: entracte };
        program.token = program.new_token("ci", scopes);
        program
    }

    fn new_token(&self, name: &str, scopes: &[Scope]) -> String {
        let home = Home::find(Some(&self.folder.path().join("entracte/console")));
        let (_, secret) = tokens::create(&home, name, scopes, 1, "ada").unwrap();
        secret.reveal().to_owned()
    }

    /// Not sent yet, with nothing but the token.
    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.desk.visitor().client.request(method, format!("{}{path}", self.desk.origin));
        request.bearer_auth(&self.token)
    }

    fn get(&self, path: &str, template: &str) -> Answer {
        let answer = Answer::of(self.request(Method::GET, path).send().unwrap());
        self.keep("get", template, answer)
    }

    fn post(&self, path: &str, template: &str, body: &Value) -> Answer {
        let request = self.request(Method::POST, path).header("content-type", "application/json");
        self.keep("post", template, Answer::of(request.body(body.to_string()).send().unwrap()))
    }

    fn keep(&self, method: &str, template: &str, answer: Answer) -> Answer {
        let kind = answer.header("content-type").to_owned();
        self.answers.borrow_mut().push(json!({
            "method": method, "path": template, "status": answer.status, "kind": kind, "body": answer.text,
        }));
        answer
    }

    /// Something of the one site.
    fn look(&self, rest: &str) -> Value {
        self.look_as(rest, rest.split('?').next().unwrap())
    }

    fn look_as(&self, rest: &str, template: &str) -> Value {
        let answer = self.get(&format!("{SITE}{rest}"), &format!("/api/v1/sites/{{site}}{template}"));
        answer.is(200).json()["result"].clone()
    }

    fn act(&self, verb: &str, body: &Value) -> Answer {
        self.post(&format!("{SITE}/{verb}"), &format!("/api/v1/sites/{{site}}/{verb}"), body)
    }

    /// Begins work and waits for its document.
    fn work(&self, verb: &str, body: &Value) -> Value {
        let begun = self.act(verb, body).is(202).json()["result"].clone();
        let id = begun["work"].as_str().unwrap();
        assert_eq!(begun["url"], format!("{SITE}/work/{id}"));
        self.events(id);
        let work = self.look_as(&format!("/work/{id}"), "/work/{work}");
        assert_eq!((&work["state"], &work["verb"]), (&json!("ended"), &json!(verb)), "{work:#}");
        assert_eq!(work["by"], "token ci of ada");
        work["answer"].clone()
    }

    /// All events of work, which ends with them.
    fn events(&self, id: &str) -> Vec<Value> {
        let path = format!("{SITE}/work/{id}/events");
        let answer = self.get(&path, "/api/v1/sites/{site}/work/{work}/events").is(200);
        let lines = answer.text.lines().filter(|line| !line.is_empty());
        let lines: Vec<Value> = lines.map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines.last().unwrap()["event"], "ended", "{lines:#?}");
        lines
    }

    /// Everything that was answered, against the file.
    fn assert_as_described(&self) {
        let file: Value =
            Answer::of(self.request(Method::GET, "/api/v1/openapi.json").send().unwrap()).json();
        let asked = json!({"file": file, "answers": *self.answers.borrow(), "bodies": bodies()});
        browser::run("schemas", &asked);
    }
}

/// What the file says of bodies is what is taken: the wrong ones are refused below.
fn bodies() -> Vec<Value> {
    let body = |name: &str, body: Value, good: bool| json!({"name": name, "body": body, "good": good});
    let mut bodies: Vec<Value> =
        wrong_bodies().into_iter().map(|(_, name, wrong)| body(name, wrong, false)).collect();
    bodies.push(body("AskStage", json!({"from": "incoming", "complete": true}), true));
    bodies.push(body("AskApply", json!({}), true));
    bodies
}

fn wrong_bodies() -> Vec<(&'static str, &'static str, Value)> {
    vec![
        ("stage", "AskStage", json!({"form": "vendor"})),
        ("stage", "AskStage", json!({"complete": "yes"})),
        ("apply", "AskApply", json!({"budget": -1})),
        ("approve", "AskApprove", json!({})),
        ("rollback", "AskRollback", json!({"database": "drop"})),
        ("accept", "AskAccept", json!({"paths": ["a"]})),
        ("open", "AskOpen", json!({"force": true})),
        ("close", "AskClose", json!([])),
    ]
}

fn put_into_incoming(small: &SmallSite) {
    let incoming = small.folder.path().join("parent/.entracte-site/incoming");
    fs::create_dir_all(&incoming).unwrap();
    let release = small.release(2);
    process::run("cp", &["-a", &format!("{}/.", release.display()), incoming.to_str().unwrap()]);
    // What was written a moment ago may not be whole yet.
    process::run("find", &[incoming.to_str().unwrap(), "-exec", "touch", "-hd", "2020-01-01", "{}", "+"]);
}

#[test]
fn a_program_goes_the_whole_way() {
    let small = SmallSite::new();
    drop(small.adopt());
    let old = small.look();
    let program = Program::at(&small, Scope::ALL);
    let sites = program.get("/api/v1/sites", "/api/v1/sites").is(200).json()["result"].clone();
    assert_eq!(sites["sites"], json!([{"site": "site", "name": "site", "url": SITE}]));
    assert_eq!(program.look("/status")["next"], json!(["stage"]));
    assert_eq!(program.look("/watch")["at"], Value::Null);
    program.get(&format!("{SITE}/plan"), "/api/v1/sites/{site}/plan").is(404);
    update(&program, &small);
    watch(&program, &small);
    let gone_back = program.work("rollback", &json!({}));
    assert_eq!(gone_back["result"]["outcome"], "rolled-back", "{gone_back:#}");
    old.assert_same(&small.look(), "after the rollback of a program");
    let history = program.look("/history?verify=true&last=3&file=app/changed.txt");
    assert_eq!(history["verified"], true, "{history:#}");
    assert_eq!(history["runs"][0]["approved_by"], "token ci of ada", "{history:#}");
    program.assert_as_described();
}

fn update(program: &Program, small: &SmallSite) {
    put_into_incoming(small);
    let staged = program.work("stage", &json!({"from": "incoming", "version": "2", "complete": true}));
    assert_eq!((&staged["ok"], &staged["result"]["version"]), (&json!(true), &json!("2")), "{staged:#}");
    assert_eq!(program.work("apply", &json!({}))["exit"], 3, "nothing is planned");
    let planned = program.work("plan", &json!({"paranoid": true}));
    let plan = program.look("/plan?diff=app/changed.txt");
    assert_eq!(planned["result"]["id"], plan["id"]);
    assert!(plan["diffs"][0]["text"].as_str().unwrap().contains("+as in 2"), "{plan:#}");
    assert_eq!(program.work("apply", &json!({}))["exit"], 4, "nobody approved it");
    program.act("approve", &json!({"id": "0".repeat(64)})).is(409);
    let approved = program.act("approve", &json!({"id": plan["id"]})).is(200).json();
    assert_eq!(approved["result"]["by"], "token ci of ada");
    let stopped = program.work("apply", &json!({"stop_before": "migrate"}));
    assert_eq!(stopped["result"]["outcome"], "stopped", "{stopped:#}");
    assert_eq!(program.look("/status")["run"]["state"], "stopped");
    program.act("close", &json!({})).is(409);
    let resumed = program.work("resume", &json!({}));
    assert_eq!(resumed["result"]["outcome"], "finished", "{resumed:#}");
    let run = resumed["result"]["run"].as_str().unwrap();
    let shown = program.look_as(&format!("/runs/{run}"), "/runs/{run}");
    assert_eq!(shown["people"][0]["by"], "token ci of ada", "{shown:#}");
    program.get(&format!("{SITE}/runs/2-x"), "/api/v1/sites/{site}/runs/{run}").is(404);
}

fn watch(program: &Program, small: &SmallSite) {
    fs::write(small.path("app/changed.txt"), "somebody was here\n").unwrap();
    let found = program.work("watch", &json!({}));
    assert_eq!((&found["exit"], &found["result"]["modified"]), (&json!(7), &json!(["app/changed.txt"])));
    assert_eq!(program.look("/watch")["modified"], json!(["app/changed.txt"]));
    let body = json!({"paths": ["app/changed.txt"], "note": "our own"});
    let accepted = program.act("accept", &body).is(200).json();
    assert_eq!(accepted["result"]["accepted"], json!(["app/changed.txt"]), "{accepted:#}");
    program.act("accept", &body).is(200);
    program.work("doctor", &json!({}));
    assert!(!program.look("/doctor")["checks"].as_array().unwrap().is_empty());
    assert_eq!(program.act("close", &json!({"reason": "soup"})).is(200).json()["result"]["reason"], "soup");
    assert_eq!(program.look("/status")["gate"]["by"], "token ci of ada");
    program.act("open", &json!({})).is(200);
    assert_eq!(program.act("open", &json!({})).is(200).json()["exit"], 3);
    fs::write(small.path("app/changed.txt"), "as in 2, and longer\n").unwrap();
}

#[test]
fn what_is_not_understood_is_refused() {
    let small = SmallSite::new();
    drop(small.adopt());
    let program = Program::at(&small, Scope::ALL);
    for (verb, _, body) in wrong_bodies() {
        let said = program.act(verb, &body).is(400).json();
        assert_eq!((&said["exit"], &said["verb"]), (&json!(2), &json!(verb)), "{said:#}");
    }
    for from in ["/etc", "file:///etc/", "--complete", "../release-2"] {
        assert_eq!(program.act("stage", &json!({"from": from})).is(409).json()["exit"], 5, "{from}");
    }
    let twice = r#"{"from": "vendor", "from": "incoming"}"#;
    let send = |kind: &str, body: String| {
        let request = program.request(Method::POST, &format!("{SITE}/stage")).header("content-type", kind);
        Answer::of(request.body(body).send().unwrap())
    };
    assert!(send("application/json", twice.into()).is(400).text.contains("stands twice"));
    send("text/plain", "{}".into()).is(415);
    send("application/x-www-form-urlencoded", "from=vendor".into()).is(415);
    let long = send("application/json", format!("{{\"from\": \"{}\"}}", "a".repeat(70_000))).is(413);
    assert_eq!(long.header("connection"), "close", "nobody hears the rest of it, nor what follows");
    for (path, status) in [
        ("/api/v1/sites/other/status", 404),
        ("/api/v1/sites/site/work/1-1", 404),
        ("/api/v1/sites/site/work/..%2f1-1", 404),
        ("/api/v1/sites/site/runs/..%2f..%2fx", 404),
        ("/api/v1/sites/site/history?last=x", 400),
        ("/api/v1/sites/site/approve", 405),
        ("/api/v1/nothing", 404),
        ("/api/", 404),
    ] {
        let answer = Answer::of(program.request(Method::GET, path).send().unwrap()).is(status);
        assert_eq!(answer.header("content-type"), "application/json", "{path}");
        assert_eq!(answer.json()["ok"], false, "{path}");
    }
    program.assert_as_described();
}

#[test]
fn nobody_comes_in_without_a_token_that_may() {
    let small = SmallSite::new();
    drop(small.adopt());
    let mut program = Program::at(&small, &[Scope::Read, Scope::Plan]);
    let status = format!("{SITE}/status");
    let client = program.desk.visitor().client;
    let ask = |headers: &[(&str, &str)]| {
        let mut request = client.get(format!("{}{status}", program.desk.origin));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Answer::of(request.send().unwrap())
    };
    let bearer = format!("Bearer {}", program.token);
    ask(&[("authorization", &bearer)]).is(200);
    let cookie = program.desk.cookie.clone();
    let origin = program.desk.origin.clone();
    for (headers, expected) in [
        (vec![], 401),
        (vec![("cookie", cookie.as_str())], 401),
        (vec![("authorization", &bearer[..bearer.len() - 1])], 401),
        (vec![("authorization", "Basic YWRhOmFkYQ==")], 401),
        (vec![("authorization", &bearer), ("authorization", &bearer)], 401),
        (vec![("authorization", &bearer), ("origin", "https://evil.example.org")], 403),
        (vec![("authorization", &bearer), ("origin", &origin)], 403),
        (vec![("authorization", &bearer), ("sec-fetch-site", "cross-site")], 403),
        (vec![("authorization", &bearer), ("host", "evil.example.org")], 421),
    ] {
        let answer = ask(&headers).is(expected);
        assert_eq!(answer.header("www-authenticate") == "Bearer", expected == 401, "{headers:?}");
        assert!(!answer.text.contains("installed"), "{headers:?}");
        assert_eq!(answer.header("access-control-allow-origin"), "");
    }
    program.act("close", &json!({})).is(403);
    program.act("apply", &json!({})).is(403);
    program.token = program.new_token("operate", &[Scope::Operate]);
    program.get(&status, "/api/v1/sites/{site}/status").is(403);
    program.act("stage", &json!({})).is(403);
    program.act("close", &json!({})).is(200);
    // A token opens no page, and a page's form no address of programs.
    Answer::of(program.request(Method::GET, "/sites/site").send().unwrap()).is(303);
    program.desk.post(&format!("{SITE}/open"), &[]).is(403);
    Answer::of(client.get(format!("{origin}/api/v1/openapi.json")).send().unwrap()).is(200);
    let home = Home::find(Some(&program.folder.path().join("entracte/console")));
    tokens::revoke(&home, "operate", "ada").unwrap();
    program.act("open", &json!({})).is(401);
    program.assert_as_described();
}

/// Every address of programs against everybody who may not: whatever is added to
/// the routes is asked as well.
#[test]
fn no_address_opens_to_who_may_not() {
    let small = SmallSite::new();
    let entracte = small.adopt();
    small.stage(&entracte);
    entracte.json(&["plan"]).code(0);
    drop(entracte);
    let program = Program::at(&small, &[Scope::Read]);
    let planner = program.new_token("planner", &[Scope::Plan]);
    let all: Vec<Address> =
        routes::addresses().into_iter().filter(|address| matches!(address.api, Some(Some(_)))).collect();
    assert!(all.len() > 15, "{all:?}");
    let full = program.new_token("full", Scope::ALL);
    let before = Tree::of(&small.folder.path().join("parent"));
    let (cookie, origin) = (program.desk.cookie.clone(), program.desk.origin.clone());
    for address in &all {
        let path = address.path.replace("{site}", "site").replace("{work}", "1-1").replace("{run}", "x");
        let ask = |method: &str, headers: &[(&str, &str)]| {
            let client = program.desk.visitor().client;
            let mut request = client.request(method.parse().unwrap(), format!("{origin}{path}"));
            for (name, value) in headers {
                request = request.header(*name, *value);
            }
            Answer::of(request.body(if method == "POST" { "{}" } else { "" }).send().unwrap())
        };
        let lesser = if address.api == Some(Some("read")) { &planner } else { &program.token };
        let (full, lesser) = (format!("Bearer {full}"), format!("Bearer {lesser}"));
        let (auth, full) = ("authorization", full.as_str());
        for (what, headers, status) in [
            ("nobody", vec![], 401),
            ("a browser", vec![("cookie", cookie.as_str())], 401),
            ("a guess", vec![(auth, "Bearer 0000")], 401),
            ("one that may do something else", vec![(auth, lesser.as_str())], 403),
            ("a page of ours", vec![(auth, full), ("origin", origin.as_str())], 403),
            ("a page of another", vec![(auth, full), ("origin", "http://evil.example")], 403),
            ("a page that hides", vec![(auth, full), ("origin", "null")], 403),
            ("another name", vec![(auth, full), ("host", "evil.example")], 421),
        ] {
            let answer = ask(address.method, &headers);
            assert_eq!(answer.status, status, "{what}: {} {path}: {answer:?}", address.method);
            assert_eq!(answer.header("content-type"), "application/json", "{what}: {path}");
            assert_eq!(answer.json()["result"], Value::Null, "{what}: {path}");
        }
        let has_look = all.iter().any(|other| other.path == address.path && other.method == "GET");
        if address.method == "POST" && !has_look {
            assert_eq!(ask("GET", &[(auth, full)]).status, 405, "{path}");
        }
        let huge = format!(
            "{} {path} HTTP/1.1\r\nHost: {}\r\nAuthorization: {full}\r\nContent-Length: 10737418240\r\n\r\n",
            address.method,
            program.desk.host()
        );
        let said = wire::say(program.desk.host(), huge.as_bytes(), Duration::from_millis(1500));
        assert_eq!(said.statuses(), [413], "{path}: {}", said.text);
    }
    before.assert_same(&Tree::of(&small.folder.path().join("parent")), "nobody was let in");
}

#[test]
fn work_is_stopped_and_followed_from_any_place() {
    let small = SmallSite::new();
    let entracte = small.ready();
    let program = Program::at(&small, Scope::ALL);
    drop(entracte);
    let begun =
        program.act("apply", &json!({})).is(202).json()["result"]["work"].as_str().unwrap().to_owned();
    let all = program.events(&begun);
    let middle = all[all.len() / 2]["next"].as_u64().unwrap();
    let path = format!("{SITE}/work/{begun}/events?follow=false&from={middle}");
    let rest = program.get(&path, "/api/v1/sites/{site}/work/{work}/events").is(200);
    let rest: Vec<Value> = rest.text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(rest, all[all.len() / 2 + 1..]);
    let stop = format!("{SITE}/work/{begun}/stop");
    let said = program.post(&stop, "/api/v1/sites/{site}/work/{work}/stop", &json!({})).is(200).json();
    assert_eq!(said["exit"], 3, "it has ended already: {said:#}");
    program.assert_as_described();
}
