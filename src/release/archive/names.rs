//! The rules for names: what a path may be, that no two entries fight for one,
//! and which top folder is left out.

use std::collections::HashMap;
use std::collections::HashSet;

use crate::base::path::PathError;
use crate::base::path::RESERVED;
use crate::base::path::SitePath;
use crate::release::archive::error::Refusal;
use crate::release::archive::error::Why;
use crate::release::archive::error::short;
use crate::release::archive::limits::Limits;
use crate::release::archive::links;
use crate::release::archive::opened::Member;
use crate::release::archive::opened::MemberKind;

/// Files that the gate makes in the site and later takes for its own.
const GATE_FILES: [&str; 2] = [".htaccess.entracte-held", "entracte-closed.php"];

/// Checks one entry's name and takes it as a path. `None` is the archive's own
/// root (`./`), which GNU tar writes and which says nothing.
pub(super) fn clean(raw: &[u8], is_folder: bool) -> Result<Option<SitePath>, Refusal> {
    let refuse = |why| Err(Refusal::entry(raw, why));
    let mut name = raw.strip_prefix(b"./").unwrap_or(raw);
    if is_folder {
        if matches!(raw, b"./" | b".") {
            return Ok(None);
        }
        name = name.strip_suffix(b"/").unwrap_or(name);
    } else if name.ends_with(b"/") {
        return refuse(Why::FileWithSlash);
    }
    let path = match SitePath::parse_bytes(name) {
        Ok(path) => path,
        Err(error) => return refuse(path_rule(error)),
    };
    if matches!(name, [letter, b':', ..] if letter.is_ascii_alphabetic()) {
        return refuse(Why::Drive);
    }
    if is_below_git(&path) {
        return refuse(Why::Git);
    }
    Ok(Some(path))
}

fn is_below_git(path: &SitePath) -> bool {
    let (folders, _) = path.as_str().rsplit_once('/').unwrap_or_default();
    folders.split('/').any(|name| name.eq_ignore_ascii_case(".git"))
}

/// The rules for a path of a release by itself, whatever way it came.
pub(super) fn check(path: &SitePath) -> Result<(), Why> {
    if is_below_git(path) { Err(Why::Git) } else { judge(path) }
}

/// What a Mac puts beside the files of a zip: no part of any release.
const MAC_FOLDER: &str = "__MACOSX";

/// Checks all entries against each other, in archive order, and strips one
/// common top folder. `None` stands where the top folder itself was listed, and
/// where a Mac's own notes were.
pub(super) fn settle(entries: Vec<Member>, limits: &Limits) -> Result<Vec<Option<Member>>, Refusal> {
    check_numbers(&entries, limits)?;
    check_places(&entries)?;
    let top = common_top(&entries);
    let settled = entries
        .into_iter()
        .map(|entry| match &top {
            _ if top_of(&entry.path) == MAC_FOLDER => Ok(None),
            Some(top) => strip(entry, top),
            None => Ok(Some(entry)),
        })
        .collect::<Result<Vec<_>, _>>()?;
    for member in settled.iter().flatten() {
        judge(&member.path).map_err(|why| refusal(&member.path, why))?;
    }
    links::check(&settled)?;
    Ok(settled)
}

/// The same rules for a release that comes file by file: its entries in their
/// order, and no folder left out.
pub fn names_of<'a>(
    entries: impl Iterator<Item = (&'a [u8], MemberKind, u32)>,
    limits: &Limits,
) -> Result<Vec<Member>, Refusal> {
    let (mut members, mut names) = (Vec::new(), 0);
    for (raw, kind, mode) in entries {
        limits.check_entries(members.len() as u64 + 1)?;
        names += raw.len() as u64;
        match &kind {
            MemberKind::File { size } => limits.check_file(raw, *size)?,
            MemberKind::Link { target } => names += target.len() as u64,
            MemberKind::Folder => {}
        }
        limits.check_names(names)?;
        let path = clean(raw, kind == MemberKind::Folder)?;
        members.extend(path.map(|path| Member { path, kind, mode }));
    }
    check_numbers(&members, limits)?;
    check_places(&members)?;
    for member in &members {
        judge(&member.path).map_err(|why| refusal(&member.path, why))?;
    }
    let members: Vec<Option<Member>> = members.into_iter().map(Some).collect();
    links::check(&members)?;
    Ok(members.into_iter().flatten().collect())
}

/// Names that are clean but not a release's to bring.
fn judge(path: &SitePath) -> Result<(), Why> {
    let top = top_of(path).to_ascii_lowercase();
    let is_state = |folder: &str| top == folder || top.starts_with(&format!("{folder}-"));
    let what = match path.name() {
        // On file systems without upper and lower case these are entracte's own, too.
        _ if is_state(RESERVED) || is_state(".moult") => "in the state folder of an updater",
        _ if top == ".maintenance" => "the flag that closes a WordPress site",
        name if GATE_FILES.contains(&name) => "one that entracte's gate gives to files of its own",
        name if name.ends_with(".done") && path.ancestors().any(|folder| folder.name() == "run_once") => {
            "the mark of a one-time script that has run"
        }
        _ => return Ok(()),
    };
    Err(Why::NotToBring { what })
}

