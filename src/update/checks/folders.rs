//! Whether the files of the plan can come and go where they are to: folders
//! that can be written, owners, mounts, and what files carry besides.

use std::collections::BTreeSet;
use std::io::ErrorKind;

use crate::base::check::Check;
use crate::base::count;
use crate::base::escape;
use crate::base::exit::Fault;
use crate::base::path::SitePath;
use crate::base::path::TreePath;
use crate::site::settings::Owner;
use crate::sys::attributes;
use crate::sys::attributes::Attribute;
use crate::sys::beneath::Root;
use crate::sys::env;
use crate::sys::fs;
use crate::sys::fs::IoError;
use crate::update::checks::Subject;
use crate::update::operations::Act;
use crate::update::operations::Operation;

/// Permission bit: in such a folder only owners may rename.
const STICKY: u32 = 0o1000;
/// As many of a long list are named.
const SHOWN: usize = 5;

pub fn all(subject: &Subject) -> Vec<Check> {
    match subject.site.tree() {
        Ok(root) => vec![
            writable(subject, &root),
            owners(subject),
            one_mount(subject, &root),
            attributes(subject, &root),
        ],
        Err(error) => vec![Check::error("writable", error.to_string(), "make the site's folder readable")],
    }
}

/// Every folder in which something is put, taken away or exchanged, and
/// everything that is taken away or exchanged.
fn writable(subject: &Subject, root: &Root) -> Check {
    let folders: BTreeSet<TreePath> =
        subject.operations.iter().map(|operation| nearest_folder(subject, &operation.path)).collect();
    let stuck = subject.operations.iter().filter_map(|operation| why_stuck(root, operation));
    told(root, folders.len(), closed(root, &folders).chain(stuck).collect())
}

/// The folders in which nothing can come or go, with the reason.
fn closed(root: &Root, folders: &BTreeSet<TreePath>) -> impl Iterator<Item = String> {
    folders.iter().filter_map(|folder| match root.try_to_write(folder) {
        Err(error) => Some(format!("{} ({})", shown(folder), error.source)),
        Ok(()) if root.is_pinned(folder).unwrap_or(false) => Some(format!("{} (append-only)", shown(folder))),
        Ok(()) => None,
    })
}

/// Whether what the folders hold could be changed, and nothing in them is another's.
pub fn of_files(root: &Root, files: &[&SitePath]) -> Vec<Check> {
    let is_there = |path: &SitePath| root.stat(path).ok().flatten().is_some();
    let above = files.iter().map(|path| path.ancestors().filter(is_there).last());
    let folders: BTreeSet<TreePath> =
        above.map(|path| path.map_or_else(TreePath::root, |path| TreePath::from(&path))).collect();
    let others = files.iter().filter(|path| {
        let stat = root.stat(**path).ok().flatten();
        stat.is_some_and(|stat| is_foreign((stat.meta.uid, stat.meta.gid)))
    });
    let others: Vec<_> = others.collect();
    let owners = match others.first() {
        None => Check::ok("owners", "the release's files are the site owner's"),
        Some(first) => Check::warning(
            "owners",
            format!("{} of another user or group, {first} among them", count::of(others.len(), "file")),
            "make them the site owner's, run entracte as root, or set `owner = \"mine\"` under [files]",
        ),
    };
    vec![told(root, folders.len(), closed(root, &folders).collect()), owners]
}

fn told(root: &Root, folders: usize, refused: Vec<String>) -> Check {
    match refused.len() {
        0 => Check::ok("writable", format!("{} can be written", count::of(folders, "folder"))),
        count => Check::error(
            "writable",
            format!(
                "{count} of the folders and files in {} cannot be changed: {}",
                fs::shown(root.path()),
                refused[..count.min(SHOWN)].join(", ")
            ),
            "give the user who runs entracte write permission on them (and take `chattr +i` away), or run it \
             as the files' owner",
        ),
    }
}

fn nearest_folder(subject: &Subject, path: &SitePath) -> TreePath {
    let is_folder = |above: &SitePath| subject.live.get(&above.into()).is_some_and(|node| node.is_folder());
    path.ancestors().filter(is_folder).last().map_or_else(TreePath::root, |path| TreePath::from(&path))
}

fn shown(folder: &TreePath) -> String {
    if folder.as_bytes().is_empty() { ".".into() } else { folder.to_string() }
}

/// Why the entry that stands there could not be moved away.
fn why_stuck(root: &Root, operation: &Operation) -> Option<String> {
    let path = &operation.path;
    operation.old.as_ref()?;
    if root.is_pinned(path).unwrap_or(false) {
        return Some(format!("{path} (immutable or append-only)"));
    }
    let (me, entry) = (env::user_id(), root.stat(path).ok()??);
    let folder = match path.parent() {
        Some(folder) => root.stat(&folder),
        None => root.stat(&TreePath::root()),
    };
    let folder = folder.ok()??;
    let sticks = folder.meta.mode & STICKY != 0 && ![0, entry.meta.uid, folder.meta.uid].contains(&me);
    sticks.then(|| format!("{path} (another user's, in a sticky folder)"))
}

