//! `rollback` and `commit`: the two ways in which a run is over for good.

use crate::app::apply::not_over;
use crate::app::apply::stuck_exit;
use crate::app::apply::told;
use crate::app::apply::view;
use crate::app::desk::Held;
use crate::app::desk::Listener;
use crate::app::desk::Place;
use crate::app::failure::Failure;
use crate::app::report::Answer;
use crate::app::report::RunView;
use crate::app::report::WrittenView;
use crate::base::exit::Exit;
use crate::base::exit::Fault;
use crate::site::SiteError;
use crate::site::history;
use crate::site::history::Deed;
use crate::site::history::News;
use crate::sys::fs;
use crate::sys::signal::Interrupt;
use crate::update::error::StepError;
use crate::update::journal::Entry;
use crate::update::place;
pub use crate::update::rollback::NewerData;
use crate::update::rollback::roll_back;
use crate::update::run;
use crate::update::run::Run;
use crate::update::standing::Direction;
use crate::update::standing::End;
use crate::update::work::Stop;
use crate::update::work::Work;

pub fn rollback(
    place: &Place,
    id: Option<&str>,
    newer: NewerData,
    listener: Listener,
) -> Result<Answer<RunView>, Failure> {
    let held = Held::take(place, "rollback")?;
    let id = named_or_last(&held, id, "no run is there to take back")?;
    let why = place.by.as_ref().map_or("asked".to_owned(), |by| format!("asked by {by}"));
    take_back(&held, &id, &why, newer, listener)
}

/// Takes the run back, or goes on with that.
pub(super) fn take_back(
    held: &Held,
    id: &str,
    why: &str,
    newer: NewerData,
    listener: Listener,
) -> Result<Answer<RunView>, Failure> {
    let run = Run::open(&held.site.state.runs(), id)?;
    check_may_go_back(held, &run)?;
    let stop = Stop::new(Interrupt::default(), None);
    let databases = held.site.databases().map_err(SiteError::from)?;
    let mut work = Work { site: &held.site, gate: &held.gate, databases: &databases, stop: &stop, run };
    let watch = &mut |step, event| listener(Some(id), step, event);
    match roll_back(&mut work, why, newer, watch) {
        Ok(()) => Ok(Answer::done(told(&work, Deed::RolledBack, &held.by))),
        Err(StepError::WrittenSince { tables }) => {
            let mut view = view(&work.run);
            view.written_since = tables.iter().map(WrittenView::of).collect();
            Ok(Answer::failing(StepError::WrittenSince { tables }.into(), view))
        }
        Err(error) if work.run.standing().direction == Direction::Forward => {
            Err(refused_to_begin(&work, error))
        }
        Err(error) => {
            let exit = stuck_exit(error.exit());
            let failure = Failure::from(error).ending(exit);
            let failure = failure.hint("`entracte rollback` again goes on from where it stands");
            Ok(Answer::failing(failure, view(&work.run)))
        }
    }
}

/// Nothing was written. When what is needed to go back is not there, or not
/// what it was, a person has to choose among what is still possible.
fn refused_to_begin(work: &Work, error: StepError) -> Failure {
    if let StepError::Database(source) = &error {
        let exit = stuck_exit(source.exit());
        return Failure::from(error).ending(exit);
    }
    if let StepError::Unproved { .. } | StepError::NotClosed(_) = &error {
        return not_shut_out(work, error);
    }
    let harmed = matches!(error, StepError::Dump(_) | StepError::Swap(_) | StepError::Saved(_));
    if !harmed && error.exit() == Exit::Refused {
        return error.into();
    }
    let forward = match work.run.standing().end {
        Some(End::Finished) => "nothing was written: the new release stands; `entracte commit` keeps it",
        _ => "nothing was written; `entracte resume` still ends in the new release",
    };
    let by_hand = fs::shown(&work.run.folder.restore_text());
    Failure::from(error)
        .ending(Exit::Stuck)
        .hint(forward)
        .hint(format!("{by_hand} says how to put back by hand what is unharmed, or copy it from a backup of your own and roll back again"))
}

/// Visitors would have seen what is being taken back: it stands as it stood.
fn not_shut_out(work: &Work, error: StepError) -> Failure {
    let (exit, stands) = match work.run.standing().end {
        Some(End::Finished) => (Exit::Failed, "the new release stands and the site is open"),
        _ => (Exit::Stuck, "the run stands where it stood, and `entracte resume` goes on with it"),
    };
    Failure::from(error)
        .ending(exit)
        .hint("then `entracte rollback` again: nothing is taken back before visitors are out")
        .hint(format!("nothing was taken back: {stands}"))
}

/// Only the last run can be taken back, and only until it is committed.
fn check_may_go_back(held: &Held, run: &Run) -> Result<(), Failure> {
    if run.standing().end == Some(End::RolledBack) {
        return Err(Failure::new(Exit::NothingToDo, format!("run {} is rolled back already", run.id)));
    }
    if run.standing().committed {
        return Err(Failure::new(Exit::NothingToDo, format!("run {} is committed", run.id)));
    }
    match last(held)? {
        Some(last) if last != run.id => {
            Err(Failure::new(Exit::Refused, format!("run {last} came after run {}", run.id))
                .hint("take the later one back first"))
        }
        _ => Ok(()),
    }
}

fn named_or_last(held: &Held, id: Option<&str>, nothing: &str) -> Result<String, Failure> {
    match id {
        Some(id) => Ok(id.to_owned()),
        None => last(held)?.ok_or_else(|| Failure::new(Exit::NothingToDo, nothing)),
    }
}

/// The last run that has not been rolled back.
fn last(held: &Held) -> Result<Option<String>, Failure> {
    let runs = held.site.state.runs();
    for id in run::list(&runs)?.into_iter().rev() {
        let (_, standing) = crate::update::journal::read(&runs.join(&id).join("journal.jsonl"))?;
        if standing.end != Some(End::RolledBack) {
            return Ok(if standing.committed { None } else { Some(id) });
        }
    }
    Ok(None)
}

/// Keeps the result: the backup set is no longer needed.
pub fn commit(place: &Place, id: Option<&str>) -> Result<Answer<RunView>, Failure> {
    let held = Held::take(place, "commit")?;
    let id = named_or_last(&held, id, "no run waits to be committed")?;
    let mut run = Run::open(&held.site.state.runs(), &id)?;
    match run.standing().end {
        Some(End::Finished) if !run.standing().committed => {}
        Some(_) => return Err(Failure::new(Exit::NothingToDo, format!("run {id} is over already"))),
        None => return Err(not_over(&id)),
    }
    run.journal.write(Entry::Committed)?;
    let news = News {
        event: Deed::Committed,
        run: Some(&id),
        by: Some(&held.by),
        detail: run.plan.sealed.to.version.clone(),
    };
    let untold = history::append(&held.site.state.history(), news).err();
    let left = place::clear(&held.site.root, &run).err();
    Ok(Answer::done(view(&run).with_warning(untold).with_warning(left)))
}
