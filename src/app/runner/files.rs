//! What runners leave in their folder, and how long it stays.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::Path;
use std::path::PathBuf;

use crate::app::runner::Runner;
use crate::base::json;
use crate::site::state::State;
use crate::sys::fs;
use crate::sys::fs::IoError;

/// What runs did is kept by the runs; of what else worked, so much is shown still.
const KEPT: usize = 20;

/// The record of the one that took the lock last.
const CURRENT: &str = "current.json";

pub(super) fn current(state: &State) -> PathBuf {
    state.runner().join(CURRENT)
}

/// `TIME-RANDOM`: nothing else names files here.
pub(super) fn is_id(id: &str) -> bool {
    let is_like = |part: &str, digit: fn(&u8) -> bool| {
        (1..=20).contains(&part.len()) && part.bytes().all(|byte| digit(&byte))
    };
    id.split_once('-')
        .is_some_and(|(time, rest)| is_like(time, u8::is_ascii_digit) && is_like(rest, u8::is_ascii_hexdigit))
}

/// Clears away what all but the last few left; one that works keeps its own.
pub(super) fn sweep(folder: &Path) -> Result<(), IoError> {
    let files = fs::list(folder)?;
    let stem = |path: &PathBuf| path.file_stem().map(OsString::from).unwrap_or_default();
    let stems: BTreeSet<OsString> =
        files.iter().map(stem).filter(|stem| is_id(&stem.to_string_lossy())).collect();
    let last: Option<Runner> =
        fs::read_if_present(&folder.join(CURRENT))?.and_then(|text| json::read(&text).ok());
    let last = last.map(|last| OsString::from(last.id()));
    let old: BTreeSet<&OsString> =
        stems.iter().rev().skip(KEPT).filter(|stem| last.as_ref() != Some(*stem)).collect();
    for path in files.iter().filter(|path| old.contains(&stem(path)) && !is_in_use(path)) {
        fs::remove_file_if_present(path)?;
    }
    Ok(())
}

/// Whether the runner that has this file works.
pub(in crate::app) fn is_in_use(file: &Path) -> bool {
    let text = fs::read_text(&file.with_extension("runner"), 64 << 10);
    let runner: Option<Runner> = text.ok().and_then(|text| json::read(text.as_bytes()).ok());
    runner.is_some_and(|runner| runner.lives())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::env;

    #[test]
    fn ids_name_nothing_else() {
        for id in ["1763787600000-1a2b3c4d", "1763787600000-4242"] {
            assert!(is_id(id), "{id}");
        }
        for id in ["", "-", "1-", "-1", "current", "../1-1", "1-1.events", "1-1/..", "1-g", "１-1", "1-1-1"]
        {
            assert!(!is_id(id), "{id}");
        }
    }

    #[test]
    fn the_last_few_stay_and_whoever_works() {
        let folder = tempfile::tempdir().unwrap();
        let put = |name: &str, text: &[u8]| fs::write_durable(&folder.path().join(name), text).unwrap();
        for number in 10..10 + KEPT + 5 {
            put(&format!("{number}-ab.events"), b"");
            put(&format!("{number}-ab.json"), b"");
        }
        put("current.json", b"{}");
        let mine = Runner::new(env::process_id(), "watch".into(), &folder.path().join("11-ab.events"), None);
        put("11-ab.runner", &mine.text());
        sweep(folder.path()).unwrap();
        let stays = |name: &str| fs::exists(&folder.path().join(name));
        assert!(stays("current.json") && stays("11-ab.events") && stays("11-ab.runner"));
        assert!(!stays("10-ab.events") && !stays("10-ab.json") && !stays("14-ab.events"));
        assert!(stays("15-ab.events") && stays("34-ab.json"));
    }
}