/// Owners and groups that could not be kept, or brought back, without privilege.
fn owners(subject: &Subject) -> Check {
    // A folder, or a file that a program changed, is made anew when it comes back.
    let programs = subject.sealed.changed_by_programs();
    let changeable = subject.live.iter().filter(|(path, node)| {
        !node.is_folder()
            && programs.matches_bytes(path.as_bytes())
            && is_foreign((node.meta.uid, node.meta.gid))
    });
    let folders = foreign(subject, &[Act::RemoveFolder]).map(TreePath::from);
    let lost: Vec<TreePath> = folders.chain(changeable.map(|(path, _)| path.clone())).collect();
    if let Some(first) = lost.first() {
        return Check::error(
            "owners",
            format!(
                "{} of another user or group could not be brought back, {first} among them",
                count::of(lost.len(), "path")
            ),
            "run entracte as their owner or as root, or make them yours",
        );
    }
    let replaced: Vec<&SitePath> = foreign(subject, &[Act::Exchange]).collect();
    match replaced.first() {
        Some(first) if subject.site.settings.files.owner == Owner::Keep => Check::error(
            "owners",
            format!("{} of another user or group, {first} among them", count::of(replaced.len(), "file")),
            "run entracte as their owner or as root, or set `owner = \"mine\"` under [files] to take them over",
        ),
        _ => Check::ok("owners", "new files get the owner that they should have"),
    }
}

/// What is another's, of all that these acts move.
fn foreign<'s>(subject: &'s Subject, acts: &'s [Act]) -> impl Iterator<Item = &'s SitePath> {
    let moved = subject.operations.iter().filter(|operation| acts.contains(&operation.act));
    let others =
        moved.filter(|operation| operation.old.as_ref().and_then(|old| old.owner).is_some_and(is_foreign));
    others.map(|operation| &operation.path)
}

/// Whether nothing can be made that has this owner and group.
fn is_foreign((uid, gid): (u32, u32)) -> bool {
    let me = env::user_id();
    me != 0 && (uid != me || !env::group_ids().contains(&gid))
}

/// Names are exchanged, and that works only within one mount of one file system.
fn one_mount(subject: &Subject, root: &Root) -> Check {
    let folders: BTreeSet<TreePath> =
        subject.operations.iter().map(|operation| nearest_folder(subject, &operation.path)).collect();
    let mount_of = |path: &TreePath| -> Result<_, IoError> {
        Ok((root.stat(path)?.map(|stat| stat.meta.device), root.mount(path)?))
    };
    let Ok(top) = mount_of(&TreePath::root()) else {
        return Check::error("file-system", "the site's folder cannot be looked at", "make it readable");
    };
    match folders.iter().find(|folder| mount_of(folder).is_ok_and(|found| found != top)) {
        Some(folder) => Check::error(
            "file-system",
            format!("{folder} is on another file system or mount than the site"),
            "files there cannot be exchanged at once; leave them to their owner with `keep`",
        ),
        None => can_take_places(subject, root).unwrap_or_else(|error| untried(&error)),
    }
}

/// Why it could not be tried: the file system cannot, or something is wrong with it.
fn untried(error: &IoError) -> Check {
    let why = format!("{error}: {}", error.source);
    match error.source.kind() {
        ErrorKind::PermissionDenied | ErrorKind::Unsupported => Check::error(
            "file-system",
            format!("names can neither be exchanged nor doubled on this file system: {why}"),
            "files here cannot be replaced without a gap; move the site to a file system that can (not vfat or exfat)",
        ),
        _ => {
            let fix = error.hints().first().cloned();
            let fix = fix.unwrap_or_else(|| "look at the disk and at the kernel's log (`dmesg`)".into());
            Check::error("file-system", format!("how names move here could not be tried: {why}"), fix)
        }
    }
}

/// Tried beside the site, where that is the same file system: a plan touches
/// nothing in the site.
fn can_take_places(subject: &Subject, root: &Root) -> Result<Check, IoError> {
    let beside = Root::open(&subject.site.state.runs())?;
    let by_second_names = root.shares_mount(&beside)? && !beside.can_exchange()?;
    // Linux gives files of others no second name (`fs.protected_hardlinks`).
    match foreign(subject, &[Act::Exchange, Act::Withdraw]).next().filter(|_| by_second_names) {
        Some(path) => Ok(Check::error(
            "file-system",
            format!("{path} is another's, and on this file system only one's own files can be moved safely"),
            "run entracte as its owner or as root",
        )),
        None => Ok(Check::ok("file-system", "all changes are on one file system")),
    }
}

/// Access lists and labels go to what takes a file's place; other attributes cannot.
fn attributes(subject: &Subject, root: &Root) -> Check {
    let mut kept = 0;
    let mut lost = Vec::new();
    for operation in subject.operations.iter().filter(|operation| operation.act == Act::Exchange) {
        let Ok(file) = root.open_file(&operation.path) else { continue };
        let (keep, lose): (Vec<Attribute>, Vec<Attribute>) =
            attributes::of(&file).unwrap_or_default().into_iter().partition(Attribute::is_kept);
        kept += usize::from(!keep.is_empty());
        let named = |attribute: &Attribute| {
            let name = attribute.name.to_string_lossy();
            format!("{} of {}", escape::text(&name), operation.path)
        };
        lost.extend(lose.iter().map(named));
    }
    match lost.len() {
        0 => Check::ok(
            "attributes",
            format!("access lists and labels of {} are kept", count::of(kept, "file")),
        ),
        count => Check::warning(
            "attributes",
            format!("{count} attributes cannot be kept: {}", lost[..count.min(SHOWN)].join(", ")),
            "set them again after the update; a rollback brings the old files back with theirs",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_that_fails_is_not_called_one_that_cannot() {
        for (kind, told) in [
            (ErrorKind::PermissionDenied, "neither be exchanged nor doubled"),
            (ErrorKind::Unsupported, "neither be exchanged nor doubled"),
            (ErrorKind::ReadOnlyFilesystem, "could not be tried"),
            (ErrorKind::StorageFull, "could not be tried"),
        ] {
            let check = untried(&IoError::new("create", "/srv/state", kind));
            assert!(check.detail.contains(told) && check.detail.contains("/srv/state"), "{}", check.detail);
            assert!(check.detail.ends_with(&std::io::Error::from(kind).to_string()), "{}", check.detail);
            assert!(!check.fix.is_empty());
        }
    }
}
