//! Space, permissions, owners, file systems.

use std::collections::BTreeSet;

use crate::base::check::Check;
use crate::base::path::SitePath;
use crate::base::path::TreePath;
use crate::site::settings::Owner;
use crate::sys::beneath::Root;
use crate::sys::disk;
use crate::sys::env;
use crate::sys::fs;
use crate::update::checks::Subject;
use crate::update::operations::Act;

pub fn space(subject: &Subject) -> Check {
    let needed = subject.estimate.bytes_needed;
    match disk::space(subject.site.state.folder()) {
        Err(error) => Check::error("space", error.to_string(), "make the state folder reachable"),
        Ok(space) if space.read_only => {
            Check::error("space", "the file system is mounted read-only", "mount it writable")
        }
        Ok(space) if space.free_bytes < needed => Check::error(
            "space",
            format!("{} of {needed} bytes are free", space.free_bytes),
            format!(
                "free {} bytes on the file system of {}",
                needed - space.free_bytes,
                fs::shown(subject.site.state.folder())
            ),
        ),
        Ok(space) => Check::ok("space", format!("{needed} bytes needed, {} free", space.free_bytes)),
    }
}

pub fn inodes(subject: &Subject) -> Check {
    let needed = subject.estimate.inodes_needed;
    match disk::space(subject.site.state.folder()).map(|space| space.free_inodes) {
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

/// Every folder in which something is put, taken away or exchanged.
pub fn writable(subject: &Subject) -> Check {
    let mut folders: BTreeSet<String> = BTreeSet::new();
    for operation in subject.operations {
        let nearest = operation.path.ancestors().filter(|above| is_folder(subject, above)).last();
        folders.insert(nearest.map(|path| path.as_str().to_owned()).unwrap_or_default());
    }
    let root = subject.site.root.clone();
    let refused: Vec<String> = folders
        .iter()
        .filter(|folder| !fs::may_change_folder(&root.join(folder)))
        .map(|folder| if folder.is_empty() { ".".into() } else { folder.clone() })
        .collect();
    match refused.len() {
        0 => Check::ok("writable", format!("{} folders can be written", folders.len())),
        count => Check::error(
            "writable",
            format!("{count} folders cannot be written: {}", refused[..count.min(5)].join(", ")),
            "give the user who runs entracte write permission on them, or run it as the files' owner",
        ),
    }
}

fn is_folder(subject: &Subject, path: &SitePath) -> bool {
    subject.live.get(&TreePath::from(path)).is_some_and(|node| node.is_folder())
}

/// Owners and groups that could not be kept without privilege.
pub fn owners(subject: &Subject) -> Check {
    let me = env::user_id();
    if me == 0 || subject.site.settings.files.owner == Owner::Mine {
        return Check::ok("owners", "new files get the owner that they should have");
    }
    let mine = env::group_ids();
    let foreign: Vec<&SitePath> = subject
        .operations
        .iter()
        .filter(|operation| operation.act == Act::Exchange)
        .filter(|operation| {
            let owner = operation.old.as_ref().and_then(|old| old.owner);
            owner.is_some_and(|(uid, gid)| uid != me || !mine.contains(&gid))
        })
        .map(|operation| &operation.path)
        .collect();
    match foreign.first() {
        None => Check::ok("owners", "all files that change are yours"),
        Some(first) => Check::error(
            "owners",
            format!("{} files belong to another user or group, {first} among them", foreign.len()),
            "run entracte as their owner or as root, or set `owner = \"mine\"` under [files] to take them over",
        ),
    }
}

/// Names are exchanged, and that works only within one file system.
pub fn one_file_system(subject: &Subject) -> Check {
    let device = |root: &Root, path: &TreePath| root.stat(path).ok().flatten().map(|stat| stat.meta.device);
    let Ok(root) = subject.site.tree() else {
        return Check::error("file-system", "the site's folder cannot be opened", "make it readable");
    };
    let top = device(&root, &TreePath::root());
    let folders: BTreeSet<SitePath> =
        subject.operations.iter().flat_map(|operation| operation.path.parent()).collect();
    let elsewhere = folders
        .iter()
        .find(|folder| device(&root, &TreePath::from(*folder)).is_some_and(|found| Some(found) != top));
    match elsewhere {
        Some(folder) => Check::error(
            "file-system",
            format!("{folder} is on another file system than the site"),
            "files there cannot be exchanged at once; leave them to their owner with `keep`",
        ),
        None => Check::ok("file-system", "all changes are on one file system"),
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
