//! The log of runs and findings of a site. Each line names the digest of the
//! one before it, so that a line changed or taken away is noticed.

mod deed;

use std::path::Path;
use std::path::PathBuf;

use jiff::Timestamp;
use serde::Deserialize;
use serde::Serialize;

use crate::base::count;
use crate::base::digest::Sha256;
use crate::base::json;
pub use crate::site::history::deed::Deed;
use crate::sys::clock;
use crate::sys::fs;
use crate::sys::fs::IoError;

/// One line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Line {
    pub format: u32,
    pub at: Timestamp,
    /// The name of a deed; another version may know others.
    pub event: String,
    pub run: Option<String>,
    pub by: Option<String>,
    pub detail: String,
    /// SHA-256 of the line before, its line break left out; zeros for the first.
    pub previous: Sha256,
}

impl Line {
    pub fn is(&self, deed: Deed) -> bool {
        self.event == deed.name()
    }
}

/// What happened; time and chain are added.
pub struct News<'a> {
    pub event: Deed,
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
        event: news.event.name().to_owned(),
        run: news.run.map(str::to_owned),
        by: news.by.map(str::to_owned),
        detail: news.detail,
        previous: last.map_or(Sha256::from_bytes([0; 32]), Sha256::of),
    };
    // Structs of strings always serialise.
    let bytes = json::line(&line).unwrap_or_default();
    let ended = [&bytes[..], b"\n"].concat();
    let mut file = fs::append(path)?;
    file.set_len(whole.len() as u64)
        .and_then(|()| std::io::Write::write_all(&mut file, &ended))
        .map_err(|source| IoError::new("write", path, source))?;
    fs::sync_file(&file, path)?;
    note_head(path, whole, &bytes);
    Ok(())
}

/// The lines that were written to their end; the power may have gone in the last.
fn without_torn_line(text: &[u8]) -> &[u8] {
    let end = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    &text[..end]
}

/// What the chain of lines proves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Proof {
    /// Lines that fit, up to the first that does not.
    pub lines: u64,
    /// The first line that does not fit, counted from 1; behind the last where some are missing.
    pub wrong_line: Option<u64>,
    /// In what it does not fit.
    pub why: Option<String>,
    /// Whether it is known how many lines there must be.
    pub end_is_known: bool,
}

impl Proof {
    pub fn is_whole(&self) -> bool {
        self.wrong_line.is_none()
    }
}

/// How far the log goes, noted beside what is installed: who cuts lines off its
/// end has to find this, too.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Head {
    format: u32,
    lines: u64,
    last: Sha256,
}

fn head_path(path: &Path) -> PathBuf {
    path.with_file_name("installed").join("history-head.json")
}

/// Notes the head. The line counts without it: no room for it is no reason to fail.
fn note_head(path: &Path, before: &[u8], line: &[u8]) {
    let head = head_path(path);
    let lines = lines_of(before).count() as u64 + 1;
    if let (true, Ok(text)) = (
        head.parent().is_some_and(fs::is_folder),
        json::pretty(&Head { format: 1, lines, last: Sha256::of(line) }),
    ) {
        let _ = fs::write_durable(&head, &text);
    }
}

fn lines_of(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty())
}

/// Whether every line names the one before it, and none is missing at the end.
pub fn verify(path: &Path) -> Result<Proof, IoError> {
    let text = fs::read_if_present(path)?.unwrap_or_default();
    let head: Option<Head> = fs::read_if_present(&head_path(path))?.and_then(|text| json::read(&text).ok());
    let head = head.filter(|head| head.format == 1);
    let mut proof = Proof { lines: 0, wrong_line: None, why: None, end_is_known: head.is_some() };
    let mut previous = Sha256::from_bytes([0; 32]);
    for line in lines_of(without_torn_line(&text)) {
        let wrong = match json::read::<Line>(line) {
            Err(_) => Some("it cannot be understood"),
            Ok(read) if read.previous != previous => Some(
                "it does not follow the line before it: one of them was changed, or one between them is gone",
            ),
            Ok(_) => None,
        };
        previous = Sha256::of(line);
        let at_head = head.as_ref().filter(|head| head.lines == proof.lines + 1);
        let wrong = wrong.or_else(|| {
            at_head.filter(|head| head.last != previous).map(|_| "it is not the line that was written")
        });
        if let Some(why) = wrong {
            return Ok(proof.wrong(why.into()));
        }
        proof.lines += 1;
    }
    match head {
        Some(head) if head.lines > proof.lines => {
            let why = format!("{} missing at the end", count::of(head.lines - proof.lines, "line"));
            Ok(proof.wrong(why))
        }
        _ => Ok(proof),
    }
}

