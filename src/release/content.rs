//! What a source holds, all of its content being put into staging.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;

use crate::base::digest::Algorithms;
use crate::base::digest::Sha256;
use crate::base::event::Event;
use crate::base::event::Watch;
use crate::base::path::SitePath;
use crate::base::path::TreePath;
use crate::base::pattern::Patterns;
use crate::base::step::Step;
use crate::base::tree::Kind;
use crate::base::tree::Meta;
use crate::base::tree::Node;
use crate::base::tree::Tree;
use crate::integrity::manifest::Extent;
use crate::integrity::scan;
use crate::integrity::scan::Digests;
use crate::release::archive::Archive;
use crate::release::archive::ArchiveError;
use crate::release::archive::Limits;
use crate::release::archive::MemberKind;
use crate::release::network;
use crate::release::obtain::ObtainError;
use crate::release::source::Found;
use crate::release::source::Source;
use crate::release::source::SourceError;
use crate::release::stage::StageError;
use crate::release::staging::Staging;
use crate::release::staging::StagingError;
use crate::release::staging::Trust;
use crate::sys::beneath::Root;
use crate::sys::clock;
use crate::sys::fs;

/// How long nothing must have been written into a place that others write to.
const QUIET: Duration = Duration::from_secs(2);
const CHECKOUTS: [&str; 4] = [".git", ".svn", ".hg", ".bzr"];

/// The tree of a source; its content is in staging.
pub(super) struct Content {
    pub tree: Tree,
    /// Bytes that staging did not have.
    pub written: u64,
    pub notes: Vec<String>,
    pub extent: Extent,
    pub said: Said,
}

/// What a source says besides its content.
#[derive(Debug, Default)]
pub(super) struct Said {
    /// For a release whose files do not say it.
    pub version: Option<String>,
    /// When the release was made.
    pub time: Option<Timestamp>,
    pub trust: Option<Trust>,
    /// Bytes and requests, where the source counts them itself.
    pub fetched: Option<(u64, u64)>,
}

/// Takes in everything that `source` holds; one that is still changing is refused.
pub(super) fn take_in(
    source: &Source,
    found: &Found,
    staging: &Staging,
    limits: &Limits,
    extent: Option<Extent>,
    watch: Watch,
) -> Result<Content, StageError> {
    match found {
        Found::Folder(path) => from_folder(path, source, staging, extent, watch),
        Found::Reference(_) => Err(StageError::NoSite { source_name: source.text() }),
        Found::Archive(path) => {
            let before = Mark::of(path)?;
            if source.may_be_in_the_making() && waits_for_writers(before.mtime.0, watch) {
                before.must_be_same(&Mark::of(path)?, source)?;
            }
            must_have(path, source)?;
            let content = from_archive(path, staging, limits, watch)?;
            before.must_be_same(&Mark::of(path)?, source)?;
            Ok(content)
        }
    }
}

/// A file whose digest was said must have it.
fn must_have(path: &Path, source: &Source) -> Result<(), StageError> {
    let Some(expected) = source.file_digest() else { return Ok(()) };
    let found = network::digest_of(path)?;
    match found == expected {
        true => Ok(()),
        false => Err(SourceError::Digest { path: fs::shown(path), expected, found }.into()),
    }
}

/// Whether a content, of so many bytes, is still to come.
pub(super) type Lacks<'a> = &'a dyn Fn(&Sha256, u64) -> bool;

/// Puts into staging what it lacks of an archive's content.
pub(super) fn unpack(
    path: &Path,
    staging: &Staging,
    lacks: Lacks,
    limits: &Limits,
    watch: Watch,
) -> Result<(), ObtainError> {
    let archive = Archive::open(path, limits)?;
    fill(&archive, staging, lacks, watch).map(drop).map_err(|error| match error {
        Unfilled::Archive(error) => error.into(),
        Unfilled::Staging(error) => error.into(),
    })
}

enum Unfilled {
    Archive(ArchiveError),
    Staging(StagingError),
}

impl From<Unfilled> for StageError {
    fn from(error: Unfilled) -> StageError {
        match error {
            Unfilled::Archive(error) => error.into(),
            Unfilled::Staging(error) => error.into(),
        }
    }
}

pub(super) fn from_archive(
    path: &Path,
    staging: &Staging,
    limits: &Limits,
    watch: Watch,
) -> Result<Content, StageError> {
    watch(Some(Step::Stage), Event::Log { line: format!("checking {}", fs::shown(path)) });
    let archive = Archive::open(path, limits)?;
    let lacks: Lacks = &|digest, size| !staging.has(digest, size);
    let (digests, written) = (archive.digests(), fill(&archive, staging, lacks, watch)?);
    let mut tree = Tree::new();
    for member in archive.members() {
        let kind = match &member.kind {
            MemberKind::Link { target } => Kind::Link { target: target.clone().into_bytes() },
            MemberKind::Folder => Kind::Folder,
            MemberKind::File { size } => match digests.get(&member.path) {
                Some(digest) => Kind::File { size: *size, sha256: *digest, md5: None },
                None => continue,
            },
        };
        let meta = Meta { mode: member.mode, ..Meta::default() };
        tree.insert(TreePath::from(&member.path), Node { kind, meta });
    }
    Ok(Content { tree, written, notes: Vec::new(), extent: Extent::Complete, said: Said::default() })
}

