//! Programs that a reference publishes, and a second build among them.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::machine::Machine;
use crate::machine::NEWER;
use crate::machine::NOTE;
use crate::machine::OWN;
use crate::machine::program;
use crate::server::Sent;
use crate::server::Server;
use crate::support::effort;
use crate::support::ground::Ground;
use crate::support::tls::Authority;
use crate::support::tls::Served;

/// The digest of its first root.
fn root_of(reference: &Path) -> String {
    let root = fs::read(reference.join("metadata/1.root.json")).unwrap();
    entracte::base::digest::Sha256::of(&root).to_string()
}

#[test]
fn a_reference_is_pinned_once_and_followed() {
    let machine = Machine::new();
    let reference = machine.publish(NEWER, &program(NEWER), &[("run_once/001-note.sh", NOTE)]);
    let (server, digest) = (Server::good(&reference), root_of(&reference));
    let url = server.url();
    let unknown = machine.update(&url, &[]);
    assert_eq!((unknown.code, machine.version().as_str()), (9, OWN), "{}", unknown.text);
    let hints = unknown.json()["error"]["hints"].to_string();
    let command = format!("`entracte self-update --from {url} --digest {digest}`");
    assert!(hints.contains(&command), "{hints}");
    let other = "ab".repeat(32);
    assert_eq!(machine.update(&url, &["--digest", &other]).code, 9, "another root");
    assert_eq!(machine.run(&["--json", "--yes", "self-update"]).code, 5, "nothing is remembered yet");
    let asked = server.asked().len();
    let done = machine.update(&url, &["--digest", &digest]);
    assert_eq!((done.code, machine.version().as_str()), (0, NEWER), "{}", done.text);
    let objects = server.asked()[asked..].iter().filter(|name| name.starts_with("objects/")).count();
    assert_eq!(objects, 2, "our program and the script: {:?}", server.asked());
    assert_eq!(machine.run(&["--json", "--yes", "self-update"]).code, 3, "believed and remembered");
    assert_eq!(machine.run(&["--json", "self-update", "--rollback"]).code, 0);
    assert_eq!(machine.version(), OWN);
    let again = machine.run(&["--json", "--yes", "self-update"]);
    assert_eq!((again.code, machine.version().as_str()), (0, NEWER), "{}", again.text);
    assert_eq!(fs::read_to_string(machine.path("notes")).unwrap().lines().count(), 1, "a script ran twice");
}

/// Where an own authority vouches for the server, that is said once, as the source is.
#[test]
fn how_a_reference_is_asked_is_remembered() {
    let machine = Machine::new();
    let reference = machine.publish(NEWER, &program(NEWER), &[]);
    let authority = Authority::make(&machine.path("bin"));
    authority.sign("server", "IP:127.0.0.1", None);
    let (server, digest) = (Served::start(&reference, &authority, "server"), root_of(&reference));
    let (url, ca) = (server.url.as_str(), authority.certificate());
    let unknown = machine.update(url, &["--digest", &digest]);
    assert_eq!((unknown.code, machine.version().as_str()), (1, OWN), "{}", unknown.text);
    assert!(unknown.text.contains("--cacert FILE"), "{}", unknown.text);
    let done = machine.update(url, &["--digest", &digest, "--cacert", &ca]);
    assert_eq!((done.code, machine.version().as_str()), (0, NEWER), "{}", done.text);
    let record = fs::read_to_string(machine.path("home/.local/state/entracte/self/record.json")).unwrap();
    assert!(record.contains(&format!("\"ca_file\": \"{ca}\"")), "{record}");
    let again = machine.run(&["--json", "--yes", "self-update"]);
    assert_eq!(again.code, 3, "remembered: {}", again.text);
    let anew = machine.update(url, &[]);
    assert_eq!(anew.code, 1, "whoever names a source says how it is asked: {}", anew.text);
    let home = machine.path("home/.config/entracte/network.toml");
    machine.put("home/.config/entracte/network.toml", format!("ca_file = \"{ca}\"\n").as_bytes(), 0o644);
    assert_eq!(machine.update(url, &[]).code, 3, "the user's file says it, too");
    fs::remove_file(home).unwrap();
    let usage = machine.run(&["self-update", "--rollback", "--cacert", &ca]);
    assert_eq!(usage.code, 2, "{}", usage.text);
}

