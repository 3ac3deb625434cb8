//! What the last watch found, so that the next one can say what is new.

use std::collections::BTreeMap;
use std::path::Path;
use std::path::PathBuf;

use jiff::Timestamp;
use serde::Deserialize;
use serde::Serialize;

use crate::base::digest::Sha256;
use crate::site::stored;
use crate::site::stored::StoredError;
use crate::sys::fs;
use crate::watch::finding::Finding;
use crate::watch::finding::Kind;

/// Paths that are named in one line.
const NAMED: usize = 3;

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Memory {
    /// When it was; `None`: there was none yet.
    pub at: Option<Timestamp>,
    /// How many shares of the files were read again, one after the other.
    pub turns: u64,
    /// By path.
    pub findings: BTreeMap<String, Remembered>,
    /// What people were told last.
    pub told: Option<Sha256>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Remembered {
    /// The same as long as the path stays as it was found.
    pub mark: String,
    /// When it was found first.
    pub since: Timestamp,
}

/// What is new against the last watch.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct News {
    /// Nobody watched before: nothing can be said of what is new.
    pub first: bool,
    pub last: Option<Timestamp>,
    pub new: Vec<String>,
    pub gone: Vec<String>,
}

impl Memory {
    pub fn load(folder: &Path) -> Result<Memory, StoredError> {
        stored::load(&path(folder))
    }

    pub fn save(&self, folder: &Path) -> Result<(), StoredError> {
        fs::create_folders(folder, 0o700)?;
        stored::save(&path(folder), self)
    }

    /// What is new in `findings`, and what went away.
    pub fn news(&self, findings: &[Finding]) -> News {
        let shown: BTreeMap<String, &Finding> =
            findings.iter().map(|finding| (finding.name(), finding)).collect();
        let is_known = |path: &String, finding: &Finding| {
            self.findings.get(path).is_some_and(|known| known.mark == finding.mark())
        };
        let new = shown.iter().filter(|(path, finding)| self.at.is_some() && !is_known(path, finding));
        News {
            first: self.at.is_none(),
            last: self.at,
            new: new.map(|(path, _)| path.clone()).collect(),
            gone: self.findings.keys().filter(|path| !shown.contains_key(*path)).cloned().collect(),
        }
    }

    /// What is remembered after a watch.
    pub fn after(&self, findings: &[Finding], now: Timestamp) -> Memory {
        let remembered = |finding: &Finding| {
            let (path, mark) = (finding.name(), finding.mark());
            let since = self.findings.get(&path).filter(|known| known.mark == mark);
            let since = since.map_or(now, |known| known.since);
            (path, Remembered { mark, since })
        };
        Memory {
            at: Some(now),
            turns: self.turns,
            findings: findings.iter().map(remembered).collect(),
            told: self.told,
        }
    }

    /// The same for the same findings.
    pub fn key(&self) -> Option<Sha256> {
        let lines = self.findings.iter().map(|(path, known)| format!("{path}\n{}\n", known.mark));
        (!self.findings.is_empty()).then(|| Sha256::of(lines.collect::<String>().as_bytes()))
    }
}

fn path(folder: &Path) -> PathBuf {
    folder.join("last.json")
}

/// "2 modified, 1 unexpected".
pub fn counts(findings: &[Finding]) -> String {
    let count = |kind: Kind| findings.iter().filter(|finding| finding.kind == kind).count();
    let told = Kind::ALL.into_iter().filter(|kind| count(*kind) > 0);
    let told: Vec<String> = told.map(|kind| format!("{} {}", count(kind), kind.name())).collect();
    if told.is_empty() { "nothing".into() } else { told.join(", ") }
}

/// One line for the log of the site.
pub fn told(findings: &[Finding], news: &News) -> String {
    let mut line = counts(findings);
    for (word, paths) in [("new", &news.new), ("gone", &news.gone)] {
        if !paths.is_empty() {
            line.push_str(&format!("; {word}: {}", named(paths)));
        }
    }
    if news.first && !findings.is_empty() {
        let paths: Vec<String> = findings.iter().map(Finding::name).collect();
        line.push_str(&format!("; the first watch: {}", named(&paths)));
    }
    line
}

fn named(paths: &[String]) -> String {
    let more = paths.len().saturating_sub(NAMED);
    let first = paths[..paths.len() - more].join(", ");
    if more > 0 { format!("{first} and {more} more") } else { first }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::path::TreePath;

    fn finding(path: &str, text: &str) -> Finding {
        Finding {
            path: TreePath::from_bytes(path.as_bytes()),
            outside: false,
            kind: Kind::Modified,
            why: Vec::new(),
            sha256: Some(Sha256::of(text.as_bytes())),
            size: Some(1),
            mode: Some(0o644),
            changed: None,
        }
    }

    #[test]
    fn the_first_is_silent_about_history_and_later_ones_tell_it() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("watch");
        let (then, now) = (Timestamp::UNIX_EPOCH, "2026-11-21T10:00:00Z".parse().unwrap());
        let first = Memory::load(&place).unwrap();
        let found = [finding("a", "1"), finding("b", "1")];
        let news = first.news(&found);
        assert_eq!(news, News { first: true, ..News::default() });
        assert_eq!(told(&found, &news), "2 modified; the first watch: a, b");
        first.after(&found, then).save(&place).unwrap();
        let second = Memory::load(&place).unwrap();
        assert_eq!(second.news(&found), News { last: Some(then), ..News::default() });
        let found = [finding("b", "2"), finding("c", "1")];
        let news = second.news(&found);
        assert_eq!(
            news,
            News {
                first: false,
                last: Some(then),
                new: vec!["b".into(), "c".into()],
                gone: vec!["a".into()]
            }
        );
        assert_eq!(told(&found, &news), "2 modified; new: b, c; gone: a");
        let third = second.after(&found, now);
        assert_eq!(third.findings["b"].since, now, "what changed again is new");
        assert_ne!(third.key(), second.key());
        assert_eq!(third.after(&found, then).findings["c"].since, now);
        assert_eq!(Memory::default().key(), None);
    }
}
