//! What is to come of a site's jobs.

use jiff::Timestamp;
use jiff::Zoned;

use crate::schedule::cron::ExpressionError;
use crate::schedule::due;
use crate::schedule::due::Job;
use crate::schedule::record::Record;
use crate::schedule::traps;
use crate::site::settings::Schedule;

/// So many times are shown.
const SHOWN: usize = 5;

/// One job that is done.
#[derive(Clone, Debug)]
pub struct Outlook {
    pub job: Job,
    pub expression: String,
    pub zone: String,
    /// The delay of this site included.
    pub next: Vec<Zoned>,
    pub last: Option<Timestamp>,
    pub warnings: Vec<String>,
}

/// The jobs of a site, where ticks come every so many minutes.
pub fn outlook(
    schedule: &Schedule,
    record: &Record,
    now: Timestamp,
    every: Option<u32>,
) -> Result<Vec<Outlook>, ExpressionError> {
    let mut jobs = Vec::new();
    for job in Job::ALL {
        let Some(expression) = due::expression(schedule, job)? else { continue };
        let delay = job.delay(schedule, &record.seed);
        let from = now.checked_sub(delay).unwrap_or(now);
        let next = expression.next(from, SHOWN).into_iter().filter_map(|time| time.checked_add(delay).ok());
        let zone = expression.zone().iana_name().unwrap_or("the machine's own");
        jobs.push(Outlook {
            job,
            expression: expression.text().to_owned(),
            zone: zone.to_owned(),
            next: next.collect(),
            last: record.begun(job),
            warnings: traps::traps(&expression, now, every),
        });
    }
    Ok(jobs)
}
