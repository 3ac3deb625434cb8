//! What a scan of a folder found.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;
use serde::Serialize;

use crate::base::digest::Md5;
use crate::base::digest::Sha256;
use crate::base::path::TreePath;

/// Everything below one root, by path in byte order. The root itself is not in it.
pub type Tree = BTreeMap<TreePath, Node>;

/// One entry of a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    pub kind: Kind,
    pub meta: Meta,
}

/// What stands behind a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    File {
        size: u64,
        sha256: Sha256,
        md5: Option<Md5>,
    },
    Folder,
    /// A symbolic link with the bytes it points to; never followed.
    Link {
        target: Vec<u8>,
    },
    /// A socket, fifo or device: reported, not read.
    Special(Special),
    /// It is there but could not be read; `reason` is the system's word.
    Unreadable {
        reason: String,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Special {
    Socket,
    Fifo,
    BlockDevice,
    CharacterDevice,
}

/// What the file system says about an entry besides its content.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Meta {
    /// Permission bits, setuid, setgid and sticky included.
    pub mode: u32,
    pub uid: u32,
    pub gid: u32,
    /// Last change of the content: seconds since 1970.
    pub mtime: i64,
    /// Nanoseconds of `mtime`.
    pub mtime_nanos: u32,
    pub device: u64,
    pub inode: u64,
    pub links: u64,
}

impl Meta {
    pub fn modified(&self) -> Timestamp {
        Timestamp::new(self.mtime, self.mtime_nanos as i32).unwrap_or(Timestamp::UNIX_EPOCH)
    }

    /// What names one inode on this machine.
    pub fn identity(&self) -> Identity {
        Identity { device: self.device, inode: self.inode }
    }
}

/// Device and inode: the same file under whatever name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Identity {
    pub device: u64,
    pub inode: u64,
}

impl Kind {
    pub fn sha256(&self) -> Option<Sha256> {
        match self {
            Kind::File { sha256, .. } => Some(*sha256),
            _ => None,
        }
    }
}

impl Node {
    pub fn is_folder(&self) -> bool {
        matches!(self.kind, Kind::Folder)
    }

    pub fn sha256(&self) -> Option<Sha256> {
        self.kind.sha256()
    }

    pub fn size(&self) -> u64 {
        match &self.kind {
            Kind::File { size, .. } => *size,
            Kind::Link { target } => target.len() as u64,
            _ => 0,
        }
    }
}
