//! What of the past may go. Pure: it is told what there is, and never decides
//! on a run that is not over, nor on the last good one.

use std::fmt;

use jiff::Timestamp;

use crate::site::settings::Retention;
use crate::update::standing::End;

/// What matters of one run, of all the oldest first.
#[derive(Clone, Debug, PartialEq)]
pub struct RunFacts {
    pub id: String,
    /// How and when it ended; `None` while somebody has to go on with it.
    pub end: Option<(End, Timestamp)>,
    /// Bytes of what going back needs; `None` where nothing of it is left and
    /// nobody could ask for it.
    pub backup: Option<u64>,
    /// Bytes of its logs, where it has any.
    pub logs: Option<u64>,
    /// Bytes of everything, backup set and logs included.
    pub bytes: u64,
    /// What people wrote and a rollback set aside.
    pub edits: Vec<String>,
}

/// One thing that goes.
#[derive(Clone, Debug, PartialEq)]
pub struct Pruned {
    pub run: String,
    pub what: What,
    pub why: Why,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum What {
    Logs,
    BackupSet,
    /// All of it.
    Run,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// There are so many newer ones.
    Count(u32),
    /// It ended, or was written, so many days ago or more.
    Age(u32),
    /// All runs together take more than so many bytes.
    Room(u64),
    /// A later run can no longer be taken back, so this one cannot either.
    Behind,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Why::Count(kept) => write!(f, "the {kept} newest are kept"),
            Why::Age(days) => write!(f, "older than {days} days"),
            Why::Room(bytes) => write!(f, "all runs take more than {bytes} bytes"),
            Why::Behind => f.write_str("a later run can no longer be taken back"),
        }
    }
}

/// One run with what was decided on it so far.
struct Case<'a> {
    facts: &'a RunFacts,
    /// Its journal stays.
    stays: bool,
    /// Its backup set stays.
    keeps_set: bool,
    goes: Vec<(What, Why)>,
}

impl Case<'_> {
    fn loses(&self, what: What) -> bool {
        self.goes.iter().any(|(gone, _)| *gone >= what)
    }

    fn may_lose_set(&self) -> bool {
        !self.keeps_set && self.facts.backup.is_some() && !self.loses(What::BackupSet)
    }

    /// Edits of people only go by age.
    fn may_go(&self, why: Why) -> bool {
        !self.stays && !self.loses(What::Run) && (self.facts.edits.is_empty() || matches!(why, Why::Age(_)))
    }

    fn is_older_than(&self, days: u32, now: Timestamp) -> bool {
        let age = self.facts.end.map(|(_, at)| now.duration_since(at).as_secs());
        age.is_some_and(|age| age >= i64::from(days) * 86_400)
    }

    fn left(&self) -> u64 {
        let gone = |what, bytes: Option<u64>| if self.loses(what) { bytes.unwrap_or_default() } else { 0 };
        match self.loses(What::Run) {
            true => 0,
            false => {
                let gone = gone(What::BackupSet, self.facts.backup) + gone(What::Logs, self.facts.logs);
                self.facts.bytes.saturating_sub(gone)
            }
        }
    }
}

/// What goes, of the oldest run first.
pub fn decide(runs: &[RunFacts], retention: &Retention, now: Timestamp) -> Vec<Pruned> {
    let mut cases = cases(runs);
    by_age_and_count(&mut cases, retention, now);
    by_room(&mut cases, retention);
    behind(&mut cases);
    cases.iter().flat_map(told).collect()
}

fn cases(runs: &[RunFacts]) -> Vec<Case<'_>> {
    let newest = |end| runs.iter().rposition(|run| run.end.is_some_and(|(this, _)| this == end));
    let (finished, rolled_back) = (newest(End::Finished), newest(End::RolledBack));
    let case = |(at, facts): (usize, &'_ RunFacts)| Case {
        facts: &runs[at],
        stays: facts.end.is_none() || [finished, rolled_back].contains(&Some(at)),
        keeps_set: facts.end.is_none() || finished == Some(at),
        goes: Vec::new(),
    };
    runs.iter().enumerate().map(case).collect()
}

fn by_age_and_count(cases: &mut [Case], retention: &Retention, now: Timestamp) {
    let (mut newer, mut newer_sets) = (0, 0);
    for case in cases.iter_mut().rev() {
        let (age, count) = (Why::Age(retention.days), Why::Count(retention.runs));
        let is_old = case.is_older_than(retention.days, now);
        if is_old && case.may_go(age) {
            case.goes.push((What::Run, age));
        } else if newer >= retention.runs && case.may_go(count) {
            case.goes.push((What::Run, count));
        }
        if case.may_lose_set() && (newer_sets >= retention.backups || newer >= retention.runs) {
            case.goes.push((What::BackupSet, Why::Count(retention.backups.min(retention.runs))));
        }
        let has_old_logs = case.facts.logs.is_some() && case.is_older_than(retention.logs_days, now);
        if has_old_logs && !case.keeps_set && !case.loses(What::Run) {
            case.goes.push((What::Logs, Why::Age(retention.logs_days)));
        }
        newer += 1;
        newer_sets += u32::from(case.facts.backup.is_some());
    }
}

/// Backup sets first, then whole runs, the oldest first.
fn by_room(cases: &mut [Case], retention: &Retention) {
    let Some(most) = retention.bytes else { return };
    let why = Why::Room(most);
    for what in [What::BackupSet, What::Run] {
        for at in 0..cases.len() {
            let taken: u64 = cases.iter().map(Case::left).sum();
            let may = match what {
                What::Run => cases[at].may_go(why),
                _ => cases[at].may_lose_set(),
            };
            if taken > most && may {
                cases[at].goes.push((what, why));
            }
        }
    }
}

/// Taking back an older run while a later one stands would mix them.
fn behind(cases: &mut [Case]) {
    let is_finished = |case: &Case| case.facts.end.is_some_and(|(end, _)| end == End::Finished);
    let mut cut = false;
    for case in cases.iter_mut().rev().filter(|case| is_finished(case)) {
        if cut && case.may_lose_set() {
            case.goes.push((What::BackupSet, Why::Behind));
        }
        cut |= case.loses(What::BackupSet);
    }
}

/// Of a run that goes as a whole nothing else is told.
fn told(case: &Case) -> Vec<Pruned> {
    let pruned = |(what, why): &(What, Why)| Pruned { run: case.facts.id.clone(), what: *what, why: *why };
    match case.goes.iter().find(|(what, _)| *what == What::Run) {
        Some(whole) => vec![pruned(whole)],
        None => case.goes.iter().map(pruned).collect(),
    }
}

#[cfg(test)]
mod tests;
