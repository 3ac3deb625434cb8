//! The changes of a plan, composed from the installed manifest, the live tree
//! and the new manifest. Pure.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::iter::Peekable;

use crate::base::path::SitePath;
use crate::base::path::TreePath;
use crate::base::pattern::Patterns;
use crate::base::tree::Node;
use crate::base::tree::Tree;
use crate::integrity::manifest::Content;
use crate::integrity::manifest::Extent;
use crate::integrity::manifest::FileEntry;
use crate::integrity::manifest::Made;
use crate::integrity::manifest::Manifest;
use crate::integrity::three_way::ChangeKind;
use crate::integrity::three_way::Reason;
use crate::integrity::three_way::View;
use crate::integrity::three_way::decide;
use crate::integrity::three_way::holds;
use crate::integrity::three_way::wanted_mode;
use crate::update::plan::Beside;
use crate::update::plan::Change;
use crate::update::plan::Resolution;
use crate::update::plan::Thing;

/// What a plan is made from.
pub struct Sides<'a> {
    pub installed: &'a Manifest,
    pub live: &'a Tree,
    pub new: &'a Manifest,
    /// The owner's files.
    pub keep: &'a Patterns,
    /// Scripts that ran before: path of the script.
    pub ran: &'a BTreeSet<SitePath>,
    pub resolve: &'a dyn Fn(&SitePath) -> Resolution,
    pub reinstall: Reinstall,
}

/// Whether files that differ from nothing are written all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reinstall {
    No,
    /// Every file of the release is written, local edits and deletions included.
    Everything,
}

/// The changes in byte order, and how many files stay as they are.
pub struct Composed {
    pub changes: Vec<Change>,
    pub unchanged: u64,
}

pub fn compose(sides: &Sides) -> Composed {
    let mut changes = BTreeMap::new();
    let mut unchanged = 0;
    sides.each_path(&mut |path, view| match sides.decide(path, view) {
        Some((ChangeKind::Same, _)) if view.installed.is_some_and(|old| stays(old, view.new)) => {
            unchanged += 1;
        }
        Some((kind, reason)) => {
            changes.insert(path.clone(), sides.change(path.clone(), kind, reason, view));
        }
        None => {}
    });
    settle_folders(sides, &mut changes);
    for change in changes.values_mut() {
        sides.settle_conflict(change);
    }
    Composed { changes: changes.into_values().collect(), unchanged }
}

/// What stands at `path` in a list that is walked in byte order of its paths.
fn at<'a, T>(
    list: &mut Peekable<impl Iterator<Item = T>>,
    path: &SitePath,
    path_of: impl Fn(&T) -> &'a [u8],
) -> Option<T> {
    let path = path.as_str().as_bytes();
    while list.next_if(|next| path_of(next) < path).is_some() {}
    list.next_if(|next| path_of(next) == path)
}

fn stays(installed: &FileEntry, new: Option<&FileEntry>) -> bool {
    new.is_some_and(|new| new.content == installed.content)
}

