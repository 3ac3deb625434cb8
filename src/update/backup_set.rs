//! The backup set of a run as a whole: what going back needs.

use std::path::Path;
use std::path::PathBuf;

use crate::base::digest::Algorithms;
use crate::base::json;
use crate::database::dump;
use crate::database::dump::DumpRecord;
use crate::integrity::scan::hash_file;
use crate::sys::beneath::Root;
use crate::sys::fs;
use crate::sys::fs::IoError;
use crate::update::operations::Act;
use crate::update::place;
use crate::update::run::RunFolder;
use crate::update::saved::Saved;
use crate::update::sealed;
use crate::update::swap::record::Move;
use crate::update::swap::record::Record;

/// How closely saved copies are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// They are there, as long as they were.
    Sizes,
    /// Every one is read, and has its digest.
    Content,
}

/// All that only going back needs, in the order in which it is cleared away.
pub fn parts(folder: &RunFolder) -> Vec<PathBuf> {
    let record = |folder: PathBuf| [folder.with_extension("json"), folder];
    let inside = |name: &str| folder.path().join(name);
    let mut parts = vec![folder.restore_text(), inside("operations.json"), inside("new"), inside("bak")];
    parts.extend(record(folder.saved()));
    parts.extend(record(folder.saved_lock()));
    for number in folder.dump_numbers() {
        parts.extend([folder.dump_record(number), folder.dump(number)]);
    }
    parts.extend([folder.before(), folder.installed_before()]);
    parts.extend([folder.sums_at_reopen(), folder.reserve()]);
    parts
}

/// Clears the set away; what is gone already is no error.
pub fn remove(folder: &RunFolder) -> Result<(), IoError> {
    for part in parts(folder) {
        match fs::is_real_folder(&part) {
            true => fs::remove_folder_all(&part)?,
            false => fs::remove_file_if_present(&part)?,
        }
    }
    fs::sync_folder(folder.path())
}

/// What of the set of a finished run is missing or harmed, in words. Writes
/// nothing, so it may be asked while somebody works.
pub fn problems(site: &Path, id: &str, folder: &RunFolder, depth: Depth) -> Vec<String> {
    let mut found = moved(site, id, folder, depth);
    for saved in [folder.saved(), folder.saved_lock()] {
        let checked = match Saved::load(&saved) {
            Ok(Some(list)) if depth == Depth::Content => list.check(&saved),
            Ok(Some(list)) => list.check_sizes(&saved),
            Ok(None) => Ok(()),
            Err(error) => Err(error),
        };
        found.extend(checked.err().map(|error| whole(&error)));
    }
    for number in folder.dump_numbers() {
        found.extend(dumped(folder, number, depth));
    }
    found
}

fn whole(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = crate::base::exit::causes(error);
    [vec![error.to_string()], causes].concat().join(": ")
}

/// The old files, in `bak/`.
fn moved(site: &Path, id: &str, folder: &RunFolder, depth: Depth) -> Vec<String> {
    let record = match Record::load(&folder.path().join("operations.json")) {
        Ok(Some(record)) => record,
        Ok(None) => return Vec::new(),
        Err(error) => return vec![whole(&error)],
    };
    let inside = place::inside(site, id);
    let place = if fs::is_real_folder(&inside) { inside } else { folder.path().to_owned() };
    let saved =
        record.moves.iter().filter(|this| matches!(this.operation.act, Act::Exchange | Act::Withdraw));
    match Root::open(&place.join("bak")) {
        Ok(bak) => saved.filter_map(|this| harm(&bak, this, depth)).collect(),
        Err(_) if saved.count() == 0 => Vec::new(),
        Err(error) => vec![whole(&error)],
    }
}

/// What is wrong with the saved copy of one file.
fn harm(bak: &Root, this: &Move, depth: Depth) -> Option<String> {
    let path = &this.operation.path;
    let (saved, old) = (path.with_suffix(".bak").ok()?, this.old?);
    match bak.stat(&saved) {
        Ok(None) => return Some(format!("the saved copy of {path} is missing")),
        Ok(Some(stat)) if stat.size != old.size => {
            return Some(format!("the saved copy of {path} has {} bytes, not {}", stat.size, old.size));
        }
        Ok(Some(_)) => {}
        Err(error) => return Some(whole(&error)),
    }
    let expected = this.operation.old.as_ref()?.sha256().filter(|_| depth == Depth::Content)?;
    match hash_file(bak, &saved, Algorithms::Sha256) {
        Ok((_, found, _)) if found == expected => None,
        Ok(_) => Some(format!("the saved copy of {path} has another digest than it had")),
        Err(error) => Some(whole(&error)),
    }
}

fn dumped(folder: &RunFolder, number: usize, depth: Depth) -> Option<String> {
    let bytes = match sealed::read(&folder.dump_record(number)) {
        Ok(bytes) => bytes?,
        Err(error) => return Some(whole(&error)),
    };
    let record: DumpRecord = match json::read(&bytes) {
        Ok(record) => record,
        Err(error) => return Some(format!("the record of the dump cannot be understood: {error}")),
    };
    if depth == Depth::Content {
        return dump::check(&record, &folder.dump(number)).err().map(|error| whole(&error));
    }
    let file = fs::metadata(&folder.dump(number).join(&record.file)).ok().flatten();
    match file.map(|file| file.len()) {
        Some(length) if length == record.bytes => None,
        Some(length) => Some(format!("the dump of the database has {length} bytes, not {}", record.bytes)),
        None => Some("the dump of the database is missing".into()),
    }
}
