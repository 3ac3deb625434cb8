//! Which files of a release go together, and behind which files of the old one.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::collections::VecDeque;

use crate::base::digest::Sha256;
use crate::base::path::SitePath;
use crate::integrity::manifest::FileEntry;
use crate::integrity::manifest::Manifest;
use crate::release::reference::pack::GROUP;
use crate::release::reference::pack::LARGEST;
use crate::release::reference::pack::LEVEL;

/// How much goes together, and how hard it is pressed.
#[derive(Clone, Copy, Debug)]
pub struct Groups {
    /// Most bytes of prefix, and of content, of several files.
    pub several: u64,
    /// The same of one file that has a prefix.
    pub single: u64,
    /// Of zstd.
    pub level: i32,
}

impl Default for Groups {
    fn default() -> Groups {
        Groups { several: GROUP, single: LARGEST, level: LEVEL }
    }
}

/// One group, before it is compressed: places in the old and the new manifest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Planned {
    pub prefix: Vec<u32>,
    pub objects: Vec<u32>,
    pub prefix_bytes: u64,
    pub content_bytes: u64,
}

/// Every content of `new` that `old` does not hold, each once, in the order of
/// its paths, behind the files that it is likely to have come from.
pub(super) fn groups(old: &Manifest, new: &Manifest, sizes: Groups) -> Vec<Planned> {
    let mut ancestors = Ancestors::of(old, new);
    let mut seen: BTreeSet<Sha256> = old.files.iter().filter_map(FileEntry::sha256).collect();
    let (mut done, mut open) = (Vec::new(), Planned::default());
    for (place, entry) in (0..).zip(&new.files) {
        let Some(digest) = entry.sha256() else { continue };
        if !seen.insert(digest) {
            continue;
        }
        let ancestor = ancestors.take(&entry.path);
        let ancestor = ancestor.filter(|(_, size)| *size <= sizes.single && entry.size() <= sizes.single);
        let prefix_bytes = ancestor.map_or(0, |(_, size)| size);
        let is_full = open.content_bytes + entry.size() > sizes.several
            || open.prefix_bytes + prefix_bytes > sizes.several;
        if is_full && !open.objects.is_empty() {
            done.push(std::mem::take(&mut open));
        }
        open.objects.push(place);
        open.content_bytes += entry.size();
        open.prefix.extend(ancestor.map(|(place, _)| place));
        open.prefix_bytes += prefix_bytes;
    }
    if !open.objects.is_empty() {
        done.push(open);
    }
    done
}

/// The old files that new ones may have come from, each for one of them.
struct Ancestors<'m> {
    by_path: BTreeMap<&'m SitePath, (u32, u64)>,
    /// Those that are no more under their names, by what is left of a name
    /// when its numbers are taken out.
    moved: BTreeMap<String, VecDeque<(u32, u64)>>,
}

impl<'m> Ancestors<'m> {
    fn of(old: &'m Manifest, new: &Manifest) -> Ancestors<'m> {
        let (mut by_path, mut moved) = (BTreeMap::new(), BTreeMap::<String, VecDeque<_>>::new());
        for (place, entry) in (0..).zip(&old.files) {
            if entry.sha256().is_none() || entry.size() == 0 {
                continue;
            }
            match new.entry(&entry.path).and_then(FileEntry::sha256) {
                Some(_) => drop(by_path.insert(&entry.path, (place, entry.size()))),
                None => {
                    for key in keys(&entry.path) {
                        moved.entry(key).or_default().push_back((place, entry.size()));
                    }
                }
            }
        }
        Ancestors { by_path, moved }
    }

    fn take(&mut self, path: &SitePath) -> Option<(u32, u64)> {
        if let Some(found) = self.by_path.remove(path) {
            return Some(found);
        }
        let found = keys(path).iter().find_map(|key| self.moved.get_mut(key)?.pop_front())?;
        for others in self.moved.values_mut() {
            others.retain(|other| other.0 != found.0);
        }
        Some(found)
    }
}

/// By what a file that was renamed is found: the path without its numbers
/// (`lib-1.2/app.3f9ac1d2.js`), then the last folder and the name.
fn keys(path: &SitePath) -> [String; 2] {
    let parts: Vec<&str> = path.as_str().rsplitn(3, '/').take(2).collect();
    [without_numbers(path.as_str()), format!("…/{}", parts.join("/"))]
}

/// Digits, and words that can only be digests or versions, become `#`.
fn without_numbers(path: &str) -> String {
    let mut key = String::new();
    for word in path.split_inclusive(|c: char| !c.is_ascii_alphanumeric()) {
        let plain = word.trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
        match plain.chars().any(|c| c.is_ascii_digit()) {
            true => key.push('#'),
            false => key.push_str(plain),
        }
        key.push_str(&word[plain.len()..]);
    }
    key
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::release::reference::pack::tests::manifest;

    /// `path=content` each; the sizes are those of the contents.
    fn planned(old: &[&str], new: &[&str], several: u64, single: u64) -> Vec<(Vec<u32>, Vec<u32>)> {
        let plans =
            groups(&manifest("1", old), &manifest("2", new), Groups { several, single, level: LEVEL });
        plans.into_iter().map(|plan| (plan.prefix, plan.objects)).collect()
    }

    #[test]
    fn what_is_new_goes_behind_what_it_came_from() {
        for (name, old, new, expected) in [
            ("nothing new", &["a=1", "b=2"][..], &["c=1", "d=2"][..], vec![]),
            ("changed", &["a=1", "b=2"], &["a=1", "b=3"], vec![(vec![1], vec![1])]),
            ("the same content twice", &[], &["a=1", "b=1"], vec![(vec![], vec![0])]),
            (
                "a version in a folder's name",
                &["lib-1.2/x.js=a", "z=z"],
                &["lib-1.3/x.js=b"],
                vec![(vec![0], vec![0])],
            ),
            ("a digest in a name", &["app.3f9ac1.js=a"], &["app.77bc0d1.js=b"], vec![(vec![0], vec![0])]),
            ("moved to another folder", &["a/lib/x.js=a"], &["b/lib/x.js=b"], vec![(vec![0], vec![0])]),
            ("one ancestor for one", &["x1=a"], &["x2=b", "x3=c"], vec![(vec![0], vec![0, 1])]),
            ("empty files are nobody's ancestor", &["a="], &["a=1"], vec![(vec![], vec![0])]),
        ] {
            assert_eq!(planned(old, new, 100, 100), expected, "{name}");
        }
    }

    #[test]
    fn groups_have_their_sizes() {
        let old = ["a=1111", "b=2222", "c=33333333", "d=4"];
        let new = ["a=1112", "b=2223", "c=33333334", "d=5"];
        let all = vec![(vec![0, 1], vec![0, 1]), (vec![2], vec![2]), (vec![3], vec![3])];
        assert_eq!(planned(&old, &new, 8, 8), all);
        // One that is too large even for itself has no prefix.
        let all = vec![(vec![0, 1], vec![0, 1]), (vec![], vec![2]), (vec![3], vec![3])];
        assert_eq!(planned(&old, &new, 8, 7), all);
    }
}
