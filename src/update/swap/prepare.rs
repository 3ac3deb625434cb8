//! Everything that can be done before the curtain closes: the new inodes are
//! made with owner, mode and time set, the folders of the backup set stand
//! ready, and both sides' inodes are recorded. Nothing live is touched.

use std::fs::File;
use std::io::Read;
use std::io::Write;

use crate::base::digest::Algorithms;
use crate::base::digest::Hasher;
use crate::base::digest::Sha256;
use crate::base::event::Event;
use crate::base::event::Watch;
use crate::base::path::SitePath;
use crate::base::path::TreePath;
use crate::base::step::Step;
use crate::site::settings::Owner;
use crate::sys::attributes;
use crate::sys::attributes::Attribute;
use crate::sys::beneath::Root;
use crate::sys::beneath::StatKind;
use crate::sys::clock;
use crate::sys::env;
use crate::sys::fs::IoError;
use crate::update::operations::Act;
use crate::update::operations::Operation;
use crate::update::plan::Thing;
use crate::update::plan::What;
use crate::update::swap::SwapError;
use crate::update::swap::record::FORMAT;
use crate::update::swap::record::Method;
use crate::update::swap::record::Move;
use crate::update::swap::record::Record;
use crate::update::swap::record::Stamp;
use crate::update::swap::workshop::Workshop;

/// Where content comes from: an open file for a digest.
pub type Content<'a> = &'a dyn Fn(&Sha256) -> Result<File, IoError>;

/// Makes everything ready for `operations`; its record is the last that it writes.
pub fn prepare(
    workshop: &Workshop,
    operations: &[Operation],
    content: Content,
    owner: Owner,
    watch: Watch,
) -> Result<Record, SwapError> {
    let total_bytes = operations.iter().filter_map(|operation| operation.new.as_ref()).map(Thing::size).sum();
    let mut bytes = 0;
    let mut moves = Vec::with_capacity(operations.len());
    for (done, operation) in operations.iter().enumerate() {
        moves.push(prepare_one(workshop, operation, content, owner)?);
        bytes += operation.new.as_ref().map_or(0, Thing::size);
        let total = operations.len() as u64;
        let progress =
            Event::Progress { what: "preparing".into(), done: done as u64 + 1, total, bytes, total_bytes };
        watch(Some(Step::Close), progress);
    }
    let method = probe_method(workshop)?;
    workshop.new.sync_file_system()?;
    let record = Record { format: FORMAT, method, moves };
    record.save(&workshop.record_path())?;
    Ok(record)
}

fn prepare_one(
    workshop: &Workshop,
    operation: &Operation,
    content: Content,
    owner: Owner,
) -> Result<Move, SwapError> {
    let path = &operation.path;
    let live = match operation.act {
        Act::Exchange | Act::Withdraw | Act::RemoveFolder => workshop.live(path)?,
        Act::MakeFolder | Act::Place => None,
    };
    let old = live.as_ref().map(Stamp::of);
    if matches!(operation.act, Act::Exchange | Act::Withdraw) {
        workshop.bak.create_folders_above(path, 0o700)?;
        if old.is_none() {
            return Err(SwapError::Drift { path: path.clone() });
        }
    }
    let new = match (operation.act, &operation.new) {
        (Act::Exchange | Act::Place, Some(thing)) => {
            let old_seconds = live.as_ref().map(|stat| stat.meta.mtime);
            let looks = Looks { owner: whose(workshop, operation, owner)?, old_seconds };
            Some(make(workshop, operation, thing, content, &looks)?)
        }
        _ => None,
    };
    Ok(Move { operation: operation.clone(), new, old })
}

/// The owner and group that the new file gets.
fn whose(workshop: &Workshop, operation: &Operation, owner: Owner) -> Result<(u32, u32), SwapError> {
    if owner == Owner::Mine {
        return Ok((env::user_id(), env::group_id()));
    }
    if let Some(old) = &operation.old
        && let Some(owner) = old.owner
    {
        return Ok(owner);
    }
    let (uid, gid) = folder_owner(&workshop.live, &operation.path)?;
    // Without privilege a new file can only be ours, of a group that we are in.
    Ok(match env::user_id() {
        0 => (uid, gid),
        me if env::group_ids().contains(&gid) => (me, gid),
        me => (me, env::group_id()),
    })
}

/// Owner and group of the nearest folder above `path` that exists.
pub fn folder_owner(live: &Root, path: &SitePath) -> Result<(u32, u32), IoError> {
    let above: Vec<SitePath> = path.ancestors().collect();
    for folder in above.iter().rev() {
        if let Some(stat) = live.stat(folder)? {
            return Ok((stat.meta.uid, stat.meta.gid));
        }
    }
    let root = live.stat(&TreePath::root())?;
    Ok(root.map_or((env::user_id(), env::group_id()), |stat| (stat.meta.uid, stat.meta.gid)))
}

