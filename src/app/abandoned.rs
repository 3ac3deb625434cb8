//! A run whose process died and that nobody went on with: the next verb that
//! changes something takes it back, so that no site stays closed for good.

use std::time::Duration;

use crate::app::desk::Held;
use crate::app::failure::Failure;
use crate::app::rollback::NewerData;
use crate::app::rollback::take_back;
use crate::app::status::stands_at;
use crate::base::exit::Exit;
use crate::sys::clock;
use crate::update::run::open_run;

/// Takes such a run back and says so: what was asked for is left to be asked
/// again, by somebody who knows.
pub(super) fn recover(held: &Held) -> Result<(), Failure> {
    let patience = Duration::from_secs(held.site.settings.recovery.after_seconds);
    let (id, standing) = match open_run(&held.site.state.runs())? {
        Some((id, standing)) if standing.is_abandoned(clock::now(), patience) => (id, standing),
        _ => return Ok(()),
    };
    let step = stands_at(&standing).map_or("its beginning", |step| step.name());
    let why = format!("left at {step} by a process that died");
    let answer = take_back(held, &id, &why, NewerData::Refuse, &mut |_, _, _| ())?;
    Err(answer.failure.unwrap_or_else(|| {
        Failure::new(
            Exit::Failed,
            format!("run {id} was {why}, and has been taken back: the site is what it was"),
        )
        .hint("look at `entracte status`, then do it again")
    }))
}
