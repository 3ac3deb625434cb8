//! Copies of the files that a script, the application's own upgrade call or its
//! lock says it may change, taken before it runs; rollback puts them back.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::path::Path;
use std::path::PathBuf;

use serde::Deserialize;
use serde::Serialize;

use crate::base::digest::Algorithms;
use crate::base::exit::Exit;
use crate::base::exit::Fault;
use crate::base::json;
use crate::base::path::SitePath;
use crate::base::path::TreePath;
use crate::base::pattern::Patterns;
use crate::base::tree::Kind;
use crate::base::tree::Node;
use crate::base::tree::Tree;
use crate::integrity::scan::hash_file;
use crate::sys::beneath::Rename;
use crate::sys::beneath::Root;
use crate::sys::beneath::StatKind;
use crate::sys::fs;
use crate::sys::fs::IoError;
use crate::update::aside;
use crate::update::plan::Thing;
use crate::update::plan::What;
use crate::update::sealed;
use crate::update::swap::workshop::Home;
use crate::update::swap::workshop::Workshop;

const FORMAT: u32 = 1;

/// What was copied, and what stood there at all.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Saved {
    format: u32,
    patterns: Patterns,
    files: Vec<SavedFile>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct SavedFile {
    path: SitePath,
    thing: Thing,
    mtime: (i64, u32),
}

#[derive(Debug, thiserror::Error)]
pub enum SavedError {
    #[error("the list of saved copies {path} cannot be understood")]
    Damaged {
        path: String,
        #[source]
        source: serde_json::Error,
    },
    #[error("{path} changed while it was saved")]
    Changed { path: SitePath },
    #[error("the saved copy {} of {path} is not what it was", fs::shown(copy))]
    Copy { path: SitePath, copy: PathBuf },
    #[error(transparent)]
    Io(#[from] IoError),
}

impl Fault for SavedError {
    fn exit(&self) -> Exit {
        match self {
            SavedError::Damaged { .. } | SavedError::Copy { .. } => Exit::Stuck,
            SavedError::Changed { .. } => Exit::Failed,
            SavedError::Io(error) => error.exit(),
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            SavedError::Io(error) => error.hints(),
            SavedError::Copy { .. } => vec![
                "nothing was written; put the file right by hand, then its copy will do for `entracte rollback`".into(),
                "RESTORE.txt in the run's folder says how to put back the rest by hand".into(),
            ],
            _ => Vec::new(),
        }
    }
}

impl Saved {
    /// Copies every file and link of `tree` that `patterns` match into `folder`.
    pub fn take(
        workshop: &Workshop,
        tree: &Tree,
        patterns: &Patterns,
        folder: &Path,
    ) -> Result<Saved, SavedError> {
        // A copy that was cut off is worth nothing: it has no list yet.
        fs::remove_file_if_present(&list_path(folder))?;
        fs::remove_folder_all(folder)?;
        fs::create_folders(folder, 0o700)?;
        let place = Root::open(folder)?;
        let mut files = Vec::new();
        for (path, node) in tree.iter().filter(|(path, _)| patterns.matches_bytes(path.as_bytes())) {
            let (Ok(path), thing) = (path.to_site_path(), Thing::of_node(node)) else { continue };
            place.create_folders_above(&path, 0o700)?;
            if let What::File { .. } = thing.what {
                copy(workshop.home(&path), &place, &path, &thing)?;
            }
            files.push(SavedFile { path, thing, mtime: (node.meta.mtime, node.meta.mtime_nanos) });
        }
        place.sync_file_system()?;
        let saved = Saved { format: FORMAT, patterns: patterns.clone(), files };
        saved.save(&list_path(folder))?;
        Ok(saved)
    }

    /// What was saved in `folder`; `None` when nothing was, or not to the end.
    pub fn load(folder: &Path) -> Result<Option<Saved>, SavedError> {
        let path = list_path(folder);
        let Some(bytes) = sealed::read(&path)? else { return Ok(None) };
        let damaged = |source| SavedError::Damaged { path: fs::shown(&path), source };
        json::read_format(&bytes, FORMAT).map(Some).map_err(damaged)
    }

