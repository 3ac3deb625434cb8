//! Taking the operations back: the same list from its end, each undone as far
//! as it was done. What somebody changed after the swap goes to `undone/`.

use crate::base::digest::Sha256;
use crate::base::event::Event;
use crate::base::event::Watch;
use crate::base::path::SitePath;
use crate::base::step::Step;
use crate::sys::beneath::Rename;
use crate::sys::beneath::Root;
use crate::sys::beneath::Stat;
use crate::sys::beneath::StatKind;
use crate::sys::fs::IoError;
use crate::update::aside;
use crate::update::operations::Act;
use crate::update::swap::SwapError;
use crate::update::swap::forward::point;
use crate::update::swap::forward::point_at;
use crate::update::swap::record::Method;
use crate::update::swap::record::Move;
use crate::update::swap::record::Record;
use crate::update::swap::workshop::Workshop;

/// How the content of a file is proved.
pub type Prove<'a> = &'a dyn Fn(&Root, &SitePath) -> Result<Sha256, IoError>;

/// How far the swap had come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reached {
    Somewhere,
    /// Every operation was done.
    End,
}

/// Proves that every saved copy that going back needs is there and has the
/// digest that the plan recorded, and that no link hides where it belongs.
/// Writes nothing.
pub fn check_backup(
    workshop: &Workshop,
    record: &Record,
    reached: Reached,
    prove: Prove,
) -> Result<(), SwapError> {
    for this in &record.moves {
        let path = &this.operation.path;
        let live = workshop.live_in_plain_sight(path)?;
        if !matches!(this.operation.act, Act::Exchange | Act::Withdraw) {
            continue;
        }
        let is_back = live.is_some_and(|live| this.old.is_some_and(|old| old.is(&live)));
        if is_back || was_never_done(workshop, this, live.as_ref(), reached)? {
            continue;
        }
        let (root, saved) = saved_copy(workshop, this)?;
        if let Some(expected) = this.operation.old.as_ref().and_then(|old| old.sha256())
            && prove(root, &saved)? != expected
        {
            return Err(SwapError::BackupDamaged { path: path.clone() });
        }
    }
    Ok(())
}

/// Whether the live name was left alone, so that what stands there now, or no
/// longer does, is somebody's doing: another file was renamed over it, or it was
/// deleted, before its turn came.
fn was_never_done(
    workshop: &Workshop,
    this: &Move,
    live: Option<&Stat>,
    reached: Reached,
) -> Result<bool, SwapError> {
    let path = &this.operation.path;
    if let Some(new) = this.new {
        let rests = workshop.new.stat(path)?.is_some_and(|prepared| new.is(&prepared));
        return Ok(rests && !live.is_some_and(|live| new.is(live)));
    }
    let is_file = live.is_some_and(|live| live.kind != StatKind::Folder);
    let could_be_left = is_file || (live.is_none() && reached == Reached::Somewhere);
    Ok(could_be_left && workshop.bak.stat(&workshop.bak_path(path)?)?.is_none())
}

/// Where the old inode of an operation rests: `bak/`, or for a moment `new/`.
fn saved_copy<'w>(workshop: &'w Workshop, this: &Move) -> Result<(&'w Root, SitePath), SwapError> {
    let path = &this.operation.path;
    let bak = workshop.bak_path(path)?;
    if workshop.bak.stat(&bak)?.is_some() {
        return Ok((&workshop.bak, bak));
    }
    let is_old = |stat: Stat| this.old.is_some_and(|old| old.is(&stat));
    match workshop.new.stat(path)? {
        Some(stat) if is_old(stat) => Ok((&workshop.new, path.clone())),
        _ => Err(SwapError::BackupMissing { path: path.clone() }),
    }
}

/// Undoes every operation that was done; returns the paths whose later
/// changes were put into `undone/`.
pub fn swap_back(
    workshop: &Workshop,
    record: &Record,
    reached: Reached,
    watch: Watch,
) -> Result<Vec<SitePath>, SwapError> {
    let total = record.moves.len() as u64;
    let mut set_aside = Vec::new();
    for (done, this) in record.moves.iter().rev().enumerate() {
        point("swap.undo", &this.operation.path)?;
        back(workshop, record.method, reached, this, &mut set_aside)?;
        let done = done as u64 + 1;
        let progress = Event::Progress { what: "putting back".into(), done, total, bytes: 0, total_bytes: 0 };
        watch(Some(Step::Swap), progress);
    }
    workshop.live.sync_file_system()?;
    point_at("swap.undone")?;
    Ok(set_aside)
}

fn back(
    workshop: &Workshop,
    method: Method,
    reached: Reached,
    this: &Move,
    set_aside: &mut Vec<SitePath>,
) -> Result<(), SwapError> {
    let live = workshop.live_in_plain_sight(&this.operation.path)?;
    let puts_back = matches!(this.operation.act, Act::Exchange | Act::Withdraw);
    let is_back = live.is_some_and(|live| this.old.is_some_and(|old| old.is(&live)));
    if puts_back && !is_back && was_never_done(workshop, this, live.as_ref(), reached)? {
        return Ok(());
    }
    match this.operation.act {
        Act::Place => unplace(workshop, this, live, set_aside),
        Act::Exchange => put_back(workshop, method, this, live, set_aside),
        Act::Withdraw => put_back(workshop, Method::Link, this, live, set_aside),
        Act::MakeFolder => unmake_folder(workshop, this, live),
        Act::RemoveFolder => remake_folder(workshop, this, live),
    }
}

