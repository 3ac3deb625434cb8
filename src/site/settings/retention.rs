//! How long what runs leave behind is kept.

use serde::Deserialize;

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Retention {
    /// Runs that are kept, the newest ones.
    pub runs: u32,
    /// A run that ended longer ago goes.
    pub days: u32,
    /// All runs together take no more room than this.
    pub bytes: Option<u64>,
    /// Backup sets that are kept, the newest ones.
    pub backups: u32,
    /// Staged content that nobody needs is kept so long.
    pub staged_days: u32,
    /// Logs of runs and of detached runners are kept so long.
    pub logs_days: u32,
}

impl Default for Retention {
    fn default() -> Retention {
        Retention { runs: 10, days: 90, bytes: None, backups: 3, staged_days: 30, logs_days: 30 }
    }
}
