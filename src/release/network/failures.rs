//! What failures mean: for what is here, for the mirror, for the next attempt.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::release::network::error::NetworkError;
use crate::release::network::mirrors::is_lie;
use crate::release::network::retry::Came;
use crate::release::network::retry::Tries;
use crate::release::network::session::chance;

/// What became of the mirrors for this one thing.
#[derive(Default)]
pub(super) struct Failures {
    /// They have nothing that can be used.
    for_good: BTreeSet<usize>,
    this_round: BTreeSet<usize>,
    /// The gravest one: who sent something wrong, before who sent nothing.
    error: Option<NetworkError>,
}

impl Failures {
    pub fn out(&self) -> BTreeSet<usize> {
        self.for_good.union(&self.this_round).copied().collect()
    }

    pub fn add(&mut self, which: usize, error: NetworkError) {
        match error.is_transient() {
            true => self.this_round.insert(which),
            false => self.for_good.insert(which),
        };
        if self.error.as_ref().is_none_or(|grave| !is_lie(grave) || is_lie(&error)) {
            self.error = Some(error);
        }
    }

    /// How long to wait before those are asked again who may do better, if there are any.
    pub fn retry(&mut self, tries: &mut Tries, came: Came) -> Option<Duration> {
        let passes = !self.this_round.is_empty();
        self.this_round.clear();
        let error = self.error.as_ref().filter(|error| passes && error.is_transient())?;
        tries.after(error, came, chance())
    }

    pub fn last(self) -> NetworkError {
        self.error.unwrap_or_else(|| NetworkError::Client { source: "there is no address to ask".into() })
    }
}

/// Whether going on with what is here would end in the same, or fills a disk.
pub(super) fn spoils_what_is_here(error: &NetworkError) -> bool {
    matches!(
        error,
        NetworkError::Digest { .. }
            | NetworkError::Length { .. }
            | NetworkError::Content { .. }
            | NetworkError::TooLarge { .. }
            | NetworkError::Answer { .. }
            | NetworkError::Full { .. }
    )
}

/// Whether another server would do no better.
pub(super) fn is_ours(error: &NetworkError) -> bool {
    matches!(
        error,
        NetworkError::Full { .. }
            | NetworkError::Io(_)
            | NetworkError::Interrupted { .. }
            | NetworkError::CaFile { .. }
            | NetworkError::ProxyAsks { .. }
            | NetworkError::Client { .. }
            | NetworkError::TooLong { .. }
    )
}

pub(super) fn is_missing(error: &NetworkError) -> bool {
    matches!(error, NetworkError::Status { code: 403 | 404 | 410, .. })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stalled() -> NetworkError {
        NetworkError::Stalled { url: "u".into(), limit: Duration::ZERO }
    }

    fn lie() -> NetworkError {
        NetworkError::Loop { url: "u".into() }
    }

    fn tries() -> Tries {
        Tries::new(4, Duration::from_secs(1))
    }

    #[test]
    fn who_lied_is_not_asked_again_and_who_failed_is() {
        let mut failures = Failures::default();
        failures.add(0, stalled());
        failures.add(1, stalled());
        assert_eq!(failures.out(), BTreeSet::from([0, 1]));
        assert!(failures.retry(&mut tries(), Came::Nothing).is_some());
        assert!(failures.out().is_empty(), "a new round");
        failures.add(0, lie());
        failures.add(1, stalled());
        assert_eq!(failures.retry(&mut tries(), Came::Nothing), None, "a lie is told at once");
        assert_eq!(failures.out(), BTreeSet::from([0]));
        assert!(matches!(failures.last(), NetworkError::Loop { .. }), "the gravest is told");
    }
}
