//! What belongs to a site outside its folder has no release: what stood there
//! when a watch saw it first is what is expected, and what was accepted since.

use std::collections::BTreeMap;
use std::path::Path;
use std::path::PathBuf;

use jiff::Timestamp;
use serde::Deserialize;
use serde::Serialize;

use crate::base::digest::Sha256;
use crate::base::path::SitePath;
use crate::base::path::TreePath;
use crate::base::tree::Kind as NodeKind;
use crate::base::tree::Node;
use crate::base::tree::Tree;
use crate::integrity::manifest::Content;
use crate::integrity::manifest::Extent;
use crate::integrity::manifest::FileEntry;
use crate::integrity::manifest::Made;
use crate::integrity::manifest::Manifest;
use crate::site::stored;
use crate::site::stored::StoredError;
use crate::sys::fs;
use crate::watch::finding::Finding;
use crate::watch::finding::Kind;
use crate::watch::finding::Why;

/// Everything that is expected outside, by what the settings name.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Outside {
    pub places: BTreeMap<String, Place>,
}

/// One file, or one folder with all that is in it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Place {
    /// Where its name led when it was seen first.
    pub path: PathBuf,
    pub since: Timestamp,
    /// By path from the folder that holds it.
    pub entries: BTreeMap<SitePath, Seen>,
    /// The same of names that no release could have, in hexadecimal.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub odd: BTreeMap<String, Seen>,
}

/// What stands at a path; folders do not count.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Seen {
    File {
        sha256: Sha256,
        size: u64,
        mode: u32,
    },
    Link {
        target: String,
    },
    /// To a name that is no text, in hexadecimal.
    Elsewhere {
        target: String,
    },
    Special,
}

impl Seen {
    pub fn of(node: &Node) -> Option<Seen> {
        match &node.kind {
            NodeKind::File { sha256, size, .. } => {
                Some(Seen::File { sha256: *sha256, size: *size, mode: node.meta.mode })
            }
            NodeKind::Link { target } => Some(match str::from_utf8(target) {
                Ok(text) => Seen::Link { target: text.to_owned() },
                Err(_) => Seen::Elsewhere { target: hex::encode(target) },
            }),
            NodeKind::Special(_) => Some(Seen::Special),
            NodeKind::Folder | NodeKind::Unreadable { .. } => None,
        }
    }

    /// The same for a manifest, which knows neither pipes nor targets that are no text.
    fn content(&self) -> Option<(Content, Option<u32>)> {
        match self {
            Seen::File { sha256, size, mode } => {
                Some((Content::File { size: *size, sha256: *sha256, md5: None }, Some(*mode)))
            }
            Seen::Link { target } => Some((Content::Link { target: target.clone() }, None)),
            Seen::Elsewhere { .. } | Seen::Special => None,
        }
    }
}

impl Outside {
    pub fn load(folder: &Path) -> Result<Outside, StoredError> {
        stored::load(&file(folder))
    }

    pub fn save(&self, folder: &Path) -> Result<(), StoredError> {
        fs::create_folders(folder, 0o700)?;
        stored::save(&file(folder), self)
    }
}

fn file(folder: &Path) -> PathBuf {
    folder.join("outside.json")
}

impl Place {
    /// All that stands there now; the paths of `tree` begin in the folder that holds it.
    pub fn of(path: &Path, tree: &Tree, now: Timestamp) -> Place {
        let mut place =
            Place { path: path.to_owned(), since: now, entries: BTreeMap::new(), odd: BTreeMap::new() };
        tree.iter().for_each(|(path, node)| place.expect(path, Seen::of(node)));
        place
    }

    /// From now on this is expected there.
    pub fn expect(&mut self, path: &TreePath, seen: Option<Seen>) {
        match (path.to_site_path(), seen) {
            (Ok(path), Some(seen)) => drop(self.entries.insert(path, seen)),
            (Ok(path), None) => drop(self.entries.remove(&path)),
            (Err(_), Some(seen)) => drop(self.odd.insert(hex::encode(path.as_bytes()), seen)),
            (Err(_), None) => drop(self.odd.remove(&hex::encode(path.as_bytes()))),
        }
    }

    /// Where something is expected.
    pub fn paths(&self) -> impl Iterator<Item = TreePath> + '_ {
        let odd = self.odd.keys().filter_map(|name| hex::decode(name).ok());
        self.entries.keys().map(TreePath::from).chain(odd.map(|raw| TreePath::from_bytes(&raw)))
    }

    /// What is expected there, as a release would say it; nothing of what is volatile.
    pub fn manifest(&self, is_volatile: &dyn Fn(&TreePath) -> bool) -> Manifest {
        let entries = self.entries.iter().filter_map(|(path, seen)| {
            let (content, mode) = seen.content()?;
            (!is_volatile(&path.into())).then(|| FileEntry { path: path.clone(), content, mode })
        });
        Manifest {
            product: "outside".into(),
            version: String::new(),
            time: self.since,
            extent: Extent::Complete,
            made: Made::Observed,
            from: Vec::new(),
            files: entries.collect(),
            deleted: Vec::new(),
            schema: Vec::new(),
            tables: Vec::new(),
            run_once: Vec::new(),
            extensions: Vec::new(),
        }
    }

    /// What is expected and no manifest can say: it leaves the tree where it stands
    /// there, and is missing where nothing does.
    pub fn settle_the_odd(&self, tree: &mut Tree, is_volatile: &dyn Fn(&TreePath) -> bool) -> Vec<TreePath> {
        let named = self.odd.iter().filter_map(|(name, seen)| Some((hex::decode(name).ok()?, seen)));
        let plain = self.entries.iter().filter(|(_, seen)| seen.content().is_none());
        let plain = plain.map(|(path, seen)| (path.as_str().as_bytes().to_vec(), seen));
        let odd = named.chain(plain).map(|(path, seen)| (TreePath::from_bytes(&path), seen));
        let mut missing = Vec::new();
        for (path, seen) in odd.filter(|(path, _)| !is_volatile(path)) {
            match tree.get(&path) {
                Some(node) if Seen::of(node).as_ref() == Some(seen) => drop(tree.remove(&path)),
                Some(_) => {}
                None if is_below_unreadable(&path, tree) => {}
                None => missing.push(path),
            }
        }
        missing
    }
}

