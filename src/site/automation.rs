//! What automation remembers of a site between its runs.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::path::Path;

use jiff::Timestamp;
use serde::Deserialize;
use serde::Serialize;

use crate::base::digest::Sha256;
use crate::site::stored;
use crate::site::stored::StoredError;

/// So many releases are remembered.
const MOST: usize = 50;

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Automation {
    /// When each release was first seen here, by the digest of its manifest.
    pub seen: BTreeMap<Sha256, Timestamp>,
    /// The runs of each release in which the process died.
    pub died: BTreeMap<Sha256, BTreeSet<String>>,
    /// In a row.
    pub network_failures: u32,
    /// The plan that a person was asked to approve.
    pub asked: Option<Sha256>,
}

impl Automation {
    pub fn load(path: &Path) -> Result<Automation, StoredError> {
        stored::load(path)
    }

    pub fn save(&self, path: &Path) -> Result<(), StoredError> {
        stored::save(path, self)
    }

    /// Since when the release has been known; it is from now on.
    pub fn see(&mut self, manifest: Sha256, now: Timestamp) -> Timestamp {
        let since = *self.seen.entry(manifest).or_insert(now);
        while self.seen.len() > MOST {
            let oldest = self.seen.iter().min_by_key(|(_, seen)| **seen).map(|(digest, _)| *digest);
            oldest.map(|digest| (self.seen.remove(&digest), self.died.remove(&digest)));
        }
        since
    }

    /// In how many runs of the release the process has died by now, this one
    /// included: one that died again while it was taken back is no other.
    pub fn dies(&mut self, manifest: Sha256, run: &str) -> usize {
        let died = self.died.entry(manifest).or_default();
        died.insert(run.to_owned());
        died.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_seen_first_is_forgotten_first() {
        let mut memory = Automation::default();
        let at = |second: i64| Timestamp::from_second(second).unwrap();
        for number in 0..60 {
            memory.see(Sha256::of(&[number]), at(i64::from(number)));
        }
        assert_eq!(memory.seen.len(), MOST);
        assert_eq!(memory.see(Sha256::of(&[20]), at(99)), at(20));
        assert!(!memory.seen.contains_key(&Sha256::of(&[9])));
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("automation.json");
        for (run, died) in [("a", 1), ("a", 1), ("b", 2)] {
            assert_eq!(memory.dies(Sha256::of(b"x"), run), died);
        }
        memory.save(&path).unwrap();
        assert_eq!(Automation::load(&path).unwrap(), memory);
    }
}
