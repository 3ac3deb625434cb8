//! Scripts of `tests/console/browser/` driven by Node.js: a real browser, by playwright-core.

use std::io::Write;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::process::Stdio;
use std::sync::OnceLock;

use serde_json::Value;

use super::support::process;
use super::support::releases;

/// Runs `NAME.mjs` with `asked` on its standard input, and returns the lines of
/// its report; panics with all that it found wrong.
#[track_caller]
pub fn run(name: &str, asked: &Value) -> Vec<Value> {
    let script = here().join(format!("tests/console/browser/{name}.mjs"));
    let mut node = Command::new("node")
        .arg(&script)
        .env("ENTRACTE_BROWSER_TOOLS", tools())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("no Node.js: apt-get install nodejs npm");
    let mut input = node.stdin.take().unwrap();
    let text = asked.to_string();
    let writing = std::thread::spawn(move || {
        let _ = input.write_all(text.as_bytes());
    });
    let output = node.wait_with_output().unwrap();
    writing.join().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let complained = String::from_utf8_lossy(&output.stderr);
    let lines: Vec<Value> = said
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}")))
        .collect();
    let wrong: Vec<&str> = lines.iter().filter_map(|line| line["wrong"].as_str()).collect();
    assert!(wrong.is_empty(), "{name} found {} things wrong:\n{}", wrong.len(), wrong.join("\n"));
    assert!(output.status.success(), "{name} ended with {}: {complained}", output.status);
    lines
}

/// Where pictures of pages are kept for whoever changed one to look at.
pub fn pictures() -> PathBuf {
    here().join("target/console-screenshots")
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
