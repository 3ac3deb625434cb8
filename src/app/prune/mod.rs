//! `prune`: what runs, staging and detached runners leave behind is kept for a
//! while, and then cleared away. Nothing that somebody could still need goes,
//! and what cannot be removed is told and tried again the next time.

mod clear;
mod decide;
mod facts;
mod staging;

use serde::Serialize;

use crate::app::desk::Held;
use crate::app::desk::Place;
use crate::app::doctor::room;
use crate::app::failure::Failure;
use crate::app::report::Answer;
use crate::base::exit::Exit;
use crate::sys::clock;

/// Whether anything is touched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    Dry,
    Real,
}

#[derive(Clone, Debug, Default, Serialize)]
pub struct PruneView {
    pub removed: Vec<RemovedView>,
    /// Of all that was removed.
    pub bytes: u64,
    pub warnings: Vec<String>,
    pub dry_run: bool,
}

#[derive(Clone, Debug, Serialize)]
pub struct RemovedView {
    /// `run`, `backup set`, `logs`, `edit`, `leftover`, `staged content`, `runner files`.
    pub what: String,
    pub path: String,
    pub bytes: u64,
    pub why: String,
}

pub fn prune(place: &Place, manner: Manner) -> Result<Answer<PruneView>, Failure> {
    let held = Held::take(place, "prune")?;
    let view = prune_by(&held, manner);
    match view.removed.is_empty() && !view.warnings.is_empty() && manner == Manner::Real {
        true if !facts::is_any_open(&held) => {
            let failure = Failure::new(Exit::Failed, "nothing could be removed");
            Ok(Answer::failing(failure.hint(view.warnings[0].clone()), view))
        }
        _ => Ok(Answer::done(view)),
    }
}

/// The same for whoever holds the site already; what went wrong is among the warnings.
pub fn prune_here(held: &Held) -> PruneView {
    prune_by(held, Manner::Real)
}

fn prune_by(held: &Held, manner: Manner) -> PruneView {
    let mut broom =
        Broom { manner, view: PruneView { dry_run: manner == Manner::Dry, ..Default::default() } };
    clear::leftovers(held, &mut broom);
    clear::runs(held, clock::now(), &mut broom);
    staging::content(held, clock::now(), &mut broom);
    staging::runner_files(held, clock::now(), &mut broom);
    if manner == Manner::Real {
        room::remember(&held.site, clock::now());
    }
    broom.view
}

/// What sweeps, and remembers what it swept.
struct Broom {
    manner: Manner,
    view: PruneView,
}

impl Broom {
    /// Does it, unless this is only a look, and tells of it; whether it is done.
    fn sweep(&mut self, removed: RemovedView, how: impl FnOnce() -> Result<(), Failure>) -> bool {
        let done = match self.manner {
            Manner::Dry => Ok(()),
            Manner::Real => how(),
        };
        match done {
            Ok(()) => {
                self.view.bytes += removed.bytes;
                self.view.removed.push(removed);
                true
            }
            Err(failure) => {
                let because: String = failure.causes.iter().map(|cause| format!(": {cause}")).collect();
                self.warn(format!("{}{because}", failure.message));
                false
            }
        }
    }

    fn warn(&mut self, warning: String) {
        self.view.warnings.push(warning);
    }

    /// What was looked at, or nothing and a warning.
    fn seen<T: Default, E: Into<Failure>>(&mut self, looked: Result<T, E>) -> T {
        looked.map_err(Into::into).unwrap_or_else(|failure: Failure| {
            let because: String = failure.causes.iter().map(|cause| format!(": {cause}")).collect();
            self.warn(format!("{}{because}", failure.message));
            T::default()
        })
    }
}
