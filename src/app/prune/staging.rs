//! Staged content that nobody needs any more, and what detached runners wrote.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::path::Path;
use std::path::PathBuf;

use jiff::Timestamp;

use crate::app::desk::Held;
use crate::app::failure::Failure;
use crate::app::prune::Broom;
use crate::app::prune::RemovedView;
use crate::app::prune::facts;
use crate::app::runner::is_in_use;
use crate::app::runner::last_of;
use crate::base::count;
use crate::base::digest::Sha256;
use crate::release::staging::Staging;
use crate::sys::disk;
use crate::sys::fs;
use crate::sys::fs::IoError;
use crate::update::plan::Plan;

/// Objects that neither the staged release nor the plan names.
pub fn content(held: &Held, now: Timestamp, broom: &mut Broom) {
    let folder = held.site.state.staging().join("objects");
    // A run that is not over may still take from there.
    if !fs::is_real_folder(&folder) || facts::is_any_open(&held.site) {
        return;
    }
    let days = held.site.settings.retention.staged_days;
    let Some(needed) = broom.seen(needed(held).map(Some)) else { return };
    let old = broom.seen(spare(&folder, &needed, now, days));
    let why = format!("no staged release or plan needs it, older than {days} days");
    remove_all("staged content", &folder, old, &why, broom);
}

/// Archives that were fetched, and parts of them.
pub fn downloads(held: &Held, now: Timestamp, broom: &mut Broom) {
    let folder = held.site.state.staging().join("download");
    if !fs::is_real_folder(&folder) {
        return;
    }
    let days = held.site.settings.retention.staged_days;
    let mut old = broom.seen(fs::list(&folder));
    old.retain(|path| fs::is_file(path) && is_old(path, now, days).unwrap_or(false));
    remove_all("downloads", &folder, old, &format!("older than {days} days"), broom);
}

fn needed(held: &Held) -> Result<BTreeSet<Sha256>, Failure> {
    let staged = Staging::open(&held.site.state.staging())?.staged()?;
    let of_release = staged.iter().flat_map(|staged| &staged.manifest.files).filter_map(|file| file.sha256());
    let mut needed: BTreeSet<Sha256> = of_release.collect();
    if fs::is_file(&held.site.state.plan()) {
        let plan = Plan::load(&held.site.state.plan())?;
        needed.extend(plan.sealed.changes.iter().filter_map(|change| change.new.as_ref()?.sha256()));
    }
    Ok(needed)
}

fn spare(
    objects: &Path,
    needed: &BTreeSet<Sha256>,
    now: Timestamp,
    days: u32,
) -> Result<Vec<PathBuf>, IoError> {
    let names: BTreeSet<String> = needed.iter().map(ToString::to_string).collect();
    let is_needed =
        |path: &Path| path.file_name().and_then(OsStr::to_str).is_none_or(|name| names.contains(name));
    let mut found = Vec::new();
    for shelf in fs::list(objects)? {
        let here = if fs::is_real_folder(&shelf) { fs::list(&shelf)? } else { vec![shelf] };
        for object in here {
            if fs::is_file(&object) && !is_needed(&object) && is_old(&object, now, days)? {
                found.push(object);
            }
        }
    }
    Ok(found)
}

/// Copies of databases that a look left behind when it was killed.
pub fn scratch(held: &Held, now: Timestamp, broom: &mut Broom) {
    let folder = held.site.state.scratch();
    if !fs::is_real_folder(&folder) {
        return;
    }
    for copy in broom.seen(fs::list(&folder)) {
        // Nobody looks for a day.
        if !is_old(&copy, now, 1).unwrap_or(false) {
            continue;
        }
        let bytes = disk::usage(&copy).unwrap_or_default();
        let why = "whoever looked at it was ended".into();
        let removed = RemovedView { what: "copy".into(), path: fs::shown(&copy), bytes, why };
        broom.sweep(removed, || Ok(fs::remove_folder_all(&copy)?));
    }
}

/// Events and answers of runners that are gone; the last one's stay, since
/// `attach` shows them.
pub fn runner_files(held: &Held, now: Timestamp, broom: &mut Broom) {
    let folder = held.site.state.runner();
    if !fs::is_real_folder(&folder) {
        return;
    }
    let days = held.site.settings.retention.logs_days;
    let last = broom.seen(last_of(&held.site.state));
    let stays = |path: &PathBuf| {
        let stem = path.file_stem();
        stem == Some("current".as_ref())
            || last.as_ref().is_some_and(|runner| runner.events.file_stem() == stem)
    };
    let mut old = broom.seen(fs::list(&folder));
    old.retain(|path| {
        fs::is_file(path) && !stays(path) && is_old(path, now, days).unwrap_or(false) && !is_in_use(path)
    });
    remove_all("runner files", &folder, old, &format!("older than {days} days"), broom);
}

/// What old watches found, in full; the log of the site names it for ever.
pub fn found(held: &Held, now: Timestamp, broom: &mut Broom) {
    let folder = held.site.state.watch();
    if !fs::is_real_folder(&folder) {
        return;
    }
    let days = held.site.settings.retention.days;
    let name = |path: &Path| path.file_name().and_then(OsStr::to_str).unwrap_or_default().to_owned();
    let mut old = broom.seen(fs::list(&folder));
    old.retain(|path| name(path).starts_with("found-") && fs::is_file(path));
    // The newest stays: it says what the site is like.
    old.pop();
    old.retain(|path| is_old(path, now, days).unwrap_or(false));
    remove_all("findings", &folder, old, &format!("older than {days} days"), broom);
}

pub(super) fn remove_all(what: &str, folder: &Path, files: Vec<PathBuf>, why: &str, broom: &mut Broom) {
    if files.is_empty() {
        return;
    }
    let bytes = files.iter().filter_map(|file| disk::usage(file).ok()).sum();
    let why = format!("{}: {why}", count::of(files.len(), "file"));
    let removed = RemovedView { what: what.into(), path: fs::shown(folder), bytes, why };
    broom.sweep(removed, || Ok(files.iter().try_for_each(|file| fs::remove_file_if_present(file))?));
}

pub(super) fn is_old(path: &Path, now: Timestamp, days: u32) -> Result<bool, IoError> {
    let age = fs::modified(path)?.map(|then| now.duration_since(then).as_secs());
    Ok(age.is_some_and(|age| age >= i64::from(days) * 86_400))
}
