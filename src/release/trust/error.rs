//! Why something is not believed, or cannot be judged. The two are never mixed up.

use std::fmt;

use jiff::Timestamp;

use crate::base::digest::Sha256;
use crate::base::escape;
use crate::base::exit::Exit;
use crate::base::exit::Fault;
use crate::release::trust::key::KeyError;
use crate::release::trust::reference::ReferenceError;
use crate::sys::fs::IoError;

/// A document could not be asked for: the network, the server, the disk.
pub struct Unreachable(Box<dyn Fault + Send + Sync>);

impl<F: Fault + Send + Sync + 'static> From<F> for Unreachable {
    fn from(fault: F) -> Unreachable {
        Unreachable(Box::new(fault))
    }
}

impl fmt::Debug for Unreachable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl fmt::Display for Unreachable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl std::error::Error for Unreachable {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source()
    }
}

#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    #[error("{url} is not trusted here{}", offers(*.offered))]
    NotTrusted { url: String, offered: Option<Sha256> },
    #[error("the {role} metadata of {url} are not signed by the keys that are trusted")]
    BadSignature {
        url: String,
        role: String,
        #[source]
        source: Box<tough::schema::Error>,
    },
    #[error("the {role} metadata of {url} have expired{}", on(*.expired))]
    Expired { url: String, role: String, expired: Option<Timestamp> },
    #[error("{url} offers metadata that are older than what was seen before")]
    Older {
        url: String,
        #[source]
        source: Box<tough::error::Error>,
    },
    #[error("the metadata of {url} do not fit together")]
    Mixed {
        url: String,
        #[source]
        source: Box<tough::error::Error>,
    },
    #[error("{name} of {url} is no metadata that can be believed")]
    Malformed {
        url: String,
        name: String,
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    #[error("{name} is missing at {url}")]
    Missing { url: String, name: String },
    #[error("whether {url} has something new cannot be checked now")]
    CannotCheck {
        url: String,
        #[source]
        source: Unreachable,
    },
    #[error("the clock of this machine stands at {now}, before the last check of {url} at {last}")]
    Clock { url: String, now: Timestamp, last: Timestamp, record: String },
    #[error("no root of {url} has the SHA-256 {expected}")]
    NoSuchRoot { url: String, expected: Sha256, found: Option<Sha256> },
    #[error("{url} is trusted already, by another root")]
    AlreadyTrusted { url: String, digest: Sha256 },
    #[error("{url} was never trusted here")]
    NeverTrusted { url: String },
    #[error("{text} is no address of a reference: {reason}")]
    Address { text: String, reason: String },
    #[error("metadata cannot be judged")]
    Broken {
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error(transparent)]
    Reference(#[from] ReferenceError),
    #[error(transparent)]
    Io(#[from] IoError),
}

fn offers(offered: Option<Sha256>) -> String {
    offered.map(|digest| format!("; its first root has the SHA-256 {digest}")).unwrap_or_default()
}

fn on(expired: Option<Timestamp>) -> String {
    expired.map(|time| format!(" on {time}")).unwrap_or_default()
}

impl Fault for TrustError {
    fn exit(&self) -> Exit {
        match self {
            TrustError::NotTrusted { .. }
            | TrustError::BadSignature { .. }
            | TrustError::Expired { .. }
            | TrustError::Older { .. }
            | TrustError::Mixed { .. }
            | TrustError::Malformed { .. }
            | TrustError::NoSuchRoot { .. }
            | TrustError::Clock { .. } => Exit::Untrusted,
            TrustError::CannotCheck { source, .. } => source.0.exit(),
            TrustError::Missing { .. } | TrustError::Broken { .. } => Exit::Failed,
            TrustError::AlreadyTrusted { .. } => Exit::Refused,
            TrustError::NeverTrusted { .. } => Exit::NothingToDo,
            TrustError::Address { .. } => Exit::Usage,
            TrustError::Key(error) => error.exit(),
            TrustError::Reference(error) => error.exit(),
            TrustError::Io(error) => error.exit(),
        }
    }

    fn is_network(&self) -> bool {
        match self {
            TrustError::CannotCheck { source, .. } => source.0.is_network(),
            // A mirror that lags, or somebody who publishes right now.
            TrustError::Missing { .. } => true,
            _ => false,
        }
    }

    fn hints(&self) -> Vec<String> {
        let nothing = "nothing of it was taken: ask its maker, by another way than this address";
        let hint = match self {
            TrustError::NotTrusted { url, offered: Some(digest) } => {
                return vec![
                    "compare this digest with the one that its maker publishes elsewhere".into(),
                    format!("if they are the same: `entracte trust add {} --digest {digest}`", escape::word(url)),
                ];
            }
            TrustError::NotTrusted { url, offered: None } => {
                format!("`entracte trust add {} --root FILE` with the root that its maker gave you", escape::word(url))
            }
            TrustError::BadSignature { .. } | TrustError::Malformed { .. } => nothing.into(),
            TrustError::Older { .. } | TrustError::Mixed { .. } => {
                format!("a mirror that lags, or somebody on the way who withholds what is new; {nothing}")
            }
            TrustError::Expired { .. } => {
                "is the clock of this machine right? Else its maker has to sign anew, or somebody withholds what was signed since".into()
            }
            TrustError::Missing { url, .. } => format!("is {url} the address of a reference? If it was until now, try again later"),
            TrustError::CannotCheck { source, .. } => return source.0.hints(),
            TrustError::Clock { record, .. } => {
                format!("set the clock; if it was wrong at the last check, set it right and remove {record}")
            }
            TrustError::NoSuchRoot { found: Some(found), .. } => format!("what it offers has the SHA-256 {found}; {nothing}"),
            TrustError::NoSuchRoot { .. } => nothing.into(),
            TrustError::AlreadyTrusted { url, digest } => {
                format!("it has the SHA-256 {digest}; `entracte trust remove {}` first, if its maker lost all keys and says so elsewhere", escape::word(url))
            }
            TrustError::NeverTrusted { .. } => "`entracte trust list` shows what is trusted".into(),
            TrustError::Address { .. } => "an https or file URL, or a folder, below which metadata/ stands".into(),
            TrustError::Key(error) => return error.hints(),
            TrustError::Reference(error) => return error.hints(),
            TrustError::Io(error) => return error.hints(),
            TrustError::Broken { .. } => return Vec::new(),
        };
        vec![hint]
    }
}
