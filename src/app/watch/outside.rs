//! What belongs to the site and stands outside its folder (`outside` of the
//! settings), held against what a watch saw there first.

use std::collections::BTreeMap;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::path::PathBuf;

use jiff::Timestamp;

use crate::app::desk::Listener;
use crate::app::failure::Failure;
use crate::app::watch::inspect::Inspector;
use crate::app::watch::live;
use crate::app::watch::live::Manner;
use crate::app::watch::settled::Expected;
use crate::app::watch::settled::settled;
use crate::base::digest::Algorithms;
use crate::base::escape;
use crate::base::exit::causes;
use crate::base::path::TreePath;
use crate::base::pattern::Patterns;
use crate::base::tree::Tree;
use crate::integrity::cache::StatCache;
use crate::integrity::scan;
use crate::integrity::scan::Scan;
use crate::site::Site;
use crate::site::outside;
use crate::site::outside::PREFIX;
use crate::site::stored::StoredError;
use crate::sys::clock;
use crate::sys::disk;
use crate::sys::fs;
use crate::watch::explain;
use crate::watch::finding::Finding;
use crate::watch::finding::Kind;
use crate::watch::finding::Why;
use crate::watch::judge::Rules;
use crate::watch::outside as known;
use crate::watch::outside::Outside;
use crate::watch::outside::Place;
use crate::watch::outside::Seen;

/// What one look saw outside; nothing where the settings name nothing.
#[derive(Default)]
pub struct Looked {
    pub findings: Vec<Finding>,
    pub checked: u64,
    pub bytes: u64,
    pub rehashed: u64,
    pub notes: Vec<String>,
    /// Where it was looked.
    pub spots: Vec<Spot>,
}

/// One place as it is now.
pub struct Spot {
    /// What the settings say.
    written: String,
    /// Where it is looked.
    pub at: outside::Outside,
    /// Where the name leads now, where that is elsewhere.
    leads_to: Option<PathBuf>,
    /// Stands before each path of `tree` for people: `outside:/srv/`.
    prefix: Vec<u8>,
    /// From the folder that holds it.
    pub tree: Tree,
    is_new: bool,
}

/// What is asked of every place alike.
struct Round<'a> {
    site: &'a Site,
    cache: StatCache,
    volatile: Patterns,
    now: Timestamp,
}

pub fn look(site: &Site, manner: &Manner, listener: Listener) -> Result<Looked, Failure> {
    if site.settings.outside.is_empty() || manner.manifest.is_some() {
        return Ok(Looked::default());
    }
    let path = cache_path(site);
    let (cache, warning) = StatCache::load(&path);
    let cache = cache.doubting(live::doubt(manner, &path)?);
    let round = Round { site, cache, volatile: site.volatile(), now: clock::now() };
    let before = Outside::load(&site.state.watch())?;
    let began = disk::file_time(site.state.folder());
    let (mut looked, mut scans) = (Looked::default(), Vec::new());
    looked.notes.extend(warning);
    for (written, found) in outside::each(site)? {
        round.place(written, found, &before, &mut looked, &mut scans, listener);
    }
    let is_news = scans.iter().any(|scan| !round.cache.lies(scan).is_empty());
    if (is_news || looked.rehashed > round.cache.doubted())
        && let (Ok(began), Some(_alone)) = (began, manner.alone(site))
    {
        let all = scans.iter().map(|scan| StatCache::of(scan, began));
        // A cache that cannot be written only costs time.
        let _ = all.fold(StatCache::default(), StatCache::and).save(&path);
    }
    Ok(looked)
}

fn cache_path(site: &Site) -> PathBuf {
    site.state.cache().with_file_name("outside")
}

