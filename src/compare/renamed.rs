//! Files under another name: with the same content, or with most of it.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::collections::HashMap;
use std::hash::DefaultHasher;
use std::hash::Hasher;

use serde::Serialize;

use crate::base::digest::Sha256;
use crate::base::path::TreePath;
use crate::compare::content::Contents;
use crate::compare::files::Files;
use crate::integrity::pair::Pair;
use crate::integrity::pair::Seen;
use crate::integrity::pair::What;

/// A file of A whose content stands elsewhere in B.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Moved {
    pub from: TreePath,
    pub to: TreePath,
}

/// A text of A of which B has most under another name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Renamed {
    pub from: TreePath,
    pub to: TreePath,
    /// How much of the longer one both have, of a hundred.
    pub percent: u32,
}

/// Moved and renamed files with the folder before and after in common.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MovedFolder {
    pub from: TreePath,
    pub to: TreePath,
    pub files: u64,
}

/// Short texts are alike by chance.
const LEAST_BYTES: u64 = 64;
const MOST_BYTES: u64 = 1 << 20;
/// Files and bytes of one side in which likeness is looked for.
const MOST_FILES: usize = 1000;
const MOST_TOGETHER: u64 = 32 << 20;
const LEAST_PERCENT: u32 = 50;
/// What so many files hold tells nothing of any (licences, closing braces).
const MOST_HOLDERS: usize = 50;

/// Fills in `moved`, `renamed` and `moved_folders`; says what was left out.
pub fn find(
    files: &mut Files,
    pairs: &BTreeMap<TreePath, Pair>,
    [a, b]: [&Contents; 2],
) -> Option<&'static str> {
    let sizes = [
        sizes(&files.only_a, pairs, |pair| pair.a.as_ref()),
        sizes(&files.only_b, pairs, |pair| pair.b.as_ref()),
    ];
    let of_a = digests(&sizes[0], &sizes[1], a);
    let of_b = digests(&sizes[1], &sizes[0], b);
    files.moved = moved(&of_a, &of_b);
    let gone: BTreeSet<&TreePath> = files.moved.iter().map(|moved| &moved.from).collect();
    let come: BTreeSet<&TreePath> = files.moved.iter().map(|moved| &moved.to).collect();
    let (left_a, cut_a) = candidates(&sizes[0], &gone);
    let (left_b, cut_b) = candidates(&sizes[1], &come);
    if !left_a.is_empty() && !left_b.is_empty() {
        files.renamed = alike(&a.read(&left_a, MOST_BYTES), &b.read(&left_b, MOST_BYTES));
    }
    files.moved_folders = folders(files);
    (cut_a || cut_b).then_some(
        "files that were renamed and changed were looked for among the first 1000 (32 MiB) of each side",
    )
}

/// What is known of a file that only one side has: its size, and its digest
/// where it was read already.
type Known<'p> = BTreeMap<&'p TreePath, (u64, Option<Sha256>)>;

fn sizes<'p>(
    only: &'p [TreePath],
    pairs: &BTreeMap<TreePath, Pair>,
    side: impl Fn(&Pair) -> Option<&Seen>,
) -> Known<'p> {
    let known = |path: &'p TreePath| match side(pairs.get(path)?)?.what {
        // Empty ones all look alike.
        What::File { size, sha256 } if size > 0 => Some((path, (size, sha256))),
        _ => None,
    };
    only.iter().filter_map(known).collect()
}

/// Digests, of those files only that have the size of one of the other side.
fn digests<'p>(here: &Known<'p>, there: &Known, contents: &Contents) -> Vec<(&'p TreePath, Sha256)> {
    let of_size: BTreeSet<u64> = there.values().map(|(size, _)| *size).collect();
    let fitting = here.iter().filter(|(_, (size, _))| of_size.contains(size));
    let unread: Vec<&TreePath> =
        fitting.clone().filter(|(_, (_, digest))| digest.is_none()).map(|(path, _)| *path).collect();
    let read = contents.digests(&unread);
    fitting.filter_map(|(path, (_, digest))| Some((*path, digest.or(read.get(path).copied())?))).collect()
}