/// Counts entries and the folders that have to be made for them.
fn check_numbers(entries: &[Member], limits: &Limits) -> Result<(), Refusal> {
    let mut known = HashSet::new();
    let mut folders: HashMap<&str, u64> = HashMap::new();
    for entry in entries {
        let mut path = entry.path.as_str();
        while !path.is_empty() && known.insert(path) {
            if known.len() as u64 > limits.entries {
                return Err(refusal(&entry.path, Why::Entries { limit: limits.entries }));
            }
            let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
            let count = folders.entry(folder).or_default();
            *count += 1;
            if *count > limits.folder_entries {
                let folder = if folder.is_empty() { "." } else { folder };
                let (folder, limit) = (short(folder.as_bytes()), limits.folder_entries);
                return Err(refusal(&entry.path, Why::FolderEntries { folder, limit }));
            }
            path = folder;
        }
    }
    Ok(())
}

/// One name, one entry; and what lies below a name needs a folder there.
fn check_places(entries: &[Member]) -> Result<(), Refusal> {
    let mut places: HashMap<&SitePath, &MemberKind> = HashMap::with_capacity(entries.len());
    for entry in entries {
        if places.insert(&entry.path, &entry.kind).is_some() {
            return Err(refusal(&entry.path, Why::Duplicate));
        }
    }
    for entry in entries {
        for above in entry.path.ancestors() {
            if places.get(&above).is_some_and(|kind| !matches!(kind, MemberKind::Folder)) {
                return Err(refusal(&entry.path, Why::ThroughFile));
            }
        }
    }
    Ok(())
}

/// The folder that holds everything else, if there is one.
fn common_top(entries: &[Member]) -> Option<SitePath> {
    let mut released = entries.iter().filter(|entry| top_of(&entry.path) != MAC_FOLDER).peekable();
    let top = top_of(&released.peek()?.path);
    let mut holds_something = false;
    for entry in released {
        let is_top = entry.path.as_str() == top;
        if top_of(&entry.path) != top || (is_top && !matches!(entry.kind, MemberKind::Folder)) {
            return None;
        }
        holds_something |= !is_top;
    }
    if holds_something { SitePath::parse(top).ok() } else { None }
}

fn top_of(path: &SitePath) -> &str {
    path.as_str().split('/').next().unwrap_or(path.as_str())
}

fn strip(member: Member, top: &SitePath) -> Result<Option<Member>, Refusal> {
    if member.path == *top {
        return Ok(None);
    }
    let below = &member.path.as_str()[top.as_str().len() + 1..];
    match SitePath::parse(below) {
        Ok(path) => Ok(Some(Member { path, ..member })),
        Err(error) => Err(refusal(&member.path, path_rule(error))),
    }
}

pub(super) fn refusal(path: &SitePath, why: Why) -> Refusal {
    Refusal::entry(path.as_str().as_bytes(), why)
}

