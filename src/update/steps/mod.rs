//! The steps of a run, one file each. Every step may be done twice and undone
//! twice, and reads what it needs from the journal and the disk.

pub mod close;
pub mod migrate;
pub mod reopen;
pub mod run_once;
pub mod save;
pub mod scan;
pub mod swap;
pub mod tables;
pub mod verify;

use crate::base::event::Watch;
use crate::base::step::Step;
use crate::update::error::StepError;
use crate::update::work::Work;

/// Does one step; the answer is a line for people.
pub fn forward(step: Step, work: &mut Work, watch: Watch) -> Result<String, StepError> {
    match step {
        // Both are done before a run opens, and proved again by what opens it.
        Step::Stage | Step::Review => Ok(String::new()),
        Step::Close => close::close(work, watch),
        Step::Save => save::save(work, watch),
        Step::Swap => swap::swap(work, watch),
        Step::Scan => scan::scan(work),
        Step::Migrate => migrate::migrate(work, watch),
        Step::RunOnce => run_once::run_once(work, watch),
        Step::Verify => verify::verify(work, watch),
        Step::Reopen => reopen::reopen(work, watch),
    }
}

/// Takes one step back, as far as it was done.
pub fn back(step: Step, work: &mut Work, watch: Watch) -> Result<String, StepError> {
    match step {
        Step::Stage | Step::Review | Step::Scan | Step::Verify => Ok(String::new()),
        Step::Close => close::undo(work, watch),
        Step::Save => save::undo(work, watch),
        Step::Swap => swap::undo(work, watch),
        Step::Migrate => migrate::undo(work, watch),
        Step::RunOnce => run_once::undo(work),
        Step::Reopen => reopen::undo(work),
    }
}
