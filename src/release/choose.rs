//! The cheapest way to what is missing, by bytes and round trips. Pure.

/// What one round trip is worth, in bytes: what a usual line carries meanwhile.
const TRIP: u64 = 128 << 10;
/// What a request and the head of its answer take on the line.
const HEADS: u64 = 400;

/// A way to get what is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// All of it is here.
    Nothing,
    /// What differs from the installed release, in one file.
    Pack,
    /// Each missing content by itself.
    Objects,
    /// The whole release in one file.
    Archive,
}

/// What there is to choose from; lengths in bytes, as they would be fetched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Offer {
    /// Of the pack from what is installed, and of what must be had before it can be used.
    pub pack: Option<u64>,
    pub archive: Option<u64>,
    /// Contents that are missing, with their length as objects.
    pub objects: Option<(u64, u64)>,
    /// Objects under way at once.
    pub at_once: u64,
}

impl Offer {
    /// All ways there are, the cheapest first.
    pub fn ways(&self) -> Vec<Way> {
        if matches!(self.objects, Some((0, _))) {
            return vec![Way::Nothing];
        }
        let mut ways: Vec<(u64, Way)> = [Way::Pack, Way::Objects, Way::Archive]
            .into_iter()
            .filter_map(|way| Some((self.cost(way)?, way)))
            .collect();
        ways.sort_by_key(|(cost, _)| *cost);
        ways.into_iter().map(|(_, way)| way).collect()
    }

    fn cost(&self, way: Way) -> Option<u64> {
        let (bytes, requests, trips) = match way {
            Way::Nothing => (0, 0, 0),
            Way::Pack => (self.pack?, 1, 1),
            Way::Archive => (self.archive?, 1, 1),
            Way::Objects => {
                let (count, bytes) = self.objects?;
                (bytes, count, count.div_ceil(self.at_once.max(1)))
            }
        };
        let heads = requests.saturating_mul(HEADS);
        Some(bytes.saturating_add(heads).saturating_add(trips.saturating_mul(TRIP)))
    }
}

/// What so much content is likely to be long when it is packed, from what is
/// known of the whole release.
pub fn packed(content: u64, (all, all_packed): (u64, u64)) -> u64 {
    match all {
        0 => content,
        all => {
            (u128::from(content) * u128::from(all_packed) / u128::from(all)).try_into().unwrap_or(u64::MAX)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    #[test]
    fn the_cheapest_way_comes_first() {
        use Way::*;
        for (what, pack, archive, objects, expected) in [
            ("nothing is missing", Some(MIB), Some(9 * MIB), Some((0, 0)), &[Nothing][..]),
            (
                "an ordinary update",
                Some(MIB),
                Some(25 * MIB),
                Some((700, 6 * MIB)),
                &[Pack, Objects, Archive],
            ),
            ("few small files", Some(MIB), Some(25 * MIB), Some((3, 9000)), &[Objects, Pack, Archive]),
            (
                "almost all came before",
                Some(4 * MIB),
                Some(25 * MIB),
                Some((1, 200)),
                &[Objects, Pack, Archive],
            ),
            ("a first install", None, Some(25 * MIB), Some((3000, 26 * MIB)), &[Archive, Objects]),
            (
                "a first install of a few large files",
                None,
                Some(90 * MIB),
                Some((8, 80 * MIB)),
                &[Objects, Archive],
            ),
            ("a pack larger than the release", Some(9 * MIB), Some(MIB), None, &[Archive, Pack]),
            ("objects alone", None, None, Some((9, MIB)), &[Objects]),
            ("nothing at all", None, None, None, &[]),
            (
                "numbers beyond all measure",
                Some(u64::MAX),
                Some(1),
                Some((u64::MAX, u64::MAX)),
                &[Archive, Pack, Objects],
            ),
        ] {
            assert_eq!(Offer { pack, archive, objects, at_once: 8 }.ways(), expected, "{what}");
        }
    }

    #[test]
    fn many_at_once_are_cheaper() {
        let offer = |at_once| Offer { pack: Some(2 * MIB), objects: Some((64, MIB)), archive: None, at_once };
        assert_eq!(offer(1).ways()[0], Way::Pack);
        assert_eq!(offer(64).ways()[0], Way::Objects);
        assert_eq!(offer(0).ways()[0], Way::Pack, "none at once is one");
    }

    #[test]
    fn packed_is_in_proportion() {
        assert_eq!(packed(100, (1000, 250)), 25);
        assert_eq!(packed(100, (0, 0)), 100);
        assert_eq!(packed(u64::MAX, (1, u64::MAX)), u64::MAX);
    }
}
