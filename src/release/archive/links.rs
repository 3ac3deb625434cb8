//! The rules for symbolic links: they stay inside, in no circle, and can be
//! followed at no great cost.

use std::collections::HashMap;

use crate::base::escape;
use crate::base::path::MAX_PATH;
use crate::base::path::SitePath;
use crate::release::archive::error::Refusal;
use crate::release::archive::error::Why;
use crate::release::archive::names::refusal;
use crate::release::archive::opened::Member;
use crate::release::archive::opened::MemberKind;

/// Links followed before a chain counts as a loop; Linux follows as many.
const LINK_HOPS: usize = 40;
/// Links that lead to links, all ways together; each costs time.
const LINK_CHAINS: usize = 20_000;

/// Checks the links among all entries, the top folder being left out.
pub(super) fn check(entries: &[Option<Member>]) -> Result<(), Refusal> {
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
    let mut chains = 0;
    for start in links.keys() {
        chains += follow(start, &links)?;
        if chains > LINK_CHAINS {
            return Err(Refusal::entry(start.as_bytes(), Why::LinkMaze));
        }
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
/// of a target, and counts those; every target is inside, so only a loop is to
/// be found.
fn follow(start: &str, links: &HashMap<&str, String>) -> Result<usize, Refusal> {
    let mut place = start.to_owned();
    for hop in 0..LINK_HOPS {
        let ends = place.match_indices('/').map(|(at, _)| at).chain([place.len()]);
        let Some((end, target)) = ends.filter_map(|end| Some((end, links.get(&place[..end])?))).next() else {
            return Ok(hop.saturating_sub(1));
        };
        let rest = place[end..].trim_start_matches('/');
        place = match (target.as_str(), rest) {
            (target, "") => target.to_owned(),
            ("", rest) => rest.to_owned(),
            (target, rest) => format!("{target}/{rest}"),
        };
        if place.len() > MAX_PATH {
            return Err(Refusal::entry(start.as_bytes(), Why::LinkMaze));
        }
    }
    Err(Refusal::entry(start.as_bytes(), Why::LinkLoop))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::release::archive::names::tests::file;
    use crate::release::archive::names::tests::link;
    use crate::release::archive::names::tests::settled;

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
            assert!(settled(entries).is_ok(), "{path} -> {target} was refused");
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
            assert!(settled(entries).is_err(), "{path} -> {target} was taken");
        }
    }

    #[test]
    fn the_stripped_top_folder_is_no_room_for_links() {
        assert!(settled(vec![link("top/l", "../x"), file("top/a")]).is_err());
    }

    #[test]
    fn links_in_a_circle_are_refused() {
        assert!(settled(vec![link("a", "b"), link("b", "a"), file("c")]).is_err());
        assert!(settled(vec![link("a", "b/x"), link("b", "a"), file("c")]).is_err());
        assert!(settled(vec![link("a", "b"), link("b", "c"), file("c")]).is_ok());
    }

    #[test]
    fn a_link_never_climbs_behind_another_link() {
        assert!(settled(vec![link("a/b/s", "../.."), link("a/b/t", "s/../.."), file("z")]).is_err());
    }

    #[test]
    fn a_maze_of_links_is_refused_before_it_costs_time() {
        let long = "x/".repeat(60);
        let chain: Vec<Member> = (0..39)
            .map(|n| link(&format!("l{n}"), &format!("l{}/{long}x", n + 1)))
            .chain([file("z")])
            .collect();
        assert!(matches!(settled(chain).unwrap_err().why, Why::LinkMaze));
        let ways = (0..30_000).map(|n| link(&format!("d/{n}"), "../a"));
        let maze: Vec<Member> = ways.chain([link("a", "b"), file("b")]).collect();
        assert!(matches!(settled(maze).unwrap_err().why, Why::LinkMaze));
    }
}
