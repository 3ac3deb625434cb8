//! What there is of past runs.

use std::path::Path;

use crate::app::failure::Failure;
use crate::app::prune::decide::RunFacts;
use crate::site::Site;
use crate::sys::disk;
use crate::sys::fs;
use crate::sys::fs::IoError;
use crate::update::backup_set;
use crate::update::journal;
use crate::update::place;
use crate::update::run;
use crate::update::run::RunFolder;
use crate::update::standing::End;

/// Whether a run waits for somebody to go on with it.
pub fn is_any_open(site: &Site) -> bool {
    run::open_run(&site.state.runs()).map_or(true, |open| open.is_some())
}

/// The facts of the run `id`.
pub fn of(site: &Site, id: &str) -> Result<RunFacts, Failure> {
    let folder = run::folder_of(&site.state.runs(), id)?;
    let (records, standing) = journal::read(&folder.journal())?;
    let ended = records.last().map(|record| record.at);
    let can_be_asked_for = standing.end == Some(End::Finished) && !standing.committed;
    let inside = place::inside(&site.root, id);
    let set = size_of(&backup_set::parts(&folder))? + size_of(std::slice::from_ref(&inside))?;
    let logs = disk::usage(&folder.logs())?;
    Ok(RunFacts {
        id: id.to_owned(),
        end: standing.end.zip(ended),
        backup: (set > 0 || can_be_asked_for).then_some(set),
        logs: (logs > 0).then_some(logs),
        bytes: disk::usage(folder.path())? + disk::usage(&inside)?,
        edits: edits(&folder, &inside)?,
    })
}

fn size_of(paths: &[std::path::PathBuf]) -> Result<u64, IoError> {
    paths.iter().try_fold(0, |sum, path| Ok(sum + disk::usage(path)?))
}

/// What people wrote and a rollback set aside, by name.
fn edits(folder: &RunFolder, inside: &Path) -> Result<Vec<String>, IoError> {
    let mut found = Vec::new();
    let newer = folder.dump_numbers().into_iter().map(|number| folder.dump_newer(number));
    for place in [folder.undone(), inside.join("undone")].into_iter().chain(newer) {
        if fs::is_real_folder(&place) {
            let above = place.parent().unwrap_or(&place);
            list_files(&place, above, &mut found)?;
        }
    }
    Ok(found)
}

fn list_files(folder: &Path, above: &Path, found: &mut Vec<String>) -> Result<(), IoError> {
    for entry in fs::list(folder)? {
        match fs::is_real_folder(&entry) {
            true => list_files(&entry, above, found)?,
            false => found.push(fs::shown(entry.strip_prefix(above).unwrap_or(&entry))),
        }
    }
    Ok(())
}
