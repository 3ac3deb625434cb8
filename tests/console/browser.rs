//! Scripts of `tests/console/browser/` driven by Node.js: a real browser, by playwright-core.

use std::io::BufRead;
use std::io::BufReader;
use std::io::Read;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;
use std::process::Child;
use std::process::ChildStdout;
use std::process::Command;
use std::process::ExitStatus;
use std::process::Stdio;
use std::sync::OnceLock;
use std::thread::JoinHandle;

use serde_json::Value;

use super::support::process;
use super::support::releases;

/// Runs `NAME.mjs` with `asked` on its standard input, and returns the lines of
/// its report; panics with all that it found wrong.
#[track_caller]
pub fn run(name: &str, asked: &Value) -> Vec<Value> {
    talk(name, asked, |line| panic!("{name} asks for {line}, which nobody does here"))
}

/// The same with a script that says what it wants done outside of the browser,
/// and waits for what comes of it.
#[track_caller]
pub fn talk(name: &str, asked: &Value, mut done: impl FnMut(&Value) -> Value) -> Vec<Value> {
    let mut script = Script::start(name);
    script.say(asked);
    let mut lines: Vec<Value> = Vec::new();
    while let Some(line) = script.hear() {
        match line.get("please") {
            Some(_) => script.say(&done(&line)),
            None => lines.push(line),
        }
    }
    let (status, complained) = script.end();
    let said = |kind: &str| -> Vec<&str> { lines.iter().filter_map(|line| line[kind].as_str()).collect() };
    let wrong = said("wrong");
    assert!(
        wrong.is_empty(),
        "{name} found {} things wrong:\n{}\n{complained}",
        wrong.len(),
        wrong.join("\n")
    );
    assert!(status.success(), "{name} ended with {status}: {complained}\n{}", said("note").join("\n"));
    lines
}

/// A script at work. Ends with its owner, and its browser with it.
struct Script {
    node: Child,
    said: BufReader<ChildStdout>,
    complaints: Option<JoinHandle<String>>,
}

impl Script {
    fn start(name: &str) -> Script {
        let script = here().join(format!("tests/console/browser/{name}.mjs"));
        let mut node = Command::new("node")
            .arg(&script)
            .env("ENTRACTE_BROWSER_TOOLS", tools())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("no Node.js: apt-get install nodejs npm");
        let said = BufReader::new(node.stdout.take().unwrap());
        let mut errors = node.stderr.take().unwrap();
        let complaints = std::thread::spawn(move || {
            let mut text = Vec::new();
            let _ = errors.read_to_end(&mut text);
            String::from_utf8_lossy(&text).into_owned()
        });
        Script { node, said, complaints: Some(complaints) }
    }

    /// One line; a script that has ended hears nothing, and says why in the end.
    fn say(&mut self, line: &Value) {
        let _ = self.node.stdin.as_mut().unwrap().write_all(format!("{line}\n").as_bytes());
    }

    fn hear(&mut self) -> Option<Value> {
        let mut line = String::new();
        let is_over = self.said.read_line(&mut line).unwrap() == 0;
        (!is_over).then(|| serde_json::from_str(&line).unwrap_or_else(|error| panic!("{line}: {error}")))
    }

    fn end(&mut self) -> (ExitStatus, String) {
        let status = self.node.wait().unwrap();
        let complaints = self.complaints.take().map(|complaints| complaints.join().unwrap());
        (status, complaints.unwrap_or_default())
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        let _ = self.node.kill();
        let _ = self.node.wait();
    }
}

/// Where pictures of pages are kept for whoever changed one to look at.
pub fn pictures(of: &str) -> PathBuf {
    here().join("target/console-screenshots").join(of)
}

/// Brought once, and kept in the cache.
fn tools() -> &'static Path {
    static TOOLS: OnceLock<PathBuf> = OnceLock::new();
    TOOLS.get_or_init(|| {
        let script = here().join("tests/support/browser_tools.sh");
        let mut command = Command::new("bash");
        command.arg(script).env("ENTRACTE_TEST_CACHE", releases::cache());
        PathBuf::from(process::checked(&mut command).trim())
    })
}

fn here() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
