//! Every address of the console against everybody who may not: whatever is
//! added to the routes is asked as well.

use std::collections::BTreeSet;
use std::path::Path;
use std::thread;
use std::time::Duration;

use entracte::console::routes;
use entracte::console::routes::Address;
use reqwest::Method;

use super::desk::Answer;
use super::desk::Desk;
use super::desk::Visitor;
use super::door::invited;
use super::support::small::SmallSite;
use super::support::snapshot::Tree;
use super::wire;

const SOON: Duration = Duration::from_millis(1500);
/// Until the connection is closed: a second answer would be heard.
const WHOLE: Duration = Duration::from_secs(10);
const LATE: Duration = Duration::from_secs(40);

/// An address that stands for the route.
fn path_of(address: &Address) -> String {
    let parts = address.path.split('/').map(|part| match part {
        "{site}" => "site",
        part if part.starts_with('{') => "x",
        part => part,
    });
    parts.collect::<Vec<_>>().join("/")
}

/// Programs' addresses know tokens of their own, and are asked by themselves.
fn pages() -> Vec<Address> {
    routes::addresses().into_iter().filter(|address| address.api.is_none()).collect()
}

fn asked(visitor: &Visitor, address: &Address, with: &[(&str, &str)], without: &[&str]) -> Answer {
    let path = path_of(address);
    let method: Method = address.method.parse().unwrap();
    let mut request = visitor.request(method, &path).build().unwrap();
    if address.method != "GET" {
        request.headers_mut().insert("x-entracte-token", visitor.token.parse().unwrap());
        let token = &visitor.token;
        let (kind, body) = match (address.is_multipart, address.most.is_none()) {
            (true, _) => ("multipart/form-data; boundary=x", one_part(token)),
            (false, true) => ("application/octet-stream", String::new()),
            (false, false) => ("application/x-www-form-urlencoded", format!("token={token}")),
        };
        request.headers_mut().insert("content-type", kind.parse().unwrap());
        *request.body_mut() = Some(body.into());
    }
    for (name, value) in with {
        request
            .headers_mut()
            .insert(reqwest::header::HeaderName::try_from(*name).unwrap(), value.parse().unwrap());
    }
    for name in without {
        request.headers_mut().remove(*name);
    }
    Answer::of(visitor.client.execute(request).unwrap())
}

fn one_part(token: &str) -> String {
    format!("--x\r\nContent-Disposition: form-data; name=\"token\"\r\n\r\n{token}\r\n--x--\r\n")
}

#[track_caller]
fn refused(what: &str, address: &Address, answer: &Answer, status: u16) {
    let Address { method, path, .. } = address;
    assert_eq!(answer.status, status, "{method} {path}: {what}: {answer:#?}");
    if status == 303 {
        assert_eq!(answer.header("location"), "/enter", "{method} {path}: {what}");
    }
    assert!(answer.header("set-cookie").is_empty(), "{method} {path}: {what}");
    protected(what, address, answer);
}

#[track_caller]
fn protected(what: &str, address: &Address, answer: &Answer) {
    let policy = answer.header("content-security-policy");
    let is_strict = ["default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'"]
        .iter()
        .all(|rule| policy.contains(rule));
    assert!(is_strict && !policy.contains("unsafe"), "{} {}: {what}: {policy}", address.method, address.path);
    assert_eq!(answer.header("x-content-type-options"), "nosniff", "{}: {what}", address.path);
    assert_eq!(answer.header("x-frame-options"), "DENY", "{}: {what}", address.path);
    assert!(!answer.header("cache-control").is_empty(), "{}: {what}", address.path);
}

/// A site with something to lose: a plan that waits for its approval.
fn waiting_site() -> (SmallSite, super::support::run::Entracte) {
    let small = SmallSite::new();
    let entracte = small.adopt();
    small.stage(&entracte);
    entracte.json(&["plan"]).code(0);
    (small, entracte)
}

fn state_of(small: &SmallSite) -> Tree {
    Tree::of(&small.folder.path().join("parent"))
}

