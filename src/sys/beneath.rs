//! A folder whose entries are reached by descriptor only, so that no link,
//! planted before or during the work, leads out of it.
//!
//! Paths are resolved by `openat2` with `RESOLVE_BENEATH | NO_SYMLINKS`, and
//! component by component with `O_NOFOLLOW` where the kernel lacks it. The
//! last component is never followed.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::path::PathBuf;

use rustix::fs::AtFlags;
use rustix::fs::FileType;
use rustix::fs::Mode;
use rustix::fs::OFlags;
use rustix::fs::Timespec;
use rustix::fs::Timestamps;
use rustix::io::Errno;

use crate::base::path::SitePath;
use crate::base::path::TreePath;
pub use crate::sys::beneath::names::Names;
pub use crate::sys::beneath::rename::Rename;
use crate::sys::fs::IoError;
pub use crate::sys::stat::Stat;
pub use crate::sys::stat::StatKind;
pub use crate::sys::stat::stat_of;
use crate::sys::stat::to_stat;

use resolve::openat;

type Result<T> = std::result::Result<T, IoError>;

/// A path that is known to be relative and clean.
pub trait Beneath {
    fn bytes(&self) -> &[u8];
}

impl Beneath for SitePath {
    fn bytes(&self) -> &[u8] {
        self.as_str().as_bytes()
    }
}

impl Beneath for TreePath {
    fn bytes(&self) -> &[u8] {
        self.as_bytes()
    }
}

/// An open folder.
#[derive(Debug)]
pub struct Root {
    folder: OwnedFd,
    path: PathBuf,
}

/// How often what changes under our hands is looked at again.
const TRIES: u32 = 20;

impl Root {
    /// Opens the folder itself; links in `path` are followed, this once.
    pub fn open(path: &Path) -> Result<Root> {
        let flags = OFlags::DIRECTORY | OFlags::RDONLY | OFlags::CLOEXEC;
        let folder = rustix::io::retry_on_intr(|| rustix::fs::open(path, flags, Mode::empty()))
            .map_err(|errno| IoError::new("open the folder", path, errno))?;
        Ok(Root { folder, path: path.to_owned() })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The folder `name` in this one, opened; a link is not followed.
    pub fn child(&self, name: &OsStr) -> Result<Root> {
        let flags = OFlags::DIRECTORY | OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let path = self.path.join(name);
        if matches!(name.as_bytes(), b"" | b"." | b"..") || name.as_bytes().contains(&b'/') {
            return Err(IoError::new("open the folder", path, Errno::INVAL));
        }
        let folder = openat(&self.folder, name, flags, Mode::empty())
            .map_err(|errno| IoError::new("open the folder", &path, errno))?;
        Ok(Root { folder, path })
    }

    /// Where `path` stands, for messages and for programs that are told names.
    pub fn full(&self, path: &impl Beneath) -> PathBuf {
        self.path.join(OsStr::from_bytes(path.bytes()))
    }

    /// What stands at `path`; `None` when nothing does.
    pub fn stat(&self, path: &impl Beneath) -> Result<Option<Stat>> {
        match self.try_stat(path) {
            Ok(stat) => Ok(Some(stat)),
            // Below a file there is nothing either.
            Err(Errno::NOENT | Errno::NOTDIR) => Ok(None),
            Err(errno) => Err(self.error("look at", path, errno)),
        }
    }

    /// As [`Root::stat`], but a link on the way is an error: what it hides may
    /// be back in a moment, so that nothing can be said of it.
    pub fn stat_in_plain_sight(&self, path: &SitePath) -> Result<Option<Stat>> {
        for _ in 0..TRIES {
            match self.try_stat(path) {
                Ok(stat) => return Ok(Some(stat)),
                Err(Errno::NOENT) => return Ok(None),
                Err(Errno::NOTDIR) => {}
                Err(errno) => return Err(self.error("look at", path, errno)),
            }
            for above in path.ancestors() {
                match self.stat(&above)?.map(|stat| stat.kind) {
                    Some(StatKind::Folder) => {}
                    Some(StatKind::Link) => return Err(self.error("look at", path, Errno::LOOP)),
                    _ => return Ok(None),
                }
            }
            // All are folders now: somebody changes them under our hands.
        }
        Err(self.error("look at", path, Errno::LOOP))
    }

    fn try_stat(&self, path: &impl Beneath) -> rustix::io::Result<Stat> {
        let stat = if path.bytes().is_empty() {
            rustix::fs::fstat(&self.folder)?
        } else {
            let (parent, name) = self.parent(path)?;
            rustix::fs::statat(&parent, name, AtFlags::SYMLINK_NOFOLLOW)?
        };
        Ok(to_stat(&stat))
    }

    /// Opens a regular file for reading; fails on anything else, never blocks.
    pub fn open_file(&self, path: &impl Beneath) -> Result<File> {
        self.try_open_file(path).map_err(|errno| self.error("open", path, errno))
    }

    /// The same for what was a regular file a moment ago. Whoever reads it
    /// holds [`stat_of`] it against what it was, and takes nothing else.
    pub fn open_seen(&self, path: &impl Beneath) -> Result<File> {
        self.open_anything(path).map(File::from).map_err(|errno| self.error("open", path, errno))
    }

    fn open_anything(&self, path: &impl Beneath) -> rustix::io::Result<OwnedFd> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
        self.existing(path.bytes(), flags)
    }

