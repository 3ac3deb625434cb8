//! `apply` and `resume`: a run goes forward.

use std::time::Duration;

use crate::app::abandoned;
use crate::app::desk::Held;
use crate::app::desk::Listener;
use crate::app::desk::Place;
use crate::app::failure::Failure;
use crate::app::report::Answer;
use crate::app::report::RunView;
use crate::app::stage::forget_plan;
use crate::base::exit::Exit;
use crate::base::path::SitePath;
use crate::base::step::Step;
use crate::integrity::manifest::FileEntry;
use crate::release::at_hand::AtHand;
use crate::release::staging::Staging;
use crate::site::SiteError;
use crate::site::history;
use crate::site::history::Deed;
use crate::site::history::News;
use crate::sys::clock;
use crate::sys::signal::Interrupt;
use crate::update::advance;
use crate::update::advance::Outcome;
pub use crate::update::advance::Until;
pub use crate::update::compose::Reinstall;
use crate::update::error::StepError;
use crate::update::journal::EffectState;
use crate::update::journal::Entry;
use crate::update::plan::Plan;
use crate::update::review;
use crate::update::rollback::NewerData;
use crate::update::rollback::roll_back;
use crate::update::run;
use crate::update::run::Run;
use crate::update::standing::Direction;
use crate::update::swap::SwapError;
use crate::update::work::Stop;
use crate::update::work::Work;

/// How far `apply` goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    pub until: Until,
    pub budget: Option<Duration>,
}

/// Opens a run for the approved plan, or goes on with one that was stopped.
pub fn apply(
    place: &Place,
    request: &Request,
    interrupt: Interrupt,
    listener: Listener,
) -> Result<Answer<RunView>, Failure> {
    let held = Held::take(place, "apply")?;
    abandoned::recover(&held)?;
    let run = match run::open_run(&held.site.state.runs())? {
        Some((id, standing)) if standing.direction == Direction::Forward && standing.halted.is_some() => {
            Run::open(&held.site.state.runs(), &id)?
        }
        Some((id, _)) => return Err(not_over(&id)),
        None => open_approved(&held, listener)?,
    };
    go_on(&held, run, request, interrupt, listener)
}

pub(super) fn not_over(id: &str) -> Failure {
    Failure::new(Exit::Refused, format!("run {id} is not over"))
        .hint("`entracte resume` goes on with it, `entracte rollback` takes it back")
}

/// Proves that nothing has changed since the plan was approved, and begins.
fn open_approved(held: &Held, listener: Listener) -> Result<Run, Failure> {
    let site = &held.site;
    let plan = Plan::load(&site.state.plan())?;
    if plan.is_empty() {
        return Err(Failure::new(Exit::NothingToDo, "the plan changes nothing"));
    }
    if !crate::app::plan::is_approved(site, &plan)? {
        return Err(Failure::new(Exit::Waiting, format!("plan {} is not approved", plan.id)).hint(format!(
            "look at it with `entracte plan`, then `entracte approve {}`",
            &plan.id.to_string()[..16]
        )));
    }
    begin(held, plan, Reinstall::No, listener)
}

/// The same for a plan that was just made and approved.
pub(super) fn begin(
    held: &Held,
    plan: Plan,
    reinstall: Reinstall,
    listener: Listener,
) -> Result<Run, Failure> {
    let site = &held.site;
    let watch = &mut |step, event| listener(None, step, event);
    let now = review::review(site, &held.gate, reinstall, watch)?;
    if now.id != plan.id {
        return Err(drift(&plan, &now));
    }
    if let Some(failure) = Failure::of_checks(&now.checks) {
        return Err(failure);
    }
    let staging = Staging::open(&site.state.staging())?;
    let staged = staging.staged()?.ok_or_else(|| Failure::new(Exit::Refused, "no release is staged"))?;
    let (at_hand, needed) = (AtHand::of(&staging, &staged.manifest, &site.root), plan.sealed.contents());
    let is_needed = |entry: &&FileEntry| entry.sha256().is_some_and(|digest| needed.contains(&digest));
    at_hand.verify(staged.manifest.files.iter().filter(is_needed)).map_err(|error| {
        Failure::from(error).ending(Exit::Refused).hint("`entracte stage` again brings it anew")
    })?;
    let run = Run::create(&site.state.runs(), plan)?;
    let detail =
        format!("plan {}: {} -> {}", run.plan.id, run.plan.sealed.from.version, run.plan.sealed.to.version);
    let by = Some(held.by.as_str());
    history::append(&site.state.history(), News { event: Deed::Opened, run: Some(&run.id), by, detail })?;
    Ok(run)
}

