//! Why a gate cannot be made, closed or opened.

use std::path::PathBuf;

use crate::base::exit::Exit;
use crate::base::exit::Fault;
use crate::base::path::PathError;
use crate::site::gate::page::PageError;
use crate::sys::fs;
use crate::sys::fs::IoError;
use crate::sys::process::ProcessError;

#[derive(Debug, thiserror::Error)]
pub enum GateError {
    #[error(transparent)]
    Io(#[from] IoError),
    #[error(transparent)]
    Process(#[from] ProcessError),
    #[error(transparent)]
    Page(#[from] PageError),
    #[error("the gate's pass is not 32 lower-case hexadecimal digits")]
    Pass,
    #[error("{what} {text:?} has characters that a server's configuration cannot carry")]
    Unspeakable { what: &'static str, text: String },
    #[error("failed to name a file of the gate")]
    SitePath {
        #[source]
        source: PathError,
    },
    #[error("the application is locked already: {} is not entracte's", fs::shown(path))]
    LockedByOther { path: PathBuf },
    #[error("{} stands where the gate has a file of its own, and is not entracte's", fs::shown(path))]
    NotOurs { path: PathBuf },
    #[error("{program} {ended}")]
    Command { program: String, ended: String },
    #[error("{} names another auto_prepend_file", fs::shown(path))]
    Prepended { path: PathBuf },
    #[error("the site is still closed: {} cannot be taken away", fs::shown(path))]
    StillClosed { path: PathBuf },
}

impl Fault for GateError {
    fn exit(&self) -> Exit {
        match self {
            GateError::Io(error) => error.exit(),
            GateError::Process(error) => error.exit(),
            GateError::Page(error) => error.exit(),
            GateError::Command { .. } => Exit::Failed,
            GateError::StillClosed { .. } => Exit::Stuck,
            _ => Exit::Refused,
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            GateError::Io(error) => error.hints(),
            GateError::Process(error) => error.hints(),
            GateError::Page(error) => error.hints(),
            GateError::LockedByOther { .. } => vec![
                "the application may be updating itself: wait until it is done".into(),
                "if the file is a leftover, remove it by hand".into(),
            ],
            GateError::NotOurs { .. } => {
                vec!["move it away, or set another `kind` under [gate] in entracte.toml".into()]
            }
            GateError::Unspeakable { .. } => {
                vec!["give it a plainer name, or set another `kind` under [gate] in entracte.toml".into()]
            }
            GateError::Prepended { .. } => {
                vec![
                    "let that script `require` the gate's guard.php first; `entracte gate show` names it"
                        .into(),
                ]
            }
            GateError::StillClosed { .. } => {
                vec!["remove the file by hand: its presence closes the site".into()]
            }
            _ => Vec::new(),
        }
    }
}
