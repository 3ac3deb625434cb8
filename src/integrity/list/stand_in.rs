//! A list as a manifest, as far as a tree can tell: the digests that a manifest
//! has are not those of most lists, but what a listed file holds is known where
//! it is as it should be.

use jiff::Timestamp;

use crate::base::digest::Sha256;
use crate::base::path::SitePath;
use crate::base::pattern::Patterns;
use crate::base::tree::Tree;
use crate::integrity::list::Digest;
use crate::integrity::list::Document;
use crate::integrity::list::HashList;
use crate::integrity::list::Listed;
use crate::integrity::list::Verdict;
use crate::integrity::manifest::Content;
use crate::integrity::manifest::FileEntry;
use crate::integrity::manifest::Manifest;
use crate::sys::beneath::Root;
use crate::sys::fs::IoError;

/// What a list does not say.
const UNKNOWN: &str = "unknown";

impl Document {
    /// The manifest itself, or one that stands for the list.
    pub fn against(self, root: &Root, tree: &Tree, ignore: &Patterns) -> Result<Manifest, IoError> {
        match self {
            Document::Manifest(manifest) => Ok(*manifest),
            Document::List(list) => list.stand_in(root, tree, ignore),
        }
    }
}

impl HashList {
    /// A manifest that finds of this tree what the list finds: a file that is as listed is listed as it
    /// is, any other as something that no file holds.
    pub fn stand_in(&self, root: &Root, tree: &Tree, ignore: &Patterns) -> Result<Manifest, IoError> {
        let entry = |path: &SitePath, content| FileEntry { path: path.clone(), content, mode: None };
        let mut files = Vec::with_capacity(self.files.len());
        for (path, verdict) in self.judge(root, Some(tree), ignore)? {
            let here = content_of(tree, &path).filter(|_| verdict == Verdict::Exact);
            let listed = self.files.get(&path).map(something_else);
            files.extend(here.or(listed).map(|content| entry(&path, content)));
        }
        // What the list names and its application does not judge counts as listed.
        let apart = self.files.keys().filter(|path| self.leaves_out(path));
        files.extend(apart.filter_map(|path| Some(entry(path, content_of(tree, path)?))));
        files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(Manifest {
            files,
            ..Manifest::new(
                self.product.clone().unwrap_or_else(|| UNKNOWN.into()),
                self.version.clone().unwrap_or_else(|| UNKNOWN.into()),
                Timestamp::UNIX_EPOCH,
            )
        })
    }
}

fn content_of(tree: &Tree, path: &SitePath) -> Option<Content> {
    let node = tree.get(&path.into())?;
    Some(Content::File { size: node.size(), sha256: node.sha256()?, md5: None })
}

/// The listed content, by a digest that no file has where the list has none that a manifest knows.
fn something_else(listed: &Listed) -> Content {
    let known = listed.digests.iter().find_map(|digest| match digest {
        Digest::Sha256(sha256) => Some(*sha256),
        _ => None,
    });
    let sha256 = known.unwrap_or_else(|| Sha256::of(format!("{:?}", listed.digests).as_bytes()));
    Content::File { size: listed.size.unwrap_or(1), sha256, md5: None }
}
