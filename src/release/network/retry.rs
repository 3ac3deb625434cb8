//! Whether to try again, and when.

use std::time::Duration;

use crate::release::network::error::NetworkError;

/// The longest that a server may ask to wait for.
pub(super) const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// Of connections that broke before they cost anything, so many count as one failure: the
/// server is there, and on a line that is cut every few seconds a longer pause meets no
/// better moment.
const BREAKS: u32 = 10;

/// What an attempt brought before it failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Came {
    /// Hardly a byte.
    Nothing,
    /// What had come before.
    Again,
    /// More than was here, with the attempts since it was last so.
    Farther,
}

/// Failures in a row.
#[derive(Debug)]
pub(super) struct Tries {
    most: u32,
    backoff: Duration,
    failed: u32,
    broke: u32,
}

impl Tries {
    pub fn new(most: u32, backoff: Duration) -> Tries {
        Tries { most, backoff, failed: 0, broke: 0 }
    }

    /// Counts a failure.
    /// How long to wait before the next one, if there shall be one; `chance`
    /// is from 0 to 1.
    pub fn after(&mut self, error: &NetworkError, came: Came, chance: f64) -> Option<Duration> {
        if came == Came::Farther {
            (self.failed, self.broke) = (0, 0);
        }
        match (error, came) {
            (NetworkError::Cut { .. }, Came::Nothing) => self.broke += 1,
            _ => self.failed += 1,
        }
        let most_breaks = 1 + self.most.saturating_sub(1).saturating_mul(BREAKS);
        if !is_worth_it(error) || self.failed >= self.most || self.broke >= most_breaks {
            return None;
        }
        let doubled =
            self.backoff.saturating_mul(1 << self.failed.saturating_sub(1).min(6)).min(LONGEST_WAIT);
        // Many who lost the same server shall not come back all at once.
        let spread = doubled.mul_f64(0.5 + chance.clamp(0.0, 1.0));
        match error {
            NetworkError::Status { retry_after: Some(wait), .. } if *wait > LONGEST_WAIT => None,
            NetworkError::Status { retry_after: Some(wait), .. } => Some(*wait + spread.mul_f64(0.1)),
            _ => Some(spread),
        }
    }
}

fn is_worth_it(error: &NetworkError) -> bool {
    match error {
        NetworkError::TooLong { .. } => false,
        error => error.is_transient(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stalled() -> NetworkError {
        NetworkError::Stalled { url: "u".into(), limit: Duration::from_secs(30) }
    }

    fn status(code: u16, retry_after: Option<u64>) -> NetworkError {
        let retry_after = retry_after.map(Duration::from_secs);
        NetworkError::Status { url: "u".into(), status: code.to_string(), code, retry_after }
    }

    fn tries() -> Tries {
        Tries::new(4, Duration::from_secs(1))
    }

    #[test]
    fn pauses_double_and_end() {
        let mut tries = tries();
        let waits: Vec<Option<u64>> =
            (0..4).map(|_| tries.after(&stalled(), Came::Nothing, 0.5).map(|wait| wait.as_secs())).collect();
        assert_eq!(waits, [Some(1), Some(2), Some(4), None]);
    }

    #[test]
    fn connections_that_break_are_tried_more_often_and_as_soon() {
        let cut = || NetworkError::Cut { url: "u".into(), bytes: 0, length: None, source: "reset".into() };
        let mut tries = tries();
        for _ in 0..30 {
            assert_eq!(tries.after(&cut(), Came::Nothing, 0.5), Some(Duration::from_secs(1)));
        }
        assert_eq!(tries.after(&cut(), Came::Nothing, 0.5), None);
        let mut dear = Tries::new(4, Duration::from_secs(1));
        let waits: Vec<_> =
            (0..4).map(|_| dear.after(&cut(), Came::Again, 0.5).map(|wait| wait.as_secs())).collect();
        assert_eq!(
            waits,
            [Some(1), Some(2), Some(4), None],
            "what comes again and again is not asked for without end"
        );
        let mut once = Tries::new(1, Duration::from_secs(1));
        assert_eq!(once.after(&cut(), Came::Nothing, 0.5), None);
        let mut both = Tries::new(4, Duration::from_secs(1));
        let waits = [stalled(), cut(), stalled(), cut(), stalled()]
            .map(|error| both.after(&error, Came::Nothing, 0.5).map(|wait| wait.as_secs()));
        assert_eq!(
            waits,
            [Some(1), Some(1), Some(2), Some(2), Some(4)],
            "a server that is away counts beside"
        );
    }

    #[test]
    fn an_attempt_that_brought_something_starts_the_count_anew() {
        let mut tries = tries();
        for _ in 0..100 {
            assert_eq!(tries.after(&stalled(), Came::Farther, 0.5), Some(Duration::from_secs(1)));
        }
    }

    #[test]
    fn chance_spreads_the_pauses() {
        let wait = |chance| tries().after(&stalled(), Came::Nothing, chance).unwrap().as_millis();
        assert_eq!((wait(0.0), wait(1.0)), (500, 1500));
    }

    #[test]
    fn only_what_may_pass_is_tried_again_and_as_late_as_the_server_asks() {
        let wait = |error| tries().after(&error, Came::Nothing, 0.5).map(|wait| wait.as_secs());
        for (code, retry_after, expected) in [
            (404, None, None),
            (403, None, None),
            (429, None, Some(1)),
            (429, Some(7), Some(7)),
            (429, Some(61), None),
            (503, Some(0), Some(0)),
            (500, None, Some(1)),
            (408, None, Some(1)),
        ] {
            assert_eq!(wait(status(code, retry_after)), expected, "{code} {retry_after:?}");
        }
        let never = NetworkError::Insecure { url: "u".into() };
        assert_eq!(wait(never), None);
        let too_long = NetworkError::TooLong { url: "u".into(), limit: Duration::ZERO };
        assert_eq!(wait(too_long), None);
    }
}
