//! What happened to one file: which release brought or changed it, which run
//! did, and what watch found of it.

use serde::Deserialize;
use serde::Serialize;

use crate::app::failure::Failure;
use crate::app::plan::word;
use crate::app::status::outcome;
use crate::base::digest::Algorithms;
use crate::base::digest::Sha256;
use crate::base::json;
use crate::base::path::SitePath;
use crate::integrity::manifest::Content;
use crate::integrity::manifest::Manifest;
use crate::integrity::manifest::version;
use crate::integrity::scan;
use crate::site::Site;
use crate::site::history::Deed;
use crate::site::history::Line;
use crate::site::installed::Installed;
use crate::sys::beneath::Root;
use crate::sys::fs;
use crate::update::journal;
use crate::update::plan::Change;
use crate::update::plan::Plan;
use crate::update::plan::Thing;
use crate::update::plan::What;
use crate::update::run;
use crate::update::run::RunFolder;
use crate::update::standing::End;
use crate::update::standing::Standing;

/// A record of findings is not longer, unless somebody else wrote it.
const MOST_BYTES: u64 = 64 << 20;

#[derive(Clone, Debug, Serialize)]
pub struct FileHistory {
    pub path: SitePath,
    /// `released` (as the installed release has it), `changed`, `missing`, `unknown` (no release has it), `unreadable`.
    pub now: &'static str,
    pub sha256: Option<Sha256>,
    /// Releases installed here, now or before, that have this very content.
    pub as_in: Vec<String>,
    /// The oldest first.
    pub rows: Vec<FileRow>,
}

#[derive(Clone, Debug, Serialize)]
pub struct FileRow {
    pub at: String,
    /// `adopted`, `finished`, `rolled-back`, `stopped`, `failed`, `found`, `accepted`.
    pub event: String,
    /// The version that stood there afterwards, where a release is why.
    pub version: Option<String>,
    pub run: Option<String>,
    /// What was done or found: `add`, `replace`, `remove`, `keep`, `conflict`, `modified`, …
    pub what: String,
    /// The content that the release has there.
    pub sha256: Option<Sha256>,
    pub detail: String,
}

/// What of a record of findings is told here; the rest is watch's own.
#[derive(Deserialize)]
struct Found {
    at: jiff::Timestamp,
    findings: Vec<Finding>,
}

#[derive(Deserialize)]
struct Finding {
    path: String,
    kind: String,
}

pub(super) fn history(site: &Site, path: SitePath, lines: &[Line]) -> Result<FileHistory, Failure> {
    let mut rows = Vec::new();
    rows.extend(adopted(site, &path, lines)?);
    rows.extend(runs(site, &path)?);
    rows.extend(found(site, &path)?);
    rows.extend(accepted(&path, lines));
    rows.sort_by_key(|(at, _)| *at);
    let (now, sha256) = now(site, &path)?;
    let as_in = sha256.map(|digest| holding(site, &path, digest)).transpose()?.unwrap_or_default();
    Ok(FileHistory { path, now, sha256, as_in, rows: rows.into_iter().map(dated).collect() })
}

type Dated = (jiff::Timestamp, FileRow);

fn dated((at, row): Dated) -> FileRow {
    FileRow { at: at.to_string(), ..row }
}

/// What the release that was there first says of the path.
fn adopted(site: &Site, path: &SitePath, lines: &[Line]) -> Result<Option<Dated>, Failure> {
    let Some(line) = lines.iter().find(|line| line.is(Deed::Adopted)) else { return Ok(None) };
    let manifests = manifests(site)?;
    let named = line.detail.split_once(' ').map_or("", |(_, version)| version);
    let Some(manifest) = manifests.iter().find(|manifest| manifest.version == named) else {
        return Ok(None);
    };
    let sha256 = manifest.entry(path).and_then(|entry| entry.sha256());
    let what = if manifest.entry(path).is_some() { "listed" } else { "not listed" };
    let row = FileRow {
        at: line.at.to_string(),
        event: line.event.clone(),
        version: Some(manifest.version.clone()),
        run: None,
        what: what.into(),
        sha256,
        detail: format!("{} {} was adopted", manifest.product, manifest.version),
    };
    Ok(Some((line.at, row)))
}

