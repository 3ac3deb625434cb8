//! One look at the live tree, at a moment when no run is open. Nobody is locked
//! out meanwhile: where an update came in between, the look counts for nothing.

use std::collections::BTreeMap;
use std::path::PathBuf;

use jiff::Timestamp;

use crate::app::apply::not_over;
use crate::app::desk::Listener;
use crate::app::failure::Failure;
use crate::app::watch::Against;
use crate::app::watch::Request;
use crate::app::watch::grounds::Glanced;
use crate::app::watch::grounds::Grounds;
use crate::app::watch::inspect::Inspector;
use crate::app::watch::outside;
use crate::app::watch::settled::Expected;
use crate::app::watch::settled::settled;
use crate::base::digest::Algorithms;
use crate::base::digest::Sha256;
use crate::base::exit::Exit;
use crate::base::path::SitePath;
use crate::base::path::TreePath;
use crate::base::pattern::Patterns;
use crate::base::tree::Tree;
use crate::integrity::cache::Doubt;
use crate::integrity::cache::StatCache;
use crate::integrity::cache::key_of;
use crate::integrity::key::Key;
use crate::integrity::list::Document;
use crate::integrity::manifest::Manifest;
use crate::integrity::scan;
use crate::integrity::scan::Scan;
use crate::integrity::shares::Shares;
use crate::site::Site;
use crate::site::gate;
use crate::site::installed::Accepted;
use crate::site::installed::Deviation;
use crate::site::installed::Installed;
use crate::site::installed::Owners;
use crate::site::layers::Layers;
use crate::sys::beneath::Root;
use crate::sys::clock;
use crate::sys::disk;
use crate::sys::fs;
use crate::sys::lock;
use crate::sys::lock::Lock;
use crate::update::run;
use crate::update::run::open_run;
use crate::watch::explain;
use crate::watch::finding::Finding;
use crate::watch::finding::Kind;
use crate::watch::folders;
use crate::watch::folders::UnknownFolder;
use crate::watch::judge::Rules;
use crate::watch::memory::Memory;

/// How often a look is begun anew because an update came in between.
const TRIES: u32 = 3;

/// How closely is looked.
#[derive(Clone, Debug)]
pub struct Manner {
    pub paranoid: bool,
    pub manifest: Option<PathBuf>,
    /// Which of the files that look unchanged are read again.
    pub shares: Shares,
    /// Whether the caller holds the site's lock.
    pub is_locked: bool,
}

/// Nobody else writes what is remembered, for as long as this lives.
pub(super) enum Alone {
    ByCaller,
    By { _lock: Lock },
}

impl Manner {
    pub fn of(request: &Request, memory: &Memory) -> Manner {
        let (paranoid, manifest) = (request.paranoid, request.manifest.clone());
        Manner { paranoid, manifest, ..Manner::usual(memory) }
    }

    /// As it is done when nobody asks for more.
    pub fn usual(memory: &Memory) -> Manner {
        let since = memory.at.map(|at| clock::now().duration_since(at).try_into().unwrap_or_default());
        let shares = Shares::due(memory.turns, since);
        Manner { paranoid: false, manifest: None, shares, is_locked: false }
    }

    /// `None`: somebody else works on the site, and what is not remembered now
    /// only costs time.
    pub(super) fn alone(&self, site: &Site) -> Option<Alone> {
        match self.is_locked {
            true => Some(Alone::ByCaller),
            false => Lock::take(&site.state.lock(), "watch").ok().map(|_lock| Alone::By { _lock }),
        }
    }
}

/// What one look saw.
pub struct Looked {
    pub findings: Vec<Finding>,
    pub against: Against,
    pub checked: u64,
    pub bytes: u64,
    pub rehashed: u64,
    pub notes: Vec<String>,
    /// How many shares of the files were read again, this time and before.
    pub turns: u64,
    /// Folders that the manifest knows nothing of.
    pub folders: Vec<UnknownFolder>,
    /// What stands in the owner's files, where they are others than were known.
    pub owners: Option<Owners>,
    /// What belongs to the site and stands elsewhere; its findings are among the others.
    pub outside: outside::Looked,
    pub moment: Moment,
}

/// What must be the same before and after: no run came in between.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moment {
    last_run: Option<String>,
    /// Of `installed/current.json`.
    pub installed: Sha256,
}

impl Moment {
    /// Now; an open run is told, not judged.
    pub fn now(site: &Site) -> Result<Moment, Failure> {
        let runs = site.state.runs();
        if let Some((id, _)) = open_run(&runs)? {
            return Err(match lock::holder(&site.state.lock())? {
                Some(_) => Failure::new(
                    Exit::Locked,
                    format!("run {id} is under way: what it changes is no finding"),
                )
                .hint("watch again when it is over; `entracte attach` follows it"),
                None => not_over(&id),
            });
        }
        let installed = fs::read(&site.state.installed().join("current.json"));
        Ok(Moment {
            last_run: run::list(&runs)?.pop(),
            installed: installed.map(|bytes| Sha256::of(&bytes)).unwrap_or_else(|_| Sha256::of(b"")),
        })
    }
}

