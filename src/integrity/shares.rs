//! Which files are read again though their marks are as they were: marks can be
//! made to lie, and disks fail. The longer nobody looked, the more are read, so
//! that within a month each file has its turn, however often that is.

use std::time::Duration;

use crate::integrity::key::Key;

/// All files fall into so many shares.
const ALL: u8 = 128;
const MONTH: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// The shares whose turn it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shares {
    first: u64,
    count: u8,
}

impl Shares {
    /// `turn` counts the shares that were read before; `since` is the time since then.
    pub fn due(turn: u64, since: Option<Duration>) -> Shares {
        let part = since.unwrap_or_default().as_secs_f64() / MONTH.as_secs_f64();
        // Between 1 and all.
        let count = (part * f64::from(ALL)).ceil().clamp(1.0, f64::from(ALL)) as u8;
        Shares { first: turn, count }
    }

    /// The turn that comes after these.
    pub fn next_turn(self) -> u64 {
        self.first.wrapping_add(self.count.into())
    }

    /// The one share that comes after these.
    #[must_use]
    pub fn next(self) -> Shares {
        Shares { first: self.next_turn(), count: 1 }
    }

    /// In which share a name is. Who does not know the key cannot foresee it.
    pub fn place(key: &Key, name: &[u8]) -> u8 {
        // Below `ALL`.
        key.place(name, ALL.into()) as u8
    }

    pub fn hold(self, place: u8) -> bool {
        let first = (self.first % u64::from(ALL)) as u8;
        (place % ALL + ALL - first) % ALL < self.count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(shares: Shares) -> Vec<u8> {
        (0..ALL).filter(|place| shares.hold(*place)).collect()
    }

    #[test]
    fn each_share_has_its_turn_within_a_month_however_often_somebody_looks() {
        for hours in [1_u64, 24, 7 * 24, 30 * 24] {
            let (mut turn, mut seen) = (77, std::collections::BTreeSet::new());
            for _ in 0..(30 * 24_u64).div_ceil(hours) {
                let shares = Shares::due(turn, Some(Duration::from_secs(hours * 3600)));
                seen.extend(held(shares));
                turn = shares.next_turn();
            }
            assert_eq!(seen.len(), usize::from(ALL), "every {hours} h");
        }
    }

    #[test]
    fn as_many_are_read_as_are_due() {
        let day = Duration::from_secs(24 * 60 * 60);
        for (since, count) in [
            (None, 1),
            (Some(Duration::ZERO), 1),
            (Some(day / 24), 1),
            (Some(day), 5),
            (Some(7 * day), 30),
            (Some(30 * day), 128),
            (Some(900 * day), 128),
        ] {
            for turn in [0, 3, 127, 128, u64::MAX] {
                assert_eq!(held(Shares::due(turn, since)).len(), count, "{since:?} at {turn}");
            }
        }
        assert_eq!(held(Shares::due(126, Some(day))), [0, 1, 2, 126, 127]);
        assert_eq!(held(Shares::due(126, Some(day)).next()), [3]);
    }
}
