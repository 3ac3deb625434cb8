//! The time, and which boot of the machine this is.

use std::time::Duration;
use std::time::Instant;

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// Now, as the system clock says.
pub fn now() -> Timestamp {
    Timestamp::now()
}

/// The time zone of this machine.
pub fn system_zone() -> TimeZone {
    TimeZone::system()
}

/// The time zone of this name, where the machine knows it.
pub fn zone(name: &str) -> Result<TimeZone, jiff::Error> {
    TimeZone::get(name)
}

/// A clock that only goes forward, for durations.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    pub fn start() -> Stopwatch {
        Stopwatch(Instant::now())
    }

    pub fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}

pub fn sleep(duration: Duration) {
    std::thread::sleep(duration);
}

/// The kernel's id of this boot; empty where `/proc` is hidden.
pub fn boot_id() -> String {
    let path = std::path::Path::new("/proc/sys/kernel/random/boot_id");
    crate::sys::fs::read_text(path, 100).map(|id| id.trim().to_owned()).unwrap_or_default()
}
