//! What is known of this program where it is installed. The stored format is
//! `docs/self-update.md`.

use std::path::PathBuf;

use jiff::Timestamp;
use serde::Deserialize;
use serde::Serialize;

use crate::app::self_update::error::SelfUpdateError;
use crate::base::digest::Sha256;
use crate::base::json;
use crate::release::staging::Staging;
use crate::release::staging::StagingError;
use crate::site::settings::NetworkOptions;
use crate::site::state;
use crate::sys::fs;
use crate::sys::lock::Lock;
use crate::sys::lock::LockError;

const FORMAT: u32 = 1;

/// The folder that keeps it.
pub struct Home {
    folder: PathBuf,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    pub format: u32,
    /// Where newer ones come from.
    pub source: Option<String>,
    /// How it is asked, where somebody said so.
    #[serde(default, skip_serializing_if = "NetworkOptions::is_empty")]
    pub network: NetworkOptions,
    pub replaced: Option<Replaced>,
    /// Scripts of our releases that have run, by their paths.
    pub scripts: Vec<String>,
}

/// The last replacement that can be taken back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replaced {
    pub at: Timestamp,
    pub from: String,
    pub to: String,
    /// Of the program that was replaced.
    pub digest: Sha256,
}

impl Default for Record {
    fn default() -> Record {
        Record {
            format: FORMAT,
            source: None,
            network: NetworkOptions::default(),
            replaced: None,
            scripts: Vec::new(),
        }
    }
}

impl Home {
    pub fn open() -> Result<Home, SelfUpdateError> {
        let folder = state::of_this_program().ok_or(SelfUpdateError::NoHome)?;
        fs::create_folders(&folder, 0o700)?;
        Ok(Home { folder })
    }

    pub fn lock(&self) -> Result<Lock, LockError> {
        Lock::take(&self.folder.join("lock"), "self-update")
    }

    pub fn staging(&self) -> Result<Staging, StagingError> {
        Staging::open(&self.folder.join("staging"))
    }

    /// The roots that are believed for this program.
    pub fn trust(&self) -> PathBuf {
        self.folder.join("trust")
    }

    /// The folder that a script of ours works in, and its log beside it.
    pub fn scripts(&self) -> Result<PathBuf, SelfUpdateError> {
        let folder = self.folder.join("scripts");
        fs::create_folders(&folder, 0o700)?;
        Ok(folder)
    }

    pub fn record(&self) -> Result<Record, SelfUpdateError> {
        let Some(bytes) = fs::read_if_present(&self.path())? else { return Ok(Record::default()) };
        json::read_format(&bytes, FORMAT)
            .map_err(|source| SelfUpdateError::Record { path: fs::shown(&self.path()), source })
    }

    pub fn save(&self, record: &Record) -> Result<(), SelfUpdateError> {
        let text = json::pretty(record)
            .map_err(|source| SelfUpdateError::Record { path: fs::shown(&self.path()), source })?;
        Ok(fs::write_durable(&self.path(), &text)?)
    }

    fn path(&self) -> PathBuf {
        self.folder.join("record.json")
    }
}