/// What the tree is held against.
struct Baseline {
    against: Against,
    manifest: Manifest,
    deviations: BTreeMap<SitePath, Deviation>,
    accepted: BTreeMap<SitePath, Accepted>,
    owners: Option<Owners>,
    /// Manifests of releases that were installed before.
    earlier: Vec<PathBuf>,
    /// Whose the site is.
    owner: Option<u32>,
}

impl Baseline {
    fn expected<'a>(&'a self, rules: &'a Rules) -> Expected<'a> {
        Expected {
            manifest: &self.manifest,
            deviations: &self.deviations,
            accepted: &self.accepted,
            owners: self.owners.as_ref(),
            owner: self.owner,
            rules,
            held: None,
        }
    }

    /// What is known of the owner's files from now on, where they name others than
    /// before: those that no watch saw yet are as they should be now.
    fn new_owners(&self, site: &Site, tree: &Tree) -> Option<Owners> {
        let (keep, known) = (site.keep(), self.owners.as_ref());
        // As long as nobody names others, there are none that are new.
        let is_known = known.is_some_and(|known| known.patterns == keep);
        (!is_known).then(|| Owners::renewed(known, &keep, &site.profile.uploads, tree))
    }

    fn of(
        site: &Site,
        manner: &Manner,
        root: &Root,
        tree: &Tree,
        ignore: &Patterns,
    ) -> Result<Baseline, Failure> {
        let folder = site.state.installed();
        let installed = Installed(&folder);
        let owner = fs::owner(&site.root).ok().map(|(uid, _)| uid);
        if let Some(path) = &manner.manifest {
            let manifest = named(path)?.against(root, tree, ignore)?;
            let current = installed.current()?;
            let earlier = current.as_ref().map(|current| installed.earlier(current)).transpose()?;
            return Ok(Baseline {
                against: Against { version: manifest.version.clone(), baseline: "manifest", accepted: 0 },
                manifest,
                deviations: BTreeMap::new(),
                accepted: BTreeMap::new(),
                owners: None,
                earlier: earlier.unwrap_or_default(),
                owner,
            });
        }
        let (current, manifest) = installed.load()?;
        let layers = Layers::load(site)?;
        let manifest = match layers.is_empty() {
            true => manifest,
            false => layers.over(&manifest, root, tree, ignore)?,
        };
        let earlier = installed.earlier(&current)?;
        Ok(Baseline {
            against: Against::of(&current),
            manifest,
            deviations: current.deviations,
            accepted: current.accepted,
            owners: current.owners,
            earlier,
            owner,
        })
    }
}

fn named(path: &std::path::Path) -> Result<Document, Failure> {
    if !fs::is_file(path) {
        return Err(Failure::new(Exit::Refused, format!("there is no file {}", fs::shown(path))));
    }
    Ok(Document::read(path, None)?)
}

/// What differs now.
pub fn look(site: &Site, manner: &Manner, listener: Listener) -> Result<Looked, Failure> {
    calmly(site, |moment| {
        let grounds = Grounds::of(site, moment)?;
        let closely = match grounds.glance(site, manner, listener)? {
            Glanced::Calm(looked) => return Ok(*looked),
            Glanced::Else => manner.clone(),
            // Where marks of one file lie, those of others may.
            Glanced::Lies => Manner { paranoid: true, ..manner.clone() },
        };
        Ok(look_once(site, &closely, &grounds, listener)?.0)
    })
}

/// The same with the tree that was judged, without what is volatile.
pub fn look_in_full(site: &Site, manner: &Manner, listener: Listener) -> Result<(Looked, Tree), Failure> {
    calmly(site, |moment| look_once(site, manner, &Grounds::of(site, moment)?, listener))
}

/// Looks until no run came in between.
fn calmly<T>(site: &Site, mut look: impl FnMut(&Moment) -> Result<T, Failure>) -> Result<T, Failure> {
    for _ in 0..TRIES {
        let moment = Moment::now(site)?;
        let looked = look(&moment)?;
        if Moment::now(site)? == moment {
            return Ok(looked);
        }
    }
    Err(Failure::new(Exit::Locked, "updates went on while the files were read: nothing was judged")
        .hint("watch again when they are over"))
}