/// How many bytes staging did not have.
fn fill(archive: &Archive, staging: &Staging, lacks: Lacks, watch: Watch) -> Result<u64, Unfilled> {
    let (digests, total) = (archive.digests(), archive.members().len() as u64);
    let (mut done, mut written, mut failed) = (0, 0, None);
    archive
        .each(&mut |member, content| {
            done += 1;
            let (Some(digest), MemberKind::File { size }) = (digests.get(&member.path), &member.kind) else {
                return Ok(());
            };
            if !lacks(digest, *size) {
                return Ok(());
            }
            match staging.add(content, Some(*digest)) {
                Ok((size, _)) => written += size,
                Err(error) => {
                    failed = Some(error);
                    return Err(std::io::ErrorKind::Other.into());
                }
            }
            let (what, bytes) = ("unpacking".into(), written);
            watch(Some(Step::Stage), Event::Progress { what, done, total, bytes, total_bytes: 0 });
            Ok(())
        })
        .map_err(|error| failed.map_or(Unfilled::Archive(error), Unfilled::Staging))?;
    Ok(written)
}

fn from_folder(
    path: &Path,
    source: &Source,
    staging: &Staging,
    extent: Option<Extent>,
    watch: Watch,
) -> Result<Content, StageError> {
    let root = Root::open(path)?;
    let mut notes = Vec::new();
    let before = scan_release(&root, Digests::Read, &mut notes, watch)?;
    if source.may_be_in_the_making() {
        let newest = before.values().map(|node| node.meta.mtime).max().unwrap_or_default();
        waits_for_writers(newest, watch); // What they do meanwhile is seen below.
    }
    let mut written = 0;
    for (path, node) in &before {
        let Kind::File { size, sha256, .. } = node.kind else { continue };
        if staging.has(&sha256, size) {
            continue;
        }
        let mut file = root.open_file(path)?;
        match staging.add(&mut file, Some(sha256)) {
            Err(StagingError::WrongContent { .. }) => {
                return Err(StageError::StillChanging { source_name: source.text() });
            }
            added => written += added?.0,
        }
    }
    if marks(&before) != marks(&scan_release(&root, Digests::Read, &mut Vec::new(), watch)?) {
        return Err(StageError::StillChanging { source_name: source.text() });
    }
    let extent = extent.unwrap_or(Extent::Partial);
    Ok(Content { tree: before, written, notes, extent, said: Said::default() })
}

/// The tree of a release in a folder; folders of version control are no part of it.
pub(super) fn scan_release(
    root: &Root,
    digests: Digests,
    notes: &mut Vec<String>,
    watch: Watch,
) -> Result<Tree, StageError> {
    let skipped: Vec<&str> =
        CHECKOUTS.into_iter().filter(|name| fs::exists(&root.path().join(name))).collect();
    notes.extend(skipped.iter().map(|name| format!("the version control folder {name} was left out")));
    let skip = Patterns::new(skipped).unwrap_or_default();
    let options = scan::Options { algorithms: Algorithms::Sha256, skip: &skip, digests };
    Ok(scan::scan(root, &options, watch)?.tree)
}

/// Reads single files of a release in a folder.
pub(super) fn reader(root: &Root) -> impl Fn(&SitePath) -> Option<Vec<u8>> {
    |path| {
        let mut content = Vec::new();
        root.open_file(path).ok()?.read_to_end(&mut content).ok()?;
        Some(content)
    }
}

/// Gives whoever wrote at that second, if it is about now, the time to write again;
/// false where nobody seems to write. The clock need not be the one that set the
/// second: what is to come is no sign of somebody who writes.
fn waits_for_writers(second: i64, watch: Watch) -> bool {
    let quiet = QUIET.as_secs().cast_signed();
    if (clock::now().as_second() - second).abs() >= quiet {
        return false;
    }
    let line = format!("written just now: looking for {quiet} s whether somebody still writes");
    watch(Some(Step::Stage), Event::Log { line });
    clock::sleep(QUIET);
    true
}

/// What changes when somebody writes: kind, size, digest, time.
fn marks(tree: &Tree) -> BTreeMap<&TreePath, (&Kind, i64, u32)> {
    tree.iter().map(|(path, node)| (path, (&node.kind, node.meta.mtime, node.meta.mtime_nanos))).collect()
}

/// The marks of one file by which a change to it is noticed.
#[derive(PartialEq)]
struct Mark {
    path: PathBuf,
    size: u64,
    mtime: (i64, i64),
    inode: u64,
}

impl Mark {
    fn of(path: &Path) -> Result<Mark, StageError> {
        use std::os::unix::fs::MetadataExt;
        let metadata = fs::metadata(&fs::canonical(path)?)?;
        let metadata = metadata.ok_or_else(|| SourceError::Missing { path: fs::shown(path) })?;
        let mtime = (metadata.mtime(), metadata.mtime_nsec());
        Ok(Mark { path: path.to_owned(), size: metadata.len(), mtime, inode: metadata.ino() })
    }

    fn must_be_same(&self, after: &Mark, source: &Source) -> Result<(), StageError> {
        match self == after {
            true => Ok(()),
            false => Err(StageError::StillChanging { source_name: source.text() }),
        }
    }
}
