//! While a run works, no other entracte works on its database, nor anything
//! that a killed one left behind.

use crate::base::step::Step;
use crate::database::guard::Guard;
use crate::update::error::StepError;
use crate::update::journal::Entry;
use crate::update::work::Work;

/// Takes the database of the run, if it has one; others are kept out for as
/// long as what is returned lives.
pub fn take(work: &mut Work) -> Result<Option<Guard>, StepError> {
    let Some(scope) = work.run.plan.sealed.database.dumped() else { return Ok(None) };
    let address = work.database.ok_or(StepError::NoDatabase)?;
    let Some(mut guard) = Guard::take(address, &scope, &earlier(work))? else { return Ok(None) };
    work.note(Entry::Guarded { connection: guard.connection_id() })?;
    if work.run.standing().was_started(Step::Migrate) {
        guard.settle()?;
    }
    Ok(Some(guard))
}

/// Connections that guarded this run before.
fn earlier(work: &Work) -> Vec<u64> {
    let entries = work.run.journal.records().iter().map(|record| &record.entry);
    let guards = entries.filter_map(|entry| match entry {
        Entry::Guarded { connection } => Some(*connection),
        _ => None,
    });
    guards.collect()
}
