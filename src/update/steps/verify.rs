//! Step 9: every file is hashed again and held against the tree that the plan
//! leads to, and the site's health is judged behind the gate.

use crate::base::count;
use crate::base::event::Watch;
use crate::base::path::TreePath;
use crate::base::step::Step;
use crate::update::error::StepError;
use crate::update::health;
use crate::update::journal::EffectState;
use crate::update::php;
use crate::update::work::Work;

pub fn verify(work: &mut Work, watch: Watch) -> Result<String, StepError> {
    let live = work.scan(watch)?;
    let paths = differences(work, &live)?;
    if !paths.is_empty() {
        return Err(StepError::OtherTree { paths });
    }
    php::renew(work, watch)?;
    let health = judge_health(work, watch)?;
    Ok(format!("{} as planned{health}", count::of(live.len(), "entry")))
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

fn judge_health(work: &mut Work, watch: Watch) -> Result<String, StepError> {
    // It answers everybody that it is closed, so it is asked when it is open.
    if work.site.profile.lock.as_ref().is_some_and(|lock| !lock.close.is_empty()) {
        return Ok(", its health is judged when the application is unlocked".into());
    }
    let pass = work.gate.pass().clone();
    health::judge_now(work, Step::Verify, Some(&pass), watch)
}
