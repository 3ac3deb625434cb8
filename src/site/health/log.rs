//! PHP's error log: how far it went before, and what has come since.

use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::io::Read;
use std::io::Seek;
use std::io::SeekFrom;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use serde::Deserialize;
use serde::Serialize;

use crate::base::digest::Sha256;
use crate::base::escape;
use crate::base::exit::causes;
use crate::sys::fs;
use crate::sys::fs::IoError;

/// So much before the mark is remembered, to know the log again, in bytes.
const KNOWN_BY: u64 = 1024;
/// In so much before the mark deaths are looked for that are nothing new, in bytes.
const OLD: u64 = 256 << 10;
/// Most that is read of what has come, in bytes.
const MOST: u64 = 1 << 20;
/// How PHP begins the line of a script's death.
const DEATHS: [&str; 2] = ["PHP Fatal error", "PHP Parse error"];
/// Most of one line that is kept, in characters.
const LINE: usize = 300;
/// Most old deaths that are kept.
const MANY: usize = 200;

/// How far the log went.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Mark {
    /// There was no log yet.
    Absent,
    At {
        inode: u64,
        size: u64,
        /// Of the last bytes before the mark.
        sha256: Sha256,
        /// What scripts died of already, without its numbers.
        deaths: BTreeSet<String>,
    },
    Unknown {
        reason: String,
    },
}

/// What has come to it since.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Growth {
    Lines {
        /// The lines of deaths that were not known before.
        deaths: Vec<String>,
        others: usize,
    },
    /// It was rotated or emptied, or cannot be read.
    Unknown { reason: String },
}

/// Notes where the log ends.
pub fn mark(path: &Path) -> Mark {
    try_mark(path).unwrap_or_else(|error| Mark::Unknown { reason: told(&error) })
}

fn try_mark(path: &Path) -> Result<Mark, IoError> {
    let Some(log) = Log::open(path)? else { return Ok(Mark::Absent) };
    let size = log.size;
    let old = log.part(size.saturating_sub(OLD), OLD.min(size))?;
    let deaths = lines(&old).filter(|line| is_death(line)).map(without_numbers);
    Ok(Mark::At {
        inode: log.inode,
        size,
        sha256: Sha256::of(&old[old.len().saturating_sub(KNOWN_BY as usize)..]),
        deaths: deaths.collect::<BTreeSet<String>>().into_iter().take(MANY).collect(),
    })
}

/// Reads what has come since `mark`.
pub fn growth(path: &Path, mark: &Mark) -> Growth {
    try_growth(path, mark).unwrap_or_else(|error| Growth::Unknown { reason: told(&error) })
}

fn try_growth(path: &Path, mark: &Mark) -> Result<Growth, IoError> {
    let unknown = |reason: &str| Ok(Growth::Unknown { reason: format!("{} {reason}", fs::shown(path)) });
    let (from, known) = match mark {
        Mark::Unknown { reason } => return Ok(Growth::Unknown { reason: reason.clone() }),
        Mark::Absent => (0, BTreeSet::new()),
        Mark::At { size, deaths, .. } => (*size, deaths.clone()),
    };
    let log = match (Log::open(path)?, mark) {
        (None, Mark::Absent) => return Ok(Growth::Lines { deaths: Vec::new(), others: 0 }),
        (None, _) => return unknown("is gone"),
        (Some(log), _) => log,
    };
    if let Mark::At { inode, size, sha256, .. } = mark {
        let begin = size.saturating_sub(KNOWN_BY);
        let is_same = log.inode == *inode && log.size >= *size;
        if !is_same || Sha256::of(&log.part(begin, size - begin)?) != *sha256 {
            return unknown("was rotated or emptied");
        }
    }
    let new = log.part(from, MOST)?;
    let (mut deaths, mut others) = (Vec::new(), 0);
    for line in lines(&new) {
        match is_death(&line) {
            true if known.contains(&without_numbers(line.clone())) => others += 1,
            true => deaths.push(line),
            false => others += 1,
        }
    }
    Ok(Growth::Lines { deaths, others })
}

/// The log, opened.
struct Log<'a> {
    path: &'a Path,
    file: File,
    inode: u64,
    size: u64,
}

