//! Step 4: everything that rollback needs and the swap does not keep by itself:
//! the database, the files that scripts may change, the installed baseline.

use std::path::Path;

use crate::base::count;
use crate::base::event::Watch;
use crate::base::step::Step;
use crate::sys::fs;
use crate::update::databases;
use crate::update::error::StepError;
use crate::update::restore_text;
use crate::update::saved::Saved;
use crate::update::sealed;
use crate::update::snapshot::Snapshot;
use crate::update::work::Work;

pub fn save(work: &mut Work, watch: Watch) -> Result<String, StepError> {
    let live = work.scan(watch)?;
    Snapshot::of(&live).save(&work.run.folder.before())?;
    let patterns = work.to_save();
    if !patterns.is_empty() {
        Saved::take(&work.workshop()?, &live, &patterns, &work.run.folder.saved())?;
    }
    keep_baseline(&work.site.state.installed(), &work.run.folder.installed_before())?;
    let mut tables = 0;
    let databases = databases::kept(work)?;
    for database in &databases {
        tables += database.save(watch)?.tables.len();
    }
    let note = match databases.len() {
        0 => "the plan touches no database".into(),
        1 => format!("{} dumped", count::of(tables, "table")),
        several => format!("{} of {several} databases dumped", count::of(tables, "table")),
    };
    fs::write_durable(&work.run.folder.restore_text(), restore_text::write(work)?.as_bytes())?;
    Ok(note)
}

/// Checks that the copies are what was copied.
pub fn prove_saved(work: &Work) -> Result<(), StepError> {
    for folder in [work.run.folder.saved(), work.run.folder.saved_lock()] {
        if let Some(saved) = Saved::load(&folder)? {
            saved.check(&folder)?;
        }
    }
    for name in BASELINE_FILES {
        sealed::read(&work.run.folder.installed_before().join(name))?;
    }
    Ok(())
}

/// Puts back what was copied; the database is brought back by `migrate`.
pub fn undo(work: &mut Work, watch: Watch) -> Result<String, StepError> {
    let folder = work.run.folder.saved();
    let Some(saved) = Saved::load(&folder)? else { return Ok(String::new()) };
    let now = work.scan(watch)?;
    let workshop = work.workshop()?;
    let changed = saved.put_back(&workshop, &now, &folder)?;
    work.tell_aside(Step::Save, &changed, watch)?;
    Ok(match changed.len() {
        0 => String::new(),
        1 => "1 file that had changed was put back".into(),
        several => format!("{several} files that had changed were put back"),
    })
}

/// Copies the small files that say what is installed; the manifests that they
/// name are never changed.
fn keep_baseline(installed: &Path, kept: &Path) -> Result<(), StepError> {
    fs::create_folders(kept, 0o700)?;
    for name in BASELINE_FILES {
        if let Some(bytes) = fs::read_if_present(&installed.join(name))? {
            sealed::write(&kept.join(name), &bytes)?;
        }
    }
    Ok(())
}

/// Puts them back as they were, and takes away what was not there.
pub fn put_back_baseline(work: &Work) -> Result<(), StepError> {
    let (installed, kept) = (work.site.state.installed(), work.run.folder.installed_before());
    if !fs::is_folder(&kept) {
        return Ok(());
    }
    for name in BASELINE_FILES {
        match sealed::read(&kept.join(name))? {
            Some(bytes) => fs::write_durable(&installed.join(name), &bytes)?,
            None => fs::remove_file_if_present(&installed.join(name))?,
        }
    }
    Ok(fs::sync_folder(&installed)?)
}

const BASELINE_FILES: [&str; 3] = ["current.json", "ledger.json", "extensions.json"];
