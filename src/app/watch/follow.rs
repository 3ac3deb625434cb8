//! `watch --follow`: the kernel's hints say when to look again, the hashes say
//! what is found. What hints miss is found by a look from time to time.

use std::collections::BTreeMap;
use std::os::unix::ffi::OsStrExt;
use std::time::Duration;

use crate::app::desk::Interrupt;
use crate::app::desk::Place;
use crate::app::failure::Failure;
use crate::app::report::Answer;
use crate::app::watch::Extra;
use crate::app::watch::Request;
use crate::app::watch::WatchView;
use crate::app::watch::answer;
use crate::app::watch::live;
use crate::app::watch::live::Looked;
use crate::app::watch::live::Manner;
use crate::app::watch::outside::Spot;
use crate::app::watch::record;
use crate::base::exit::Exit;
use crate::base::path::TreePath;
use crate::base::tree::Tree;
use crate::site::Site;
use crate::site::outside::PREFIX;
use crate::sys::clock;
use crate::sys::clock::Stopwatch;
use crate::sys::fs::IoError;
use crate::sys::inotify::Hint;
use crate::sys::inotify::Hints;
use crate::watch::finding::Finding;
use crate::watch::memory::Memory;

/// How often hints are asked for.
const PAUSE: Duration = Duration::from_millis(100);
/// What happens within this is looked at together.
const CALM: Duration = Duration::from_millis(300);
/// Without a hint there is a look all the same, seldom or often.
const SELDOM: Duration = Duration::from_secs(600);
const OFTEN: Duration = Duration::from_secs(60);
/// A site where an update goes on is asked again so soon.
const SOON: Duration = Duration::from_secs(2);

const LOST: &str =
    "more happened than the system keeps hints of (fs.inotify.max_queued_events): all files are looked at";

/// What is told while it follows.
#[derive(Clone, Debug)]
pub enum Seen {
    Found(Box<Finding>),
    /// It is as it should be again.
    Gone(String),
    Note(String),
}

/// Tells each finding as it comes and goes, until somebody interrupts.
pub fn follow(
    place: &Place,
    request: &Request,
    interrupt: &Interrupt,
    tell: &mut dyn FnMut(Seen),
) -> Result<Answer<WatchView>, Failure> {
    let site = place.open()?;
    let first = Memory::load(&site.state.watch())?;
    let mut follower = Follower {
        site: &site,
        manner: Manner::of(request, &first),
        hints: open_hints(tell),
        known: BTreeMap::new(),
        last: None,
        is_lost: false,
        is_away: false,
        turns: 0,
    };
    loop {
        let watch = Stopwatch::start();
        let again = follower.look(tell)?;
        if interrupt.is_set() {
            break;
        }
        if again && follower.turns < 3 {
            continue;
        }
        // A site where much happens is not read without end.
        let rest = CALM.max(watch.elapsed() * 4);
        if follower.wait(rest, interrupt) {
            break;
        }
    }
    let Some(looked) = follower.last else {
        return Err(Failure::new(Exit::Locked, "an update went on all the time: nothing was judged"));
    };
    let news = request.manifest.is_none().then(|| first.news(&looked.findings));
    let notes = looked.notes.clone();
    answer(&site, &first, looked, Extra { news, notes, accepted: Vec::new(), html: request.html.clone() })
}

struct Follower<'a> {
    site: &'a Site,
    manner: Manner,
    /// `None`: there are none, and it looks from time to time.
    hints: Option<Hints>,
    known: BTreeMap<String, String>,
    last: Option<Looked>,
    /// More hints came than the system keeps.
    is_lost: bool,
    /// An update goes on.
    is_away: bool,
    turns: u32,
}

fn open_hints(tell: &mut dyn FnMut(Seen)) -> Option<Hints> {
    Hints::open().map_err(|error| tell(without_hints(&error))).ok()
}

fn without_hints(error: &IoError) -> Seen {
    Seen::Note(format!(
        "the system gives no more hints of changes ({}: {}; see fs.inotify.max_user_watches): all files are looked at every {} s instead",
        error,
        error.source,
        OFTEN.as_secs()
    ))
}