impl Log<'_> {
    fn open(path: &Path) -> Result<Option<Log<'_>>, IoError> {
        // Whoever opens a pipe waits for its other end.
        if fs::exists(path) && !fs::is_file(path) {
            return Err(IoError::new("read", path, io::Error::other("it is no file")));
        }
        let Some(file) = fs::open_if_present(path)? else { return Ok(None) };
        let meta = file.metadata().map_err(|source| IoError::new("look at", path, source))?;
        Ok(Some(Log { path, file, inode: meta.ino(), size: meta.len() }))
    }

    fn part(&self, from: u64, length: u64) -> Result<Vec<u8>, IoError> {
        let (mut file, mut bytes) = (&self.file, Vec::new());
        let read = file.seek(SeekFrom::Start(from)).and_then(|_| file.take(length).read_to_end(&mut bytes));
        read.map_err(|source| IoError::new("read", self.path, source))?;
        Ok(bytes)
    }
}

/// The lines, safe to show, each from where PHP begins to speak: its date is cut.
fn lines(bytes: &[u8]) -> impl Iterator<Item = String> {
    let lines = bytes.split(|byte| *byte == b'\n').map(|line| line.trim_ascii());
    lines.filter(|line| !line.is_empty()).map(|line| {
        let line = escape::bytes(line);
        let begin = line.find("PHP ").unwrap_or_default();
        line[begin..].chars().take(LINE).collect()
    })
}

fn is_death(line: &str) -> bool {
    DEATHS.iter().any(|begin| line.starts_with(begin))
}

/// The same death at another line, or of another size, is no new one.
fn without_numbers(line: String) -> String {
    let mut words: Vec<&str> = line.split(|c: char| c.is_ascii_digit()).collect();
    words.dedup_by(|one, before| one.is_empty() && before.is_empty());
    words.join("0")
}

fn told(error: &IoError) -> String {
    [vec![error.to_string()], causes(error)].concat().join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEATH: &str = "[21-Nov-2026 05:00:00 UTC] PHP Fatal error:  Uncaught Error: x in /a.php:3\n";

    fn grown(before: Option<&str>, change: impl FnOnce(&Path)) -> Growth {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("php.log");
        if let Some(text) = before {
            std::fs::write(&path, text).unwrap();
        }
        let mark = mark(&path);
        let mark = serde_json::from_str(&serde_json::to_string(&mark).unwrap()).unwrap();
        change(&path);
        growth(&path, &mark)
    }

    fn append(path: &Path, text: &str) {
        use std::io::Write;
        fs::append(path).unwrap().write_all(text.as_bytes()).unwrap();
    }

    fn lines_of(deaths: &[&str], others: usize) -> Growth {
        Growth::Lines { deaths: deaths.iter().map(ToString::to_string).collect(), others }
    }

    #[test]
    fn new_deaths_are_told_from_old_ones_and_from_talk() {
        let cut = "PHP Fatal error:  Uncaught Error: x in /a.php:3";
        assert_eq!(grown(Some("old\n"), |_| ()), lines_of(&[], 0));
        assert_eq!(grown(None, |_| ()), lines_of(&[], 0));
        assert_eq!(grown(None, |path| append(path, DEATH)), lines_of(&[cut], 0));
        let talk = "[x] PHP Warning:  y\n[x] PHP Parse error:  z\x1b[1m\n\nPHP Stack\n";
        assert_eq!(
            grown(Some("old\n"), |path| append(path, talk)),
            lines_of(&["PHP Parse error:  z\\x1b[1m"], 2)
        );
        let moved = DEATH.replace(":3", ":4177").replace("05:00", "06:13");
        assert_eq!(grown(Some(DEATH), |path| append(path, &moved)), lines_of(&[], 1));
    }

    #[test]
    fn a_log_that_is_another_one_is_not_judged() {
        let long = "a line\n".repeat(1000);
        for (what, growth) in [
            ("gone", grown(Some(DEATH), |path| std::fs::remove_file(path).unwrap())),
            ("emptied", grown(Some(DEATH), |path| std::fs::write(path, "").unwrap())),
            ("emptied and grown", grown(Some(DEATH), |path| std::fs::write(path, &long).unwrap())),
            (
                "rotated",
                grown(Some(DEATH), |path| {
                    std::fs::rename(path, path.with_extension("1")).unwrap();
                    std::fs::write(path, DEATH.repeat(2)).unwrap();
                }),
            ),
            ("a folder", grown(None, |path| std::fs::create_dir(path).unwrap())),
        ] {
            assert!(matches!(growth, Growth::Unknown { .. }), "{what}: {growth:?}");
        }
    }
}
