//! The log of runs and findings of a site. Each line names the digest of the
//! one before it, so that a line changed or taken away is noticed.

use std::path::Path;

use jiff::Timestamp;
use serde::Deserialize;
use serde::Serialize;

use crate::base::digest::Sha256;
use crate::base::json;
use crate::sys::clock;
use crate::sys::fs;
use crate::sys::fs::IoError;

/// One line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Line {
    pub format: u32,
    pub at: Timestamp,
    /// `adopted`, `approved`, `opened`, `finished`, `rolled-back`, `committed`, …
    pub event: String,
    pub run: Option<String>,
    pub by: Option<String>,
    pub detail: String,
    /// SHA-256 of the line before, its line break left out; zeros for the first.
    pub previous: Sha256,
}

/// What happened; time and chain are added.
pub struct News<'a> {
    pub event: &'a str,
    pub run: Option<&'a str>,
    pub by: Option<&'a str>,
    pub detail: String,
}

/// Adds one line and waits until it is on the disk.
pub fn append(path: &Path, news: News) -> Result<(), IoError> {
    let text = fs::read_if_present(path)?.unwrap_or_default();
    let whole = without_torn_line(&text);
    let last = whole.split(|byte| *byte == b'\n').rfind(|line| !line.is_empty());
    let line = Line {
        format: 1,
        at: clock::now(),
        event: news.event.to_owned(),
        run: news.run.map(str::to_owned),
        by: news.by.map(str::to_owned),
        detail: news.detail,
        previous: last.map_or(Sha256::from_bytes([0; 32]), Sha256::of),
    };
    // Structs of strings always serialise.
    let mut bytes = json::line(&line).unwrap_or_default();
    bytes.push(b'\n');
    let mut file = fs::append(path)?;
    file.set_len(whole.len() as u64)
        .and_then(|()| std::io::Write::write_all(&mut file, &bytes))
        .map_err(|source| IoError::new("write", path, source))?;
    fs::sync_file(&file, path)
}

/// The lines that were written to their end; the power may have gone in the last.
fn without_torn_line(text: &[u8]) -> &[u8] {
    let end = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    &text[..end]
}

/// Whether every line names the one before it.
pub fn is_unaltered(path: &Path) -> Result<bool, IoError> {
    let text = fs::read_if_present(path)?.unwrap_or_default();
    let mut previous = Sha256::from_bytes([0; 32]);
    for line in without_torn_line(&text).split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        match json::read::<Line>(line) {
            Ok(read) if read.previous == previous => previous = Sha256::of(line),
            _ => return Ok(false),
        }
    }
    Ok(true)
}

/// When an event that is `wanted` was noted last.
pub fn last(path: &Path, wanted: impl Fn(&str) -> bool) -> Result<Option<Timestamp>, IoError> {
    let text = fs::read_if_present(path)?.unwrap_or_default();
    let lines = without_torn_line(&text).rsplit(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let read = lines.filter_map(|line| json::read::<Line>(line).ok());
    Ok(read.into_iter().find(|line| wanted(&line.event)).map(|line| line.at))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_a_power_cut_tore_is_not_built_upon() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("history.jsonl");
        let news = |event| News { event, run: None, by: None, detail: String::new() };
        append(&path, news("adopted")).unwrap();
        let whole = std::fs::read(&path).unwrap();
        std::fs::write(&path, [&whole[..], b"{\"format\":1,\0\0\0"].concat()).unwrap();
        append(&path, news("opened")).unwrap();
        assert!(is_unaltered(&path).unwrap());
        assert_eq!(std::fs::read_to_string(&path).unwrap().lines().count(), 2);
    }

    #[test]
    fn a_line_changed_or_taken_away_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("history.jsonl");
        assert!(is_unaltered(&path).unwrap());
        for event in ["adopted", "opened", "finished"] {
            append(&path, News { event, run: None, by: Some("me"), detail: String::new() }).unwrap();
        }
        assert!(is_unaltered(&path).unwrap());
        let whole = std::fs::read_to_string(&path).unwrap();
        let lines: Vec<&str> = whole.lines().collect();
        std::fs::write(&path, format!("{}\n{}\n", lines[0], lines[2])).unwrap();
        assert!(!is_unaltered(&path).unwrap());
        std::fs::write(&path, whole.replacen("adopted", "adapted", 1)).unwrap();
        assert!(!is_unaltered(&path).unwrap());
    }
}
