//! What is a finding and what is not. Pure: a manifest, the deviations that
//! somebody answered for, and a tree; the content of files is asked for.

use std::collections::BTreeMap;
use std::iter::Peekable;

use crate::base::digest::Sha256;
use crate::base::escape;
use crate::base::path::SitePath;
use crate::base::path::TreePath;
use crate::base::pattern::Patterns;
use crate::base::tree::Kind as NodeKind;
use crate::base::tree::Node;
use crate::base::tree::Tree;
use crate::integrity::manifest::Content;
use crate::integrity::manifest::FileEntry;
use crate::integrity::manifest::Manifest;
use crate::integrity::three_way::holds;
use crate::site::installed::Accepted;
use crate::site::installed::Deviation;
use crate::site::installed::Found;
use crate::site::installed::Owners;
use crate::watch::content;
use crate::watch::finding::Finding;
use crate::watch::finding::Kind;
use crate::watch::finding::Weight;
use crate::watch::finding::Why;

const SET_ID: u32 = 0o6000;
const WORLD_WRITABLE: u32 = 0o002;
const RISKY: u32 = SET_ID | WORLD_WRITABLE;

/// What is judged, and by what.
pub struct Subject<'a> {
    pub manifest: &'a Manifest,
    pub tree: &'a Tree,
    pub deviations: &'a BTreeMap<SitePath, Deviation>,
    pub accepted: &'a BTreeMap<SitePath, Accepted>,
    /// What stood in the owner's own files; `None`: nobody knows.
    pub owners: Option<&'a Owners>,
    /// Whose the site is.
    pub owner: Option<u32>,
    pub rules: &'a Rules,
}

/// What the profile and the settings say of paths.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    /// Never judged.
    pub volatile: Patterns,
    /// The owner's: expected to be there, and to be other than in a release.
    pub owners: Patterns,
    /// Folders that visitors fill.
    pub uploads: Patterns,
    /// Files of the release that may be taken away.
    pub optional: Patterns,
}

/// What is asked of a file's content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask<'a> {
    /// Does this code do nothing?
    IsInert,
    TurnsHandlersOn,
    HoldsPhp,
    /// Is it the text of this digest, but for the ends of its lines?
    IsTextOf(&'a Sha256),
}

/// Who looks into a file.
pub type Look<'a> = &'a mut dyn FnMut(&TreePath, &Node, Ask) -> bool;

/// Everything that is not as it should be, in byte order of the paths.
pub fn judge(subject: &Subject, look: Look) -> Vec<Finding> {
    let mut judge = Judge { subject, look, findings: Vec::new() };
    let mut nodes = subject.tree.iter().peekable();
    for entry in &subject.manifest.files {
        judge.unlisted_before(Some(entry.path.as_str().as_bytes()), &mut nodes);
        let here = |(path, _): &(&TreePath, &Node)| path.as_bytes() == entry.path.as_str().as_bytes();
        let node = nodes.next_if(here).map(|(_, node)| node);
        judge.listed(entry, node);
    }
    judge.unlisted_before(None, &mut nodes);
    judge.owners_missing();
    judge.findings.sort_by(|a, b| a.path.cmp(&b.path));
    judge.findings
}

struct Judge<'a, 'l> {
    subject: &'a Subject<'a>,
    look: Look<'l>,
    findings: Vec<Finding>,
}

