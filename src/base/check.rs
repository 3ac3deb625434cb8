//! The one type of all checks: preflight, doctor, gate.

use serde::Deserialize;
use serde::Serialize;

/// How bad a finding is. Ordered: the worst is the largest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    Ok,
    Warning,
    Error,
}

/// What one named check found, and how to fix it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    pub name: String,
    pub level: Level,
    pub detail: String,
    /// What to do; empty when the level is `Ok`.
    pub fix: String,
}

impl Check {
    pub fn ok(name: &str, detail: impl Into<String>) -> Check {
        Check { name: name.into(), level: Level::Ok, detail: detail.into(), fix: String::new() }
    }

    pub fn warning(name: &str, detail: impl Into<String>, fix: impl Into<String>) -> Check {
        Check { name: name.into(), level: Level::Warning, detail: detail.into(), fix: fix.into() }
    }

    pub fn error(name: &str, detail: impl Into<String>, fix: impl Into<String>) -> Check {
        Check { name: name.into(), level: Level::Error, detail: detail.into(), fix: fix.into() }
    }
}

/// The checks that forbid going on.
pub fn errors(checks: &[Check]) -> impl Iterator<Item = &Check> {
    checks.iter().filter(|check| check.level == Level::Error)
}
