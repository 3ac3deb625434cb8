//! `serve`, asked by curl.

use std::fs;
use std::io::BufRead;
use std::io::BufReader;
use std::io::Read;
use std::io::Write;
use std::net::TcpStream;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::time::Duration;

use crate::press::Press;
use crate::support::process;

struct Server {
    child: Child,
    url: String,
}

impl Server {
    fn start(press: &Press, more: &[&str]) -> Server {
        let reference = press.text("reference");
        let mut command = press.entracte.command(&[&["serve", &reference], more].concat());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut url = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut url).unwrap();
        Server { child, url: url.trim().trim_end_matches('/').to_owned() }
    }

    /// Headers and body as curl prints them.
    fn ask(&self, path: &str, more: &[&str]) -> String {
        let url = format!("{}{path}", self.url);
        let all = [&["-s", "-i", "--path-as-is", "--max-time", "10"], more, &[&url]].concat();
        let output = Command::new("curl").args(&all).output().unwrap();
        String::from_utf8_lossy(&output.stdout).to_lowercase()
    }

    /// Ends it as Ctrl-C does; how it ended.
    fn stop(mut self) -> Option<i32> {
        let pid = nix::unistd::Pid::from_raw(self.child.id() as i32);
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGINT).unwrap();
        self.child.wait().unwrap().code()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn header<'a>(answer: &'a str, name: &str) -> &'a str {
    let line = answer.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    line.unwrap_or_else(|| panic!("no {name}: {answer}"))
}

#[test]
fn a_reference_is_handed_out_as_it_should_be() {
    let press = Press::new();
    press.publish(1, &[]);
    let server = Server::start(&press, &[]);
    assert!(server.url.starts_with("http://127.0.0.1:"), "{}", server.url);

    let object = format!("/{}", press.names("objects").first().unwrap());
    let whole = server.ask(&object, &[]);
    assert!(whole.starts_with("http/1.1 200"), "{whole}");
    assert!(header(&whole, "cache-control").contains("immutable"));
    assert!(!whole.contains("content-encoding"));
    let etag = header(&whole, "etag").to_owned();
    let length: u64 = header(&whole, "content-length").parse().unwrap();
    assert_eq!(length, fs::metadata(press.reference().join(&object[1..])).unwrap().len());

    let part = server.ask(&object, &["-H", "Range: bytes=2-5"]);
    assert!(part.starts_with("http/1.1 206"), "{part}");
    assert_eq!(header(&part, "content-range"), format!("bytes 2-5/{length}"));
    let same = server.ask(&object, &["-H", "Range: bytes=2-", "-H", &format!("If-Range: {etag}")]);
    assert!(same.starts_with("http/1.1 206"), "{same}");
    let other = server.ask(&object, &["-H", "Range: bytes=2-", "-H", "If-Range: \"other\""]);
    assert!(other.starts_with("http/1.1 200"), "{other}");
    let known = server.ask(&object, &["-H", &format!("If-None-Match: {etag}")]);
    assert!(known.starts_with("http/1.1 304"), "{known}");

    let timestamp = server.ask("/metadata/timestamp.json", &[]);
    assert!(timestamp.starts_with("http/1.1 200") && header(&timestamp, "cache-control") == "no-cache");
    let page = server.ask("/", &[]);
    assert!(page.contains("text/html") && page.contains("small"), "{page}");
    for path in [
        "/publisher/lock",
        "/metadata/../publisher/lock",
        "/metadata/%2e%2e/publisher/lock",
        "/metadata/9.root.json",
        "/objects",
    ] {
        let missing = server.ask(path, &[]);
        assert!(missing.starts_with("http/1.1 404"), "{path}: {missing}");
        assert_eq!(header(&missing, "cache-control"), "no-cache");
    }
    assert_eq!(server.stop(), Some(0));
}

#[test]
fn with_a_certificate_it_speaks_http_2() {
    let press = Press::new();
    press.publish(1, &[]);
    let (key, certificate) = (press.text("key"), press.text("certificate"));
    let names = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"];
    let made =
        ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"];
    process::run("openssl", &[&made[..], &["-keyout", &key, "-out", &certificate], &names].concat());
    let server = Server::start(&press, &["--certificate", &certificate, "--key", &key]);
    assert!(server.url.starts_with("https://"), "{}", server.url);
    let answer = server.ask("/metadata/timestamp.json", &["--http2", "--cacert", &certificate]);
    assert!(answer.starts_with("http/2 200"), "{answer}");
    assert_eq!(server.stop(), Some(0));
    let (reference, nothing) = (press.text("reference"), press.text("nothing"));
    let wrong = ["serve", &reference, "--certificate", &key, "--key", &certificate];
    press.entracte.json(&wrong).refused(5);
    press.entracte.json(&["serve", &nothing]).refused(5);
}

/// One more request on a connection; what is answered before it ends.
fn ask_again(connection: &mut TcpStream, path: &str) -> String {
    let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n");
    connection.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let (mut answer, mut piece) = (String::new(), [0; 4096]);
    // The other side may be gone already.
    let _ = connection.write_all(request.as_bytes());
    loop {
        let length = connection.read(&mut piece).unwrap_or(0);
        answer.push_str(std::str::from_utf8(&piece[..length]).unwrap());
        let whole = answer.split_once("\r\n\r\n").is_some_and(|(head, body)| {
            header(&head.to_lowercase(), "content-length").parse() == Ok(body.len())
        });
        if length == 0 || whole {
            return answer;
        }
    }
}

#[test]
fn who_is_told_to_stop_answers_nobody_any_more() {
    let press = Press::new();
    press.publish(1, &[]);
    let mut server = Server::start(&press, &[]);
    let address = server.url.trim_start_matches("http://").to_owned();
    let connect = || TcpStream::connect(&address);
    let mut connections: Vec<TcpStream> = (0..3).map(|_| connect().unwrap()).collect();
    for connection in &mut connections {
        let answer = ask_again(connection, "/metadata/timestamp.json");
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
    // A transfer that nobody reads does not hold it up.
    connections[0].write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    let pid = nix::unistd::Pid::from_raw(server.child.id() as i32);
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).unwrap();
    // Until the signal has come through, whatever else this machine does.
    std::thread::sleep(Duration::from_millis(300));
    for connection in &mut connections[1..] {
        let answer = ask_again(connection, "/metadata/timestamp.json");
        assert!(answer.is_empty(), "{answer}");
    }
    let later = connect().map(|mut connection| ask_again(&mut connection, "/metadata/timestamp.json"));
    assert!(later.is_err() || later.is_ok_and(|answer| answer.is_empty()));
    assert_eq!(server.child.wait().unwrap().code(), Some(0));
}
