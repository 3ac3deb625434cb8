//! The content of a staged release that is at hand: in staging, and in the live
//! tree itself for files that the release leaves as they are.

use std::fs::File;
use std::io::Read;
use std::io::Seek;
use std::path::Path;

use crate::base::digest::Algorithms;
use crate::base::digest::Sha256;
use crate::base::path::SitePath;
use crate::integrity::manifest::FileEntry;
use crate::integrity::manifest::Manifest;
use crate::integrity::scan::hash_reader;
use crate::release::stage::StageError;
use crate::release::staging::Staging;
use crate::sys::beneath::Root;
use crate::sys::fs::IoError;

/// Where each content of one release can be read.
pub struct AtHand {
    staging: Staging,
    live: Option<Root>,
    /// Under which names the release wants it, by digest.
    names: Vec<(Sha256, SitePath)>,
}

impl AtHand {
    /// A live tree that cannot be opened holds nothing.
    pub fn of(staging: &Staging, manifest: &Manifest, live: &Path) -> AtHand {
        let named = |entry: &FileEntry| Some((entry.sha256()?, entry.path.clone()));
        let mut names: Vec<(Sha256, SitePath)> = manifest.files.iter().filter_map(named).collect();
        names.shrink_to_fit();
        names.sort_unstable();
        AtHand { staging: staging.clone(), live: Root::open(live).ok(), names }
    }

    /// Whether the content is here; what is staged is not read.
    pub fn has(&self, digest: &Sha256, size: u64) -> bool {
        let is_unmodified = |(live, path)| unmodified(live, path, digest).is_some();
        self.staging.has(digest, size) || self.places(digest).any(is_unmodified)
    }

    /// The content with this digest. One of the live tree was read to its end,
    /// and has it; whoever reads it once more has to see.
    pub fn open(&self, digest: &Sha256) -> Result<File, IoError> {
        match self.staging.open_object(digest) {
            Err(error) if error.is_not_found() => {
                let unmodified = |(live, path)| unmodified(live, path, digest);
                self.places(digest).find_map(unmodified).ok_or(error)
            }
            found => found,
        }
    }

    /// All of it, if it has its digest and at most so many bytes.
    pub fn read(&self, digest: &Sha256, most: u64) -> Result<Vec<u8>, IoError> {
        let failed = |source| IoError::new("read", self.staging.object_path(digest), source);
        let mut content = Vec::new();
        self.open(digest)?.take(most + 1).read_to_end(&mut content).map_err(failed)?;
        if content.len() as u64 > most {
            return Err(failed(std::io::ErrorKind::FileTooLarge.into()));
        }
        match Sha256::of(&content) == *digest {
            true => Ok(content),
            false => Err(failed(std::io::ErrorKind::InvalidData.into())),
        }
    }

    /// The same of something that must be text.
    pub fn read_text(&self, digest: &Sha256, most: u64) -> Result<String, IoError> {
        String::from_utf8(self.read(digest, most)?).map_err(|error| {
            let source = std::io::Error::new(std::io::ErrorKind::InvalidData, error);
            IoError::new("read", self.staging.object_path(digest), source)
        })
    }

    /// Every one of these is here and has its digest.
    pub fn verify<'e>(&self, entries: impl Iterator<Item = &'e FileEntry>) -> Result<(), StageError> {
        for entry in entries {
            let Some(expected) = entry.sha256() else { continue };
            let mut file = self.open(&expected).map_err(|error| match error.is_not_found() {
                true => StageError::Missing { path: entry.path.clone() },
                false => error.into(),
            })?;
            let (_, digest, _) = hash_reader(&mut file, Algorithms::Sha256)
                .map_err(|source| IoError::new("read", self.staging.object_path(&expected), source))?;
            if digest != expected {
                return Err(StageError::NotAsListed { path: entry.path.clone() });
            }
        }
        Ok(())
    }

    fn places(&self, digest: &Sha256) -> impl Iterator<Item = (&Root, &SitePath)> {
        let first = self.names.partition_point(|(other, _)| other < digest);
        let names = self.names[first..].iter().take_while(move |(other, _)| other == digest);
        self.live.iter().flat_map(move |live| names.clone().map(move |(_, name)| (live, name)))
    }
}

fn unmodified(live: &Root, path: &SitePath, digest: &Sha256) -> Option<File> {
    let mut file = live.open_file(path).ok()?;
    let (_, found, _) = hash_reader(&mut file, Algorithms::Sha256).ok()?;
    file.rewind().ok()?;
    (found == *digest).then_some(file)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::exit::Exit;
    use crate::base::exit::Fault;
    use crate::integrity::manifest::fixtures;

    #[test]
    fn what_was_edited_is_not_handed_out() {
        let folder = tempfile::tempdir().unwrap();
        let (live, at) = (folder.path().join("live"), |name: &str| folder.path().join("live").join(name));
        std::fs::create_dir(&live).unwrap();
        let staging = Staging::open(&folder.path().join("staging")).unwrap();
        staging.add(&mut "new".as_bytes(), None).unwrap();
        let manifest =
            fixtures::manifest(&[("changed", "new"), ("same", "as it was"), ("twice", "as it was")]);
        let (new, old) = (Sha256::of(b"new"), Sha256::of(b"as it was"));
        for name in ["changed", "same", "twice"] {
            std::fs::write(at(name), "as it was").unwrap();
        }
        let at_hand = AtHand::of(&staging, &manifest, &live);
        let read = |digest| at_hand.read(digest, 100).ok();
        assert_eq!((read(&new), read(&old)), (Some(b"new".to_vec()), Some(b"as it was".to_vec())));
        assert!(at_hand.read(&old, 8).is_err(), "it is longer");
        at_hand.verify(manifest.files.iter()).unwrap();
        std::fs::write(at("same"), "as it is!").unwrap();
        assert_eq!(read(&old), Some(b"as it was".to_vec()), "it stands twice");
        std::fs::remove_file(at("twice")).unwrap();
        std::os::unix::fs::symlink("same", at("twice")).unwrap();
        assert_eq!((at_hand.has(&old, 9), read(&old)), (false, None));
        assert_eq!(at_hand.verify(manifest.files.iter()).unwrap_err().exit(), Exit::Untrusted);
    }
}
