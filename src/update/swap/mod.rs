//! Putting the new files in place, and the old ones back.
//!
//! Everything is prepared beside the site first: the new inodes in `new/`, the
//! folders of the backup set in `bak/`, and a record of both sides' inodes,
//! synced. After that the swap only renames: each live name trades places with
//! its prepared inode and never disappears. Where an operation stands is read
//! from the inodes themselves, so that it can be done and undone any number of
//! times, whatever cut it off.

pub mod back;
pub mod forward;
pub mod prepare;
pub mod record;
#[cfg(test)]
mod tests;
pub mod workshop;

use crate::base::exit::Exit;
use crate::base::exit::Fault;
use crate::base::path::SitePath;
use crate::sys::fs::IoError;

#[derive(Debug, thiserror::Error)]
pub enum SwapError {
    #[error("the work was stopped as asked")]
    Stopped,
    #[error("{path} changed since the plan was made")]
    Drift { path: SitePath },
    #[error("the staged content for {path} does not have its digest")]
    WrongContent { path: SitePath },
    #[error("the saved copy of {path} is missing from the backup set")]
    BackupMissing { path: SitePath },
    #[error("the saved copy of {path} does not have the digest it had when it was saved")]
    BackupDamaged { path: SitePath },
    #[error("the record of prepared files {path} cannot be understood")]
    Record {
        path: String,
        #[source]
        source: serde_json::Error,
    },
    #[error(transparent)]
    Io(#[from] IoError),
}

impl Fault for SwapError {
    fn exit(&self) -> Exit {
        match self {
            SwapError::Stopped => Exit::Done,
            SwapError::Drift { .. } => Exit::Refused,
            SwapError::WrongContent { .. } => Exit::Untrusted,
            SwapError::BackupMissing { .. } | SwapError::BackupDamaged { .. } | SwapError::Record { .. } => {
                Exit::Stuck
            }
            SwapError::Io(error) => error.exit(),
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            SwapError::Stopped => Vec::new(),
            SwapError::Drift { .. } => {
                vec!["make a new plan with `entracte plan`, look at it, approve it".into()]
            }
            SwapError::WrongContent { .. } => vec!["`entracte stage` again brings the content anew".into()],
            SwapError::BackupMissing { .. } | SwapError::BackupDamaged { .. } | SwapError::Record { .. } => {
                vec![
                    "nothing was written; RESTORE.txt in the run's folder lists what can still be put back"
                        .into(),
                ]
            }
            SwapError::Io(error) => error.hints(),
        }
    }
}
