//! What was begun when: `schedule.json` in the state folder of a site.

use std::collections::BTreeMap;
use std::path::PathBuf;

use jiff::SignedDuration;
use jiff::Timestamp;
use serde::Deserialize;
use serde::Serialize;

use crate::schedule::due::Job;
use crate::site::settings::Schedule;
use crate::site::state::State;
use crate::site::stored;
use crate::site::stored::StoredError;

/// A clock that was put back by less is waited for; by more, it was wrong before.
pub(super) const PUT_BACK: SignedDuration = SignedDuration::from_hours(24);

/// What is remembered of a site's jobs.
#[derive(Clone, Debug)]
pub struct Record {
    path: PathBuf,
    /// What tells this site from others.
    pub(super) seed: Vec<u8>,
    kept: Kept,
}

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
struct Kept {
    /// When somebody last asked what is due.
    ticked: Option<Timestamp>,
    jobs: BTreeMap<Job, Memory>,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
struct Memory {
    /// What it was due by, with the zone: by another one nothing of the past is due.
    expression: String,
    /// Times up to this one are done with.
    after: Timestamp,
    begun: Option<Timestamp>,
}

impl Record {
    pub fn load(state: &State) -> Result<Record, StoredError> {
        use std::os::unix::ffi::OsStrExt;
        let path = state.schedule();
        let seed = state.folder().as_os_str().as_bytes().to_vec();
        let kept = stored::load(&path)?;
        Ok(Record { path, seed, kept })
    }

    /// Somebody asks now what is due. What is asked for the first time, or by
    /// another expression, is due from now on.
    pub fn tick(&mut self, schedule: &Schedule, now: Timestamp) {
        self.kept.ticked = Some(now);
        self.agree(schedule, now);
    }

    /// The same without anybody asking: the settings have just been written.
    pub fn agree(&mut self, schedule: &Schedule, now: Timestamp) {
        for job in Job::ALL {
            let Some(expression) = meant(schedule, job) else {
                self.kept.jobs.remove(&job);
                continue;
            };
            let begun = self.begun(job);
            let fresh = || Memory { expression: expression.clone(), after: now, begun };
            let memory = self.kept.jobs.entry(job).or_insert_with(fresh);
            if memory.expression != expression || is_from_another_clock(memory.after, now) {
                *memory = fresh();
            }
        }
    }

    /// A job begins now: whatever was due of it until now is done with.
    pub fn begin(&mut self, job: Job, now: Timestamp) {
        if let Some(memory) = self.kept.jobs.get_mut(&job) {
            memory.after = memory.after.max(now);
            memory.begun = Some(now);
        }
    }

    pub fn save(&self) -> Result<(), StoredError> {
        stored::save(&self.path, &self.kept)
    }

    /// When it was last begun.
    pub fn begun(&self, job: Job) -> Option<Timestamp> {
        self.kept.jobs.get(&job)?.begun
    }

    /// When somebody last asked what is due.
    pub fn ticked(&self) -> Option<Timestamp> {
        self.kept.ticked
    }

    /// Times after this one count; `None` before anybody asked by this expression.
    pub(super) fn after(&self, schedule: &Schedule, job: Job, now: Timestamp) -> Option<Timestamp> {
        let memory = self.kept.jobs.get(&job)?;
        let is_meant = meant(schedule, job).as_ref() == Some(&memory.expression);
        (is_meant && !is_from_another_clock(memory.after, now)).then_some(memory.after)
    }

    #[cfg(test)]
    pub(super) fn empty(seed: &[u8]) -> Record {
        Record { path: PathBuf::new(), seed: seed.to_vec(), kept: Kept::default() }
    }
}

fn is_from_another_clock(after: Timestamp, now: Timestamp) -> bool {
    after.duration_since(now) > PUT_BACK
}

fn meant(schedule: &Schedule, job: Job) -> Option<String> {
    let expression = job.expression(schedule)?;
    Some(format!("{expression} {}", schedule.zone.as_deref().unwrap_or_default()).trim_end().to_owned())
}