/// The broken rule alone: the refusal names the entry already.
fn path_rule(error: PathError) -> Why {
    Why::Malformed {
        what: match error {
            PathError::Empty => "the name is empty",
            PathError::Absolute { .. } => "the name is absolute",
            PathError::Unclean { .. } => "the name has a `.`, `..` or empty component",
            PathError::Forbidden { .. } => "the name has a control character or a backslash",
            PathError::NotUtf8 { .. } => "the name is not UTF-8",
            PathError::TooLong { .. } => "the name is too long or too deep",
            PathError::Reserved { .. } => "the name is in the folder reserved for entracte's state",
        },
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::base::escape;

    pub(in crate::release::archive) fn file(path: &str) -> Member {
        Member { path: SitePath::parse(path).unwrap(), kind: MemberKind::File { size: 0 }, mode: 0o644 }
    }

    pub(in crate::release::archive) fn folder(path: &str) -> Member {
        Member { kind: MemberKind::Folder, mode: 0o755, ..file(path) }
    }

    pub(in crate::release::archive) fn link(path: &str, target: &str) -> Member {
        Member { kind: MemberKind::Link { target: target.into() }, ..file(path) }
    }

    pub(in crate::release::archive) fn settled(entries: Vec<Member>) -> Result<Vec<Option<Member>>, Refusal> {
        settle(entries, &Limits::default())
    }

    fn paths(entries: Vec<Member>) -> Vec<String> {
        let settled = settle(entries, &Limits::default()).unwrap();
        settled.into_iter().flatten().map(|member| member.path.as_str().to_owned()).collect()
    }

    #[test]
    fn a_leading_dot_is_what_gnu_tar_writes() {
        assert_eq!(clean(b"./a/b", false).unwrap().unwrap().as_str(), "a/b");
        assert_eq!(clean(b"./a/", true).unwrap().unwrap().as_str(), "a");
        assert!(clean(b"./", true).unwrap().is_none());
        assert!(clean(b".", true).unwrap().is_none());
    }

    #[test]
    fn names_that_escape_or_mislead_are_refused() {
        for raw in [
            &b""[..],
            b".",
            b"./",
            b"././a",
            b"/etc/passwd",
            b"../a",
            b"./../a",
            b"a/../b",
            b"a/./b",
            b"a//b",
            b"a\\b",
            b"a\nb",
            b"a\xff",
            b"a/",
            b"C:/a",
            b"c:a.php",
            b".entracte/lock",
            b".git/hooks/post-checkout",
            b"a/.GIT/config",
        ] {
            assert!(clean(raw, false).is_err(), "{} was taken", escape::bytes(raw));
        }
        assert!(clean(b"a//", true).is_err());
        assert!(clean(b"..", true).is_err());
        assert!(clean(b".gitignore", false).is_ok());
    }

    #[test]
    fn one_common_top_folder_goes() {
        assert_eq!(paths(vec![folder("site-1.2"), file("site-1.2/a"), file("site-1.2/b/c")]), ["a", "b/c"]);
        assert_eq!(paths(vec![file("site-1.2/a")]), ["a"]);
        assert_eq!(paths(vec![file("a/b"), file("c")]), ["a/b", "c"]);
        assert_eq!(paths(vec![file("only")]), ["only"]);
        assert_eq!(paths(vec![folder("only")]), ["only"]);
        assert_eq!(paths(vec![file("a/a/b"), file("a/a/c")]), ["a/b", "a/c"]);
        assert_eq!(paths(vec![file("a/b"), file("__MACOSX/a/._b"), folder("__MACOSX")]), ["b"]);
        assert!(paths(vec![file("__MACOSX/a/._b")]).is_empty());
    }

    #[test]
    fn a_reserved_name_does_not_hide_behind_the_top_folder() {
        assert!(settled(vec![file("top/.entracte/lock")]).is_err());
    }

    #[test]
    fn names_that_are_not_a_releases_to_bring_are_refused() {
        for (path, reason) in [
            (".maintenance", "closes a WordPress site"),
            ("top/.maintenance", "closes a WordPress site"),
            (".Maintenance", "closes a WordPress site"),
            (".moult/journal", "state folder"),
            ("top/.Entracte-shop/lock", "state folder"),
            ("run_once/x.php.done", "one-time script"),
            ("scripts/run_once/1.php.done", "one-time script"),
            (".htaccess.entracte-held", "gate"),
            ("blog/entracte-closed.php", "gate"),
        ] {
            let top = path.split_once('/').filter(|(top, _)| *top == "top").map_or("z", |_| "top/z");
            let said = settled(vec![file(path), file(top)]).unwrap_err().to_string();
            assert!(said.contains(reason), "{path}: {said}");
        }
        for path in ["docs/.maintenance", "x/.moult/a", "run_once/1.php", "a/b.done", "a.php.bak", ".moulted"]
        {
            assert!(settled(vec![file(path), file("z")]).is_ok(), "{path} was refused");
        }
    }

    #[test]
    fn entries_and_folders_are_counted() {
        let limits = Limits { entries: 6, folder_entries: 3, ..Limits::default() };
        let many = |paths: &[&str]| settle(paths.iter().map(|path| file(path)).collect(), &limits);
        assert!(many(&["a/1", "a/2", "a/3", "b/1"]).is_ok());
        for (paths, reason) in [
            (&["d/1", "d/2", "d/3", "d/4"][..], "in the folder \"d\""),
            (&["d/1/a", "d/2/a", "d/3/a"], "more than 6 entries"),
            (&["1", "2", "3", "4"], "in the folder \".\""),
            (&["a/b/c/d/e/f/g"], "more than 6 entries"),
        ] {
            let said = many(paths).unwrap_err().to_string();
            assert!(said.contains(reason), "{paths:?}: {said}");
        }
        let four = ["d/1/a", "d/2/a", "d/3/a", "d/4/a"].map(file).to_vec();
        let folders = settle(four, &Limits { entries: 100, ..limits });
        assert!(folders.unwrap_err().to_string().contains("in the folder \"d\""));
    }

    #[test]
    fn entries_that_fight_for_a_name_are_refused() {
        for entries in [
            vec![file("a"), file("a")],
            vec![folder("a"), folder("a")],
            vec![file("a"), file("a/b")],
            vec![file("a/b"), file("a")],
            vec![link("a", "c"), file("a/b"), folder("c")],
        ] {
            assert!(settle(entries, &Limits::default()).is_err());
        }
        assert_eq!(paths(vec![file("A"), file("a")]), ["A", "a"]);
    }
}
