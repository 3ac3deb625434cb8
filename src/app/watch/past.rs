//! What the last watch found, read from the state folder: nothing is scanned.

use std::collections::BTreeMap;
use std::path::PathBuf;

use jiff::Timestamp;
use serde::Deserialize;
use serde::Serialize;

use crate::app::desk::Place;
use crate::app::failure::Failure;
use crate::base::digest::Sha256;
use crate::base::json;
use crate::site::Site;
use crate::site::history;
use crate::site::history::Deed;
use crate::site::installed::Installed;
use crate::sys::fs;
use crate::watch::Kind;
use crate::watch::memory::Memory;

/// The last watch.
#[derive(Clone, Debug, Serialize)]
pub struct LastWatch {
    pub at: Timestamp,
    /// The same as long as the findings are; whoever accepts names what he saw.
    pub seen: Option<Sha256>,
    pub findings: Vec<PastFinding>,
    /// What it was held against: the version, and where that is known from.
    pub against: Option<(String, &'static str)>,
    /// Paths that somebody answered for.
    pub accepted: u64,
}

/// One finding, with its reasons where the full record of it is still there.
#[derive(Clone, Debug, Serialize)]
pub struct PastFinding {
    pub path: String,
    pub kind: &'static str,
    pub since: Timestamp,
    pub why: Vec<PastWhy>,
    pub alarm: bool,
    pub sha256: Option<Sha256>,
    pub size: Option<u64>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PastWhy {
    pub code: String,
    pub text: String,
}

/// How many findings of each kind there were.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    pub modified: u64,
    pub missing: u64,
    pub unexpected: u64,
    pub unreadable: u64,
}

/// The counts at the moment when they changed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Point {
    pub at: Timestamp,
    pub counts: Counts,
}

/// As a watch kept it; what later versions add is passed over.
#[derive(Deserialize)]
struct Found {
    findings: Vec<FoundFinding>,
}

#[derive(Deserialize)]
struct FoundFinding {
    path: String,
    #[serde(default)]
    why: Vec<PastWhy>,
    sha256: Option<Sha256>,
    size: Option<u64>,
}

impl Counts {
    pub fn total(&self) -> u64 {
        self.modified + self.missing + self.unexpected + self.unreadable
    }

    fn of<'a>(kinds: impl Iterator<Item = &'a str>) -> Counts {
        let mut counts = Counts::default();
        for kind in kinds {
            counts.add(kind, 1);
        }
        counts
    }

    fn add(&mut self, kind: &str, more: u64) -> bool {
        let count = match kind {
            "modified" => &mut self.modified,
            "missing" => &mut self.missing,
            "unexpected" => &mut self.unexpected,
            "unreadable" => &mut self.unreadable,
            _ => return false,
        };
        *count += more;
        true
    }

    /// Of a line of the log: `2 modified, 1 unexpected; new: …`.
    fn of_line(line: &str) -> Option<Counts> {
        let mut counts = Counts::default();
        let told = line.split(';').next()?.trim();
        for part in told.split(", ").filter(|_| told != "nothing") {
            let (count, kind) = part.split_once(' ')?;
            counts.add(kind, count.parse().ok()?).then_some(())?;
        }
        Some(counts)
    }
}

/// When the last watch was and what it counted; `None`: there was none yet.
pub fn counted(site: &Site) -> Result<Option<(Timestamp, Counts)>, Failure> {
    let memory = Memory::load(&site.state.watch())?;
    let kinds = memory.findings.values().map(|known| kind_of(&known.mark));
    Ok(memory.at.map(|at| (at, Counts::of(kinds))))
}

/// The last watch with all that it found, alarms first.
pub fn last(place: &Place) -> Result<Option<LastWatch>, Failure> {
    let site = place.open()?;
    let memory = Memory::load(&site.state.watch())?;
    let Some(at) = memory.at else { return Ok(None) };
    let seen = memory.key();
    let mut details = newest_in_full(&site)?;
    let mut findings: Vec<PastFinding> = memory
        .findings
        .into_iter()
        .map(|(path, known)| {
            let kind = kind_of(&known.mark);
            let found = details.remove(&path);
            let why = found.as_ref().map(|found| found.why.clone()).unwrap_or_default();
            PastFinding {
                alarm: why.iter().any(|why| is_alarm(&why.code)),
                sha256: found.as_ref().and_then(|found| found.sha256),
                size: found.as_ref().and_then(|found| found.size),
                path,
                kind,
                since: known.since,
                why,
            }
        })
        .collect();
    findings.sort_by_key(|finding| !finding.alarm);
    let current = Installed(&site.state.installed()).current()?;
    Ok(Some(LastWatch {
        at,
        seen,
        findings,
        accepted: current.as_ref().map_or(0, |current| current.accepted.len() as u64),
        against: current.map(|current| (current.version, current.baseline.name())),
    }))
}

