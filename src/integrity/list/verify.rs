//! A tree held against a list. Content decides, by every kind of digest that
//! the list has of a file; what the list has not is read.

use std::collections::BTreeSet;
use std::io::Read;

use rayon::iter::IntoParallelIterator;
use rayon::iter::ParallelIterator;

use crate::base::digest::Algorithms;
use crate::base::path::SitePath;
use crate::base::path::TreePath;
use crate::base::pattern::Patterns;
use crate::base::tree;
use crate::base::tree::Tree;
use crate::integrity::list::Digest;
use crate::integrity::list::Format;
use crate::integrity::list::HashList;
use crate::integrity::list::Kind;
use crate::integrity::list::Listed;
use crate::integrity::list::digest;
use crate::integrity::list::signature;
use crate::integrity::list::wordpress;
use crate::integrity::verify::Findings;
use crate::integrity::verify::below_unreadable;
use crate::sys::beneath::Root;
use crate::sys::beneath::StatKind;
use crate::sys::fs::IoError;

/// Largest `.htaccess` whose upper part is looked at.
const HTACCESS_BYTES: u64 = 1 << 20;
/// Links between folders that are followed on the way to one file.
const MAX_LINKS: usize = 16;

/// What was found of one listed file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Exact,
    Modified,
    Missing,
    Unreadable,
}

impl HashList {
    /// Every path that the list names or the tree has; `ignore` is not judged.
    pub fn verify(&self, root: &Root, tree: &Tree, ignore: &Patterns) -> Result<Findings, IoError> {
        let mut findings = findings(self.judge(root, Some(tree), ignore)?);
        for (path, node) in tree.iter().filter(|(path, _)| !ignore.matches_bytes(path.as_bytes())) {
            let is_listed = path.to_site_path().is_ok_and(|path| self.files.contains_key(&path));
            match node.kind {
                _ if is_listed => {}
                tree::Kind::Folder => {}
                tree::Kind::Unreadable { .. } => findings.unreadable.push(path.clone()),
                _ => findings.unexpected.push(path.clone()),
            }
        }
        findings.unreadable.sort();
        findings.unreadable.dedup();
        Ok(findings)
    }

    /// Only what the list names: nothing else below `root` is looked at.
    pub fn verify_listed(&self, root: &Root, ignore: &Patterns) -> Result<Findings, IoError> {
        Ok(findings(self.judge(root, None, ignore)?))
    }

    /// Each listed file with what was found of it, in byte order of their paths.
    /// What is known of `tree` is not read again.
    pub fn judge(
        &self,
        root: &Root,
        tree: Option<&Tree>,
        ignore: &Patterns,
    ) -> Result<Vec<(SitePath, Verdict)>, IoError> {
        let judged: Vec<(&SitePath, &Listed)> = self
            .files
            .iter()
            .filter(|(path, _)| !self.leaves_out(path) && !ignore.matches(path.as_str()))
            .collect();
        let judge = |(path, listed): (&SitePath, &Listed)| {
            let verdict = match tree {
                Some(tree) => self.judge_in_tree(root, tree, path, listed),
                None => self.judge_on_disk(root, path, listed),
            };
            (path.clone(), verdict)
        };
        Ok(judged.into_par_iter().map(judge).collect())
    }

    /// What the application itself leaves out when it checks its files.
    pub fn leaves_out(&self, path: &SitePath) -> bool {
        self.apart().is_some_and(|folder| path.as_str().starts_with(folder))
    }

