//! The site's health in a run: measured before it is closed, judged when the new
//! files are in place and again when visitors are back.

use std::path::PathBuf;

use crate::base::event::Event;
use crate::base::event::Watch;
use crate::base::json;
use crate::base::secret::Secret;
use crate::base::step::Step;
use crate::site::health::Checks;
use crate::site::health::Health;
use crate::site::health::judge;
use crate::site::health::judge::Verdict;
use crate::sys::fs;
use crate::update::error::StepError;
use crate::update::journal::Entry;
use crate::update::work::Work;

/// How well the site was before anything changed; measured once.
pub fn measure_baseline(work: &mut Work, watch: Watch) -> Result<(), StepError> {
    let path = work.run.folder.health();
    let Some(checks) = Checks::of(work.site)? else { return Ok(()) };
    if fs::exists(&path) || work.gate.state()?.closed {
        return Ok(());
    }
    watch(Some(Step::Close), Event::Log { line: "measuring the site's health".into() });
    let health = checks.baseline(&|number| log(work, Step::Close, number));
    let text =
        json::pretty(&health).map_err(|source| StepError::Damaged { path: fs::shown(&path), source })?;
    Ok(fs::write_durable(&path, &text)?)
}

/// Holds the site against its baseline, as a visitor or with the operator's
/// pass; the answer ends the step's note.
pub fn judge_now(
    work: &mut Work,
    step: Step,
    pass: Option<&Secret>,
    watch: Watch,
) -> Result<String, StepError> {
    let (Some(checks), Some(before)) = (Checks::of(work.site)?, baseline(work)?) else {
        return Ok(String::new());
    };
    let now = checks.now(&before, pass, &|number| log(work, step, number));
    let judged = judge::judge(&before, &now);
    for message in &judged.warnings {
        warn(work, step, message.clone(), watch)?;
    }
    let note = match judged.verdict {
        Verdict::Bad(reasons) => return Err(StepError::Unhealthy { reasons }),
        Verdict::Good => ", the site is well".to_owned(),
        Verdict::Unknown(reason) => {
            let message = format!("the site's health could not be judged: {reason}");
            warn(work, step, message, watch)?;
            format!(", its health could not be judged: {reason}")
        }
    };
    Ok([vec![note], judged.warnings].concat().join("; "))
}

/// The stored baseline, if one was measured.
fn baseline(work: &Work) -> Result<Option<Health>, StepError> {
    let path = work.run.folder.health();
    let Some(bytes) = fs::read_if_present(&path)? else { return Ok(None) };
    let health =
        json::read(&bytes).map_err(|source| StepError::Damaged { path: fs::shown(&path), source })?;
    Ok(Some(health))
}

/// What was found at an earlier step, too, is noted once.
fn warn(work: &mut Work, step: Step, message: String, watch: Watch) -> Result<(), StepError> {
    let is_known =
        work.run.journal.records().iter().any(
            |record| matches!(&record.entry, Entry::Warning { message: known, .. } if *known == message),
        );
    if !is_known {
        work.note(Entry::Warning { step: Some(step), message: message.clone() })?;
    }
    watch(Some(step), Event::Warning { message });
    Ok(())
}

/// Where the check of that number writes what it prints.
fn log(work: &Work, step: Step, number: usize) -> PathBuf {
    work.run.folder.log(&format!("health-{step}-{number}"))
}