#[test]
fn what_a_reference_offers_is_not_taken_when_it_is_older_or_altered() {
    let machine = Machine::new();
    let reference = machine.publish("0.0.9", &program("0.0.9"), &[]);
    let from = reference.to_str().unwrap().to_owned();
    let root = reference.join("metadata/1.root.json");
    let older = machine.update(&from, &["--root", root.to_str().unwrap()]);
    assert_eq!((older.code, machine.version().as_str()), (9, OWN), "{}", older.text);
    assert!(older.text.contains("--version 0.0.9"), "{}", older.text);
    machine.publish(NEWER, &program(NEWER), &[]);
    let altered = Server::serve(
        &reference,
        Box::new(|name, _, mut content| {
            if name.starts_with("objects/") {
                let middle = content.len() / 2;
                content[middle] ^= 1;
            }
            Sent::Whole(content)
        }),
    );
    let ran = machine.update(&altered.url(), &["--digest", &root_of(&reference)]);
    assert_eq!((ran.code, machine.version().as_str()), (9, OWN), "{}", ran.text);
    let usage = machine.update(&machine.release("7.2.0", b"", &[]), &["--digest", &root_of(&reference)]);
    assert_eq!(usage.code, 2, "a folder has no root: {}", usage.text);
    assert_eq!(machine.update(&from, &["--version", "0.0.9"]).code, 0, "an older one that is asked for");
    assert_eq!(machine.version(), "0.0.9");
}

/// Who has no network brings one file, and the digest by another way.
#[test]
fn a_bundle_is_believed_as_its_reference_is() {
    let machine = Machine::new();
    let reference = machine.publish(NEWER, &program(NEWER), &[]);
    let bundle = machine.path("entracte.bundle").to_str().unwrap().to_owned();
    let made = machine.run(&["bundle", reference.to_str().unwrap(), "--version", NEWER, "--output", &bundle]);
    assert_eq!(made.code, 0, "{}", made.text);
    fs::rename(&reference, machine.path("gone")).unwrap();
    assert_eq!(machine.update(&bundle, &[]).code, 9);
    let done = machine.update(&bundle, &["--digest", &root_of(&machine.path("gone"))]);
    assert_eq!((done.code, machine.version().as_str()), (0, NEWER), "{}", done.text);
}

/// A second build of this source that calls itself so, made by cargo: minutes the first time.
fn second_build(version: &str) -> Vec<u8> {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("second-build");
    let built = Command::new(env!("CARGO"))
        .args(["build", "--bin", "entracte", "--offline", "--locked", "--target-dir"])
        .arg(&target)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env("ENTRACTE_VERSION", version)
        .output()
        .unwrap();
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    fs::read(target.join("debug/entracte")).unwrap()
}

/// From this build to another one that a reference publishes, in the middle of a run, and back.
#[test]
fn to_a_second_build_and_back() {
    if !effort::is_full() {
        return;
    }
    let (machine, ground) = (Machine::new(), Ground::new());
    let on_site = |arguments: &[&str]| {
        let site = ground.small.root().to_str().unwrap().to_owned();
        let mut words = vec!["--site", &site];
        words.extend(arguments);
        let status = Command::new(machine.path("bin/entracte")).args(words).status().unwrap();
        assert!(status.success(), "{arguments:?} by {}", machine.version());
    };
    let reference = machine.publish(NEWER, &second_build(NEWER), &[("run_once/001-note.sh", NOTE)]);
    let server = Server::good(&reference);
    on_site(&["apply", "--stop-before", "migrate"]);
    let done = machine.update(&server.url(), &["--digest", &root_of(&reference)]);
    assert_eq!((done.code, machine.version().as_str()), (0, NEWER), "{}", done.text);
    assert_eq!(fs::read_to_string(machine.path("notes")).unwrap(), format!("{OWN} {NEWER}\n"));
    on_site(&["resume"]);
    ground.is_new("resumed by the second build");
    assert_eq!(machine.run(&["--json", "--yes", "self-update"]).code, 3, "the second build follows, too");
    let back = machine.run(&["--json", "self-update", "--rollback"]);
    assert_eq!((back.code, machine.version().as_str()), (0, OWN), "{}", back.text);
    on_site(&["rollback"]);
    ground.is_old("taken back by the first build");
    effort::tried("second build of this program, taken and given back in a run", 1);
}
