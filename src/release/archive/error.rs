//! Why an archive is not taken.

use std::fmt;
use std::io;
use std::path::PathBuf;

use crate::base::escape;
use crate::base::exit::Exit;
use crate::base::exit::Fault;
use crate::base::path::PathError;
use crate::base::path::SitePath;
use crate::sys::fs::IoError;
use crate::sys::fs::shown;

/// Reading a release archive failed, or its content is not to be trusted.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    #[error(transparent)]
    Io(#[from] IoError),
    #[error("{} is no archive of a known format", shown(archive))]
    Unknown { archive: PathBuf },
    /// Cut, damaged, or unreadable for the decoder.
    #[error("failed to read the archive {}", shown(archive))]
    Damaged {
        archive: PathBuf,
        #[source]
        source: io::Error,
    },
    /// The same, inside one entry.
    #[error("failed to read entry \"{entry}\" of the archive {}", shown(archive))]
    Broken {
        archive: PathBuf,
        entry: String,
        #[source]
        source: io::Error,
    },
    #[error("refused the archive {}: {refusal}", shown(archive))]
    Refused { archive: PathBuf, refusal: Refusal },
    #[error("the archive {} changed while it was being read", shown(archive))]
    Changed { archive: PathBuf },
    #[error("failed to take \"{entry}\" out of the archive {}", shown(archive))]
    Take {
        archive: PathBuf,
        entry: String,
        #[source]
        source: io::Error,
    },
}

impl Fault for ArchiveError {
    fn exit(&self) -> Exit {
        match self {
            ArchiveError::Refused { .. } => Exit::Untrusted,
            _ => Exit::Failed,
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            ArchiveError::Io(error) => error.hints(),
            ArchiveError::Unknown { .. } => {
                vec!["give a .zip, .tar, .tar.gz, .tar.bz2, .tar.xz or .tar.zst".into()]
            }
            ArchiveError::Damaged { .. } | ArchiveError::Broken { .. } => {
                vec!["the upload or download may be incomplete: fetch the archive again".into()]
            }
            ArchiveError::Refused { refusal, .. } => vec![refusal.why.hint()],
            ArchiveError::Changed { .. } => {
                vec!["wait until the upload has ended, then try again".into()]
            }
            ArchiveError::Take { .. } => Vec::new(),
        }
    }
}

/// One entry, or the archive as a whole, breaks a rule of `docs/archives.md`.
#[derive(Debug)]
pub struct Refusal {
    /// The entry's name, escaped; empty when the archive as a whole is meant.
    pub entry: String,
    pub why: Why,
}

impl Refusal {
    pub(super) fn entry(raw: &[u8], why: Why) -> Refusal {
        Refusal { entry: short(raw), why }
    }

    pub(super) fn whole(why: Why) -> Refusal {
        Refusal { entry: String::new(), why }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.entry.is_empty() {
            return self.why.fmt(f);
        }
        write!(f, "entry \"{}\": {}", self.entry, self.why)
    }
}

impl std::error::Error for Refusal {}

/// A release that did not come as an archive is not taken.
#[derive(Debug, thiserror::Error)]
pub enum Unfit {
    #[error("refused the release: {0}")]
    Refused(Refusal),
    #[error("failed to read {path} of the release")]
    Unread {
        path: SitePath,
        #[source]
        source: io::Error,
    },
}

impl Fault for Unfit {
    fn exit(&self) -> Exit {
        match self {
            Unfit::Refused(_) => Exit::Untrusted,
            Unfit::Unread { .. } => Exit::Failed,
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            Unfit::Refused(refusal) => vec![refusal.why.hint()],
            Unfit::Unread { .. } => Vec::new(),
        }
    }
}

/// A refusal travels through `Read` as an I/O error and is found again by
/// [`Stop::from`].
impl From<Refusal> for io::Error {
    fn from(refusal: Refusal) -> io::Error {
        io::Error::other(refusal)
    }
}

/// The name for people: escaped, and cut to a line.
pub(super) fn short(raw: &[u8]) -> String {
    escape::bytes(&raw[..raw.len().min(200)])
}

