//! What nothing names any longer is removed, once it has been so for long
//! enough that whoever was told of it before is done.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::Deserialize;
use serde::Serialize;

use crate::base::json;
use crate::integrity::manifest::FileEntry;
use crate::release::publish::draft;
use crate::release::publish::error::PublishError;
use crate::release::publish::folder::Reference;
use crate::release::reference::listing::releases;
use crate::release::reference::names;
use crate::release::trust::TargetInfo;
use crate::sys::clock;
use crate::sys::fs;

const FORMAT: u32 = 1;

/// `publisher/unused.json`: since when nothing names a file.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Unused {
    format: u32,
    since: BTreeMap<String, Timestamp>,
}

/// What went, and what waits for its time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    pub files: u64,
    pub bytes: u64,
    pub waiting: u64,
}

pub(super) fn sweep(
    reference: &Reference,
    targets: &BTreeMap<String, TargetInfo>,
    grace: i64,
) -> Result<Swept, PublishError> {
    let named = named(reference, targets)?;
    let path = reference.publisher().join("unused.json");
    // A record that cannot be read costs time, nothing else: all begin to wait anew.
    let before: Option<Unused> =
        fs::read_if_present(&path)?.and_then(|bytes| json::read_format(&bytes, FORMAT).ok());
    let (before, now) = (before.map(|unused| unused.since).unwrap_or_default(), clock::now());
    let mut since = BTreeMap::new();
    for name in served(reference)?.into_iter().filter(|name| !named.contains(name)) {
        let first = before.get(&name).copied().filter(|first| *first <= now).unwrap_or(now);
        since.insert(name, first);
    }
    let is_over = |first: &Timestamp| now.as_second() - first.as_second() >= grace;
    let (gone, kept): (BTreeMap<_, _>, BTreeMap<_, _>) =
        since.into_iter().partition(|(_, first)| is_over(first));
    let mut swept = Swept { waiting: kept.len() as u64, ..Swept::default() };
    if kept != before {
        reference.write_record(&path, &Unused { format: FORMAT, since: kept })?;
    }
    for name in gone.keys() {
        let path = reference.folder().join(name);
        swept.files += 1;
        swept.bytes += fs::metadata(&path)?.map_or(0, |file| file.len());
        fs::remove_file_if_present(&path)?;
    }
    Ok(swept)
}

/// Everything that metadata, manifests and drafts lead to.
fn named(
    reference: &Reference,
    signed: &BTreeMap<String, TargetInfo>,
) -> Result<BTreeSet<String>, PublishError> {
    let mut named = current_metadata(reference)?;
    let drafts = draft::all(reference)?;
    for targets in drafts.iter().map(|draft| &draft.targets).chain([signed]) {
        named.extend(targets.iter().map(|(name, target)| names::target_path(name, &target.sha256)));
        for release in releases(targets)? {
            let manifest = reference.manifest(&release)?;
            let digests = manifest.files.iter().filter_map(FileEntry::sha256);
            named.extend(digests.map(|digest| names::object_name(&digest)));
        }
    }
    Ok(named)
}

/// The lists that the newest timestamp leads to; roots are never in question.
pub(super) fn current_metadata(reference: &Reference) -> Result<BTreeSet<String>, PublishError> {
    let mut named = BTreeSet::new();
    let Some(snapshot) = version_of(reference, "timestamp.json", "snapshot.json")? else { return Ok(named) };
    let snapshot = format!("{snapshot}.snapshot.json");
    if let Some(targets) = version_of(reference, &snapshot, "targets.json")? {
        named.insert(format!("{}/{targets}.targets.json", names::METADATA));
    }
    named.insert(format!("{}/{snapshot}", names::METADATA));
    Ok(named)
}

fn version_of(reference: &Reference, document: &str, of: &str) -> Result<Option<u64>, PublishError> {
    let path = reference.folder().join(names::METADATA).join(document);
    let Some(bytes) = fs::read_if_present(&path)? else { return Ok(None) };
    let failed = |source| PublishError::Record { path: fs::shown(&path), source };
    let value: serde_json::Value = json::read(&bytes).map_err(failed)?;
    Ok(value["signed"]["meta"][of]["version"].as_u64())
}

/// Everything that may go: targets, objects, and lists of metadata.
fn served(reference: &Reference) -> Result<Vec<String>, PublishError> {
    let mut found = Vec::new();
    let list = |folder: &str| fs::list(&reference.folder().join(folder));
    let name = |path: &std::path::Path| path.file_name().map(|name| name.to_string_lossy().into_owned());
    for path in list(names::METADATA)? {
        let lists = name(&path).filter(|name| {
            let number = name.strip_suffix(".targets.json").or(name.strip_suffix(".snapshot.json"));
            number.is_some_and(|number| number.parse::<u64>().is_ok())
        });
        found.extend(lists.map(|name| format!("{}/{name}", names::METADATA)));
    }
    for path in list(names::TARGETS)? {
        found.extend(name(&path).map(|name| format!("{}/{name}", names::TARGETS)));
    }
    for shelf in list(names::OBJECTS)?.iter().filter(|shelf| fs::is_real_folder(shelf)) {
        let shelf_name = name(shelf).unwrap_or_default();
        for path in fs::list(shelf)? {
            found.extend(name(&path).map(|name| format!("{}/{shelf_name}/{name}", names::OBJECTS)));
        }
    }
    Ok(found)
}
