//! What a folder holds, with few calls and no memory of its own for each name.

use std::ffi::CStr;
use std::io;

use rustix::fs::AtFlags;
use rustix::fs::RawDir;
use rustix::fs::SeekFrom;

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
    starts: Vec<usize>,
}

impl Names {
    /// The names in the order of their bytes.
    pub fn sorted(&self) -> Vec<&CStr> {
        // Each was a name of the system's, which ends with its first zero byte.
        let name = |start: &usize| CStr::from_bytes_until_nul(&self.bytes[*start..]).ok();
        let mut names: Vec<&CStr> = self.starts.iter().filter_map(name).collect();
        names.sort_unstable();
        names
    }
}

impl Root {
    /// The names in this folder.
    pub fn names(&self) -> Result<Names> {
        self.try_names().map_err(|errno| self.error("list", &TreePath::root(), errno))
    }

    fn try_names(&self) -> rustix::io::Result<Names> {
        rustix::fs::seek(&self.folder, SeekFrom::Start(0))?;
        let (mut names, mut buffer) = (Names::default(), Vec::with_capacity(BUFFER));
        let mut entries = RawDir::new(&self.folder, buffer.spare_capacity_mut());
        while let Some(entry) = entries.next() {
            let entry = entry?;
            let name = entry.file_name().to_bytes_with_nul();
            if name != b".\0" && name != b"..\0" {
                names.starts.push(names.bytes.len());
                names.bytes.extend_from_slice(name);
            }
        }
        Ok(names)
    }

    /// What stands behind one of its names.
    pub fn stat_of_name(&self, name: &CStr) -> io::Result<Stat> {
        Ok(to_stat(&rustix::fs::statat(&self.folder, name, AtFlags::SYMLINK_NOFOLLOW)?))
    }
}
