//! `history`: past runs, what else happened to the site, and what happened to
//! one file of it. It only reads, and never waits.

mod file;

use serde::Serialize;

pub use self::file::FileHistory;
pub use self::file::FileRow;
use crate::app::desk::Place;
use crate::app::failure::Failure;
use crate::app::report::Answer;
use crate::app::status::outcome;
use crate::base::digest::Sha256;
use crate::base::exit::Exit;
use crate::base::path::SitePath;
use crate::site::Site;
use crate::site::history;
pub use crate::site::history::Deed;
use crate::site::history::Line;
pub use crate::site::history::Proof;
use crate::sys::clock;
use crate::update::journal;
use crate::update::journal::Entry;
use crate::update::journal::Record;
use crate::update::run;
use crate::update::run::RunFolder;
use crate::update::standing::Standing;

#[derive(Clone, Debug, Default)]
pub struct Request {
    pub verify: bool,
    /// Only so many, the last ones.
    pub last: Option<usize>,
    /// What happened to this file.
    pub file: Option<String>,
}

#[derive(Clone, Debug, Serialize)]
pub struct History {
    pub runs: Vec<HistoryRow>,
    /// Every line of the log.
    pub events: Vec<EventRow>,
    pub verified: Option<bool>,
    /// What `--verify` found.
    pub proof: Option<Proof>,
    /// What `--file` asks for.
    pub file: Option<FileHistory>,
}

#[derive(Clone, Debug, Serialize)]
pub struct HistoryRow {
    pub run: String,
    pub plan: Option<Sha256>,
    pub at: String,
    /// When something was done for it last.
    pub until: String,
    pub from: String,
    pub to: String,
    pub outcome: String,
    pub closed_seconds: f64,
    pub committed: bool,
    /// As long was worked on it, whoever waited in between.
    pub worked_seconds: f64,
    pub approved_by: Option<String>,
    pub opened_by: Option<String>,
}

#[derive(Clone, Debug, Serialize)]
pub struct EventRow {
    pub at: String,
    pub event: String,
    pub run: Option<String>,
    pub by: Option<String>,
    pub detail: String,
}

pub fn history(place: &Place, request: &Request) -> Result<Answer<History>, Failure> {
    let site = place.open()?;
    let path = request.file.as_deref().map(|path| site_path(&site, path)).transpose()?;
    let lines = history::lines(&site.state.history())?;
    let file = path.map(|path| file::history(&site, path, &lines)).transpose()?;
    let proof = request.verify.then(|| history::verify(&site.state.history())).transpose()?;
    let verified = proof.as_ref().map(Proof::is_whole);
    let exit = if verified == Some(false) { Exit::Differs } else { Exit::Done };
    let mut runs = last_of(rows(&site)?, request.last);
    runs.iter_mut().for_each(|row| name_people(row, &lines));
    let events = last_of(lines.into_iter().map(event_row).collect(), request.last);
    Ok(Answer::ending(exit, History { runs, events, verified, proof, file }))
}

/// A path of the site, as typed from its folder or from anywhere.
fn site_path(site: &Site, typed: &str) -> Result<SitePath, Failure> {
    let root = site.root.to_string_lossy().into_owned();
    let below = typed.strip_prefix(&root).map(|rest| rest.trim_start_matches('/'));
    let path = below.unwrap_or(typed).trim_start_matches("./");
    SitePath::parse(path).map_err(|error| Failure::new(Exit::Usage, error.to_string()))
}

fn last_of<T>(mut all: Vec<T>, most: Option<usize>) -> Vec<T> {
    let first = all.len().saturating_sub(most.unwrap_or(usize::MAX));
    all.split_off(first)
}

fn name_people(row: &mut HistoryRow, lines: &[Line]) {
    let plan = row.plan.map(|plan| plan.to_string());
    let opened = lines.iter().find(|line| line.is(Deed::Opened) && line.run.as_ref() == Some(&row.run));
    let approved = lines.iter().rev().find(|line| {
        line.is(Deed::Approved) && plan.is_some() && plan_named(&line.detail) == plan.as_deref()
    });
    row.opened_by = opened.and_then(|line| line.by.clone());
    row.approved_by = approved.and_then(|line| line.by.clone());
}

/// The plan that a line is about.
pub(super) fn plan_named(detail: &str) -> Option<&str> {
    Some(detail.strip_prefix("plan ")?.split_once(':')?.0)
}

/// The time between the beginning and the end of each piece of work.
fn worked_seconds(records: &[Record]) -> f64 {
    let (mut since, mut seconds) = (None, 0.0);
    for record in records {
        match &record.entry {
            Entry::Started { .. } | Entry::UndoStarted { .. } => since = Some(record.at),
            Entry::Done { .. }
            | Entry::Failed { .. }
            | Entry::UndoDone { .. }
            | Entry::UndoFailed { .. }
            | Entry::Stopped { .. } => {
                let begun = since.take();
                // A clock that was put back tells nothing of how long it took.
                seconds += begun.map_or(0.0, |from| record.at.duration_since(from).as_secs_f64().max(0.0));
            }
            _ => {}
        }
    }
    seconds
}

fn rows(site: &Site) -> Result<Vec<HistoryRow>, Failure> {
    let runs = site.state.runs();
    let mut rows = Vec::new();
    for id in run::list(&runs)? {
        let (records, standing) = journal::read(&RunFolder::new(runs.join(&id)).journal())?;
        rows.push(row(id, &records, &standing));
    }
    Ok(rows)
}

pub(super) fn row(run: String, records: &[Record], standing: &Standing) -> HistoryRow {
    let at = |record: Option<&Record>| record.map(|record| record.at.to_string()).unwrap_or_default();
    let (plan, from, to) = match records.first().map(|record| &record.entry) {
        Some(Entry::Opened { plan, from, to, .. }) => (Some(*plan), from.clone(), to.clone()),
        _ => Default::default(),
    };
    HistoryRow {
        run,
        plan,
        at: at(records.first()),
        until: at(records.last()),
        from,
        to,
        outcome: outcome(standing).into(),
        closed_seconds: standing.closed_seconds_at(clock::now()),
        committed: standing.committed,
        worked_seconds: worked_seconds(records),
        approved_by: None,
        opened_by: None,
    }
}

fn event_row(line: Line) -> EventRow {
    EventRow { at: line.at.to_string(), event: line.event, run: line.run, by: line.by, detail: line.detail }
}
