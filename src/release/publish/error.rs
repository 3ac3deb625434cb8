//! Why nothing is published.

use std::io;

use crate::base::exit::Exit;
use crate::base::exit::Fault;
use crate::base::path::SitePath;
use crate::integrity::manifest::ManifestError;
use crate::release::archive::Unfit;
use crate::release::reference::custom::CustomError;
use crate::release::reference::pack::PackError;
use crate::release::trust::TrustError;
use crate::sys::fs::IoError;
use crate::sys::lock::LockError;

#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    #[error("there is no reference in {path}")]
    NoReference { path: String },
    #[error("{path} is no place for a reference: it holds {found}")]
    NotAReference { path: String, found: String },
    #[error("{product} {version} is published already, with other content")]
    OtherContent { product: String, version: String },
    #[error("there is no release {version} in {path}")]
    NoRelease { version: String, path: String },
    #[error("{version} is a version of several products: {}", products.join(", "))]
    SeveralProducts { version: String, products: Vec<String> },
    #[error("there is no draft of {version} in {path}")]
    NoDraft { version: String, path: String },
    #[error("{path} of the release cannot be read")]
    Content {
        path: SitePath,
        #[source]
        source: io::Error,
    },
    #[error("{path} is not what was published")]
    Damaged {
        path: String,
        #[source]
        source: Option<io::Error>,
    },
    #[error("{path} cannot be understood")]
    Record {
        path: String,
        #[source]
        source: serde_json::Error,
    },
    #[error("the notes have {bytes} bytes; {most} are read")]
    Notes { bytes: usize, most: usize },
    #[error("{version} has no archive, and no pack leads to it{}", from_there(.from))]
    NothingToBundle { version: String, from: Option<String> },
    #[error("the release is signed, and there are no keys to sign that it is gone")]
    NoKeys,
    #[error("the page of releases cannot be written")]
    Page(#[source] minijinja::Error),
    #[error("a manifest in the reference cannot be used")]
    Manifest(#[from] ManifestError),
    #[error(transparent)]
    Custom(#[from] CustomError),
    #[error(transparent)]
    Pack(#[from] PackError),
    #[error(transparent)]
    Trust(#[from] TrustError),
    #[error("somebody else publishes here")]
    Locked(#[source] LockError),
    #[error(transparent)]
    Unfit(#[from] Unfit),
    #[error(transparent)]
    Io(#[from] IoError),
}

fn from_there(from: &Option<String>) -> String {
    from.as_ref().map(|version| format!(" from {version}")).unwrap_or_default()
}

impl Fault for PublishError {
    fn exit(&self) -> Exit {
        match self {
            PublishError::NoReference { .. }
            | PublishError::NotAReference { .. }
            | PublishError::OtherContent { .. }
            | PublishError::SeveralProducts { .. }
            | PublishError::NoDraft { .. }
            | PublishError::Notes { .. }
            | PublishError::NoKeys
            | PublishError::NothingToBundle { .. } => Exit::Refused,
            PublishError::NoRelease { .. } => Exit::NothingToDo,
            PublishError::Content { .. } | PublishError::Page(_) => Exit::Failed,
            PublishError::Damaged { .. } | PublishError::Record { .. } => Exit::Refused,
            PublishError::Manifest(error) => error.exit(),
            PublishError::Custom(error) => error.exit(),
            PublishError::Pack(error) => error.exit(),
            PublishError::Trust(error) => error.exit(),
            PublishError::Locked(error) => error.exit(),
            PublishError::Unfit(error) => error.exit(),
            PublishError::Io(error) => error.exit(),
        }
    }

    fn hints(&self) -> Vec<String> {
        let hint = match self {
            PublishError::NoReference { path } => {
                format!("`entracte publish DIR --to {path} --version V` makes one")
            }
            PublishError::NotAReference { .. } => {
                "name an empty folder, or one that does not exist yet".into()
            }
            PublishError::OtherContent { version, .. } => format!(
                "a version never changes what it means: give the new content a new version, or `entracte unpublish {version}` first"
            ),
            PublishError::SeveralProducts { .. } => "`--product P` says which".into(),
            PublishError::NoDraft { .. } => "name the folder that holds the release".into(),
            PublishError::Content { source, .. } if source.kind() == io::ErrorKind::PermissionDenied => {
                "publish as a user who may read it".into()
            }
            PublishError::Content { .. } => "is somebody writing into it? Wait, then publish again".into(),
            PublishError::Damaged { path, .. } => {
                format!(
                    "bring {path} back from a copy; if it is a file of objects/ or targets/, removing it and publishing again makes it anew"
                )
            }
            PublishError::Record { .. } => {
                "remove it if it is a draft: its release can be published again".into()
            }
            PublishError::NoKeys => "`--keys DIR` names the folder that holds them".into(),
            PublishError::NothingToBundle { .. } => {
                "publish it without --no-archive, or name a version from which a pack leads there".into()
            }
            PublishError::Custom(error) => return error.hints(),
            PublishError::Pack(error) => return error.hints(),
            PublishError::Trust(error) => return error.hints(),
            PublishError::Locked(_) => "try again when it is done".into(),
            PublishError::Unfit(error) => return error.hints(),
            PublishError::Io(error) => return error.hints(),
            _ => return Vec::new(),
        };
        vec![hint]
    }
}
