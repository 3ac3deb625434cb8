//! The way from a repository to staging: what does it have, fetch the one
//! commit, write its tree as a tar, and take that in as an archive.

use std::borrow::Cow;
use std::io::Read;
use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;

use crate::base::escape;
use crate::base::event::Event;
use crate::base::event::Watch;
use crate::base::exit::Fault;
use crate::base::step::Step;
use crate::base::tree::Kind;
use crate::base::tree::Tree;
use crate::release::archive::MemberKind;
use crate::release::archive::names_of;
use crate::release::content::Content;
use crate::release::content::Said;
use crate::release::content::from_archive;
use crate::release::git::address::Repository;
use crate::release::git::error::GitError;
use crate::release::git::program::Git;
use crate::release::git::refs::Tip;
use crate::release::git::refs::is_commit;
use crate::release::stage::Options;
use crate::release::stage::StageError;
use crate::release::staging::Staging;
use crate::sys::clock;
use crate::sys::disk;
use crate::sys::fs;
use crate::sys::fs::IoError;

/// Where the commit is remembered that was fetched last.
const OURS: &str = "refs/entracte/tip";
/// A repository that has grown larger is fetched anew the next time.
const MOST_KEPT: u64 = 512 << 20;
/// How a file begins whose content Git LFS keeps.
const LFS: &[u8] = b"version https://git-lfs.github.com/spec/";
/// The largest that such a file is.
const LARGEST_LFS: u64 = 1024;
/// The most digits of a commit that a version shows.
const DIGITS: usize = 12;

/// Brings the tree of the commit that is wanted.
pub(in crate::release) fn bring(
    repository: &Repository,
    staging: &Staging,
    options: &Options,
    watch: Watch,
) -> Result<Content, StageError> {
    let folder = staging.repositories();
    let git = Git::new(repository, options, &folder)?;
    prepare(repository, &folder)?;
    let tar = folder.join("tree.tar");
    let fetched = Bringing { repository, git, folder: &folder, requests: 0 }.fetch(&tar, watch);
    let content = fetched.and_then(|fetched| taken(fetched, &tar, repository, staging, options, watch));
    fs::remove_file_if_present(&tar)?;
    if disk::usage(&folder)? > MOST_KEPT {
        fs::remove_folder_all(&folder)?;
    }
    content
}

/// One commit, its tree written as a tar.
struct Fetched {
    commit: String,
    tag: Option<String>,
    time: Option<Timestamp>,
    bytes: u64,
    requests: u64,
}

/// A folder for this repository alone. What a killed git left locked is opened:
/// whoever works here holds the lock of the site.
fn prepare(repository: &Repository, folder: &Path) -> Result<(), GitError> {
    let (owner, key) = (folder.join("repository-of"), repository.key());
    if fs::read_if_present(&owner)?.as_deref() != Some(key.as_bytes()) {
        fs::remove_folder_all(folder)?;
        fs::create_folders(folder, 0o700)?;
        fs::write_durable(&owner, key.as_bytes())?;
    }
    let inside = folder.join("repository");
    for place in [inside.clone(), inside.join("refs/entracte"), inside.join("objects/pack")] {
        let left = if fs::is_folder(&place) { fs::list(&place)? } else { Vec::new() };
        for path in left {
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            if name.ends_with(".lock") || name.starts_with("tmp_") {
                fs::remove_file_if_present(&path)?;
            }
        }
    }
    Ok(())
}

struct Bringing<'a> {
    repository: &'a Repository,
    git: Git<'a>,
    folder: &'a Path,
    requests: u64,
}

