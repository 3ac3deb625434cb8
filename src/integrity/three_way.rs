//! What an update does to one path, decided from three views of it: the
//! installed manifest, the live file, the new manifest. Pure.
//!
//! The table, also in `docs/plan.md`. I, L, N: installed, live, new; `-` is
//! absent, `=` equal in content, `≠` different. The first row that fits decides.
//!
//! | # | installed | live | new | change | why |
//! |---|---|---|---|---|---|
//! | 1 | any | L | = L | same | it is already there (a change of mode alone replaces, unless observed or the owner's) |
//! | 2 | any | any | any, owner's path | keep | settings and uploads are the owner's |
//! | 3 | - | - | N | add | the release brings it |
//! | 4 | - | L | ≠ L | conflict | a file nobody knows stands there |
//! | 5 | I | - | = I | keep | the owner deleted it and it stays deleted |
//! | 6 | I | - | ≠ I | keep | the owner deleted it, though the release has a new one |
//! | 7 | I | = I, known | ≠ I | replace | only the release touched it |
//! | 8 | I | = I, observed | ≠ I | conflict | what it was before is not known |
//! | 9 | I | ≠ I | = I | keep | edited here, unchanged in the release |
//! | 10 | I | ≠ I | ≠ I | conflict | edited here and changed in the release |
//! | 11 | I | = I, known | - | remove | the release dropped it |
//! | 12 | I | = I, observed | - | keep | what it was before is not known |
//! | 13 | I | ≠ I | - | conflict | edited here, dropped by the release |
//! | 14 | -, or I and - live | any | - | nothing | not the release's, or gone already |
//!
//! In a partial release an absent N says nothing: only the paths that its
//! `deleted` list names count as dropped.

use serde::Deserialize;
use serde::Serialize;

use crate::base::tree::Kind;
use crate::base::tree::Node;
use crate::integrity::manifest::Content;
use crate::integrity::manifest::FileEntry;

/// What happens to a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ChangeKind {
    Add,
    Replace,
    Remove,
    Keep,
    Conflict,
    Same,
}

/// Why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    Owners,
    AlreadyThere,
    Brought,
    UnknownInTheWay,
    OwnerDeleted,
    OwnerDeletedChanged,
    Changed,
    ModeChanged,
    ObservedChanged,
    EditedHere,
    EditedAndChanged,
    Dropped,
    ObservedDropped,
    EditedAndDropped,
    /// A file or link stands where the release wants a folder.
    FileWhereFolder,
    /// A folder that holds other files stands where the release wants a file.
    FolderWhereFile,
    /// A one-time script that ran before.
    RanBefore,
    /// `--reinstall` writes every file anew.
    Reinstalled,
}

impl Reason {
    /// For people, to be read after the path.
    pub fn text(self) -> &'static str {
        match self {
            Reason::Owners => "yours: never replaced, added or removed",
            Reason::AlreadyThere => "already equals the release",
            Reason::Brought => "new in this release",
            Reason::UnknownInTheWay => "a file that no release is known to own stands there",
            Reason::OwnerDeleted => "deleted here, stays deleted",
            Reason::OwnerDeletedChanged => "deleted here, stays deleted though the release changed it",
            Reason::Changed => "changed by this release",
            Reason::ModeChanged => "its permissions change",
            Reason::ObservedChanged => "differs from the release, and the baseline was only observed",
            Reason::EditedHere => "edited here, unchanged by the release",
            Reason::EditedAndChanged => "edited here and changed by the release",
            Reason::Dropped => "dropped by this release",
            Reason::ObservedDropped => "not in this release, but the baseline was only observed",
            Reason::EditedAndDropped => "edited here, dropped by the release",
            Reason::FileWhereFolder => "a file or link stands where the release wants a folder",
            Reason::FolderWhereFile => "a folder with other files stands where the release wants a file",
            Reason::RanBefore => "a one-time script that has run",
            Reason::Reinstalled => "written anew as asked",
        }
    }
}

/// The three views of one path, and what is known about them.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    pub installed: Option<&'a FileEntry>,
    pub live: Option<&'a Node>,
    pub new: Option<&'a FileEntry>,
    /// The path matches a pattern of the owner's files.
    pub owners: bool,
    /// The installed manifest was taken from the live tree.
    pub observed: bool,
    /// Without `new`: the release really drops the path.
    pub dropped: bool,
}

