//! What changed between two manifests, and the partial manifest that leads
//! from one to the other.

use crate::base::path::SitePath;
use crate::integrity::manifest::Extent;
use crate::integrity::manifest::Manifest;

/// Paths in byte order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Difference {
    pub added: Vec<SitePath>,
    pub removed: Vec<SitePath>,
    pub changed: Vec<SitePath>,
}

pub fn difference(old: &Manifest, new: &Manifest) -> Difference {
    let mut found = Difference::default();
    for entry in &new.files {
        match old.entry(&entry.path) {
            None => found.added.push(entry.path.clone()),
            Some(before) if before.content != entry.content || before.mode != entry.mode => {
                found.changed.push(entry.path.clone());
            }
            Some(_) => {}
        }
    }
    let gone = old.files.iter().filter(|entry| new.entry(&entry.path).is_none());
    found.removed = gone.map(|entry| entry.path.clone()).collect();
    found
}

/// `new` with only what differs from `old`; what is gone is named as deleted.
pub fn partial(old: &Manifest, new: &Manifest) -> Manifest {
    let found = difference(old, new);
    let ships = |path: &SitePath| found.added.contains(path) || found.changed.contains(path);
    let mut part = new.clone();
    part.extent = Extent::Partial;
    part.files.retain(|entry| ships(&entry.path));
    part.schema.retain(&ships);
    part.tables.retain(&ships);
    part.extensions.retain(&ships);
    part.run_once.retain(|script| ships(&script.path));
    part.deleted.extend(found.removed);
    part.deleted.sort();
    part.deleted.dedup();
    part
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::integrity::manifest::fixtures::manifest;

    #[test]
    fn the_partial_manifest_holds_what_differs() {
        let (old, new) = (
            manifest(&[("a", "1"), ("b", "1"), ("c", "1")]),
            manifest(&[("a", "1"), ("b", "2"), ("d", "1")]),
        );
        let part = partial(&old, &new);
        let paths: Vec<&str> = part.files.iter().map(|entry| entry.path.as_str()).collect();
        assert_eq!(paths, ["b", "d"]);
        assert_eq!(part.deleted, [SitePath::parse("c").unwrap()]);
        assert_eq!(part.extent, Extent::Partial);
        part.check().unwrap();
    }
}
