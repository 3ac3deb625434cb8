//! The release that a run put in place becomes the installed baseline.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use crate::base::path::SitePath;
use crate::base::path::TreePath;
use crate::integrity::manifest::Content;
use crate::integrity::manifest::Extent;
use crate::integrity::manifest::FileEntry;
use crate::integrity::manifest::Made;
use crate::integrity::manifest::Manifest;
use crate::integrity::manifest::RunOnce;
use crate::integrity::three_way::ChangeKind;
use crate::release::staging::Staging;
use crate::site::installed::Accepted;
use crate::site::installed::Baseline;
use crate::site::installed::Current;
use crate::site::installed::Deviation;
use crate::site::installed::FORMAT;
use crate::site::installed::Found;
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
    // Before the manifests are read: all of them at once would take much memory.
    save_ledger(work, &installed)?;
    let (old, manifest) = match before {
        Some(_) => installed.load().map(|(current, manifest)| (Some(current), Some(manifest)))?,
        None => (None, None),
    };
    let now = resulting(manifest, staged.manifest, &work.run.plan.sealed.changes);
    let current = Current {
        format: FORMAT,
        version: now.version.clone(),
        manifest: now.digest(),
        baseline: if now.made == Made::Observed { Baseline::Observed } else { Baseline::Release },
        accepted: accepted(work, old.as_ref().map(|old| old.accepted.clone()).unwrap_or_default())?,
        owners: old.as_ref().and_then(|old| old.owners.clone()),
        deviations: deviations(work, old.map(|old| old.deviations).unwrap_or_default()),
        since: clock::now(),
        run: Some(work.run.id.clone()),
    };
    if let Some(extensions) = fs::read_if_present(&work.run.folder.extensions())? {
        fs::write_durable(&folder.join("extensions.json"), &extensions)?;
    }
    Ok(installed.save(&current, &now)?)
}

/// What is known to be installed afterwards: the new release, and for a partial
/// one what it left alone of the old.
fn resulting(old: Option<Manifest>, new: Manifest, changes: &[Change]) -> Manifest {
    let Some(old) = old.filter(|_| new.extent == Extent::Partial) else { return new };
    let deleted: BTreeSet<&SitePath> = new.deleted.iter().collect();
    let removed =
        changes.iter().filter(|change| change.kind == ChangeKind::Remove).map(|change| &change.path);
    let gone: BTreeSet<&SitePath> = deleted.into_iter().chain(removed).collect();
    let mut files = old.files;
    files.retain(|entry| new.entry(&entry.path).is_none() && !gone.contains(&entry.path));
    files.extend(new.files.iter().cloned());
    files.sort_by(|a, b| a.path.cmp(&b.path));
    drop_blocked(&mut files);
    let known = |path: &SitePath| files.binary_search_by(|entry| entry.path.cmp(path)).is_ok();
    let united = |new: &[SitePath], old: &[SitePath]| -> Vec<SitePath> {
        let all: BTreeSet<SitePath> = new.iter().chain(old).cloned().collect();
        all.into_iter().filter(known).collect()
    };
    let old_scripts = old
        .run_once
        .iter()
        .filter(|script| known(&script.path) && new.run_once.iter().all(|other| other.path != script.path));
    let mut scripts: Vec<RunOnce> = new.run_once.iter().chain(old_scripts).cloned().collect();
    scripts.sort_by(|a, b| a.path.cmp(&b.path));
    Manifest {
        schema: united(&new.schema, &old.schema),
        tables: united(&new.tables, &old.tables),
        extensions: united(&new.extensions, &old.extensions),
        run_once: scripts,
        extent: old.extent,
        made: if old.made == Made::Observed { Made::Observed } else { new.made },
        deleted: Vec::new(),
        files,
        ..new
    }
}

