//! The program brings itself up to date and goes back. What it becomes is a
//! copy of it with another version in its bytes: it starts, and says so.

#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "tests look from outside")]

#[path = "reference/server.rs"]
#[allow(dead_code, reason = "other tests cut what is sent")]
mod server;
mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use server::Sent;
use server::Server;
use support::effort;
use support::ground::Ground;

/// Nobody else on the machine.
const USER: u32 = 47_213;
const OWN: &str = env!("CARGO_PKG_VERSION");
const NEWER: &str = "7.1.0";

/// A user with a program of their own.
struct Machine {
    folder: TempDir,
}

struct Ran {
    code: i32,
    text: String,
}

impl Ran {
    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }
}

/// This program without what only a debugger reads, and where its version stands in it.
fn plain() -> &'static (Vec<u8>, Vec<usize>) {
    static PLAIN: OnceLock<(Vec<u8>, Vec<usize>)> = OnceLock::new();
    PLAIN.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let stripped = folder.path().join("entracte");
        let words = ["-o", stripped.to_str().unwrap(), env!("CARGO_BIN_EXE_entracte")];
        assert!(Command::new("strip").args(words).status().unwrap().success());
        let bytes = fs::read(stripped).unwrap();
        let version = OWN.as_bytes();
        let places = bytes.windows(version.len()).enumerate().filter(|(_, window)| *window == version);
        let places = places.map(|(at, _)| at).collect();
        (bytes, places)
    })
}

/// The same, of another version.
fn program(version: &str) -> Vec<u8> {
    let (plain, places) = plain();
    let mut bytes = plain.clone();
    for at in places {
        bytes[*at..at + OWN.len()].copy_from_slice(version.as_bytes());
    }
    bytes
}

impl Machine {
    fn new() -> Machine {
        let machine = Machine { folder: tempfile::tempdir_in("/tmp").unwrap() };
        machine.own(machine.folder.path());
        machine.put("bin/entracte", &program(OWN), 0o755);
        machine
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn own(&self, path: &Path) {
        chown(path, Some(USER), Some(USER)).unwrap();
    }

    fn put(&self, name: &str, bytes: &[u8], mode: u32) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, bytes).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        let above = path.ancestors().take_while(|path| *path != self.folder.path());
        above.for_each(|path| self.own(path));
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        self.run_with(arguments, "")
    }

    fn run_with(&self, arguments: &[&str], fault: &str) -> Ran {
        let output = Command::new(self.path("bin/entracte"))
            .args(arguments)
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("HOME", self.path("home"))
            .env("ENTRACTE_FAULT", fault)
            .current_dir(self.folder.path())
            .uid(USER)
            .gid(USER)
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        Ran { code: output.status.code().unwrap_or(-1), text }
    }

    fn version(&self) -> String {
        let ran = self.run(&["--version"]);
        assert_eq!(ran.code, 0, "the program does not start: {}", ran.text);
        ran.text.trim().trim_start_matches("entracte ").to_owned()
    }

    /// A release with that program for this kind of machine, and what else is put into it.
    fn release(&self, version: &str, program: &[u8], more: &[(&str, &str)]) -> String {
        let tree = self.path(&format!("release-{version}"));
        let platform = format!("{}-{}", std::env::consts::ARCH, std::env::consts::OS);
        self.put(&format!("release-{version}/bin/{platform}/entracte"), program, 0o755);
        for (name, text) in more {
            self.put(&format!("release-{version}/{name}"), text.as_bytes(), 0o644);
        }
        let tree = tree.to_str().unwrap();
        let manifest = format!("{tree}/entracte.json");
        let ran = self.run(&[
            "manifest",
            "build",
            tree,
            "--product",
            "entracte",
            "--version",
            version,
            "-o",
            &manifest,
        ]);
        assert_eq!(ran.code, 0, "{}", ran.text);
        tree.to_owned()
    }

    /// Publishes such a release, with a program for another kind of machine as well.
    fn publish(&self, version: &str, program: &[u8], more: &[(&str, &str)]) -> PathBuf {
        let other = [&[("bin/pdp11-unix/entracte", "not for us")], more].concat();
        let tree = self.release(version, program, &other);
        let reference = self.path("releases");
        if !self.path("home/.config/entracte/keys").exists() {
            assert_eq!(self.run(&["key", "new"]).code, 0);
        }
        let to = reference.to_str().unwrap();
        let ran = self.run(&["publish", &tree, "--to", to, "--version", version]);
        assert_eq!(ran.code, 0, "{}", ran.text);
        reference
    }

    fn update(&self, from: &str, more: &[&str]) -> Ran {
        self.run(&[&["--json", "--yes", "self-update", "--from", from], more].concat())
    }

    /// What lies beside the program.
    fn beside(&self) -> Vec<String> {
        let entries = fs::read_dir(self.path("bin")).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }
}

