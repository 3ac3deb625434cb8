//! Carrying out the prepared operations.

use crate::base::event::Event;
use crate::base::event::Watch;
use crate::base::path::SitePath;
use crate::base::step::Step;
use crate::sys::beneath::Rename;
use crate::sys::beneath::Stat;
use crate::sys::beneath::StatKind;
use crate::sys::fault;
use crate::sys::fs::IoError;
use crate::update::operations::Act;
use crate::update::swap::SwapError;
use crate::update::swap::prepare::folder_owner;
use crate::update::swap::record::Method;
use crate::update::swap::record::Move;
use crate::update::swap::record::Record;
use crate::update::swap::record::Stamp;
use crate::update::swap::workshop::Workshop;

/// Refuses unless every live path that will be moved is still what it was when
/// it was prepared, or has been moved already.
pub fn check_drift(workshop: &Workshop, record: &Record) -> Result<(), SwapError> {
    for this in &record.moves {
        let live = workshop.live(&this.operation.path)?;
        let is_lost = this.operation.act == Act::Withdraw
            && live.is_none()
            && workshop.bak.stat(&workshop.bak_path(&this.operation.path)?)?.is_none();
        if is_lost || !is_expected(this, live.as_ref()) {
            return Err(SwapError::Drift { path: this.operation.path.clone() });
        }
    }
    Ok(())
}

fn is_expected(this: &Move, live: Option<&Stat>) -> bool {
    let moved = |live: &Stat| this.new.is_some_and(|new| new.is(live));
    match (this.operation.act, live) {
        (Act::Exchange, Some(live)) => moved(live) || untouched(this.old, live),
        (Act::Withdraw, Some(live)) => untouched(this.old, live) || live.kind == StatKind::Folder,
        (Act::Place, Some(live)) => moved(live) || live.kind == StatKind::Folder,
        (Act::MakeFolder, Some(live)) => live.kind == StatKind::Folder || live.kind == StatKind::File,
        (Act::Exchange, None) => false,
        (Act::Withdraw | Act::Place | Act::RemoveFolder | Act::MakeFolder, _) => true,
    }
}

fn untouched(old: Option<Stamp>, live: &Stat) -> bool {
    old.is_some_and(|old| old.is_untouched(live))
}

/// Does every operation that is not done yet, then writes all of it to the
/// disk; between two operations it may be stopped.
pub fn swap(
    workshop: &Workshop,
    record: &Record,
    is_stopped: &dyn Fn() -> bool,
    watch: Watch,
) -> Result<(), SwapError> {
    let total = record.moves.len() as u64;
    for (done, this) in record.moves.iter().enumerate() {
        if is_stopped() {
            return Err(SwapError::Stopped);
        }
        point("swap.operation", &this.operation.path)?;
        forward_one(workshop, record.method, this)?;
        let progress = Event::Progress {
            what: "swapping".into(),
            done: done as u64 + 1,
            total,
            bytes: 0,
            total_bytes: 0,
        };
        watch(Some(Step::Swap), progress);
    }
    workshop.live.sync_file_system()?;
    point_at("swap.synced")
}

pub(super) fn forward_one(workshop: &Workshop, method: Method, this: &Move) -> Result<(), SwapError> {
    let path = &this.operation.path;
    let live = workshop.live(path)?;
    match this.operation.act {
        Act::Withdraw => withdraw(workshop, this, live),
        Act::RemoveFolder => remove_folder(workshop, path, live),
        Act::MakeFolder => make_folder(workshop, this, live),
        Act::Exchange => exchange(workshop, method, this, live),
        Act::Place => place(workshop, this, live),
    }
}

fn withdraw(workshop: &Workshop, this: &Move, live: Option<Stat>) -> Result<(), SwapError> {
    let path = &this.operation.path;
    match live {
        // Somebody deleted it; going back could not tell that from a lost copy.
        None if workshop.bak.stat(&workshop.bak_path(path)?)?.is_none() => {
            Err(SwapError::Drift { path: path.clone() })
        }
        // Already gone, or a later operation has made a folder of it.
        None => Ok(()),
        Some(live) if live.kind == StatKind::Folder => Ok(()),
        Some(live) if untouched(this.old, &live) => {
            let (home, bak) = (workshop.home(path), workshop.bak_path(path)?);
            Ok(home.root.rename(home.path, &workshop.bak, &bak, Rename::NoReplace)?)
        }
        // The place of a withdrawn file is already taken by what follows.
        Some(_) if workshop.bak.stat(&workshop.bak_path(path)?)?.is_some() => Ok(()),
        Some(_) => Err(SwapError::Drift { path: path.clone() }),
    }
}

