//! The installed baseline: which release stands here, what the owner did to
//! it, and which scripts and SQL files have run. Formats: `docs/installed.md`.

use std::collections::BTreeMap;
use std::path::Path;
use std::path::PathBuf;

use jiff::Timestamp;
use serde::Deserialize;
use serde::Serialize;

use crate::base::digest::Sha256;
use crate::base::exit::Exit;
use crate::base::exit::Fault;
use crate::base::json;
use crate::base::path::SitePath;
use crate::base::pattern::Patterns;
use crate::base::tree::Kind;
use crate::base::tree::Node;
use crate::base::tree::Tree;
use crate::integrity::manifest::Manifest;
use crate::integrity::manifest::ManifestError;
use crate::sys::fs;
use crate::sys::fs::IoError;

pub const FORMAT: u32 = 1;

/// What is installed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Current {
    pub format: u32,
    pub version: String,
    /// Digest of the manifest, which stands beside as `<digest>.json`.
    pub manifest: Sha256,
    pub baseline: Baseline,
    /// Paths that are not as the manifest says, with the owner's consent.
    pub deviations: BTreeMap<SitePath, Deviation>,
    /// What stands there besides, or in place of it, and somebody answered for.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub accepted: BTreeMap<SitePath, Accepted>,
    /// What stands in the owner's own files; `None` until somebody looked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owners: Option<Owners>,
    pub since: Timestamp,
    /// The run that installed it; `None` when it was adopted.
    pub run: Option<String>,
}

/// Where the baseline comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Baseline {
    Release,
    List,
    Observed,
}

impl Baseline {
    pub fn name(self) -> &'static str {
        match self {
            Baseline::Release => "release",
            Baseline::List => "list",
            Baseline::Observed => "observed",
        }
    }
}

/// How a path differs from the manifest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Deviation {
    /// The owner's version, by its digest where it is a file.
    Kept { sha256: Option<Sha256> },
    /// The owner deleted it.
    Deleted,
    /// A one-time script that has run and was renamed to `.done`.
    Done,
}

/// A change that a person looked at, or that a program of an update made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Accepted {
    pub what: Found,
    pub note: String,
    /// Who answers for it: a person, or a run.
    pub by: String,
    pub at: Timestamp,
}

/// What was found at a path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Found {
    /// Permission bits, setuid included.
    File {
        sha256: Sha256,
        mode: u32,
    },
    Link {
        target: String,
    },
    /// A socket, fifo or device.
    Special,
    Nothing,
}

impl Found {
    /// What stands there, where that can be kept; `None` of a folder, of what
    /// cannot be read, and of a link that leads to a name that is no text.
    pub fn of(node: Option<&Node>) -> Option<Found> {
        let Some(node) = node else { return Some(Found::Nothing) };
        match &node.kind {
            Kind::File { sha256, .. } => Some(Found::File { sha256: *sha256, mode: node.meta.mode }),
            Kind::Link { target } => {
                String::from_utf8(target.clone()).ok().map(|target| Found::Link { target })
            }
            Kind::Special(_) => Some(Found::Special),
            Kind::Folder | Kind::Unreadable { .. } => None,
        }
    }
}

/// What stood in the owner's own files, by digest: no release says it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Owners {
    /// Of which paths it is known, also that nothing stands there.
    pub patterns: Patterns,
    pub files: BTreeMap<SitePath, Found>,
}

impl Owners {
    /// What is known when `keep` names the owner's files: of those that it named
    /// before what was known, of the others what stands there now. What visitors
    /// fill is nobody's own.
    pub fn renewed(before: Option<&Owners>, keep: &Patterns, uploads: &Patterns, tree: &Tree) -> Owners {
        let nothing = Owners::default();
        let before = before.unwrap_or(&nothing);
        let is_new = |path: &SitePath| {
            let path = path.as_str();
            keep.matches(path) && !uploads.matches(path) && !before.patterns.matches(path)
        };
        let known = before.files.iter().filter(|(path, _)| keep.matches(path.as_str()));
        let mut files: BTreeMap<SitePath, Found> =
            known.map(|(path, found)| (path.clone(), found.clone())).collect();
        for (path, node) in tree {
            let Some(path) = path.to_site_path().ok().filter(&is_new) else { continue };
            files.extend(Found::of(Some(node)).map(|found| (path, found)));
        }
        Owners { patterns: keep.clone(), files }
    }

