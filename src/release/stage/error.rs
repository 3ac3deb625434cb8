//! Why a release is not staged.

use crate::base::exit::Exit;
use crate::base::exit::Fault;
use crate::base::path::SitePath;
use crate::integrity::manifest::ManifestError;
use crate::integrity::manifest::build::BuildError;
use crate::integrity::scan::ScanError;
use crate::release::archive::ArchiveError;
use crate::release::archive::Unfit;
use crate::release::git::GitError;
use crate::release::network::error::NetworkError;
use crate::release::obtain::ObtainError;
use crate::release::source::SourceError;
use crate::release::stage::MANIFEST_NAME;
use crate::release::staging::StagingError;
use crate::release::vendor::proof::ProofError;
use crate::release::yacs::YacsError;
use crate::sys::fs::IoError;

#[derive(Debug, thiserror::Error)]
pub enum StageError {
    #[error("{source_name} is still changing")]
    StillChanging { source_name: String },
    #[error("the release holds {product}, but this site is {wanted}")]
    OtherProduct { product: String, wanted: String },
    #[error("the release says that it is version {found}, not {wanted}")]
    OtherVersion { found: String, wanted: String },
    #[error("{path} is listed in the release's manifest but not in the release")]
    Missing { path: SitePath },
    #[error("{path} is not as the release's manifest says")]
    NotAsListed { path: SitePath },
    #[error("the release's own manifest {MANIFEST_NAME} cannot be used")]
    Manifest(#[source] ManifestError),
    #[error("{offered} was offered, but the release says that it is {found}")]
    NotAsOffered { found: String, offered: String },
    #[error("the release holds no file")]
    Empty,
    #[error("what {url} sent is not taken")]
    Sent {
        url: String,
        /// It said that it was a web page.
        is_page: bool,
        #[source]
        source: Box<ArchiveError>,
    },
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    #[error(transparent)]
    Build(#[from] BuildError),
    #[error(transparent)]
    Git(#[from] GitError),
    #[error(transparent)]
    Io(#[from] IoError),
    #[error(transparent)]
    Network(#[from] NetworkError),
    #[error("{source_name} is a reference, and there is no site here that could trust it")]
    NoSite { source_name: String },
    #[error(transparent)]
    Obtain(#[from] ObtainError),
    #[error(transparent)]
    Proof(#[from] ProofError),
    #[error(transparent)]
    Scan(#[from] ScanError),
    #[error(transparent)]
    Source(#[from] SourceError),
    #[error(transparent)]
    Staging(#[from] StagingError),
    #[error(transparent)]
    Unfit(#[from] Unfit),
    #[error(transparent)]
    Yacs(#[from] YacsError),
}

impl Fault for StageError {
    fn exit(&self) -> Exit {
        match self {
            StageError::StillChanging { .. }
            | StageError::OtherProduct { .. }
            | StageError::OtherVersion { .. } => Exit::Refused,
            StageError::Missing { .. } | StageError::NotAsListed { .. } | StageError::NotAsOffered { .. } => {
                Exit::Untrusted
            }
            StageError::NoSite { .. } => Exit::Refused,
            StageError::Obtain(error) => error.exit(),
            StageError::Manifest(error) => error.exit(),
            StageError::Empty => Exit::Failed,
            StageError::Sent { source, .. } => source.exit(),
            StageError::Archive(error) => error.exit(),
            StageError::Build(error) => error.exit(),
            StageError::Git(error) => error.exit(),
            StageError::Io(error) => error.exit(),
            StageError::Network(error) => error.exit(),
            StageError::Proof(error) => error.exit(),
            StageError::Scan(error) => error.exit(),
            StageError::Source(error) => error.exit(),
            StageError::Staging(error) => error.exit(),
            StageError::Unfit(error) => error.exit(),
            StageError::Yacs(error) => error.exit(),
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            StageError::StillChanging { .. } => {
                vec!["wait until the transfer is over, then try again".into()]
            }
            StageError::OtherProduct { .. } => {
                vec!["`product` in entracte.toml says what this site takes".into()]
            }
            StageError::Sent { is_page: true, .. } => vec![
                "it sent a web page: a login, or something that keeps programs out? Fetch the archive with a browser and stage the file"
                    .into(),
            ],
            StageError::Sent { source, .. } => source.hints(),
            StageError::Archive(error) => error.hints(),
            StageError::Git(error) => error.hints(),
            StageError::Io(error) => error.hints(),
            StageError::Network(error) => error.hints(),
            StageError::Proof(error) => error.hints(),
            StageError::Obtain(error) => error.hints(),
            StageError::NoSite { .. } => {
                vec!["adopt the site first, then `entracte trust add` and `entracte stage --from`".into()]
            }
            StageError::Source(error) => error.hints(),
            StageError::Staging(error) => error.hints(),
            StageError::Unfit(error) => error.hints(),
            StageError::Yacs(error) => error.hints(),
            _ => Vec::new(),
        }
    }

    fn is_network(&self) -> bool {
        match self {
            StageError::Network(error) => error.is_network(),
            StageError::Source(error) => error.is_network(),
            StageError::Git(error) => error.is_network(),
            StageError::Yacs(error) => error.is_network(),
            StageError::Obtain(error) => error.is_network(),
            _ => false,
        }
    }
}