/// How the counts changed, oldest first; the last one is what counts now.
pub fn over_time(place: &Place) -> Result<Vec<Point>, Failure> {
    let site = place.open()?;
    let lines = history::lines(&site.state.history())?;
    let found = lines.into_iter().filter(|line| line.is(Deed::Found));
    let mut points: Vec<Point> = found
        .filter_map(|line| Some(Point { at: line.at, counts: Counts::of_line(&line.detail)? }))
        .collect();
    if let Some((at, counts)) = counted(&site)? {
        points.push(Point { at, counts });
    }
    Ok(points)
}

/// A mark begins with the kind.
fn kind_of(mark: &str) -> &'static str {
    let word = mark.split(' ').next().unwrap_or_default();
    Kind::ALL.into_iter().map(Kind::name).find(|name| *name == word).unwrap_or("modified")
}

fn is_alarm(code: &str) -> bool {
    crate::watch::finding::ALARMS.contains(&code)
}

/// The newest full record; one that cannot be read tells no reasons, and the
/// findings stand without them.
fn newest_in_full(site: &Site) -> Result<BTreeMap<String, FoundFinding>, Failure> {
    let folder = site.state.watch();
    if !fs::is_folder(&folder) {
        return Ok(BTreeMap::new());
    }
    let is_found = |path: &PathBuf| {
        path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.starts_with("found-"))
    };
    let Some(newest) = fs::list(&folder)?.into_iter().filter(is_found).max() else {
        return Ok(BTreeMap::new());
    };
    let found: Option<Found> = json::read(&fs::read(&newest)?).ok();
    let findings = found.map(|found| found.findings).unwrap_or_default();
    Ok(findings.into_iter().map(|finding| (finding.path.clone(), finding)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::path::TreePath;
    use crate::watch::Finding;
    use crate::watch::Why;
    use crate::watch::memory;
    use crate::watch::memory::News;

    #[test]
    fn the_line_of_the_log_tells_its_counts() {
        let finding = |path: &str, kind| Finding {
            path: TreePath::from_bytes(path.as_bytes()),
            kind,
            why: Vec::new(),
            sha256: None,
            size: None,
            mode: None,
            changed: None,
            outside: false,
        };
        let news = News { new: vec!["b; 3 missing, x".into()], ..News::default() };
        for (kinds, expected) in [
            (vec![], Counts::default()),
            (vec![Kind::Modified; 3], Counts { modified: 3, ..Counts::default() }),
            (Kind::ALL.to_vec(), Counts { modified: 1, missing: 1, unexpected: 1, unreadable: 1 }),
        ] {
            let findings: Vec<Finding> = kinds.iter().map(|kind| finding("a", *kind)).collect();
            let line = memory::told(&findings, &news);
            assert_eq!(Counts::of_line(&line), Some(expected), "{line}");
            let marks: Vec<String> = findings.iter().map(Finding::mark).collect();
            assert_eq!(Counts::of(marks.iter().map(|mark| kind_of(mark))), expected);
        }
        for wrong in ["", "many modified", "2 broken", "2"] {
            assert_eq!(Counts::of_line(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn alarms_are_the_same_in_words_and_in_findings() {
        let all = [
            Why::MarksLie,
            Why::CodeInUploads,
            Why::Polyglot,
            Why::TurnsHandlersOn,
            Why::PointsOut { target: String::new() },
            Why::SetId,
            Why::Special,
            Why::Code,
            Why::Recent,
            Why::Hidden,
            Why::LineEndings,
        ];
        for why in all {
            let is_one = why.weight() == crate::watch::finding::Weight::Alarm;
            assert_eq!(is_alarm(why.code()), is_one, "{}", why.code());
        }
    }
}