impl<'a> Sides<'a> {
    fn live(&self, path: &SitePath) -> Option<&'a Node> {
        self.live.get(&TreePath::from(path))
    }

    /// Every path that the installed or the new release names, in byte order, with what stands there
    /// on all sides: one walk through lists that are long and sorted.
    fn each_path(&self, take: &mut dyn FnMut(&'a SitePath, View<'a>)) {
        let (installed, new) = (&self.installed.files, &self.new.files);
        let named = installed.iter().chain(new).map(|entry| &entry.path).chain(&self.new.deleted);
        let mut paths: Vec<&SitePath> = named.collect();
        paths.sort();
        paths.dedup();
        let (mut installed, mut new) = (installed.iter().peekable(), new.iter().peekable());
        let mut live = self.live.iter().peekable();
        for path in paths {
            let named_as_deleted = || self.new.deleted.contains(path);
            let entry_path = |entry: &&'a FileEntry| entry.path.as_str().as_bytes();
            let view = View {
                installed: at(&mut installed, path, entry_path),
                live: at(&mut live, path, |(path, _)| path.as_bytes()).map(|(_, node)| node),
                new: at(&mut new, path, entry_path),
                owners: self.keep.matches(path.as_str()),
                observed: self.installed.made == Made::Observed,
                dropped: self.new.extent == Extent::Complete || named_as_deleted(),
            };
            take(path, view);
        }
    }

    fn decide(&self, path: &SitePath, view: View) -> Option<(ChangeKind, Reason)> {
        let is_script = || self.new.run_once.iter().any(|script| script.path == *path);
        if view.live.is_none() && self.ran.contains(path) && is_script() {
            return Some((ChangeKind::Keep, Reason::RanBefore));
        }
        let decided = decide(view)?;
        match (self.reinstall, decided, view.live, view.new) {
            (Reinstall::Everything, (_, Reason::Owners), _, _) | (Reinstall::No, _, _, _) => Some(decided),
            (Reinstall::Everything, _, None, Some(_)) => Some((ChangeKind::Add, Reason::Reinstalled)),
            (Reinstall::Everything, _, Some(live), Some(new)) if !matches!(new.content, Content::Folder) => {
                let known = view.installed.is_some() || holds(live, &new.content);
                Some(if known { (ChangeKind::Replace, Reason::Reinstalled) } else { decided })
            }
            _ => Some(decided),
        }
    }

    fn change(&self, path: SitePath, kind: ChangeKind, reason: Reason, view: View) -> Change {
        let new = view.new.map(|entry| {
            let mode = match view.live {
                Some(live) if !live.is_folder() => wanted_mode(view.installed, live, entry),
                _ => entry.mode.unwrap_or(0),
            };
            Thing::of_entry(entry, mode)
        });
        Change { path, kind, reason, old: view.live.map(Thing::of_node), new, resolution: None, beside: None }
    }

    /// Decides who wins, and where the loser goes.
    fn settle_conflict(&self, change: &mut Change) {
        if change.kind != ChangeKind::Conflict {
            return;
        }
        let blocked = matches!(change.reason, Reason::FileWhereFolder | Reason::FolderWhereFile);
        let resolution = match (self.resolve)(&change.path) {
            // What holds other files cannot be put aside for a file of the release.
            Resolution::Theirs if blocked => Resolution::Stop,
            resolution => resolution,
        };
        change.resolution = Some(resolution);
        let wants_place = resolution == Resolution::Ours && change.reason != Reason::FileWhereFolder;
        let is_file = change.new.as_ref().is_some_and(|new| !new.is_folder());
        if wants_place && is_file {
            change.beside = self.place_beside(change);
        }
    }

    fn place_beside(&self, change: &Change) -> Option<Beside> {
        let path = change.path.with_suffix(".new").ok()?;
        let old = self.live(&path).map(Thing::of_node);
        let there =
            old.as_ref().is_some_and(|old| Some(&old.what) == change.new.as_ref().map(|new| &new.what));
        let taken = self.new.entry(&path).is_some() || old.as_ref().is_some_and(Thing::is_folder);
        (!there && !taken).then_some(Beside { path, old })
    }
}

/// Files where folders must be and folders where files must be.
fn settle_folders(sides: &Sides, changes: &mut BTreeMap<SitePath, Change>) {
    let leaving: BTreeSet<SitePath> = changes
        .values()
        .filter(|change| change.kind == ChangeKind::Remove || becomes_folder(change))
        .map(|change| change.path.clone())
        .collect();
    for change in changes.values_mut() {
        let wants_file = change.new.as_ref().is_some_and(|new| !new.is_folder());
        let over_folder = change.old.as_ref().is_some_and(Thing::is_folder);
        if wants_file && over_folder && matches!(change.kind, ChangeKind::Conflict | ChangeKind::Replace) {
            let empties = everything_leaves(sides.live, &change.path, &leaving);
            (change.kind, change.reason) = match empties {
                true => (ChangeKind::Replace, Reason::Changed),
                false => (ChangeKind::Conflict, Reason::FolderWhereFile),
            };
        }
    }
    let blocked = |path: &SitePath| {
        path.ancestors().any(|above| {
            sides.live(&above).is_some_and(|node| !node.is_folder()) && !leaving.contains(&above)
        })
    };
    for change in changes.values_mut() {
        if change.kind == ChangeKind::Add && blocked(&change.path) {
            (change.kind, change.reason) = (ChangeKind::Conflict, Reason::FileWhereFolder);
        }
    }
}

fn becomes_folder(change: &Change) -> bool {
    change.kind == ChangeKind::Replace && change.new.as_ref().is_some_and(Thing::is_folder)
}

/// Whether the folder would be empty once the leaving paths are gone.
fn everything_leaves(live: &Tree, folder: &SitePath, leaving: &BTreeSet<SitePath>) -> bool {
    let start = format!("{folder}/", folder = folder.as_str());
    live.range(TreePath::from_bytes(start.as_bytes())..)
        .take_while(|(path, _)| path.as_bytes().starts_with(start.as_bytes()))
        .all(|(path, node)| match path.to_site_path() {
            Ok(path) if node.is_folder() => leaving.iter().any(|gone| gone.is_below(&path) || *gone == path),
            Ok(path) => leaving.contains(&path),
            Err(_) => false,
        })
}

#[cfg(test)]
mod tests;
