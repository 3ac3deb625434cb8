//! The rules for names: what a path may be, that no two entries fight for one,
//! that links stay inside, and which top folder is left out.

use std::collections::HashMap;

use crate::base::escape;
use crate::base::path::PathError;
use crate::base::path::SitePath;
use crate::release::archive::error::Refusal;
use crate::release::archive::error::Why;
use crate::release::archive::opened::Member;
use crate::release::archive::opened::MemberKind;

/// Links followed before a chain counts as a loop; Linux follows as many.
const LINK_HOPS: usize = 40;

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
    if path.ancestors().any(|folder| folder.name().eq_ignore_ascii_case(".git")) {
        return refuse(Why::Git);
    }
    Ok(Some(path))
}

/// Checks all entries against each other, in archive order, and strips one
/// common top folder. `None` stands where the top folder itself was listed.
pub(super) fn settle(entries: Vec<Member>) -> Result<Vec<Option<Member>>, Refusal> {
    check_places(&entries)?;
    let settled = match common_top(&entries) {
        Some(top) => strip(entries, &top)?,
        None => entries.into_iter().map(Some).collect(),
    };
    check_links(&settled)?;
    Ok(settled)
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
    let top = top_of(&entries.first()?.path);
    let shared = entries.iter().all(|entry| {
        top_of(&entry.path) == top && (entry.path.as_str() != top || matches!(entry.kind, MemberKind::Folder))
    });
    let holds_something = entries.iter().any(|entry| entry.path.as_str() != top);
    if shared && holds_something { SitePath::parse(top).ok() } else { None }
}

fn top_of(path: &SitePath) -> &str {
    path.as_str().split('/').next().unwrap_or(path.as_str())
}

fn strip(entries: Vec<Member>, top: &SitePath) -> Result<Vec<Option<Member>>, Refusal> {
    let shorten = |member: Member| {
        if member.path == *top {
            return Ok(None);
        }
        let below = &member.path.as_str()[top.as_str().len() + 1..];
        match SitePath::parse(below) {
            Ok(path) => Ok(Some(Member { path, ..member })),
            Err(error) => Err(refusal(&member.path, path_rule(error))),
        }
    };
    entries.into_iter().map(shorten).collect()
}

fn check_links(entries: &[Option<Member>]) -> Result<(), Refusal> {
    let mut links = HashMap::new();
    for member in entries.iter().flatten() {
        if let MemberKind::Link { target } = &member.kind {
            let inside = resolve(&member.path, target).ok_or_else(|| {
                let target = escape::text(target).chars().take(200).collect();
                refusal(&member.path, Why::LinkOutside { target })
            })?;
            links.insert(member.path.as_str(), inside);
        }
    }
    for start in links.keys() {
        follow(start, &links)?;
    }
    Ok(())
}

/// Where a link leads, as a path below the root ("" is the root itself);
/// `None` when it leaves the root or could be read in two ways.
///
/// `..` may stand at the front only: there it climbs from the link's own
/// folder, which is a real one. Behind a name that is itself a link it would
/// climb from somewhere else than the text says.
fn resolve(link: &SitePath, target: &str) -> Option<String> {
    let target = target.strip_suffix('/').unwrap_or(target);
    let mut folder = link.parent();
    let mut rest = target.strip_prefix("./").unwrap_or(target);
    if rest == "." {
        rest = "";
        if target != "." {
            return None;
        }
    } else if rest.is_empty() {
        return None;
    }
    while rest == ".." || rest.starts_with("../") {
        folder = folder?.parent();
        rest = rest.get(3..).unwrap_or("");
    }
    let inside = match (&folder, rest) {
        (None, "") => return Some(String::new()),
        (None, rest) => SitePath::parse(rest),
        (Some(folder), "") => Ok(folder.clone()),
        (Some(folder), rest) => folder.join(rest),
    };
    inside.ok().map(|path| path.as_str().to_owned())
}

/// Follows a link through further links, also where one stands in the middle
/// of a target; every target is inside, so only a loop is to be found.
fn follow(start: &str, links: &HashMap<&str, String>) -> Result<(), Refusal> {
    let mut place = start.to_owned();
    for _ in 0..LINK_HOPS {
        let ends = place.match_indices('/').map(|(at, _)| at).chain([place.len()]);
        let Some((end, target)) = ends.filter_map(|end| Some((end, links.get(&place[..end])?))).next() else {
            return Ok(());
        };
        let rest = place[end..].trim_start_matches('/');
        place = match (target.as_str(), rest) {
            (target, "") => target.to_owned(),
            ("", rest) => rest.to_owned(),
            (target, rest) => format!("{target}/{rest}"),
        };
    }
    Err(Refusal::entry(start.as_bytes(), Why::LinkLoop))
}

fn refusal(path: &SitePath, why: Why) -> Refusal {
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
mod tests {
    use super::*;

    fn file(path: &str) -> Member {
        Member { path: SitePath::parse(path).unwrap(), kind: MemberKind::File { size: 0 }, mode: 0o644 }
    }

    fn folder(path: &str) -> Member {
        Member { kind: MemberKind::Folder, mode: 0o755, ..file(path) }
    }

    fn link(path: &str, target: &str) -> Member {
        Member { kind: MemberKind::Link { target: target.into() }, ..file(path) }
    }

    fn paths(entries: Vec<Member>) -> Vec<String> {
        let settled = settle(entries).unwrap();
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
    }

    #[test]
    fn a_reserved_name_does_not_hide_behind_the_top_folder() {
        assert!(settle(vec![file("top/.entracte/lock")]).is_err());
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
            assert!(settle(entries).is_err());
        }
        assert_eq!(paths(vec![file("A"), file("a")]), ["A", "a"]);
    }

    #[test]
    fn links_stay_inside() {
        for (path, target) in [
            ("a/l", "b"),
            ("a/l", "../c"),
            ("a/l", "./b/"),
            ("a/l", ".."),
            ("l", "."),
            ("a/b/l", "../../x/y"),
        ] {
            let entries = vec![link(path, target), file("z")];
            assert!(settle(entries).is_ok(), "{path} -> {target} was refused");
        }
        for (path, target) in [
            ("l", ".."),
            ("l", "../x"),
            ("a/l", "../../x"),
            ("l", "/etc/passwd"),
            ("l", ""),
            ("l", "a/../.."),
            ("l", "a//b"),
            ("l", "a\\b"),
            ("l", ".entracte/lock"),
            ("l", "l"),
            ("l", "l/x"),
        ] {
            let entries = vec![link(path, target), file("z")];
            assert!(settle(entries).is_err(), "{path} -> {target} was taken");
        }
    }

    #[test]
    fn the_stripped_top_folder_is_no_room_for_links() {
        assert!(settle(vec![link("top/l", "../x"), file("top/a")]).is_err());
    }

    #[test]
    fn links_in_a_circle_are_refused() {
        assert!(settle(vec![link("a", "b"), link("b", "a"), file("c")]).is_err());
        assert!(settle(vec![link("a", "b/x"), link("b", "a"), file("c")]).is_err());
        assert!(settle(vec![link("a", "b"), link("b", "c"), file("c")]).is_ok());
    }

    #[test]
    fn a_link_never_climbs_behind_another_link() {
        assert!(settle(vec![link("a/b/s", "../.."), link("a/b/t", "s/../.."), file("z")]).is_err());
    }
}
