//! What a program may look at: nothing of it waits, and nothing is changed.

use jiff::Timestamp;
use serde::Serialize;

use crate::app::doctor as app_doctor;
use crate::app::history as app_history;
use crate::app::plan::Diff;
use crate::app::report::Answer;
use crate::app::status as app_status;
use crate::app::stored_plan;
use crate::app::watch::past;
use crate::app::watch::past::LastWatch;
use crate::app::watch::past::PastFinding;
use crate::console::api::answer::found;
use crate::console::api::answer::seen;
use crate::console::api::body;
use crate::console::ask::Ask;
use crate::console::reply::Reply;
use crate::console::reply::Wrong;

#[derive(Serialize)]
struct Sites {
    sites: Vec<SiteView>,
}

#[derive(Serialize)]
struct SiteView {
    /// In addresses.
    site: String,
    name: String,
    url: String,
}

pub fn sites(ask: &mut Ask) -> Result<Reply, Wrong> {
    let sites = ask.console.sites.all().iter().map(|site| SiteView {
        site: site.word.clone(),
        name: site.name.clone(),
        url: format!("/api/v1/sites/{}", site.word),
    });
    seen("sites", Ok(Answer::done(Sites { sites: sites.collect() })))
}

pub fn status(ask: &mut Ask) -> Result<Reply, Wrong> {
    seen("status", app_status::status(ask.place()?))
}

pub fn history(ask: &mut Ask) -> Result<Reply, Wrong> {
    let last = ask
        .query
        .find("last")
        .map(|last| last.parse().map_err(|_| Wrong::Question("`last` is a number of runs".into())));
    let file = ask.query.find("file").map(str::to_owned);
    let request = app_history::Request { verify: flag(ask, "verify")?, last: last.transpose()?, file };
    seen("history", app_history::history(ask.place()?, &request))
}

pub fn run(ask: &mut Ask) -> Result<Reply, Wrong> {
    let run = body::run_id(ask.parts.get("run").to_owned()).map_err(|_| Wrong::NotFound)?;
    found("show", app_status::show(ask.place()?, &run))
}

/// As it was made last; `diff=PATH` with what changes in that file.
pub fn plan(ask: &mut Ask) -> Result<Reply, Wrong> {
    let diff = match ask.query.find("diff") {
        None => Diff::None,
        Some(path) => Diff::One(path.to_owned()),
    };
    found("plan", stored_plan::show(ask.place()?, &diff))
}

#[derive(Default, Serialize)]
struct LastWatchView {
    modified: Vec<String>,
    missing: Vec<String>,
    unexpected: Vec<String>,
    unreadable: Vec<String>,
    at: Option<Timestamp>,
    against: Option<AgainstView>,
    accepted: u64,
    details: Vec<PastFinding>,
}

#[derive(Serialize)]
struct AgainstView {
    version: String,
    baseline: &'static str,
}

impl LastWatchView {
    fn of(last: LastWatch) -> LastWatchView {
        let paths = |kind: &str| {
            let here = last.findings.iter().filter(|finding| finding.kind == kind);
            let mut paths: Vec<String> = here.map(|finding| finding.path.clone()).collect();
            paths.sort();
            paths
        };
        LastWatchView {
            modified: paths("modified"),
            missing: paths("missing"),
            unexpected: paths("unexpected"),
            unreadable: paths("unreadable"),
            at: Some(last.at),
            against: last.against.map(|(version, baseline)| AgainstView { version, baseline }),
            accepted: last.accepted,
            details: last.findings,
        }
    }
}

/// What was found last: nothing is looked at anew.
pub fn watch(ask: &mut Ask) -> Result<Reply, Wrong> {
    let last = past::last(ask.place()?)?.map(LastWatchView::of).unwrap_or_default();
    seen("watch", Ok(Answer::done(last)))
}

/// What was said last.
pub fn doctor(ask: &mut Ask) -> Result<Reply, Wrong> {
    seen("doctor", Ok(Answer::done(app_doctor::last(ask.place()?)?.unwrap_or_default())))
}

fn flag(ask: &Ask, name: &str) -> Result<bool, Wrong> {
    match ask.query.find(name) {
        None | Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(_) => Err(Wrong::Question(format!("`{name}` is true or false"))),
    }
}