impl Follower<'_> {
    /// Looks once; whether there are folders now that nobody gave hints of meanwhile.
    fn look(&mut self, tell: &mut dyn FnMut(Seen)) -> Result<bool, Failure> {
        if std::mem::take(&mut self.is_lost) {
            tell(Seen::Note(LOST.into()));
        }
        let (looked, tree) = match live::look_in_full(self.site, &self.manner, &mut |_, _, _| {}) {
            Ok(seen) => seen,
            Err(failure) if matches!(failure.exit, Exit::Locked | Exit::Refused) && self.may_pass() => {
                if !self.is_away {
                    tell(Seen::Note(format!("{}; it goes on afterwards", failure.message)));
                }
                self.is_away = true;
                return Ok(false);
            }
            Err(failure) => return Err(failure),
        };
        if self.is_away {
            tell(Seen::Note("the update is over: what it brought is what is expected now".into()));
        }
        self.is_away = false;
        self.manner.shares = self.manner.shares.next();
        let changed = self.tell_changes(&looked, tell);
        if self.manner.manifest.is_none() && (changed || self.last.is_none()) {
            // Who works on the site at this moment will not be waited for.
            let _ = record::try_record(self.site, &looked)?;
        }
        let is_new = self.cover(&looked, &tree, tell);
        self.turns = if is_new { self.turns + 1 } else { 0 };
        self.last = Some(looked);
        Ok(is_new)
    }

    /// Whether the site is only closed to us for a while: a run is open.
    fn may_pass(&self) -> bool {
        crate::update::run::open_run(&self.site.state.runs()).is_ok_and(|open| open.is_some())
            || crate::sys::lock::holder(&self.site.state.lock()).is_ok_and(|holder| holder.is_some())
    }

    fn tell_changes(&mut self, looked: &Looked, tell: &mut dyn FnMut(Seen)) -> bool {
        let now: BTreeMap<String, String> =
            looked.findings.iter().map(|finding| (finding.name(), finding.mark())).collect();
        for finding in &looked.findings {
            let name = finding.name();
            if self.known.get(&name) != now.get(&name) {
                tell(Seen::Found(Box::new(finding.clone())));
            }
        }
        for path in self.known.keys().filter(|path| !now.contains_key(*path)) {
            tell(Seen::Gone(path.clone()));
        }
        let changed = now != self.known;
        self.known = now;
        changed
    }

    /// Asks for hints of every folder; whether of one that is new.
    fn cover(&mut self, looked: &Looked, tree: &Tree, tell: &mut dyn FnMut(Seen)) -> bool {
        let Some(hints) = &mut self.hints else { return false };
        let root = &self.site.root;
        let folders = tree.iter().filter(|(_, node)| node.is_folder());
        let inside = std::iter::once(TreePath::root()).chain(folders.map(|(path, _)| path.clone()));
        let inside = inside.map(|folder| (root.join(folder.as_path()), folder));
        let outside = looked.outside.spots.iter().flat_map(Spot::folders);
        // By their whole paths, which nothing in the site has.
        let outside = outside.map(|path| (path.clone(), TreePath::from_bytes(path.as_os_str().as_bytes())));
        let (mut is_new, before) = (false, hints.count());
        for (path, folder) in inside.chain(outside) {
            match hints.watch_as(&path, &folder) {
                Ok(new) => is_new |= new,
                Err(error) => {
                    tell(without_hints(&error));
                    self.hints = None;
                    return false;
                }
            }
        }
        if before == 0 {
            tell(Seen::Note(format!("following {} folders; Ctrl-C ends it", hints.count())));
        }
        is_new
    }

    /// Waits for a reason to look again; whether somebody interrupted.
    fn wait(&mut self, rest: Duration, interrupt: &Interrupt) -> bool {
        let watch = Stopwatch::start();
        let mut hinted = None;
        loop {
            if interrupt.is_set() {
                return true;
            }
            clock::sleep(PAUSE);
            let most = match (&self.hints, self.is_away) {
                (_, true) => SOON,
                (Some(_), _) => SELDOM,
                (None, _) => OFTEN,
            };
            if self.is_hinted() {
                hinted = Some(Stopwatch::start());
            }
            // Whoever writes without a pause is looked at all the same.
            let is_calm = hinted.is_some_and(|hint: Stopwatch| hint.elapsed() >= CALM);
            let is_due = hinted.is_some() && watch.elapsed() >= rest * 8;
            if watch.elapsed() >= most || (watch.elapsed() >= rest && (is_calm || is_due)) {
                return false;
            }
        }
    }

    fn is_hinted(&mut self) -> bool {
        let volatile = self.site.volatile();
        let spots = self.last.as_ref().map(|last| &last.outside.spots[..]).unwrap_or_default();
        let is_news = |hint: &Hint| match hint {
            Hint::Somewhere | Hint::Overflow => true,
            // The folder that holds a place outside holds other things, too.
            Hint::Path(path) if path.as_bytes().starts_with(b"/") => {
                let path = TreePath::from_bytes(&[PREFIX.as_bytes(), path.as_bytes()].concat());
                spots.iter().any(|spot| spot.holds(&path)) && !volatile.matches_bytes(path.as_bytes())
            }
            Hint::Path(path) => !volatile.matches_bytes(path.as_bytes()),
        };
        let Some(hints) = &mut self.hints else { return false };
        let hints = hints.take();
        self.is_lost |= hints.contains(&Hint::Overflow);
        hints.iter().any(is_news)
    }
}
