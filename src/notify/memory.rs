//! What was told lately, so that the same thing is not told each hour.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use jiff::Timestamp;
use serde::Deserialize;
use serde::Serialize;

use crate::base::digest::Sha256;
use crate::base::json;
use crate::notify::notice::Notice;
use crate::notify::queue;
use crate::site::Site;
use crate::sys::fs;
use crate::sys::fs::IoError;

const FORMAT: u32 = 1;
/// Most things that are remembered.
const MOST: usize = 1_000;

/// Kind and key of a notice, as a digest, and when it was told.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Memory {
    format: u32,
    told: BTreeMap<String, Timestamp>,
}

impl Memory {
    /// A memory that is damaged is begun anew: telling twice is better than not.
    pub fn of(site: &Site) -> Memory {
        let text = fs::read_if_present(&queue::folder(site).join("told.json")).ok().flatten();
        text.and_then(|text| json::read_format(&text, FORMAT).ok()).unwrap_or_default()
    }

    /// Whether the same was told less than `pause` ago.
    pub fn knows(&self, notice: &Notice, pause: SignedDuration, now: Timestamp) -> bool {
        self.told.get(&name(notice)).is_some_and(|at| is_recent(*at, pause, now))
    }

    pub fn remember(&mut self, notice: &Notice, pause: SignedDuration, now: Timestamp) {
        self.told.retain(|_, at| is_recent(*at, pause, now));
        if self.told.len() < MOST {
            self.told.insert(name(notice), now);
        }
    }

    pub fn forget(&mut self, notice: &Notice) {
        self.told.remove(&name(notice));
    }

    pub fn keep(&mut self, site: &Site) -> Result<(), IoError> {
        self.format = FORMAT;
        fs::create_folders(&queue::folder(site), 0o700)?;
        queue::write(&queue::folder(site).join("told.json"), self)
    }
}

/// What lies in the future was written before the clock was set.
fn is_recent(at: Timestamp, pause: SignedDuration, now: Timestamp) -> bool {
    at <= now && now.duration_since(at) < pause
}

fn name(notice: &Notice) -> String {
    Sha256::of(format!("{} {}", notice.kind.name(), notice.key).as_bytes()).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::notice::Kind;

    #[test]
    fn the_same_thing_is_known_for_as_long_as_was_asked() {
        let day = SignedDuration::from_hours(24);
        let now: Timestamp = "2026-11-21T05:00:00Z".parse().unwrap();
        let notice = |kind, key: &str| Notice::new(kind, "what", key);
        let mut memory = Memory::default();
        memory.remember(&notice(Kind::Failed, "disk"), day, now);
        for (kind, key, hours, known) in [
            (Kind::Failed, "disk", 0, true),
            (Kind::Failed, "disk", 23, true),
            (Kind::Failed, "disk", 24, false),
            (Kind::Failed, "disk", -1, false),
            (Kind::Failed, "network", 1, false),
            (Kind::RolledBack, "disk", 1, false),
        ] {
            let later = now + SignedDuration::from_hours(hours);
            assert_eq!(memory.knows(&notice(kind, key), day, later), known, "{kind:?} {key} {hours}");
        }
        assert!(!memory.knows(&notice(Kind::Failed, "disk"), SignedDuration::ZERO, now));
        memory.remember(&notice(Kind::Failed, "network"), day, now + day);
        assert_eq!(memory.told.len(), 1);
    }
}
