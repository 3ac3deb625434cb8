//! PHP keeps compiled files for a while and compares whole seconds: after files
//! have changed it is reloaded, or given the time to notice.

use std::time::Duration;

use jiff::Timestamp;

use crate::base::event::Event;
use crate::base::event::Watch;
use crate::base::step::Step;
use crate::sys::clock;
use crate::sys::fs;
use crate::sys::process::Program;
use crate::sys::process::Rest;
use crate::update::error::StepError;
use crate::update::journal::Entry;
use crate::update::work::Work;

const RELOAD_LIMIT: Duration = Duration::from_secs(60);

/// Makes sure that PHP runs the files that stand there now.
pub fn renew(work: &Work, watch: Watch) -> Result<(), StepError> {
    let settings = &work.site.settings.php;
    if !settings.reload.is_empty() {
        let mut program = Program::new(&settings.reload, &work.site.root);
        program.rest = Rest::Stays;
        program.limit = RELOAD_LIMIT;
        program.run(fs::create(&work.run.folder.log("php-reload"))?)?;
        return Ok(());
    }
    let rest = rest(settings.revalidate_seconds, last_change(work), clock::now());
    if work.run.plan.is_of_php() && rest > 0.0 {
        let line = format!("waiting {rest:.1} s for PHP's opcode cache");
        watch(Some(Step::Verify), Event::Log { line });
        clock::sleep(Duration::from_secs_f64(rest));
    }
    Ok(())
}

/// How long PHP may still run what it compiled before the change. It counts in
/// whole seconds: what it looked at in the second of the change is believed until
/// the last of its seconds is over.
fn rest(revalidate_seconds: f64, changed: Timestamp, now: Timestamp) -> f64 {
    if revalidate_seconds <= 0.0 {
        return 0.0;
    }
    let within_second = f64::from(changed.subsec_nanosecond()) / 1e9;
    let since = now.duration_since(changed).as_secs_f64().max(0.0);
    revalidate_seconds + 1.0 - within_second - since
}

/// When a step that changes files ended, forward or back.
fn last_change(work: &Work) -> Timestamp {
    let changes = |step: &Step| matches!(step, Step::Save | Step::Swap | Step::Migrate | Step::RunOnce);
    let last = work.run.journal.records().iter().rev().find(|record| match &record.entry {
        // Saving only reads; undone it puts files back.
        Entry::Done { step, .. } => changes(step) && *step != Step::Save,
        Entry::UndoDone { step, .. } => changes(step),
        _ => false,
    });
    last.map_or_else(clock::now, |record| record.at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn php_believes_what_it_looked_at_until_its_last_second_is_over() {
        let at = |millis: i64| Timestamp::from_millisecond(1_795_000_000_000 + millis).unwrap();
        for (revalidate, changed, now, expected) in [
            (2.0, 0, 0, 3.0),
            (2.0, 900, 900, 2.1),
            (2.0, 900, 2900, 0.1),
            (2.0, 900, 3000, 0.0),
            (0.0, 900, 900, 0.0),
            // A clock that was set back.
            (2.0, 0, -5000, 3.0),
        ] {
            let rest = rest(revalidate, at(changed), at(now));
            assert!((rest - expected).abs() < 1e-6, "{revalidate} {changed} {now}: {rest}");
        }
    }
}
