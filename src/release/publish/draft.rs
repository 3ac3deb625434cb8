//! A release whose content is all in place and that nobody signed yet:
//! `publisher/drafts/<name of its manifest's target>.json`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;
use serde::Serialize;
use serde_json::Value;

use crate::base::digest::Sha256;
use crate::base::json;
use crate::release::publish::error::PublishError;
use crate::release::publish::folder::Reference;
use crate::release::reference::listing::Listed;
use crate::release::reference::listing::releases;
use crate::release::reference::names::is_target_name;
use crate::release::trust::TargetInfo;
use crate::sys::fs;

const FORMAT: u32 = 1;

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    format: u32,
    targets: BTreeMap<String, Target>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Target {
    length: u64,
    sha256: Sha256,
    custom: Option<Value>,
}

/// The targets of one release.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Draft {
    pub targets: BTreeMap<String, TargetInfo>,
}

impl Draft {
    pub fn release(&self) -> Result<Option<Listed<'_>>, PublishError> {
        Ok(releases(&self.targets)?.into_iter().next())
    }

    /// Whether all that it names is still there.
    pub fn is_whole(&self, reference: &Reference) -> Result<bool, PublishError> {
        for (name, target) in &self.targets {
            let file = fs::metadata(&reference.target(name, &target.sha256))?;
            if file.is_none_or(|file| file.len() != target.length) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    pub fn write(&self, reference: &Reference) -> Result<(), PublishError> {
        let target = |target: &TargetInfo| Target {
            length: target.length,
            sha256: target.sha256,
            custom: target.custom.clone(),
        };
        let targets = self.targets.iter().map(|(name, info)| (name.clone(), target(info))).collect();
        let Some(path) = self.path(reference)? else { return Ok(()) };
        fs::create_folders(&folder(reference), 0o700)?;
        reference.write_record(&path, &Record { format: FORMAT, targets })
    }

    pub fn remove(&self, reference: &Reference) -> Result<(), PublishError> {
        match self.path(reference)? {
            Some(path) => Ok(fs::remove_file_if_present(&path)?),
            None => Ok(()),
        }
    }

    fn path(&self, reference: &Reference) -> Result<Option<PathBuf>, PublishError> {
        Ok(self.release()?.map(|release| folder(reference).join(format!("{}.json", release.name))))
    }
}

fn folder(reference: &Reference) -> PathBuf {
    reference.publisher().join("drafts")
}

/// All drafts of the reference.
pub(super) fn all(reference: &Reference) -> Result<Vec<Draft>, PublishError> {
    let folder = folder(reference);
    let mut drafts = Vec::new();
    if !fs::is_folder(&folder) {
        return Ok(drafts);
    }
    for path in fs::list(&folder)?.iter().filter(|path| path.extension().is_some_and(|end| end == "json")) {
        let failed = |source| PublishError::Record { path: fs::shown(path), source };
        let record: Record = json::read_format(&fs::read(path)?, FORMAT).map_err(failed)?;
        let targets = record.targets.into_iter().filter(|(name, _)| is_target_name(name));
        let info = |target: Target| TargetInfo {
            length: target.length,
            sha256: target.sha256,
            custom: target.custom,
        };
        drafts.push(Draft { targets: targets.map(|(name, target)| (name, info(target))).collect() });
    }
    Ok(drafts)
}
