//! Whether the kernel would let entries of a folder come and go, asked without
//! leaving a trace.

use rustix::fs::Access;
use rustix::fs::AtFlags;
use rustix::fs::Mode;
use rustix::fs::OFlags;
use rustix::fs::StatxAttributes;
use rustix::fs::StatxFlags;
use rustix::io::Errno;

use super::Beneath;
use super::Rename;
use super::Result;
use super::Root;
use super::resolve::openat;
use crate::base::path::TreePath;

impl Root {
    /// Makes a file without a name in the folder at `path`, which is gone at
    /// once: fails where a file with a name could not be made either, for
    /// permissions, flags, quotas, or a read-only mount. Where the file system
    /// knows no such files the permissions alone are asked.
    pub fn try_to_write(&self, path: &impl Beneath) -> Result<()> {
        let tried = || {
            let folder = self.folder(path.bytes(), OFlags::PATH)?;
            let flags = OFlags::TMPFILE | OFlags::WRONLY | OFlags::CLOEXEC;
            match openat(&folder, ".", flags, Mode::RUSR | Mode::WUSR) {
                Err(Errno::OPNOTSUPP | Errno::ISDIR | Errno::INVAL) => {
                    let access = Access::WRITE_OK | Access::EXEC_OK;
                    rustix::fs::accessat(&folder, ".", access, AtFlags::EACCESS)
                }
                made => made.map(drop),
            }
        };
        tried().map_err(|errno| self.error("make a file in", path, errno))
    }

    /// Whether `chattr` made the entry immutable or append-only, so that it
    /// cannot be renamed. Nothing there is not pinned.
    pub fn is_pinned(&self, path: &impl Beneath) -> Result<bool> {
        let pinned = StatxAttributes::IMMUTABLE | StatxAttributes::APPEND;
        match self.statx(path, StatxFlags::BASIC_STATS) {
            Ok(stat) => Ok(stat.stx_attributes.intersects(pinned)),
            Err(Errno::NOENT | Errno::NOTDIR | Errno::NOSYS) => Ok(false),
            Err(errno) => Err(self.error("look at", path, errno)),
        }
    }

    /// The number of the mount that `path` is on: names move only within one.
    /// `None` where the kernel does not tell (before Linux 5.8).
    pub fn mount(&self, path: &impl Beneath) -> Result<Option<u64>> {
        match self.statx(path, StatxFlags::MNT_ID) {
            Ok(stat) => Ok((stat.stx_mask & StatxFlags::MNT_ID.bits() != 0).then_some(stat.stx_mnt_id)),
            Err(Errno::NOSYS) => Ok(None),
            Err(errno) => Err(self.error("look at", path, errno)),
        }
    }

    /// Whether names can move between this folder and the other.
    pub fn shares_mount(&self, other: &Root) -> Result<bool> {
        let place = |root: &Root| -> Result<_> {
            let top = TreePath::root();
            Ok((root.stat(&top)?.map(|stat| stat.meta.device), root.mount(&top)?))
        };
        Ok(place(self)? == place(other)?)
    }

    /// Whether two names in this folder can be exchanged in one step; tried on
    /// files of our own. Fails where not even a second name can be given.
    pub fn can_exchange(&self) -> Result<bool> {
        let names = [b"entracte-probe-a", b"entracte-probe-b"].map(|name| TreePath::from_bytes(name));
        let [one, other] = &names;
        self.forget(&names)?;
        self.create_file(one, 0o600)?;
        let tried = self.create_file(other, 0o600).and_then(|_| {
            match self.rename(one, self, other, Rename::Exchange) {
                Ok(()) => Ok(true),
                Err(_) => {
                    self.remove_file(other)?;
                    self.link(one, self, other).map(|()| false)
                }
            }
        });
        self.forget(&names)?;
        tried
    }

    fn forget(&self, names: &[TreePath]) -> Result<()> {
        for name in names {
            if self.stat(name)?.is_some() {
                self.remove_file(name)?;
            }
        }
        Ok(())
    }

    fn statx(&self, path: &impl Beneath, wanted: StatxFlags) -> rustix::io::Result<rustix::fs::Statx> {
        if path.bytes().is_empty() {
            return rustix::fs::statx(&self.folder, "", AtFlags::EMPTY_PATH, wanted);
        }
        let (parent, name) = self.parent(path)?;
        rustix::fs::statx(&parent, name, AtFlags::SYMLINK_NOFOLLOW, wanted)
    }
}
