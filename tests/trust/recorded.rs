//! Repositories that were recorded, each with its defect. They expire, so they
//! are judged by a program of their own, whose clock stands still.

use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;

use entracte::base::exit::causes;
use entracte::release::trust;
use entracte::release::trust::Pinned;
use entracte::release::trust::Store;
use entracte::release::trust::TrustError;
use entracte::release::trust::error::Unreachable;

use crate::support::effort;
use crate::support::faketime;

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/tuf");
/// Names the folder for the program inside.
const FOLDER: &str = "ENTRACTE_TEST_RECORDED";
/// When they were recorded.
const CLOCK: &str = "@2026-11-21 12:00:00";

#[test]
fn recorded_repositories_are_judged_right() {
    let Some(judged) = judged_then(Path::new(FIXTURES)) else { return };
    insta::assert_snapshot!(judged, @r"
    document-of-other-kind: malformed metadata/timestamp.json (keeps 2 - - -)
    root-below-new-threshold: bad signature of root (keeps 1 - - -)
    root-below-old-threshold: bad signature of root (keeps 1 - - -)
    root-expired: 0 targets by root 1 (keeps 1 1 1 1); 0 targets by root 2 (keeps 2 1 1 1); root expired (keeps 3 1 1 1)
    root-keys-changed: 0 targets by root 3 (keeps 3 2 2 2)
    root-not-signed-by-new-key: bad signature of root (keeps 1 - - -)
    root-not-signed-by-old-key: bad signature of root (keeps 1 - - -)
    root-of-other-version: older (keeps 1 - - -)
    signature-counted-twice: bad signature of snapshot (keeps 1 1 - -)
    snapshot-below-threshold: 0 targets by root 2 (keeps 2 2 2 2); bad signature of snapshot (keeps 2 3 2 2)
    snapshot-expired: 0 targets by root 1 (keeps 1 1 1 1); snapshot expired (keeps 1 2 1 1)
    snapshot-of-other-digest: 0 targets by root 1 (keeps 1 2 2 1); mixed (keeps 1 3 2 1)
    snapshot-older: 0 targets by root 1 (keeps 1 2 2 1); older (keeps 1 2 2 1)
    sound: 0 targets by root 1 (keeps 1 1 1 1)
    targets-expired: 0 targets by root 1 (keeps 1 1 1 1); targets expired (keeps 1 2 2 1)
    targets-no-longer-listed: 0 targets by root 1 (keeps 1 2 2 2); older (keeps 1 3 2 2)
    targets-of-other-digest: 0 targets by root 1 (keeps 1 2 2 2); mixed (keeps 1 3 3 2)
    targets-older: 0 targets by root 1 (keeps 1 2 2 2); older (keeps 1 3 2 2)
    timestamp-changed-under-its-version: 0 targets by root 1 (keeps 1 1 1 1); 0 targets by root 1 (keeps 1 1 1 1)
    timestamp-expired: 0 targets by root 1 (keeps 1 1 1 1); timestamp expired (keeps 1 1 1 1)
    timestamp-fast-forwarded: 0 targets by root 1 (keeps 1 100 1 1); 0 targets by root 2 (keeps 2 1 1 1)
    timestamp-older: 0 targets by root 1 (keeps 1 2 1 1); older (keeps 1 2 1 1)
    timestamp-unsigned: bad signature of timestamp (keeps 2 - - -)
    ");
}

#[test]
fn all_recorded_repositories_of_the_suite_are_judged_right() {
    let Some(corpora) = std::env::var_os("ENTRACTE_CORPORA").filter(|folder| !folder.is_empty()) else {
        return effort::skipped("recorded TUF repositories", "ENTRACTE_CORPORA names no folder");
    };
    let folder = Path::new(&corpora).join("tuf/tuf-conformance-dump");
    let Some(judged) = judged_then(&folder) else { return };
    let expected = fs::read_to_string(Path::new(FIXTURES).join("outcomes.txt")).unwrap();
    assert_eq!(judged, expected, "{judged}");
    effort::tried("recorded TUF repositories", judged.lines().count() as u64);
}

/// What is judged of the repositories below the folder at the time they were recorded.
fn judged_then(folder: &Path) -> Option<String> {
    let library = faketime::library()?;
    let mut inside = Command::new(std::env::current_exe().unwrap());
    inside.args(["--exact", "recorded::judge_the_folder_that_is_named", "--ignored", "--nocapture"]);
    inside.env(FOLDER, folder).env("LD_PRELOAD", library).env("FAKETIME", CLOCK).env("NO_FAKE_STAT", "1");
    let output = inside.output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    let lines = text.lines().filter_map(|line| line.strip_prefix("judged: "));
    Some(lines.map(|line| format!("{line}\n")).collect())
}

#[test]
#[ignore = "runs inside of the others, by a clock of its own"]
fn judge_the_folder_that_is_named() {
    let folder = PathBuf::from(std::env::var_os(FOLDER).unwrap());
    let mut cases = folders_below(&folder);
    cases.sort();
    for case in cases {
        if case.join("refresh-1").is_dir() {
            println!("judged: {}", judge(&case));
        }
    }
}

fn folders_below(folder: &Path) -> Vec<PathBuf> {
    let mut folders: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.retain(|path| path.is_dir());
    // refresh-10 comes behind refresh-2.
    folders.sort_by_key(|path| (path.as_os_str().len(), path.clone()));
    folders
}

/// One client that refreshes as often as was recorded.
fn judge(case: &Path) -> String {
    let client = tempfile::tempdir().unwrap();
    let name = case.file_name().unwrap().to_str().unwrap();
    let mut line = name.replace("%5B", "[").replace("%5D", "]").replace("%20", " ");
    let root = fs::read(case.join("refresh-1/1.root.json")).unwrap();
    let store = Store::open(client.path());
    let pinned = match store.add("https://example.org/", &root) {
        Ok(pinned) => pinned,
        Err(error) => return format!("{line}: not pinned, {}", kind(&error)),
    };
    for refresh in folders_below(case) {
        let judged = match refreshed(&pinned, &refresh) {
            Ok(verified) => format!("{} targets by root {}", verified.targets.len(), verified.root_version),
            Err(error) => kind(&error),
        };
        let kept = versions(&pinned);
        write!(line, "{} {judged} (keeps {kept})", if line.contains(':') { ";" } else { ":" }).unwrap();
    }
    line
}

fn refreshed(pinned: &Pinned, folder: &Path) -> Result<trust::Verified, TrustError> {
    trust::refresh(pinned, &mut |name, limit| {
        let name = name.strip_prefix("metadata/").unwrap();
        // But for roots they were recorded without their versions.
        let plain = match name.split_once('.') {
            Some((version, rest)) if version.parse::<u64>().is_ok() && rest != "root.json" => rest,
            _ => name,
        };
        let bytes = fs::read(folder.join(plain)).ok();
        let bytes = bytes.map(|bytes| bytes.into_iter().take(limit as usize + 1).collect());
        Ok::<_, Unreachable>(bytes)
    })
}

/// The versions of what is kept of root, timestamp, snapshot and targets.
fn versions(pinned: &Pinned) -> String {
    let version = |role: &str| {
        let bytes = fs::read(pinned.folder().join(format!("{role}.json"))).ok()?;
        let value: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        Some(value["signed"]["version"].to_string())
    };
    let versions =
        ["root", "timestamp", "snapshot", "targets"].map(|role| version(role).unwrap_or("-".into()));
    versions.join(" ")
}

fn kind(error: &TrustError) -> String {
    match error {
        TrustError::BadSignature { role, .. } => format!("bad signature of {role}"),
        TrustError::Expired { role, .. } => format!("{role} expired"),
        TrustError::Older { .. } => "older".into(),
        TrustError::Mixed { .. } => "mixed".into(),
        TrustError::Malformed { name, .. } => format!("malformed {name}"),
        TrustError::Missing { name, .. } => format!("missing {name}"),
        other => format!("{other}: {}", causes(other).join(": ")),
    }
}

#[test]
fn roots_that_do_not_sign_themselves_are_not_pinned() {
    let client = tempfile::tempdir().unwrap();
    let store = Store::open(client.path());
    let mut judged = String::new();
    for path in files_of(&Path::new(FIXTURES).join("roots")) {
        let name = path.file_stem().unwrap().to_str().unwrap();
        let pinned = store.add(&format!("https://{name}.example.org/"), &fs::read(&path).unwrap());
        let said = pinned.map_or_else(|error| kind(&error), |_| "pinned".into());
        writeln!(judged, "{name}: {said}").unwrap();
    }
    insta::assert_snapshot!(judged, @r"
    duplicate-keyid: malformed the root
    duplicate-sig-keys: bad signature of root
    duplicate-sigs: bad signature of root
    invalid-root-json-signature: bad signature of root
    mismatched-root-json-keyids: bad signature of root
    no-root-json-signatures: bad signature of root
    simple-rsa: pinned
    ");
    assert_eq!(store.list().unwrap().len(), 1);
}

fn files_of(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}
