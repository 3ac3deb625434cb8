//! Space of file systems.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use jiff::Timestamp;

use crate::sys::fs;
use crate::sys::fs::IoError;

/// What a file system has left for us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Space {
    /// Bytes an unprivileged user may still write.
    pub free_bytes: u64,
    /// Files that may still be made; `None` where the file system has no limit.
    pub free_inodes: Option<u64>,
    pub block_size: u64,
    pub read_only: bool,
}

pub fn space(path: &Path) -> Result<Space, IoError> {
    let stat =
        rustix::fs::statvfs(path).map_err(|errno| IoError::new("measure the space of", path, errno))?;
    Ok(Space {
        free_bytes: stat.f_bavail.saturating_mul(stat.f_frsize),
        free_inodes: (stat.f_files > 0).then_some(stat.f_favail),
        block_size: stat.f_frsize.max(1),
        read_only: stat.f_flag.contains(rustix::fs::StatVfsMountFlags::RDONLY),
    })
}

/// Bytes that a file, or a folder with all that is in it, takes on the disk;
/// links are not followed, and what is not there takes none.
pub fn usage(path: &Path) -> Result<u64, IoError> {
    let Some(metadata) = fs::metadata(path)? else { return Ok(0) };
    let own = metadata.blocks().saturating_mul(512);
    if !metadata.is_dir() {
        return Ok(own);
    }
    let below: Result<Vec<u64>, IoError> = fs::list(path)?.iter().map(|entry| usage(entry)).collect();
    Ok(own + below?.into_iter().sum::<u64>())
}

/// Now, by the clock that sets the times of files in `folder`.
pub fn file_time(folder: &Path) -> Result<Timestamp, IoError> {
    let path = folder.join(".time");
    fs::remove_file_if_present(&path)?;
    let file = fs::create_new(&path)?;
    let told = file.metadata().and_then(|metadata| metadata.modified());
    fs::remove_file_if_present(&path)?;
    let told = told.and_then(|time| Timestamp::try_from(time).map_err(std::io::Error::other));
    told.map_err(|source| IoError::new("read the time of", path, source))
}

/// Takes `bytes` of room for a file now, so that a later write cannot fail for
/// want of space. File systems that cannot are left alone.
pub fn reserve(file: &std::fs::File, path: &Path, bytes: u64) -> Result<(), IoError> {
    use rustix::io::Errno;
    match rustix::fs::fallocate(file, rustix::fs::FallocateFlags::KEEP_SIZE, 0, bytes) {
        Ok(()) | Err(Errno::OPNOTSUPP | Errno::NOSYS) => Ok(()),
        Err(errno) => Err(IoError::new("reserve space for", path, errno)),
    }
}

/// Takes room for `bytes` in a file of `folder` that has no name and is gone at
/// once: fails where a quota, or space that others reserved, leaves less than
/// [`space`] says. File systems that cannot are left alone.
pub fn try_to_hold(folder: &Path, bytes: u64) -> Result<(), IoError> {
    use rustix::fs::Mode;
    use rustix::fs::OFlags;
    use rustix::io::Errno;
    let flags = OFlags::TMPFILE | OFlags::WRONLY | OFlags::CLOEXEC;
    match rustix::fs::open(folder, flags, Mode::RUSR | Mode::WUSR) {
        Ok(file) => reserve(&std::fs::File::from(file), folder, bytes.max(1)),
        Err(Errno::OPNOTSUPP | Errno::ISDIR | Errno::INVAL) => Ok(()),
        Err(errno) => Err(IoError::new("make a file in", folder, errno)),
    }
}
