//! Where the files of one side can be read once more: to tell which were
//! renamed, and to show how their lines differ.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::Read;
use std::path::Path;
use std::path::PathBuf;

use rayon::iter::IntoParallelRefIterator;
use rayon::iter::ParallelIterator;

use crate::base::digest::Algorithms;
use crate::base::digest::Sha256;
use crate::base::path::TreePath;
use crate::compare::listing;
use crate::integrity::list::is_recognised;
use crate::integrity::scan;
use crate::release::archive::Archive;
use crate::release::archive::Limits;
use crate::sys::beneath::Root;
use crate::sys::fs::IoError;

pub enum Contents {
    Folder(Root, Vec<Elsewhere>),
    Archive(PathBuf),
    /// A manifest or a list knows digests alone.
    Nowhere,
}

/// An entry of another folder, listed as if it stood at `at`.
pub struct Elsewhere {
    pub at: TreePath,
    pub folder: Root,
    pub name: OsString,
}

impl Contents {
    pub fn of_file(path: &Path) -> Result<Contents, IoError> {
        let is_list = is_recognised(&listing::beginning(path)?);
        Ok(if is_list { Contents::Nowhere } else { Contents::Archive(path.to_owned()) })
    }

    /// Digests of files whose content was never read; a file that cannot be read has none.
    pub fn digests(&self, wanted: &[&TreePath]) -> BTreeMap<TreePath, Sha256> {
        let Contents::Folder(..) = self else { return BTreeMap::new() };
        let digest = |path: &&TreePath| {
            let (root, below) = self.place(path)?;
            let (_, sha256, _) = scan::hash_file(root, &below, Algorithms::Sha256).ok()?;
            Some(((*path).clone(), sha256))
        };
        wanted.par_iter().filter_map(digest).collect()
    }

    /// The first `limit` bytes of each file and one more, so that longer ones
    /// are known. What cannot be read is left out.
    pub fn read(&self, wanted: &[&TreePath], limit: u64) -> BTreeMap<TreePath, Vec<u8>> {
        let mut found = BTreeMap::new();
        match self {
            Contents::Nowhere => {}
            Contents::Folder(..) => {
                for path in wanted {
                    if let Some(bytes) = self.beginning(path, limit) {
                        found.insert((*path).clone(), bytes);
                    }
                }
            }
            Contents::Archive(path) if !wanted.is_empty() => {
                let wanted: std::collections::BTreeSet<&TreePath> = wanted.iter().copied().collect();
                let read = Archive::open(path, &Limits::default()).and_then(|archive| {
                    archive.each(&mut |member, content| {
                        let path = TreePath::from(&member.path);
                        if wanted.contains(&path) {
                            let mut bytes = Vec::new();
                            content.take(limit + 1).read_to_end(&mut bytes)?;
                            found.insert(path, bytes);
                        }
                        Ok(())
                    })
                });
                // It was whole a moment ago; what was read of it since proves nothing.
                if read.is_err() {
                    found.clear();
                }
            }
            Contents::Archive(_) => {}
        }
        found
    }

    fn beginning(&self, path: &TreePath, limit: u64) -> Option<Vec<u8>> {
        let (root, below) = self.place(path)?;
        let mut bytes = Vec::new();
        let read: Result<_, IoError> = root.open_file(&below);
        read.ok()?.take(limit + 1).read_to_end(&mut bytes).ok()?;
        Some(bytes)
    }

    fn place(&self, path: &TreePath) -> Option<(&Root, TreePath)> {
        let Contents::Folder(root, elsewhere) = self else { return None };
        for other in elsewhere {
            let Some(rest) = path.as_bytes().strip_prefix(other.at.as_bytes()) else { continue };
            if rest.is_empty() || rest.starts_with(b"/") {
                let name = TreePath::root().child(&other.name);
                return Some((&other.folder, TreePath::from_bytes(&[name.as_bytes(), rest].concat())));
            }
        }
        Some((root, path.clone()))
    }
}