    fn save(&self, path: &Path) -> Result<(), SavedError> {
        let text =
            json::line(self).map_err(|source| SavedError::Damaged { path: fs::shown(path), source })?;
        Ok(sealed::write(path, &text)?)
    }

    /// What stood there when it was saved.
    pub fn things(&self) -> impl Iterator<Item = (&SitePath, &Thing)> {
        self.files.iter().map(|file| (&file.path, &file.thing))
    }

    /// Whether every copy in `folder` is there, as long as it was; reads none of them.
    pub fn check_sizes(&self, folder: &Path) -> Result<(), SavedError> {
        let place = Root::open(folder)?;
        for SavedFile { path, thing, .. } in &self.files {
            let size = place.stat(path)?.map(|stat| stat.size);
            if matches!(thing.what, What::File { .. }) && size != Some(thing.size()) {
                return Err(SavedError::Copy { path: path.clone(), copy: place.full(path) });
            }
        }
        Ok(())
    }

    /// Proves that every copy in `folder` is what it was. Writes nothing.
    pub fn check(&self, folder: &Path) -> Result<(), SavedError> {
        let place = Root::open(folder)?;
        for file in &self.files {
            let is_file = matches!(file.thing.what, What::File { .. });
            if is_file && !holds(&place, &file.path, &file.thing)? {
                return Err(SavedError::Copy { path: file.path.clone(), copy: place.full(&file.path) });
            }
        }
        Ok(())
    }

    /// Keeps a copy in `undone/` of every file that `patterns` match and that is not
    /// what was saved, since what runs next may change it; returns their paths.
    pub fn keep_edits(
        &self,
        workshop: &Workshop,
        now: &Tree,
        patterns: &Patterns,
    ) -> Result<Vec<SitePath>, SavedError> {
        let known: BTreeMap<&SitePath, &SavedFile> =
            self.files.iter().map(|file| (&file.path, file)).collect();
        let mut kept = Vec::new();
        for (path, node) in now.iter().filter(|(path, _)| patterns.matches_bytes(path.as_bytes())) {
            let Ok(path) = path.to_site_path() else { continue };
            let is_saved = known.get(&path).is_some_and(|file| file.is_same(node));
            if matches!(node.kind, Kind::File { .. }) && !is_saved {
                aside::copy(workshop.home(&path), &workshop.undone, &path)?;
                kept.push(path);
            }
        }
        Ok(kept)
    }

    /// Brings every path that the patterns match back to what was saved; what
    /// stands there now and did not then goes to `undone/`. Returns what went there.
    pub fn put_back(
        &self,
        workshop: &Workshop,
        now: &Tree,
        folder: &Path,
    ) -> Result<Vec<SitePath>, SavedError> {
        self.put_back_except(workshop, now, folder, &BTreeSet::new())
    }

    /// As `put_back`, but what stands at the paths `except` is left alone.
    pub fn put_back_except(
        &self,
        workshop: &Workshop,
        now: &Tree,
        folder: &Path,
        except: &BTreeSet<SitePath>,
    ) -> Result<Vec<SitePath>, SavedError> {
        let place = Root::open(folder)?;
        let mut changed = Vec::new();
        let known: BTreeSet<&SitePath> = self.files.iter().map(|file| &file.path).chain(except).collect();
        for (path, node) in now.iter().rev().filter(|(path, _)| self.patterns.matches_bytes(path.as_bytes()))
        {
            let Ok(path) = path.to_site_path() else { continue };
            if known.contains(&path) {
                continue;
            }
            if node.is_folder() {
                // One that still holds something stays.
                let _ = workshop.live.remove_folder(&path);
            } else {
                aside::put(workshop.home(&path), &workshop.undone, &path)?;
                changed.push(path);
            }
        }
        for file in self.files.iter().filter(|file| !except.contains(&file.path)) {
            if file.put_back(workshop, now, &place)? {
                changed.push(file.path.clone());
            }
        }
        workshop.live.sync_file_system()?;
        Ok(changed)
    }
}

impl SavedFile {
    /// Whether `node` is what was saved, whatever its time.
    fn is_same(&self, node: &Node) -> bool {
        Thing::of_node(node) == self.thing
    }

