//! One wait for one answer, and everything that ends it.

use crate::release::network::error::NetworkError;
use crate::release::network::fetch::Network;
use crate::release::network::pace::Impatience;
use crate::release::network::pace::Pace;
use crate::release::network::pace::Patience;
use crate::sys::clock::Stopwatch;
use crate::sys::signal::Interrupt;

pub(super) struct Waiting {
    url: String,
    pace: Pace,
    patience: Patience,
    total: std::time::Duration,
    /// Since the first attempt.
    clock: Stopwatch,
    interrupt: Interrupt,
}

impl Waiting {
    pub fn new(network: &Network, clock: Stopwatch, url: String) -> Waiting {
        let settings = &network.settings;
        let patience = Patience {
            stall: settings.stall_seconds.get(),
            least_rate: settings.least_bytes_per_second,
            rate_over: settings.rate_seconds.get(),
        };
        let (pace, total) = (Pace::new(patience, clock.elapsed()), settings.total_seconds.get());
        Waiting { url, pace, patience, total, clock, interrupt: network.interrupt.clone() }
    }

    /// So many bytes of content came, or the head.
    pub fn came(&mut self, bytes: u64) {
        self.pace.came(self.clock.elapsed(), bytes);
    }

    pub fn check(&mut self) -> Result<(), NetworkError> {
        let url = || self.url.clone();
        if self.interrupt.is_set() {
            return Err(NetworkError::Interrupted { url: url() });
        }
        let now = self.clock.elapsed();
        if now >= self.total {
            return Err(NetworkError::TooLong { url: url(), limit: self.total });
        }
        let (limit, least) = (self.patience.stall, self.patience.least_rate);
        self.pace.judge(now).map_err(|impatience| match impatience {
            Impatience::Stalled => NetworkError::Stalled { url: url(), limit },
            Impatience::Slow(rate) => NetworkError::Slow { url: url(), rate, least },
        })
    }
}