    /// What is expected at a path of which anything is known.
    pub fn expected(&self, path: &SitePath) -> Option<Option<&Found>> {
        self.patterns.matches(path.as_str()).then(|| self.files.get(path))
    }

    /// From now on this is expected there.
    pub fn expect(&mut self, path: SitePath, found: Option<Found>) {
        match found {
            Some(found) if found != Found::Nothing => drop(self.files.insert(path, found)),
            _ => drop(self.files.remove(&path)),
        }
    }
}

/// What has run, so that it never runs again.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Ledger {
    pub format: u32,
    pub sql: Vec<LedgerEntry>,
    pub scripts: Vec<LedgerEntry>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LedgerEntry {
    pub path: SitePath,
    pub sha256: Sha256,
    /// The run that did it; `None`: it counted as done when the site was adopted.
    pub run: Option<String>,
    pub at: Timestamp,
}

#[derive(Debug, thiserror::Error)]
pub enum InstalledError {
    #[error("{path} cannot be understood")]
    Damaged {
        path: String,
        #[source]
        source: serde_json::Error,
    },
    #[error("{path} is of format {found}; this entracte knows {FORMAT}")]
    Format { path: String, found: u32 },
    #[error("the installed manifest {path} does not have its digest")]
    Tampered { path: String },
    #[error("nothing is recorded as installed")]
    Nothing,
    #[error("the installed manifest {path} cannot be understood")]
    Manifest {
        path: String,
        #[source]
        source: ManifestError,
    },
    #[error(transparent)]
    Io(#[from] IoError),
}

impl Fault for InstalledError {
    fn exit(&self) -> Exit {
        match self {
            InstalledError::Io(error) => error.exit(),
            _ => Exit::Refused,
        }
    }
}

/// The folder `installed/` of a site.
pub struct Installed<'a>(pub &'a Path);

