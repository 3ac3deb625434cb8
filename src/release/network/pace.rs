//! When to stop waiting: decided from what has come by when.

use std::time::Duration;

/// How long a bad network is borne with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    pub stall: Duration,
    pub least_rate: u64,
    pub rate_over: Duration,
}

/// Why to stop waiting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Impatience {
    Stalled,
    /// Bytes a second.
    Slow(u64),
}

/// What has come on one connection; times are since it was asked for.
#[derive(Debug)]
pub(super) struct Pace {
    patience: Patience,
    bytes: u64,
    last_byte: Duration,
    /// Where the time began that is judged now, and what had come until then.
    window: (Duration, u64),
}

impl Pace {
    pub fn new(patience: Patience, now: Duration) -> Pace {
        Pace { patience, bytes: 0, last_byte: now, window: (now, 0) }
    }

    /// Something came: `bytes` of content, or none of it but the head.
    pub fn came(&mut self, now: Duration, bytes: u64) {
        self.last_byte = now;
        self.bytes += bytes;
    }

    pub fn judge(&mut self, now: Duration) -> Result<(), Impatience> {
        if now.saturating_sub(self.last_byte) >= self.patience.stall {
            return Err(Impatience::Stalled);
        }
        let (since, before) = self.window;
        let time = now.saturating_sub(since);
        if time < self.patience.rate_over || time.is_zero() {
            return Ok(());
        }
        let rate = (self.bytes - before) as f64 / time.as_secs_f64();
        self.window = (now, self.bytes);
        match rate < self.patience.least_rate as f64 {
            true => Err(Impatience::Slow(rate as u64)),
            false => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    /// What comes every second from the first on, and when patience ends.
    fn ends(every_second: impl Fn(u64) -> Option<u64>) -> Option<(u64, Impatience)> {
        let patience = Patience { stall: seconds(30), least_rate: 1024, rate_over: seconds(60) };
        let mut pace = Pace::new(patience, seconds(0));
        for second in 1..=3600 {
            if let Some(bytes) = every_second(second) {
                pace.came(seconds(second), bytes);
            }
            if let Err(impatience) = pace.judge(seconds(second)) {
                return Some((second, impatience));
            }
        }
        None
    }

    #[test]
    fn patience_ends_as_the_limits_say() {
        assert_eq!(ends(|_| None), Some((30, Impatience::Stalled)), "nothing at all");
        assert_eq!(ends(|second| (second <= 10).then_some(9999)), Some((40, Impatience::Stalled)), "stalls");
        assert_eq!(ends(|_| Some(1)), Some((60, Impatience::Slow(1))), "drips");
        assert_eq!(ends(|_| Some(1024)), None, "slow, but fast enough");
        assert_eq!(ends(|second| (second % 20 == 0).then_some(40_000)), None, "in bursts");
        let drips_later = |second| Some(if second <= 60 { 1 << 20 } else { 100 });
        assert_eq!(ends(drips_later), Some((120, Impatience::Slow(100))), "a good start is no excuse");
    }
}
