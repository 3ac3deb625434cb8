//! What all requests of one run share: the client with its connections, the
//! time they may take together, and how much has come.

use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use crate::release::archive::Limits;
use crate::release::network::client::Client;
use crate::release::network::error::NetworkError;
use crate::site::settings::NetworkSettings;
use crate::sys::clock;
use crate::sys::clock::Stopwatch;
use crate::sys::random;
use crate::sys::signal::Interrupt;

/// How often somebody who pauses looks up.
const TICK: Duration = Duration::from_millis(50);
/// Requests under way at once: where they share a connection, and where each needs its own.
const STREAMS: usize = 8;
const CONNECTIONS: usize = 4;

/// How the network is used.
#[derive(Clone, Debug)]
pub struct Network {
    pub settings: NetworkSettings,
    /// More than that is not taken.
    pub max_bytes: u64,
    pub interrupt: Interrupt,
}

impl Default for Network {
    fn default() -> Network {
        let (settings, max_bytes) = (NetworkSettings::default(), Limits::default().total_bytes);
        Network { settings, max_bytes, interrupt: Interrupt::default() }
    }
}

pub struct Session {
    pub(super) network: Network,
    pub(super) client: Client,
    /// Since the first request.
    pub(super) clock: Stopwatch,
    requests: AtomicU64,
    bytes: AtomicU64,
    farther: AtomicU64,
    /// A server has shown that it answers many requests on one connection.
    shares: AtomicBool,
    /// How many requests share the line now.
    at_once: AtomicU64,
    /// One of several that are under way has failed for all.
    is_over: AtomicBool,
}

impl Session {
    pub fn new(network: &Network) -> Result<Session, NetworkError> {
        Ok(Session {
            client: Client::new(&network.settings, CONNECTIONS)?,
            network: network.clone(),
            clock: Stopwatch::start(),
            requests: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            farther: AtomicU64::new(0),
            shares: AtomicBool::new(false),
            at_once: AtomicU64::new(1),
            is_over: AtomicBool::new(false),
        })
    }

    pub fn requests(&self) -> u64 {
        self.requests.load(Relaxed)
    }

    /// Bytes of content that came.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Relaxed)
    }

    /// Bytes that no request had brought before, of everything that was asked for.
    pub(super) fn farther(&self) -> u64 {
        self.farther.load(Relaxed)
    }

    pub(super) fn asked(&self) {
        self.requests.fetch_add(1, Relaxed);
    }

    pub(super) fn answered(&self, on_shared_connection: bool) {
        self.shares.store(on_shared_connection, Relaxed);
    }

    /// So many bytes came, of which `farther` had not come before.
    pub(super) fn came(&self, bytes: u64, farther: u64) {
        self.bytes.fetch_add(bytes, Relaxed);
        self.farther.fetch_add(farther, Relaxed);
    }

    /// How many requests are best under way at once.
    pub fn best_at_once(&self) -> usize {
        if self.shares.load(Relaxed) { STREAMS } else { CONNECTIONS }
    }

    /// From now on so many requests share the line.
    pub(super) fn begin(&self, many: usize) {
        self.is_over.store(false, Relaxed);
        self.at_once.store(many.max(1) as u64, Relaxed);
    }

    /// The rate that one request must have: its share of the line's.
    pub(super) fn least_rate(&self) -> u64 {
        self.network.settings.least_bytes_per_second / self.at_once.load(Relaxed).max(1)
    }

    pub(super) fn end(&self) {
        self.is_over.store(true, Relaxed);
    }

    pub fn is_interrupted(&self) -> bool {
        self.network.interrupt.is_set() || self.is_over.load(Relaxed)
    }

    /// Waits before the next attempt, if there is time for it.
    pub(super) fn pause(&self, pause: Duration, url: &str) -> Result<(), NetworkError> {
        let until = self.clock.elapsed() + pause;
        while self.clock.elapsed() < until {
            if self.is_interrupted() {
                return Err(NetworkError::Interrupted { url: url.to_owned() });
            }
            clock::sleep(TICK.min(pause));
        }
        Ok(())
    }

    pub(super) fn has_time_for(&self, pause: Duration) -> bool {
        self.clock.elapsed() + pause < self.network.settings.total_seconds.get()
    }
}

/// From 0 to 1.
pub(super) fn chance() -> f64 {
    let number = u16::from_str_radix(&random::hex(2), 16).unwrap_or_default();
    f64::from(number) / f64::from(u16::MAX)
}
