//! The ways to get new files, as they are named on the command line.

use std::path::Path;
use std::path::PathBuf;

use url::Url;

use crate::base::digest::Sha256;
use crate::base::escape;
use crate::base::exit::Exit;
use crate::base::exit::Fault;
use crate::release::git::Repository;
use crate::release::git::RepositoryError;
use crate::release::network::address::Address;
use crate::release::network::address::AddressError;
use crate::release::network::address::shown;
use crate::release::network::error::NetworkError;
use crate::release::obtain::Where;
use crate::release::obtain::bundle::Bundle;
use crate::release::obtain::is_reference;
use crate::release::yacs::Server;
use crate::sys::fs;
use crate::sys::fs::IoError;

/// Endings by which an archive is recognised in a folder of many things.
const ENDINGS: [&str; 9] =
    [".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz", ".tar.zst"];

/// Where a release comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    Archive(PathBuf),
    Folder(PathBuf),
    /// The archive of this name that somebody dropped, or the only one.
    Inbox(Option<String>),
    /// A release copied by hand.
    Incoming,
    /// An archive somewhere else.
    Url(Address),
    /// A branch, a tag or a commit.
    Git(Repository),
    /// A server that runs YACS, and hands out file by file.
    Yacs(Server),
    /// Whatever the application's vendor publishes.
    Vendor,
    /// A place where signed releases are published.
    Reference(Url),
}

/// What is really read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    Archive(PathBuf),
    Folder(PathBuf),
    Reference(Where),
}