/// A file of the new release where the old one had a folder, or the reverse:
/// the new one stands. The files are sorted.
fn drop_blocked(files: &mut Vec<FileEntry>) {
    let is_leaf = |path: &SitePath| {
        let found = files.binary_search_by(|entry| entry.path.cmp(path));
        found.is_ok_and(|at| files[at].content != Content::Folder)
    };
    let is_blocked = |entry: &FileEntry| entry.path.ancestors().any(|above| is_leaf(&above));
    let blocked: Vec<bool> = files.iter().map(is_blocked).collect();
    let mut at = 0;
    files.retain(|_| {
        at += 1;
        !blocked[at - 1]
    });
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

/// What was answered for before and the run left alone, and what the programs of
/// the run made: a watch right after it has nothing to tell.
fn accepted(
    work: &Work,
    old: BTreeMap<SitePath, Accepted>,
) -> Result<BTreeMap<SitePath, Accepted>, StepError> {
    let plan = &work.run.plan.sealed;
    let mut found = left_alone(old, &plan.changes);
    let programs = plan.changed_by_programs();
    if programs.is_empty() {
        return Ok(found);
    }
    let (live, volatile) = (work.scan(&mut |_, _| {})?, work.site.volatile());
    let differing = work.planned()?.differences(&live, &volatile);
    // The owner's own are looked at when the application is unlocked again: `owners`.
    let (keep, uploads) = (work.site.keep(), &work.site.profile.uploads);
    let is_owners =
        |path: &TreePath| keep.matches_bytes(path.as_bytes()) && !uploads.matches_bytes(path.as_bytes());
    let made = differing.iter().filter(|path| programs.matches_bytes(path.as_bytes()));
    for path in made.filter(|path| !is_owners(path)) {
        let (Ok(site_path), Some(what)) = (path.to_site_path(), Found::of(live.get(path))) else { continue };
        let note = "made by a program of the update".into();
        let by = format!("run {}", work.run.id);
        found.insert(site_path, Accepted { what, note, by, at: clock::now() });
    }
    Ok(found)
}

fn left_alone(old: BTreeMap<SitePath, Accepted>, changes: &[Change]) -> BTreeMap<SitePath, Accepted> {
    let touched: BTreeSet<&SitePath> =
        changes.iter().filter(|change| change.effect().is_some()).map(|change| &change.path).collect();
    old.into_iter().filter(|(path, _)| !touched.contains(path)).collect()
}

/// What a person accepted since the run is not forgotten when it is taken back,
/// where the run had not touched it. `before` is what was installed until now.
pub fn keep_accepted(work: &Work, before: Option<Current>) -> Result<(), StepError> {
    let folder = work.site.state.installed();
    let installed = Installed(&folder);
    let (Some(before), Some(mut current)) = (before, installed.current()?) else { return Ok(()) };
    let run = format!("run {}", work.run.id);
    let mut accepted = left_alone(before.accepted, &work.run.plan.sealed.changes);
    accepted.retain(|path, accepted| accepted.by != run && !current.accepted.contains_key(path));
    if accepted.is_empty() {
        return Ok(());
    }
    current.accepted.extend(accepted);
    Ok(installed.save_current(&current)?)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::digest::Sha256;
    use crate::base::pattern::Patterns;

    fn path(text: &str) -> SitePath {
        SitePath::parse(text).unwrap()
    }

    /// A release of these files; those below `s/` are SQL, `t/` declare tables, `e/` extensions, `r/` scripts.
    fn release(extent: Extent, files: &[&str], text: &str) -> Manifest {
        let sha256 = Sha256::of(text.as_bytes());
        let content = Content::File { size: text.len() as u64, sha256, md5: None };
        let entry = |name: &&str| FileEntry { path: path(name), content: content.clone(), mode: None };
        let below = |folder: &str| {
            files.iter().filter(move |name| name.starts_with(folder)).map(|name| path(name)).collect()
        };
        let scripts: Vec<SitePath> = below("r/");
        let script = |path| RunOnce { path, repeatable: false, changes: Patterns::default() };
        Manifest {
            extent,
            files: files.iter().map(entry).collect(),
            schema: below("s/"),
            tables: below("t/"),
            run_once: scripts.into_iter().map(script).collect(),
            extensions: below("e/"),
            ..Manifest::new("p", text, jiff::Timestamp::UNIX_EPOCH)
        }
    }

    fn names(manifest: &Manifest) -> Vec<String> {
        manifest.files.iter().map(|entry| entry.path.to_string()).collect()
    }

    #[test]
    fn a_whole_release_is_what_is_installed_afterwards() {
        let old = release(Extent::Complete, &["a", "s/1"], "1");
        let new = release(Extent::Complete, &["b"], "2");
        assert_eq!(resulting(Some(old), new.clone(), &[]), new);
    }

    #[test]
    fn a_partial_release_leaves_the_rest_and_its_roles() {
        let old = release(Extent::Complete, &["a", "b", "e/1", "gone", "r/1", "r/2", "s/1", "t/1"], "1");
        let mut new = release(Extent::Partial, &["b", "c/d", "r/2", "s/2"], "2");
        new.deleted = vec![path("gone")];
        let result = resulting(Some(old), new, &[]);
        assert_eq!(names(&result), ["a", "b", "c/d", "e/1", "r/1", "r/2", "s/1", "s/2", "t/1"]);
        assert_eq!((result.version.as_str(), result.extent), ("2", Extent::Complete));
        assert_eq!(result.schema, [path("s/1"), path("s/2")]);
        assert_eq!((&result.tables, &result.extensions), (&vec![path("t/1")], &vec![path("e/1")]));
        let scripts: Vec<&SitePath> = result.run_once.iter().map(|script| &script.path).collect();
        assert_eq!(scripts, [&path("r/1"), &path("r/2")]);
        assert!(result.check().is_ok());
    }

    #[test]
    fn a_file_where_a_folder_was_takes_what_was_in_it_along() {
        let old = release(Extent::Complete, &["a/b", "a/c"], "1");
        let new = release(Extent::Partial, &["a"], "2");
        assert_eq!(names(&resulting(Some(old), new, &[])), ["a"]);
    }
}
