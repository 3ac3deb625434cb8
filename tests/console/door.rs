//! Who comes in, and who does not.

use std::io::Write;
use std::process::Stdio;

use super::desk::Answer;
use super::desk::Desk;
use super::desk::Visitor;
use super::support::run::Entracte;
use super::support::small::SmallSite;

const PASSWORD: &str = "four words and one";

/// `console user add` as a script does it.
pub fn add_account(entracte: &Entracte, name: &str, role: &str) {
    let mut command =
        entracte.command(&["console", "user", "add", name, "--role", role, "--password-file", "-"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(format!("{PASSWORD}\n").as_bytes()).unwrap();
    assert!(child.wait().unwrap().success(), "{name} has an account");
}

/// Makes a link on the page of people, and lets somebody in with it.
pub fn invited(desk: &Desk, name: &str, role: &str) -> Visitor {
    desk.another(&invitation(desk, name, role)[desk.origin.len()..])
}

/// The link by which somebody gets in.
pub fn invitation(desk: &Desk, name: &str, role: &str) -> String {
    let page = desk.post("/people/invite", &[("name", name), ("role", role)]).is(200);
    between(&page.text, "<code>", "</code>").to_owned()
}

fn between<'a>(text: &'a str, before: &str, after: &str) -> &'a str {
    let (_, rest) = text.split_once(before).unwrap_or_else(|| panic!("no {before} in {text}"));
    rest.split_once(after).unwrap().0
}

fn sign_in(origin: &str, name: &str, password: &str) -> Answer {
    Visitor::stranger(origin).post("/enter", &[("name", name), ("password", password)])
}

#[test]
fn a_link_lets_one_person_in() {
    let small = SmallSite::new();
    drop(small.adopt());
    let desk = Desk::open(&small.root());
    desk.get("/sites/site").is(200);
    let stranger = Visitor::stranger(&desk.origin);
    assert_eq!(stranger.get("/sites/site").is(303).header("location"), "/enter");
    assert!(!stranger.get("/enter").is(200).text.contains("type=\"password\""), "there are no accounts");
    let cookie = desk.request(reqwest::Method::GET, "/").build().unwrap();
    let cookie = cookie.headers()["cookie"].to_str().unwrap().to_owned();
    // The same link once more.
    let used = stranger.post(&desk.link_path(), &[]).is(403);
    assert!(used.header("set-cookie").is_empty(), "{used:?}");
    // Whoever brings a session along gets another one.
    let page = desk.post("/people/invite", &[("name", "bob"), ("role", "viewer")]).is(200);
    let link = between(&page.text, "<code>", "</code>")[desk.origin.len()..].to_owned();
    let fixed = Visitor {
        cookie: format!("{}=chosen-by-somebody", cookie.split('=').next().unwrap()),
        ..stranger.clone()
    };
    assert!(fixed.get(&link).is(200).header("set-cookie").is_empty(), "looking uses nothing up");
    let entered = fixed.post(&link, &[]).is(303);
    let set = entered.header("set-cookie");
    assert!(
        set.contains("; Path=/; HttpOnly; SameSite=Strict; Max-Age=") && !set.contains("chosen"),
        "{set}"
    );
    assert!(!set.to_lowercase().contains("domain="), "{set}");
    desk.post("/leave", &[]).is(303);
    desk.get("/sites/site").is(303);
}

#[test]
fn a_password_lets_in_until_it_changes() {
    let small = SmallSite::new();
    let entracte = small.adopt();
    let desk = Desk::open_with(&entracte, &[]);
    add_account(&entracte, "ada", "operator");
    assert!(Visitor::stranger(&desk.origin).get("/enter").is(200).text.contains("type=\"password\""));
    let session = || {
        let mut visitor = Visitor::stranger(&desk.origin);
        let entered = sign_in(&desk.origin, "Ada", PASSWORD).is(303);
        visitor.take_session(&entered);
        visitor
    };
    let ada = session();
    let page = ada.get("/people").is(200);
    assert!(page.text.contains("signed_in") || page.text.contains("came in"), "{}", page.text);
    // What the keyboard changes counts at once.
    entracte.run(&["console", "user", "role", "ada", "viewer"]).code(0);
    ada.get("/people").is(303);
    let ada = session();
    ada.get("/people").is(403);
    ada.post("/people/invite", &[("name", "eve"), ("role", "operator")]).is(403);
    // A new password of her own ends the other sessions.
    let elsewhere = session();
    let other = "quite other words now";
    let fields = |current| [("current", current), ("new", other), ("again", other)];
    ada.post("/account", &fields("not the password")).is(403);
    elsewhere.get("/account").is(200);
    let changed = ada.post("/account", &fields(PASSWORD)).is(303);
    elsewhere.get("/account").is(303);
    let mut ada = Visitor::stranger(&desk.origin);
    ada.take_session(&changed);
    ada.get("/account").is(200);
    sign_in(&desk.origin, "ada", PASSWORD).is(401);
    entracte.run(&["console", "user", "remove", "ada"]).code(0);
    ada.get("/account").is(303);
    let accounts = entracte.json(&["console", "user", "list"]).code(0);
    assert_eq!(accounts["accounts"], serde_json::json!([]));
}

