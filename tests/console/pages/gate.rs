//! Maintenance: closed and opened by a person, and what a visitor sees.

use std::fs;
use std::net::TcpListener;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::thread;
use std::time::Duration;

use reqwest::blocking::Client;

use super::super::support::small::SmallSite;
use super::Pages;
use super::says;

/// PHP's own server, with the guard in front of every page.
struct Served {
    child: Child,
    url: String,
}

impl Served {
    fn start(small: &SmallSite) -> Served {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let guard = small.root().with_file_name(".entracte-site").join("gate/guard.php");
        let mut command = Command::new("php");
        command.arg("-d").arg(format!("auto_prepend_file={}", guard.display()));
        command.args(["-S", &format!("127.0.0.1:{port}"), "-t"]).arg(small.root());
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        Served { child, url: format!("http://127.0.0.1:{port}/") }
    }

    fn visit(&self) -> (u16, String) {
        let client = Client::builder().no_proxy().build().unwrap();
        for _ in 0..200 {
            if let Ok(answer) = client.get(&self.url).send() {
                return (answer.status().as_u16(), answer.text().unwrap());
            }
            thread::sleep(Duration::from_millis(25));
        }
        panic!("nobody answers at {}", self.url);
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn visitors_are_kept_out_and_let_in_by_the_buttons() {
    let small = SmallSite::in_memory();
    small.write(&small.path("index.php"), "<?php echo 'the shop is open';");
    let gate = small.root().with_file_name(".entracte-site").join("gate");
    fs::create_dir_all(&gate).unwrap();
    fs::write(gate.join("guard.php"), "").unwrap();
    let served = Served::start(&small);
    fs::remove_dir_all(gate.parent().unwrap()).unwrap();
    let entracte = small.adopt_with(&["--url", &served.url]);
    let pages = Pages::on(small, entracte);
    let path = pages.state().join("entracte.toml");
    let text = fs::read_to_string(&path).unwrap();
    let kind = text.lines().find(|line| line.starts_with("kind")).unwrap();
    fs::write(&path, text.replace(kind, "kind = \"prepend\"")).unwrap();
    says(&pages.get("/gate").is(200), &["Visitors come in.", "Way of closing: prepend"]);
    let installed = pages.post("/gate/install", &[]).is(303);
    says(&pages.desk.get(installed.header("location")), &["is in place"]);
    assert_eq!(served.visit(), (200, "the shop is open".into()));

    pages.post("/gate/close", &[("reason", "a <b>new</b> shelf")]).is(303);
    let (status, page) = served.visit();
    assert!(status == 503 && page.contains("a &lt;b&gt;new&lt;"), "{status} {page}");
    let gate = pages.entracte.json(&["status"]).result["gate"].clone();
    assert_eq!(gate["by"], "the one who started the console");
    assert_eq!(gate["reason"], "a <b>new</b> shelf");
    let page = pages.get("/gate").is(200);
    says(&page, &["Visitors are kept out.", "a <b>new</b> shelf", "the one who started the console"]);

    // Looking at the question opens nothing.
    says(&pages.get("/gate/open").is(200), &["may be at work on it"]);
    assert_eq!(served.visit().0, 503);
    let opened = pages.post("/gate/open", &[]).is(303);
    says(&pages.desk.get(opened.header("location")).is(200), &["Visitors come in again."]);
    assert_eq!(served.visit(), (200, "the shop is open".into()));
    assert!(pages.post("/gate/open", &[]).is(303).header("location").ends_with("done=nothing"));
    let log = pages.log();
    for event in ["\"closed\"", "\"reopened\""] {
        assert_eq!(log.matches(event).count(), 1, "{log}");
    }
}

#[test]
fn the_preview_is_the_visitors_page_and_can_do_nothing() {
    let pages = Pages::open();
    let template = pages.small.folder.path().join("closed.html");
    let hostile = "<style>h1 { color: red }</style><h1>{{ reason }}</h1><script>parent.document</script>";
    fs::write(&template, hostile).unwrap();
    let path = pages.state().join("entracte.toml");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("[gate]", &format!("[gate]\npage = \"{}\"", template.display()))).unwrap();
    let page = pages.get("/gate?reason=%3Ci%3Etea%3C%2Fi%3E&language=fr").is(200);
    let frame = page.text.split_once("<iframe").unwrap().1.split('>').next().unwrap();
    assert!(frame.contains(" sandbox ") && frame.contains("/gate/preview?language=fr&"), "{frame}");
    let preview = pages.get("/gate/preview?language=fr&reason=%3Ci%3Etea%3C%2Fi%3E").is(200);
    assert!(preview.text.contains("&lt;i&gt;tea") && preview.text.contains("<style>"), "{}", preview.text);
    let policy = preview.header("content-security-policy").to_owned();
    for rule in [
        "sandbox;",
        "default-src 'none'",
        "style-src 'unsafe-inline'",
        "form-action 'none'",
        "frame-ancestors 'self'",
    ] {
        assert!(policy.contains(rule), "{policy}");
    }
    assert!(!policy.contains("script-src") && !policy.contains("allow-"), "{policy}");
    assert_eq!(preview.header("x-frame-options"), "SAMEORIGIN");
    assert_eq!(preview.header("x-content-type-options"), "nosniff");
    // A template that fails says so, and not the console's page in a frame.
    fs::write(&template, "{{ reason").unwrap();
    says(&pages.get("/gate/preview").is(409), &["failed to render the page template"]);
}