/// Pairs of one content; first those that keep their name, else in their order.
fn moved(a: &[(&TreePath, Sha256)], b: &[(&TreePath, Sha256)]) -> Vec<Moved> {
    let mut places: BTreeMap<Sha256, Vec<&TreePath>> = BTreeMap::new();
    for (path, digest) in b {
        places.entry(*digest).or_default().push(path);
    }
    let mut found = Vec::new();
    let mut rest = Vec::new();
    for (from, digest) in a {
        let Some(free) = places.get_mut(digest) else { continue };
        match free.iter().position(|to| name(to) == name(from)) {
            Some(at) => found.push(Moved { from: (*from).clone(), to: free.remove(at).clone() }),
            None => rest.push((*from, digest)),
        }
    }
    for (from, digest) in rest {
        if let Some(free) = places.get_mut(digest).filter(|free| !free.is_empty()) {
            found.push(Moved { from: from.clone(), to: free.remove(0).clone() });
        }
    }
    found.sort_by(|one, other| one.from.cmp(&other.from));
    found
}

fn name(path: &TreePath) -> &[u8] {
    path.as_bytes().rsplit(|byte| *byte == b'/').next().unwrap_or_default()
}

/// Files that may be alike, as far as the limits allow.
fn candidates<'p>(known: &Known<'p>, taken: &BTreeSet<&TreePath>) -> (Vec<&'p TreePath>, bool) {
    let mut together = 0;
    let mut found = Vec::new();
    for (path, (size, _)) in known.iter().filter(|(path, _)| !taken.contains(*path)) {
        if !(LEAST_BYTES..=MOST_BYTES).contains(size) {
            continue;
        }
        together += size;
        if found.len() == MOST_FILES || together > MOST_TOGETHER {
            return (found, true);
        }
        found.push(*path);
    }
    (found, false)
}

/// Pieces of a text, each with the bytes it takes; the same piece counts as
/// often as it stands there.
type Pieces = HashMap<u64, u64>;

/// Lines, the long ones in parts. None where it is no text.
fn pieces(bytes: &[u8]) -> Pieces {
    let mut pieces = Pieces::new();
    if bytes.contains(&0) || bytes.len() as u64 > MOST_BYTES {
        return pieces;
    }
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        for part in line.chunks(LEAST_BYTES as usize) {
            let mut hasher = DefaultHasher::new();
            hasher.write(part);
            *pieces.entry(hasher.finish()).or_default() += part.len() as u64;
        }
    }
    pieces
}

/// The best pairs first, each file in one at most.
fn alike(a: &BTreeMap<TreePath, Vec<u8>>, b: &BTreeMap<TreePath, Vec<u8>>) -> Vec<Renamed> {
    let of_b: Vec<(&TreePath, u64, Pieces)> =
        b.iter().map(|(path, bytes)| (path, bytes.len() as u64, pieces(bytes))).collect();
    let mut holders: HashMap<u64, Vec<usize>> = HashMap::new();
    for (at, (_, _, pieces)) in of_b.iter().enumerate() {
        for piece in pieces.keys() {
            holders.entry(*piece).or_default().push(at);
        }
    }
    holders.retain(|_, files| files.len() <= MOST_HOLDERS);
    let mut found = Vec::new();
    for (from, bytes) in a {
        let pieces = pieces(bytes);
        let near: BTreeSet<usize> =
            pieces.keys().filter_map(|piece| holders.get(piece)).flatten().copied().collect();
        for (to, size, theirs) in near.into_iter().map(|at| &of_b[at]) {
            let common: u64 =
                pieces.iter().map(|(piece, of_a)| (*of_a).min(theirs.get(piece).copied().unwrap_or(0))).sum();
            let percent = (100 * common / (*size).max(bytes.len() as u64).max(1)) as u32;
            if percent >= LEAST_PERCENT {
                found.push(Renamed { from: from.clone(), to: (*to).clone(), percent });
            }
        }
    }
    found.sort_by_key(|pair| (u32::MAX - pair.percent, name(&pair.from) != name(&pair.to)));
    let (mut gone, mut come) = (BTreeSet::new(), BTreeSet::new());
    found.retain(|pair| {
        let is_free = !gone.contains(&pair.from) && !come.contains(&pair.to);
        is_free && gone.insert(pair.from.clone()) && come.insert(pair.to.clone())
    });
    found.sort_by(|one, other| one.from.cmp(&other.from));
    found
}