#[test]
fn who_guesses_waits() {
    let small = SmallSite::new();
    let entracte = small.adopt();
    add_account(&entracte, "ada", "operator");
    let desk = Desk::open_with(&entracte, &[]);
    let wrong = sign_in(&desk.origin, "ada", "guess").is(401);
    let nobody = sign_in(&desk.origin, "zebedee", "guess").is(401);
    let without_name =
        |answer: &Answer| answer.text.replace("value=\"ada\"", "").replace("value=\"zebedee\"", "");
    assert_eq!(without_name(&wrong), without_name(&nobody), "names are not told apart");
    for _ in 0..3 {
        sign_in(&desk.origin, "ada", "guess").is(401);
    }
    // Five wrong ones: the right one is not even tried.
    let waits = sign_in(&desk.origin, "ada", PASSWORD).is(429);
    assert!(waits.header("set-cookie").is_empty());
    let seconds: u64 = waits.header("retry-after").parse().unwrap();
    assert!((1..=60).contains(&seconds) && waits.text.contains(&format!("{seconds} second")), "{waits:?}");
    let log = desk.get("/people").is(200).text;
    assert_eq!(log.matches("was not let in").count(), 5, "{log}");
    assert!(!log.contains("zebedee"), "what was typed as a name may be a password");
}

#[test]
fn behind_a_proxy_each_waits_for_what_they_tried() {
    let small = SmallSite::new();
    let entracte = small.adopt();
    add_account(&entracte, "ada", "operator");
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let public = format!("http://localhost:{port}");
    let listen = format!("127.0.0.1:{port}");
    let desk = Desk::open_with(&entracte, &["--listen", &listen, "--public-url", &public]);
    assert_eq!(desk.origin, public);
    let stranger = Visitor::stranger(&desk.origin);
    let tried = |name: &str, password: &str, forwarded: Option<&str>| {
        let form = format!("name={name}&password={}", password.replace(' ', "+"));
        let mut request = stranger.request(reqwest::Method::POST, "/enter").body(form);
        if let Some(forwarded) = forwarded {
            request = request.header("x-forwarded-for", forwarded);
        }
        Answer::of(request.send().unwrap()).status
    };
    for number in 0..5 {
        // Whatever stands before the last address, anybody can write.
        let forwarded = format!("192.0.2.{number}, 203.0.113.7");
        assert_eq!(tried(&format!("name{number}"), "guess", Some(&forwarded)), 401);
    }
    assert_eq!(tried("name9", "guess", Some("198.51.100.1, 203.0.113.7")), 429);
    assert_eq!(tried("ada", PASSWORD, Some("203.0.113.7, 198.51.100.1")), 303);
    // A proxy that names nobody makes nobody wait for the others.
    for number in 0..9 {
        assert_eq!(tried(&format!("other{number}"), "guess", None), 401);
    }
    assert_eq!(tried("ada", PASSWORD, None), 303);
}

#[test]
fn people_are_invited_and_sent_away() {
    let small = SmallSite::new();
    let entracte = small.adopt();
    let desk = Desk::open_with(&entracte, &[]);
    let bob = invited(&desk, "bob", "viewer");
    bob.get("/sites/site").is(200);
    bob.get("/people").is(403);
    let page = desk.get("/people").is(200);
    assert!(page.text.contains("bob"), "{}", page.text);
    assert!(!page.text.contains("/enter/"), "a link is shown once");
    let row =
        page.text.split("<tr>").find(|row| row.contains("bob") && row.contains("name=\"session\"")).unwrap();
    let mark = between(row, "name=\"session\" value=\"", "\"").to_owned();
    desk.post("/people/end", &[("session", &mark)]).is(303);
    bob.get("/sites/site").is(303);
    // A first password of one's own.
    let carol = invited(&desk, "carol", "operator");
    let words = "words that carry on";
    carol.post("/account", &[("new", words), ("again", "others")]).is(400);
    carol.post("/account", &[("new", "short"), ("again", "short")]).is(409);
    carol.post("/account", &[("new", words), ("again", words)]).is(303);
    sign_in(&desk.origin, "carol", words).is(303);
    desk.post("/people/invite", &[("name", "carol"), ("role", "operator")]).is(409);
    desk.post("/people/role", &[("name", "carol"), ("role", "viewer")]).is(303);
    desk.post("/people/remove", &[("name", "carol")]).is(303);
    sign_in(&desk.origin, "carol", words).is(401);
}

