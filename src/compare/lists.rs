//! A list of digests as one side of a comparison, or as both. Content is held
//! against it by every kind of digest that it has of a file, so that MD5 sums and
//! a folder go together; two sides that share no kind cannot be compared.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::path::Path;

use crate::base::path::TreePath;
use crate::base::pattern::Patterns;
use crate::base::tree::Kind as NodeKind;
use crate::base::tree::Meta;
use crate::base::tree::Tree;
use crate::compare::listing::Listing;
use crate::compare::listing::ListingError;
use crate::integrity::list::Digest;
use crate::integrity::list::HashList;
use crate::integrity::list::Kind;
use crate::integrity::list::Listed;
use crate::integrity::list::Verdict;
use crate::integrity::list::taken;
use crate::integrity::pair::Pair;
use crate::integrity::pair::Pairs;
use crate::integrity::pair::Seen;
use crate::integrity::pair::What;
use crate::release::archive::Archive;
use crate::release::archive::Limits;
use crate::sys::beneath::Root;

/// Where the files of a side can be read again, for digests of other kinds.
#[derive(Clone, Copy, Debug)]
pub enum Source<'a> {
    Folder(&'a Path),
    Archive(&'a Path),
    Nowhere,
}

/// One of the two; the other one, or both, is a list.
pub type Side<'a> = (&'a Listing, Source<'a>);

/// What the two do not share.
pub fn pairs(a: Side, b: Side, skip: &Patterns) -> Result<Pairs, ListingError> {
    let apart = |path: &TreePath| {
        let lists = [&a.0.list, &b.0.list].into_iter().flatten();
        let path = path.to_site_path();
        path.is_ok_and(|path| lists.into_iter().any(|list| list.leaves_out(&path)))
    };
    let is_left_out = |path: &TreePath| skip.matches_bytes(path.as_bytes()) || apart(path);
    let mut different = match (&a.0.list, a.1, &b.0.list, b.1) {
        (Some(list), _, None, Source::Folder(root)) => folder(list, root, &b.0.tree, skip)?,
        (None, Source::Folder(root), Some(list), _) => {
            let pairs = folder(list, root, &a.0.tree, skip)?;
            pairs.into_iter().map(|(path, pair)| (path, Pair { a: pair.b, b: pair.a, ..pair })).collect()
        }
        _ => by_digests(&known(a, b.0)?, &known(b, a.0)?)?,
    };
    different.retain(|path, _| !is_left_out(path));
    Ok(Pairs { different, checked: a.0.checked + b.0.checked, bytes: a.0.bytes + b.0.bytes })
}

/// What should be known of a list before it is believed.
pub fn notes(list: &HashList, shown: &str) -> Vec<String> {
    let mut notes = Vec::new();
    if !list.warnings.is_empty() {
        let count = list.warnings.len();
        notes.push(format!(
            "{count} lines of {shown} were left out: `entracte manifest show {shown}` names them"
        ));
    }
    notes.extend(list.apart().map(|folder| format!("{folder} is left out: {} do not judge it", list.format)));
    notes
}

/// A list, which is A, against a folder.
fn folder(
    list: &HashList,
    root: &Path,
    tree: &Tree,
    skip: &Patterns,
) -> Result<BTreeMap<TreePath, Pair>, ListingError> {
    let mut different = BTreeMap::new();
    for (path, verdict) in list.judge(&Root::open(root)?, Some(tree), skip)? {
        let listed = list.files.get(&path).map(seen_in_list);
        let path = TreePath::from(&path);
        let here = tree.get(&path).map(Seen::from);
        let is_file = |seen: &Seen| matches!(seen.what, What::File { .. });
        let pair = match verdict {
            Verdict::Exact => continue,
            Verdict::Missing => Pair { a: listed, b: None, other_content: false },
            Verdict::Modified => {
                Pair { other_content: here.as_ref().is_some_and(is_file), a: listed, b: here }
            }
            Verdict::Unreadable => {
                let reason = "it could not be read".to_owned();
                let seen = Seen { what: What::Unreadable { reason }, meta: Meta::default() };
                Pair { a: listed, b: here.filter(Seen::is_unreadable).or(Some(seen)), other_content: false }
            }
        };
        different.insert(path, pair);
    }
    for (path, node) in tree {
        let is_listed = path.to_site_path().is_ok_and(|path| list.files.contains_key(&path));
        if !is_listed {
            different.insert(path.clone(), Pair { a: None, b: Some(node.into()), other_content: false });
        }
    }
    Ok(different)
}

fn seen_in_list(listed: &Listed) -> Seen {
    let sha256 = listed.digests.iter().find_map(|digest| match digest {
        Digest::Sha256(sha256) => Some(*sha256),
        _ => None,
    });
    let what = What::File { size: listed.size.unwrap_or_default(), sha256 };
    Seen { what, meta: Meta::default() }
}

/// What is known of each path: digests of a file, or what else stands there.
type Known = BTreeMap<TreePath, (Seen, Option<Listed>)>;

/// Of an archive, the kinds that the other side has, too.
fn known((listing, source): Side, other: &Listing) -> Result<Known, ListingError> {
    if let Some(list) = &listing.list {
        let one = |(path, listed): (_, &Listed)| {
            (TreePath::from(path), (seen_in_list(listed), Some(listed.clone())))
        };
        return Ok(list.files.iter().map(one).collect());
    }
    let more = match (source, &other.list) {
        (Source::Archive(path), Some(list)) => of_archive(path, list)?,
        _ => BTreeMap::new(),
    };
    let one = |(path, node): (&TreePath, _)| {
        let node: &crate::base::tree::Node = node;
        let listed = match &node.kind {
            NodeKind::File { size, sha256, md5 } => {
                let mut digests = more.get(path).cloned().unwrap_or_default();
                digests.push(Digest::Sha256(*sha256));
                digests.extend(md5.map(Digest::Md5));
                Some(Listed::new(Some(*size), &digests))
            }
            _ => None,
        };
        (path.clone(), (Seen::from(node), listed))
    };
    Ok(listing.tree.iter().map(one).collect())
}

fn of_archive(path: &Path, list: &HashList) -> Result<BTreeMap<TreePath, Vec<Digest>>, ListingError> {
    let mut found = BTreeMap::new();
    Archive::open(path, &Limits::default())?.each(&mut |member, content| {
        let mut kinds = list.files.get(&member.path).map(Listed::kinds).unwrap_or_default();
        kinds.retain(|kind| *kind != Kind::Sha256);
        if !kinds.is_empty() {
            found.insert(TreePath::from(&member.path), taken(content, &kinds)?.1);
        }
        Ok(())
    })?;
    Ok(found)
}

fn by_digests(a: &Known, b: &Known) -> Result<BTreeMap<TreePath, Pair>, ListingError> {
    let (mut different, mut compared, mut unknown) = (BTreeMap::new(), 0, 0);
    let paths: BTreeSet<&TreePath> = a.keys().chain(b.keys()).collect();
    for path in paths {
        let (one, other) = (a.get(path), b.get(path));
        let files =
            one.and_then(|(_, listed)| listed.as_ref()).zip(other.and_then(|(_, listed)| listed.as_ref()));
        let pair = Pair::of(one.map(|(seen, _)| seen.clone()), other.map(|(seen, _)| seen.clone()));
        let pair = match files.map(|(one, other)| is_same(one, other)) {
            Some(None) => {
                unknown += 1;
                let reason = "the two sides share no kind of digest of it".to_owned();
                let what = What::Unreadable { reason };
                Pair { b: Some(Seen { what, meta: Meta::default() }), ..pair }
            }
            Some(Some(is_same)) => {
                compared += 1;
                if is_same {
                    continue;
                }
                Pair { other_content: true, ..pair }
            }
            None if pair.a == pair.b => continue,
            None => pair,
        };
        different.insert(path.clone(), pair);
    }
    match unknown > 0 && compared == 0 {
        true => Err(ListingError::NothingShared { a: kinds(a), b: kinds(b) }),
        false => Ok(different),
    }
}

/// `None`: nobody can know.
fn is_same(one: &Listed, other: &Listed) -> Option<bool> {
    if one.size.zip(other.size).is_some_and(|(one, other)| one != other) {
        return Some(false);
    }
    let shared: Vec<Kind> =
        one.kinds().into_iter().filter(|kind| other.of_kind(*kind).next().is_some()).collect();
    let agrees = |kind: &Kind| one.of_kind(*kind).any(|digest| other.digests.contains(digest));
    (!shared.is_empty()).then(|| shared.iter().all(agrees))
}

/// "MD5, SHA-1", as people are told.
fn kinds(known: &Known) -> String {
    let listed = known.values().filter_map(|(_, listed)| listed.as_ref());
    let kinds: BTreeSet<Kind> = listed.flat_map(Listed::kinds).collect();
    kinds.iter().map(Kind::to_string).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::digest::Sha256;

    const MD5: [&str; 2] = ["900150983cd24fb0d6963f7d28e17f72", "d41d8cd98f00b204e9800998ecf8427e"];

    fn listed(size: Option<u64>, digests: &[&str]) -> Listed {
        let digests: Vec<Digest> = digests.iter().map(|hex| Digest::parse(hex).unwrap()).collect();
        Listed::new(size, &digests)
    }

    #[test]
    fn only_what_both_know_tells_two_files_apart() {
        let sha: Vec<String> = ["a", "b"].map(|text| Sha256::of(text.as_bytes()).to_string()).to_vec();
        let (sha_a, sha_b) = (sha[0].as_str(), sha[1].as_str());
        let sha1 = "a9993e364706816aba3e25717850c26c9cd0d89d";
        for (one, other, same) in [
            (listed(None, &[MD5[0]]), listed(None, &[MD5[0]]), Some(true)),
            (listed(None, &[MD5[0]]), listed(None, &[MD5[1]]), Some(false)),
            (listed(None, &[MD5[0], sha_a]), listed(Some(3), &[MD5[0]]), Some(true)),
            (listed(None, &[MD5[0], sha_a]), listed(None, &[MD5[0], sha_b]), Some(false)),
            // A file that has had several contents under one version.
            (listed(None, &MD5), listed(None, &[MD5[1]]), Some(true)),
            (listed(None, &[MD5[0]]), listed(None, &[sha1]), None),
            (listed(Some(1), &[MD5[0]]), listed(Some(2), &[sha1]), Some(false)),
            (listed(Some(1), &[MD5[0]]), listed(Some(1), &[sha1]), None),
        ] {
            assert_eq!(is_same(&one, &other), same, "{one:?} {other:?}");
            assert_eq!(is_same(&other, &one), same, "{other:?} {one:?}");
        }
    }
}