/// Says at which paths the approved plan and today's differ.
fn drift(approved: &Plan, now: &Plan) -> Failure {
    let changes = |plan: &Plan| -> std::collections::BTreeSet<String> {
        plan.sealed.changes.iter().map(|change| format!("{:?}", change)).collect()
    };
    let (before, after) = (changes(approved), changes(now));
    let mut paths: Vec<String> = approved
        .sealed
        .changes
        .iter()
        .chain(&now.sealed.changes)
        .filter(|change| before.contains(&format!("{change:?}")) != after.contains(&format!("{change:?}")))
        .map(|change| change.path.to_string())
        .collect();
    paths.sort();
    paths.dedup();
    let more = paths.len().saturating_sub(8);
    paths.truncate(8);
    let what = match (paths.is_empty(), more) {
        (true, _) if approved.sealed.tables != now.sealed.tables => {
            "the tables of the database changed".to_owned()
        }
        (true, _) => "the release or the settings changed".to_owned(),
        (false, 0) => format!("these paths changed: {}", paths.join(", ")),
        (false, more) => format!("these paths changed: {} and {more} more", paths.join(", ")),
    };
    Failure::new(Exit::Refused, format!("the plan that was approved is no longer true: {what}"))
        .hint("make a new plan with `entracte plan`, look at it, approve it")
}

/// What a person knows of a script whose outcome nobody wrote down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word<'a> {
    /// It has done its work.
    Done(&'a str),
    /// It has not, or may well do it twice.
    Again(&'a str),
}

/// Goes on with a run from its marker.
pub fn resume(
    place: &Place,
    word: Option<Word>,
    until: Until,
    interrupt: Interrupt,
    listener: Listener,
) -> Result<Answer<RunView>, Failure> {
    let held = Held::take(place, "resume")?;
    let Some((id, standing)) = run::open_run(&held.site.state.runs())? else {
        return Err(Failure::new(Exit::NothingToDo, "no run waits to be resumed"));
    };
    if standing.direction == Direction::Back {
        return Err(Failure::new(Exit::Refused, format!("run {id} goes back"))
            .hint("`entracte rollback` goes on with that"));
    }
    let mut run = Run::open(&held.site.state.runs(), &id)?;
    if let Some(word) = word {
        vouch(&mut run, word)?;
    }
    let news = News {
        event: Deed::Resumed,
        run: Some(&run.id),
        by: Some(&held.by),
        detail: stands(&run).to_owned(),
    };
    // That nobody can note it keeps no site closed.
    let untold = history::append(&held.site.state.history(), news).err();
    let mut answer = go_on(&held, run, &Request { until, budget: None }, interrupt, listener)?;
    answer.result = answer.result.with_warning(untold);
    Ok(answer)
}

fn stands(run: &Run) -> &'static str {
    crate::app::status::stands_at(run.standing()).map_or("the end", |step| step.name())
}

/// A person says what became of a script whose end nobody knows.
fn vouch(run: &mut Run, word: Word) -> Result<(), Failure> {
    let (script, state, status) = match word {
        Word::Done(script) => (script, EffectState::Vouched, None),
        // Without a status it would be unknown as before.
        Word::Again(script) => (script, EffectState::Failed, Some(SAID_BY_A_PERSON)),
    };
    let path = SitePath::parse(script).map_err(|error| Failure::new(Exit::Usage, error.to_string()))?;
    let waits = run.standing().unknown_scripts().contains(&path);
    if !waits {
        return Err(Failure::new(Exit::Usage, format!("{path} is no script whose outcome is unknown")));
    }
    run.journal.write(Entry::Script { path, state, status })?;
    Ok(())
}

