//! What is compared: the files of a folder, an archive, a manifest or a list of digests.

use std::collections::BTreeSet;
use std::path::Path;

use crate::base::digest::Algorithms;
use crate::base::event::Watch;
use crate::base::exit::Exit;
use crate::base::exit::Fault;
use crate::base::path::TreePath;
use crate::base::pattern::Patterns;
use crate::base::tree::Kind;
use crate::base::tree::Meta;
use crate::base::tree::Node;
use crate::base::tree::Tree;
use crate::integrity::list::Document;
use crate::integrity::list::HashList;
use crate::integrity::list::ReadError;
use crate::integrity::list::is_recognised;
use crate::integrity::manifest::Content;
use crate::integrity::manifest::Manifest;
use crate::integrity::pair::Marks;
use crate::integrity::pair::Pair;
use crate::integrity::pair::Pairs;
use crate::integrity::pair::Seen;
use crate::integrity::scan;
use crate::integrity::scan::ScanError;
use crate::release::archive::Archive;
use crate::release::archive::ArchiveError;
use crate::release::archive::Limits;
use crate::release::archive::MemberKind;
use crate::sys::beneath::Root;
use crate::sys::fs;
use crate::sys::fs::IoError;

/// Read of a file to tell what it is.
const HEAD_BYTES: u64 = 64 << 10;

/// The files of one side.
#[derive(Clone, Debug, Default)]
pub struct Listing {
    pub tree: Tree,
    /// Whether permissions and empty folders are what they are on a disk;
    /// archives and manifests often do not say them.
    pub is_whole: bool,
    /// A list of digests, of which there is no tree.
    pub list: Option<HashList>,
    /// Regular files, and their sizes together.
    pub checked: u64,
    pub bytes: u64,
}

#[derive(Debug, thiserror::Error)]
pub enum ListingError {
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    #[error(transparent)]
    List(#[from] ReadError),
    #[error("nothing can be compared: A has {a} of its files, B has {b}, and neither has what the other has")]
    NothingShared { a: String, b: String },
    #[error("{path} is a database file, not a tree of files")]
    Database { path: String },
    #[error(transparent)]
    Scan(#[from] ScanError),
    #[error(transparent)]
    Io(#[from] IoError),
}

impl Fault for ListingError {
    fn exit(&self) -> Exit {
        match self {
            ListingError::Archive(error) => error.exit(),
            ListingError::List(error) => error.exit(),
            ListingError::NothingShared { .. } => Exit::Refused,
            ListingError::Database { .. } => Exit::Usage,
            ListingError::Scan(error) => error.exit(),
            ListingError::Io(error) => error.exit(),
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            ListingError::Archive(error) => error.hints(),
            ListingError::List(error) => error.hints(),
            ListingError::NothingShared { .. } => {
                vec!["name the files themselves on one side: the folder, or the archive".into()]
            }
            ListingError::Database { path } => vec![format!("write sqlite:{path} to compare its tables")],
            ListingError::Scan(error) => error.hints(),
            ListingError::Io(error) => error.hints(),
        }
    }
}

impl Listing {
    /// Reads every file of a folder, except what `skip` names.
    pub fn of_folder(
        path: &Path,
        skip: &Patterns,
        algorithms: Algorithms,
        watch: Watch,
    ) -> Result<Listing, ListingError> {
        let options = scan::Options { algorithms, skip, digests: scan::Digests::Read };
        let scan = scan::scan(&Root::open(path)?, &options, watch)?;
        let (checked, bytes) = (scan.checked, scan.bytes);
        Ok(Listing { tree: scan.tree, is_whole: true, list: None, checked, bytes })
    }

    /// Reads an archive, a manifest or a list, except what `skip` names.
    pub fn of_file(path: &Path, skip: &Patterns) -> Result<Listing, ListingError> {
        let head = beginning(path)?;
        let tree = match head.as_slice() {
            head if head.starts_with(b"SQLite format 3\0") => {
                return Err(ListingError::Database { path: fs::shown(path) });
            }
            head if is_recognised(head) => match Document::read(path, None)? {
                Document::Manifest(manifest) => of_manifest(*manifest),
                Document::List(list) => return Ok(of_list(list, skip)),
            },
            _ => of_archive(&Archive::open(path, &Limits::default())?),
        };
        let mut listing = Listing { tree, ..Listing::default() };
        listing.tree.retain(|path, _| !skip.matches_bytes(path.as_bytes()));
        for node in listing.tree.values().filter(|node| matches!(node.kind, Kind::File { .. })) {
            listing.checked += 1;
            listing.bytes += node.size();
        }
        Ok(listing)
    }
}

impl Listing {
    /// What the two do not share.
    pub fn pairs(a: &Listing, b: &Listing, marks: Marks) -> Pairs {
        let paths: BTreeSet<&TreePath> = a.tree.keys().chain(b.tree.keys()).collect();
        let pair =
            |path: &TreePath| Pair::of(a.tree.get(path).map(Seen::from), b.tree.get(path).map(Seen::from));
        let different =
            paths.into_iter().map(|path| (path, pair(path))).filter(|(_, pair)| pair.differs(marks));
        Pairs {
            different: different.map(|(path, pair)| (path.clone(), pair)).collect(),
            checked: a.checked + b.checked,
            bytes: a.bytes + b.bytes,
        }
    }
}

/// As much as tells what a file is.
pub(super) fn beginning(path: &Path) -> Result<Vec<u8>, IoError> {
    use std::io::Read;
    let mut bytes = Vec::new();
    let read = fs::open(path)?.take(HEAD_BYTES).read_to_end(&mut bytes);
    read.map_err(|source| IoError::new("read", path, source))?;
    Ok(bytes)
}

fn of_list(mut list: HashList, skip: &Patterns) -> Listing {
    list.files.retain(|path, _| !skip.matches(path.as_str()));
    let checked = list.files.len() as u64;
    let bytes = list.files.values().filter_map(|listed| listed.size).sum();
    Listing { list: Some(list), checked, bytes, ..Listing::default() }
}

fn of_manifest(manifest: Manifest) -> Tree {
    let entries = manifest.files.into_iter().map(|entry| {
        let kind = match entry.content {
            Content::File { size, sha256, md5 } => Kind::File { size, sha256, md5 },
            Content::Link { target } => Kind::Link { target: target.into_bytes() },
            Content::Folder => Kind::Folder,
        };
        let meta = Meta { mode: entry.mode.unwrap_or_default(), ..Meta::default() };
        (TreePath::from(&entry.path), Node { kind, meta })
    });
    entries.collect()
}

fn of_archive(archive: &Archive) -> Tree {
    let digests = archive.digests();
    let entries = archive.members().iter().filter_map(|member| {
        let kind = match &member.kind {
            MemberKind::Link { target } => Kind::Link { target: target.clone().into_bytes() },
            MemberKind::Folder => Kind::Folder,
            MemberKind::File { size } => {
                Kind::File { size: *size, sha256: *digests.get(&member.path)?, md5: None }
            }
        };
        let meta = Meta { mode: member.mode, ..Meta::default() };
        Some((TreePath::from(&member.path), Node { kind, meta }))
    });
    entries.collect()
}