impl Bringing<'_> {
    fn fetch(&mut self, tar: &Path, watch: Watch) -> Result<Fetched, StageError> {
        let before = disk::usage(self.folder)?;
        if !fs::is_folder(&self.folder.join("repository/objects")) {
            self.git.here(&["init", "-q", "--bare", "--template="])?;
        }
        let tip = self.tip(watch)?;
        let here = self.commit_here();
        let commit = match here.filter(|here| Some(here) == tip.commit.as_ref()) {
            Some(commit) => commit,
            None => self.commit(&tip, watch)?,
        };
        let bytes = disk::usage(self.folder)?.saturating_sub(before);
        self.write_tree(&commit, tar).inspect_err(|_| {
            // What git cannot read is not kept for the next time.
            let _ = fs::remove_folder_all(&self.folder.join("repository"));
        })?;
        let time = self.git.here(&["show", "-s", "--format=%ct", &commit])?;
        let time = text(&time).trim().parse().ok().and_then(|second| Timestamp::from_second(second).ok());
        let tag = tip.tag.filter(|_| tip.commit.as_ref() == Some(&commit));
        Ok(Fetched { commit, tag, time, bytes, requests: self.requests })
    }

    /// Asks what the repository has.
    fn tip(&mut self, watch: Watch) -> Result<Tip, GitError> {
        let mut patterns = self.repository.wanted.patterns();
        patterns.push("refs/tags/*".into());
        let said = self.asked(&["ls-remote", "-q"], &patterns, watch)?;
        let found = self.repository.wanted.find(&text(&said));
        found.ok_or_else(|| GitError::NoSuchName { repository: self.repository.to_string() })
    }

    fn commit_here(&self) -> Option<String> {
        let said = self.git.here(&["rev-parse", "--verify", "-q", &format!("{OURS}^{{commit}}")]).ok()?;
        Some(text(&said).trim().to_owned()).filter(|commit| is_commit(commit))
    }

    /// Fetches that commit alone, without its past.
    fn commit(&mut self, tip: &Tip, watch: Watch) -> Result<String, GitError> {
        watch(Some(Step::Stage), Event::Log { line: format!("fetching {}", self.repository) });
        let fetch = ["fetch", "-q", "--depth=1", "--no-tags", "--no-recurse-submodules"];
        self.asked(&fetch, &[format!("+{}:{OURS}", tip.name)], watch)?;
        self.commit_here().ok_or_else(|| {
            let said = "what it has under this name is no commit".into();
            GitError::Failed { repository: self.repository.to_string(), said }
        })
    }

    /// Asks, and asks again where that may help.
    fn asked(&mut self, before: &[&str], after: &[String], watch: Watch) -> Result<Vec<u8>, GitError> {
        let settings = &self.git.settings().clone();
        let (mut failed, mut pause) = (0, settings.backoff_seconds.get());
        loop {
            self.requests += 1;
            let error = match self.git.outside(before, after) {
                Err(error) if error.is_network() => error,
                other => return other,
            };
            failed += 1;
            if failed >= settings.tries || !self.git.has_time_for(pause) {
                return Err(error);
            }
            let message = format!("{error}; trying again in {:.1} s", pause.as_secs_f64());
            watch(Some(Step::Stage), Event::Warning { message });
            self.pause(pause)?;
            pause = pause.saturating_mul(2).min(Duration::from_secs(60));
        }
    }

    fn pause(&self, pause: Duration) -> Result<(), GitError> {
        let since = clock::Stopwatch::start();
        while since.elapsed() < pause {
            if let Some(error) = self.git.why_stop() {
                return Err(error);
            }
            clock::sleep(Duration::from_millis(50).min(pause));
        }
        Ok(())
    }

    /// The top folder keeps a repository of one folder as it is.
    fn write_tree(&self, commit: &str, tar: &Path) -> Result<(), GitError> {
        let listed = self.git.here(&["ls-tree", "-r", "-z", "--full-tree", commit])?;
        if let Some((_, path)) = entries(&listed).find(|(mode, _)| *mode == b"160000") {
            let (repository, path) = (self.repository.to_string(), escape::bytes(path));
            return Err(GitError::Submodule { repository, path });
        }
        let output = format!("--output={}", tar.to_string_lossy());
        let written = self.git.here(&["archive", "--format=tar", "--prefix=release/", &output, commit]);
        written.map(drop).map_err(|error| self.odd_name(&listed).unwrap_or(error))
    }

    /// Names that no release may hold are such that git itself writes no tar of them.
    fn odd_name(&self, listed: &[u8]) -> Option<GitError> {
        let files = entries(listed).map(|(_, path)| (path, MemberKind::File { size: 0 }, 0o644));
        let refusal = names_of(files, self.git.limits()).err()?;
        Some(GitError::Name { repository: self.repository.to_string(), refusal })
    }
}

fn text(said: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(said)
}

/// Mode and path of what `git ls-tree` lists.
fn entries(listed: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    listed.split(|byte| *byte == 0).filter_map(|entry| {
        let tab = entry.iter().position(|byte| *byte == b'\t')?;
        let mode = entry.split(|byte| *byte == b' ').next()?;
        Some((mode, &entry[tab + 1..]))
    })
}

fn taken(
    fetched: Fetched,
    tar: &Path,
    repository: &Repository,
    staging: &Staging,
    options: &Options,
    watch: Watch,
) -> Result<Content, StageError> {
    let mut content = from_archive(tar, staging, &options.limits, watch)?;
    if let Err(error) = refuse_pointers(&content.tree, staging, repository) {
        // What was refused is not kept; what stays is what was staged before.
        staging.forget_unrecorded()?;
        return Err(error);
    }
    let Fetched { commit, tag, time, bytes, requests } = fetched;
    let at = tag.as_ref().map(|tag| format!(", tagged {tag}")).unwrap_or_default();
    content.notes.push(format!(
        "the commit is {commit}{at}: git proves that all of it is here, and nobody signed it for this site"
    ));
    if !repository.is_protected() {
        content.notes.push("it came without TLS: whoever is on the way can change it".into());
    }
    if let Some(extent) = options.extent {
        content.extent = extent;
    }
    let version = tag.unwrap_or_else(|| commit.chars().take(DIGITS).collect());
    content.said = Said { version: Some(version), time, trust: None, fetched: Some((bytes, requests)) };
    Ok(content)
}

/// Files that only say where their content is would be a broken site.
fn refuse_pointers(tree: &Tree, staging: &Staging, repository: &Repository) -> Result<(), StageError> {
    for (path, node) in tree {
        let Kind::File { size, sha256, .. } = &node.kind else { continue };
        if *size > LARGEST_LFS || *size < LFS.len() as u64 {
            continue;
        }
        let mut start = Vec::new();
        let file = staging.open_object(sha256)?;
        file.take(LFS.len() as u64)
            .read_to_end(&mut start)
            .map_err(|source| IoError::new("read", staging.object_path(sha256), source))?;
        if start == LFS {
            let path = escape::bytes(path.as_bytes());
            return Err(GitError::Lfs { repository: repository.to_string(), path }.into());
        }
    }
    Ok(())
}
