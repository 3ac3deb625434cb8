//! A tree held against a manifest: what is modified, missing, unexpected or
//! unreadable. Content decides; permissions and times do not count.

use crate::base::path::SitePath;
use crate::base::path::TreePath;
use crate::base::pattern::Patterns;
use crate::base::tree::Kind;
use crate::base::tree::Tree;
use crate::integrity::manifest::Manifest;
use crate::integrity::three_way::holds;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    pub modified: Vec<TreePath>,
    pub missing: Vec<TreePath>,
    /// Files and links that the manifest does not list.
    pub unexpected: Vec<TreePath>,
    pub unreadable: Vec<TreePath>,
    /// Listed files that hold exactly what they should.
    pub exact: u64,
}

impl Findings {
    /// Whether every listed path is as it should be.
    pub fn is_clean(&self) -> bool {
        self.modified.is_empty() && self.missing.is_empty() && self.unreadable.is_empty()
    }
}

/// All findings in byte order of their paths; `ignore` is not judged.
pub fn verify(manifest: &Manifest, tree: &Tree, ignore: &Patterns) -> Findings {
    let mut findings = Findings::default();
    for entry in manifest.files.iter().filter(|entry| !ignore.matches(entry.path.as_str())) {
        let path = TreePath::from(&entry.path);
        match tree.get(&path) {
            Some(node) if holds(node, &entry.content) => findings.exact += 1,
            Some(node) if matches!(node.kind, Kind::Unreadable { .. }) => findings.unreadable.push(path),
            Some(_) => findings.modified.push(path),
            None if below_unreadable(tree, &entry.path) => findings.unreadable.push(path),
            None => findings.missing.push(path),
        }
    }
    for (path, node) in tree {
        let listed = path.to_site_path().is_ok_and(|path| manifest.entry(&path).is_some());
        if listed || ignore.matches_bytes(path.as_bytes()) {
            continue;
        }
        match node.kind {
            Kind::Folder => {}
            Kind::Unreadable { .. } => findings.unreadable.push(path.clone()),
            _ => findings.unexpected.push(path.clone()),
        }
    }
    findings.unreadable.sort();
    findings.unreadable.dedup();
    findings
}

/// What lies below a folder that cannot be read is not known to be missing.
pub(super) fn below_unreadable(tree: &Tree, path: &SitePath) -> bool {
    path.ancestors().any(|folder| {
        tree.get(&(&folder).into()).is_some_and(|node| matches!(node.kind, Kind::Unreadable { .. }))
    })
}
