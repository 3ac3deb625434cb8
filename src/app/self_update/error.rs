//! Why this program was not brought up to date, or not taken back.

use std::path::PathBuf;

use crate::app::self_update::keeper::Keeper;
use crate::base::digest::Sha256;
use crate::base::escape;
use crate::base::exit::Exit;
use crate::base::exit::Fault;
use crate::sys::fs;
use crate::sys::fs::IoError;
use crate::sys::process::ProcessError;

#[derive(Debug, thiserror::Error)]
pub enum SelfUpdateError {
    #[error("{} came by {}, which keeps it up to date", fs::shown(path), keeper.name)]
    Kept { path: PathBuf, keeper: Keeper },
    #[error("the program {} cannot be replaced by this user", fs::shown(path))]
    NotOurs {
        path: PathBuf,
        #[source]
        source: IoError,
    },
    #[error("nobody said where newer programs come from")]
    NoSource,
    #[error("release {} holds no program for {platform}", escape::text(version))]
    NoProgram { version: String, platform: String },
    #[error("release {} is older than this program, {own}", escape::text(version))]
    Older { version: String, own: &'static str },
    #[error("this is entracte {0} already")]
    Same(&'static str),
    #[error("the new program does not start here: {told}")]
    DoesNotStart { told: String },
    #[error("the new program calls itself {found}, not version {}", escape::text(expected))]
    OtherVersion { found: String, expected: String },
    #[error("the script {} of the new release {told}; the old program is back", escape::text(path))]
    Script { path: String, told: String },
    #[error("there is no older program to go back to")]
    NothingToUndo,
    #[error(
        "{} is not the program that was replaced: it has another digest than {expected}",
        fs::shown(path)
    )]
    OtherBackup { path: PathBuf, expected: Sha256 },
    #[error("the record {path} cannot be understood")]
    Record {
        path: String,
        #[source]
        source: serde_json::Error,
    },
    #[error("there is no home folder to keep what is known of this program")]
    NoHome,
    #[error(transparent)]
    Io(#[from] IoError),
    #[error(transparent)]
    Process(#[from] ProcessError),
}

impl Fault for SelfUpdateError {
    fn exit(&self) -> Exit {
        match self {
            SelfUpdateError::Kept { .. }
            | SelfUpdateError::NotOurs { .. }
            | SelfUpdateError::NoSource
            | SelfUpdateError::NoProgram { .. }
            | SelfUpdateError::Record { .. }
            | SelfUpdateError::NoHome => Exit::Refused,
            SelfUpdateError::Older { .. }
            | SelfUpdateError::OtherVersion { .. }
            | SelfUpdateError::OtherBackup { .. } => Exit::Untrusted,
            SelfUpdateError::Same(_) | SelfUpdateError::NothingToUndo => Exit::NothingToDo,
            SelfUpdateError::Io(error) => error.exit(),
            _ => Exit::Failed,
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            SelfUpdateError::Kept { keeper, .. } => vec![keeper.advice.into()],
            SelfUpdateError::NotOurs { .. } => {
                vec!["do it as the user that owns the program (`sudo entracte self-update`)".into()]
            }
            SelfUpdateError::NoSource => {
                vec!["name it: `entracte self-update --from https://…`; it is remembered".into()]
            }
            SelfUpdateError::NoProgram { .. } => {
                vec!["build it from source: `cargo install --path .`".into()]
            }
            SelfUpdateError::Older { version, .. } => {
                vec![format!("`--version {}` says that it is wanted all the same", escape::text(version))]
            }
            SelfUpdateError::Record { path, .. } => {
                vec![format!("look at {path}, and move it away: it is begun anew")]
            }
            SelfUpdateError::Io(error) => error.hints(),
            _ => Vec::new(),
        }
    }
}
