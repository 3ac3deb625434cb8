//! A folder for what nobody needs afterwards: it goes away with whoever made it,
//! and where that one was killed, with the next who makes one.

use std::fs::DirBuilder;
use std::fs::File;
use std::fs::TryLockError;
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::path::PathBuf;

use crate::sys::env;
use crate::sys::fs;
use crate::sys::fs::IoError;
use crate::sys::random;

const PREFIX: &str = "entracte-scratch-";
/// Somebody who sweeps may take a folder in the instant before it is held.
const TRIES: usize = 20;

#[derive(Debug)]
pub struct Scratch {
    path: PathBuf,
    /// The folder itself, locked: the kernel frees it when its maker is gone.
    _held: File,
}

impl Scratch {
    pub fn new() -> Result<Scratch, IoError> {
        Scratch::within(&env::temporary_folder())
    }

    fn within(above: &Path) -> Result<Scratch, IoError> {
        sweep(above);
        let mut tries = 0;
        loop {
            let path = above.join(format!("{PREFIX}{}", random::hex(8)));
            let made = DirBuilder::new().mode(0o700).create(&path);
            made.map_err(|source| IoError::new("create", &path, source))?;
            tries += 1;
            match hold(&path) {
                Some(held) => return Ok(Scratch { path, _held: held }),
                None if tries < TRIES => {}
                None => {
                    let source = std::io::Error::other("others remove it again and again");
                    return Err(IoError::new("keep", path, source));
                }
            }
        }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What cannot be removed now is swept later, or goes away with the temporary folder.
        let _ = fs::remove_folder_all(&self.path);
    }
}

/// The folder, locked, if nobody else has it and it still has its name.
fn hold(path: &Path) -> Option<File> {
    let folder = File::open(path).ok()?;
    match folder.try_lock() {
        // Where a file system knows no locks, nobody who sweeps gets one either.
        Ok(()) | Err(TryLockError::Error(_)) => {}
        Err(TryLockError::WouldBlock) => return None,
    }
    let (here, there) = (folder.metadata().ok()?, fs::metadata(path).ok()??);
    ((here.dev(), here.ino()) == (there.dev(), there.ino())).then_some(folder)
}

/// Removes what killed ones left. Nobody but us can have made a folder that is ours.
fn sweep(above: &Path) {
    let is_left = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str());
        name.is_some_and(|name| name.starts_with(PREFIX))
            && fs::is_real_folder(path)
            && fs::owner(path).is_ok_and(|(uid, _)| uid == env::user_id())
    };
    for path in fs::list(above).unwrap_or_default().iter().filter(|path| is_left(path)) {
        let Ok(folder) = File::open(path) else { continue };
        if folder.try_lock().is_ok() {
            let _ = fs::remove_folder_all(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_stays_and_what_is_left_is_swept() {
        let above = tempfile::tempdir().unwrap();
        let names = || fs::list(above.path()).unwrap().len();
        let first = Scratch::within(above.path()).unwrap();
        std::fs::write(first.path().join("x"), "x").unwrap();
        let second = Scratch::within(above.path()).unwrap();
        assert!(first.path().join("x").exists() && second.path().exists());
        drop(second);
        assert_eq!(names(), 1);
        // As a kill leaves it: there, and held by nobody.
        let left = above.path().join(format!("{PREFIX}0123456789abcdef"));
        std::fs::create_dir_all(left.join("deep")).unwrap();
        // What only looks alike is nobody's to remove.
        std::os::unix::fs::symlink(first.path(), above.path().join(format!("{PREFIX}link"))).unwrap();
        std::fs::write(above.path().join(format!("{PREFIX}file")), "").unwrap();
        let third = Scratch::within(above.path()).unwrap();
        assert!(!left.exists());
        assert!(first.path().join("x").exists() && third.path().exists());
        assert_eq!(names(), 4);
    }

    #[test]
    fn many_at_once_leave_each_other_alone() {
        let above = tempfile::tempdir().unwrap();
        std::thread::scope(|threads| {
            for _ in 0..8 {
                threads.spawn(|| {
                    for _ in 0..50 {
                        let scratch = Scratch::within(above.path()).unwrap();
                        std::fs::write(scratch.path().join("x"), "x").unwrap();
                        assert!(scratch.path().join("x").exists());
                    }
                });
            }
        });
        assert_eq!(fs::list(above.path()).unwrap().len(), 0);
    }
}