impl<'a> Judge<'a, '_> {
    /// Judges what the manifest does not list, up to a path that it does.
    fn unlisted_before(
        &mut self,
        listed: Option<&[u8]>,
        nodes: &mut Peekable<impl Iterator<Item = (&'a TreePath, &'a Node)>>,
    ) {
        while let Some((path, node)) =
            nodes.next_if(|(path, _)| listed.is_none_or(|listed| path.as_bytes() < listed))
        {
            self.unlisted(path, node);
        }
    }

    fn listed(&mut self, entry: &FileEntry, node: Option<&Node>) {
        let (rules, path) = (&self.subject.rules, &entry.path);
        let holds = node.is_some_and(|node| holds(node, &entry.content));
        let risks = node.map(|node| risks(node, entry.mode)).unwrap_or_default();
        let is_fine = holds && risks.is_empty();
        if is_fine || rules.volatile.matches(path.as_str()) || self.is_answered_for(path, node) {
            return;
        }
        if rules.owners.matches(path.as_str()) {
            if let Some(node) = node.filter(|_| !holds) {
                self.owners(&path.into(), node);
            }
            return;
        }
        let tree_path = TreePath::from(path);
        match node {
            None => self.missing(entry),
            Some(node) => {
                if let NodeKind::Unreadable { reason } = &node.kind {
                    return self.unreadable(&tree_path, reason);
                }
                let why = if holds { risks } else { self.modified(entry, &tree_path, node, risks) };
                self.find(&tree_path, Some(node), Kind::Modified, why);
            }
        }
    }

    fn missing(&mut self, entry: &FileEntry) {
        let path = &entry.path;
        // Who ran a one-time script may clear it away.
        let has_run = self.subject.manifest.run_once.iter().any(|script| script.path == *path);
        if has_run || self.subject.rules.optional.matches(path.as_str()) {
            return;
        }
        match below_unreadable(self.subject.tree, path) {
            Some(reason) => self.unreadable(&path.into(), &format!("its folder cannot be read: {reason}")),
            None => self.find(&path.into(), None, Kind::Missing, Vec::new()),
        }
    }

    fn modified(&mut self, entry: &FileEntry, path: &TreePath, node: &Node, risks: Vec<Why>) -> Vec<Why> {
        let subject = self.subject;
        let mut why = risks;
        match (&entry.content, &node.kind) {
            (Content::File { size, sha256, .. }, NodeKind::File { size: found, .. }) => {
                if *found == 0 && *size > 0 {
                    why.push(Why::Emptied);
                } else if (self.look)(path, node, Ask::IsTextOf(sha256)) {
                    why.push(Why::LineEndings);
                }
            }
            (Content::Link { .. }, NodeKind::Link { target }) | (_, NodeKind::Link { target }) => {
                why.extend(points_out(path, target));
                if !matches!(entry.content, Content::Link { .. }) {
                    why.push(Why::OtherKind { found: "a link" });
                }
            }
            (_, NodeKind::Folder) => why.push(Why::OtherKind { found: "a folder" }),
            (_, NodeKind::File { .. }) => why.push(Why::OtherKind { found: "a file" }),
            (_, NodeKind::Special(_)) => why.push(Why::Special),
            (_, NodeKind::Unreadable { .. }) => {}
        }
        let was_kept =
            matches!(subject.deviations.get(&entry.path), Some(Deviation::Kept { .. } | Deviation::Deleted));
        if was_kept || subject.accepted.contains_key(&entry.path) {
            why.push(Why::ChangedAgain);
        }
        why
    }

    fn unlisted(&mut self, path: &TreePath, node: &Node) {
        let rules = self.subject.rules;
        if node.is_folder() || rules.volatile.matches_bytes(path.as_bytes()) {
            return;
        }
        if let NodeKind::Unreadable { reason } = &node.kind {
            return self.unreadable(path, reason);
        }
        let site_path = path.to_site_path().ok();
        if site_path.as_ref().is_some_and(|path| self.is_answered_for(path, Some(node)))
            || self.is_made_by_an_update(path, node)
        {
            return;
        }
        let is_owners = rules.owners.matches_bytes(path.as_bytes());
        if is_owners || rules.uploads.matches_bytes(path.as_bytes()) {
            return self.owners(path, node);
        }
        let mut why = self.hazards(path, node, true);
        if site_path.is_some_and(|path| self.subject.accepted.contains_key(&path)) {
            why.push(Why::ChangedAgain);
        }
        self.find(path, Some(node), Kind::Unexpected, why);
    }

    /// What visitors put there is nobody's business unless it is dangerous; what
    /// the owner did, where it is known what stood there.
    fn owners(&mut self, path: &TreePath, node: &Node) {
        if let NodeKind::Unreadable { reason } = &node.kind {
            return self.unreadable(path, reason);
        }
        let (kind, is_as_known) = match self.known_of_owners(path) {
            Some(None) => (Kind::Unexpected, false),
            Some(Some(found)) => (Kind::Modified, fits(found, Some(node))),
            None => (Kind::Unexpected, true),
        };
        let mut why = self.hazards(path, node, is_as_known);
        match is_as_known {
            true if why.iter().all(|why| why.weight() != Weight::Alarm) => {}
            true => self.find(path, Some(node), Kind::Unexpected, why),
            false => {
                why.push(Why::Owners);
                self.find(path, Some(node), kind, why);
            }
        }
    }

    /// What is known of a file of the owner's: `Some(None)`, that there was none.
    fn known_of_owners(&self, path: &TreePath) -> Option<Option<&'a Found>> {
        let (rules, path) = (self.subject.rules, path.to_site_path().ok()?);
        let is_visitors = rules.uploads.matches(path.as_str());
        if is_visitors || !rules.owners.matches(path.as_str()) {
            return None;
        }
        self.subject.owners?.expected(&path)
    }

    /// Files of the owner's that are gone.
    fn owners_missing(&mut self) {
        let (subject, rules) = (self.subject, self.subject.rules);
        for path in subject.owners.iter().flat_map(|owners| owners.files.keys()) {
            let tree_path = TreePath::from(path);
            let is_there = subject.tree.get(&tree_path).is_some() || rules.volatile.matches(path.as_str());
            let is_known = || self.known_of_owners(&tree_path).is_some();
            if is_there || !is_known() || self.is_answered_for(path, None) {
                continue;
            }
            match below_unreadable(subject.tree, path) {
                Some(_) => {}
                None => self.find(&tree_path, None, Kind::Missing, vec![Why::Owners]),
            }
        }
    }

    /// What makes a path that no release has dangerous, or hard to see.
    fn hazards(&mut self, path: &TreePath, node: &Node, is_as_known: bool) -> Vec<Why> {
        let mut why = risks(node, None);
        match &node.kind {
            NodeKind::File { .. } => why.extend(self.runs(path, node, is_as_known)),
            NodeKind::Link { target } => why.extend(points_out(path, target)),
            NodeKind::Special(_) => why.push(Why::Special),
            NodeKind::Folder | NodeKind::Unreadable { .. } => {}
        }
        if path.as_bytes().split(|byte| *byte == b'/').any(|part| part.starts_with(b".")) {
            why.push(Why::Hidden);
        }
        why
    }

    /// What of a file the server runs, or makes the server run.
    fn runs(&mut self, path: &TreePath, node: &Node, is_as_known: bool) -> Option<Why> {
        let (rules, raw) = (self.subject.rules, path.as_bytes());
        let name = raw.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
        let in_uploads = rules.uploads.matches_bytes(raw);
        let (why, holds) = if content::is_code(name) {
            let why = if in_uploads { Why::CodeInUploads } else { Why::Code };
            (why, !(self.look)(path, node, Ask::IsInert))
        } else if content::is_server_config(name) {
            // The owner's own, outside of uploads, may say what it likes, and what it said before.
            let is_owners = is_as_known && !in_uploads && rules.owners.matches_bytes(raw);
            (Why::TurnsHandlersOn, !is_owners && (self.look)(path, node, Ask::TurnsHandlersOn))
        } else {
            (Why::Polyglot, content::is_media(name) && (self.look)(path, node, Ask::HoldsPhp))
        };
        holds.then_some(why)
    }

    /// Whether a person, or an update, answered for exactly what stands there.
    fn is_answered_for(&self, path: &SitePath, node: Option<&Node>) -> bool {
        let subject = self.subject;
        if subject.accepted.get(path).is_some_and(|accepted| fits(&accepted.what, node)) {
            return true;
        }
        match (subject.deviations.get(path), node) {
            (Some(Deviation::Deleted | Deviation::Done), None) => true,
            (Some(Deviation::Kept { sha256: Some(sha256) }), Some(node)) => {
                node.sha256() == Some(*sha256) && risks(node, None).is_empty()
            }
            (Some(Deviation::Kept { sha256: None }), Some(node)) => node.sha256().is_none(),
            _ => false,
        }
    }

    /// A script that has run bears another name; the release's version of what
    /// was kept stands beside it.
    fn is_made_by_an_update(&self, path: &TreePath, node: &Node) -> bool {
        let Ok(text) = std::str::from_utf8(path.as_bytes()) else { return false };
        let Some(of) = text.strip_suffix(".done").or_else(|| text.strip_suffix(".new")) else { return false };
        let Ok(of) = SitePath::parse(of) else { return false };
        let is_script = || self.subject.manifest.run_once.iter().any(|script| script.path == of);
        let entry = self.subject.manifest.entry(&of);
        entry.is_some_and(|entry| holds(node, &entry.content))
            && risks(node, None).is_empty()
            && (text.ends_with(".new") || is_script())
    }

    fn unreadable(&mut self, path: &TreePath, reason: &str) {
        self.find(path, None, Kind::Unreadable, vec![Why::Reason { text: reason.to_owned() }]);
    }

    fn find(&mut self, path: &TreePath, node: Option<&Node>, kind: Kind, mut why: Vec<Why>) {
        let owner = node.map(|node| node.meta.uid);
        if let (Some(uid), Some(site)) = (owner, self.subject.owner)
            && uid != site
        {
            why.push(Why::OfAnother { uid });
        }
        why.sort();
        self.findings.push(Finding {
            path: path.clone(),
            outside: false,
            kind,
            why,
            sha256: node.and_then(Node::sha256),
            size: node.filter(|node| node.sha256().is_some()).map(Node::size),
            mode: node.map(|node| node.meta.mode),
            changed: None,
        });
    }
}

