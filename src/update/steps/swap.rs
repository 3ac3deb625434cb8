//! Step 5: the new files trade places with the old ones.

use crate::base::count;
use crate::base::event::Watch;
use crate::base::step::Step;
use crate::integrity::scan::hash_file;
use crate::update::error::StepError;
use crate::update::operations::operations;
use crate::update::restore_text;
use crate::update::swap::SwapError;
use crate::update::swap::back::Reached;
use crate::update::swap::back::check_backup;
use crate::update::swap::back::swap_back;
use crate::update::swap::forward;
use crate::update::work::Work;

pub fn swap(work: &mut Work, watch: Watch) -> Result<String, StepError> {
    let workshop = work.workshop()?;
    let record = match work.record()? {
        Some(record) => record,
        None => {
            let live = work.scan(watch)?;
            work.prepare(&operations(&work.run.plan.sealed.changes, &live), watch)?
        }
    };
    forward::check_drift(&workshop, &record)?;
    let stop = work.stop;
    match forward::swap(&workshop, &record, &|| stop.is_asked(), watch) {
        Err(SwapError::Stopped) => return Err(StepError::Stopped),
        swapped => swapped?,
    }
    crate::sys::fs::write_durable(&work.run.folder.restore_text(), restore_text::write(work)?.as_bytes())?;
    Ok(count::of(record.moves.len(), "operation"))
}

/// Proves the whole backup set, then puts every old file back.
pub fn undo(work: &mut Work, watch: Watch) -> Result<String, StepError> {
    let Some(record) = work.record()? else { return Ok(String::new()) };
    let workshop = work.workshop()?;
    let set_aside = swap_back(&workshop, &record, reached(work), watch)?;
    work.tell_aside(Step::Swap, &set_aside, watch)?;
    Ok(format!("{} undone", count::of(record.moves.len(), "operation")))
}

/// Whether every saved copy is there and unharmed. Writes nothing.
pub fn prove_backup(work: &Work) -> Result<(), StepError> {
    let Some(record) = work.record()? else { return Ok(()) };
    let prove = |root: &crate::sys::beneath::Root, path: &crate::base::path::SitePath| {
        Ok(hash_file(root, path, crate::base::digest::Algorithms::Sha256)?.1)
    };
    Ok(check_backup(&work.workshop()?, &record, reached(work), &prove)?)
}

fn reached(work: &Work) -> Reached {
    if work.run.standing().is_done(Step::Swap) { Reached::End } else { Reached::Somewhere }
}
