//! What a watch's answer rests on, besides the tree. As long as that and the tree
//! are as they were when nothing was found, nothing is found again, and nobody
//! need judge every file once more.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use jiff::Timestamp;

use crate::app::desk::Listener;
use crate::app::failure::Failure;
use crate::app::watch::Against;
use crate::app::watch::live::Looked;
use crate::app::watch::live::Manner;
use crate::app::watch::live::Moment;
use crate::app::watch::live::rules;
use crate::app::watch::outside;
use crate::base::digest::Algorithms;
use crate::base::digest::Hasher;
use crate::base::digest::Sha256;
use crate::integrity::picture;
use crate::integrity::picture::Glance;
use crate::integrity::scan::Scan;
use crate::site::Site;
use crate::site::installed::Installed;
use crate::sys::fs;
use crate::sys::fs::IoError;
use crate::watch::judge::Rules;

pub struct Grounds {
    pub moment: Moment,
    pub rules: Rules,
    digest: Sha256,
}

/// What a glance at the tree said.
pub enum Glanced {
    /// Nothing is found again.
    Calm(Box<Looked>),
    /// It has to be judged.
    Else,
    /// The same, and every file read: bytes changed under marks that did not.
    Lies,
}

impl Grounds {
    pub fn of(site: &Site, moment: &Moment) -> Result<Grounds, Failure> {
        let rules = rules(site);
        let mut hasher = Hasher::new(Algorithms::Sha256);
        let mut line = |bytes: &[u8]| {
            hasher.update(&(bytes.len() as u64).to_le_bytes());
            hasher.update(bytes);
        };
        line(env!("CARGO_PKG_VERSION").as_bytes());
        line(format!("{:?}", fs::owner(&site.root).ok()).as_bytes());
        line(moment.installed.as_bytes());
        for path in [site.state.settings(), site.state.profile()] {
            line(&fs::read_if_present(&path)?.unwrap_or_default());
        }
        for patterns in [&rules.volatile, &rules.owners, &rules.uploads, &rules.optional] {
            line(patterns.words().join("\n").as_bytes());
        }
        marks(&site.state.installed(), &mut line)?;
        let (digest, _) = hasher.finish();
        Ok(Grounds { moment: moment.clone(), rules, digest })
    }

    /// The answer, where neither these nor the tree changed since nothing was found.
    pub fn glance(&self, site: &Site, manner: &Manner, listener: Listener) -> Result<Glanced, Failure> {
        if manner.paranoid || manner.manifest.is_some() || !is_as_judged(site)? {
            return Ok(Glanced::Else);
        }
        let Some(current) = Installed(&site.state.installed()).current()? else { return Ok(Glanced::Else) };
        let mut watch = |step, event| listener(None, step, event);
        let (path, tree, volatile) = (site.state.picture(), site.tree()?, &self.rules.volatile);
        let seen = match picture::glance(&path, &self.digest, &tree, volatile, manner.shares, &mut watch)? {
            Glance::Same(seen) => seen,
            Glance::Other => return Ok(Glanced::Else),
            Glance::Lies => return Ok(Glanced::Lies),
        };
        let looked = Looked {
            findings: Vec::new(),
            folders: Vec::new(),
            notes: Vec::new(),
            owners: None,
            against: Against::of(&current),
            checked: seen.checked,
            bytes: seen.bytes,
            rehashed: seen.rehashed,
            turns: manner.shares.next_turn(),
            outside: outside::Looked::default(),
            moment: self.moment.clone(),
        };
        Ok(Glanced::Calm(looked.and_outside(site, manner, listener)?.into()))
    }

    /// Keeps what was seen when nothing was found. `began` is when the scan did, by
    /// the clock of the files.
    pub fn keep(&self, site: &Site, manner: &Manner, scan: &Scan, began: Timestamp) {
        if manner.manifest.is_some() || !is_as_judged(site).unwrap_or(false) {
            return;
        }
        if let Some(_alone) = manner.alone(site) {
            // A picture that cannot be written only costs time.
            let _ = picture::keep(&site.state.picture(), scan, began, &self.digest);
        }
    }

    /// What was found may lie under marks that did not change: no picture may stand
    /// that says nothing was.
    pub fn forget(&self, site: &Site, manner: &Manner) -> Result<(), Failure> {
        let path = site.state.picture();
        if manner.manifest.is_some() || !fs::exists(&path) {
            return Ok(());
        }
        fs::remove_file_if_present(&path)?;
        Ok(path.parent().map_or(Ok(()), fs::sync_folder)?)
    }
}

/// Whether the tree is judged as it stands: nothing in it is the gate's, and the
/// gate holds nothing of it.
fn is_as_judged(site: &Site) -> Result<bool, Failure> {
    let gate = site.gate()?;
    Ok(gate.paths_in_site()?.is_empty() && gate.held()?.is_none())
}

/// What the files below `folder` are told apart by, without being read.
fn marks(folder: &Path, line: &mut dyn FnMut(&[u8])) -> Result<(), IoError> {
    let mut below = fs::list(folder)?;
    below.sort();
    for path in below {
        let Some(at) = fs::metadata(&path)? else { continue };
        line(path.as_os_str().as_encoded_bytes());
        if at.is_dir() {
            marks(&path, line)?;
            continue;
        }
        let marks = (at.len(), at.ino(), at.mtime(), at.mtime_nsec(), at.ctime(), at.ctime_nsec());
        line(format!("{marks:?}").as_bytes());
    }
    Ok(())
}