#[test]
fn tokens_are_shown_once() {
    let small = SmallSite::new();
    let entracte = small.adopt();
    let desk = Desk::open_with(&entracte, &[]);
    let fields = [("name", "deploy"), ("scope", "read"), ("scope", "plan"), ("days", "30")];
    let page = desk.post("/people/tokens", &fields).is(200);
    let token = between(&page.text, "<code>", "</code>").to_owned();
    assert!(token.starts_with("entracte_") && token.len() == 73, "{token}");
    let page = desk.get("/people").is(200);
    assert!(page.text.contains("deploy") && !page.text.contains(&token));
    let typed = entracte.run(&["console", "token", "add", "ci", "--scope", "read"]).code(0).stdout;
    assert!(typed.starts_with("entracte_"), "{typed}");
    let listed = entracte.json(&["console", "token", "list"]).code(0);
    assert_eq!(listed["tokens"][0]["scopes"], serde_json::json!(["read", "plan"]));
    assert!(!listed.to_string().contains("digest"), "{listed}");
    desk.post("/people/tokens/revoke", &[("name", "deploy")]).is(303);
    entracte.run(&["console", "token", "revoke", "ci"]).code(0);
    assert_eq!(entracte.json(&["console", "token", "list"]).code(0)["tokens"], serde_json::json!([]));
    for wrong in [vec![("name", "x"), ("days", "30")], vec![("name", "x"), ("scope", "all"), ("days", "30")]]
    {
        assert!((400..500).contains(&desk.post("/people/tokens", &wrong).status));
    }
}

#[test]
fn what_cannot_start_says_why() {
    let small = SmallSite::new();
    let entracte = small.adopt();
    let desk = Desk::open_with(&entracte, &[]);
    let (root, outside) = (small.root(), small.folder.path().join("outside"));
    std::fs::create_dir(&outside).unwrap();
    let (root, outside) = (root.to_str().unwrap(), outside.to_str().unwrap());
    let list = small.folder.path().join("list");
    std::fs::write(&list, format!("# ours\n{root}\n")).unwrap();
    for (arguments, code, why) in [
        (&["--listen", desk.host()][..], 1, "failed to listen"),
        (&["--listen", "0.0.0.0:0"], 5, "other machines"),
        (&[outside], 5, "is no site"),
        (&["--all"], 5, "no site stands on the list"),
        (&["--list", outside], 1, "outside"),
        (&["--public-url", "https://x.example/folder"], 2, "folder"),
        (&["--certificate", "/nowhere", "--key", "/nowhere"], 1, "/nowhere"),
    ] {
        let said = entracte.run(&[&["console"], arguments].concat()).code(code).stderr;
        assert!(said.contains(why), "{arguments:?}: {said}");
    }
    // A site named twice is one, and its front page is the console's.
    let twice = Desk::open_with(&entracte, &[root, root]);
    assert_eq!(twice.get("/").is(303).header("location"), "/sites/site");
    let listed = Desk::open_with(&entracte, &["--list", list.to_str().unwrap()]);
    listed.get("/sites/site").is(200);
}

#[test]
fn one_console_works_as_one_user() {
    let (ours, theirs) = (SmallSite::new(), SmallSite::new());
    drop((ours.adopt(), theirs.adopt()));
    for entry in walkdir::WalkDir::new(theirs.folder.path().join("parent")) {
        std::os::unix::fs::lchown(entry.unwrap().path(), Some(33), Some(33)).unwrap();
    }
    let entracte = Entracte::new(&ours.root());
    let (ours, theirs) = (ours.root(), theirs.root());
    let said = entracte.run(&["console", ours.to_str().unwrap(), theirs.to_str().unwrap()]).code(5).stderr;
    assert!(said.contains("belongs to the user 33"), "{said}");
}

#[test]
fn a_browser_is_started_without_the_link_in_its_arguments() {
    use std::os::unix::fs::PermissionsExt;
    let small = SmallSite::new();
    drop(small.adopt());
    let tools = tempfile::tempdir_in("/tmp").unwrap();
    let opener = tools.path().join("xdg-open");
    let script = format!(
        "#!/bin/sh\necho \"$@\" > {0}/asked\ncp \"$1\" {0}/page\nmv {0}/asked {0}/done\n",
        tools.path().display()
    );
    std::fs::write(&opener, script).unwrap();
    std::fs::set_permissions(&opener, std::fs::Permissions::from_mode(0o755)).unwrap();
    let entracte =
        Entracte::new(&small.root()).with("PATH", &format!("{}:/usr/bin:/bin", tools.path().display()));
    let console = super::desk::Console::start(&entracte, &["--open"]);
    super::support::process::wait_for("the browser", &tools.path().join("page"), || {
        tools.path().join("done").exists()
    });
    let asked = std::fs::read_to_string(tools.path().join("done")).unwrap();
    assert!(!asked.contains("/enter/"), "{asked}");
    assert!(std::fs::read_to_string(tools.path().join("page")).unwrap().contains(&console.link));
    let mode = std::fs::metadata(asked.trim()).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o600, "{asked}");
    std::fs::remove_file(asked.trim()).unwrap();
}