fn unplace(
    workshop: &Workshop,
    this: &Move,
    live: Option<Stat>,
    set_aside: &mut Vec<SitePath>,
) -> Result<(), SwapError> {
    let path = &this.operation.path;
    let Some(live) = live else { return Ok(()) };
    let Some(new) = this.new else { return Ok(()) };
    // It was never placed, and what stands there is what stood there before.
    let rests = workshop.new.stat(path)?.is_some_and(|prepared| new.is(&prepared));
    if live.kind == StatKind::Folder || (rests && !new.is(&live)) {
        return Ok(());
    }
    match new.is_untouched(&live) {
        true => {
            let home = workshop.home(path);
            Ok(home.root.rename(home.path, &workshop.new, path, Rename::NoReplace)?)
        }
        false => put_aside(workshop, path, set_aside),
    }
}

fn put_back(
    workshop: &Workshop,
    method: Method,
    this: &Move,
    live: Option<Stat>,
    set_aside: &mut Vec<SitePath>,
) -> Result<(), SwapError> {
    let path = &this.operation.path;
    let home = workshop.home(path);
    if live.is_some_and(|live| this.old.is_some_and(|old| old.is(&live))) {
        return forget_second_name(workshop, this);
    }
    let (root, saved) = saved_copy(workshop, this)?;
    match live {
        None => root.rename(&saved, home.root, home.path, Rename::NoReplace)?,
        Some(live) if this.new.is_some_and(|new| new.is_untouched(&live)) => match method {
            Method::Exchange => {
                root.rename(&saved, home.root, home.path, Rename::Exchange)?;
                point("swap.exchanged-back", path)?;
                if root.path() != workshop.new.path() {
                    root.rename(&saved, &workshop.new, path, Rename::Replace)?;
                }
            }
            Method::Link => {
                if workshop.new.stat(path)?.is_none() {
                    home.root.link(home.path, &workshop.new, path)?;
                }
                root.rename(&saved, home.root, home.path, Rename::Replace)?;
            }
        },
        Some(_) => {
            put_aside(workshop, path, set_aside)?;
            root.rename(&saved, home.root, home.path, Rename::NoReplace)?;
        }
    }
    Ok(())
}

/// The old inode is live again; its name in the backup set may be left over
/// from an exchange or link that was cut off half-way.
fn forget_second_name(workshop: &Workshop, this: &Move) -> Result<(), SwapError> {
    let path = &this.operation.path;
    let bak = workshop.bak_path(path)?;
    let Some(there) = workshop.bak.stat(&bak)? else { return Ok(()) };
    if this.new.is_some_and(|new| new.is(&there)) {
        return Ok(workshop.bak.rename(&bak, &workshop.new, path, Rename::Replace)?);
    }
    if this.old.is_some_and(|old| old.is(&there)) {
        workshop.bak.remove_file(&bak)?;
    }
    Ok(())
}

fn unmake_folder(workshop: &Workshop, this: &Move, live: Option<Stat>) -> Result<(), SwapError> {
    if live.is_none_or(|live| live.kind != StatKind::Folder) {
        return Ok(());
    }
    match workshop.live.remove_folder(&this.operation.path) {
        // It holds something that is not ours, uploads perhaps: it stays.
        Err(error) if error.source.kind() == std::io::ErrorKind::DirectoryNotEmpty => Ok(()),
        Err(error) if error.is_not_found() => Ok(()),
        removed => Ok(removed?),
    }
}

fn remake_folder(workshop: &Workshop, this: &Move, live: Option<Stat>) -> Result<(), SwapError> {
    let path = &this.operation.path;
    let Some(old) = &this.operation.old else { return Ok(()) };
    if live.is_none() {
        workshop.live.create_folder(path, 0o700)?;
    }
    // Somebody put something else there: without the folder the site is not the old one.
    let now = workshop.live.stat(path)?.filter(|now| now.kind == StatKind::Folder);
    let now = now.ok_or_else(|| SwapError::Drift { path: path.clone() })?;
    if let Some((uid, gid)) = old.owner
        && (now.meta.uid, now.meta.gid) != (uid, gid)
    {
        workshop.live.set_owner(path, uid, gid)?;
    }
    Ok(workshop.live.set_mode(path, old.mode)?)
}

/// Moves what stands at `path` out of the way and remembers it.
fn put_aside(workshop: &Workshop, path: &SitePath, set_aside: &mut Vec<SitePath>) -> Result<(), SwapError> {
    aside::put(workshop.home(path), &workshop.undone, path)?;
    set_aside.push(path.clone());
    Ok(())
}
