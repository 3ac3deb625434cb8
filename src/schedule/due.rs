//! Which jobs of a site are due.

use jiff::SignedDuration;
use jiff::Timestamp;
use serde::Deserialize;
use serde::Serialize;

use crate::base::digest::Sha256;
use crate::schedule::cron;
use crate::schedule::cron::Expression;
use crate::schedule::cron::ExpressionError;
use crate::schedule::record::Record;
use crate::site::settings::Schedule;

/// More than a day would only hide what was written.
const MOST_JITTER: u32 = 24 * 60;

/// What is done unattended, in the order in which it is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Job {
    Update,
    Watch,
    Prune,
}

impl Job {
    pub const ALL: [Job; 3] = [Job::Update, Job::Watch, Job::Prune];

    /// Its name in the settings.
    pub fn name(self) -> &'static str {
        match self {
            Job::Update => "update",
            Job::Watch => "watch",
            Job::Prune => "prune",
        }
    }

    /// What the settings say of it; `None`: it is not done.
    pub fn expression(self, schedule: &Schedule) -> Option<&str> {
        match self {
            Job::Update => schedule.update.as_deref(),
            Job::Watch => schedule.watch.as_deref(),
            Job::Prune => schedule.prune.as_deref(),
        }
    }

    /// By how much it is late on the site that `seed` stands for.
    pub fn delay(self, schedule: &Schedule, seed: &[u8]) -> SignedDuration {
        let most = u64::from(schedule.jitter_minutes.min(MOST_JITTER));
        SignedDuration::from_mins((number(&[seed, self.name().as_bytes()].concat()) % (most + 1)) as i64)
    }
}

/// A number that is the same for the same bytes, and any for others.
pub(super) fn number(seed: &[u8]) -> u64 {
    let digest = Sha256::of(seed);
    digest.as_bytes()[..8].iter().fold(0, |number, byte| (number << 8) | u64::from(*byte))
}

/// The expression of a job in its zone; `None`: it is not done.
pub fn expression(schedule: &Schedule, job: Job) -> Result<Option<Expression>, ExpressionError> {
    let Some(text) = job.expression(schedule) else { return Ok(None) };
    Expression::parse(text, cron::zone(schedule.zone.as_deref())?).map(Some)
}

/// The jobs of which a time has come since they were last begun. However many
/// times were missed, a job is due once; what the record does not know yet is
/// not due ([`Record::tick`] comes first).
pub fn due(schedule: &Schedule, record: &Record, now: Timestamp) -> Result<Vec<Job>, ExpressionError> {
    let mut due = Vec::new();
    for job in Job::ALL {
        let Some(expression) = expression(schedule, job)? else { continue };
        let Some(after) = record.after(schedule, job, now) else { continue };
        let delay = job.delay(schedule, &record.seed);
        let comes = after.checked_sub(delay).ok().and_then(|after| expression.after(after));
        if comes.and_then(|time| time.timestamp().checked_add(delay).ok()).is_some_and(|time| time <= now) {
            due.push(job);
        }
    }
    Ok(due)
}

#[cfg(test)]
mod tests;
