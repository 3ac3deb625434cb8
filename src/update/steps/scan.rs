//! Step 6: the extensions of the new tree, as data. They must be those that
//! review found in the planned tree; what vanished since last time is told.

use crate::base::count;
use crate::base::step::Step;
use crate::site::extension;
use crate::site::extension::Extension;
use crate::sys::fs;
use crate::update::error::StepError;
use crate::update::journal::Entry;
use crate::update::work::Work;

pub fn scan(work: &mut Work) -> Result<String, StepError> {
    let extension::Found { extensions: found, warnings } =
        extension::scan_tree(&work.site.tree()?, &work.site.profile.release.extensions)?;
    let now = ids(&found);
    let planned = work.run.plan.sealed.extensions.clone();
    if now != planned {
        return Err(StepError::OtherExtensions { planned, now });
    }
    let previous = extension::load(&work.site.state.installed().join("extensions.json"))?;
    let vanished = extension::vanished(&previous, &found);
    for id in &vanished {
        warn(work, format!("extension {id} was there before and is not in this release"))?;
    }
    for message in warnings {
        warn(work, message)?;
    }
    store(work, &found)?;
    Ok(count::of(found.len(), "extension"))
}

/// Their ids, sorted: what a plan is sealed with.
pub fn ids(extensions: &[Extension]) -> Vec<String> {
    let mut ids: Vec<String> = extensions.iter().map(|extension| extension.id.clone()).collect();
    ids.sort();
    ids
}

fn warn(work: &mut Work, message: String) -> Result<(), StepError> {
    let message = crate::base::escape::text(&message).into_owned();
    work.note(Entry::Warning { step: Some(Step::Scan), message })
}

fn store(work: &Work, extensions: &[Extension]) -> Result<(), StepError> {
    Ok(fs::write_durable(&work.run.folder.extensions(), &extension::to_json(extensions))?)
}
