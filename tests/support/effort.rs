//! How far a sweep goes: a bounded part of it every day, all of it with
//! `./test --full`; and what was tried, for the table at the end.

use std::fs;
use std::io::Write;
use std::panic::AssertUnwindSafe;
use std::path::Path;

/// Where each sweep leaves what it tried; `./test` prints it.
const TRIED: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/tried");

/// Whether everything is asked for.
pub fn is_full() -> bool {
    std::env::var_os("ENTRACTE_TEST_FULL").is_some_and(|value| !value.is_empty())
}

/// How many of something are tried.
pub fn points(daily: usize, full: usize) -> usize {
    if is_full() { full } else { daily }
}

/// Spreads `wanted` points evenly over `1..=all`, ends included.
pub fn spread(all: u64, wanted: usize) -> Vec<u64> {
    let wanted = (wanted as u64).clamp(1, all.max(1));
    (0..wanted).map(|number| 1 + number * (all - 1) / (wanted - 1).max(1)).collect()
}

/// What a part of a sweep complains of, so that the rest is tried as well.
pub fn failure(part: impl FnOnce()) -> Option<String> {
    let complaint = std::panic::catch_unwind(AssertUnwindSafe(part)).err()?;
    let text = complaint.downcast_ref::<String>().cloned();
    Some(text.or_else(|| complaint.downcast_ref::<&str>().map(ToString::to_string)).unwrap_or_default())
}

/// Keeps for the table how much the test that runs now has tried without a failure.
pub fn tried(what: &str, points: u64) {
    note(&format!("{points:>9}  {what}"));
}

/// Says loudly that something was not tried, and why; `./test` counts such lines.
pub fn skipped(what: &str, reason: &str) {
    note(&format!("  SKIPPED: {what}: {reason}"));
}

fn note(what: &str) {
    let test = std::thread::current().name().expect("tests have names").to_owned();
    fs::create_dir_all(TRIED).unwrap();
    let path = Path::new(TRIED).join(test.replace("::", "."));
    let line = format!("{what}  (./test {test})\n");
    let mut file = fs::File::options().create(true).append(true).open(path).unwrap();
    file.write_all(line.as_bytes()).unwrap();
    eprint!("{line}");
}
