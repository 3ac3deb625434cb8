//! Whether the files of the plan can come and go where they are to: folders
//! that can be written, owners, mounts, and what files carry besides.

use std::collections::BTreeSet;

use crate::base::check::Check;
use crate::base::escape;
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
    let closed = folders.iter().filter_map(|folder| match root.try_to_write(folder) {
        Err(error) => Some(format!("{} ({})", shown(folder), error.source)),
        Ok(()) if root.is_pinned(folder).unwrap_or(false) => Some(format!("{} (append-only)", shown(folder))),
        Ok(()) => None,
    });
    let stuck = subject.operations.iter().filter_map(|operation| why_stuck(root, operation));
    let refused: Vec<String> = closed.chain(stuck).collect();
    match refused.len() {
        0 => Check::ok("writable", format!("{} folders can be written", folders.len())),
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
    let (me, mine) = (env::user_id(), env::group_ids());
    let is_foreign = |owner: Option<(u32, u32)>| {
        me != 0 && owner.is_some_and(|(uid, gid)| uid != me || !mine.contains(&gid))
    };
    let of_act = |act| {
        let operations = subject.operations.iter().filter(move |operation| operation.act == act);
        operations
            .filter(|operation| is_foreign(operation.old.as_ref().and_then(|old| old.owner)))
            .map(|operation| operation.path.to_string())
    };
    // A folder, or a file that a program changed, is made anew when it comes back.
    let programs = subject.sealed.changed_by_programs();
    let changeable = subject.live.iter().filter(|(path, node)| {
        !node.is_folder()
            && programs.matches_bytes(path.as_bytes())
            && is_foreign(Some((node.meta.uid, node.meta.gid)))
    });
    let lost: Vec<String> =
        of_act(Act::RemoveFolder).chain(changeable.map(|(path, _)| path.to_string())).collect();
    if let Some(first) = lost.first() {
        return Check::error(
            "owners",
            format!(
                "{} paths of another user or group could not be brought back, {first} among them",
                lost.len()
            ),
            "run entracte as their owner or as root, or make them yours",
        );
    }
    let replaced: Vec<String> = of_act(Act::Exchange).collect();
    match replaced.first() {
        Some(first) if subject.site.settings.files.owner == Owner::Keep => Check::error(
            "owners",
            format!("{} files belong to another user or group, {first} among them", replaced.len()),
            "run entracte as their owner or as root, or set `owner = \"mine\"` under [files] to take them over",
        ),
        _ => Check::ok("owners", "new files get the owner that they should have"),
    }
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
        None => match can_take_places(subject, root) {
            Ok(()) => Check::ok("file-system", "all changes are on one file system"),
            Err(error) => Check::error(
                "file-system",
                format!("names can neither be exchanged nor doubled on this file system: {error}"),
                "files here cannot be replaced without a gap; move the site to a file system that can (not vfat or exfat)",
            ),
        },
    }
}

/// Tried beside the site, where that is the same file system: a plan touches
/// nothing in the site.
fn can_take_places(subject: &Subject, root: &Root) -> Result<(), IoError> {
    let beside = Root::open(&subject.site.state.runs())?;
    match root.shares_mount(&beside)? {
        true => beside.can_exchange().map(drop),
        false => Ok(()),
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
        0 => Check::ok("attributes", format!("access lists and labels of {kept} files are kept")),
        count => Check::warning(
            "attributes",
            format!("{count} attributes cannot be kept: {}", lost[..count.min(SHOWN)].join(", ")),
            "set them again after the update; a rollback brings the old files back with theirs",
        ),
    }
}
