//! What a folder holds, with few calls and no memory of its own for each name.

use std::ffi::CStr;
use std::ffi::OsStr;
use std::ffi::OsString;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;

use rustix::fs::AtFlags;
use rustix::fs::FileType;
use rustix::fs::OFlags;
use rustix::fs::RawDir;
use rustix::fs::SeekFrom;

use super::Beneath;
use super::Result;
use super::Root;
use crate::base::path::TreePath;
use crate::sys::stat::Stat;
use crate::sys::stat::to_stat;

/// Of what the system gives at once, in bytes.
const BUFFER: usize = 64 << 10;

/// The names in one folder.
#[derive(Default)]
pub struct Names {
    /// Each ends with a zero byte.
    bytes: Vec<u8>,
    /// Where each begins, and whether it is said to be a regular file.
    starts: Vec<(usize, bool)>,
}

impl Names {
    /// In the system's order. A name that is said to be a regular file's may be that
    /// of something else by now; of others nothing is said.
    pub fn iter(&self) -> impl Iterator<Item = (&CStr, bool)> {
        // Each was a name of the system's, which ends with its first zero byte.
        let name = |start: usize| CStr::from_bytes_until_nul(&self.bytes[start..]).ok();
        self.starts.iter().filter_map(move |(start, is_file)| Some((name(*start)?, *is_file)))
    }

    /// In the order of their bytes.
    pub fn sorted(&self) -> Vec<&CStr> {
        let mut names: Vec<&CStr> = self.iter().map(|(name, _)| name).collect();
        names.sort_unstable();
        names
    }
}

impl Root {
    /// The names in this folder.
    pub fn names(&self) -> Result<Names> {
        names(&self.folder).map_err(|errno| self.error("list", &TreePath::root(), errno))
    }

    /// What stands behind one of its names.
    pub fn stat_of_name(&self, name: &CStr) -> io::Result<Stat> {
        stat(&self.folder, name)
    }

    /// The names in a folder, in no order, each with what stands there.
    pub fn list(&self, path: &impl Beneath) -> Result<Vec<(OsString, io::Result<Stat>)>> {
        let listed = self.folder(path.bytes(), OFlags::RDONLY).and_then(|folder| {
            let own = |name: &CStr| OsStr::from_bytes(name.to_bytes()).to_owned();
            Ok(names(&folder)?.iter().map(|(name, _)| (own(name), stat(&folder, name))).collect())
        });
        listed.map_err(|errno| self.error("list", path, errno))
    }
}

fn names(folder: &OwnedFd) -> rustix::io::Result<Names> {
    rustix::fs::seek(folder, SeekFrom::Start(0))?;
    let (mut names, mut buffer) = (Names::default(), Vec::with_capacity(BUFFER));
    let mut entries = RawDir::new(folder, buffer.spare_capacity_mut());
    while let Some(entry) = entries.next() {
        let entry = entry?;
        let name = entry.file_name().to_bytes_with_nul();
        if name != b".\0" && name != b"..\0" {
            let is_file = entry.file_type() == FileType::RegularFile;
            names.starts.push((names.bytes.len(), is_file));
            names.bytes.extend_from_slice(name);
        }
    }
    Ok(names)
}

fn stat(folder: &OwnedFd, name: &CStr) -> io::Result<Stat> {
    Ok(to_stat(&rustix::fs::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW)?))
}
