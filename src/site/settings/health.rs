//! How a site is known to be well.

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;
use serde::Deserializer;
use serde::de::Error;

use crate::site::settings::argv;

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HealthSettings {
    /// Default: the site's home page.
    pub urls: Vec<HealthUrl>,
    pub command: Vec<HealthCommand>,
    /// How often what ails is looked at before it is believed.
    #[serde(deserialize_with = "at_least_one")]
    pub tries: u32,
    /// Before the second try; each further pause is twice as long.
    #[serde(rename = "pause_seconds", deserialize_with = "argv::seconds")]
    pub pause: Duration,
    /// PHP's error log.
    pub error_log: Option<PathBuf>,
}

/// A page that tells whether the site is well.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HealthUrl {
    /// Relative to the site's URL.
    pub url: String,
    /// Text that a healthy page holds.
    pub marker: Option<String>,
    /// The same, in which `*` stands for anything.
    pub pattern: Option<String>,
    /// Default: anything below 400.
    pub status: Option<u16>,
    /// How many times slower than before is worth a warning.
    #[serde(default = "ten_times", deserialize_with = "factor")]
    pub slower_times: f64,
    /// Whoever takes longer is not well.
    #[serde(default, rename = "limit_seconds", deserialize_with = "argv::some_seconds")]
    pub limit: Option<Duration>,
}

/// A program that tells whether the site is well.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HealthCommand {
    #[serde(deserialize_with = "argv::argv")]
    pub argv: Vec<String>,
    #[serde(default = "argv::a_minute", rename = "limit_seconds", deserialize_with = "argv::seconds")]
    pub limit: Duration,
    /// The exit status that means well.
    #[serde(default)]
    pub status: i32,
}

impl Default for HealthSettings {
    fn default() -> HealthSettings {
        HealthSettings {
            urls: Vec::new(),
            command: Vec::new(),
            tries: 3,
            pause: Duration::from_millis(700),
            error_log: None,
        }
    }
}

impl HealthUrl {
    /// A page of which nothing special is known.
    pub fn plain(url: impl Into<String>) -> HealthUrl {
        let slower_times = ten_times();
        HealthUrl { url: url.into(), marker: None, pattern: None, status: None, slower_times, limit: None }
    }
}

fn ten_times() -> f64 {
    10.0
}

fn at_least_one<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    match u32::deserialize(deserializer)? {
        0 => Err(D::Error::custom("it is looked at once at least")),
        tries => Ok(tries),
    }
}

fn factor<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    match f64::deserialize(deserializer)? {
        times if times >= 1.0 && times.is_finite() => Ok(times),
        _ => Err(D::Error::custom("slower is 1 time at least")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_has_its_default() {
        let settings: HealthSettings = toml::from_str(
            "error_log = \"/var/log/php.log\"\n[[urls]]\nurl = \"a\"\nlimit_seconds = 5\n\
             [[command]]\nargv = [\"true\"]\n",
        )
        .unwrap();
        assert_eq!((settings.tries, settings.pause), (3, Duration::from_millis(700)));
        assert_eq!(settings.urls[0].limit, Some(Duration::from_secs(5)));
        assert_eq!(settings.urls[0].slower_times, 10.0);
        assert_eq!((settings.command[0].status, settings.command[0].limit), (0, Duration::from_secs(60)));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for text in [
            "tries = 0",
            "pause_seconds = -1",
            "pause_seconds = nan",
            "[[urls]]\nurl = \"a\"\nslower_times = 0.5",
            "[[urls]]\nurl = \"a\"\nlimit_seconds = 1e300",
            "[[urls]]\nmarker = \"no address\"",
            "[[command]]\nargv = []",
            "[[command]]\nargv = [\"\"]",
            "[[command]]\nargv = \"true\"",
            "urls = \"a\"",
        ] {
            assert!(toml::from_str::<HealthSettings>(text).is_err(), "{text}");
        }
    }
}
