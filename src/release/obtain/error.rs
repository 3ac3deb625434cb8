//! Why a release of a reference does not come here.

use crate::base::exit::Exit;
use crate::base::exit::Fault;
use crate::base::path::SitePath;
use crate::integrity::manifest::ManifestError;
use crate::release::archive::ArchiveError;
use crate::release::network::error::NetworkError;
use crate::release::obtain::bundle::BundleError;
use crate::release::reference::custom::CustomError;
use crate::release::staging::StagingError;
use crate::release::trust::TrustError;
use crate::site::installed::InstalledError;
use crate::sys::fs::IoError;

#[derive(Debug, thiserror::Error)]
pub enum ObtainError {
    #[error("{url} publishes nothing for {product}{}", among(others))]
    NoProduct { url: String, product: String, others: Vec<String> },
    #[error("{url} publishes no version {version}{}", among(versions))]
    NoVersion { url: String, version: String, versions: Vec<String> },
    #[error("{url} publishes no version that the policy takes; the newest is {newest}")]
    NoneWanted { url: String, newest: String },
    #[error(
        "the newest version that {url} publishes is {offered}, older than {installed}, which is installed"
    )]
    Downgrade { url: String, installed: String, offered: String },
    #[error("the manifest {name} is not what was signed")]
    WrongManifest { name: String },
    #[error("the manifest {name} cannot be used")]
    Manifest {
        name: String,
        #[source]
        source: ManifestError,
    },
    #[error("{name} cannot be unpacked")]
    Packed {
        name: String,
        #[source]
        source: std::io::Error,
    },
    #[error("what {url} holds as {name} is not what was signed")]
    Wrong { url: String, name: String },
    #[error("{name} is missing at {url}")]
    Missing { url: String, name: String },
    #[error("{url} does not hold all of the release: {path} is missing")]
    Incomplete { url: String, path: SitePath },
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    #[error(transparent)]
    Bundle(#[from] BundleError),
    #[error(transparent)]
    Custom(#[from] CustomError),
    #[error(transparent)]
    Installed(#[from] InstalledError),
    #[error(transparent)]
    Io(#[from] IoError),
    #[error(transparent)]
    Network(#[from] NetworkError),
    #[error(transparent)]
    Staging(#[from] StagingError),
    #[error(transparent)]
    Trust(#[from] TrustError),
}

fn among(names: &[String]) -> String {
    const MOST: usize = 8;
    match names.len() {
        0 => String::new(),
        many => {
            let dots = if many > MOST { ", …" } else { "" };
            format!(", only {}{dots}", names[..many.min(MOST)].join(", "))
        }
    }
}

impl ObtainError {
    fn inner(&self) -> Option<&dyn Fault> {
        Some(match self {
            ObtainError::Archive(error) => error,
            ObtainError::Bundle(error) => error,
            ObtainError::Custom(error) => error,
            ObtainError::Installed(error) => error,
            ObtainError::Io(error) => error,
            ObtainError::Manifest { source, .. } => source,
            ObtainError::Network(error) => error,
            ObtainError::Staging(error) => error,
            ObtainError::Trust(error) => error,
            _ => return None,
        })
    }
}

impl Fault for ObtainError {
    fn exit(&self) -> Exit {
        if let Some(inner) = self.inner() {
            return inner.exit();
        }
        match self {
            ObtainError::NoProduct { .. } | ObtainError::NoVersion { .. } => Exit::Refused,
            ObtainError::NoneWanted { .. } => Exit::NothingToDo,
            ObtainError::Downgrade { .. }
            | ObtainError::WrongManifest { .. }
            | ObtainError::Packed { .. }
            | ObtainError::Wrong { .. } => Exit::Untrusted,
            _ => Exit::Failed,
        }
    }

    fn is_network(&self) -> bool {
        match self {
            // Somebody publishes right now, or a mirror lags.
            ObtainError::Missing { .. } | ObtainError::Incomplete { .. } => true,
            _ => self.inner().is_some_and(Fault::is_network),
        }
    }

    fn hints(&self) -> Vec<String> {
        if let Some(inner) = self.inner() {
            return inner.hints();
        }
        let hint = match self {
            ObtainError::NoProduct { .. } => "`product` in entracte.toml says what this site takes".into(),
            ObtainError::NoVersion { .. } => "leave out --version to take the newest one".into(),
            ObtainError::NoneWanted { newest, .. } => {
                format!(
                    "`--version {newest}` takes it all the same; `policy.channel` and `policy.versions` in entracte.toml say what is wanted"
                )
            }
            ObtainError::Downgrade { offered, .. } => {
                format!(
                    "if its maker took the newer version back, `--version {offered}` goes to the older one"
                )
            }
            ObtainError::Missing { .. } | ObtainError::Incomplete { .. } => {
                "somebody may be publishing right now: try again later; what came is kept".into()
            }
            _ => "nothing of it was taken: tell whoever publishes this reference".into(),
        };
        vec![hint]
    }
}