    /// Whether what stood there now had to be set aside.
    fn put_back(&self, workshop: &Workshop, now: &Tree, place: &Root) -> Result<bool, SavedError> {
        let home = workshop.home(&self.path);
        let here = now.get(&TreePath::from(&self.path));
        match (&self.thing.what, here) {
            (What::Other, _) => Ok(false),
            (_, Some(node)) if self.is_same(node) => {
                let has_time = (node.meta.mtime, node.meta.mtime_nanos) == self.mtime;
                if !has_time && !node.is_folder() {
                    self.dress(home.root, home.path)?;
                }
                Ok(false)
            }
            (What::Folder, _) => {
                let is_other = here.is_some_and(|node| !node.is_folder());
                if is_other {
                    aside::put(home, &workshop.undone, &self.path)?;
                }
                if is_other || here.is_none() {
                    home.root.create_folder(home.path, 0o700)?;
                }
                self.dress(home.root, home.path)?;
                Ok(is_other)
            }
            (What::File { .. } | What::Link { .. }, _) => {
                self.put_back_file(home, place, &workshop.undone)?;
                Ok(here.is_some())
            }
        }
    }

    fn put_back_file(&self, home: Home, place: &Root, undone: &Root) -> Result<(), SavedError> {
        // Built under a name of its own in the same folder, so that the live name never shows half of it.
        let live = home.root;
        let temporary = home.path.with_suffix(".entracte-saved").unwrap_or_else(|_| home.path.clone());
        live.create_folders_above(home.path, 0o755)?;
        if live.stat(&temporary)?.is_some() {
            live.remove_file(&temporary)?;
        }
        match &self.thing.what {
            What::Link { target } => live.create_link(&temporary, target.as_bytes())?,
            _ => {
                let mut from = place.open_file(&self.path)?;
                let mut to = live.create_file(&temporary, 0o600)?;
                std::io::copy(&mut from, &mut to)
                    .map_err(|source| IoError::new("write", live.full(&temporary), source))?;
            }
        }
        self.dress(live, &temporary)?;
        match live.stat(home.path)?.map(|stat| stat.kind) {
            Some(StatKind::Folder) => aside::put(home, undone, &self.path)?,
            Some(_) => aside::link(home, undone, &self.path)?,
            None => {}
        }
        Ok(live.rename(&temporary, live, home.path, Rename::Replace)?)
    }

    /// Gives `path` the owner, mode and time that were saved.
    fn dress(&self, live: &Root, path: &SitePath) -> Result<(), SavedError> {
        let now = live.stat(path)?;
        if let (Some((uid, gid)), Some(now)) = (self.thing.owner, now)
            && (now.meta.uid, now.meta.gid) != (uid, gid)
        {
            live.set_owner(path, uid, gid)?;
        }
        if !matches!(self.thing.what, What::Link { .. }) {
            live.set_mode(path, self.thing.mode)?;
        }
        Ok(live.set_mtime(path, self.mtime.0, self.mtime.1)?)
    }
}

fn copy(home: Home, place: &Root, path: &SitePath, thing: &Thing) -> Result<(), SavedError> {
    let mut from = home.root.open_file(home.path)?;
    let mut to = place.create_file(path, 0o600)?;
    std::io::copy(&mut from, &mut to).map_err(|source| IoError::new("write", place.full(path), source))?;
    match holds(place, path, thing)? {
        true => Ok(()),
        false => Err(SavedError::Changed { path: path.clone() }),
    }
}

/// Whether the copy has the digest of what was copied.
fn holds(place: &Root, path: &SitePath, thing: &Thing) -> Result<bool, SavedError> {
    let (_, sha256, _) = hash_file(place, path, Algorithms::Sha256)?;
    Ok(Some(sha256) == thing.sha256())
}

fn list_path(folder: &Path) -> std::path::PathBuf {
    folder.with_extension("json")
}
