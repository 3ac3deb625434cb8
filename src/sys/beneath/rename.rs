//! Entries that change their names, also where the file system knows only
//! plain renames.

use std::ffi::OsStr;

use rustix::fs::AtFlags;
use rustix::fs::RenameFlags;
use rustix::io::Errno;

use super::Beneath;
use super::Result;
use super::Root;
use super::resolve::Parent;
use crate::sys::stat::to_stat;

/// How a rename treats what stands at its target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rename {
    /// The two names trade their inodes; both must exist.
    Exchange,
    /// Fails when the target exists.
    NoReplace,
    /// Takes the target's place.
    Replace,
}

impl Root {
    /// Renames `from` in this folder to `to` in `target`. One without
    /// replacement that was cut off half-way is brought to its end.
    pub fn rename(&self, from: &impl Beneath, target: &Root, to: &impl Beneath, how: Rename) -> Result<()> {
        self.try_rename(from, target, to, how).map_err(|errno| target.error(how.action(), to, errno))
    }

    fn try_rename(
        &self,
        from: &impl Beneath,
        target: &Root,
        to: &impl Beneath,
        how: Rename,
    ) -> rustix::io::Result<()> {
        let (old_parent, old_name) = self.parent(from)?;
        let (new_parent, new_name) = target.parent(to)?;
        let flags = match how {
            Rename::Exchange => RenameFlags::EXCHANGE,
            Rename::NoReplace => RenameFlags::NOREPLACE,
            Rename::Replace => return rustix::fs::renameat(&old_parent, old_name, &new_parent, new_name),
        };
        let renamed = rustix::fs::renameat_with(&old_parent, old_name, &new_parent, new_name, flags);
        match renamed {
            // NFS and old kernels know no flags: the entry gets its second name, then loses
            // the first. It may have the second one already, from an attempt that was cut off.
            Err(Errno::INVAL | Errno::NOSYS | Errno::EXIST) if how == Rename::NoReplace => {
                match rustix::fs::linkat(&old_parent, old_name, &new_parent, new_name, AtFlags::empty()) {
                    Err(Errno::EXIST) if is_same_inode((&old_parent, old_name), (&new_parent, new_name))? => {
                    }
                    linked => linked?,
                }
                rustix::fs::unlinkat(&old_parent, old_name, AtFlags::empty())
            }
            renamed => renamed,
        }
    }

    /// Gives the inode at `from` a second name, `to` in `target`.
    pub fn link(&self, from: &impl Beneath, target: &Root, to: &impl Beneath) -> Result<()> {
        let tried = || {
            let (old_parent, old_name) = self.parent(from)?;
            let (new_parent, new_name) = target.parent(to)?;
            rustix::fs::linkat(&old_parent, old_name, &new_parent, new_name, AtFlags::empty())
        };
        tried().map_err(|errno| target.error("link", to, errno))
    }
}

fn is_same_inode(one: (&Parent, &OsStr), other: (&Parent, &OsStr)) -> rustix::io::Result<bool> {
    let stat = |(parent, name): (&Parent, &OsStr)| {
        rustix::fs::statat(parent, name, AtFlags::SYMLINK_NOFOLLOW).map(|stat| to_stat(&stat).meta.identity())
    };
    Ok(stat(one)? == stat(other)?)
}

impl Rename {
    fn action(self) -> &'static str {
        match self {
            Rename::Exchange => "exchange",
            Rename::NoReplace | Rename::Replace => "rename into place",
        }
    }
}
