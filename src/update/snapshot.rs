//! The tree as it was before anything changed, and from it the tree as the
//! plan wants it: what scripts did besides is found by comparing.

use std::collections::BTreeMap;
use std::io::BufRead;
use std::path::Path;

use serde::Deserialize;
use serde::Serialize;

use crate::base::exit::Exit;
use crate::base::exit::Fault;
use crate::base::json;
use crate::base::path::TreePath;
use crate::base::pattern::Patterns;
use crate::base::tree::Tree;
use crate::sys::fs;
use crate::sys::fs::IoError;
use crate::update::operations::Operation;
use crate::update::plan::Thing;
use crate::update::plan::What;
use crate::update::sealed;

/// What stands at each path.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Snapshot(BTreeMap<TreePath, Thing>);

/// One stored line; names that are not text are stored in hexadecimal.
#[derive(Serialize, Deserialize)]
struct Line {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    path: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    hex: Option<String>,
    thing: Thing,
}

#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    #[error("line {line} of {path} cannot be understood")]
    Damaged { path: String, line: usize },
    #[error(transparent)]
    Io(#[from] IoError),
}

impl Fault for SnapshotError {
    fn exit(&self) -> Exit {
        match self {
            SnapshotError::Damaged { .. } => Exit::Stuck,
            SnapshotError::Io(error) => error.exit(),
        }
    }
}

impl Snapshot {
    pub fn of(tree: &Tree) -> Snapshot {
        Snapshot(tree.iter().map(|(path, node)| (path.clone(), Thing::of_node(node))).collect())
    }

    pub fn save(&self, path: &Path) -> Result<(), SnapshotError> {
        let written = sealed::write_by(path, |out| {
            for (at, thing) in &self.0 {
                let name = std::str::from_utf8(at.as_bytes()).ok().map(str::to_owned);
                let hex = name.is_none().then(|| hex::encode(at.as_bytes()));
                json::write(&mut *out, &Line { path: name, hex, thing: thing.clone() })?;
                out.write_all(b"\n")?;
            }
            Ok(())
        });
        Ok(written?)
    }

    pub fn load(path: &Path) -> Result<Snapshot, SnapshotError> {
        let mut entries = BTreeMap::new();
        let Some(stored) = sealed::open(path)? else { return Ok(Snapshot::default()) };
        let lines = stored.split(b'\n').enumerate();
        for (at, line) in lines {
            let line = line.map_err(|source| IoError::new("read", path, source))?;
            let damaged = || SnapshotError::Damaged { path: fs::shown(path), line: at + 1 };
            let line: Line = json::read(&line).map_err(|_| damaged())?;
            let name = match (line.path, line.hex) {
                (Some(path), _) => path.into_bytes(),
                (None, Some(hex)) => hex::decode(hex).map_err(|_| damaged())?,
                (None, None) => return Err(damaged()),
            };
            entries.insert(TreePath::from_bytes(&name), line.thing);
        }
        Ok(Snapshot(entries))
    }

    /// The tree that this one becomes when the operations are done.
    #[must_use]
    pub fn after(self, operations: &[Operation]) -> Snapshot {
        let mut entries = self.0;
        for operation in operations {
            let path = TreePath::from(&operation.path);
            match operation.outcome() {
                Some(Some(new)) => drop(entries.insert(path, new.clone())),
                Some(None) => drop(entries.remove(&path)),
                None => {}
            }
        }
        Snapshot(entries)
    }

    /// The paths at which `live` holds something else; folders and modes do
    /// not count, nor does what `ignore` matches.
    pub fn differences(&self, live: &Tree, ignore: &Patterns) -> Vec<TreePath> {
        let ignored = |path: &TreePath| ignore.matches_bytes(path.as_bytes());
        let missing_or_other = self.0.iter().filter(|(path, thing)| {
            let now = live.get(*path).map(Thing::of_node);
            !thing.is_folder() && now.is_none_or(|now| !same(&now.what, &thing.what))
        });
        let unexpected = live
            .iter()
            .filter(|(path, node)| !node.is_folder() && !self.0.contains_key(*path))
            .map(|(path, _)| path);
        let mut found: Vec<TreePath> = missing_or_other
            .map(|(path, _)| path)
            .chain(unexpected)
            .filter(|path| !ignored(path))
            .cloned()
            .collect();
        found.sort();
        found
    }

    pub fn iter(&self) -> impl Iterator<Item = (&TreePath, &Thing)> {
        self.0.iter()
    }

    pub fn get(&self, path: &TreePath) -> Option<&Thing> {
        self.0.get(path)
    }
}

/// What cannot be compared is taken for unchanged.
fn same(a: &What, b: &What) -> bool {
    a == b || *a == What::Other || *b == What::Other
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::digest::Sha256;
    use crate::base::path::SitePath;
    use crate::base::tree::Kind;
    use crate::base::tree::Meta;
    use crate::base::tree::Node;
    use crate::update::operations::Act;

    fn tree(entries: &[(&[u8], &str)]) -> Tree {
        entries
            .iter()
            .map(|(path, text)| {
                let kind =
                    Kind::File { size: text.len() as u64, sha256: Sha256::of(text.as_bytes()), md5: None };
                (TreePath::from_bytes(path), Node { kind, meta: Meta::default() })
            })
            .collect()
    }

    #[test]
    fn what_is_stored_is_what_comes_back_whatever_the_names() {
        let snapshot = Snapshot::of(&tree(&[(b"a", "1"), (b"b\xff\n", "2")]));
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("before.jsonl");
        snapshot.save(&path).unwrap();
        assert_eq!(Snapshot::load(&path).unwrap(), snapshot);
    }

    #[test]
    fn every_difference_is_found_unless_it_is_expected() {
        let before =
            Snapshot::of(&tree(&[(b"same", "s"), (b"edited", "1"), (b"gone", "g"), (b"cache/x", "1")]));
        let now = tree(&[(b"same", "s"), (b"edited", "2"), (b"new", "n"), (b"cache/x", "2")]);
        let ignore = Patterns::new(["cache"]).unwrap();
        let found: Vec<String> = before.differences(&now, &ignore).iter().map(ToString::to_string).collect();
        assert_eq!(found, ["edited", "gone", "new"]);
        let withdrawn =
            Operation { path: SitePath::parse("gone").unwrap(), act: Act::Withdraw, new: None, old: None };
        let found = before.after(&[withdrawn]).differences(&now, &ignore);
        assert_eq!(found.len(), 2);
    }
}
