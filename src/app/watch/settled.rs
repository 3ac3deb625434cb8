//! What differs in a tree, looked at twice before it counts: a file may have been
//! written, moved or taken away just while its folder was read.

use std::collections::BTreeMap;

use crate::app::watch::inspect::Inspector;
use crate::base::digest::Algorithms;
use crate::base::path::SitePath;
use crate::base::path::TreePath;
use crate::base::tree::Tree;
use crate::integrity::look;
use crate::integrity::manifest::Manifest;
use crate::site::installed::Accepted;
use crate::site::installed::Deviation;
use crate::site::installed::Owners;
use crate::sys::beneath::Root;
use crate::watch::finding::Finding;
use crate::watch::finding::Kind;
use crate::watch::judge;
use crate::watch::judge::Rules;
use crate::watch::judge::Subject;

/// How often a finding is looked at again before it counts.
const SECOND_LOOKS: u32 = 2;

/// What a tree should be.
pub struct Expected<'a> {
    pub manifest: &'a Manifest,
    pub deviations: &'a BTreeMap<SitePath, Deviation>,
    pub accepted: &'a BTreeMap<SitePath, Accepted>,
    pub owners: Option<&'a Owners>,
    /// Whose it is.
    pub owner: Option<u32>,
    pub rules: &'a Rules,
    /// What the gate holds stands elsewhere.
    pub held: Option<&'a TreePath>,
}

pub fn settled(root: &Root, expected: &Expected, tree: &mut Tree, inspector: &mut Inspector) -> Vec<Finding> {
    let mut found = judged(expected, tree, inspector);
    for _ in 0..SECOND_LOOKS {
        let stand_there = found.iter().filter(|finding| Some(&finding.path) != expected.held);
        let changed: Vec<_> = stand_there.filter(|finding| renew(root, finding, tree)).collect();
        if changed.is_empty() {
            break;
        }
        found = judged(expected, tree, inspector);
    }
    found
}

fn judged(expected: &Expected, tree: &Tree, inspector: &mut Inspector) -> Vec<Finding> {
    let subject = Subject {
        manifest: expected.manifest,
        tree,
        deviations: expected.deviations,
        accepted: expected.accepted,
        owners: expected.owners,
        owner: expected.owner,
        rules: expected.rules,
    };
    judge::judge(&subject, &mut |path, node, ask| inspector.answer(path, node, ask))
}

/// Looks at a path once more; whether something else stands there now.
fn renew(root: &Root, finding: &Finding, tree: &mut Tree) -> bool {
    let path = &finding.path;
    let known = tree.get(path);
    if finding.kind != Kind::Unreadable {
        match (root.stat(path), known) {
            (Ok(None), None) | (Err(_), _) => return false,
            (Ok(Some(stat)), Some(node)) if stat.meta == node.meta => return false,
            _ => {}
        }
    }
    match look::look(root, path, Algorithms::Sha256) {
        Ok(Some(node)) if known == Some(&node) => false,
        // It stands there; what is in it could not be listed.
        Ok(Some(node)) if node.is_folder() && finding.kind == Kind::Unreadable => false,
        Ok(Some(node)) => {
            tree.insert(path.clone(), node);
            true
        }
        Ok(None) => tree.remove(path).is_some(),
        Err(_) => false,
    }
}