impl Proof {
    fn wrong(self, why: String) -> Proof {
        Proof { wrong_line: Some(self.lines + 1), why: Some(why), ..self }
    }
}

/// Every line that can be understood, the oldest first.
pub fn lines(path: &Path) -> Result<Vec<Line>, IoError> {
    let text = fs::read_if_present(path)?.unwrap_or_default();
    Ok(lines_of(without_torn_line(&text)).filter_map(|line| json::read(line).ok()).collect())
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
        append(&path, news(Deed::Adopted)).unwrap();
        let whole = std::fs::read(&path).unwrap();
        std::fs::write(&path, [&whole[..], b"{\"format\":1,\0\0\0"].concat()).unwrap();
        append(&path, news(Deed::Opened)).unwrap();
        assert!(verify(&path).unwrap().is_whole());
        assert_eq!(std::fs::read_to_string(&path).unwrap().lines().count(), 2);
    }

    /// A log of three lines beside the folder in which its head is kept.
    fn log(folder: &Path) -> (PathBuf, String) {
        let path = folder.join("history.jsonl");
        std::fs::create_dir(folder.join("installed")).unwrap();
        for event in [Deed::Adopted, Deed::Opened, Deed::Finished] {
            append(&path, News { event, run: None, by: Some("me"), detail: String::new() }).unwrap();
        }
        let text = std::fs::read_to_string(&path).unwrap();
        (path, text)
    }

    #[test]
    fn the_first_line_that_does_not_fit_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let (path, whole) = log(folder.path());
        let proof = verify(&path).unwrap();
        assert_eq!((proof.lines, proof.is_whole(), proof.end_is_known), (3, true, true));
        let lines: Vec<&str> = whole.lines().collect();
        let other = |line: &str| line.replace("\"by\":\"me\"", "\"by\":\"you\"");
        for (what, text, wrong) in [
            ("the first is gone", format!("{}\n{}\n", lines[1], lines[2]), 1),
            ("one in the middle is gone", format!("{}\n{}\n", lines[0], lines[2]), 2),
            ("the first was changed", whole.replacen("adopted", "adapted", 1), 2),
            ("one in the middle was changed", whole.replacen("opened", "closed", 1), 3),
            ("the last was changed", format!("{}\n{}\n{}\n", lines[0], lines[1], other(lines[2])), 3),
            ("no line at all", format!("{}\nnothing\n{}\n", lines[0], lines[2]), 2),
            ("the last is gone", format!("{}\n{}\n", lines[0], lines[1]), 3),
            ("all are gone", String::new(), 1),
            ("the last is torn", whole[..whole.len() - 9].to_owned(), 3),
        ] {
            std::fs::write(&path, text).unwrap();
            let proof = verify(&path).unwrap();
            assert_eq!(proof.wrong_line, Some(wrong), "{what}: {proof:?}");
            assert!(proof.why.is_some());
        }
        std::fs::remove_file(&path).unwrap();
        assert_eq!(verify(&path).unwrap().wrong_line, Some(1), "the whole log is gone");
    }

    /// The power went between the line and the note of it, or an older entracte wrote the line.
    #[test]
    fn a_head_that_is_behind_proves_nothing_wrong() {
        let folder = tempfile::tempdir().unwrap();
        let (path, _) = log(folder.path());
        let head = std::fs::read(head_path(&path)).unwrap();
        append(&path, News { event: Deed::Found, run: None, by: None, detail: String::new() }).unwrap();
        std::fs::write(head_path(&path), head).unwrap();
        assert_eq!(verify(&path).unwrap().lines, 4);
        assert!(verify(&path).unwrap().is_whole());
        std::fs::remove_file(head_path(&path)).unwrap();
        let proof = verify(&path).unwrap();
        assert!(proof.is_whole() && !proof.end_is_known);
    }

    #[test]
    fn an_empty_log_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        assert!(verify(&folder.path().join("history.jsonl")).unwrap().is_whole());
    }
}
