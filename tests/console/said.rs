//! What a script is told that starts a console.

use std::io::BufRead;
use std::io::BufReader;
use std::io::Read;
use std::process::Stdio;

use nix::sys::signal::Signal;
use nix::sys::signal::kill;
use nix::unistd::Pid;
use serde_json::Value;

use super::desk::Desk;
use super::desk::Visitor;
use super::support::small::SmallSite;

#[test]
fn the_first_line_is_the_document_and_there_is_no_other() {
    let small = SmallSite::in_memory();
    let entracte = small.adopt();
    let mut command = entracte.command(&["--json", "console"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    out.read_line(&mut line).unwrap();
    let said: Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
    for (key, expected) in [
        ("format", Value::from(1)),
        ("verb", "console".into()),
        ("ok", true.into()),
        ("exit", 0.into()),
        ("error", Value::Null),
    ] {
        assert_eq!(said[key], expected, "{key}: {said:#}");
    }
    let [address, link] = ["address", "link"].map(|key| said["result"][key].as_str().unwrap().to_owned());
    assert!(address.starts_with("http://127.0.0.1:") && address.ends_with('/'), "{address}");
    let path = format!("/{}", link.strip_prefix(&address).unwrap());
    // It answers already, and the link lets somebody in.
    let visitor = Visitor::stranger(address.trim_end_matches('/'));
    assert_eq!(visitor.post(&path, &[]).is(303).header("location"), "/");
    kill(Pid::from_raw(child.id() as i32), Signal::SIGINT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    let (mut rest, mut talk) = (String::new(), String::new());
    out.read_to_string(&mut rest).unwrap();
    child.stderr.take().unwrap().read_to_string(&mut talk).unwrap();
    assert_eq!((rest.as_str(), talk.contains("/enter/")), ("", false), "{talk}");
}

#[test]
fn what_cannot_start_is_the_one_document() {
    let small = SmallSite::in_memory();
    let entracte = small.adopt();
    let desk = Desk::open_with(&entracte, &[]);
    let said = entracte.json(&["console", "--listen", desk.host()]).refused(1);
    assert!(said.contains("failed to listen"), "{said}");
}
