//! Step 10: the new release becomes the installed one, the curtain opens, and
//! the site is asked once more.

use std::collections::BTreeMap;

use crate::base::event::Watch;
use crate::base::json;
use crate::base::step::Step;
use crate::database;
use crate::database::TableSum;
use crate::site::installed::Installed;
use crate::sys::fs;
use crate::update::baseline::install_baseline;
use crate::update::baseline::keep_accepted;
use crate::update::databases;
use crate::update::error::StepError;
use crate::update::health;
use crate::update::journal::Entry;
use crate::update::owners;
use crate::update::reserve;
use crate::update::sealed;
use crate::update::steps::close;
use crate::update::steps::save::put_back_baseline;
use crate::update::work::Work;

pub fn reopen(work: &mut Work, watch: Watch) -> Result<String, StepError> {
    if !fs::exists(&work.run.folder.sums_at_reopen()) {
        remember_sums(work)?;
    }
    install_baseline(work)?;
    close::open(work)?;
    expect_owners(work)?;
    reserve::give_back(&work.run.folder)?;
    let health = health::judge_now(work, Step::Reopen, None, watch)?;
    Ok(format!("visitors are back{health}"))
}

/// What is not remembered is told by a watch, which harms nobody.
fn expect_owners(work: &mut Work) -> Result<(), StepError> {
    match owners::settle(work) {
        Ok(()) => Ok(()),
        Err(error) => {
            let message = format!("{error}: a watch will tell what the update did to the owner's files");
            work.note(Entry::Warning { step: Some(Step::Reopen), message })
        }
    }
}

/// Closes the site again and takes the installed baseline back.
pub fn undo(work: &mut Work) -> Result<String, StepError> {
    // Where it cannot be read there is nothing to keep of it.
    let before = Installed(&work.site.state.installed()).current().unwrap_or_default();
    put_back_baseline(work)?;
    keep_accepted(work, before)?;
    Ok(String::new())
}

/// What each table holds now, before visitors write again.
fn remember_sums(work: &Work) -> Result<(), StepError> {
    let sums = sums(work)?;
    if sums.is_empty() {
        return Ok(());
    }
    let path = work.run.folder.sums_at_reopen();
    let text = json::pretty(&sums).map_err(|source| StepError::Damaged { path: fs::shown(&path), source })?;
    Ok(sealed::write(&path, &text)?)
}

/// Rows and checksums of the tables that the run saved, volatile rows left out.
pub fn sums(work: &Work) -> Result<BTreeMap<String, TableSum>, StepError> {
    let mut sums = BTreeMap::new();
    for kept in databases::kept(work)? {
        if kept.record()?.is_none() {
            continue;
        }
        let mut database = database::open(kept.address())?;
        for table in database.tables()?.into_iter().filter(|table| table.is_base()) {
            let volatile = work.site.volatile_rows(&table.name);
            if kept.dumped.holds(&table.name) && volatile.as_deref() != Some("1") {
                let sum = database.checksum(&table.name, volatile.as_deref())?;
                sums.insert(kept.name_of(&table.name), sum);
            }
        }
    }
    Ok(sums)
}

/// Shuts visitors out again, before anything is taken back.
pub fn close_again(work: &mut Work) -> Result<(), StepError> {
    work.note(Entry::Closing)?;
    work.gate.close(&close::closing(work))?;
    close::prove_closed(work)?;
    work.drain();
    Ok(())
}
