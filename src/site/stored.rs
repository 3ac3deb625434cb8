//! Small records of a site, kept as JSON in its state folder.

use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::base::exit::Exit;
use crate::base::exit::Fault;
use crate::base::json;
use crate::sys::fs;
use crate::sys::fs::IoError;

/// The one version of every such record that this program writes.
const FORMAT: u32 = 1;

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
            StoredError::Damaged { path, .. } => {
                vec![format!("look at {path}, and move it away: it is begun anew")]
            }
        }
    }
}

#[derive(Serialize)]
struct Stamped<'a, T> {
    format: u32,
    #[serde(flatten)]
    value: &'a T,
}

/// What is recorded; nothing yet is the default.
pub fn load<T: DeserializeOwned + Default>(path: &Path) -> Result<T, StoredError> {
    let Some(bytes) = fs::read_if_present(path)? else { return Ok(T::default()) };
    json::read_format(&bytes, FORMAT).map_err(|source| StoredError::Damaged { path: fs::shown(path), source })
}

pub fn save<T: Serialize>(path: &Path, value: &T) -> Result<(), StoredError> {
    let text = json::pretty(&Stamped { format: FORMAT, value })
        .map_err(|source| StoredError::Damaged { path: fs::shown(path), source })?;
    Ok(fs::write_durable(path, &text)?)
}