fn remove_folder(workshop: &Workshop, path: &SitePath, live: Option<Stat>) -> Result<(), SwapError> {
    if live.is_none_or(|live| live.kind != StatKind::Folder) {
        return Ok(());
    }
    match workshop.live.remove_folder(path) {
        // Somebody put something into it meanwhile: it stays.
        Err(error) if error.source.kind() == std::io::ErrorKind::DirectoryNotEmpty => Ok(()),
        removed => Ok(removed?),
    }
}

/// Makes the folder, or finishes one whose making was cut off.
fn make_folder(workshop: &Workshop, this: &Move, live: Option<Stat>) -> Result<(), SwapError> {
    let path = &this.operation.path;
    if live.is_none_or(|live| live.kind != StatKind::Folder) {
        workshop.live.create_folder(path, 0o700)?;
    }
    let wanted = this.operation.new.as_ref().map_or(0, |new| new.mode);
    let mode = if wanted == 0 { mode_of_folder_above(workshop, path)? } else { wanted };
    let (uid, gid) = folder_owner(&workshop.live, path)?;
    let made = workshop.live.stat(path)?.map(|made| made.meta);
    let other = made.is_some_and(|made| (made.uid, made.gid) != (uid, gid));
    // Without privilege a new folder can only be ours.
    if other && crate::sys::env::user_id() == 0 {
        workshop.live.set_owner(path, uid, gid)?;
    }
    match made.is_some_and(|made| made.mode == mode) && !other {
        true => Ok(()),
        false => Ok(workshop.live.set_mode(path, mode)?),
    }
}

/// New folders have the bits of the folder they are made in.
fn mode_of_folder_above(workshop: &Workshop, path: &SitePath) -> Result<u32, SwapError> {
    let above = match path.parent() {
        Some(parent) => workshop.live.stat(&parent)?,
        None => workshop.live.stat(&crate::base::path::TreePath::root())?,
    };
    Ok(above.map_or(0o755, |stat| stat.meta.mode))
}

fn exchange(workshop: &Workshop, method: Method, this: &Move, live: Option<Stat>) -> Result<(), SwapError> {
    let path = &this.operation.path;
    let bak = workshop.bak_path(path)?;
    let (Some(new), Some(live)) = (this.new, live) else {
        return Err(SwapError::Drift { path: path.clone() });
    };
    let home = workshop.home(path);
    if !new.is(&live) {
        if !untouched(this.old, &live) {
            return Err(SwapError::Drift { path: path.clone() });
        }
        match method {
            Method::Exchange => workshop.new.rename(path, home.root, home.path, Rename::Exchange)?,
            Method::Link => {
                if workshop.bak.stat(&bak)?.is_none() {
                    home.root.link(home.path, &workshop.bak, &bak)?;
                }
                workshop.new.rename(path, home.root, home.path, Rename::Replace)?;
            }
        }
        point("swap.exchanged", path)?;
    }
    if method == Method::Exchange && workshop.new.stat(path)?.is_some() {
        workshop.new.rename(path, &workshop.bak, &bak, Rename::NoReplace)?;
    }
    Ok(())
}

fn place(workshop: &Workshop, this: &Move, live: Option<Stat>) -> Result<(), SwapError> {
    let path = &this.operation.path;
    let home = workshop.home(path);
    match (this.new, live) {
        (Some(new), Some(live)) if new.is(&live) => Ok(()),
        (Some(_), None) => Ok(workshop.new.rename(path, home.root, home.path, Rename::NoReplace)?),
        _ => Err(SwapError::Drift { path: path.clone() }),
    }
}

pub(super) fn point(name: &'static str, path: &SitePath) -> Result<(), SwapError> {
    fault::point(name).map_err(|source| IoError::new("change", path.as_str(), source).into())
}

pub(super) fn point_at(name: &'static str) -> Result<(), SwapError> {
    fault::point(name).map_err(|source| IoError::new("sync", "the site", source).into())
}