#[test]
fn who_may_not_changes_nothing() {
    let (small, entracte) = waiting_site();
    let desk = Desk::open_with(&entracte, &[]);
    let viewer = invited(&desk, "victor", "viewer");
    let other = invited(&desk, "olga", "operator");
    let ended = invited(&desk, "edgar", "operator");
    ended.post("/leave", &[]).is(303);
    let before = state_of(&small);
    let operator = desk.visitor();
    let nobody = Visitor { token: "0".repeat(64), ..Visitor::stranger(&desk.origin) };
    let all = pages();
    assert!(all.len() > 10, "{all:?}");
    for address in &all {
        let ask = |visitor: &Visitor, with: &[(&str, &str)], without: &[&str]| {
            asked(visitor, address, with, without)
        };
        let check = |what: &str, answer: Answer, status| refused(what, address, &answer, status);
        let is_change = address.method != "GET";
        for host in ["evil.example", "127.0.0.1:1", "localhost", "localhost:x", "127.0.0.1.evil.example"] {
            check("foreign host", ask(&operator, &[("host", host)], &[]), 421);
        }
        if is_change {
            for origin in ["http://evil.example", "null", "http://127.0.0.1:1", "https://localhost", ""] {
                check("foreign origin", ask(&operator, &[("origin", origin)], &[]), 403);
            }
            check("no origin", ask(&operator, &[], &["origin"]), 403);
            for site in ["cross-site", "same-site", "none"] {
                check("from elsewhere", ask(&operator, &[("sec-fetch-site", site)], &[]), 403);
            }
        }
        let unasked = all.iter().all(|other| other.path != address.path || other.method != "GET");
        if is_change && unasked {
            let look = Address { method: "GET", ..*address };
            let looked = asked(&operator, &look, &[], &[]);
            assert!(matches!(looked.status, 404 | 405), "GET {}: {looked:?}", address.path);
            protected("GET", &look, &looked);
        }
        for method in ["DELETE", "PATCH", "OPTIONS", "TRACE"] {
            if all.iter().any(|other| other.path == address.path && other.method == method) {
                continue;
            }
            let odd = Address { method, ..*address };
            let answer = asked(&operator, &odd, &[], &[]);
            assert!((400..500).contains(&answer.status), "{method} {}: {answer:?}", address.path);
        }
        let Some(needs) = address.needs else { continue };
        let away = if is_change { 401 } else { 303 };
        check("no cookie", ask(&nobody, &[], &[]), away);
        check("ended session", ask(&ended, &[], &[]), away);
        check("made up", ask(&operator, &[("cookie", "entracte=x; entracte-1=y")], &[]), away);
        if is_change {
            let mixed = Visitor { token: other.token.clone(), ..operator.clone() };
            check("another session's token", ask(&mixed, &[], &[]), 403);
            check("no token", ask(&Visitor { token: String::new(), ..operator.clone() }, &[], &[]), 403);
            check("bad token", ask(&Visitor { token: "0".repeat(64), ..operator.clone() }, &[], &[]), 403);
        }
        if needs == "operator" {
            check("a viewer", ask(&viewer, &[], &[]), 403);
        }
    }
    before.assert_same(&state_of(&small), "nobody was let in");
}

#[test]
fn who_asks_in_the_wrong_way_is_told_the_right_ones() {
    let (_small, entracte) = waiting_site();
    let desk = Desk::open_with(&entracte, &[]);
    let all = routes::addresses();
    for address in &all {
        let same = all.iter().filter(|other| other.path == address.path);
        let mut right: BTreeSet<&str> = same.map(|other| other.method).collect();
        right.extend(right.contains("GET").then_some("HEAD"));
        for method in ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"] {
            if right.contains(method) {
                continue;
            }
            let (method, path) = (method.parse().unwrap(), path_of(address));
            // Programs come without an origin.
            let request = match address.api {
                None => desk.request(method, &path),
                Some(_) => desk.visitor().client.request(method, format!("{}{path}", desk.origin)),
            };
            let answer = Answer::of(request.send().unwrap()).is(405);
            let told: BTreeSet<&str> = answer.header("allow").split(',').map(str::trim).collect();
            assert_eq!(told, right, "{address:?}: {answer:?}");
            assert!(answer.text.contains("not the way to ask for it"), "{address:?}: {answer:?}");
        }
    }
}

/// Head and body of one request, as an operator's browser would begin it.
fn raw(desk: &Desk, address: &Address, more: &str) -> String {
    let (path, host) = (path_of(address), desk.host());
    format!(
        "{} {path} HTTP/1.1\r\nHost: {host}\r\nOrigin: {}\r\nCookie: {}\r\nX-Entracte-Token: {}\r\n{more}",
        address.method, desk.origin, desk.cookie, desk.token
    )
}

