//! Content that came before anybody could say what it is: it has no name in
//! staging until that is proved.

use std::io::Read;
use std::path::PathBuf;

use crate::base::digest::Sha256;
use crate::release::staging::Staging;
use crate::release::staging::StagingError;
use crate::sys::fs;

/// Such content; what is not settled goes away with this.
pub struct Unproved<'s> {
    staging: &'s Staging,
    kept: Vec<(PathBuf, Sha256)>,
}

impl Staging {
    pub fn unproved(&self) -> Unproved<'_> {
        Unproved { staging: self, kept: Vec::new() }
    }
}

impl Unproved<'_> {
    /// Keeps it; size and digest come back.
    pub fn add(&mut self, from: &mut dyn Read) -> Result<(u64, Sha256), StagingError> {
        let (path, size, digest) = self.staging.write(from)?;
        self.kept.push((path, digest));
        Ok((size, digest))
    }

    /// All of it is what was signed.
    pub fn settle(mut self) -> Result<(), StagingError> {
        while let Some((path, digest)) = self.kept.pop() {
            self.staging.name(&path, &digest)?;
        }
        Ok(())
    }
}

impl Drop for Unproved<'_> {
    fn drop(&mut self) {
        for (path, _) in &self.kept {
            // What is left is swept with the next release.
            let _ = fs::remove_file_if_present(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_has_a_name_once_it_is_settled() {
        let folder = tempfile::tempdir().unwrap();
        let staging = Staging::open(folder.path()).unwrap();
        let here = || fs::list(&folder.path().join("objects")).unwrap().len();
        let digest = Sha256::of(b"abc");
        let mut unproved = staging.unproved();
        assert_eq!(unproved.add(&mut &b"abc"[..]).unwrap(), (3, digest));
        assert!(!staging.has(&digest, 3));
        drop(unproved);
        assert_eq!(here(), 0, "given up");
        let mut unproved = staging.unproved();
        unproved.add(&mut &b"abc"[..]).unwrap();
        unproved.add(&mut &b"abc"[..]).unwrap();
        unproved.settle().unwrap();
        assert!(staging.has(&digest, 3));
        assert_eq!(here(), 1);
    }
}
