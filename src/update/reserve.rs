//! Room that a run keeps on its disk from before the curtain closes: whoever
//! fills the disk meanwhile shall not keep the site closed.

use std::error::Error;
use std::io;

use crate::sys::disk;
use crate::sys::fs;
use crate::sys::fs::IoError;
use crate::update::run::RunFolder;

/// Enough for all that is written between the first exchange and the end, on
/// either way: manifest, marks, records, logs.
const BYTES: u64 = 4 << 20;

/// Takes the room, once.
pub fn take(folder: &RunFolder) -> Result<(), IoError> {
    let path = folder.reserve();
    if fs::exists(&path) {
        return Ok(());
    }
    disk::reserve(&fs::create_new(&path)?, &path, BYTES)
}

/// Gives the room back; whether there was any.
pub fn give_back(folder: &RunFolder) -> Result<bool, IoError> {
    let path = folder.reserve();
    let was_there = fs::exists(&path);
    fs::remove_file_if_present(&path)?;
    Ok(was_there)
}

/// Whether more room would have helped.
pub fn would_help(error: &(dyn Error + 'static)) -> bool {
    let is_full = error.downcast_ref::<io::Error>().is_some_and(|error| {
        matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
    });
    is_full || error.source().is_some_and(would_help)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::update::error::StepError;

    #[test]
    fn it_is_taken_once_and_given_back_once() {
        let folder = tempfile::tempdir().unwrap();
        let run = RunFolder::new(folder.path().to_owned());
        take(&run).unwrap();
        take(&run).unwrap();
        let blocks = std::os::unix::fs::MetadataExt::blocks(&run.reserve().metadata().unwrap());
        assert!(blocks * 512 >= BYTES, "{blocks} blocks");
        assert!(give_back(&run).unwrap());
        assert!(!give_back(&run).unwrap());
    }

    #[test]
    fn room_helps_where_there_was_none() {
        let errors = |kind: io::ErrorKind| StepError::from(IoError::new("write", "x", io::Error::from(kind)));
        assert!(would_help(&errors(io::ErrorKind::StorageFull)));
        assert!(would_help(&errors(io::ErrorKind::QuotaExceeded)));
        assert!(!would_help(&errors(io::ErrorKind::PermissionDenied)));
    }
}