#[test]
fn too_much_is_refused_before_it_comes() {
    let (small, entracte) = waiting_site();
    let desk = Desk::open_with(&entracte, &[]);
    let before = state_of(&small);
    for address in pages() {
        let huge = format!("X-Long: {}\r\n\r\n", "a".repeat(100 << 10));
        let said = wire::say(desk.host(), raw(&desk, &address, &huge).as_bytes(), SOON);
        assert!(
            said.statuses() == [431] || said.text.is_empty() && said.is_closed,
            "{address:?}: {}",
            said.text
        );
        let many = "X-More: 1\r\n".repeat(2000) + "\r\n";
        let said = wire::say(desk.host(), raw(&desk, &address, &many).as_bytes(), SOON);
        assert!(
            said.statuses() == [431] || said.text.is_empty() && said.is_closed,
            "{address:?}: {}",
            said.text
        );
        // 10 GiB are announced, by nobody in particular, and none of them come.
        let stranger =
            raw(&desk, &address, "Content-Length: 10737418240\r\n\r\n").replace(&desk.cookie, "a=b");
        let said = wire::say(desk.host(), stranger.as_bytes(), SOON);
        let status = said.statuses().first().copied();
        let expected = if address.most.is_none() { 401 } else { 413 };
        assert_eq!(status, Some(expected), "{address:?}: {}", said.text);
    }
    before.assert_same(&state_of(&small), "nothing of that was done");
}

#[test]
fn two_requests_in_one_are_none() {
    let (small, entracte) = waiting_site();
    let desk = Desk::open_with(&entracte, &[]);
    let before = state_of(&small);
    let form = format!("token={}", desk.token);
    let hidden = format!("GET /people HTTP/1.1\r\nHost: {}\r\nCookie: {}\r\n\r\n", desk.host(), desk.cookie);
    let chunked = format!("{:x}\r\n{form}\r\n0\r\n\r\n", form.len());
    for address in pages().iter().filter(|address| address.method != "GET") {
        for (framing, body) in [
            ("Content-Length: 4\r\nTransfer-Encoding: chunked\r\n", chunked.as_str()),
            ("Transfer-Encoding: chunked\r\nContent-Length: 4\r\n", chunked.as_str()),
            ("Transfer-Encoding: chunked, identity\r\n", chunked.as_str()),
            ("Transfer-Encoding: xchunked\r\nContent-Length: 4\r\n", "toke"),
            ("Transfer-Encoding : chunked\r\n", chunked.as_str()),
            ("Content-Length: 4\r\nContent-Length: 5\r\n", "token"),
            ("Content-Length: 4, 5\r\n", "token"),
            ("Content-Length: +4\r\n", "toke"),
            ("Content-Length: -1\r\n", ""),
        ] {
            if address.most.is_none() && framing.starts_with("Transfer-Encoding: chunked\r\nContent") {
                // The length is not looked at then, and nothing follows on this connection.
                continue;
            }
            let bytes = format!("{}{body}{hidden}", raw(&desk, address, &format!("{framing}\r\n")));
            let said = wire::say(desk.host(), bytes.as_bytes(), WHOLE);
            let statuses = said.statuses();
            assert_eq!(statuses.len(), 1, "{framing:?} {address:?}: {}", said.text);
            assert!((400..500).contains(&statuses[0]), "{framing:?} {address:?}: {}", said.text);
        }
    }
    for target in ["http://evil.example/people", "//evil.example/people", "http://127.0.0.1:1/people"] {
        let request =
            format!("GET {target} HTTP/1.1\r\nHost: {}\r\nCookie: {}\r\n\r\n", desk.host(), desk.cookie);
        let said = wire::say(desk.host(), request.as_bytes(), SOON);
        assert!((400..500).contains(&said.statuses()[0]), "{target}: {}", said.text);
    }
    for hosts in ["", "Host: evil.example\r\nHost: {}\r\n", "Host: {}\r\nHost: {}\r\n"] {
        let hosts = hosts.replace("{}", desk.host());
        let request = format!("GET /people HTTP/1.1\r\n{hosts}Cookie: {}\r\n\r\n", desk.cookie);
        let said = wire::say(desk.host(), request.as_bytes(), SOON);
        assert!((400..500).contains(&said.statuses()[0]), "{hosts}: {}", said.text);
    }
    before.assert_same(&state_of(&small), "nothing of that was done");
}