const NOTE: &str = "#!/bin/sh\necho \"$ENTRACTE_FROM $ENTRACTE_TO\" >>\"$HOME/../notes\"\n";

#[test]
fn there_and_back() {
    let machine = Machine::new();
    let tree = machine.release(NEWER, &program(NEWER), &[("run_once/001-note.sh", NOTE)]);
    let shown = machine.run(&["--json", "self-update", "--from", &tree]);
    assert_eq!((shown.code, machine.version().as_str()), (4, OWN), "not asked for: {}", shown.text);
    let done = machine.update(&tree, &[]);
    assert_eq!(done.code, 0, "{}", done.text);
    assert_eq!(done.json()["result"]["to"], NEWER);
    assert_eq!(machine.version(), NEWER);
    assert_eq!(machine.beside(), ["entracte", "entracte.bak"]);
    assert!(fs::read(machine.path("bin/entracte.bak")).unwrap() == program(OWN));
    assert_eq!(fs::read_to_string(machine.path("notes")).unwrap(), format!("{OWN} {NEWER}\n"));
    // The source is remembered.
    assert_eq!(machine.run(&["--json", "--yes", "self-update"]).code, 3);
    let back = machine.run(&["--json", "self-update", "--rollback"]);
    assert_eq!((back.code, machine.version().as_str()), (0, OWN), "{}", back.text);
    assert_eq!(machine.run(&["--json", "self-update", "--rollback"]).code, 3);
    assert_eq!(machine.run(&["--json", "--yes", "self-update"]).code, 0);
    assert_eq!(fs::read_to_string(machine.path("notes")).unwrap().lines().count(), 1, "a script ran twice");
}

#[test]
fn what_is_no_better_program_is_refused() {
    let machine = Machine::new();
    let newer = program(NEWER);
    let stranger = b"#!/bin/sh\necho entracte 9.0.0\n";
    let broken = b"\x7fELF and nothing behind it";
    for (what, version, bytes, more, code) in [
        ("the same version", OWN, &newer[..], &[][..], 3),
        ("an older one", "0.0.9", &program("0.0.9"), &[], 9),
        ("one that calls itself otherwise", "8.0.0", stranger, &[], 9),
        ("one that does not start", "8.0.1", broken, &[], 1),
        ("one with a script that fails", "7.1.0", &newer, &[("run_once/002-no.sh", "exit 3\n")], 1),
    ] {
        let tree = machine.release(version, bytes, more);
        let ran = machine.update(&tree, &[]);
        assert_eq!(ran.code, code, "{what}: {}", ran.text);
        assert_eq!(machine.version(), OWN, "{what}");
        let beside = machine.beside();
        assert!(beside.iter().all(|name| !name.starts_with('.')), "{what} left {beside:?}");
    }
    let tree = machine.path("release-0.0.9").to_str().unwrap().to_owned();
    assert_eq!(machine.update(&tree, &["--version", "0.0.9"]).code, 0, "an older one that is asked for");
    assert_eq!(machine.version(), "0.0.9");
}

