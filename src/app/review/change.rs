//! The changes of a plan, page by page: by kind, by words in their path, by
//! folder. Pure, so that ten thousand of them cost what two hundred do.

use std::collections::BTreeMap;

use crate::app::plan::word;
use crate::integrity::three_way::Reason;
use crate::update::plan::Change;
use crate::update::plan::Plan;
use crate::update::plan::Resolution;
use crate::update::plan::Thing;

/// The kinds, in the order in which people look at them.
pub const KINDS: [&str; 5] = ["conflict", "replace", "add", "remove", "keep"];
/// Lines of one page.
const PAGE: usize = 200;
/// Folders that are offered to go into.
const MOST_FOLDERS: usize = 60;

/// Which changes are looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// One of [`KINDS`]; empty: all.
    pub kind: String,
    /// What stands in the path, whatever its case; empty: anything.
    pub text: String,
    /// The folder that it is in, without a slash at its end; empty: the site.
    pub folder: String,
    /// The first is 0.
    pub page: usize,
}

/// One page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lines {
    pub lines: Vec<Line>,
    /// As many fit the filter.
    pub found: usize,
    pub page: usize,
    pub pages: usize,
    /// How many of each kind there would be, whichever kind is looked at.
    pub kinds: BTreeMap<String, usize>,
    /// The folders below the one that is looked at.
    pub folders: Vec<Folder>,
    /// More of those than are named.
    pub more_folders: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folder {
    pub path: String,
    pub name: String,
    pub count: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    pub path: String,
    pub kind: String,
    /// In the plan's own words.
    pub reason: &'static str,
    /// `ours`, `theirs` or `stop`.
    pub resolution: Option<&'static str>,
    pub beside: Option<String>,
    pub old_size: Option<u64>,
    pub new_size: Option<u64>,
    /// It is no longer as it was when the plan was made.
    pub drifted: bool,
}

pub(super) fn lines(changes: &[Change], drifted: &[usize], filter: &Filter) -> Lines {
    let text = filter.text.to_lowercase();
    let inside = |change: &Change| below(change.path.as_str(), &filter.folder).is_some();
    let says = |change: &Change| text.is_empty() || change.path.as_str().to_lowercase().contains(&text);
    let fitting: Vec<(usize, &Change, String)> = changes
        .iter()
        .enumerate()
        .filter(|(_, change)| inside(change) && says(change))
        .map(|(at, change)| (at, change, word(&change.kind)))
        .collect();
    let mut kinds = BTreeMap::new();
    for (_, _, kind) in &fitting {
        *kinds.entry(kind.clone()).or_default() += 1;
    }
    let chosen: Vec<&(usize, &Change, String)> =
        fitting.iter().filter(|(_, _, kind)| filter.kind.is_empty() || *kind == filter.kind).collect();
    let pages = chosen.len().div_ceil(PAGE).max(1);
    let page = filter.page.min(pages - 1);
    let (folders, more_folders) =
        folders(chosen.iter().map(|(_, change, _)| change.path.as_str()), &filter.folder);
    let lines = chosen.iter().skip(page * PAGE).take(PAGE);
    Lines {
        lines: lines
            .map(|(at, change, kind)| line(change, kind, drifted.binary_search(at).is_ok()))
            .collect(),
        found: chosen.len(),
        page,
        pages,
        kinds,
        folders,
        more_folders,
    }
}

/// The rest of a path that lies in the folder.
fn below<'p>(path: &'p str, folder: &str) -> Option<&'p str> {
    match folder {
        "" => Some(path),
        folder => path.strip_prefix(folder)?.strip_prefix('/'),
    }
}