fn look_once(
    site: &Site,
    manner: &Manner,
    grounds: &Grounds,
    listener: Listener,
) -> Result<(Looked, Tree), Failure> {
    let mut notes = Vec::new();
    let rules = &grounds.rules;
    let began = disk::file_time(site.state.folder()).ok();
    let (mut scan, lies) = scanned(site, manner, rules, began, &mut notes, listener)?;
    let gate = site.gate()?;
    gate::as_if_open(&gate, &mut scan.tree)?;
    let held = gate.held()?.map(|held| TreePath::from(&held.path));
    let root = site.tree()?;
    let baseline = Baseline::of(site, manner, &root, &scan.tree, &rules.volatile)?;
    let mut inspector = Inspector::open(&root, &site.state);
    let expected = Expected { held: held.as_ref(), ..baseline.expected(rules) };
    let mut findings = settled(&root, &expected, &mut scan.tree, &mut inspector);
    if inspector.is_new()
        && let Some(_alone) = manner.alone(site)
    {
        inspector.keep(&scan.tree);
    }
    explain::add_lies(&mut findings, &lies, &scan.tree, rules);
    explain::mark_dropped(&mut findings, &baseline.manifest);
    name_releases(&mut findings, &baseline, &mut notes);
    explain::date(&mut findings, &scan, clock::now());
    findings.iter_mut().for_each(|finding| finding.why.sort());
    let folders = folders::unknown(&findings, &baseline.manifest);
    match began.filter(|_| findings.is_empty() && notes.is_empty()) {
        Some(began) => grounds.keep(site, manner, &scan, began),
        None => grounds.forget(site, manner)?,
    }
    let looked = Looked {
        folders,
        findings,
        owners: baseline.new_owners(site, &scan.tree),
        against: baseline.against,
        checked: scan.checked,
        bytes: scan.bytes,
        rehashed: scan.rehashed,
        notes,
        turns: manner.shares.next_turn(),
        outside: outside::Looked::default(),
        moment: grounds.moment.clone(),
    };
    Ok((looked.and_outside(site, manner, listener)?, scan.tree))
}

impl Looked {
    /// With what belongs to the site and stands elsewhere.
    pub(super) fn and_outside(
        mut self,
        site: &Site,
        manner: &Manner,
        listener: Listener,
    ) -> Result<Looked, Failure> {
        self.outside = outside::look(site, manner, listener)?;
        self.findings.extend(self.outside.findings.iter().cloned());
        self.notes.extend(self.outside.notes.iter().cloned());
        Ok(self)
    }
}

pub fn rules(site: &Site) -> Rules {
    Rules {
        volatile: site.volatile(),
        owners: site.keep(),
        uploads: site.profile.uploads.clone(),
        optional: site.profile.optional.clone(),
    }
}

/// Reads what is not volatile; with it, the files whose marks lie.
fn scanned(
    site: &Site,
    manner: &Manner,
    rules: &Rules,
    began: Option<Timestamp>,
    notes: &mut Vec<String>,
    listener: Listener,
) -> Result<(Scan, Vec<TreePath>), Failure> {
    let path = site.state.cache();
    let (cache, warning) = StatCache::load(&path);
    notes.extend(warning);
    let cache = cache.doubting(doubt(manner, &path)?);
    let options = scan::Options {
        algorithms: Algorithms::Sha256,
        skip: &rules.volatile,
        digests: scan::Digests::Remembered(&cache),
    };
    let scan = scan::scan(&site.tree()?, &options, &mut |step, event| listener(None, step, event))?;
    let lies = cache.lies(&scan);
    let is_news = !lies.is_empty() || scan.rehashed > cache.doubted();
    if is_news && let (Some(began), Some(_alone)) = (began, manner.alone(site)) {
        // What was left out is known as before; the rest makes room first.
        let left_out = cache.only(|path| rules.volatile.matches_bytes(path));
        // A cache that cannot be written only costs time.
        let _ = StatCache::of(&scan, began).and(left_out).save(&path);
    }
    Ok((scan, lies))
}

pub(super) fn doubt(manner: &Manner, cache: &std::path::Path) -> Result<Doubt, Failure> {
    Ok(match manner.paranoid {
        true => Doubt::All,
        // Without a key there is no cache to doubt.
        false => Key::load(&key_of(cache))?.map_or(Doubt::None, |key| Doubt::Some(manner.shares, key)),
    })
}

/// Says of findings from which earlier release they are; one manifest after the
/// other, since all at once would take much memory.
fn name_releases(findings: &mut [Finding], baseline: &Baseline, notes: &mut Vec<String>) {
    if findings.iter().all(|finding| finding.kind == Kind::Missing) {
        return;
    }
    for path in &baseline.earlier {
        match fs::read(path).ok().and_then(|bytes| Manifest::parse(&bytes).ok()) {
            Some(manifest) => explain::explain(findings, &manifest),
            None => {
                notes.push(format!("the manifest {} of an earlier release cannot be read", fs::shown(path)))
            }
        }
    }
}