#[test]
fn where_it_cannot_or_must_not_be_replaced() {
    let machine = Machine::new();
    let refused = |code: i32, word: &str, ran: Ran| {
        assert_eq!(ran.code, code, "{word}: {}", ran.text);
        assert!(ran.text.contains(word), "{word} is not said: {}", ran.text);
    };
    refused(5, "--from", machine.run(&["--json", "--yes", "self-update"]));
    let tree = machine.release(NEWER, &program(NEWER), &[]);
    fs::write(machine.path(".crates.toml"), "[v1]\n\"entracte 0.1.0 (path+file:///src)\" = [\"entracte\"]\n")
        .unwrap();
    refused(5, "cargo", machine.update(&tree, &[]));
    fs::remove_file(machine.path(".crates.toml")).unwrap();
    chown(machine.path("bin"), Some(0), Some(0)).unwrap();
    refused(5, "sudo", machine.update(&tree, &[]));
    machine.own(&machine.path("bin"));
    let other = machine.path("release-7.1.0/bin");
    for entry in fs::read_dir(&other).unwrap() {
        fs::rename(entry.unwrap().path(), other.join("pdp11-unix")).unwrap();
    }
    fs::remove_file(machine.path("release-7.1.0/entracte.json")).unwrap();
    refused(5, "no program for", machine.update(&tree, &["--version", NEWER]));
    assert_eq!(machine.version(), OWN);
}

#[test]
fn killed_anywhere_the_name_means_a_whole_program() {
    for point in ["written", "saved", "replaced"] {
        let machine = Machine::new();
        let tree = machine.release(NEWER, &program(NEWER), &[("run_once/001-note.sh", NOTE)]);
        let killed = machine
            .run_with(&["--yes", "self-update", "--from", &tree], &format!("self-update.{point}=kill"));
        assert_eq!(killed.code, -1, "{point} was not reached: {}", killed.text);
        let version = machine.version();
        assert_eq!(version == NEWER, point == "replaced", "{point}");
        let back = machine.run(&["--json", "self-update", "--rollback"]);
        assert_eq!(back.code, if version == NEWER { 0 } else { 3 }, "{point}: {}", back.text);
        assert_eq!(machine.version(), OWN, "{point}, and back");
        assert_eq!(machine.update(&tree, &[]).code, 0, "{point}, and again");
        assert_eq!((machine.version().as_str(), machine.beside().len()), (NEWER, 2), "{point}");
        assert_eq!(fs::read_to_string(machine.path("notes")).unwrap().lines().count(), 1, "{point}");
    }
}

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

/// Which program goes on with it makes no difference to a run.
#[test]
fn a_run_is_gone_on_with_by_the_newer_program() {
    let ground = Ground::new();
    let stopped = ground.entracte.json(&["apply", "--stop-before", "migrate"]);
    assert_eq!(stopped.code(0)["outcome"], "stopped");
    let folder = tempfile::tempdir().unwrap();
    let newer = folder.path().join("entracte");
    fs::write(&newer, program(NEWER)).unwrap();
    fs::set_permissions(&newer, fs::Permissions::from_mode(0o755)).unwrap();
    let status =
        Command::new(&newer).args(["--site", ground.small.root().to_str().unwrap(), "resume"]).output();
    let status = status.unwrap();
    assert!(status.status.success(), "{}", String::from_utf8_lossy(&status.stderr));
    ground.is_new("resumed by a newer program");
}

/// A program may be replaced while it works in the background.
#[test]
fn the_program_is_replaced_while_a_run_goes_on() {
    let machine = Machine::new();
    let ground = Ground::new();
    let site = ground.small.root();
    let copy = machine.path("bin/entracte");
    let mut working = Command::new(&copy)
        .args(["--site", site.to_str().unwrap(), "apply"])
        .env("ENTRACTE_FAULT", "swap.operation:2=pause")
        .spawn()
        .unwrap();
    let closed = || ground.entracte.json(&["status"]).result["gate"]["closed"] == true;
    let patience = std::time::Instant::now();
    while !closed() && patience.elapsed() < Duration::from_secs(60) {
        std::thread::sleep(Duration::from_millis(50));
    }
    let tree = machine.release(NEWER, &program(NEWER), &[]);
    let done = machine.update(&tree, &[]);
    assert_eq!(done.code, 0, "{}", done.text);
    assert!(working.wait().unwrap().success());
    ground.is_new("applied by a program that was replaced meanwhile");
    assert_eq!(machine.version(), NEWER);
}