fn folders<'p>(paths: impl Iterator<Item = &'p str>, inside: &str) -> (Vec<Folder>, usize) {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for path in paths {
        if let Some((name, _)) = below(path, inside).and_then(|rest| rest.split_once('/')) {
            *counts.entry(name).or_default() += 1;
        }
    }
    let whole = |name: &str| match inside {
        "" => name.to_owned(),
        inside => format!("{inside}/{name}"),
    };
    let more = counts.len().saturating_sub(MOST_FOLDERS);
    let folder = |(name, count): (&str, usize)| Folder { path: whole(name), name: name.to_owned(), count };
    (counts.into_iter().take(MOST_FOLDERS).map(folder).collect(), more)
}

pub(super) fn line(change: &Change, kind: &str, drifted: bool) -> Line {
    let resolution = change.resolution.map(|resolution| match resolution {
        Resolution::Ours => "ours",
        Resolution::Theirs => "theirs",
        Resolution::Stop => "stop",
    });
    Line {
        path: change.path.as_str().to_owned(),
        kind: kind.to_owned(),
        reason: change.reason.text(),
        resolution,
        beside: change.beside.as_ref().map(|beside| beside.path.as_str().to_owned()),
        old_size: change.old.as_ref().and_then(size),
        new_size: change.new.as_ref().and_then(size),
        drifted,
    }
}

/// Of files only.
fn size(thing: &Thing) -> Option<u64> {
    thing.sha256().map(|_| thing.size())
}

/// How many files of the vendor's the owner changed.
pub(super) fn edited(plan: &Plan) -> u64 {
    let is_edited = |change: &&Change| {
        matches!(change.reason, Reason::EditedHere | Reason::EditedAndChanged | Reason::EditedAndDropped)
    };
    plan.sealed.changes.iter().filter(is_edited).count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::path::SitePath;
    use crate::integrity::three_way::ChangeKind;

    fn change(path: &str, kind: ChangeKind) -> Change {
        let path = SitePath::parse(path).unwrap();
        let reason = Reason::Changed;
        Change { path, kind, reason, old: None, new: None, resolution: None, beside: None }
    }

    fn changes() -> Vec<Change> {
        let mut all: Vec<Change> =
            (0..450).map(|number| change(&format!("lib/a/{number:03}.php"), ChangeKind::Replace)).collect();
        all.push(change("lib/B.php", ChangeKind::Add));
        all.push(change("library.txt", ChangeKind::Remove));
        all
    }

    #[test]
    fn pages_end_where_the_changes_do() {
        let of = |page| lines(&changes(), &[], &Filter { page, ..Filter::default() });
        let counts: Vec<usize> = (0..4).map(|page| of(page).lines.len()).collect();
        assert_eq!(counts, [200, 200, 52, 52]);
        assert_eq!((of(9).page, of(9).pages, of(0).found), (2, 3, 452));
        let nothing = lines(&[], &[], &Filter::default());
        assert_eq!((nothing.pages, nothing.page, nothing.found), (1, 0, 0));
    }

    #[test]
    fn filters_are_asked_together() {
        let count = |kind: &str, text: &str, folder: &str| {
            let filter = Filter { kind: kind.into(), text: text.into(), folder: folder.into(), page: 0 };
            lines(&changes(), &[], &filter).found
        };
        assert_eq!(count("add", "", ""), 1);
        assert_eq!(count("", "b.PHP", ""), 1);
        assert_eq!(count("", "", "lib"), 451, "library.txt is not in lib");
        assert_eq!(count("replace", "44", "lib/a"), 14);
        assert_eq!(count("nonsense", "", ""), 0);
        assert_eq!(count("", "", "../.."), 0);
    }

    #[test]
    fn folders_and_kinds_are_counted_for_what_is_looked_at() {
        let top = lines(&changes(), &[451], &Filter { kind: "remove".into(), ..Filter::default() });
        assert_eq!(top.kinds.values().sum::<usize>(), 452);
        assert!(top.folders.is_empty() && top.lines[0].drifted);
        let lib = lines(&changes(), &[], &Filter { folder: "lib".into(), ..Filter::default() });
        assert_eq!(lib.folders, [Folder { path: "lib/a".into(), name: "a".into(), count: 450 }]);
    }
}