impl Round<'_> {
    fn place(
        &self,
        written: String,
        found: Result<outside::Outside, outside::OutsideError>,
        before: &Outside,
        looked: &mut Looked,
        scans: &mut Vec<Scan>,
        listener: Listener,
    ) {
        let known = before.places.get(&written);
        let now = match found {
            Ok(now) => now,
            // That one place leads where nobody may look ends no watch of the others.
            Err(error) => {
                let path = known.map_or(Path::new(&written), |known| &known.path);
                return looked.findings.push(unreadable(shown(path), error.to_string()));
            }
        };
        let at =
            known.map_or_else(|| now.clone(), |known| outside::Outside::at(&written, known.path.clone()));
        if at.path().to_str().is_none() {
            return looked.findings.push(unreadable(at.shown_as(), "its name is no text".into()));
        }
        match self.scan(&at, listener) {
            Err(reason) => looked.findings.push(unreadable(at.shown_as(), reason)),
            Ok(scan) => {
                let leads_to = (now.path() != at.path()).then(|| now.path().to_owned());
                self.judge(Spot::of(written, at, leads_to, scan.as_ref()), scan.as_ref(), known, looked);
                scans.extend(scan);
            }
        }
    }

    /// What stands there, or why that cannot be known.
    fn scan(&self, at: &outside::Outside, listener: Listener) -> Result<Option<Scan>, String> {
        let options = scan::Options {
            algorithms: Algorithms::Sha256,
            skip: &self.volatile,
            digests: scan::Digests::Remembered(&self.cache),
        };
        let scan = at.scan(&options, &mut |step, event| listener(None, step, event));
        scan.map_err(|error| [vec![error.to_string()], causes(&error)].concat().join(": "))
    }

    fn judge(&self, mut spot: Spot, scan: Option<&Scan>, known: Option<&Place>, looked: &mut Looked) {
        let files = scan.map_or(0, |scan| scan.checked);
        looked.checked += files;
        looked.bytes += scan.map_or(0, |scan| scan.bytes);
        looked.rehashed += scan.map_or(0, |scan| scan.rehashed);
        let first = known.is_none().then(|| Place::of(spot.at.path(), &spot.tree, self.now));
        if first.is_some() {
            looked.notes.push(match spot.tree.is_empty() {
                true => format!("{} is not there; what comes there will be told", spot.at.shown_as()),
                false => format!("{} is watched from now on: {files} files", spot.at.shown_as()),
            });
        }
        spot.is_new = first.is_some();
        let place = known.or(first.as_ref());
        let mut findings = place.map(|place| self.found(&mut spot, scan, place)).unwrap_or_default();
        if let Some(to) = &spot.leads_to {
            let why = Why::PointsOut { target: fs::shown(to) };
            findings.push(known::finding(spot.at.shown_as(), Kind::Modified, Some(why)));
        }
        findings.sort_by(|a, b| a.path.cmp(&b.path));
        // A link that stands in its place says the same.
        findings.dedup_by(|b, a| a.path == b.path);
        looked.findings.extend(findings);
        looked.spots.push(spot);
    }

    fn found(&self, spot: &mut Spot, scan: Option<&Scan>, place: &Place) -> Vec<Finding> {
        let prefix = spot.prefix.clone();
        let is_volatile = |path: &TreePath| self.volatile.matches_bytes(&[&prefix, path.as_bytes()].concat());
        let missing = |path: &TreePath| known::finding(spot.named(path), Kind::Missing, None);
        let (Ok(Some((root, _))), Some(scan)) = (spot.at.spot(), scan) else {
            return place.paths().filter(|path| !is_volatile(path)).map(|path| missing(&path)).collect();
        };
        let manifest = place.manifest(&is_volatile);
        // What is as expected there is no business of who judges, and comes back afterwards.
        let mut tree = spot.tree.clone();
        let odd: Vec<Finding> = place.settle_the_odd(&mut tree, &is_volatile).iter().map(missing).collect();
        let rules = Rules::default();
        let expected = Expected {
            manifest: &manifest,
            deviations: &BTreeMap::new(),
            accepted: &BTreeMap::new(),
            owners: None,
            owner: None,
            rules: &rules,
            held: None,
        };
        let mut inspector = Inspector::open(&root, &self.site.state);
        let mut findings = settled(&root, &expected, &mut tree, &mut inspector);
        let lies: Vec<TreePath> = self.cache.lies(scan).iter().filter_map(|path| spot.bare(path)).collect();
        explain::add_lies(&mut findings, &lies, &tree, &rules);
        for finding in &mut findings {
            self.renew(spot, finding, &tree);
            finding.path = spot.named(&finding.path);
            finding.outside = true;
        }
        findings.extend(odd);
        explain::date(&mut findings, scan, self.now);
        findings.iter_mut().for_each(|finding| finding.why.sort());
        findings
    }

    /// What was found is what a second look saw.
    fn renew(&self, spot: &mut Spot, finding: &Finding, tree: &Tree) {
        match tree.get(&finding.path) {
            Some(node) => drop(spot.tree.insert(finding.path.clone(), node.clone())),
            None => drop(spot.tree.remove(&finding.path)),
        }
    }
}

