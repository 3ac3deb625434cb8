//! The changes of a plan, composed from the installed manifest, the live tree
//! and the new manifest. Pure.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

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
    for path in paths(sides) {
        let view = sides.view(&path);
        match sides.decide(&path, view) {
            Some((ChangeKind::Same, _)) if view.installed.is_some_and(|old| stays(old, view.new)) => {
                unchanged += 1
            }
            Some((kind, reason)) => {
                changes.insert(path.clone(), sides.change(path, kind, reason, view));
            }
            None => {}
        }
    }
    settle_folders(sides, &mut changes);
    for change in changes.values_mut() {
        sides.settle_conflict(change);
    }
    Composed { changes: changes.into_values().collect(), unchanged }
}

/// Every path that the installed or the new release names.
fn paths(sides: &Sides) -> BTreeSet<SitePath> {
    let entries = sides.installed.files.iter().chain(&sides.new.files);
    entries.map(|entry| entry.path.clone()).chain(sides.new.deleted.iter().cloned()).collect()
}

fn stays(installed: &FileEntry, new: Option<&FileEntry>) -> bool {
    new.is_some_and(|new| new.content == installed.content)
}

impl<'a> Sides<'a> {
    fn live(&self, path: &SitePath) -> Option<&'a Node> {
        self.live.get(&TreePath::from(path))
    }

    fn view(&self, path: &SitePath) -> View<'a> {
        let named_as_deleted =
            || self.new.deleted.binary_search(path).is_ok() || self.new.deleted.contains(path);
        View {
            installed: self.installed.entry(path),
            live: self.live(path),
            new: self.new.entry(path),
            owners: self.keep.matches(path.as_str()),
            observed: self.installed.made == Made::Observed,
            dropped: self.new.extent == Extent::Complete || named_as_deleted(),
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
mod tests {
    use super::*;
    use crate::base::digest::Sha256;
    use crate::base::tree::Kind;
    use crate::base::tree::Meta;
    use crate::integrity::manifest::RunOnce;

    fn path(text: &str) -> SitePath {
        SitePath::parse(text).unwrap()
    }

    fn manifest(files: &[(&str, &str)]) -> Manifest {
        let mut files: Vec<FileEntry> = files
            .iter()
            .map(|(name, text)| {
                let sha256 = Sha256::of(text.as_bytes());
                let content = Content::File { size: text.len() as u64, sha256, md5: None };
                FileEntry { path: path(name), content, mode: Some(0o644) }
            })
            .collect();
        files.sort_by(|a, b| a.path.cmp(&b.path));
        Manifest {
            product: "p".into(),
            version: "1".into(),
            time: jiff::Timestamp::UNIX_EPOCH,
            extent: Extent::Complete,
            made: Made::Published,
            from: Vec::new(),
            files,
            deleted: Vec::new(),
            schema: Vec::new(),
            run_once: Vec::new(),
            extensions: Vec::new(),
        }
    }

    /// A tree from names and contents; a name that ends with `/` is a folder.
    fn tree(files: &[(&str, &str)]) -> Tree {
        let mut tree = Tree::new();
        for (name, text) in files {
            let at = path(name.trim_end_matches('/'));
            for above in at.ancestors() {
                tree.insert(TreePath::from(&above), Node { kind: Kind::Folder, meta: Meta::default() });
            }
            let file = Kind::File { size: text.len() as u64, sha256: Sha256::of(text.as_bytes()), md5: None };
            let kind = if name.ends_with('/') { Kind::Folder } else { file };
            tree.insert(TreePath::from(&at), Node { kind, meta: Meta { mode: 0o644, ..Meta::default() } });
        }
        tree
    }

    struct Case {
        installed: Manifest,
        live: Tree,
        new: Manifest,
        keep: Patterns,
        ran: BTreeSet<SitePath>,
        resolution: Resolution,
        reinstall: Reinstall,
    }

    fn case(installed: &[(&str, &str)], live: &[(&str, &str)], new: &[(&str, &str)]) -> Case {
        Case {
            installed: manifest(installed),
            live: tree(live),
            new: manifest(new),
            keep: Patterns::default(),
            ran: BTreeSet::new(),
            resolution: Resolution::Ours,
            reinstall: Reinstall::No,
        }
    }

    impl Case {
        fn composed(&self) -> Composed {
            compose(&Sides {
                installed: &self.installed,
                live: &self.live,
                new: &self.new,
                keep: &self.keep,
                ran: &self.ran,
                resolve: &|_| self.resolution,
                reinstall: self.reinstall,
            })
        }

        fn shown(&self) -> Vec<String> {
            let line = |change: &Change| {
                let beside = change.beside.as_ref().map(|beside| format!(" + {}", beside.path));
                format!("{} {:?} {:?}{}", change.path, change.kind, change.reason, beside.unwrap_or_default())
            };
            self.composed().changes.iter().map(line).collect()
        }
    }

    #[test]
    fn what_stays_is_counted_and_not_listed() {
        let case = case(&[("a", "1"), ("b", "1")], &[("a", "1"), ("b", "1")], &[("a", "1"), ("b", "2")]);
        assert_eq!(case.shown(), ["b Replace Changed"]);
        assert_eq!(case.composed().unchanged, 1);
    }

    #[test]
    fn a_conflict_keeps_the_edit_and_puts_the_releases_version_beside() {
        let case = case(&[("a", "1")], &[("a", "mine")], &[("a", "2")]);
        assert_eq!(case.shown(), ["a Conflict EditedAndChanged + a.new"]);
    }

    #[test]
    fn a_version_already_beside_is_not_put_there_again() {
        let case = case(&[("a", "1")], &[("a", "mine"), ("a.new", "2")], &[("a", "2")]);
        assert_eq!(case.shown(), ["a Conflict EditedAndChanged"]);
    }

    #[test]
    fn an_owners_file_that_the_release_ships_is_left_alone() {
        let mut case = case(&[], &[("wp-config.php", "mine")], &[("wp-config.php", "theirs")]);
        case.keep = Patterns::new(["wp-config.php"]).unwrap();
        assert_eq!(case.shown(), ["wp-config.php Keep Owners"]);
    }

    #[test]
    fn a_folder_becomes_a_file_only_when_nothing_else_is_in_it() {
        let release = [("d/x", "1")];
        let empties = case(&release, &[("d/x", "1")], &[("d", "file")]);
        assert_eq!(empties.shown(), ["d Replace Changed", "d/x Remove Dropped"]);
        let holds = case(&release, &[("d/x", "1"), ("d/mine", "m")], &[("d", "file")]);
        assert_eq!(holds.shown(), ["d Conflict FolderWhereFile + d.new", "d/x Remove Dropped"]);
    }

    #[test]
    fn a_file_becomes_a_folder_only_when_it_leaves() {
        let leaves = case(&[("f", "1")], &[("f", "1")], &[("f/x", "2")]);
        assert_eq!(leaves.shown(), ["f Remove Dropped", "f/x Add Brought"]);
        let edited = case(&[("f", "1")], &[("f", "mine")], &[("f/x", "2")]);
        assert_eq!(edited.shown(), ["f Conflict EditedAndDropped", "f/x Conflict FileWhereFolder"]);
    }

    #[test]
    fn a_partial_release_removes_only_what_it_names() {
        let mut case =
            case(&[("a", "1"), ("b", "1"), ("c", "1")], &[("a", "1"), ("b", "1"), ("c", "1")], &[("a", "2")]);
        case.new.extent = Extent::Partial;
        case.new.deleted = vec![path("b")];
        assert_eq!(case.shown(), ["a Replace Changed", "b Remove Dropped"]);
    }

    #[test]
    fn a_script_that_ran_is_not_brought_again() {
        let mut case = case(&[], &[], &[("run_once/1.php", "x")]);
        let script =
            RunOnce { path: path("run_once/1.php"), repeatable: false, changes: Patterns::default() };
        case.new.run_once = vec![script];
        case.ran.insert(path("run_once/1.php"));
        assert_eq!(case.shown(), ["run_once/1.php Keep RanBefore"]);
    }

    #[test]
    fn reinstalling_writes_everything_but_the_owners_files() {
        let files = [("a", "1"), ("b", "1"), ("mine", "1")];
        let mut case = case(&files, &[("a", "edited"), ("mine", "m")], &files);
        case.keep = Patterns::new(["mine"]).unwrap();
        case.reinstall = Reinstall::Everything;
        assert_eq!(case.shown(), ["a Replace Reinstalled", "b Add Reinstalled", "mine Keep Owners"]);
    }
}