/// What each run did to the path.
fn runs(site: &Site, path: &SitePath) -> Result<Vec<Dated>, Failure> {
    let (runs, mut rows) = (site.state.runs(), Vec::new());
    for id in run::list(&runs)? {
        let folder = RunFolder::new(runs.join(&id));
        // The plan of a run may have been cleared away; its journal tells no paths.
        let Ok(plan) = Plan::load(&folder.plan()) else { continue };
        let (records, standing) = journal::read(&folder.journal())?;
        let change = plan.sealed.changes.binary_search_by(|change| change.path.cmp(path));
        let (Ok(at), Some(last)) = (change, records.last()) else { continue };
        rows.push((last.at, run_row(id, &plan, &plan.sealed.changes[at], &standing)));
    }
    Ok(rows)
}

fn run_row(id: String, plan: &Plan, change: &Change, standing: &Standing) -> FileRow {
    let (from, to) = (&plan.sealed.from.version, &plan.sealed.to.version);
    let event = outcome(standing);
    let stands = match standing.end {
        Some(End::RolledBack) => from,
        _ => to,
    };
    let digest = |thing: &Option<Thing>| match thing.as_ref().map(|thing| &thing.what) {
        Some(What::File { sha256, .. }) => Some(*sha256),
        _ => None,
    };
    FileRow {
        at: String::new(),
        event: event.into(),
        version: Some(stands.clone()),
        run: Some(id),
        what: word(&change.kind),
        sha256: digest(&change.new),
        detail: format!("{from} -> {to}: {}", change.reason.text()),
    }
}

/// What watch found of the path, each time that it was other than before.
fn found(site: &Site, path: &SitePath) -> Result<Vec<Dated>, Failure> {
    let folder = site.state.folder().join("watch");
    let (mut rows, mut before): (Vec<Dated>, Option<String>) = (Vec::new(), None);
    if !fs::is_folder(&folder) {
        return Ok(rows);
    }
    let mut records = fs::list(&folder)?;
    records.sort();
    for record in records {
        let name = record.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        if !name.starts_with("found-") {
            continue;
        }
        let Ok(text) = fs::read_text(&record, MOST_BYTES) else { continue };
        let Ok(Found { at, findings }) = json::read::<Found>(text.as_bytes()) else { continue };
        let kind = findings.into_iter().find(|one| one.path == path.as_str()).map(|one| one.kind);
        if kind != before {
            let what = kind.clone().unwrap_or_else(|| "as it should be".into());
            rows.push((at, found_row("found", what, String::new())));
        }
        before = kind;
    }
    Ok(rows)
}

fn accepted(path: &SitePath, lines: &[Line]) -> Vec<Dated> {
    let names = |line: &&Line| {
        line.is(Deed::Accepted) && line.detail.split([',', ':', ' ']).any(|word| word == path.as_str())
    };
    let row = |line: &Line| (line.at, found_row("accepted", "accepted".into(), line.detail.clone()));
    lines.iter().filter(names).map(row).collect()
}

fn found_row(event: &str, what: String, detail: String) -> FileRow {
    FileRow { at: String::new(), event: event.into(), version: None, run: None, what, sha256: None, detail }
}

fn now(site: &Site, path: &SitePath) -> Result<(&'static str, Option<Sha256>), Failure> {
    let root = Root::open(&site.root)?;
    let live = match scan::hash_file(&root, path, Algorithms::Sha256) {
        Ok((_, sha256, _)) => Some(sha256),
        Err(error) if error.is_not_found() => None,
        Err(_) => return Ok(("unreadable", None)),
    };
    let listed = match Installed(&site.state.installed()).load() {
        Ok((_, manifest)) => manifest.entry(path).map(|entry| entry.content.clone()),
        Err(_) => None,
    };
    Ok(match (live, listed) {
        (Some(live), Some(Content::File { sha256, .. })) if live == sha256 => ("released", Some(live)),
        (Some(live), Some(_)) => ("changed", Some(live)),
        (Some(live), None) => ("unknown", Some(live)),
        (None, _) => ("missing", None),
    })
}

/// The releases that were installed here and have this content at this path.
fn holding(site: &Site, path: &SitePath, digest: Sha256) -> Result<Vec<String>, Failure> {
    let holds = |manifest: &Manifest| manifest.entry(path).and_then(|entry| entry.sha256()) == Some(digest);
    let mut versions: Vec<String> =
        manifests(site)?.into_iter().filter(holds).map(|manifest| manifest.version).collect();
    versions.dedup();
    Ok(versions)
}

/// Every manifest that was installed here, by version.
fn manifests(site: &Site) -> Result<Vec<Manifest>, Failure> {
    let mut manifests = Installed(&site.state.installed()).all()?;
    manifests.sort_by(|a, b| version::compare(&a.version, &b.version));
    Ok(manifests)
}
