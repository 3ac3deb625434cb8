//! Folders that nothing is known of: one line for a plugin that nobody listed,
//! instead of one for each of its files. Pure.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use serde::Serialize;

use crate::base::path::TreePath;
use crate::integrity::manifest::Manifest;
use crate::watch::finding::Finding;
use crate::watch::finding::Kind;

/// Fewer are told one by one.
const MANY: u64 = 3;

/// A folder of which the manifest lists nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct UnknownFolder {
    pub path: TreePath,
    /// Unexpected ones at any depth.
    pub files: u64,
}

/// The topmost ones that hold several unexpected files, in byte order.
pub fn unknown(findings: &[Finding], manifest: &Manifest) -> Vec<UnknownFolder> {
    let listed: BTreeSet<&[u8]> =
        manifest.files.iter().flat_map(|entry| folders_above(entry.path.as_str().as_bytes())).collect();
    let mut files: BTreeMap<&[u8], u64> = BTreeMap::new();
    for finding in findings.iter().filter(|finding| finding.kind == Kind::Unexpected) {
        let topmost = folders_above(finding.path.as_bytes()).find(|folder| !listed.contains(folder));
        *files.entry(topmost.unwrap_or_default()).or_default() += 1;
    }
    let folders = files.into_iter().filter(|(path, files)| !path.is_empty() && *files >= MANY);
    folders.map(|(path, files)| UnknownFolder { path: TreePath::from_bytes(path), files }).collect()
}

/// From the top down.
fn folders_above(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    let slashes = path.iter().enumerate().filter(|(_, byte)| **byte == b'/');
    slashes.map(|(at, _)| &path[..at])
}

impl UnknownFolder {
    /// Whether this finding is one of those that are counted.
    pub fn holds(&self, finding: &Finding) -> bool {
        let rest = finding.path.as_bytes().strip_prefix(self.path.as_bytes());
        !finding.outside
            && finding.kind == Kind::Unexpected
            && rest.is_some_and(|rest| rest.starts_with(b"/"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::integrity::manifest::fixtures::manifest;

    #[test]
    fn what_nobody_listed_is_one_folder() {
        let known = manifest(&[("plugins/a/a.php", "a"), ("index.php", "i")]);
        let finding = |path: &str| Finding {
            path: TreePath::from_bytes(path.as_bytes()),
            outside: false,
            kind: Kind::Unexpected,
            why: Vec::new(),
            sha256: None,
            size: None,
            mode: None,
            changed: None,
        };
        let paths = [
            "top",
            "plugins/b/1",
            "plugins/b/x/2",
            "plugins/b-c/1",
            "plugins/b/x/3",
            "plugins/a/new",
            "few/1",
        ];
        let findings = paths.map(finding);
        let folders = unknown(&findings, &known);
        let path = TreePath::from_bytes(b"plugins/b");
        assert_eq!(folders, [UnknownFolder { path, files: 3 }]);
        let held = findings.iter().filter(|finding| folders[0].holds(finding)).count();
        assert_eq!(held, 3);
    }
}
