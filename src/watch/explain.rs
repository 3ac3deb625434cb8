//! What else is known of findings once they are found: from which release they
//! are, when they changed, whether their marks lied. Pure.

use jiff::SignedDuration;
use jiff::Timestamp;

use crate::base::path::SitePath;
use crate::base::path::TreePath;
use crate::base::tree::Node;
use crate::base::tree::Tree;
use crate::integrity::manifest::FileEntry;
use crate::integrity::manifest::Manifest;
use crate::integrity::scan::Scan;
use crate::watch::finding::Finding;
use crate::watch::finding::Kind;
use crate::watch::finding::Why;
use crate::watch::judge::Rules;

const A_DAY: SignedDuration = SignedDuration::from_hours(24);

/// What an earlier release tells of findings: which are its own files.
pub fn explain(findings: &mut [Finding], earlier: &Manifest) {
    for finding in findings.iter_mut().filter(|finding| finding.kind != Kind::Missing) {
        let Some(why) = origin(finding, earlier) else { continue };
        let exact = matches!(why, Why::OfRelease { .. });
        let knows = |why: &Why| match why {
            Why::OfRelease { .. } => true,
            Why::NamedInRelease { .. } => !exact,
            _ => false,
        };
        if !finding.why.iter().any(knows) {
            finding.why.retain(|why| !matches!(why, Why::NamedInRelease { .. }));
            finding.why.push(why);
        }
    }
}

fn origin(finding: &Finding, earlier: &Manifest) -> Option<Why> {
    let text = std::str::from_utf8(finding.path.as_bytes()).ok()?;
    let entry = |text: &str| earlier.entry(&SitePath::parse(text).ok()?);
    let named = entry(text);
    // What an update put beside an edit, or a script that has run.
    let bare = text.strip_suffix(".new").or_else(|| text.strip_suffix(".done"));
    let exact = |entry: &FileEntry| entry.sha256().is_some() && entry.sha256() == finding.sha256;
    let version = earlier.version.clone();
    if named.or_else(|| entry(bare?)).is_some_and(exact) {
        return Some(Why::OfRelease { version });
    }
    (named.is_some() && finding.kind == Kind::Unexpected).then_some(Why::NamedInRelease { version })
}

/// What the installed release itself says of unexpected files.
pub fn mark_dropped(findings: &mut [Finding], manifest: &Manifest) {
    for finding in findings.iter_mut().filter(|finding| finding.kind == Kind::Unexpected) {
        let path = finding.path.to_site_path();
        if path.is_ok_and(|path| manifest.deleted.contains(&path)) {
            finding.why.push(Why::Dropped);
        }
    }
}

/// Notes when each was changed, by the time of its inode.
pub fn date(findings: &mut [Finding], scan: &Scan, now: Timestamp) {
    for finding in findings {
        let time = scan.tree.get(&finding.path).and_then(|node| scan.ctime(node));
        let Some(Ok(changed)) = time.map(|(seconds, nanos)| Timestamp::new(seconds, nanos as i32)) else {
            continue;
        };
        finding.changed = Some(changed);
        if now.duration_since(changed) < A_DAY {
            finding.why.push(Why::Recent);
        }
    }
}

/// Files whose marks say unchanged while their bytes differ: an alarm of its
/// own, whatever else is true of them.
pub fn add_lies(findings: &mut Vec<Finding>, lies: &[TreePath], tree: &Tree, rules: &Rules) {
    for path in lies.iter().filter(|path| !rules.volatile.matches_bytes(path.as_bytes())) {
        let at = findings.binary_search_by(|finding| finding.path.cmp(path));
        let at = at.unwrap_or_else(|at| {
            let node = tree.get(path);
            let finding = Finding {
                path: path.clone(),
                outside: false,
                kind: Kind::Modified,
                why: Vec::new(),
                sha256: node.and_then(Node::sha256),
                size: node.map(Node::size),
                mode: node.map(|node| node.meta.mode),
                changed: None,
            };
            findings.insert(at, finding);
            at
        });
        findings[at].why.insert(0, Why::MarksLie);
    }
}
