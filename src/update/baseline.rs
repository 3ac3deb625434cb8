//! The release that a run put in place becomes the installed baseline.

use std::collections::BTreeMap;

use crate::base::path::SitePath;
use crate::base::path::TreePath;
use crate::integrity::manifest::Content;
use crate::integrity::manifest::Extent;
use crate::integrity::manifest::FileEntry;
use crate::integrity::manifest::Made;
use crate::integrity::manifest::Manifest;
use crate::integrity::three_way::ChangeKind;
use crate::release::staging::Staging;
use crate::site::installed::Baseline;
use crate::site::installed::Current;
use crate::site::installed::Deviation;
use crate::site::installed::FORMAT;
use crate::site::installed::Installed;
use crate::site::installed::Ledger;
use crate::site::installed::LedgerEntry;
use crate::sys::clock;
use crate::sys::fs;
use crate::update::error::StepError;
use crate::update::plan::Change;
use crate::update::plan::What;
use crate::update::work::Work;

/// Records manifest, deviations, ledger and extensions; may be done twice.
pub fn install_baseline(work: &Work) -> Result<(), StepError> {
    let folder = work.site.state.installed();
    let installed = Installed(&folder);
    let before = installed.current()?;
    if before.as_ref().is_some_and(|current| current.run.as_deref() == Some(&work.run.id)) {
        return Ok(());
    }
    let staged = Staging::open(&work.site.state.staging())?.staged()?.ok_or(StepError::StagingGone)?;
    if staged.origin.manifest != work.run.plan.sealed.to.manifest {
        return Err(StepError::StagingGone);
    }
    let (old, manifest) = match before {
        Some(_) => installed.load().map(|(current, manifest)| (Some(current), Some(manifest)))?,
        None => (None, None),
    };
    let now = resulting(manifest.as_ref(), &staged.manifest, &work.run.plan.sealed.changes);
    let current = Current {
        format: FORMAT,
        version: now.version.clone(),
        manifest: now.digest(),
        baseline: if now.made == Made::Observed { Baseline::Observed } else { Baseline::Release },
        deviations: deviations(work, old.map(|old| old.deviations).unwrap_or_default()),
        since: clock::now(),
        run: Some(work.run.id.clone()),
    };
    save_ledger(work, &installed)?;
    if let Some(extensions) = fs::read_if_present(&work.run.folder.extensions())? {
        fs::write_durable(&folder.join("extensions.json"), &extensions)?;
    }
    Ok(installed.save(&current, &now)?)
}

/// What is known to be installed afterwards: the new release, and for a partial
/// one what it left alone of the old.
fn resulting(old: Option<&Manifest>, new: &Manifest, changes: &[Change]) -> Manifest {
    let mut result = new.clone();
    let Some(old) = old.filter(|_| new.extent == Extent::Partial) else { return result };
    let gone = |path: &SitePath| {
        new.deleted.contains(path)
            || changes.iter().any(|change| change.path == *path && change.kind == ChangeKind::Remove)
    };
    let kept = old.files.iter().filter(|entry| new.entry(&entry.path).is_none() && !gone(&entry.path));
    result.files.extend(kept.cloned());
    result.files.sort_by(|a, b| a.path.cmp(&b.path));
    drop_blocked(&mut result.files);
    result.extent = old.extent;
    result.made = if old.made == Made::Observed { Made::Observed } else { new.made };
    result.deleted = Vec::new();
    result
}

/// A file of the new release where the old one had a folder, or the reverse:
/// the new one stands.
fn drop_blocked(files: &mut Vec<FileEntry>) {
    let leaves: std::collections::BTreeSet<SitePath> = files
        .iter()
        .filter(|entry| entry.content != Content::Folder)
        .map(|entry| entry.path.clone())
        .collect();
    files.retain(|entry| !entry.path.ancestors().any(|above| leaves.contains(&above)));
}

/// Every path that is not as the new manifest says, with the owner's consent.
fn deviations(work: &Work, old: BTreeMap<SitePath, Deviation>) -> BTreeMap<SitePath, Deviation> {
    let plan = &work.run.plan.sealed;
    let mut found: BTreeMap<SitePath, Deviation> =
        old.into_iter().filter(|(path, _)| !plan.changes.iter().any(|change| change.path == *path)).collect();
    for change in plan.changes.iter().filter(|change| change.effect().is_none() && change.new.is_some()) {
        let deviation = match change.old.as_ref().map(|old| &old.what) {
            None => Deviation::Deleted,
            Some(What::File { sha256, .. }) => Deviation::Kept { sha256: Some(*sha256) },
            Some(_) => Deviation::Kept { sha256: None },
        };
        if change.kind != ChangeKind::Same {
            found.insert(change.path.clone(), deviation);
        }
    }
    found.extend(plan.scripts.iter().map(|script| (script.path.clone(), Deviation::Done)));
    found
}

fn save_ledger(work: &Work, installed: &Installed) -> Result<(), StepError> {
    let plan = &work.run.plan.sealed;
    let planned = work.planned()?;
    let mut ledger: Ledger = installed.ledger()?;
    let entry = |path: &SitePath, sha256| LedgerEntry {
        path: path.clone(),
        sha256,
        run: Some(work.run.id.clone()),
        at: clock::now(),
    };
    for file in &plan.sql {
        ledger.sql.push(entry(&file.path, file.sha256));
    }
    for script in &plan.scripts {
        if let Some(sha256) = planned.get(&TreePath::from(&script.path)).and_then(|thing| thing.sha256()) {
            ledger.scripts.push(entry(&script.path, sha256));
        }
    }
    Ok(installed.save_ledger(&ledger)?)
}
