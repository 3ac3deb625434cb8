//! A look at one path, without a scan of the whole folder.

use std::sync::atomic::AtomicU64;

use crate::base::digest::Algorithms;
use crate::base::path::TreePath;
use crate::base::tree::Kind;
use crate::base::tree::Node;
use crate::integrity::scan::read_whole;
use crate::sys::beneath::Root;
use crate::sys::beneath::StatKind;
use crate::sys::fs::IoError;

/// What stands at one path now, its content read; `None` when nothing does.
pub fn look(root: &Root, path: &TreePath, algorithms: Algorithms) -> Result<Option<Node>, IoError> {
    let Some(stat) = root.stat(path)? else { return Ok(None) };
    let kind = match stat.kind {
        StatKind::Folder => Kind::Folder,
        StatKind::Special(special) => Kind::Special(special),
        StatKind::Link => Kind::Link { target: root.read_link(path)? },
        StatKind::File => {
            let read = read_whole(root, path, algorithms, &AtomicU64::new(0));
            read.map_err(|source| IoError::new("read", root.full(path), source))?.0
        }
    };
    Ok(Some(Node { kind, meta: stat.meta }))
}