#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    #[error("there is no file or folder {path}")]
    Missing { path: String },
    #[error("{what} is no source that this entracte knows")]
    Unknown { what: String },
    #[error(transparent)]
    Address(#[from] AddressError),
    #[error(transparent)]
    Repository(#[from] RepositoryError),
    #[error("{path} has the SHA-256 {found}, not {expected}")]
    Digest { path: String, expected: Sha256, found: Sha256 },
    #[error(transparent)]
    Network(#[from] NetworkError),
    #[error("the inbox {} holds no archive", fs::shown(inbox))]
    InboxEmpty { inbox: PathBuf },
    #[error("the inbox {} holds several archives: {}", fs::shown(inbox), names.join(", "))]
    InboxAmbiguous { inbox: PathBuf, names: Vec<String> },
    #[error("\"{name}\" is no name of an archive in the inbox")]
    InboxName { name: String },
    #[error("the folder {} is empty", fs::shown(folder))]
    FolderEmpty { folder: PathBuf },
    #[error(transparent)]
    Io(#[from] IoError),
}

impl Fault for SourceError {
    fn exit(&self) -> Exit {
        match self {
            SourceError::Io(error) => error.exit(),
            SourceError::Network(error) => error.exit(),
            SourceError::Digest { .. } => Exit::Untrusted,
            SourceError::InboxEmpty { .. } | SourceError::FolderEmpty { .. } => Exit::NothingToDo,
            _ => Exit::Refused,
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            SourceError::Unknown { .. } | SourceError::Address(_) => {
                vec!["name the archive itself: its address (https://…, file:///…) or a file".into()]
            }
            SourceError::Digest { .. } => {
                vec!["compare the digest with the one that its maker publishes".into()]
            }
            SourceError::Repository(RepositoryError::Secret { .. }) => vec![
                "let git know the password: `git config --global credential.helper`, as the site's owner"
                    .into(),
            ],
            SourceError::Repository(_) => {
                vec!["git+https://HOST/REPOSITORY#BRANCH, or with ssh://, file:// or a folder".into()]
            }
            SourceError::Network(error) => error.hints(),
            SourceError::Io(error) => error.hints(),
            SourceError::InboxEmpty { inbox } => {
                vec![format!("put an archive into {}, or name one with --from", fs::shown(inbox))]
            }
            SourceError::InboxAmbiguous { names, .. } => {
                vec![format!("name one: --from inbox:{}", names.first().map_or("", String::as_str))]
            }
            SourceError::FolderEmpty { folder } => vec![format!("copy a release into {}", fs::shown(folder))],
            _ => Vec::new(),
        }
    }

    fn is_network(&self) -> bool {
        matches!(self, SourceError::Network(error) if error.is_network())
    }
}

/// Brings what an address names to this machine.
pub type Fetcher<'a> = &'a mut dyn FnMut(&Address) -> Result<PathBuf, NetworkError>;

impl Source {
    pub fn parse(text: &str) -> Result<Source, SourceError> {
        if text == "inbox" {
            return Ok(Source::Inbox(None));
        }
        if let Some(name) = text.strip_prefix("inbox:") {
            let plain = !name.is_empty() && !name.contains('/') && !name.starts_with('.');
            return match plain {
                true => Ok(Source::Inbox(Some(name.to_owned()))),
                false => Err(SourceError::InboxName { name: escape::text(name).into_owned() }),
            };
        }
        if text == "incoming" {
            return Ok(Source::Incoming);
        }
        if text == "vendor" {
            return Ok(Source::Vendor);
        }
        if Repository::is_meant(text) {
            return Ok(Source::Git(Repository::parse(text)?));
        }
        if Server::is_meant(text) {
            return Ok(Source::Yacs(Server::parse(text)?));
        }
        if Address::is_meant(text) {
            return match Address::folder(text)? {
                Some(url) => Ok(Source::Reference(url)),
                None => Ok(Source::Url(Address::parse(text)?)),
            };
        }
        let path = PathBuf::from(text);
        match fs::is_folder(&path) {
            true => Ok(Source::Folder(path)),
            false if fs::exists(&path) => Ok(Source::Archive(path)),
            false => Err(SourceError::Missing { path: fs::shown(&path) }),
        }
    }

    /// For people.
    pub fn text(&self) -> String {
        match self {
            Source::Archive(path) | Source::Folder(path) => fs::shown(path),
            Source::Inbox(Some(name)) => format!("inbox:{}", escape::text(name)),
            Source::Inbox(None) => "inbox".into(),
            Source::Incoming => "incoming".into(),
            Source::Url(address) => address.to_string(),
            Source::Git(repository) => repository.to_string(),
            Source::Yacs(server) => server.to_string(),
            Source::Vendor => "vendor".into(),
            Source::Reference(url) => shown(url),
        }
    }

    /// What a file of this machine must have to be taken.
    pub fn file_digest(&self) -> Option<Sha256> {
        match self {
            Source::Url(address) if address.file().is_some() => address.digest(),
            _ => None,
        }
    }

    /// Whether somebody else may be writing it right now.
    pub fn may_be_in_the_making(&self) -> bool {
        matches!(self, Source::Inbox(_) | Source::Incoming)
    }

    pub fn find(&self, inbox: &Path, incoming: &Path, fetch: Fetcher) -> Result<Found, SourceError> {
        Ok(match self.look(inbox, incoming, fetch)? {
            Found::Archive(path) if Bundle::is_meant(&path) => Found::Reference(Where::Bundle(path)),
            Found::Folder(path) if is_reference(&path) => Found::Reference(Where::Folder(path)),
            found => found,
        })
    }

    fn look(&self, inbox: &Path, incoming: &Path, fetch: Fetcher) -> Result<Found, SourceError> {
        match self {
            Source::Reference(url) => match url.scheme() {
                "file" => {
                    let path = url.to_file_path().map_err(|()| AddressError::Host { url: shown(url) })?;
                    match is_reference(&path) {
                        true => Ok(Found::Folder(path)),
                        false if fs::exists(&path) => Err(AddressError::Folder { url: shown(url) }.into()),
                        false => Err(SourceError::Missing { path: fs::shown(&path) }),
                    }
                }
                _ => Ok(Found::Reference(Where::Server(url.clone()))),
            },
            Source::Url(address) => match address.file() {
                None => Ok(Found::Archive(fetch(address)?)),
                Some(path) if fs::is_file(&path) => Ok(Found::Archive(path)),
                Some(path) if is_reference(&path) => Ok(Found::Folder(path)),
                Some(path) if fs::is_folder(&path) => {
                    Err(AddressError::Folder { url: address.to_string() }.into())
                }
                Some(path) => Err(SourceError::Missing { path: fs::shown(&path) }),
            },
            // Which archive that is, only the vendor knows.
            Source::Vendor => Err(SourceError::Unknown { what: "\"vendor\"".into() }),
            Source::Archive(path) => Ok(Found::Archive(path.clone())),
            Source::Folder(path) => Ok(Found::Folder(path.clone())),
            Source::Incoming => match fs::is_folder(incoming) && !fs::list(incoming)?.is_empty() {
                true => Ok(Found::Folder(incoming.to_owned())),
                false => Err(SourceError::FolderEmpty { folder: incoming.to_owned() }),
            },
            Source::Inbox(Some(name)) => {
                let path = inbox.join(name);
                match fs::is_file(&path) {
                    true => Ok(Found::Archive(path)),
                    false => Err(SourceError::Missing { path: fs::shown(&path) }),
                }
            }
            Source::Inbox(None) => only_archive(inbox).map(Found::Archive),
            // They are brought in other ways (`stage`).
            Source::Git(_) | Source::Yacs(_) => {
                Err(SourceError::Unknown { what: format!("{}, as one archive,", self.text()) })
            }
        }
    }
}

fn only_archive(inbox: &Path) -> Result<PathBuf, SourceError> {
    let entries = if fs::is_folder(inbox) { fs::list(inbox)? } else { Vec::new() };
    let mut archives: Vec<PathBuf> = entries.into_iter().filter(|path| is_archive_name(path)).collect();
    match archives.len() {
        0 => Err(SourceError::InboxEmpty { inbox: inbox.to_owned() }),
        1 => Ok(archives.remove(0)),
        _ => {
            let name =
                |path: &PathBuf| path.file_name().map(|name| fs::shown(Path::new(name))).unwrap_or_default();
            Err(SourceError::InboxAmbiguous {
                inbox: inbox.to_owned(),
                names: archives.iter().map(name).collect(),
            })
        }
    }
}

fn is_archive_name(path: &Path) -> bool {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    !name.starts_with(['.', '~']) && has_archive_ending(&name) && fs::is_file(path)
}

/// Whether a file is an archive as far as its name says.
pub fn has_archive_ending(name: &str) -> bool {
    let name = name.to_lowercase();
    ENDINGS.iter().any(|ending| name.ends_with(ending) && name.len() > ending.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_recognised_by_their_words() {
        assert_eq!(Source::parse("inbox").unwrap(), Source::Inbox(None));
        assert_eq!(Source::parse("inbox:a.zip").unwrap(), Source::Inbox(Some("a.zip".into())));
        assert_eq!(Source::parse("incoming").unwrap(), Source::Incoming);
        assert_eq!(Source::parse("vendor").unwrap(), Source::Vendor);
        for text in ["https://x/a.zip", "HTTP://x/a.zip", "file:///a.zip"] {
            assert!(matches!(Source::parse(text), Ok(Source::Url(_))), "{text}");
        }
        for text in ["https://x/", "https://x/r/", "https://x", "file:///srv/r/"] {
            assert!(matches!(Source::parse(text), Ok(Source::Reference(_))), "{text}");
        }
        for text in [
            "inbox:",
            "inbox:../a.zip",
            "inbox:.hidden",
            "ftp://x/a.zip",
            "git+https://me:hunter2@x/y",
            "/no/such",
        ] {
            let error = Source::parse(text).unwrap_err();
            assert_eq!(error.exit(), Exit::Refused, "{text}");
            assert!(!error.to_string().contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn the_only_archive_of_the_inbox_is_taken() {
        let folder = tempfile::tempdir().unwrap();
        let find = || Source::Inbox(None).find(folder.path(), folder.path(), &mut |_| unreachable!());
        assert_eq!(find().unwrap_err().exit(), Exit::NothingToDo);
        for name in ["readme.txt", ".half.zip", "~x.zip", "release-2.TAR.GZ"] {
            std::fs::write(folder.path().join(name), "x").unwrap();
        }
        assert_eq!(find().unwrap(), Found::Archive(folder.path().join("release-2.TAR.GZ")));
        std::fs::write(folder.path().join("b.zip"), "x").unwrap();
        assert!(matches!(find(), Err(SourceError::InboxAmbiguous { names, .. }) if names.len() == 2));
    }
}
