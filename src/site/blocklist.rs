//! Releases that failed on a site: automation does not try them again before a
//! person has cleared them. The stored format is `docs/automation.md`.

use std::path::Path;

use jiff::Timestamp;
use serde::Deserialize;
use serde::Serialize;

use crate::base::digest::Sha256;
use crate::site::stored;
use crate::site::stored::StoredError;

/// One release, known by the digest of its manifest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Blocked {
    pub manifest: Sha256,
    pub version: String,
    pub reason: String,
    pub at: Timestamp,
    pub run: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Blocklist {
    pub releases: Vec<Blocked>,
}

impl Blocklist {
    pub fn load(path: &Path) -> Result<Blocklist, StoredError> {
        stored::load(path)
    }

    pub fn find(&self, manifest: &Sha256) -> Option<&Blocked> {
        self.releases.iter().find(|blocked| blocked.manifest == *manifest)
    }

    /// Adds one, in place of what was known of the same release.
    pub fn add(path: &Path, blocked: Blocked) -> Result<(), StoredError> {
        let mut list = Blocklist::load(path)?;
        list.releases.retain(|known| known.manifest != blocked.manifest);
        list.releases.push(blocked);
        stored::save(path, &list)
    }

    /// Takes away the one whose digest begins so; `None` where it is none or several.
    pub fn clear(path: &Path, digest: &str) -> Result<Option<Blocked>, StoredError> {
        let mut list = Blocklist::load(path)?;
        let digest = digest.to_ascii_lowercase();
        let is_meant = |blocked: &Blocked| blocked.manifest.to_string().starts_with(&digest);
        match list.releases.iter().filter(|blocked| is_meant(blocked)).count() {
            1 if digest.len() >= MIN_PREFIX => {}
            _ => return Ok(None),
        }
        let meant = list.releases.iter().position(is_meant).map(|at| list.releases.remove(at));
        stored::save(path, &list)?;
        Ok(meant)
    }
}

/// Shortest beginning of a digest that names a release.
pub const MIN_PREFIX: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    fn blocked(name: &str) -> Blocked {
        Blocked {
            manifest: Sha256::of(name.as_bytes()),
            version: name.into(),
            reason: "it failed".into(),
            at: Timestamp::UNIX_EPOCH,
            run: None,
        }
    }

    #[test]
    fn a_release_is_blocked_until_it_is_cleared_by_its_digest() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("blocklist.json");
        assert_eq!(Blocklist::load(&path).unwrap(), Blocklist::default());
        for name in ["2.0", "3.0", "2.0"] {
            Blocklist::add(&path, blocked(name)).unwrap();
        }
        let list = Blocklist::load(&path).unwrap();
        assert_eq!(list.releases.len(), 2);
        let digest = Sha256::of(b"2.0");
        assert_eq!(list.find(&digest).unwrap().version, "2.0");
        for wrong in ["", &digest.to_string()[..7], "ffffffffff", &format!("{digest}0")] {
            assert_eq!(Blocklist::clear(&path, wrong).unwrap(), None, "{wrong}");
        }
        let cleared = Blocklist::clear(&path, &digest.to_string()[..12].to_uppercase()).unwrap();
        assert_eq!(cleared.unwrap().version, "2.0");
        assert!(Blocklist::load(&path).unwrap().find(&digest).is_none());
    }
}
