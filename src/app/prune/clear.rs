//! Clearing runs away so that a kill at any point confuses nobody: a run that
//! could be taken back says first that it no longer can; one that goes as a
//! whole gets a name first that is no run's.

use std::path::Path;

use jiff::Timestamp;

use crate::app::desk::Held;
use crate::app::failure::Failure;
use crate::app::prune::Broom;
use crate::app::prune::RemovedView;
use crate::app::prune::decide::Pruned;
use crate::app::prune::decide::RunFacts;
use crate::app::prune::decide::What;
use crate::app::prune::decide::decide;
use crate::app::prune::facts;
use crate::site::history;
use crate::site::history::Deed;
use crate::site::history::News;
use crate::sys::disk;
use crate::sys::fault;
use crate::sys::fs;
use crate::sys::fs::IoError;
use crate::update::backup_set;
use crate::update::journal::Entry;
use crate::update::journal::Journal;
use crate::update::place;
use crate::update::run;
use crate::update::run::RunFolder;
use crate::update::standing::End;

/// What is being cleared away has this before its run's id.
const GOING: &str = ".pruned-";
/// What a look at the web server leaves when it is killed.
const CANARY: &str = ".entracte-probe-";
/// As many edits are named, the others counted.
const NAMED: usize = 50;

/// Folders of runs that never began, and what an earlier prune did not come to
/// the end of.
pub fn leftovers(held: &Held, broom: &mut Broom) {
    let runs = held.site.state.runs();
    let entries = if fs::is_real_folder(&runs) { broom.seen(fs::list(&runs)) } else { Vec::new() };
    for path in entries.iter().filter(|path| fs::is_real_folder(path)) {
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
        let why = match name.strip_prefix(GOING) {
            Some(_) => "an earlier prune was cut off",
            None if name.starts_with(CANARY) => "a look at the web server was cut off",
            None if run::is_id(name) && never_began(path) => "a run that never began",
            None => continue,
        };
        let removed = told("leftover", path, disk::usage(path).unwrap_or_default(), why);
        broom.sweep(removed, || Ok(remove_gone(held, path)?));
    }
}

fn never_began(folder: &Path) -> bool {
    let journal = fs::metadata(&folder.join("journal.jsonl"));
    journal.is_ok_and(|journal| journal.is_none_or(|journal| journal.len() == 0))
}

/// Removes a folder that is no run's, and what the run had inside the site.
fn remove_gone(held: &Held, path: &Path) -> Result<(), IoError> {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    if let Some(id) = name.strip_prefix(GOING).filter(|id| run::is_id(id)) {
        fs::remove_folder_all(&place::inside(&held.site.root, id))?;
    }
    fs::remove_folder_all(path)
}

/// Runs, by what is decided on each; the oldest first, and none after one that
/// could not be cleared away.
pub fn runs(held: &Held, now: Timestamp, broom: &mut Broom) {
    let ids = broom.seen(run::list(&held.site.state.runs()));
    let mut known: Vec<RunFacts> = Vec::new();
    for id in ids {
        if !fs::is_real_folder(&held.site.state.runs().join(&id)) {
            broom.warn(format!("nothing of run {id} is removed: its folder is none of ours"));
            continue;
        }
        match facts::of(&held.site, &id) {
            Ok(facts) if facts.end.is_none() => {
                broom.warn(format!("run {id} is not over: nothing of it is removed"));
                known.push(facts);
            }
            Ok(facts) => known.push(facts),
            // Nobody knows what that one needs, so it is left alone.
            Err(failure) => broom.warn(format!("nothing of run {id} is removed: {}", failure.message)),
        }
    }
    for pruned in decide(&known, &held.site.settings.retention, now) {
        let Some(facts) = known.iter().find(|facts| facts.id == pruned.run) else { continue };
        if !clear(held, &pruned, facts, broom) {
            broom.warn(format!("nothing newer than run {} was removed", pruned.run));
            break;
        }
    }
    still_too_much(held, &known, broom);
}