fn is_below_unreadable(path: &TreePath, tree: &Tree) -> bool {
    let bytes = path.as_bytes();
    let slashes = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'/');
    let mut above = slashes.filter_map(|(at, _)| tree.get(&TreePath::from_bytes(&bytes[..at])));
    above.any(|node| matches!(node.kind, NodeKind::Unreadable { .. }))
}

/// Of a path that nothing was read of.
pub fn finding(shown: TreePath, kind: Kind, why: Option<Why>) -> Finding {
    Finding {
        path: shown,
        outside: true,
        kind,
        why: why.into_iter().collect(),
        sha256: None,
        size: None,
        mode: None,
        changed: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::tree::Meta;
    use crate::base::tree::Special;

    fn tree(nodes: &[(&[u8], NodeKind)]) -> Tree {
        let node = |kind: &NodeKind| Node { kind: kind.clone(), meta: Meta::default() };
        nodes.iter().map(|(path, kind)| (TreePath::from_bytes(path), node(kind))).collect()
    }

    fn text(text: &str) -> NodeKind {
        NodeKind::File { size: text.len() as u64, sha256: Sha256::of(text.as_bytes()), md5: None }
    }

    #[test]
    fn what_a_manifest_can_say_is_in_one_and_the_rest_is_settled_by_itself() {
        let link = |target: &[u8]| NodeKind::Link { target: target.to_vec() };
        let odd: [(&[u8], NodeKind); 5] = [
            (b"lib/\xff.php", text("odd")),
            (b"lib/\\xff.php", text("a name that reads the same")),
            (b"lib/a\\b", text("odd")),
            (b"lib/link", link(b"\xff")),
            (b"lib/pipe", NodeKind::Special(Special::Fifo)),
        ];
        let plain: [(&[u8], NodeKind); 3] =
            [(b"lib", NodeKind::Folder), (b"lib/a.php", text("a")), (b"lib/b", link(b"../x"))];
        let nothing = |_: &TreePath| false;
        let mut now = tree(&[&plain[..], &odd[..]].concat());
        let place = Place::of(Path::new("/srv/lib"), &now, Timestamp::UNIX_EPOCH);
        let listed: Vec<SitePath> =
            place.manifest(&nothing).files.into_iter().map(|file| file.path).collect();
        assert_eq!(listed.iter().map(SitePath::as_str).collect::<Vec<_>>(), ["lib/a.php", "lib/b"]);
        assert!(place.manifest(&|path| path.as_bytes().starts_with(b"lib")).files.is_empty());
        assert!(place.settle_the_odd(&mut now, &nothing).is_empty());
        assert_eq!(now, tree(&plain), "what is as expected is nobody's business");
        // Changed ones stay for whoever judges; gone ones are missing.
        let changed: [(&[u8], NodeKind); 2] =
            [(b"lib/\xff.php", text("other")), (b"lib/pipe", text("a pipe"))];
        let mut now = tree(&[&plain[..], &changed[..]].concat());
        let missing = place.settle_the_odd(&mut now, &nothing);
        let missing: Vec<&[u8]> = missing.iter().map(TreePath::as_bytes).collect();
        assert_eq!(missing, [&b"lib/\\xff.php"[..], b"lib/a\\b", b"lib/link"]);
        assert_eq!(now.len(), 5);
        let mut dark = tree(&[(b"lib", NodeKind::Unreadable { reason: "no".into() })]);
        assert!(place.settle_the_odd(&mut dark, &nothing).is_empty(), "nobody can know");
    }

    #[test]
    fn it_is_remembered_whole() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Outside::load(folder.path()).unwrap(), Outside::default());
        let now = tree(&[(b"lib/a", text("a")), (b"lib/\xff", NodeKind::Special(Special::Socket))]);
        let mut place = Place::of(Path::new("/srv/lib"), &now, Timestamp::UNIX_EPOCH);
        place.expect(&TreePath::from_bytes(b"lib/a"), None);
        place.expect(&TreePath::from_bytes(b"lib/b"), Some(Seen::Special));
        assert_eq!((place.entries.len(), place.odd.len()), (1, 1));
        let outside = Outside { places: BTreeMap::from([("../lib".into(), place)]) };
        outside.save(folder.path()).unwrap();
        assert_eq!(Outside::load(folder.path()).unwrap(), outside);
    }
}
