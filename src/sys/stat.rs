//! What the system says of one entry of a folder.

use std::fs::File;
use std::io;

use rustix::fs::FileType;

use crate::base::tree::Meta;
use crate::base::tree::Special;

/// What `statx` says of one entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stat {
    pub kind: StatKind,
    pub size: u64,
    pub meta: Meta,
    /// Last change of the inode: seconds since 1970, and nanoseconds.
    pub ctime: (i64, u32),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatKind {
    File,
    Folder,
    Link,
    Special(Special),
}

/// What `fstat` says of an open file.
pub fn stat_of(file: &File) -> io::Result<Stat> {
    Ok(to_stat(&rustix::fs::fstat(file)?))
}

#[allow(
    clippy::useless_conversion,
    clippy::unnecessary_cast,
    reason = "the fields' types differ between targets"
)]
pub(super) fn to_stat(stat: &rustix::fs::Stat) -> Stat {
    let kind = match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => StatKind::File,
        FileType::Directory => StatKind::Folder,
        FileType::Symlink => StatKind::Link,
        FileType::Socket => StatKind::Special(Special::Socket),
        FileType::BlockDevice => StatKind::Special(Special::BlockDevice),
        FileType::CharacterDevice => StatKind::Special(Special::CharacterDevice),
        _ => StatKind::Special(Special::Fifo),
    };
    Stat {
        kind,
        size: stat.st_size.max(0) as u64,
        meta: Meta {
            mode: stat.st_mode & 0o7777,
            uid: stat.st_uid,
            gid: stat.st_gid,
            mtime: stat.st_mtime as i64,
            mtime_nanos: stat.st_mtime_nsec as u32,
            device: stat.st_dev as u64,
            inode: stat.st_ino as u64,
            links: stat.st_nlink as u64,
        },
        ctime: (stat.st_ctime as i64, stat.st_ctime_nsec as u32),
    }
}
