//! The one function that the command line, the console and the clock call to
//! go on with a run, and the loop around it.

use crate::base::event::Event;
use crate::base::event::Watch;
use crate::base::step::Step;
use crate::site::settings::Part;
use crate::update::error::StepError;
use crate::update::guard;
use crate::update::hooks;
use crate::update::journal::Entry;
use crate::update::reserve;
use crate::update::standing::End;
use crate::update::steps;
use crate::update::work::Work;

/// How far to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    End,
    /// One step, then stop.
    OneStep,
    /// Up to this step, not into it.
    Before(Step),
}

/// Why the work ended without an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Finished,
    Stopped { before: Step },
}

/// Does the next step and writes what happened; `None` when all are done.
pub fn advance(work: &mut Work, watch: Watch) -> Result<Option<Step>, StepError> {
    let Some(step) = work.run.standing().next_step() else {
        if work.run.standing().end != Some(End::Finished) {
            work.note(Entry::Finished)?;
        }
        return Ok(None);
    };
    work.note(Entry::Started { step })?;
    watch(Some(step), Event::StepStarted);
    match do_step(work, step, watch) {
        Ok(note) => {
            work.note(Entry::Done { step, note: note.clone() })?;
            watch(Some(step), Event::StepDone { note: note.clone() });
            hooks::after(work, Part::Step(step), &note, watch);
            Ok(Some(step))
        }
        Err(StepError::Stopped) => {
            work.note(Entry::Stopped { before: step })?;
            Err(StepError::Stopped)
        }
        Err(error) => {
            let message = error.to_string();
            work.note(Entry::Failed { step, message: message.clone() })?;
            watch(Some(step), Event::StepFailed { message: message.clone() });
            hooks::failed(work, Part::Step(step), &message, watch);
            Err(error)
        }
    }
}

fn do_step(work: &mut Work, step: Step, watch: Watch) -> Result<String, StepError> {
    with_room(work, |work| hooks::before(work, Part::Step(step), "", watch))?;
    with_room(work, |work| steps::forward(step, work, watch))
}

/// A step that wants for room after the first exchange gets what the run kept,
/// and is begun again.
fn with_room<T>(
    work: &mut Work,
    mut task: impl FnMut(&mut Work) -> Result<T, StepError>,
) -> Result<T, StepError> {
    match task(work) {
        Err(error) if work.run.standing().was_started(Step::Swap) && reserve::would_help(&error) => {
            match reserve::give_back(&work.run.folder)? {
                true => task(work),
                false => Err(error),
            }
        }
        ended => ended,
    }
}

/// Goes on until the end, or until it is to stop.
pub fn run(work: &mut Work, until: Until, watch: Watch) -> Result<Outcome, StepError> {
    // After that the database is the visitors' again.
    let _alone = match work.run.standing().visitors_are_back() {
        true => Vec::new(),
        false => guard::take(work)?,
    };
    loop {
        let Some(next) = work.run.standing().next_step() else {
            advance(work, watch)?;
            return Ok(Outcome::Finished);
        };
        if until == Until::Before(next) || work.stop.is_asked() {
            return stop(work, next);
        }
        match advance(work, watch) {
            Err(StepError::Stopped) => return Ok(Outcome::Stopped { before: next }),
            advanced => advanced?,
        };
        if until == Until::OneStep
            && let Some(next) = work.run.standing().next_step()
        {
            return stop(work, next);
        }
    }
}

fn stop(work: &mut Work, before: Step) -> Result<Outcome, StepError> {
    work.note(Entry::Stopped { before })?;
    Ok(Outcome::Stopped { before })
}
