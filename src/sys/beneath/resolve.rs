//! From a path to the folder that holds it, without leaving the root: by
//! `openat2` with `RESOLVE_BENEATH | NO_SYMLINKS`, and component by component
//! with `O_NOFOLLOW` where the kernel lacks it.

use std::ffi::OsStr;
use std::os::fd::AsFd;
use std::os::fd::BorrowedFd;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;

use rustix::fs::Mode;
use rustix::fs::OFlags;
use rustix::fs::ResolveFlags;
use rustix::io::Errno;

use super::Beneath;
use super::Root;

/// Set once when the kernel says it has no `openat2`.
static WITHOUT_OPENAT2: AtomicBool = AtomicBool::new(false);

/// The folder that holds an entry: the root itself, or one that was opened for it.
pub(super) enum Parent<'r> {
    Root(BorrowedFd<'r>),
    Opened(OwnedFd),
}

impl AsFd for Parent<'_> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Parent::Root(folder) => *folder,
            Parent::Opened(folder) => folder.as_fd(),
        }
    }
}

impl Root {
    /// The open folder that holds `path`, and the name in it.
    pub(super) fn parent<'p>(
        &'p self,
        path: &'p (impl Beneath + ?Sized),
    ) -> rustix::io::Result<(Parent<'p>, &'p OsStr)> {
        let bytes = path.bytes();
        let (parent, name) = match bytes.iter().rposition(|byte| *byte == b'/') {
            Some(at) => (Parent::Opened(self.folder(&bytes[..at], OFlags::PATH)?), &bytes[at + 1..]),
            None => (Parent::Root(self.folder.as_fd()), bytes),
        };
        match name {
            b"" | b"." | b".." => Err(Errno::INVAL),
            name => Ok((parent, OsStr::from_bytes(name))),
        }
    }

    /// The folder at `path`; the root itself where that is empty.
    pub(super) fn folder(&self, path: &[u8], how: OFlags) -> rustix::io::Result<OwnedFd> {
        self.existing(path, how | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC)
    }

    /// What stands at `path`, opened.
    pub(super) fn existing(&self, path: &[u8], flags: OFlags) -> rustix::io::Result<OwnedFd> {
        if path.is_empty() {
            return openat(&self.folder, ".", flags, Mode::empty());
        }
        if !WITHOUT_OPENAT2.load(Ordering::Relaxed) {
            let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
            let opened = rustix::io::retry_on_intr(|| {
                rustix::fs::openat2(&self.folder, OsStr::from_bytes(path), flags, Mode::empty(), resolve)
            });
            match opened {
                Err(Errno::NOSYS | Errno::PERM) => WITHOUT_OPENAT2.store(true, Ordering::Relaxed),
                // The kernel could not prove the path safe because of a race: it asks to try again.
                Err(Errno::AGAIN) => {}
                opened => return opened,
            }
        }
        self.by_component(path, flags)
    }

    pub(super) fn by_component(&self, path: &[u8], flags: OFlags) -> rustix::io::Result<OwnedFd> {
        let walk = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mut here = openat(&self.folder, ".", walk, Mode::empty())?;
        let mut parts = path.split(|byte| *byte == b'/').peekable();
        while let Some(part) = parts.next() {
            if matches!(part, b"" | b"." | b"..") {
                return Err(Errno::INVAL);
            }
            let flags = if parts.peek().is_some() { walk } else { flags };
            here = openat(&here, OsStr::from_bytes(part), flags, Mode::empty())?;
        }
        Ok(here)
    }
}

/// Opens an entry of a folder; begins again where a signal came between, as
/// happens on file systems that wait for somebody else.
pub(super) fn openat(
    folder: impl AsFd,
    name: impl rustix::path::Arg + Copy,
    flags: OFlags,
    mode: Mode,
) -> rustix::io::Result<OwnedFd> {
    rustix::io::retry_on_intr(|| rustix::fs::openat(&folder, name, flags, mode))
}