fn fits(accepted: &Found, node: Option<&Node>) -> bool {
    match (accepted, Found::of(node)) {
        (Found::File { sha256, mode }, Some(Found::File { sha256: now, mode: mode_now })) => {
            *sha256 == now && mode_now & RISKY & !mode == 0
        }
        (accepted, now) => now.as_ref() == Some(accepted),
    }
}

/// What its permission bits allow that `granted` does not.
fn risks(node: &Node, granted: Option<u32>) -> Vec<Why> {
    let bits = match node.kind {
        NodeKind::File { .. } => node.meta.mode & !granted.unwrap_or_default(),
        _ => 0,
    };
    let set_id = (bits & SET_ID != 0).then_some(Why::SetId);
    let writable = (bits & WORLD_WRITABLE != 0).then_some(Why::WorldWritable);
    set_id.into_iter().chain(writable).collect()
}

/// Where a link leads that does not stay in the site.
fn points_out(path: &TreePath, target: &[u8]) -> Option<Why> {
    let above = path.as_bytes().iter().filter(|byte| **byte == b'/').count() as i64;
    let mut depth = above;
    let mut leaves = target.starts_with(b"/");
    for part in target.split(|byte| *byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." => depth -= 1,
            _ => depth += 1,
        }
        leaves |= depth < 0;
    }
    leaves.then(|| Why::PointsOut { target: escape::bytes(target) })
}

/// Why the folder of a path cannot be read, where it cannot.
fn below_unreadable<'t>(tree: &'t Tree, path: &SitePath) -> Option<&'t str> {
    path.ancestors().find_map(|folder| match &tree.get(&(&folder).into())?.kind {
        NodeKind::Unreadable { reason } => Some(reason.as_str()),
        _ => None,
    })
}

#[cfg(test)]
mod tests;
