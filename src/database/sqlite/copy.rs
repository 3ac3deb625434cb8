//! A copy of a database file, to be looked at.

use std::io;
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;

use crate::database::connection::DatabaseError;
use crate::sys::clock;
use crate::sys::fs;
use crate::sys::fs::IoError;

/// Copies the database with its write-ahead log (or hot journal) into the
/// folder `scratch`, so that looking at the copy leaves nothing beside the
/// original. Returns the copy's path.
pub fn sqlite_copy(path: &Path, scratch: &Path) -> Result<PathBuf, DatabaseError> {
    let target = scratch.join(path.file_name().unwrap_or("database".as_ref()));
    for _ in 0..10 {
        let before = stamps(path)?;
        for suffix in ["", "-wal", "-journal"] {
            copy_if_present(&beside(path, suffix), &beside(&target, suffix))?;
        }
        if before == stamps(path)? {
            return Ok(target);
        }
        clock::sleep(Duration::from_millis(100));
    }
    Err(DatabaseError::Changing(path.to_owned()))
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

type Stamp = Option<(u64, std::time::SystemTime)>;

/// Size and time of the files that make up the database.
fn stamps(path: &Path) -> Result<Vec<Stamp>, IoError> {
    ["", "-wal", "-journal"]
        .iter()
        .map(|suffix| {
            let file = beside(path, suffix);
            let Some(metadata) = fs::metadata(&file)? else { return Ok(None) };
            let time = metadata.modified().map_err(|source| IoError::new("look at", &file, source))?;
            Ok(Some((metadata.len(), time)))
        })
        .collect()
}

fn copy_if_present(from: &Path, to: &Path) -> Result<(), IoError> {
    if !fs::exists(from) {
        return fs::remove_file_if_present(to);
    }
    let mut source = fs::open(from)?;
    let mut target = fs::create(to)?;
    io::copy(&mut source, &mut target).map(|_| ()).map_err(|source| IoError::new("copy", from, source))
}
