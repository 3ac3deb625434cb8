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
        extent: Extent::Complete,
        made: Made::Published,
        files,
        ..Manifest::new("p", "1", jiff::Timestamp::UNIX_EPOCH)
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
    let script = RunOnce { path: path("run_once/1.php"), repeatable: false, changes: Patterns::default() };
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