    fn try_open_file(&self, path: &impl Beneath) -> rustix::io::Result<File> {
        let file = self.open_anything(path)?;
        match FileType::from_raw_mode(rustix::fs::fstat(&file)?.st_mode) {
            FileType::RegularFile => Ok(File::from(file)),
            FileType::Directory => Err(Errno::ISDIR),
            _ => Err(Errno::INVAL),
        }
    }

    /// Opens a folder in it, to ask for its attributes.
    pub fn open_folder(&self, path: &impl Beneath) -> Result<File> {
        let folder = self.folder(path.bytes(), OFlags::RDONLY);
        folder.map(File::from).map_err(|errno| self.error("open the folder", path, errno))
    }

    pub fn read_link(&self, path: &impl Beneath) -> Result<Vec<u8>> {
        self.parent(path)
            .and_then(|(parent, name)| rustix::fs::readlinkat(&parent, name, Vec::new()))
            .map(|target| target.into_bytes())
            .map_err(|errno| self.error("read the link", path, errno))
    }

    /// Makes a regular file that must not exist yet.
    pub fn create_file(&self, path: &impl Beneath, mode: u32) -> Result<File> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        self.parent(path)
            .and_then(|(parent, name)| openat(&parent, name, flags, Mode::from_raw_mode(mode)))
            .map(File::from)
            .map_err(|errno| self.error("create", path, errno))
    }

    pub fn create_link(&self, path: &impl Beneath, target: &[u8]) -> Result<()> {
        self.parent(path)
            .and_then(|(parent, name)| rustix::fs::symlinkat(OsStr::from_bytes(target), &parent, name))
            .map_err(|errno| self.error("create the link", path, errno))
    }

    /// Makes one folder; its parent must exist and it must not.
    pub fn create_folder(&self, path: &impl Beneath, mode: u32) -> Result<()> {
        self.parent(path)
            .and_then(|(parent, name)| rustix::fs::mkdirat(&parent, name, Mode::from_raw_mode(mode)))
            .map_err(|errno| self.error("create the folder", path, errno))
    }

    /// Makes the folders above `path` that are missing.
    pub fn create_folders_above(&self, path: &SitePath, mode: u32) -> Result<()> {
        for above in path.ancestors() {
            match self.create_folder(&above, mode) {
                Err(error) if error.source.kind() != io::ErrorKind::AlreadyExists => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }

    pub fn remove_file(&self, path: &impl Beneath) -> Result<()> {
        self.parent(path)
            .and_then(|(parent, name)| rustix::fs::unlinkat(&parent, name, AtFlags::empty()))
            .map_err(|errno| self.error("remove", path, errno))
    }

    /// Removes an empty folder.
    pub fn remove_folder(&self, path: &impl Beneath) -> Result<()> {
        self.parent(path)
            .and_then(|(parent, name)| rustix::fs::unlinkat(&parent, name, AtFlags::REMOVEDIR))
            .map_err(|errno| self.error("remove the folder", path, errno))
    }

    /// Sets access and modification time of a file, folder or link itself.
    pub fn set_mtime(&self, path: &impl Beneath, seconds: i64, nanos: u32) -> Result<()> {
        let time = Timespec { tv_sec: seconds, tv_nsec: nanos.into() };
        let times = Timestamps { last_access: time, last_modification: time };
        self.parent(path)
            .and_then(|(parent, name)| {
                rustix::fs::utimensat(&parent, name, &times, AtFlags::SYMLINK_NOFOLLOW)
            })
            .map_err(|errno| self.error("set the time of", path, errno))
    }

    /// Writes the names in one folder to the disk; the root itself for an empty
    /// path. Where folders know no such thing there is none to wait for.
    pub fn sync_folder(&self, path: &impl Beneath) -> Result<()> {
        match self.folder(path.bytes(), OFlags::RDONLY).and_then(rustix::fs::fsync) {
            Err(Errno::INVAL) => Ok(()),
            synced => synced.map_err(|errno| self.error("sync", path, errno)),
        }
    }

    /// Writes everything of this file system to the disk.
    pub fn sync_file_system(&self) -> Result<()> {
        rustix::fs::syncfs(&self.folder)
            .map_err(|errno| IoError::new("sync the file system of", &self.path, errno))
    }

    fn error(&self, action: &'static str, path: &impl Beneath, errno: Errno) -> IoError {
        IoError::new(action, self.full(path), errno)
    }
}

impl AsFd for Root {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.folder.as_fd()
    }
}

mod looks;
mod names;
mod probe;
mod rename;
mod resolve;

#[cfg(test)]
mod tests;
