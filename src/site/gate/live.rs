//! Small files that the gate puts into the live tree and takes out again.
//!
//! Each carries [`MARK`], so that what is removed is never the owner's.

use std::io;
use std::io::Read;
use std::io::Write;

use crate::base::path::TreePath;
use crate::base::tree::Meta;
use crate::sys::beneath::Beneath;
use crate::sys::beneath::Rename;
use crate::sys::beneath::Root;
use crate::sys::beneath::Stat;
use crate::sys::beneath::StatKind;
use crate::sys::beneath::stat_of;
use crate::sys::fs::IoError;

/// Stands in every file of ours in a live tree.
pub const MARK: &str = "entracte gate";
/// Largest file that the gate reads from a live tree, in bytes.
const MAX_SIZE: u64 = 4 << 20;

/// A regular file of the live tree.
pub struct Found {
    pub bytes: Vec<u8>,
    pub stat: Stat,
}

/// Reads a regular file; `None` when nothing is there, an error on anything else.
pub fn read(root: &Root, path: &impl Beneath) -> Result<Option<Found>, IoError> {
    let Some(stat) = root.stat(path)? else { return Ok(None) };
    if stat.kind != StatKind::File {
        let source = io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file");
        return Err(IoError::new("read", root.full(path), source));
    }
    let file = root.open_file(path)?;
    let failed = |source| IoError::new("read", root.full(path), source);
    let stat = stat_of(&file).map_err(failed)?;
    let mut bytes = Vec::new();
    let size = file.take(MAX_SIZE + 1).read_to_end(&mut bytes).map_err(failed)?;
    match size as u64 > MAX_SIZE {
        true => Err(failed(io::ErrorKind::FileTooLarge.into())),
        false => Ok(Some(Found { bytes, stat })),
    }
}

/// Whether a file of ours stands at `path`.
pub fn is_ours(root: &Root, path: &impl Beneath) -> Result<bool, IoError> {
    match root.stat(path)? {
        Some(stat) if stat.kind == StatKind::File => {
            Ok(read(root, path)?.is_some_and(|found| has_mark(&found.bytes)))
        }
        _ => Ok(false),
    }
}

fn has_mark(bytes: &[u8]) -> bool {
    bytes.windows(MARK.len()).any(|window| window == MARK.as_bytes())
}

/// Makes the whole file at `path`, synced, with the mode and owner of `like`
/// where the system lets us; a leftover there is replaced.
pub fn prepare(root: &Root, path: &impl Beneath, bytes: &[u8], like: Option<&Meta>) -> Result<(), IoError> {
    if root.stat(path)?.is_some() {
        root.remove_file(path)?;
    }
    let mut file = root.create_file(path, 0o600)?;
    let failed = |action| move |source| IoError::new(action, root.full(path), source);
    file.write_all(bytes).map_err(failed("write"))?;
    let made = stat_of(&file).map_err(failed("look at"))?.meta;
    let mut mode = like.map_or(0o644, |meta| meta.mode);
    if let Some(meta) = like.filter(|meta| (meta.uid, meta.gid) != (made.uid, made.gid)) {
        // Another owner's file that we may not give away must stay readable to the server.
        if root.set_owner(path, meta.uid, meta.gid).is_err() {
            mode |= 0o044;
        }
    }
    root.set_mode(path, mode)?;
    file.sync_all().map_err(failed("sync"))
}

/// Puts a file of ours at `path`, or renews it; whatever else stands there is
/// left alone and reported by `false`.
pub fn put(root: &Root, path: &TreePath, bytes: &[u8]) -> Result<bool, IoError> {
    let how = match root.stat(path)? {
        None => Rename::NoReplace,
        Some(_) if !is_ours(root, path)? => return Ok(false),
        Some(_) if read(root, path)?.is_some_and(|found| found.bytes == bytes) => return Ok(true),
        Some(_) => Rename::Replace,
    };
    let new = half_made(path);
    prepare(root, &new, bytes, None)?;
    let placed = root.rename(&new, root, path, how);
    if placed.is_err() {
        let _ = root.remove_file(&new);
    }
    placed?;
    sync_parent(root, path)?;
    Ok(true)
}

/// Writes a file of the owner's anew with our lines in it, whole or not at all.
pub fn replace(root: &Root, path: &TreePath, bytes: &[u8], like: Option<&Meta>) -> Result<(), IoError> {
    let new = half_made(path);
    prepare(root, &new, bytes, like)?;
    root.rename(&new, root, path, Rename::Replace)?;
    sync_parent(root, path)
}

/// Takes a file of ours away, and a half-made one beside it.
pub fn take_away(root: &Root, path: &TreePath) -> Result<(), IoError> {
    let new = half_made(path);
    let mut changed = false;
    if root.stat(&new)?.is_some() {
        root.remove_file(&new)?;
        changed = true;
    }
    if is_ours(root, path)? {
        root.remove_file(path)?;
        changed = true;
    }
    if changed { sync_parent(root, path) } else { Ok(()) }
}

/// Whether a file system said that it does not know this kind of rename.
pub fn is_unsupported(error: &IoError) -> bool {
    matches!(error.source.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported)
}

/// Where a file of ours stands until it is whole.
pub fn half_made(path: &TreePath) -> TreePath {
    TreePath::from_bytes(&[path.as_bytes(), b".entracte-new"].concat())
}

fn sync_parent(root: &Root, path: &TreePath) -> Result<(), IoError> {
    let bytes = path.as_bytes();
    let parent = bytes.iter().rposition(|byte| *byte == b'/').map_or(&b""[..], |at| &bytes[..at]);
    root.sync_folder(&TreePath::from_bytes(parent))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_ours_is_renewed_and_taken_away() {
        let folder = tempfile::tempdir().unwrap();
        let root = Root::open(folder.path()).unwrap();
        let path = TreePath::from_bytes(b".maintenance");
        assert!(put(&root, &path, b"<?php /* entracte gate */ 1;").unwrap());
        assert!(put(&root, &path, b"<?php /* entracte gate */ 2;").unwrap());
        std::fs::write(folder.path().join(".maintenance.entracte-new"), "cut").unwrap();
        take_away(&root, &path).unwrap();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        std::fs::write(folder.path().join(".maintenance"), "<?php $upgrading = 1;").unwrap();
        assert!(!put(&root, &path, b"<?php /* entracte gate */ 3;").unwrap());
        take_away(&root, &path).unwrap();
        assert_eq!(std::fs::read(folder.path().join(".maintenance")).unwrap(), b"<?php $upgrading = 1;");
    }
}
