//! The backup set of a run as a whole: what going back needs.

use std::path::PathBuf;

use crate::sys::fs;
use crate::sys::fs::IoError;
use crate::update::run::RunFolder;

/// All that only going back needs, in the order in which it is cleared away.
pub fn parts(folder: &RunFolder) -> Vec<PathBuf> {
    let record = |folder: PathBuf| [folder.with_extension("json"), folder];
    let inside = |name: &str| folder.path().join(name);
    let mut parts = vec![folder.restore_text(), inside("operations.json"), inside("new"), inside("bak")];
    parts.extend(record(folder.saved()));
    parts.extend(record(folder.saved_lock()));
    parts.extend([folder.dump_record(), folder.dump(), folder.before(), folder.installed_before()]);
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
