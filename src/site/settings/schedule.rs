//! When what is done unattended.

use serde::Deserialize;

/// Cron expressions of five fields; what has none is not done.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Schedule {
    pub update: Option<String>,
    pub watch: Option<String>,
    pub prune: Option<String>,
    /// The time zone that they are meant in, as `Europe/Paris`; default: the system's.
    pub zone: Option<String>,
    /// Each job of each site is late by a time of its own, up to so many minutes.
    #[serde(default)]
    pub jitter_minutes: u32,
    /// Updates do with a health check alone: nothing else was proved.
    #[serde(default)]
    pub unproven: bool,
}