fn still_too_much(held: &Held, known: &[RunFacts], broom: &mut Broom) {
    let taken: u64 = known.iter().map(|facts| facts.bytes).sum();
    let left = taken.saturating_sub(broom.view.bytes);
    if let Some(most) = held.site.settings.retention.bytes.filter(|most| left > *most) {
        broom
            .warn(format!("what has to be kept of runs takes {left} bytes, more than the {most} of `bytes`"));
    }
}

fn clear(held: &Held, pruned: &Pruned, facts: &RunFacts, broom: &mut Broom) -> bool {
    let folder = RunFolder::new(held.site.state.runs().join(&pruned.run));
    let why = pruned.why.to_string();
    match pruned.what {
        What::Logs => {
            let removed = told("logs", &folder.logs(), facts.logs.unwrap_or_default(), &why);
            broom.sweep(removed, || Ok(fs::remove_folder_all(&folder.logs())?))
        }
        What::BackupSet => {
            let removed = told("backup set", folder.path(), facts.backup.unwrap_or_default(), &why);
            broom.sweep(removed, || remove_set(held, pruned, facts, &folder))
        }
        What::Run => {
            let (at, removed) = (broom.view.removed.len(), told("run", folder.path(), facts.bytes, &why));
            let done = broom.sweep(removed, || remove_run(held, pruned, facts, &folder));
            let edits = facts.edits.iter().take(if done { NAMED } else { 0 });
            let edits = edits.map(|edit| told("edit", &folder.path().join(edit), 0, &why));
            broom.view.removed.splice(at..at, edits);
            done
        }
    }
}

fn told(what: &str, path: &Path, bytes: u64, why: &str) -> RemovedView {
    RemovedView { what: what.into(), path: fs::shown(path), bytes, why: why.into() }
}

fn remove_set(held: &Held, pruned: &Pruned, facts: &RunFacts, folder: &RunFolder) -> Result<(), Failure> {
    give_up_way_back(facts, folder)?;
    note(held, pruned, format!("its backup set: {}", pruned.why))?;
    place::leave(&held.site.root, &pruned.run, folder.path())?;
    Ok(backup_set::remove(folder)?)
}

fn remove_run(held: &Held, pruned: &Pruned, facts: &RunFacts, folder: &RunFolder) -> Result<(), Failure> {
    give_up_way_back(facts, folder)?;
    note(held, pruned, format!("all of it: {}{}", pruned.why, named(&facts.edits)))?;
    let runs = held.site.state.runs();
    let gone = runs.join(format!("{GOING}{}", pruned.run));
    fs::rename(folder.path(), &gone)?;
    fs::sync_folder(&runs)?;
    visit("prune.renamed", &gone)?;
    Ok(remove_gone(held, &gone)?)
}

fn named(edits: &[String]) -> String {
    let more = edits.len().saturating_sub(NAMED);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    match edits {
        [] => String::new(),
        _ => format!("; with what people wrote: {}{more}", edits[..edits.len().min(NAMED)].join(", ")),
    }
}

/// A finished run that nobody committed says that it is, before it loses what
/// going back needs.
fn give_up_way_back(facts: &RunFacts, folder: &RunFolder) -> Result<(), Failure> {
    if facts.end.is_none_or(|(end, _)| end != End::Finished) {
        return Ok(());
    }
    let mut journal = Journal::open(&folder.journal())?;
    if !journal.standing().committed {
        journal.write(Entry::Committed)?;
    }
    Ok(visit("prune.committed", folder.path())?)
}

fn note(held: &Held, pruned: &Pruned, detail: String) -> Result<(), Failure> {
    let news = News { event: Deed::Pruned, run: Some(&pruned.run), by: None, detail };
    Ok(history::append(&held.site.state.history(), news)?)
}

fn visit(point: &'static str, path: &Path) -> Result<(), IoError> {
    fault::point(point).map_err(|source| IoError::new("remove", path, source))
}