    /// The folder, with a slash behind it.
    pub fn apart(&self) -> Option<&'static str> {
        match self.format {
            Format::WordPress => self.product.is_none().then_some(wordpress::APART),
            Format::Signature => Some(signature::APART),
            _ => None,
        }
    }

    fn judge_in_tree(&self, root: &Root, tree: &Tree, path: &SitePath, listed: &Listed) -> Verdict {
        match tree.get(&path.into()).map(|node| &node.kind) {
            Some(tree::Kind::File { size, sha256, md5 }) => {
                let known: Vec<Digest> =
                    [Digest::Sha256(*sha256)].into_iter().chain(md5.map(Digest::Md5)).collect();
                let is_enough = |kind: &Kind| known.iter().any(|digest| digest.kind() == *kind);
                if listed.size.is_some_and(|listed| listed != *size) && !self.may_differ(path) {
                    Verdict::Modified
                } else if listed.kinds().iter().all(is_enough) {
                    if listed.fits(*size, &known) { Verdict::Exact } else { Verdict::Modified }
                } else {
                    self.judge_content(root, path, listed)
                }
            }
            Some(tree::Kind::Unreadable { .. }) => Verdict::Unreadable,
            Some(_) => Verdict::Modified,
            None if below_unreadable(tree, path) => Verdict::Unreadable,
            None => Verdict::Missing,
        }
    }

    fn judge_on_disk(&self, root: &Root, path: &SitePath, listed: &Listed) -> Verdict {
        let place = match self.format {
            Format::Md5sums => behind_links(root, path),
            _ => path.clone(),
        };
        match root.stat_in_plain_sight(&place) {
            Ok(None) => Verdict::Missing,
            Ok(Some(stat)) if stat.kind == StatKind::File => self.judge_content(root, &place, listed),
            Ok(Some(_)) => Verdict::Modified,
            Err(_) => Verdict::Unreadable,
        }
    }

    fn judge_content(&self, root: &Root, path: &SitePath, listed: &Listed) -> Verdict {
        let taken =
            root.open_file(path).ok().and_then(|mut file| digest::take(&mut file, &listed.kinds()).ok());
        match taken {
            None => Verdict::Unreadable,
            Some((size, found)) if listed.fits(size, &found) => Verdict::Exact,
            Some(_) if self.may_differ(path) && has_upper_part(root, path, listed) => Verdict::Exact,
            Some(_) => Verdict::Modified,
        }
    }

    /// Nextcloud writes into its own `.htaccess`, below a mark.
    fn may_differ(&self, path: &SitePath) -> bool {
        self.format == Format::Signature && path.as_str() == ".htaccess"
    }
}

fn has_upper_part(root: &Root, path: &SitePath, listed: &Listed) -> bool {
    let Ok(file) = root.open_file(path) else { return false };
    let mut text = Vec::new();
    if file.take(HTACCESS_BYTES).read_to_end(&mut text).is_err() {
        return false;
    }
    let mark = signature::HTACCESS_MARK;
    let marks: Vec<usize> = (0..text.len()).filter(|at| text[*at..].starts_with(mark)).collect();
    let [at] = marks[..] else { return false };
    let mut upper = &text[..at];
    digest::take(&mut upper, &listed.kinds()).is_ok_and(|(size, found)| listed.fits(size, &found))
}

/// Where a path leads when folders on the way are links that stay inside, as on
/// systems whose `/bin` is `usr/bin`.
fn behind_links(root: &Root, path: &SitePath) -> SitePath {
    let is_link =
        |above: &SitePath| matches!(root.stat(above), Ok(Some(stat)) if stat.kind == StatKind::Link);
    let mut place = path.clone();
    for _ in 0..MAX_LINKS {
        let Some(link) = place.ancestors().find(is_link) else { return place };
        match root.read_link(&link).ok().and_then(|target| target_of(&link, &target, &place)) {
            Some(next) => place = next,
            None => break,
        }
    }
    path.clone()
}

/// `place` with its beginning `link` replaced by where that leads.
fn target_of(link: &SitePath, target: &[u8], place: &SitePath) -> Option<SitePath> {
    let target = std::str::from_utf8(target).ok()?;
    let mut parts: Vec<&str> = match target.starts_with('/') {
        true => Vec::new(),
        false => link.as_str().split('/').rev().skip(1).collect::<Vec<_>>().into_iter().rev().collect(),
    };
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    let rest = place.as_str().strip_prefix(link.as_str())?.trim_start_matches('/');
    parts.push(rest);
    SitePath::parse(&parts.join("/")).ok()
}

fn findings(judged: Vec<(SitePath, Verdict)>) -> Findings {
    let mut findings = Findings::default();
    for (path, verdict) in judged {
        let place = match verdict {
            Verdict::Exact => {
                findings.exact += 1;
                continue;
            }
            Verdict::Modified => &mut findings.modified,
            Verdict::Missing => &mut findings.missing,
            Verdict::Unreadable => &mut findings.unreadable,
        };
        place.push(TreePath::from(&path));
    }
    findings
}

impl HashList {
    /// Which digests a scan should take along, so that files are not read twice.
    pub fn algorithms(&self) -> Algorithms {
        let kinds: BTreeSet<Kind> = self.files.values().flat_map(|listed| listed.kinds()).collect();
        match kinds.contains(&Kind::Md5) {
            true => Algorithms::Sha256AndMd5,
            false => Algorithms::Sha256,
        }
    }
}
