//! `status`, `show`: they only read, and never wait.

use std::path::PathBuf;

use jiff::Timestamp;

use crate::app::desk::Place;
use crate::app::failure::Failure;
use crate::app::history;
use crate::app::report::Answer;
use crate::app::report::DeedView;
use crate::app::report::GateStatus;
use crate::app::report::PlanStatus;
use crate::app::report::RunStatus;
use crate::app::report::Show;
use crate::app::report::Status;
use crate::app::report::StepView;
use crate::app::report::Version;
use crate::base::exit::Exit;
use crate::base::step::Step;
use crate::site::Site;
use crate::site::gate::flag;
use crate::site::history as site_history;
use crate::site::installed::Installed;
use crate::sys::clock;
use crate::sys::fs;
use crate::sys::lock;
use crate::sys::lock::Holder;
use crate::update::journal;
use crate::update::journal::Entry;
use crate::update::journal::Record;
use crate::update::plan::Plan;
use crate::update::run;
use crate::update::run::RunFolder;
use crate::update::standing::Direction;
use crate::update::standing::End;
use crate::update::standing::Halt;
use crate::update::standing::Mark;
use crate::update::standing::Standing;

/// The folder of a site that can be opened.
pub fn root(place: &Place) -> Result<PathBuf, Failure> {
    Ok(place.open()?.root)
}

pub fn status(place: &Place) -> Result<Answer<Status>, Failure> {
    let site = place.open()?;
    let holder = lock::holder(&site.state.lock())?;
    let gate = flag::read(&site.state.gate())?;
    let last = last_run(&site)?;
    // A run that was killed at its very end had no time to clear its plan away.
    let done = last.as_ref().filter(|(_, _, standing)| standing.end == Some(End::Finished));
    let plan = plan_status(&site)?.filter(|plan| done.is_none_or(|(_, done, _)| *done != plan.id));
    let run = last.map(|(id, plan, standing)| run_status(id, plan, &standing, holder.as_ref()));
    let installed = Installed(&site.state.installed()).current()?;
    let exit = how(&gate, plan.as_ref(), run.as_ref(), holder.as_ref());
    let status = Status {
        site: fs::shown(&site.root),
        installed: installed.map(|current| Version { version: current.version }),
        next: next(&gate, plan.as_ref(), run.as_ref(), holder.is_some(), &site),
        gate: GateStatus {
            closed: gate.closed,
            by: gate.by,
            since: gate.since.map(|since| since.to_string()),
            reason: gate.reason,
            warnings: Vec::new(),
        },
        plan,
        run,
        holder: holder.as_ref().map(told),
    };
    Ok(Answer::ending(exit, status))
}

/// Who works on the site, in one line.
pub(super) fn told(holder: &Holder) -> String {
    format!("{} (process {}, since {})", holder.doing, holder.pid, holder.since)
}

fn plan_status(site: &Site) -> Result<Option<PlanStatus>, Failure> {
    if !fs::is_file(&site.state.plan()) {
        return Ok(None);
    }
    let plan = Plan::load(&site.state.plan())?;
    let state = match (plan.is_empty(), crate::app::plan::is_approved(site, &plan)?) {
        (true, _) => return Ok(None),
        (false, true) => "approved",
        (false, false) => "waiting",
    };
    Ok(Some(PlanStatus { id: plan.id.to_string(), state: state.into() }))
}

fn last_run(site: &Site) -> Result<Option<(String, String, Standing)>, Failure> {
    let runs = site.state.runs();
    let Some(id) = run::list(&runs)?.pop() else { return Ok(None) };
    let (records, standing) = journal::read(&RunFolder::new(runs.join(&id)).journal())?;
    Ok(Some((id, plan_of(&records), standing)))
}

fn plan_of(records: &[Record]) -> String {
    match records.first().map(|record| &record.entry) {
        Some(Entry::Opened { plan, .. }) => plan.to_string(),
        _ => String::new(),
    }
}

fn run_status(id: String, plan: String, standing: &Standing, holder: Option<&Holder>) -> RunStatus {
    let state = match (standing.end, &standing.halted, holder) {
        (Some(End::Finished), ..) => "finished",
        (Some(End::RolledBack), ..) => "rolled-back",
        (None, _, Some(_)) => "running",
        (None, Some(Halt::Stopped { .. }), None) => "stopped",
        // Its holder died without a word.
        (None, _, None) => "failed",
    };
    let message = match &standing.halted {
        Some(Halt::Failed { message, .. }) => Some(message.clone()),
        _ if state == "failed" => Some("the process that worked on it is gone".into()),
        _ => None,
    };
    RunStatus {
        id,
        plan,
        step: stands_at(standing).map(|step| step.name().to_owned()),
        state: state.into(),
        closed: standing.closed_since.is_some(),
        message,
        goes_back: standing.direction == Direction::Back,
    }
}

/// The step that is being worked on, or is the next one.
pub fn stands_at(standing: &Standing) -> Option<Step> {
    match (standing.end, standing.direction) {
        (Some(_), _) => None,
        (None, Direction::Forward) => standing.next_step(),
        (None, Direction::Back) => standing.next_undo(),
    }
}