/// Where two files and more went from one folder to another, their names kept.
fn folders(files: &Files) -> Vec<MovedFolder> {
    let mut counts: BTreeMap<(TreePath, TreePath), u64> = BTreeMap::new();
    for pair in files.moved_or_renamed().filter_map(|(from, to)| folders_of(from, to)) {
        *counts.entry(pair).or_default() += 1;
    }
    let folder = |((from, to), files)| MovedFolder { from, to, files };
    counts.into_iter().filter(|(_, files)| *files > 1).map(folder).collect()
}

/// The folders that are left when the end that both paths share is taken away.
pub fn folders_of(from: &TreePath, to: &TreePath) -> Option<(TreePath, TreePath)> {
    let parts = |path: &TreePath| -> Vec<Vec<u8>> {
        path.as_bytes().split(|byte| *byte == b'/').map(<[u8]>::to_vec).collect()
    };
    let (mut from, mut to) = (parts(from), parts(to));
    if from.last() != to.last() {
        return None;
    }
    while !from.is_empty() && from.last() == to.last() {
        from.pop();
        to.pop();
    }
    let joined = |parts: Vec<Vec<u8>>| TreePath::from_bytes(&parts.join(&b'/'));
    Some((joined(from), joined(to)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> TreePath {
        TreePath::from_bytes(text.as_bytes())
    }

    fn texts(files: &[(&str, &str)]) -> BTreeMap<TreePath, Vec<u8>> {
        files.iter().map(|(name, text)| (path(name), text.as_bytes().to_vec())).collect()
    }

    fn lines(range: std::ops::Range<u32>) -> String {
        range.map(|number| format!("line number {number} of this text\n")).collect()
    }

    #[test]
    fn a_text_that_changed_a_little_is_known_under_another_name() {
        let (old, new) = (lines(0..100), lines(10..100));
        let a = texts(&[("old.php", &old), ("other.php", &lines(500..600))]);
        let b = texts(&[("half.php", &lines(60..160)), ("new.php", &new), ("strange.php", &lines(900..950))]);
        let found = alike(&a, &b);
        assert_eq!(found, [Renamed { from: path("old.php"), to: path("new.php"), percent: 90 }]);
    }

    #[test]
    fn what_every_file_holds_makes_none_alike() {
        let licence = lines(0..30);
        let named: Vec<(String, String)> =
            (0..60).map(|at| (format!("{at:02}"), format!("{licence}{at} is all its own"))).collect();
        let files: Vec<(&str, &str)> =
            named.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
        assert_eq!(alike(&texts(&[("x", &licence)]), &texts(&files)), []);
    }

    #[test]
    fn bytes_are_no_lines() {
        let picture = "\0".repeat(5000);
        assert_eq!(alike(&texts(&[("a.png", &picture)]), &texts(&[("b.png", &picture)])), []);
    }

    #[test]
    fn the_folder_that_moved_is_the_shortest() {
        for (from, to, folders) in [
            ("a/x/f", "b/x/f", Some(("a", "b"))),
            ("lib/f", "vendor/lib/f", Some(("", "vendor"))),
            ("f", "sub/f", Some(("", "sub"))),
            ("a/f", "a/g", None),
        ] {
            let folders = folders.map(|(from, to)| (path(from), path(to)));
            assert_eq!(folders_of(&path(from), &path(to)), folders, "{from} -> {to}");
        }
    }
}
