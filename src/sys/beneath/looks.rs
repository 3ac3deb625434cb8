//! Mode and owner of an entry, never those of what a link leads to.

use std::ffi::OsStr;
use std::os::fd::AsFd;
use std::os::fd::AsRawFd;

use rustix::fs::AtFlags;
use rustix::fs::Gid;
use rustix::fs::Mode;
use rustix::fs::OFlags;
use rustix::fs::Uid;
use rustix::io::Errno;

use super::Beneath;
use super::Result;
use super::Root;
use super::resolve::openat;

impl Root {
    /// Sets permission bits of a file or folder (never through a link).
    pub fn set_mode(&self, path: &impl Beneath, mode: u32) -> Result<()> {
        let tried = || {
            let (parent, name) = self.parent(path)?;
            let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
            match openat(&parent, name, flags, Mode::empty()) {
                Ok(file) => rustix::fs::fchmod(&file, Mode::from_raw_mode(mode)),
                // No permission to read it does not mean none to change its mode.
                Err(Errno::ACCESS) => set_unreadable_mode(&parent, name, mode),
                Err(errno) => Err(errno),
            }
        };
        tried().map_err(|errno| self.error("set the mode of", path, errno))
    }

    pub fn set_owner(&self, path: &impl Beneath, uid: u32, gid: u32) -> Result<()> {
        let tried = || {
            let (parent, name) = self.parent(path)?;
            let (uid, gid) = (Uid::from_raw(uid), Gid::from_raw(gid));
            rustix::fs::chownat(&parent, name, Some(uid), Some(gid), AtFlags::SYMLINK_NOFOLLOW)
        };
        tried().map_err(|errno| self.error("set the owner of", path, errno))
    }
}

/// By a name of the very inode: `fchmodat` would follow a link that takes its
/// place just now.
fn set_unreadable_mode(parent: &impl AsFd, name: &OsStr, mode: u32) -> rustix::io::Result<()> {
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let inode = rustix::fs::openat(parent, name, flags, Mode::empty())?;
    rustix::fs::chmod(format!("/proc/self/fd/{}", inode.as_raw_fd()), Mode::from_raw_mode(mode))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::fs;

    #[test]
    fn the_mode_of_what_a_link_leads_to_stays() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("file"), folder.path().join("link"));
        std::fs::write(&file, "").unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        fs::set_mode(&file, 0o600).unwrap();
        let root = Root::open(folder.path()).unwrap();
        assert!(set_unreadable_mode(&root, OsStr::new("link"), 0o777).is_err());
        assert_eq!(fs::mode(&file).unwrap(), 0o600);
        set_unreadable_mode(&root, OsStr::new("file"), 0o640).unwrap();
        assert_eq!(fs::mode(&file).unwrap(), 0o640);
    }
}