#[test]
fn who_is_slow_is_hung_up_on() {
    let (small, entracte) = waiting_site();
    let desk = Desk::open_with(&entracte, &[]);
    let before = state_of(&small);
    let addresses = pages();
    // All at the same time, as each takes its quarter of a minute.
    thread::scope(|scope| {
        for address in &addresses {
            let desk = &desk;
            scope.spawn(move || {
                let said = wire::say(desk.host(), raw(desk, address, "X-Slow: ").as_bytes(), LATE);
                let is_refused = said.statuses().iter().all(|status| *status == 408);
                assert!(said.is_closed && is_refused, "{address:?}: {}", said.text);
            });
            if address.method != "GET" && address.most.is_some() {
                scope.spawn(move || {
                    let begun = raw(desk, address, "Content-Length: 1000\r\n\r\ntoken=");
                    let said = wire::say(desk.host(), begun.as_bytes(), LATE);
                    assert_eq!(said.statuses(), [408], "{address:?}: {}", said.text);
                });
            }
        }
        for silent in ["", "G", "PRI * HTTP/2.0\r\n"] {
            let desk = &desk;
            scope.spawn(move || {
                let said = wire::say(desk.host(), silent.as_bytes(), LATE);
                assert!(said.is_closed, "{silent:?} {}", said.text);
            });
        }
    });
    desk.get("/sites/site").is(200);
    before.assert_same(&state_of(&small), "nothing of that was done");
}

#[test]
fn looking_without_reading_is_looking() {
    let small = SmallSite::new();
    let entracte = small.adopt();
    let desk = Desk::open_with(&entracte, &[]);
    for path in
        ["/sites/site", "/people", "/enter", "/favicon.ico", "/robots.txt", "/assets/style.css", "/nowhere"]
    {
        let got = desk.get(path);
        let head = Answer::of(desk.request(Method::HEAD, path).send().unwrap());
        assert_eq!((head.status, head.text.as_str()), (got.status, ""), "{path}");
        assert_eq!(head.header("content-type"), got.header("content-type"), "{path}");
        let address =
            Address { method: "HEAD", path: "", needs: None, most: None, is_multipart: false, api: None };
        protected(path, &address, &head);
    }
    let stranger = Visitor::stranger(&desk.origin);
    let sent = Answer::of(stranger.request(Method::HEAD, "/people").send().unwrap()).is(303);
    assert_eq!(sent.header("location"), "/enter");
    // An address that is no text.
    desk.get("/sites/%ff%fe").is(404);
}

#[test]
fn over_tls_all_is_the_same() {
    let small = SmallSite::new();
    let entracte = small.adopt();
    let folder = tempfile::tempdir_in("/tmp").unwrap();
    let (certificate, key) = made_certificate(folder.path());
    let desk = Desk::open_with(&entracte, &["--certificate", &certificate, "--key", &key]);
    assert!(desk.origin.starts_with("https://127.0.0.1:"), "{}", desk.origin);
    assert!(desk.cookie.starts_with("__Host-entracte-"), "{}", desk.cookie);
    let answer = desk.request(Method::GET, "/sites/site").send().unwrap();
    assert_eq!((answer.version(), answer.status().as_u16()), (reqwest::Version::HTTP_2, 200));
    desk.post("/language", &[("language", "fr"), ("back", "/people")]).is(303);
    let page = desk.post("/people/invite", &[("name", "bob"), ("role", "viewer")]).is(200);
    assert!(page.text.contains("lang=\"fr\""), "{}", page.text);
    let foreign = desk.request(Method::POST, "/leave").header("content-length", "0");
    let mut foreign = foreign.build().unwrap();
    foreign.headers_mut().insert("origin", "https://evil.example".parse().unwrap());
    assert_eq!(desk.visitor().client.execute(foreign).unwrap().status(), 403);
}

pub fn made_certificate(folder: &Path) -> (String, String) {
    let at = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    let arguments = [
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-days",
        "2",
        "-subj",
        "/CN=localhost",
        "-addext",
        "subjectAltName=DNS:localhost,IP:127.0.0.1",
        "-keyout",
        &at("key.pem"),
        "-out",
        &at("cert.pem"),
    ];
    super::support::process::run("openssl", &arguments);
    (at("cert.pem"), at("key.pem"))
}
