//! The kernel's word that something may have changed in a folder. It is a hint
//! and no more: words get lost, and come of things that changed back.

use std::collections::HashMap;
use std::collections::HashSet;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::fs::inotify;
use rustix::fs::inotify::CreateFlags;
use rustix::fs::inotify::ReadFlags;
use rustix::fs::inotify::WatchFlags;
use rustix::io::Errno;

use crate::base::path::TreePath;
use crate::sys::fs::IoError;

const BUFFER: usize = 64 << 10;

/// Watches of the folders of one tree.
#[derive(Debug)]
pub struct Hints {
    inotify: OwnedFd,
    folders: HashMap<i32, TreePath>,
    known: HashSet<TreePath>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hint {
    /// Something happened to this path.
    Path(TreePath),
    /// Something happened, and nobody knows where.
    Somewhere,
    /// More happened than the system keeps.
    Overflow,
}

impl Hints {
    pub fn open() -> Result<Hints, IoError> {
        let inotify = inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC)
            .map_err(|errno| IoError::new("watch", "/", errno))?;
        Ok(Hints { inotify, folders: HashMap::new(), known: HashSet::new() })
    }

    /// Watches one folder below `root`, links not followed; whether it is a new
    /// one. One that is gone again is none. Fails where the system allows no more.
    pub fn watch(&mut self, root: &Path, folder: &TreePath) -> Result<bool, IoError> {
        self.watch_as(&root.join(folder.as_path()), folder)
    }

    /// The same of any folder; news of it come by this name.
    pub fn watch_as(&mut self, path: &Path, folder: &TreePath) -> Result<bool, IoError> {
        if self.known.contains(folder) {
            return Ok(false);
        }
        let flags = WatchFlags::CLOSE_WRITE
            | WatchFlags::MODIFY
            | WatchFlags::ATTRIB
            | WatchFlags::CREATE
            | WatchFlags::DELETE
            | WatchFlags::MOVE
            | WatchFlags::ONLYDIR
            | WatchFlags::DONT_FOLLOW
            | WatchFlags::EXCL_UNLINK;
        match inotify::add_watch(&self.inotify, path, flags) {
            Ok(number) => {
                if let Some(before) = self.folders.insert(number, folder.clone()) {
                    self.known.remove(&before);
                }
                Ok(self.known.insert(folder.clone()))
            }
            Err(Errno::NOENT | Errno::NOTDIR | Errno::ACCESS | Errno::LOOP) => Ok(false),
            Err(errno) => Err(IoError::new("watch", path, errno)),
        }
    }

    pub fn count(&self) -> usize {
        self.known.len()
    }

    /// What has happened since this was asked last.
    pub fn take(&mut self) -> Vec<Hint> {
        let mut buffer = vec![MaybeUninit::uninit(); BUFFER];
        let (mut hints, mut gone) = (Vec::new(), Vec::new());
        let mut reader = inotify::Reader::new(&self.inotify, &mut buffer);
        loop {
            let event = match reader.next() {
                Ok(event) => event,
                Err(Errno::INTR) => continue,
                Err(Errno::AGAIN) => break,
                Err(_) => {
                    hints.push(Hint::Somewhere);
                    break;
                }
            };
            if event.events().contains(ReadFlags::IGNORED) {
                gone.push(event.wd());
                continue;
            }
            let folder = self.folders.get(&event.wd());
            hints.push(match (folder, event.file_name()) {
                _ if event.events().contains(ReadFlags::QUEUE_OVERFLOW) => Hint::Overflow,
                (Some(folder), Some(name)) => {
                    Hint::Path(folder.child(std::ffi::OsStr::from_bytes(name.to_bytes())))
                }
                (Some(folder), None) => Hint::Path(folder.clone()),
                (None, _) => Hint::Somewhere,
            });
        }
        for number in gone {
            if let Some(folder) = self.folders.remove(&number) {
                self.known.remove(&folder);
            }
        }
        hints
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_happens_in_watched_folders_is_heard_of() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("a")).unwrap();
        std::os::unix::fs::symlink("a", folder.path().join("link")).unwrap();
        let mut hints = Hints::open().unwrap();
        let (root, a) = (TreePath::root(), TreePath::from_bytes(b"a"));
        assert!(hints.watch(folder.path(), &root).unwrap());
        assert!(hints.watch(folder.path(), &a).unwrap());
        assert!(!hints.watch(folder.path(), &a).unwrap(), "known");
        assert!(!hints.watch(folder.path(), &TreePath::from_bytes(b"link")).unwrap(), "a link");
        assert!(!hints.watch(folder.path(), &TreePath::from_bytes(b"none")).unwrap());
        assert_eq!((hints.take(), hints.count()), (vec![], 2));
        std::fs::write(folder.path().join("a/x"), "x").unwrap();
        assert!(hints.take().contains(&Hint::Path(TreePath::from_bytes(b"a/x"))));
        std::fs::remove_dir_all(folder.path().join("a")).unwrap();
        assert!(!hints.take().is_empty());
        std::fs::create_dir(folder.path().join("a")).unwrap();
        hints.take();
        assert!(hints.watch(folder.path(), &a).unwrap(), "made anew");
    }
}
