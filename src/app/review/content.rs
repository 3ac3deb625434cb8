//! One file of a plan: what stands there, and what would.

use std::io::Read;

use crate::app::failure::Failure;
use crate::app::plan::word;
use crate::app::review::change::Line;
use crate::app::review::change::line;
use crate::base::diff;
use crate::base::diff::Rows;
use crate::base::escape;
use crate::base::path::SitePath;
use crate::release::at_hand::AtHand;
use crate::release::staging::Staging;
use crate::site::Site;
use crate::update::plan::Change;
use crate::update::plan::Plan;
use crate::update::plan::Thing;
use crate::update::plan::What;

/// Of a script that is shown, in bytes.
const MOST_SCRIPT_BYTES: u64 = 256 << 10;

#[derive(Clone, Debug)]
pub struct Content {
    pub line: Line,
    /// As it stands there now.
    pub old: Option<Side>,
    pub new: Option<Side>,
    pub told: Told,
    /// What stands there may be known to the owner alone.
    pub is_owners: bool,
}

/// What stands at a path, in short.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Side {
    /// `file`, `link`, `folder` or `other`.
    pub what: &'static str,
    pub size: Option<u64>,
    pub sha256: Option<String>,
    pub target: Option<String>,
    /// Permission bits as four octal digits.
    pub mode: String,
}

/// What can be shown of the difference.
#[derive(Clone, Debug)]
pub enum Told {
    Text {
        unified: String,
        beside: Rows,
    },
    /// The content is the same, or there is none.
    Nothing,
    /// It is no text.
    Binary,
    /// It is longer than can be shown, in bytes.
    Long(u64),
    /// One of both cannot be read.
    Unreadable,
}

pub(super) fn content(site: &Site, plan: &Plan, path: &str) -> Result<Option<Content>, Failure> {
    let Some(change) = plan.sealed.changes.iter().find(|change| change.path.as_str() == path) else {
        return Ok(None);
    };
    let kind = word(&change.kind);
    let is_owners = matches!(kind.as_str(), "keep" | "conflict");
    Ok(Some(Content {
        line: line(change, &kind, false),
        old: change.old.as_ref().map(side),
        new: change.new.as_ref().map(side),
        told: told(site, change)?,
        is_owners,
    }))
}

fn side(thing: &Thing) -> Side {
    let (what, target) = match &thing.what {
        What::File { .. } => ("file", None),
        What::Link { target } => ("link", Some(escape::text(target).into_owned())),
        What::Folder => ("folder", None),
        What::Other => ("other", None),
    };
    Side {
        what,
        size: thing.sha256().map(|_| thing.size()),
        sha256: thing.sha256().map(|digest| digest.to_string()),
        target,
        mode: format!("{:04o}", thing.mode),
    }
}

fn told(site: &Site, change: &Change) -> Result<Told, Failure> {
    let digest = |thing: &Option<Thing>| thing.as_ref().and_then(Thing::sha256);
    let (was, is) = (digest(&change.old), digest(&change.new));
    if was == is {
        return Ok(Told::Nothing);
    }
    let longest = [&change.old, &change.new].into_iter().flatten().map(Thing::size).max().unwrap_or_default();
    if longest > diff::MAX_BYTES {
        return Ok(Told::Long(longest));
    }
    let old = was.map(|_| live(site, &change.path));
    let new = match is {
        Some(digest) => Some(at_hand(site)?.and_then(|here| here.read(&digest, diff::MAX_BYTES).ok())),
        None => None,
    };
    Ok(match (old, new) {
        (Some(None), _) | (_, Some(None)) => Told::Unreadable,
        (old, new) => compared(change.path.as_str(), old.flatten(), new.flatten()),
    })
}

fn compared(path: &str, old: Option<Vec<u8>>, new: Option<Vec<u8>>) -> Told {
    let (old, new) = (old.unwrap_or_default(), new.unwrap_or_default());
    if old.len() as u64 > diff::MAX_BYTES {
        return Told::Long(old.len() as u64);
    }
    match diff::is_text(&old) && diff::is_text(&new) {
        true => Told::Text {
            unified: diff::unified(&format!("a/{path}"), &format!("b/{path}"), &old, &new),
            beside: diff::beside(&old, &new),
        },
        false => Told::Binary,
    }
}

fn live(site: &Site, path: &SitePath) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let file = site.tree().ok()?.open_file(path).ok()?;
    file.take(diff::MAX_BYTES + 1).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

fn at_hand(site: &Site) -> Result<Option<AtHand>, Failure> {
    let staging = Staging::open(&site.state.staging())?;
    let staged = staging.staged()?;
    Ok(staged.map(|staged| AtHand::of(&staging, &staged.manifest, &site.root)))
}

/// The text, and whether that is all of it.
pub(super) fn script(site: &Site, plan: &Plan, path: &str) -> Result<Option<(String, bool)>, Failure> {
    if !plan.sealed.scripts.iter().any(|script| script.path.as_str() == path) {
        return Ok(None);
    }
    let staging = Staging::open(&site.state.staging())?;
    let Some(staged) = staging.staged()? else { return Ok(None) };
    let entry = staged.manifest.files.iter().find(|entry| entry.path.as_str() == path);
    let Some(digest) = entry.and_then(|entry| entry.sha256()) else { return Ok(None) };
    let mut bytes = Vec::new();
    let file = AtHand::of(&staging, &staged.manifest, &site.root).open(&digest)?;
    let read = file.take(MOST_SCRIPT_BYTES).read_to_end(&mut bytes);
    read.map_err(|source| crate::sys::fs::IoError::new("read", staging.object_path(&digest), source))?;
    let is_all = (bytes.len() as u64) < MOST_SCRIPT_BYTES;
    Ok(Some((String::from_utf8_lossy(&bytes).into_owned(), is_all)))
}
