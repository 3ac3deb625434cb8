//! Why an archive is not taken, or not yet.

use std::io;

use crate::base::exit::Exit;
use crate::base::exit::Fault;
use crate::sys::fs::IoError;

#[derive(Debug, thiserror::Error)]
pub enum UploadError {
    #[error("\"{name}\" is no name for an archive: {why}")]
    Name { name: String, why: String },
    #[error("the file is empty")]
    Empty,
    #[error("the file has {size} bytes, and {limit} are the most that this site takes")]
    TooLarge { size: u64, limit: u64 },
    #[error("the inbox has a file {name} already")]
    Exists { name: String },
    #[error("{most} uploads are unfinished already")]
    Several { most: usize },
    #[error("there is no such upload")]
    Unknown,
    #[error("this file is being sent from elsewhere right now")]
    Busy,
    #[error("the next byte is number {expected}")]
    Offset { expected: u64 },
    #[error("more came than the {size} bytes that were announced")]
    TooMuch { size: u64 },
    #[error("{offset} of {size} bytes are here")]
    Short { offset: u64, size: u64 },
    #[error("the disk has {free} bytes free, and {needed} are needed besides what must stay free")]
    Full { needed: u64, free: u64 },
    #[error("the line broke")]
    Broken {
        #[source]
        source: io::Error,
    },
    #[error("{path} cannot be understood")]
    Damaged {
        path: String,
        #[source]
        source: serde_json::Error,
    },
    #[error(transparent)]
    Io(#[from] IoError),
}

impl Fault for UploadError {
    fn exit(&self) -> Exit {
        match self {
            UploadError::Io(error) => error.exit(),
            UploadError::Name { .. } | UploadError::Empty | UploadError::TooMuch { .. } => Exit::Usage,
            UploadError::Broken { .. } => Exit::Failed,
            UploadError::Busy => Exit::Locked,
            _ => Exit::Refused,
        }
    }

    fn hints(&self) -> Vec<String> {
        let hint = match self {
            UploadError::Io(error) => return error.hints(),
            UploadError::Name { .. } => {
                "an archive is named like `release-2.0.zip`, `.tar`, `.tar.gz`, `.tar.bz2`, `.tar.xz` or `.tar.zst`"
            }
            UploadError::TooLarge { .. } => "`limits.total_bytes` in entracte.toml is that limit",
            UploadError::Exists { .. } => "take that one, or delete it first",
            UploadError::Several { .. } => "finish or delete one of them",
            UploadError::Busy => "wait until it is there, or until its line has been silent for a minute",
            UploadError::Full { .. } => "`entracte prune` removes what old runs left",
            _ => return Vec::new(),
        };
        vec![hint.into()]
    }

    fn is_network(&self) -> bool {
        matches!(self, UploadError::Broken { .. })
    }
}
