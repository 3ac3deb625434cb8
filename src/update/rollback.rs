//! Going back: the steps undone from the last to the first. Nothing is written
//! before every saved copy is proved; only what the journal names is touched.

use std::collections::BTreeMap;

use crate::base::event::Event;
use crate::base::event::Watch;
use crate::base::json;
use crate::base::step::Step;
use crate::database::TableSum;
use crate::site::settings::Part;
use crate::sys::fs;
use crate::update::databases;
use crate::update::error::StepError;
use crate::update::error::Written;
use crate::update::guard;
use crate::update::hooks;
use crate::update::journal::DatabaseBack;
use crate::update::journal::Entry;
use crate::update::php;
use crate::update::place;
use crate::update::reserve;
use crate::update::sealed;
use crate::update::standing::Direction;
use crate::update::standing::Mark;
use crate::update::steps;
use crate::update::steps::close;
use crate::update::steps::reopen;
use crate::update::steps::save::prove_saved;
use crate::update::steps::swap::prove_backup;
use crate::update::work::Work;

/// What to do with data that visitors wrote since the site was opened again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NewerData {
    /// Refuse when there is any.
    Refuse,
    /// Dump it into the run, then bring the old data back.
    Restore,
    /// Leave the database as it is.
    Keep,
}

/// Brings the site back to exactly what it was before the run, with the owner's
/// programs before and after.
pub fn roll_back(work: &mut Work, why: &str, newer: NewerData, watch: Watch) -> Result<(), StepError> {
    let went = go_back(work, why, newer, watch);
    match &went {
        Ok(()) => hooks::after(work, Part::Rollback, why, watch),
        Err(error) if work.run.standing().direction == Direction::Back => {
            hooks::failed(work, Part::Rollback, &error.to_string(), watch);
        }
        // Nothing was begun.
        Err(_) => {}
    }
    went
}

fn go_back(work: &mut Work, why: &str, newer: NewerData, watch: Watch) -> Result<(), StepError> {
    reserve::give_back(&work.run.folder)?;
    let _alone = match is_database_next(work, newer) {
        true => guard::take(work)?,
        false => Vec::new(),
    };
    if work.run.standing().direction == Direction::Forward {
        let database = decide_database(work, newer, watch)?;
        prove_backup(work)?;
        prove_saved(work)?;
        for database in databases::kept(work)? {
            database.prove()?;
        }
        work.note(Entry::UndoOpened { why: why.to_owned(), database })?;
    }
    if is_open_with_work_left(work) {
        shut_visitors_out(work, watch)?;
    }
    warn_before(work, why, watch)?;
    while let Some(step) = work.run.standing().next_undo() {
        if step == Step::Close && work.run.standing().was_started(Step::Swap) {
            php::renew(work, watch)?;
        }
        undo(work, step, watch)?;
    }
    clear_away(work)?;
    work.note(Entry::RolledBack)
}

/// Nothing is taken back under the eyes of visitors. Where nobody can prove that
/// they are out, the run and the gate stay what they were.
fn shut_visitors_out(work: &mut Work, watch: Watch) -> Result<(), StepError> {
    let are_in = work.run.standing().visitors_were_in() || !work.gate.state()?.closed;
    let Err(error) = reopen::close_again(work) else { return Ok(()) };
    let error = match work.run.standing().may_withdraw() {
        true => match withdraw(work, are_in) {
            Ok(()) => return Err(error),
            Err(error) => error,
        },
        false => error,
    };
    if let Some(step) = work.run.standing().next_undo() {
        let message = error.to_string();
        work.note(Entry::UndoFailed { step, message: message.clone() })?;
        watch(Some(step), Event::StepFailed { message });
    }
    Err(error)
}

fn withdraw(work: &mut Work, are_in: bool) -> Result<(), StepError> {
    if are_in {
        close::open(work)?;
    }
    work.note(Entry::UndoWithdrawn)
}

