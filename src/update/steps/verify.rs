//! Step 9: every file is hashed again and held against the tree that the plan
//! leads to, and the site's health is judged behind the gate.

use crate::base::event::Watch;
use crate::base::path::TreePath;
use crate::site::health::Verdict;
use crate::site::health::judge;
use crate::site::health::measure;
use crate::update::error::StepError;
use crate::update::journal::EffectState;
use crate::update::php;
use crate::update::steps::close::baseline;
use crate::update::work::Work;

/// How often an ailing page is asked again.
const TRIES: u32 = 3;

pub fn verify(work: &mut Work, watch: Watch) -> Result<String, StepError> {
    let live = work.scan(watch)?;
    let paths = differences(work, &live)?;
    if !paths.is_empty() {
        return Err(StepError::OtherTree { paths });
    }
    php::renew(work, watch)?;
    let health = health(work)?;
    Ok(format!("{} entries as planned{health}", live.len()))
}

/// Paths at which the live tree is not what the plan leads to, apart from what
/// the run may change.
pub fn differences(work: &Work, live: &crate::base::tree::Tree) -> Result<Vec<TreePath>, StepError> {
    let mut differing = work.planned()?.differences(live, &work.changeable());
    // A script that has run bears another name.
    let done: Vec<TreePath> = work
        .run
        .standing()
        .scripts
        .iter()
        .filter(|(_, state)| matches!(state, EffectState::Done | EffectState::Vouched))
        .flat_map(|(path, _)| {
            [Some(TreePath::from(path)), path.with_suffix(".done").ok().map(|done| (&done).into())]
        })
        .flatten()
        .collect();
    differing.retain(|path| !done.contains(path));
    Ok(differing)
}

fn health(work: &Work) -> Result<String, StepError> {
    // It answers everybody that it is closed, so it is asked when it is open.
    if work.site.profile.lock.as_ref().is_some_and(|lock| !lock.close.is_empty()) {
        return Ok(", its health is judged when the application is unlocked".into());
    }
    let (Some((probe, _)), Some(before)) = (work.site.probe()?, baseline(work)?) else {
        return Ok(String::new());
    };
    let now = measure(&probe, &work.site.health_targets()?, Some(work.gate.pass()), TRIES);
    match judge(&before, &now) {
        Verdict::Good => Ok(", the site is well".into()),
        Verdict::Unknown(reason) => Ok(format!(", its health could not be judged: {reason}")),
        Verdict::Bad(reasons) => Err(StepError::Unhealthy { reasons }),
    }
}