/// The change for one path; `None` when there is nothing to say about it.
pub fn decide(view: View) -> Option<(ChangeKind, Reason)> {
    match (view.installed, view.live, view.new) {
        (_, Some(live), Some(new)) if holds(live, &new.content) => Some(equal_content(view, live, new)),
        (None, None, None) => None,
        (_, _, Some(_)) if view.owners => Some((ChangeKind::Keep, Reason::Owners)),
        (Some(_), Some(_), None) if view.owners && view.dropped => Some((ChangeKind::Keep, Reason::Owners)),
        (None, None, Some(_)) => Some((ChangeKind::Add, Reason::Brought)),
        (None, Some(_), Some(_)) => Some((ChangeKind::Conflict, Reason::UnknownInTheWay)),
        (Some(installed), None, Some(new)) if installed.content == new.content => {
            Some((ChangeKind::Keep, Reason::OwnerDeleted))
        }
        (Some(_), None, Some(_)) => Some((ChangeKind::Keep, Reason::OwnerDeletedChanged)),
        (Some(installed), Some(live), Some(new)) => Some(changed(view, installed, live, new)),
        (Some(installed), Some(live), None) if view.dropped => Some(dropped(view, installed, live)),
        (_, _, None) => None,
    }
}

fn equal_content(view: View, live: &Node, new: &FileEntry) -> (ChangeKind, Reason) {
    let wanted = wanted_mode(view.installed, live, new);
    let is_ours = !view.owners && !view.observed;
    if wanted != live.meta.mode && is_ours && matches!(live.kind, Kind::File { .. }) {
        (ChangeKind::Replace, Reason::ModeChanged)
    } else {
        (ChangeKind::Same, Reason::AlreadyThere)
    }
}

fn changed(view: View, installed: &FileEntry, live: &Node, new: &FileEntry) -> (ChangeKind, Reason) {
    let edited = !holds(live, &installed.content);
    match (edited, same_content(&installed.content, &new.content)) {
        (true, true) => (ChangeKind::Keep, Reason::EditedHere),
        (true, false) => (ChangeKind::Conflict, Reason::EditedAndChanged),
        (false, _) if view.observed => (ChangeKind::Conflict, Reason::ObservedChanged),
        (false, _) => (ChangeKind::Replace, Reason::Changed),
    }
}

fn dropped(view: View, installed: &FileEntry, live: &Node) -> (ChangeKind, Reason) {
    match holds(live, &installed.content) {
        false => (ChangeKind::Conflict, Reason::EditedAndDropped),
        true if view.observed => (ChangeKind::Keep, Reason::ObservedDropped),
        true => (ChangeKind::Remove, Reason::Dropped),
    }
}

/// Whether the live entry has exactly this content.
pub fn holds(live: &Node, content: &Content) -> bool {
    match (&live.kind, content) {
        (Kind::File { sha256, size, .. }, Content::File { sha256: wanted, size: wanted_size, .. }) => {
            sha256 == wanted && size == wanted_size
        }
        (Kind::Link { target }, Content::Link { target: wanted }) => target == wanted.as_bytes(),
        (Kind::Folder, Content::Folder) => true,
        _ => false,
    }
}

fn same_content(a: &Content, b: &Content) -> bool {
    match (a, b) {
        (Content::File { sha256: a, .. }, Content::File { sha256: b, .. }) => a == b,
        (a, b) => a == b,
    }
}

/// The permission bits that a path has afterwards. A site has its own habits
/// (0664 for 0644, say), so only a change that the release itself makes counts.
pub fn wanted_mode(installed: Option<&FileEntry>, live: &Node, new: &FileEntry) -> u32 {
    let Some(new_mode) = new.mode else { return live.meta.mode };
    let old_mode = installed.and_then(|entry| entry.mode);
    let executable = |mode: u32| mode & 0o100 != 0;
    match old_mode {
        Some(old) if old == new_mode => live.meta.mode,
        Some(old) if old == live.meta.mode => new_mode,
        // The site has other bits than the release had: only what runs is carried over.
        Some(old) if executable(old) != executable(new_mode) => {
            with_execution(live.meta.mode, executable(new_mode))
        }
        _ => live.meta.mode,
    }
}

