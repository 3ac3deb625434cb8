//! Step 3: everything that can be prepared is prepared; then the curtain
//! closes, is proved closed, and requests under way are given time to end.

use crate::base::count;
use crate::base::event::Watch;
use crate::base::step::Step;
use crate::base::tree::Tree;
use crate::site::gate::Closing;
use crate::site::gate::Opened;
use crate::site::gate_proof;
use crate::site::probe::shown;
use crate::site::proof::NotClosed;
use crate::sys::clock;
use crate::sys::fs;
use crate::update::error::StepError;
use crate::update::health;
use crate::update::journal::Entry;
use crate::update::operations::Act;
use crate::update::operations::Operation;
use crate::update::operations::operations;
use crate::update::plan::Thing;
use crate::update::reserve;
use crate::update::saved::Saved;
use crate::update::swap::SwapError;
use crate::update::swap::forward::check_drift;
use crate::update::work::Work;

/// Shortest time that visitors are told to wait, in seconds.
const MIN_RETRY_SECONDS: u32 = 30;

pub fn close(work: &mut Work, watch: Watch) -> Result<String, StepError> {
    let live = work.scan(watch)?;
    let operations = operations(&work.run.plan.sealed.changes, &live);
    check_planned(&operations, &live)?;
    let record = work.prepare(&operations, watch)?;
    check_drift(&work.workshop()?, &record)?;
    health::measure_baseline(work, watch)?;
    save_unlocked(work, &live)?;
    reserve::take(&work.run.folder)?;
    work.note(Entry::Closing)?;
    work.gate.close(&closing(work))?;
    prove_closed(work)?;
    remember_proof(work)?;
    work.drain();
    Ok(format!("{} prepared, visitors get 503", count::of(record.moves.len(), "operation")))
}

/// Refuses where somebody has changed what is to be replaced or removed since the
/// plan was proved: from here on only the marks of inodes are compared.
fn check_planned(operations: &[Operation], live: &Tree) -> Result<(), StepError> {
    for operation in operations.iter().filter(|this| matches!(this.act, Act::Exchange | Act::Withdraw)) {
        let path = &operation.path;
        if live.get(&path.into()).map(Thing::of_node) != operation.old {
            return Err(SwapError::Drift { path: path.clone() }.into());
        }
    }
    Ok(())
}

/// Opens the gate again; what the application's lock had changed is put back
/// before visitors get in.
pub fn undo(work: &mut Work, watch: Watch) -> Result<String, StepError> {
    if work.gate.state()?.closed {
        work.gate.unlock()?;
        put_back_unlocked(work, watch)?;
    }
    let opened = work.gate.let_in()?;
    opened_to_visitors(work, opened)?;
    Ok("the site is open".into())
}

/// Opens the gate and proves that visitors get in.
pub fn open(work: &mut Work) -> Result<(), StepError> {
    let opened = work.gate.open()?;
    opened_to_visitors(work, opened)
}

/// Copies what the programs of the application's lock change, before they run
/// for the first time. A site that a person closed before the run is locked
/// already: what its files were unlocked nobody knows, so unlocking is all
/// that is undone.
fn save_unlocked(work: &Work, live: &Tree) -> Result<(), StepError> {
    let (patterns, folder) = (work.site.profile.lock_changes(), work.run.folder.saved_lock());
    if patterns.is_empty() || work.gate.state()?.closed {
        return Ok(());
    }
    Saved::take(&work.workshop()?, live, &patterns, &folder)?;
    Ok(())
}

fn put_back_unlocked(work: &mut Work, watch: Watch) -> Result<(), StepError> {
    let folder = work.run.folder.saved_lock();
    let Some(saved) = Saved::load(&folder)? else { return Ok(()) };
    let (now, workshop) = (work.scan(watch)?, work.workshop()?);
    let changed = saved.put_back(&workshop, &now, &folder)?;
    work.tell_aside(Step::Close, &changed, watch)
}

fn opened_to_visitors(work: &mut Work, opened: Opened) -> Result<(), StepError> {
    work.note(Entry::Opening)?;
    if let Some(path) = opened.set_aside {
        let message = format!(
            "somebody edited .htaccess while the site was closed; the earlier one is at {}",
            fs::shown(&path)
        );
        work.note(Entry::Warning { step: Some(Step::Close), message })?;
    }
    let Some((probe, url)) = work.site.probe()? else { return Ok(()) };
    match probe.get(&url, None) {
        Ok(answer) if answer.closed_by_us => {
            Err(StepError::NotOpen { reason: format!("{url} still answers with the closed page") })
        }
        // Whatever else it answers is not the gate's doing.
        Ok(_) | Err(_) => Ok(()),
    }
}

pub fn closing(work: &Work) -> Closing {
    let expected = (work.run.plan.estimate.closed_seconds * 1.5).ceil() as u32;
    let plan = &work.run.plan.sealed;
    Closing {
        reason: format!("update to {}", plan.to.version),
        by: work.run.id.clone(),
        since: clock::now(),
        retry_after_seconds: expected.max(MIN_RETRY_SECONDS),
    }
}

/// Asks as a visitor, where the site has a URL.
pub fn prove_closed(work: &Work) -> Result<(), StepError> {
    let Some((probe, url)) = work.site.probe()? else { return Ok(()) };
    probe.prove_closed(&url, work.gate.pass()).map_err(|error| match error {
        NotClosed::Probe(source) => StepError::Unproved { url: shown(&url), source },
        error => StepError::NotClosed(error),
    })
}

/// Automation asks for a gate that was proved once; without a URL none is.
fn remember_proof(work: &mut Work) -> Result<(), StepError> {
    if work.site.settings.url.is_none() {
        return Ok(());
    }
    match gate_proof::remember(work.site, work.gate) {
        Ok(()) => Ok(()),
        Err(error) => {
            let message = format!("{error}: what proved the gate closed is not remembered");
            work.note(Entry::Warning { step: Some(Step::Close), message })
        }
    }
}
