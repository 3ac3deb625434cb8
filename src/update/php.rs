//! PHP keeps compiled files for a while and compares whole seconds: after files
//! have changed it is reloaded, or given the time to notice.

use std::time::Duration;

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
    let rest = settings.revalidate_seconds - seconds_since_change(work);
    if work.run.plan.is_of_php() && rest > 0.0 {
        let line = format!("waiting {rest:.1} s for PHP's opcode cache");
        watch(Some(Step::Verify), Event::Log { line });
        clock::sleep(Duration::from_secs_f64(rest));
    }
    Ok(())
}

/// Since a step that changes files ended, forward or back.
fn seconds_since_change(work: &Work) -> f64 {
    let changes = |step: &Step| matches!(step, Step::Save | Step::Swap | Step::Migrate | Step::RunOnce);
    let last = work.run.journal.records().iter().rev().find(|record| match &record.entry {
        // Saving only reads; undone it puts files back.
        Entry::Done { step, .. } => changes(step) && *step != Step::Save,
        Entry::UndoDone { step, .. } => changes(step),
        _ => false,
    });
    last.map_or(0.0, |record| clock::now().duration_since(record.at).as_secs_f64().max(0.0))
}