/// The bits with execution allowed to whoever may read, or to nobody.
fn with_execution(mode: u32, allowed: bool) -> u32 {
    if allowed { mode | ((mode & 0o444) >> 2) } else { mode & !0o111 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::digest::Sha256;
    use crate::base::path::SitePath;
    use crate::base::tree::Meta;

    fn entry(content: &str, mode: u32) -> FileEntry {
        let content =
            Content::File { size: content.len() as u64, sha256: Sha256::of(content.as_bytes()), md5: None };
        FileEntry { path: SitePath::parse("a.php").unwrap(), content, mode: Some(mode) }
    }

    fn node(content: &str, mode: u32) -> Node {
        let sha256 = Sha256::of(content.as_bytes());
        let kind = Kind::File { size: content.len() as u64, sha256, md5: None };
        Node { kind, meta: Meta { mode, ..Meta::default() } }
    }

    fn row(installed: &str, live: &str, new: &str, flags: &str) -> Option<(ChangeKind, Reason)> {
        let entry_of = |text: &str| (text != "-").then(|| entry(text, 0o644));
        let (installed, new) = (entry_of(installed), entry_of(new));
        let live = (live != "-").then(|| node(live, 0o644));
        decide(View {
            installed: installed.as_ref(),
            live: live.as_ref(),
            new: new.as_ref(),
            owners: flags.contains("owner"),
            observed: flags.contains("observed"),
            dropped: !flags.contains("partial"),
        })
    }

    #[test]
    fn the_table() {
        use ChangeKind::*;
        for (installed, live, new, flags, expected) in [
            ("-", "-", "-", "", None),
            ("-", "-", "n", "", Some((Add, Reason::Brought))),
            ("-", "-", "n", "owner", Some((Keep, Reason::Owners))),
            ("-", "x", "n", "", Some((Conflict, Reason::UnknownInTheWay))),
            ("-", "x", "n", "owner", Some((Keep, Reason::Owners))),
            ("-", "n", "n", "", Some((Same, Reason::AlreadyThere))),
            ("-", "x", "-", "", None),
            ("i", "i", "i", "", Some((Same, Reason::AlreadyThere))),
            ("i", "i", "n", "", Some((Replace, Reason::Changed))),
            ("i", "i", "n", "observed", Some((Conflict, Reason::ObservedChanged))),
            ("i", "i", "n", "owner", Some((Keep, Reason::Owners))),
            ("i", "x", "i", "", Some((Keep, Reason::EditedHere))),
            ("i", "x", "n", "", Some((Conflict, Reason::EditedAndChanged))),
            ("i", "n", "n", "", Some((Same, Reason::AlreadyThere))),
            ("i", "i", "-", "", Some((Remove, Reason::Dropped))),
            ("i", "i", "-", "observed", Some((Keep, Reason::ObservedDropped))),
            ("i", "i", "-", "partial", None),
            ("i", "i", "-", "owner", Some((Keep, Reason::Owners))),
            ("i", "x", "-", "", Some((Conflict, Reason::EditedAndDropped))),
            ("i", "-", "i", "", Some((Keep, Reason::OwnerDeleted))),
            ("i", "-", "n", "", Some((Keep, Reason::OwnerDeletedChanged))),
            ("i", "-", "-", "", None),
        ] {
            let found = row(installed, live, new, flags);
            assert_eq!(found, expected, "installed {installed}, live {live}, new {new} {flags}");
        }
    }

    #[test]
    fn only_a_mode_that_the_release_changes_counts() {
        for (installed, live, new, wanted) in [
            (0o644, 0o644, 0o755, 0o755),
            (0o644, 0o664, 0o644, 0o664),
            (0o644, 0o640, 0o755, 0o750),
            (0o755, 0o775, 0o644, 0o664),
            (0o644, 0o600, 0o644, 0o600),
        ] {
            let found = wanted_mode(Some(&entry("a", installed)), &node("a", live), &entry("a", new));
            assert_eq!(found, wanted, "{installed:o} {live:o} {new:o}");
        }
    }

    #[test]
    fn a_mode_alone_is_a_replacement() {
        let (installed, live, new) = (entry("a", 0o644), node("a", 0o644), entry("a", 0o755));
        let view = View {
            installed: Some(&installed),
            live: Some(&live),
            new: Some(&new),
            owners: false,
            observed: false,
            dropped: true,
        };
        assert_eq!(decide(view), Some((ChangeKind::Replace, Reason::ModeChanged)));
    }
}
