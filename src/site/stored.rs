//! Small records of a site, kept as JSON in its state folder.

use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::base::exit::Exit;
use crate::base::exit::Fault;
use crate::base::json;
use crate::sys::fs;
use crate::sys::fs::IoError;

/// Larger records are not ours.
const MAX_BYTES: u64 = 4 << 20;

#[derive(Debug, thiserror::Error)]
pub enum StoredError {
    #[error("the record {path} cannot be understood")]
    Damaged {
        path: String,
        #[source]
        source: serde_json::Error,
    },
    #[error(transparent)]
    Io(#[from] IoError),
}

impl Fault for StoredError {
    fn exit(&self) -> Exit {
        match self {
            StoredError::Io(error) => error.exit(),
            StoredError::Damaged { .. } => Exit::Refused,
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            StoredError::Io(error) => error.hints(),
            StoredError::Damaged { path, .. } => vec![format!("look at {path}, and move it away")],
        }
    }
}

/// What is recorded; nothing yet is the default.
pub fn load<T: DeserializeOwned + Default>(path: &Path) -> Result<T, StoredError> {
    if !fs::exists(path) {
        return Ok(T::default());
    }
    let text = fs::read_text(path, MAX_BYTES)?;
    json::read(text.as_bytes()).map_err(|source| StoredError::Damaged { path: fs::shown(path), source })
}

pub fn save<T: Serialize>(path: &Path, value: &T) -> Result<(), StoredError> {
    let text =
        json::pretty(value).map_err(|source| StoredError::Damaged { path: fs::shown(path), source })?;
    Ok(fs::write_durable(path, &text)?)
}
