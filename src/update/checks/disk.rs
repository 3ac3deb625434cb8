//! Space: bytes, files, quotas, lengths of names.

use std::path::Path;

use crate::base::check::Check;
use crate::sys::disk;
use crate::sys::fs;
use crate::update::checks::Subject;

pub fn space(folder: &Path, needed: u64) -> Check {
    match disk::space(folder) {
        Err(error) => Check::error("space", error.to_string(), "make the state folder reachable"),
        Ok(space) if space.read_only => {
            Check::error("space", "the file system is mounted read-only", "mount it writable")
        }
        Ok(space) if space.free_bytes < needed => Check::error(
            "space",
            format!("{} of {needed} bytes are free", space.free_bytes),
            format!("free {} bytes on the file system of {}", needed - space.free_bytes, fs::shown(folder)),
        ),
        Ok(space) => Check::ok("space", format!("{needed} bytes needed, {} free", space.free_bytes)),
    }
}

pub fn inodes(folder: &Path, needed: u64) -> Check {
    match disk::space(folder).map(|space| space.free_inodes) {
        Ok(Some(free)) if free < needed => Check::error(
            "inodes",
            format!("{free} of {needed} files can still be made"),
            "remove files that nobody needs on that file system",
        ),
        Ok(Some(free)) => Check::ok("inodes", format!("{needed} needed, {free} free")),
        Ok(None) => Check::ok("inodes", "this file system has no limit"),
        Err(error) => Check::error("inodes", error.to_string(), "make the state folder reachable"),
    }
}

/// A quota, or space kept for others, leaves less than the file system says; so
/// the room is taken once and given back.
pub fn quota(folder: &Path, needed: u64) -> Check {
    match disk::try_to_hold(folder, needed) {
        Ok(()) => Check::ok("quota", format!("room for {needed} bytes could be taken")),
        Err(error) => Check::error(
            "quota",
            format!("room for {needed} bytes could not be taken in {}: {}", fs::shown(folder), error.source),
            "free space of this account, or raise its quota (`quota -s` shows it)",
        ),
    }
}

/// The saved copy of a file has a longer name than the file.
pub fn names(subject: &Subject) -> Check {
    let long = subject.operations.iter().find(|operation| operation.path.with_suffix(".bak").is_err());
    match long {
        Some(operation) => Check::error(
            "names",
            format!("{} is too long to be kept as {}.bak", operation.path, operation.path.name()),
            "shorten the name in the release",
        ),
        None => Check::ok("names", "all names can be kept"),
    }
}