impl Spot {
    fn of(written: String, at: outside::Outside, leads_to: Option<PathBuf>, scan: Option<&Scan>) -> Spot {
        let shown = at.shown_as();
        let name = at.path().file_name().map_or(0, |name| name.len());
        let prefix = shown.as_bytes()[..shown.as_bytes().len() - name].to_vec();
        let mut spot = Spot { written, at, leads_to, prefix, tree: Tree::new(), is_new: false };
        let nodes = scan.into_iter().flat_map(|scan| &scan.tree);
        spot.tree = nodes.filter_map(|(path, node)| Some((spot.bare(path)?, node.clone()))).collect();
        spot
    }

    /// From the folder that holds the place.
    fn bare(&self, shown: &TreePath) -> Option<TreePath> {
        shown.as_bytes().strip_prefix(&self.prefix[..]).map(TreePath::from_bytes)
    }

    fn named(&self, bare: &TreePath) -> TreePath {
        TreePath::from_bytes(&[&self.prefix, bare.as_bytes()].concat())
    }

    /// Whether a path is the place, or in it.
    pub fn holds(&self, path: &TreePath) -> bool {
        let rest = path.as_bytes().strip_prefix(self.at.shown_as().as_bytes());
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
    }

    /// Every folder whose changes matter: first the one that holds the place.
    pub fn folders(&self) -> impl Iterator<Item = PathBuf> + '_ {
        let above = self.at.path().parent().unwrap_or(Path::new("/"));
        let inside = self.tree.iter().filter(|(_, node)| node.is_folder());
        let inside = inside.map(move |(path, _)| above.join(path.as_path()));
        std::iter::once(above.to_owned()).chain(inside)
    }
}

impl Looked {
    /// Remembers what was seen for the first time, and forgets what the settings no
    /// longer name. For whoever holds the lock.
    pub fn record(&self, site: &Site) -> Result<(), StoredError> {
        let folder = site.state.watch();
        let before = Outside::load(&folder)?;
        let mut after = before.clone();
        after.places.retain(|written, _| site.settings.outside.contains(written));
        let now = clock::now();
        for spot in self.spots.iter().filter(|spot| spot.is_new) {
            let place = || Place::of(spot.at.path(), &spot.tree, now);
            after.places.entry(spot.written.clone()).or_insert_with(place);
        }
        if after == before { Ok(()) } else { after.save(&folder) }
    }

    /// Expects what was found from now on; `None` where nothing of it can be
    /// expected, as of a folder that stands where a file was.
    pub fn expect(&self, outside: &mut Outside, finding: &Finding) -> Option<()> {
        let spot = self.spots.iter().find(|spot| spot.holds(&finding.path))?;
        if spot.leads_to.is_some() && finding.path == spot.at.shown_as() {
            // Where it leads now it is seen for the first time.
            outside.places.remove(&spot.written);
            return Some(());
        }
        let Some(place) = outside.places.get_mut(&spot.written) else {
            return spot.leads_to.is_some().then_some(());
        };
        let path = spot.bare(&finding.path)?;
        let node = spot.tree.get(&path);
        let seen = node.and_then(Seen::of);
        if seen.is_none() && node.is_some() {
            return None;
        }
        place.expect(&path, seen);
        Some(())
    }
}

fn shown(path: &Path) -> TreePath {
    TreePath::from_bytes(&[PREFIX.as_bytes(), path.as_os_str().as_bytes()].concat())
}

fn unreadable(path: TreePath, reason: String) -> Finding {
    known::finding(path, Kind::Unreadable, Some(Why::Reason { text: escape::text(&reason).into_owned() }))
}