/// The rule that was broken.
#[derive(Debug, thiserror::Error)]
pub enum Why {
    #[error("{0}")]
    Path(PathError),
    #[error("the name begins with a drive letter")]
    Drive,
    #[error("it lies in a .git folder")]
    Git,
    #[error("a file's name ends with a slash")]
    FileWithSlash,
    #[error("the name occurs twice")]
    Duplicate,
    #[error("the name goes through a file or a link")]
    ThroughFile,
    #[error("the link points outside the archive, to \"{target}\"")]
    LinkOutside { target: String },
    #[error("the link ends in itself")]
    LinkLoop,
    #[error("it is {what}")]
    Kind { what: &'static str },
    #[error("it has the setuid or setgid bit")]
    SetId,
    #[error("it is encrypted")]
    Encrypted,
    #[error("the compression method {method} is not supported")]
    Method { method: u16 },
    #[error("{what} differ between two headers")]
    Headers { what: &'static str },
    #[error("{what}")]
    Malformed { what: &'static str },
    #[error("there are bytes {place}")]
    Hidden { place: &'static str },
    #[error("two entries share the same bytes")]
    Overlap,
    #[error("it is larger than {limit} bytes")]
    FileSize { limit: u64 },
    #[error("the content is larger than {limit} bytes")]
    TotalSize { limit: u64 },
    #[error("the content is more than {limit} times the compressed size")]
    Ratio { limit: u64 },
    #[error("there are more than {limit} entries")]
    Entries { limit: u64 },
    #[error("there are more than {limit} entries in the folder \"{folder}\"")]
    FolderEntries { folder: String, limit: u64 },
    #[error("all names together are longer than {limit} bytes")]
    Names { limit: u64 },
    #[error("unpacking it takes more than {limit} bytes of memory")]
    Memory { limit: u64 },
    #[error("the links lead to each other too often")]
    LinkMaze,
    /// A name that only programs like this one may write.
    #[error("the name is {what}")]
    NotToBring { what: &'static str },
    /// Settings of a web server that `docs/archives.md` lists.
    #[error("line {line} {what}")]
    Setting { line: usize, what: &'static str },
}

impl Why {
    pub(in crate::release) fn hint(&self) -> String {
        if let Some(limit) = self.limit() {
            return format!(
                "a release of this size is unusual: check where the archive comes from; if it is right, \
                 raise `{limit}` under [limits] in entracte.toml"
            );
        }
        let hint = match self {
            Why::Setting { .. } => {
                "no release needs this: check where it comes from; your own settings belong into the \
                 site itself"
            }
            Why::NotToBring { .. } => {
                "a release has no such file: check where it comes from, or make it again without"
            }
            Why::Git => "no release needs what version control keeps: make it again without",
            Why::Kind { .. } | Why::SetId | Why::Encrypted | Why::Method { .. } => {
                "pack the release again with plain files, folders and inner links only"
            }
            _ => "programs would disagree on what this release holds: ask its maker for a clean one",
        };
        hint.to_owned()
    }

    /// The setting that a limit can be raised by.
    fn limit(&self) -> Option<&'static str> {
        match self {
            Why::FileSize { .. } => Some("file_bytes"),
            Why::TotalSize { .. } => Some("total_bytes"),
            Why::Ratio { .. } => Some("ratio"),
            Why::Entries { .. } | Why::Names { .. } => Some("entries"),
            Why::FolderEntries { .. } => Some("folder_entries"),
            Why::Memory { .. } => Some("memory_bytes"),
            _ => None,
        }
    }
}

/// What ends a walk through an archive; the archive's path is added on top.
#[derive(Debug)]
pub(super) enum Stop {
    Refused(Refusal),
    Damaged(io::Error),
    Broken { entry: String, source: io::Error },
    Changed,
    Take { entry: String, source: io::Error },
}

impl Stop {
    pub(super) fn at(self, archive: PathBuf) -> ArchiveError {
        match self {
            Stop::Refused(refusal) => ArchiveError::Refused { archive, refusal },
            Stop::Damaged(source) => ArchiveError::Damaged { archive, source },
            Stop::Broken { entry, source } => ArchiveError::Broken { archive, entry, source },
            Stop::Changed => ArchiveError::Changed { archive },
            Stop::Take { entry, source } => ArchiveError::Take { archive, entry, source },
        }
    }

    /// The same, with the entry that was being read where none is named yet.
    pub(super) fn inside(self, name: &[u8]) -> Stop {
        match self {
            Stop::Refused(refusal) if refusal.entry.is_empty() => {
                Stop::Refused(Refusal::entry(name, refusal.why))
            }
            Stop::Damaged(source) => Stop::Broken { entry: short(name), source },
            stop => stop,
        }
    }

    pub(super) fn cut() -> Stop {
        Stop::Damaged(io::Error::new(io::ErrorKind::UnexpectedEof, "the archive ends too early"))
    }

    pub(super) fn damaged(what: &'static str) -> Stop {
        Stop::Damaged(io::Error::new(io::ErrorKind::InvalidData, what))
    }
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Stop {
        Stop::Refused(refusal)
    }
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Stop {
        match error.downcast::<Refusal>() {
            Ok(refusal) => Stop::Refused(refusal),
            Err(error) => Stop::Damaged(error),
        }
    }
}
