//! Where in a tree a release lies: in all of it, in a folder of it, or the tree
//! is only a folder of the release.

use std::collections::HashMap;

use crate::base::path::SitePath;
use crate::base::path::TreePath;
use crate::base::tree::Tree;
use crate::integrity::catalogue::Catalogue;

/// A content that stands at more names than these tells of no place.
const MOST_NAMES: usize = 8;
/// Places of one product that are looked at closely.
const MOST_PLACES: usize = 3;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    Whole,
    /// The release lies in this folder of the tree.
    Below(TreePath),
    /// The tree is this folder of the release.
    Part(String),
}

impl Place {
    /// Where a file of the release is in the tree; `None`: not in this part of it.
    pub fn in_tree(&self, path: &SitePath) -> Option<TreePath> {
        match self {
            Place::Whole => Some(path.into()),
            Place::Below(folder) => {
                let bytes = [folder.as_bytes(), b"/", path.as_str().as_bytes()].concat();
                Some(TreePath::from_bytes(&bytes))
            }
            Place::Part(folder) => {
                let rest = path.as_str().strip_prefix(folder.as_str())?.strip_prefix('/')?;
                Some(TreePath::from_bytes(rest.as_bytes()))
            }
        }
    }

    /// The name below this place that an entry of the tree has; `None`: it lies elsewhere.
    pub fn inside<'t>(&self, path: &'t TreePath) -> Option<&'t [u8]> {
        match self {
            Place::Whole | Place::Part(_) => Some(path.as_bytes()),
            Place::Below(folder) => path.as_bytes().strip_prefix(folder.as_bytes())?.strip_prefix(b"/"),
        }
    }

    fn of(in_tree: &[u8], in_release: &[u8]) -> Option<Place> {
        let before = |long: &[u8], short: &[u8]| -> Option<usize> {
            long.strip_suffix(short)?.strip_suffix(b"/").map(<[u8]>::len)
        };
        if in_tree == in_release {
            return Some(Place::Whole);
        }
        if let Some(length) = before(in_tree, in_release) {
            return Some(Place::Below(TreePath::from_bytes(&in_tree[..length])));
        }
        let folder = &in_release[..before(in_release, in_tree)?];
        String::from_utf8(folder.to_vec()).ok().map(Place::Part)
    }
}

/// The likeliest places of each product, told by files of the same content.
pub fn places(catalogue: &Catalogue, tree: &Tree) -> Vec<(u16, Place)> {
    let mut votes: HashMap<(u16, Place), u32> = HashMap::new();
    for (path, node) in tree.iter().filter(|(_, node)| node.size() > 0) {
        let Some(digest) = node.sha256() else { continue };
        let names = catalogue.with_digest(&digest);
        for number in names.iter().take(if names.len() > MOST_NAMES { 0 } else { MOST_NAMES }) {
            let entry = catalogue.entry(*number);
            if let Some(place) = Place::of(path.as_bytes(), entry.path.as_str().as_bytes()) {
                *votes.entry((entry.product(), place)).or_default() += 1;
            }
        }
    }
    let mut counted: Vec<((u16, Place), u32)> = votes.into_iter().collect();
    counted.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    let mut taken = vec![0; catalogue.products()];
    let mut places = Vec::new();
    for ((product, place), _) in counted {
        let taken = &mut taken[usize::from(product)];
        if *taken < MOST_PLACES {
            *taken += 1;
            places.push((product, place));
        }
    }
    places
}