impl Installed<'_> {
    /// What is installed, with its manifest.
    pub fn load(&self) -> Result<(Current, Manifest), InstalledError> {
        let current = self.current()?.ok_or(InstalledError::Nothing)?;
        let path = self.manifest_path(&current.manifest);
        let bytes = fs::read(&path)?;
        if Sha256::of(&bytes) != current.manifest {
            return Err(InstalledError::Tampered { path: fs::shown(&path) });
        }
        let manifest = Manifest::parse(&bytes)
            .map_err(|source| InstalledError::Manifest { path: fs::shown(&path), source })?;
        Ok((current, manifest))
    }

    /// Every manifest that was installed here and is unharmed, in no order.
    pub fn all(&self) -> Result<Vec<Manifest>, InstalledError> {
        let mut manifests = Vec::new();
        if !fs::is_folder(self.0) {
            return Ok(manifests);
        }
        for path in fs::list(self.0)? {
            let name = path.file_stem().map(|name| name.to_string_lossy().into_owned());
            let Some(Ok(digest)) = name.map(|name| name.parse::<Sha256>()) else { continue };
            let bytes = fs::read(&path)?;
            if Sha256::of(&bytes) == digest
                && let Ok(manifest) = Manifest::parse(&bytes)
            {
                manifests.push(manifest);
            }
        }
        Ok(manifests)
    }

    pub fn current(&self) -> Result<Option<Current>, InstalledError> {
        let found: Option<Current> = self.read("current.json")?;
        match found {
            Some(current) if current.format != FORMAT => {
                let path = fs::shown(&self.0.join("current.json"));
                Err(InstalledError::Format { path, found: current.format })
            }
            found => Ok(found),
        }
    }

    /// Makes `manifest` the installed one; earlier manifests stay.
    pub fn save(&self, current: &Current, manifest: &Manifest) -> Result<(), InstalledError> {
        fs::write_durable(&self.manifest_path(&current.manifest), &manifest.to_json())?;
        self.save_current(current)
    }

    /// The same, of a manifest that stands there already.
    pub fn save_current(&self, current: &Current) -> Result<(), InstalledError> {
        self.write("current.json", current)
    }

    /// Where the manifests of releases stand that were installed before.
    pub fn earlier(&self, current: &Current) -> Result<Vec<PathBuf>, InstalledError> {
        let is_manifest = |path: &PathBuf| {
            let stem = path.file_stem().and_then(|stem| stem.to_str());
            stem.and_then(|stem| stem.parse::<Sha256>().ok()).is_some_and(|digest| digest != current.manifest)
        };
        Ok(fs::list(self.0)?.into_iter().filter(is_manifest).collect())
    }

    pub fn ledger(&self) -> Result<Ledger, InstalledError> {
        match self.read::<Ledger>("ledger.json")?.unwrap_or(Ledger { format: FORMAT, ..Ledger::default() }) {
            ledger if ledger.format == FORMAT => Ok(ledger),
            Ledger { format: found, .. } => {
                Err(InstalledError::Format { path: fs::shown(&self.0.join("ledger.json")), found })
            }
        }
    }

    pub fn save_ledger(&self, ledger: &Ledger) -> Result<(), InstalledError> {
        self.write("ledger.json", ledger)
    }

    fn manifest_path(&self, digest: &Sha256) -> PathBuf {
        self.0.join(format!("{digest}.json"))
    }

    fn read<T: for<'de> Deserialize<'de>>(&self, name: &str) -> Result<Option<T>, InstalledError> {
        let path = self.0.join(name);
        let Some(bytes) = fs::read_if_present(&path)? else { return Ok(None) };
        let damaged = |source| InstalledError::Damaged { path: fs::shown(&path), source };
        json::read(&bytes).map(Some).map_err(damaged)
    }

    fn write<T: Serialize>(&self, name: &str, value: &T) -> Result<(), InstalledError> {
        let path = self.0.join(name);
        let text = json::pretty(value)
            .map_err(|source| InstalledError::Damaged { path: fs::shown(&path), source })?;
        Ok(fs::write_durable(&path, &text)?)
    }
}

impl Ledger {
    /// What was recorded of a script or SQL file with this path.
    pub fn entry<'l>(list: &'l [LedgerEntry], path: &SitePath) -> Option<&'l LedgerEntry> {
        list.iter().rev().find(|entry| entry.path == *path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::integrity::manifest::Extent;

    #[test]
    fn a_changed_manifest_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let installed = Installed(folder.path());
        assert!(matches!(installed.load(), Err(InstalledError::Nothing)));
        let manifest =
            Manifest { extent: Extent::Complete, ..Manifest::new("p", "1", Timestamp::UNIX_EPOCH) };
        let current = Current {
            format: FORMAT,
            version: "1".into(),
            manifest: manifest.digest(),
            baseline: Baseline::Release,
            deviations: BTreeMap::from([(SitePath::parse("a").unwrap(), Deviation::Kept { sha256: None })]),
            accepted: BTreeMap::new(),
            owners: None,
            since: Timestamp::UNIX_EPOCH,
            run: None,
        };
        installed.save(&current, &manifest).unwrap();
        assert_eq!(installed.load().unwrap(), (current.clone(), manifest));
        let path = installed.manifest_path(&current.manifest);
        let text = std::fs::read_to_string(&path).unwrap().replace("\"p\"", "\"q\"");
        std::fs::write(&path, text).unwrap();
        assert!(matches!(installed.load(), Err(InstalledError::Tampered { .. })));
    }
}
