//! The flag: one small file that says that, why and since when a site is closed.

use std::path::Path;
use std::path::PathBuf;

use jiff::Timestamp;
use serde::Deserialize;
use serde::Serialize;

use crate::base::json;
use crate::sys::fs;
use crate::sys::fs::IoError;

/// The version of the flag's JSON.
const FORMAT: u32 = 1;
/// The name that every server-side check looks for.
pub const NAME: &str = "closed";

/// Why a site is closed, who closed it, and how long it may take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Closing {
    pub reason: String,
    /// The id of a run, or `operator`.
    pub by: String,
    pub since: Timestamp,
    /// When visitors should come back, in seconds.
    pub retry_after_seconds: u32,
}

/// What the flag says now.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct GateState {
    pub closed: bool,
    pub by: Option<String>,
    pub since: Option<Timestamp>,
    pub reason: Option<String>,
}

/// The stored form; readers must take a flag that has more fields.
#[derive(Serialize, Deserialize)]
struct Stored {
    format: u32,
    reason: String,
    by: String,
    since: Timestamp,
    /// Read by the guard too, as `retry_after`.
    retry_after: u32,
}

pub fn path(folder: &Path) -> PathBuf {
    folder.join(NAME)
}

/// Writes the flag (0644: the web server must see it), or replaces it.
pub fn write(folder: &Path, closing: &Closing) -> Result<(), IoError> {
    let stored = Stored {
        format: FORMAT,
        reason: closing.reason.clone(),
        by: closing.by.clone(),
        since: closing.since,
        retry_after: closing.retry_after_seconds,
    };
    let path = path(folder);
    let text = json::line(&stored).map_err(|error| IoError::new("write", &path, error))?;
    fs::write_durable_with(&path, &text, 0o644)
}

/// Removes the flag for good.
pub fn remove(folder: &Path) -> Result<(), IoError> {
    fs::remove_file_if_present(&path(folder))?;
    if fs::is_folder(folder) { fs::sync_folder(folder) } else { Ok(()) }
}

/// What the flag says. A flag that cannot be understood still closes.
pub fn read(folder: &Path) -> Result<GateState, IoError> {
    let Some(bytes) = fs::read_if_present(&path(folder))? else { return Ok(GateState::default()) };
    Ok(match json::read::<Stored>(&bytes) {
        Ok(stored) => GateState {
            closed: true,
            by: Some(stored.by),
            since: Some(stored.since),
            reason: Some(stored.reason),
        },
        Err(_) => GateState { closed: true, ..GateState::default() },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flag_says_what_was_written_and_a_strange_one_still_closes() {
        let folder = tempfile::tempdir().unwrap();
        assert!(!read(folder.path()).unwrap().closed);
        let closing = Closing {
            reason: "to 7.1".into(),
            by: "operator".into(),
            since: "2026-11-21T05:00:00Z".parse().unwrap(),
            retry_after_seconds: 120,
        };
        write(folder.path(), &closing).unwrap();
        let state = read(folder.path()).unwrap();
        assert_eq!((state.closed, state.by.as_deref()), (true, Some("operator")));
        assert_eq!(fs::mode(&path(folder.path())).unwrap(), 0o644);
        std::fs::write(path(folder.path()), "").unwrap();
        assert_eq!(read(folder.path()).unwrap(), GateState { closed: true, ..GateState::default() });
        remove(folder.path()).unwrap();
        remove(folder.path()).unwrap();
        assert!(!read(folder.path()).unwrap().closed);
    }
}