/// No program ends with it.
const SAID_BY_A_PERSON: i32 = -1;

/// Works on a run until it ends, stops or fails.
pub(super) fn go_on(
    held: &Held,
    run: Run,
    request: &Request,
    interrupt: Interrupt,
    listener: Listener,
) -> Result<Answer<RunView>, Failure> {
    let stop = Stop::new(interrupt, request.budget);
    let databases = held.site.databases().map_err(SiteError::from)?;
    let id = run.id.clone();
    let mut work = Work { site: &held.site, gate: &held.gate, databases: &databases, stop: &stop, run };
    let watch = &mut |step, event| listener(Some(&id), step, event);
    match advance::run(&mut work, request.until, watch) {
        Ok(Outcome::Finished) => {
            let kept = forget_plan(&held.site).err();
            Ok(Answer::done(told(&work, Deed::Finished, &held.by).with_warning(kept)))
        }
        Ok(Outcome::Stopped { .. }) => Ok(Answer::done(view(&work.run))),
        Err(error) if is_before_swap(&work, &error) => {
            let cause = Failure::from(error);
            match roll_back(&mut work, &cause.message, NewerData::Refuse, watch) {
                Ok(()) => {
                    let exit = if cause.exit == Exit::Locked { Exit::Locked } else { Exit::Failed };
                    let failure = cause.ending(exit).hint("nothing has changed and the site is open");
                    Ok(Answer::failing(failure, told(&work, Deed::RolledBack, &held.by)))
                }
                Err(second) => Ok(Answer::failing(stuck(Failure::from(second)), view(&work.run))),
            }
        }
        Err(error) => Ok(Answer::failing(stuck(Failure::from(error)), view(&work.run))),
    }
}

/// Whether going back now costs nothing: no file has been exchanged, or the
/// swap itself refused to begin.
fn is_before_swap(work: &Work, error: &StepError) -> bool {
    let drift = matches!(error, StepError::Swap(SwapError::Drift { .. }));
    let records = work.run.journal.records().iter();
    let begins = records.filter(|record| record.entry == Entry::Started { step: Step::Swap }).count();
    let hook = matches!(error, StepError::Hook { step: Some(Step::Swap), .. }) && begins == 1;
    let refused = (drift || hook) && !work.run.standing().is_done(Step::Swap);
    !work.run.standing().was_started(Step::Swap) || refused
}

/// The site stays as it is, closed perhaps, and a person is needed.
fn stuck(failure: Failure) -> Failure {
    let exit = stuck_exit(failure.exit);
    failure
        .ending(exit)
        .hint("`entracte rollback` brings everything back to what it was before")
        .hint("`entracte resume` tries again from where it stands")
}

/// Another entracte that is at work ends by itself; everything else needs a person.
pub(super) fn stuck_exit(exit: Exit) -> Exit {
    if exit == Exit::Locked { Exit::Locked } else { Exit::Stuck }
}

/// What a run came to, which the history is told. That this fails changes
/// nothing about the run.
pub(super) fn told(work: &Work, event: Deed, by: &str) -> RunView {
    let plan = &work.run.plan.sealed;
    let detail = format!("{} -> {}", plan.from.version, plan.to.version);
    let news = News { event, run: Some(&work.run.id), by: Some(by), detail };
    view(&work.run).with_warning(history::append(&work.site.state.history(), news).err())
}

pub(super) fn view(run: &Run) -> RunView {
    let standing = run.standing();
    let warnings = run.journal.records().iter().filter_map(|record| match &record.entry {
        Entry::Warning { message, .. } => Some(message.clone()),
        _ => None,
    });
    RunView {
        run: run.id.clone(),
        plan: run.plan.id.to_string(),
        outcome: crate::app::status::outcome(standing).into(),
        step: crate::app::status::stands_at(standing).map(|step| step.name().to_owned()),
        closed_seconds: standing.closed_seconds_at(clock::now()),
        warnings: warnings.collect(),
        goes_back: standing.direction == Direction::Back,
        written_since: Vec::new(),
    }
}
