//! Why a pack cannot be made or used.

use std::io;

use crate::base::digest::Sha256;
use crate::base::exit::Exit;
use crate::base::exit::Fault;
use crate::base::path::SitePath;
use crate::integrity::manifest::ManifestError;

#[derive(Debug, thiserror::Error)]
pub enum PackError {
    #[error("the pack leads from the manifest {found}, not from {wanted}")]
    OtherOld { found: Sha256, wanted: Sha256 },
    #[error("the pack is not what was signed: {what}")]
    Damaged { what: String },
    #[error("the pack's {what} cannot be unpacked")]
    Content {
        what: String,
        #[source]
        source: io::Error,
    },
    #[error("the pack's list of groups cannot be understood")]
    Head(#[source] serde_json::Error),
    #[error("the manifest in the pack cannot be used")]
    Manifest(#[source] ManifestError),
    /// Nothing is wrong: the manifest has to come by itself.
    #[error("the new manifest cannot be had from the pack, since an old file is not here as it was")]
    ManifestNeeded,
    /// Not the pack's fault: what brings it broke off.
    #[error("failed to read the pack")]
    Read(#[source] io::Error),
    #[error("failed to read {path} for the pack")]
    Source {
        path: SitePath,
        #[source]
        source: io::Error,
    },
    #[error("failed to write the pack")]
    Write(#[source] io::Error),
}

impl PackError {
    pub(super) fn damaged(what: impl Into<String>) -> PackError {
        PackError::Damaged { what: what.into() }
    }
}

impl Fault for PackError {
    fn exit(&self) -> Exit {
        match self {
            PackError::OtherOld { .. }
            | PackError::Damaged { .. }
            | PackError::Content { .. }
            | PackError::Head(_) => Exit::Untrusted,
            PackError::Manifest(error) => error.exit(),
            PackError::ManifestNeeded
            | PackError::Read(_)
            | PackError::Source { .. }
            | PackError::Write(_) => Exit::Failed,
        }
    }

    fn is_network(&self) -> bool {
        matches!(self, PackError::Read(_))
    }
}