/// What the new inode has besides content and mode.
struct Looks {
    owner: (u32, u32),
    /// The second in which the old file was last changed.
    old_seconds: Option<i64>,
}

fn make(
    workshop: &Workshop,
    operation: &Operation,
    thing: &Thing,
    content: Content,
    looks: &Looks,
) -> Result<Stamp, SwapError> {
    let (new, path) = (&workshop.new, &operation.path);
    new.create_folders_above(path, 0o700)?;
    // Left by an attempt that was cut off before the record was written.
    if new.stat(path)?.is_some() {
        new.remove_file(path)?;
    }
    match &thing.what {
        What::File { sha256, .. } => {
            let mut file = new.create_file(path, 0o600)?;
            copy(&mut content(sha256)?, &mut file, *sha256, path, &new.full(path))?;
            give_attributes(workshop, operation, &file)?;
        }
        What::Link { target } => new.create_link(path, target.as_bytes())?,
        What::Folder | What::Other => {}
    }
    let made = new.stat(path)?.ok_or_else(|| SwapError::WrongContent { path: path.clone() })?;
    if (made.meta.uid, made.meta.gid) != looks.owner {
        new.set_owner(path, looks.owner.0, looks.owner.1)?;
    }
    // After the access list, whose mask these bits are.
    if matches!(thing.what, What::File { .. }) {
        new.set_mode(path, if thing.mode == 0 { 0o644 } else { thing.mode })?;
    }
    let now = clock::now().as_second();
    // PHP's opcode cache compares whole seconds: the new file must differ from the old in them.
    let seconds = if looks.old_seconds == Some(now) { now + 1 } else { now };
    new.set_mtime(path, seconds, 0)?;
    let stat = new.stat(path)?.ok_or_else(|| SwapError::WrongContent { path: path.clone() })?;
    Ok(Stamp::of(&stat))
}

/// The access list and labels of the file whose place it takes, or those that
/// a file made in its folder would have.
fn give_attributes(workshop: &Workshop, operation: &Operation, made: &File) -> Result<(), SwapError> {
    let path = &operation.path;
    let failed = |action| move |source| IoError::new(action, workshop.live.full(path), source);
    let old_is_file = operation.old.as_ref().is_some_and(|old| matches!(old.what, What::File { .. }));
    let wanted = if operation.act == Act::Exchange && old_is_file {
        let home = workshop.home(path);
        let old = home.root.open_file(home.path)?;
        let mut found = attributes::of(&old).map_err(failed("read the attributes of"))?;
        found.retain(Attribute::is_kept);
        found
    } else {
        let folder = open_nearest_folder(&workshop.live, path)?;
        attributes::inherited_from(&folder).map_err(failed("read the attributes of the folder of"))?
    };
    for attribute in &wanted {
        attributes::give(made, attribute).map_err(failed("keep the access list and labels of"))?;
    }
    Ok(())
}

fn open_nearest_folder(live: &Root, path: &SitePath) -> Result<File, IoError> {
    let above: Vec<SitePath> = path.ancestors().collect();
    for folder in above.iter().rev() {
        if live.stat(folder)?.is_some_and(|stat| stat.kind == StatKind::Folder) {
            return live.open_folder(folder);
        }
    }
    live.open_folder(&TreePath::root())
}

fn copy(
    from: &mut File,
    to: &mut File,
    expected: Sha256,
    path: &SitePath,
    full: &std::path::Path,
) -> Result<(), SwapError> {
    let mut hasher = Hasher::new(Algorithms::Sha256);
    let mut buffer = vec![0; 128 * 1024];
    loop {
        crate::sys::fault::point("prepare.copy").map_err(|source| IoError::new("write", full, source))?;
        let size =
            from.read(&mut buffer).map_err(|source| IoError::new("read the content of", full, source))?;
        if size == 0 {
            break;
        }
        hasher.update(&buffer[..size]);
        to.write_all(&buffer[..size]).map_err(|source| IoError::new("write", full, source))?;
    }
    match hasher.finish().0 == expected {
        true => Ok(()),
        false => Err(SwapError::WrongContent { path: path.clone() }),
    }
}

/// How names are replaced on this file system.
fn probe_method(workshop: &Workshop) -> Result<Method, SwapError> {
    Ok(if workshop.new.can_exchange()? { Method::Exchange } else { Method::Link })
}