/// How a run ended, in the word of the contract.
pub fn outcome(standing: &Standing) -> &'static str {
    match (standing.end, &standing.halted) {
        (Some(End::Finished), _) => "finished",
        (Some(End::RolledBack), _) => "rolled-back",
        (None, Some(Halt::Stopped { .. })) => "stopped",
        (None, _) => "failed",
    }
}

fn how(
    gate: &flag::GateState,
    plan: Option<&PlanStatus>,
    run: Option<&RunStatus>,
    holder: Option<&Holder>,
) -> Exit {
    let unfinished = run.is_some_and(|run| !matches!(run.state.as_str(), "finished" | "rolled-back"));
    match (holder, unfinished || gate.closed, plan) {
        (Some(_), _, _) => Exit::Locked,
        (None, true, _) => Exit::Stuck,
        (None, false, Some(plan)) if plan.state == "waiting" => Exit::Waiting,
        (None, false, _) => Exit::Done,
    }
}

fn next(
    gate: &flag::GateState,
    plan: Option<&PlanStatus>,
    run: Option<&RunStatus>,
    works: bool,
    site: &Site,
) -> Vec<String> {
    let words: &[&str] =
        match (works, run.map(|run| run.state.as_str()), plan.map(|plan| plan.state.as_str())) {
            (true, ..) => &["attach"],
            (false, Some("stopped" | "failed" | "running"), _) => {
                match run.is_some_and(|run| run.goes_back) {
                    true => &["rollback"],
                    false => &["resume", "rollback"],
                }
            }
            (false, _, Some("approved")) => &["apply"],
            (false, _, Some(_)) => &["approve", "discard"],
            (false, Some("finished"), None) => &["rollback", "commit"],
            (false, ..) if fs::is_file(&site.state.staging().join("release.json")) => &["plan", "discard"],
            (false, ..) => &["stage"],
        };
    let open = (gate.closed && run.is_none_or(|run| !run.closed)).then_some("open");
    open.into_iter().chain(words.iter().copied()).map(str::to_owned).collect()
}

pub fn show(place: &Place, id: &str) -> Result<Answer<Show>, Failure> {
    let site = place.open()?;
    let folder = run::folder_of(&site.state.runs(), id)?;
    let (records, standing) = journal::read(&folder.journal())?;
    let row = history::row(id.to_owned(), &records, &standing);
    let warnings = records.iter().filter_map(|record| match &record.entry {
        Entry::Warning { message, .. } => Some(message.clone()),
        _ => None,
    });
    Ok(Answer::done(Show {
        run: id.to_owned(),
        plan: plan_of(&records),
        outcome: row.outcome,
        step: stands_at(&standing).map(|step| step.name().to_owned()),
        closed_seconds: standing.closed_seconds_at(clock::now()),
        warnings: warnings.collect(),
        from: Version { version: row.from },
        to: Version { version: row.to },
        steps: Step::RUN.into_iter().map(|step| step_view(step, &records, &standing)).collect(),
        folder: fs::shown(folder.path()),
        is_closed: standing.closed_since.is_some(),
        people: people(&site, id, &plan_of(&records))?,
    }))
}

/// What people did about the run, or about its plan before it was opened.
fn people(site: &Site, run: &str, plan: &str) -> Result<Vec<DeedView>, Failure> {
    let lines = site_history::lines(&site.state.history())?;
    let is_about = |line: &site_history::Line| match line.run.as_deref() {
        Some(named) => named == run,
        None => line.is(site_history::Deed::Approved) && history::plan_named(&line.detail) == Some(plan),
    };
    let deed = |line: site_history::Line| DeedView {
        at: line.at.to_string(),
        event: line.event,
        by: line.by,
        detail: line.detail,
    };
    Ok(lines.into_iter().filter(is_about).map(deed).collect())
}

/// The last time that a step was worked on.
fn step_view(step: Step, records: &[Record], standing: &Standing) -> StepView {
    let (mut started, mut ended, mut note): (Option<Timestamp>, Option<Timestamp>, _) =
        (None, None, String::new());
    for record in records {
        match &record.entry {
            Entry::Started { step: this } | Entry::UndoStarted { step: this } if *this == step => {
                (started, ended) = (Some(record.at), None);
            }
            Entry::Done { step: this, note: said } | Entry::UndoDone { step: this, note: said }
                if *this == step =>
            {
                (ended, note) = (Some(record.at), said.clone());
            }
            Entry::Failed { step: this, message } | Entry::UndoFailed { step: this, message }
                if *this == step =>
            {
                (ended, note) = (Some(record.at), message.clone());
            }
            _ => {}
        }
    }
    let state = match standing.marks.get(&step) {
        None => "waiting",
        Some(Mark::Started) => "started",
        Some(Mark::Done) => "done",
        Some(Mark::Failed) => "failed",
        Some(Mark::Undoing) => "undoing",
        Some(Mark::Undone) => "undone",
    };
    // A clock that was put back tells nothing of how long it took.
    let seconds = started.zip(ended).map(|(from, to)| to.duration_since(from).as_secs_f64().max(0.0));
    StepView {
        step: step.name().into(),
        state: state.into(),
        started: started.map(|at| at.to_string()),
        seconds,
        note,
    }
}
