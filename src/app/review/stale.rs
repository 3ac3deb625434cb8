//! Whether a plan is still true, as far as can be told without hashing: what
//! `apply` proves, a look at the times of what the plan touches foretells.

use jiff::Timestamp;

use crate::app::failure::Failure;
use crate::release::staging::Staging;
use crate::site::Site;
use crate::site::installed::Installed;
use crate::sys::beneath::Root;
use crate::sys::beneath::Stat;
use crate::sys::beneath::StatKind;
use crate::sys::fs;
use crate::update::plan::Change;
use crate::update::plan::Plan;
use crate::update::plan::Thing;
use crate::update::plan::What;

/// Paths that are named.
const MOST_PATHS: usize = 8;

/// What changed since the plan was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stale {
    /// Another release is installed by now.
    Installed,
    /// Another release is staged, or none.
    Staged,
    /// The settings were written to.
    Settings,
    /// So many of the paths that it names, and the first of them.
    Paths { count: usize, first: Vec<String> },
}

pub(super) fn all(site: &Site, plan: &Plan, drifted: &[usize]) -> Result<Vec<Stale>, Failure> {
    let mut found = Vec::new();
    let installed = Installed(&site.state.installed()).current()?.map(|current| current.manifest);
    if installed != Some(plan.sealed.from.manifest) {
        found.push(Stale::Installed);
    }
    let staged = Staging::open(&site.state.staging())?.origin()?.map(|origin| origin.manifest);
    if staged != Some(plan.sealed.to.manifest) {
        found.push(Stale::Staged);
    }
    if fs::modified(&site.state.settings())?.is_some_and(|at| at > plan.made) {
        found.push(Stale::Settings);
    }
    if !drifted.is_empty() {
        let path = |at: &usize| plan.sealed.changes.get(*at).map(|change| change.path.to_string());
        let first = drifted.iter().take(MOST_PATHS).filter_map(path).collect();
        found.push(Stale::Paths { count: drifted.len(), first });
    }
    Ok(found)
}

/// Changes of the plan whose path is no longer as it was.
pub(super) fn drifted(site: &Site, plan: &Plan) -> Vec<usize> {
    let Ok(tree) = site.tree() else { return Vec::new() };
    let changes = plan.sealed.changes.iter().enumerate();
    changes.filter(|(_, change)| has_drifted(&tree, change, plan.made)).map(|(at, _)| at).collect()
}

fn has_drifted(tree: &Root, change: &Change, made: Timestamp) -> bool {
    match tree.stat(&change.path) {
        // What cannot be looked at is a matter for the next plan.
        Err(_) => false,
        Ok(None) => change.old.is_some(),
        Ok(Some(stat)) => change.old.as_ref().is_none_or(|old| differs(old, &stat, made)),
    }
}

fn differs(old: &Thing, stat: &Stat, made: Timestamp) -> bool {
    let is_later = stat.ctime.0 > made.as_second();
    match (&old.what, stat.kind) {
        (What::File { size, .. }, StatKind::File) => *size != stat.size || is_later,
        (What::Link { .. }, StatKind::Link) => is_later,
        (What::Folder, StatKind::Folder) => false,
        (What::Other, StatKind::Special(_)) => false,
        (What::Other, _) => is_later,
        _ => true,
    }
}
