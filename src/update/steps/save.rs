//! Step 4: everything that rollback needs and the swap does not keep by itself:
//! the database, the files that scripts may change, the installed baseline.

use std::path::Path;

use crate::base::event::Watch;
use crate::base::json;
use crate::base::step::Step;
use crate::database::dump;
use crate::database::dump::DumpRecord;
use crate::sys::fault;
use crate::sys::fs;
use crate::sys::fs::IoError;
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
        Saved::take(&work.site.tree()?, &live, &patterns, &work.run.folder.saved())?;
    }
    keep_baseline(&work.site.state.installed(), &work.run.folder.installed_before())?;
    let note = match save_database(work, watch)? {
        Some(record) => format!("{} tables dumped", record.tables.len()),
        None => "the plan touches no database".into(),
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
    let changed = saved.put_back(&workshop.live, &now, &folder, &workshop.undone)?;
    work.tell_aside(Step::Save, &changed, watch)?;
    Ok(match changed.len() {
        0 => String::new(),
        count => format!("{count} files that had changed were put back"),
    })
}

fn save_database(work: &Work, watch: Watch) -> Result<Option<DumpRecord>, StepError> {
    let Some(scope) = work.run.plan.sealed.database.dumped() else { return Ok(None) };
    let address = work.database.ok_or(StepError::NoDatabase)?;
    let folder = work.run.folder.dump();
    // A dump that was cut off is worth nothing, and what it held is not known yet.
    fs::remove_file_if_present(&work.run.folder.dump_record())?;
    fs::sync_folder(work.run.folder.path())?;
    fs::remove_folder_all(&folder)?;
    fault::point("save.dump").map_err(|source| IoError::new("dump into", &folder, source))?;
    fs::create_folders(&folder, 0o700)?;
    let record = dump::dump(address, &scope, &folder, &mut |_, event| watch(Some(Step::Save), event))?;
    store_record(&work.run.folder.dump_record(), &record)?;
    Ok(Some(record))
}

fn store_record(path: &Path, record: &DumpRecord) -> Result<(), StepError> {
    let text = json::pretty(record).map_err(|source| StepError::Damaged { path: fs::shown(path), source })?;
    Ok(sealed::write(path, &text)?)
}

/// What the dump holds; `None` when none was made.
pub fn dump_record(work: &Work) -> Result<Option<DumpRecord>, StepError> {
    let path = work.run.folder.dump_record();
    let Some(bytes) = sealed::read(&path)? else { return Ok(None) };
    let record =
        json::read(&bytes).map_err(|source| StepError::Damaged { path: fs::shown(&path), source })?;
    Ok(Some(record))
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
