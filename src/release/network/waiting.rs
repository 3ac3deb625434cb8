//! One wait for one answer, and everything that ends it.

use crate::release::network::error::NetworkError;
use crate::release::network::pace::Impatience;
use crate::release::network::pace::Pace;
use crate::release::network::pace::Patience;
use crate::release::network::session::Session;

pub(super) struct Waiting<'s> {
    url: String,
    pace: Pace,
    patience: Patience,
    total: std::time::Duration,
    session: &'s Session,
}

impl Waiting<'_> {
    pub fn new(session: &Session, url: String) -> Waiting<'_> {
        let settings = &session.network.settings;
        let patience = Patience {
            stall: settings.stall_seconds.get(),
            least_rate: session.least_rate(),
            rate_over: settings.rate_seconds.get(),
        };
        let (pace, total) = (Pace::new(patience, session.clock.elapsed()), settings.total_seconds.get());
        Waiting { url, pace, patience, total, session }
    }

    /// So many bytes of content came, or the head.
    pub fn came(&mut self, bytes: u64) {
        self.pace.came(self.session.clock.elapsed(), bytes);
    }

    pub fn check(&mut self) -> Result<(), NetworkError> {
        let url = || self.url.clone();
        if self.session.is_interrupted() {
            return Err(NetworkError::Interrupted { url: url() });
        }
        let now = self.session.clock.elapsed();
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
