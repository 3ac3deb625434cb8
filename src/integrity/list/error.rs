//! Why a list is not taken.

use std::io;

use crate::base::exit::Exit;
use crate::base::exit::Fault;
use crate::base::path::PathError;
use crate::base::path::SitePath;
use crate::integrity::list::Format;
use crate::integrity::list::MAX_DOCUMENT;
use crate::integrity::list::MAX_FILES;
use crate::integrity::list::MAX_LINE;
use crate::integrity::manifest::ManifestError;
use crate::sys::fs::IoError;

#[derive(Debug, thiserror::Error)]
pub enum ListError {
    #[error("this is no manifest, and no list of digests of a known format")]
    Unknown,
    #[error("it is written in UTF-16")]
    Utf16,
    #[error("it names no file at all")]
    Nothing,
    #[error("a list of this format larger than {MAX_DOCUMENT} bytes is not read")]
    TooLarge,
    #[error("line {line}: more than {MAX_FILES} files are not taken")]
    TooMany { line: u64 },
    #[error("line {line} is longer than {MAX_LINE} bytes")]
    LongLine { line: u64 },
    #[error("line {line} is nothing that a list of the format {format} holds: \"{text}\"")]
    Line { format: Format, line: u64, text: String },
    #[error("line {line} says of {path} something else than the list said before")]
    Contradiction { line: u64, path: SitePath },
    #[error("line {line} names a path that no site may have")]
    Path {
        line: u64,
        #[source]
        source: PathError,
    },
    #[error("it is no JSON of the format {format}")]
    Json {
        format: Format,
        #[source]
        source: serde_json::Error,
    },
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    #[error("it cannot be read")]
    Read(#[from] io::Error),
}

impl Fault for ListError {
    fn exit(&self) -> Exit {
        match self {
            ListError::Manifest(error) => error.exit(),
            // What is PHP besides its entries may be an attack on who runs it.
            ListError::Line { format: Format::Footprints, .. }
            | ListError::TooLarge
            | ListError::TooMany { .. }
            | ListError::LongLine { .. }
            | ListError::Contradiction { .. }
            | ListError::Path { .. } => Exit::Untrusted,
            _ => Exit::Failed,
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            ListError::Unknown => vec![format!("name its format with --format: {}", Format::names())],
            ListError::Utf16 => vec!["write it anew in UTF-8, with `iconv -f UTF-16 -t UTF-8`".into()],
            ListError::Manifest(error) => error.hints(),
            _ => Vec::new(),
        }
    }
}

/// Why a list file is not taken.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    #[error("{path} cannot be used as a manifest")]
    List {
        path: String,
        #[source]
        source: ListError,
    },
    #[error(transparent)]
    Io(#[from] IoError),
}

impl Fault for ReadError {
    fn exit(&self) -> Exit {
        match self {
            ReadError::List { source, .. } => source.exit(),
            ReadError::Io(error) => error.exit(),
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            ReadError::List { source, .. } => source.hints(),
            ReadError::Io(error) => error.hints(),
        }
    }
}
