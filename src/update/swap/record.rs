//! The record of what was prepared: for each operation the inodes of both
//! sides. The stored format is `docs/journal.md`.

use std::path::Path;

use serde::Deserialize;
use serde::Serialize;

use crate::base::json;
use crate::sys::beneath::Stat;
use crate::sys::fs;
use crate::update::operations::Operation;
use crate::update::sealed;
use crate::update::swap::SwapError;

pub const FORMAT: u32 = 1;

/// All operations of a run with the inodes that they move.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    pub format: u32,
    pub method: Method,
    pub moves: Vec<Move>,
}

/// How a live name gets its new inode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Method {
    /// The kernel exchanges two names in one step.
    Exchange,
    /// The old inode gets a second name, then the new one is renamed over it.
    Link,
}

/// One operation and its inodes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Move {
    pub operation: Operation,
    /// The prepared inode; `None` for folders and for what only goes away.
    pub new: Option<Stamp>,
    /// The live inode as it was when everything was prepared.
    pub old: Option<Stamp>,
}

/// One inode with the marks by which a change to it is noticed. All of them are
/// of one file system, whose device may have another number after a start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamp {
    pub inode: u64,
    pub size: u64,
    pub mtime: (i64, u32),
}

impl Stamp {
    pub fn of(stat: &Stat) -> Stamp {
        Stamp { inode: stat.meta.inode, size: stat.size, mtime: (stat.meta.mtime, stat.meta.mtime_nanos) }
    }

    /// The same inode, whatever was written into it since.
    pub fn is(&self, stat: &Stat) -> bool {
        self.inode == stat.meta.inode
    }

    /// The same inode with nothing written into it since.
    pub fn is_untouched(&self, stat: &Stat) -> bool {
        *self == Stamp::of(stat)
    }
}

impl Record {
    /// The stored record; `None` when preparation never came to its end.
    pub fn load(path: &Path) -> Result<Option<Record>, SwapError> {
        let Some(bytes) = sealed::read(path)? else { return Ok(None) };
        let record = json::read_format(&bytes, FORMAT)
            .map_err(|source| SwapError::Record { path: fs::shown(path), source })?;
        Ok(Some(record))
    }

    pub fn save(&self, path: &Path) -> Result<(), SwapError> {
        let text = json::line(self).map_err(|source| SwapError::Record { path: fs::shown(path), source })?;
        Ok(sealed::write(path, &text)?)
    }
}
