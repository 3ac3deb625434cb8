//! Names that are two here and one elsewhere: on disks that know no upper and
//! lower case, or that write accents in another way.

use std::collections::BTreeMap;

use icu_normalizer::ComposingNormalizerBorrowed;
use serde::Serialize;

use crate::base::path::TreePath;

/// Two paths that look alike, one in A, one in B.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Alike {
    pub a: TreePath,
    pub b: TreePath,
}

/// The pairs among what only one side has.
pub(super) fn alike(only_a: &[TreePath], only_b: &[TreePath]) -> Vec<Alike> {
    let mut of_b: BTreeMap<String, &TreePath> = BTreeMap::new();
    for path in only_b {
        if let Some(folded) = folded(path) {
            of_b.insert(folded, path);
        }
    }
    let pairs = only_a.iter().filter_map(|path| Some((path, *of_b.get(&folded(path)?)?)));
    pairs.map(|(a, b)| Alike { a: a.clone(), b: b.clone() }).collect()
}

/// What is left of a name without case and without the way accents are written.
fn folded(path: &TreePath) -> Option<String> {
    let text = std::str::from_utf8(path.as_bytes()).ok()?;
    let plain = ComposingNormalizerBorrowed::new_nfc().normalize(text);
    Some(plain.to_lowercase())
}
