//! Programs that the owner names: an argument list, and a limit to their time.

use std::time::Duration;

use serde::Deserialize;
use serde::Deserializer;
use serde::de::Error;

/// An argument list that names a program.
pub(super) fn argv<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let argv = Vec::<String>::deserialize(deserializer)?;
    match argv.first() {
        Some(program) if !program.is_empty() => Ok(argv),
        _ => Err(D::Error::custom("an argument list begins with a program")),
    }
}

/// Whole or broken seconds.
pub(super) fn seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let seconds = f64::deserialize(deserializer)?;
    Duration::try_from_secs_f64(seconds).map_err(|_| D::Error::custom("that is no number of seconds"))
}

/// The same, where it may be left out.
pub(super) fn some_seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    seconds(deserializer).map(Some)
}

pub(super) fn a_minute() -> Duration {
    Duration::from_secs(60)
}