/// A site can always go back: a program that fails before is told and stops nothing.
fn warn_before(work: &mut Work, why: &str, watch: Watch) -> Result<(), StepError> {
    let Err(error) = hooks::before(work, Part::Rollback, why, watch) else { return Ok(()) };
    let message = error.to_string();
    watch(None, Event::Warning { message: message.clone() });
    work.note(Entry::Warning { step: None, message })
}

/// Whether the database may have been changed and is to be brought back: one
/// that cannot be reached is found before anything else is touched.
fn is_database_next(work: &Work, newer: NewerData) -> bool {
    let standing = work.run.standing();
    let is_kept = newer == NewerData::Keep || standing.database_back == Some(DatabaseBack::Keep);
    let is_left = !matches!(standing.marks.get(&Step::Migrate), None | Some(Mark::Undone));
    is_left && !is_kept
}

/// Whether visitors may be in while something they see is still to be undone: a
/// reopening that was cut off has let them in before it could say so. Once only
/// the gate is left to open, nobody closes it again.
fn is_open_with_work_left(work: &Work) -> bool {
    let standing = work.run.standing();
    let is_left = standing.next_undo().is_some_and(|step| step > Step::Close);
    let may_be_open = standing.closed_since.is_none() || standing.was_started(Step::Reopen);
    may_be_open && standing.was_started(Step::Swap) && is_left
}

/// Everything is back: what is left over costs room and nothing else.
fn clear_away(work: &mut Work) -> Result<(), StepError> {
    match place::clear(&work.site.root, &work.run) {
        Ok(()) => Ok(()),
        Err(error) => {
            let message = format!("{error}: {}", error.source);
            work.note(Entry::Warning { step: None, message })
        }
    }
}

fn undo(work: &mut Work, step: Step, watch: Watch) -> Result<(), StepError> {
    work.note(Entry::UndoStarted { step })?;
    watch(Some(step), Event::UndoStarted);
    match steps::back(step, work, watch) {
        Ok(note) => {
            work.note(Entry::UndoDone { step, note: note.clone() })?;
            watch(Some(step), Event::UndoDone { note });
            Ok(())
        }
        Err(error) => {
            let message = error.to_string();
            work.note(Entry::UndoFailed { step, message: message.clone() })?;
            watch(Some(step), Event::StepFailed { message });
            Err(error)
        }
    }
}

fn decide_database(work: &Work, newer: NewerData, watch: Watch) -> Result<DatabaseBack, StepError> {
    if newer == NewerData::Keep {
        return Ok(DatabaseBack::Keep);
    }
    let tables = written_since(work)?;
    if tables.is_empty() {
        return Ok(DatabaseBack::Restore);
    }
    if newer == NewerData::Refuse {
        return Err(StepError::WrittenSince { tables });
    }
    for database in databases::kept(work)? {
        database.save_newer(watch)?;
    }
    Ok(DatabaseBack::Restore)
}

/// Tables that differ from what they held when the site was opened again, each
/// with how many rows it had and has. The sums are there before visitors are, so
/// they say it, whatever the journal came to say.
fn written_since(work: &Work) -> Result<Vec<Written>, StepError> {
    let path = work.run.folder.sums_at_reopen();
    let Some(bytes) = sealed::read(&path)? else { return Ok(Vec::new()) };
    let then: BTreeMap<String, TableSum> =
        json::read(&bytes).map_err(|source| StepError::Damaged { path: fs::shown(&path), source })?;
    let now = reopen::sums(work)?;
    let rows = |sum: Option<&TableSum>| sum.map(|sum| sum.rows);
    let names: std::collections::BTreeSet<&String> = then.keys().chain(now.keys()).collect();
    let differing = names.into_iter().filter(|name| then.get(*name) != now.get(*name));
    Ok(differing
        .map(|name| Written { table: name.clone(), then: rows(then.get(name)), now: rows(now.get(name)) })
        .collect())
}
