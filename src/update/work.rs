//! What every step of a run works with.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::time::Duration;

use crate::base::digest::Algorithms;
use crate::base::digest::Sha256;
use crate::base::event::Event;
use crate::base::event::Watch;
use crate::base::path::SitePath;
use crate::base::pattern::Patterns;
use crate::base::step::Step;
use crate::base::tree::Kind as TreeKind;
use crate::base::tree::Tree;
use crate::integrity::cache::StatCache;
use crate::integrity::scan;
use crate::release::at_hand::AtHand;
use crate::release::staging::Staging;
use crate::site::Site;
use crate::site::config::Databases;
use crate::site::gate;
use crate::site::gate::Gate;
use crate::site::gate::Kind;
use crate::sys::beneath::Root;
use crate::sys::clock;
use crate::sys::clock::Stopwatch;
use crate::sys::disk;
use crate::sys::fs;
use crate::sys::signal::Interrupt;
use crate::update::aside;
use crate::update::error::StepError;
use crate::update::journal::Entry;
use crate::update::operations::Operation;
use crate::update::place;
use crate::update::run::Run;
use crate::update::saved::Saved;
use crate::update::snapshot::Snapshot;
use crate::update::swap::prepare;
use crate::update::swap::record::Record;
use crate::update::swap::workshop::Workshop;

/// One run on one site.
pub struct Work<'a> {
    pub site: &'a Site,
    pub gate: &'a Gate,
    pub databases: &'a Databases,
    pub stop: &'a Stop,
    pub run: Run,
}

/// When work has to end in good order: a person asked, or time is up.
#[derive(Debug)]
pub struct Stop {
    interrupt: Interrupt,
    budget: Option<(Stopwatch, Duration)>,
}

impl Stop {
    pub fn new(interrupt: Interrupt, budget: Option<Duration>) -> Stop {
        Stop { interrupt, budget: budget.map(|budget| (Stopwatch::start(), budget)) }
    }

    pub fn is_asked(&self) -> bool {
        let time_is_up = self.budget.as_ref().is_some_and(|(watch, budget)| watch.elapsed() >= *budget);
        self.interrupt.is_set() || time_is_up
    }
}

impl Work<'_> {
    /// Writes one entry to the journal and waits until it is on the disk.
    pub fn note(&mut self, entry: Entry) -> Result<(), StepError> {
        Ok(self.run.journal.write(entry)?)
    }

    /// Tells a person which versions were set aside, now and in the run's journal.
    pub fn tell_aside(&mut self, step: Step, paths: &[SitePath], watch: Watch) -> Result<(), StepError> {
        for message in aside::told(paths) {
            self.note(Entry::Warning { step: Some(step), message: message.clone() })?;
            watch(Some(step), Event::Warning { message });
        }
        Ok(())
    }

    /// What is not as it was saved, somebody's edit perhaps, is kept before a
    /// program runs that may change it.
    pub fn keep_edits(&mut self, step: Step, patterns: &Patterns, watch: Watch) -> Result<(), StepError> {
        let Some(saved) = Saved::load(&self.run.folder.saved())? else { return Ok(()) };
        if patterns.is_empty() {
            return Ok(());
        }
        let (now, workshop) = (self.scan(watch)?, self.workshop()?);
        let kept = saved.keep_edits(&workshop, &now, patterns)?;
        self.tell_aside(step, &kept, watch)
    }

    /// The live tree and the folders of the run that take part in the swap.
    pub fn workshop(&self) -> Result<Workshop, StepError> {
        let held = self.gate.held()?;
        Ok(Workshop::open(
            &self.site.root,
            &place::open(&self.site.root, &self.run)?,
            self.run.folder.path(),
            held,
        )?)
    }

    /// Makes everything ready for the swap, once.
    pub fn prepare(&self, operations: &[Operation], watch: Watch) -> Result<Record, StepError> {
        if let Some(record) = self.record()? {
            return Ok(record);
        }
        let staging = Staging::open(&self.site.state.staging())?;
        let staged = staging.staged()?.ok_or(StepError::StagingGone)?;
        let at_hand = AtHand::of(&staging, &staged.manifest, &self.site.root);
        let content = |sha256: &Sha256| at_hand.open(sha256);
        Ok(prepare::prepare(&self.workshop()?, operations, &content, self.site.settings.files.owner, watch)?)
    }

    /// What was made ready; `None` when that never came to its end.
    pub fn record(&self) -> Result<Option<Record>, StepError> {
        Ok(Record::load(&self.workshop()?.record_path())?)
    }

    /// Gives requests that were under way when the gate closed time to end.
    pub fn drain(&self) {
        if *self.gate.kind() != Kind::None {
            clock::sleep(Duration::from_secs_f64(self.site.settings.gate.drain_seconds));
        }
    }

    /// The live tree as it is now, without what is the gate's. What cannot be
    /// read would be taken for what is not there: the plan knew of none.
    pub fn scan(&self, watch: Watch) -> Result<Tree, StepError> {
        let tree = scan_site(self.site, self.gate, watch)?;
        let volatile = self.site.volatile();
        let unreadable = tree.iter().find_map(|(path, node)| match &node.kind {
            TreeKind::Unreadable { reason } if !volatile.matches_bytes(path.as_bytes()) => {
                Some((path, reason))
            }
            _ => None,
        });
        match unreadable {
            None => Ok(tree),
            Some((path, reason)) => {
                let path = fs::shown(&self.site.root.join(OsStr::from_bytes(path.as_bytes())));
                Err(StepError::Unreadable { path, reason: reason.clone() })
            }
        }
    }

    /// The tree that the plan leads to.
    pub fn planned(&self) -> Result<Snapshot, StepError> {
        let before = Snapshot::load(&self.run.folder.before())?;
        let operations: Vec<Operation> = match self.record()? {
            Some(record) => record.moves.into_iter().map(|this| this.operation).collect(),
            None => Vec::new(),
        };
        Ok(before.after(&operations))
    }

    /// What a run may change without being asked why.
    pub fn changeable(&self) -> Patterns {
        let plan = &self.run.plan.sealed;
        let declared = plan.scripts.iter().fold(self.site.volatile(), |all, script| all.and(&script.changes));
        let declared = declared.and(&self.site.profile.uploads).and(&self.site.profile.lock_changes());
        match &plan.upgrade {
            Some(upgrade) => declared.and(&upgrade.changes),
            None => declared,
        }
    }

    /// The patterns whose files are copied before anything runs.
    pub fn to_save(&self) -> Patterns {
        self.run.plan.sealed.changed_by_programs()
    }
}

/// The live tree of a site; the gate's own files are left out, and the file
/// that the gate holds is seen as if it were in place.
pub fn scan_site(site: &Site, gate: &Gate, watch: Watch) -> Result<Tree, StepError> {
    let cache_path = site.state.cache();
    let (cache, damaged) = StatCache::load(&cache_path);
    if let Some(message) = damaged {
        watch(None, Event::Warning { message });
    }
    let root = Root::open(&site.root)?;
    let nothing = Patterns::default();
    let options = scan::Options {
        algorithms: Algorithms::Sha256,
        skip: &nothing,
        digests: scan::Digests::Remembered(&cache),
    };
    let began = disk::file_time(site.state.folder());
    let mut scan = scan::scan(&root, &options, watch)?;
    drop(cache);
    // A cache that cannot be written only costs time.
    if let Some(began) = began.ok().filter(|_| scan.rehashed > 0) {
        let _ = StatCache::keep(&scan, began, &cache_path);
    }
    gate::as_if_open(gate, &mut scan.tree)?;
    Ok(scan.tree)
}
