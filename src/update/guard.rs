//! While a run works, no other entracte works on its databases, nor anything
//! that a killed one left behind.

use crate::base::step::Step;
use crate::database::guard::Guard;
use crate::update::databases;
use crate::update::error::StepError;
use crate::update::journal::Entry;
use crate::update::work::Work;

/// Takes the databases of the run, if it has any; others are kept out for as
/// long as what is returned lives.
pub fn take(work: &mut Work) -> Result<Vec<Guard>, StepError> {
    let (mut guards, mut entries) = (Vec::new(), Vec::new());
    for kept in databases::kept(work)? {
        let earlier = earlier(work, kept.number);
        if let Some(guard) = Guard::take(kept.address(), &kept.scope(), &earlier)? {
            entries.push(Entry::Guarded { connection: guard.connection_id(), database: kept.number });
            guards.push(guard);
        }
    }
    entries.into_iter().try_for_each(|entry| work.note(entry))?;
    if work.run.standing().was_started(Step::Migrate) {
        guards.iter_mut().try_for_each(Guard::settle)?;
    }
    Ok(guards)
}

/// Connections that guarded this database for this run before.
fn earlier(work: &Work, number: usize) -> Vec<u64> {
    let entries = work.run.journal.records().iter().map(|record| &record.entry);
    let guards = entries.filter_map(|entry| match entry {
        Entry::Guarded { connection, database } if *database == number => Some(*connection),
        _ => None,
    });
    guards.collect()
}
