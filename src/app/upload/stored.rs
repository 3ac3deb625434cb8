//! What is remembered of an upload beside its bytes: `.upload-ID.json`.

use std::path::Path;

use jiff::Timestamp;
use serde::Deserialize;
use serde::Serialize;

use crate::app::upload::error::UploadError;
use crate::base::digest::Sha256;
use crate::base::json;
use crate::sys::clock;
use crate::sys::fs;

const FORMAT: u32 = 1;
/// One is never longer, unless somebody else wrote it.
const MOST_BYTES: u64 = 16 << 10;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stored {
    pub format: u32,
    pub name: String,
    pub size: u64,
    pub mark: String,
    /// Who began it.
    pub by: String,
    pub begun: Timestamp,
    /// The start of the machine at which its bytes were written.
    pub boot: String,
    /// Once it is whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<Sha256>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub modified: Option<Timestamp>,
}

impl Stored {
    pub fn new(name: &str, size: u64, mark: &str, by: &str) -> Stored {
        Stored {
            format: FORMAT,
            name: name.to_owned(),
            size,
            mark: mark.chars().take(64).collect(),
            by: by.to_owned(),
            begun: clock::now(),
            boot: clock::boot_id(),
            sha256: None,
            modified: None,
        }
    }

    pub fn is_of_this_boot(&self) -> bool {
        self.boot == clock::boot_id()
    }

    /// `None` where there is none.
    pub fn load(path: &Path) -> Result<Option<Stored>, UploadError> {
        if !fs::is_file(path) {
            return Ok(None);
        }
        let text = fs::read_text(path, MOST_BYTES)?;
        let damaged = |source| UploadError::Damaged { path: fs::shown(path), source };
        json::read_format(text.as_bytes(), FORMAT).map(Some).map_err(damaged)
    }

    pub fn save(&self, path: &Path) -> Result<(), UploadError> {
        // Plain structs and strings always serialise.
        Ok(fs::write_durable(path, &json::line(self).unwrap_or_default())?)
    }
}
