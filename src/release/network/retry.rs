//! Whether to try again, and when.

use std::time::Duration;

use crate::release::network::error::NetworkError;

/// The longest that a server may ask to wait for.
pub(super) const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// Failures in a row.
#[derive(Debug)]
pub(super) struct Tries {
    pub most: u32,
    pub backoff: Duration,
    pub failed: u32,
}

impl Tries {
    /// Counts a failure; `progress` says that the attempts since the last count brought something.
    /// How long to wait before the next one, if there shall be one; `chance`
    /// is from 0 to 1.
    pub fn after(&mut self, error: &NetworkError, progress: bool, chance: f64) -> Option<Duration> {
        self.failed = if progress { 1 } else { self.failed + 1 };
        if !is_worth_it(error) || self.failed >= self.most {
            return None;
        }
        let doubled = self.backoff.saturating_mul(1 << (self.failed - 1).min(6)).min(LONGEST_WAIT);
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
        Tries { most: 4, backoff: Duration::from_secs(1), failed: 0 }
    }

    #[test]
    fn pauses_double_and_end() {
        let mut tries = tries();
        let waits: Vec<Option<u64>> =
            (0..4).map(|_| tries.after(&stalled(), false, 0.5).map(|wait| wait.as_secs())).collect();
        assert_eq!(waits, [Some(1), Some(2), Some(4), None]);
    }

    #[test]
    fn an_attempt_that_brought_something_starts_the_count_anew() {
        let mut tries = tries();
        for _ in 0..100 {
            assert_eq!(tries.after(&stalled(), true, 0.5), Some(Duration::from_secs(1)));
        }
    }

    #[test]
    fn chance_spreads_the_pauses() {
        let wait = |chance| tries().after(&stalled(), false, chance).unwrap().as_millis();
        assert_eq!((wait(0.0), wait(1.0)), (500, 1500));
    }

    #[test]
    fn only_what_may_pass_is_tried_again_and_as_late_as_the_server_asks() {
        let wait = |error| tries().after(&error, false, 0.5).map(|wait| wait.as_secs());
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
