//! What of a run's folder may leave the machine. Saved files and dumps are not
//! among it: whoever may have those has a shell here.

use std::fs::File;

use serde::Serialize;

use crate::app::desk::Place;
use crate::app::failure::Failure;
use crate::base::exit::Exit;
use crate::sys::fs;
use crate::update::run;
use crate::update::run::RunFolder;

/// Files of a run that say what was done, by name.
const FILES: &[&str] = &["plan.json", "journal.jsonl", "health.json", "extensions.json"];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// What entracte wrote.
    Record,
    /// What programs of the site wrote, and how to put things back by hand.
    Log,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RunFile {
    pub name: String,
    pub bytes: u64,
}

/// What there is of the run, by name.
pub fn list(place: &Place, id: &str, kind: Kind) -> Result<Vec<RunFile>, Failure> {
    let site = place.open()?;
    let folder = run::folder_of(&site.state.runs(), id)?;
    let mut found = Vec::new();
    for (name, path) in paths(&folder, kind)? {
        if let Some(metadata) = fs::metadata(&path)?.filter(|metadata| metadata.is_file()) {
            found.push(RunFile { name, bytes: metadata.len() });
        }
    }
    Ok(found)
}

/// One of them; any other name names nothing.
pub fn open(place: &Place, id: &str, kind: Kind, name: &str) -> Result<(File, u64), Failure> {
    let site = place.open()?;
    let folder = run::folder_of(&site.state.runs(), id)?;
    let known = list(place, id, kind)?.into_iter().find(|file| file.name == name);
    let path = paths(&folder, kind)?.into_iter().find(|(other, _)| other == name);
    match known.zip(path) {
        Some((known, (_, path))) => Ok((fs::open(&path)?, known.bytes)),
        None => Err(Failure::new(Exit::NothingToDo, "the run has no such file")),
    }
}

fn paths(folder: &RunFolder, kind: Kind) -> Result<Vec<(String, std::path::PathBuf)>, Failure> {
    let records = FILES.iter().map(|name| (name.to_string(), folder.path().join(name)));
    if kind == Kind::Record {
        return Ok(records.collect());
    }
    let mut found = vec![("RESTORE.txt".to_owned(), folder.restore_text())];
    if fs::is_real_folder(&folder.logs()) {
        for path in fs::list(&folder.logs())? {
            let name = path.file_name().and_then(|name| name.to_str()).map(str::to_owned);
            found.extend(name.map(|name| (name, path)));
        }
    }
    Ok(found)
}
