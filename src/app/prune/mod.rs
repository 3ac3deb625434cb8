//! `prune`: what runs, staging and detached runners leave behind is kept for a
//! while, and then cleared away. Nothing that somebody could still need goes,
//! and what cannot be removed is told and tried again the next time.

mod clear;
mod console;
mod decide;
mod facts;
mod staging;

use std::path::PathBuf;

use jiff::SignedDuration;
use serde::Serialize;

use crate::app::desk::Held;
use crate::app::desk::Place;
use crate::app::failure::Failure;
use crate::app::prune::decide::RunFacts;
use crate::app::prune::decide::What;
use crate::app::report::Answer;
use crate::base::exit::Exit;
use crate::site::Site;
use crate::site::space;
use crate::sys::clock;
use crate::update::run;

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
    /// Of the warnings, the first that says what could not be removed.
    #[serde(skip)]
    first_failure: Option<String>,
}

#[derive(Clone, Debug, Serialize)]
pub struct RemovedView {
    /// `run`, `backup set`, `logs`, `edit`, `leftover`, `staged content`, `downloads`, `copy`, `runner files`, `findings`, `upload`,
    /// `comparison`.
    pub what: String,
    pub path: String,
    pub bytes: u64,
    pub why: String,
}

/// What a run takes on the disk.
#[derive(Clone, Debug, Serialize)]
pub struct RoomView {
    pub run: String,
    /// What only going back needs.
    pub backup: u64,
    pub all: u64,
}

/// The last runs, the oldest first, with what they take.
pub fn room_of_runs(place: &Place, last: usize) -> Result<Vec<RoomView>, Failure> {
    let site = place.open()?;
    let ids = run::list(&site.state.runs())?;
    let ids = &ids[ids.len().saturating_sub(last)..];
    let view = |id: &String| {
        let facts = facts::of(&site, id)?;
        Ok(RoomView { run: id.clone(), backup: facts.backup.unwrap_or_default(), all: facts.bytes })
    };
    ids.iter().map(view).collect()
}

pub fn prune(place: &Place, manner: Manner) -> Result<Answer<PruneView>, Failure> {
    let held = Held::take(place, "prune")?;
    let view = prune_by(&held, manner);
    match (view.removed.is_empty(), &view.first_failure) {
        (true, Some(first)) => {
            let failure = Failure::new(Exit::Failed, "nothing could be removed").hint(first.clone());
            Ok(Answer::failing(failure, view))
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
    staging::downloads(held, clock::now(), &mut broom);
    staging::scratch(held, clock::now(), &mut broom);
    staging::runner_files(held, clock::now(), &mut broom);
    staging::found(held, clock::now(), &mut broom);
    console::uploads(held, &mut broom);
    console::comparisons(held, clock::now(), &mut broom);
    if manner == Manner::Real {
        space::remember(&held.site.state, clock::now());
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
                let told = whole(&failure);
                self.view.first_failure.get_or_insert_with(|| told.clone());
                self.warn(told);
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
            self.warn(whole(&failure));
            T::default()
        })
    }
}

fn whole(failure: &Failure) -> String {
    [std::slice::from_ref(&failure.message), &failure.causes].concat().join(": ")
}

/// What people wrote and the next `days` will take away, each with the folder
/// of the run that holds it.
pub(super) fn edits_to_go(site: &Site, days: u32) -> Vec<(PathBuf, Vec<String>)> {
    let runs = site.state.runs();
    let ids = run::list(&runs).unwrap_or_default();
    let known: Vec<RunFacts> = ids.iter().filter_map(|id| facts::of(site, id).ok()).collect();
    let then = clock::now() + SignedDuration::from_hours(24 * i64::from(days));
    let going = decide::decide(&known, &site.settings.retention, then);
    let whole = |facts: &&RunFacts| going.iter().any(|one| one.run == facts.id && one.what == What::Run);
    let with_edits = known.iter().filter(|facts| !facts.edits.is_empty()).filter(whole);
    with_edits.map(|facts| (runs.join(&facts.id), facts.edits.clone())).collect()
}
