//! Why an old server was of no use.

use crate::base::exit::Exit;
use crate::base::exit::Fault;
use crate::base::path::SitePath;
use crate::release::network::error::NetworkError;
use crate::release::staging::StagingError;
use crate::release::yacs::list::ListError;
use crate::sys::fs::IoError;

#[derive(Debug, thiserror::Error)]
pub enum YacsError {
    #[error("{server} has no list of its files")]
    NoList { server: String },
    #[error("the list of {server} cannot be used")]
    List {
        server: String,
        #[source]
        source: ListError,
    },
    #[error("{server} lists {path}, but does not have it")]
    Missing { server: String, path: SitePath },
    #[error("{server} sent another content of {path} than it lists")]
    Wrong { server: String, path: SitePath },
    #[error("{path} cannot be asked for: {server} would take it for more than one name")]
    Unaskable { server: String, path: SitePath },
    #[error("the files of {server} take more than {limit} bytes")]
    TooLarge { server: String, limit: u64 },
    #[error("the list of {server} names scripts only, so it is never the whole release")]
    NeverComplete { server: String },
    #[error(transparent)]
    Io(#[from] IoError),
    #[error(transparent)]
    Network(#[from] NetworkError),
    #[error(transparent)]
    Staging(#[from] StagingError),
}

impl Fault for YacsError {
    fn exit(&self) -> Exit {
        match self {
            YacsError::List { source, .. } => source.exit(),
            YacsError::NoList { .. } | YacsError::Missing { .. } => Exit::Failed,
            YacsError::Wrong { .. } => Exit::Untrusted,
            YacsError::Unaskable { .. } | YacsError::TooLarge { .. } | YacsError::NeverComplete { .. } => {
                Exit::Refused
            }
            YacsError::Io(error) => error.exit(),
            YacsError::Network(error) => error.exit(),
            YacsError::Staging(error) => error.exit(),
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            YacsError::NoList { .. } => vec![
                "is that where YACS stands, and has its owner built a reference for remote servers?".into(),
            ],
            YacsError::List { source: ListError::NotAList, .. } => {
                vec!["it sent something else: is that where YACS stands?".into()]
            }
            YacsError::Missing { .. } | YacsError::Wrong { .. } => vec![
                "the reference is damaged, or was built anew meanwhile: the same command asks only for what is missing"
                    .into(),
            ],
            YacsError::NeverComplete { .. } => vec!["leave `--complete` out: then nothing is removed".into()],
            YacsError::Io(error) => error.hints(),
            YacsError::Network(error) => error.hints(),
            YacsError::Staging(error) => error.hints(),
            _ => Vec::new(),
        }
    }

    fn is_network(&self) -> bool {
        matches!(self, YacsError::Network(error) if error.is_network())
    }
}
