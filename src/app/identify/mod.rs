//! `identify`: which known release a tree is nearest to, and with what changes.
//! Nothing is written, no lock is waited for.

mod known;
mod view;

use std::path::Path;
use std::path::PathBuf;

pub use self::known::Named;
pub use self::view::Addition;
pub use self::view::CandidateView;
pub use self::view::ElsewhereView;
pub use self::view::IdentifyView;
pub use self::view::NearestView;
use crate::app::desk::Listener;
use crate::app::desk::Place;
use crate::app::failure::Failure;
use crate::app::report::Answer;
use crate::base::digest::Algorithms;
use crate::base::exit::Exit;
use crate::base::pattern::Patterns;
use crate::base::tree::Tree;
use crate::integrity::catalogue::Catalogue;
use crate::integrity::catalogue::Collector;
use crate::integrity::catalogue::Origin;
use crate::integrity::line_ends;
use crate::integrity::manifest::Manifest;
use crate::integrity::nearest;
use crate::integrity::nearest::Account;
use crate::integrity::nearest::Found;
use crate::integrity::scan;
use crate::site::profile::Profile;
use crate::site::shipped;
use crate::site::state::State;
use crate::sys::beneath::Root;
use crate::sys::env;
use crate::sys::fs;

#[derive(Clone, Debug, Default)]
pub struct Request {
    pub dir: Option<PathBuf>,
    pub named: Named,
}

/// Whom root becomes: the owner of the site that is asked about.
pub fn owner_to_become(place: &Place, request: Option<&Path>) -> Option<(u32, u32)> {
    let site = request.map(Path::to_owned).or_else(|| place.site.clone());
    let known = State::known(&fs::canonical(site.as_deref()?).ok()?);
    let state = place.state.clone().or_else(|| known.map(|state| state.folder().to_owned()));
    Place { site, state, ..Place::default() }.owner_to_become()
}

pub fn identify(
    place: &Place,
    request: &Request,
    listener: Listener,
) -> Result<Answer<IdentifyView>, Failure> {
    let (root, state) = subject(place, request)?;
    let nothing = Patterns::default();
    let options =
        scan::Options { algorithms: Algorithms::Sha256, skip: &nothing, digests: scan::Digests::Read };
    let folder = Root::open(&root)?;
    let scanned = scan::scan(&folder, &options, &mut |step, event| listener(None, step, event))?;
    let catalogue = known::gather(&folder, &scanned.tree, state.as_ref(), &request.named, listener)?;
    let found = nearest::nearest(&catalogue, &scanned.tree, &mut |path| line_ends::digests(&folder, path));
    let view = view::of(&root, &catalogue, &scanned, &found);
    Ok(match found.is_empty() {
        false => Answer::done(view),
        true => {
            let message = format!("no release that is known is near to what stands in {}", fs::shown(&root));
            let failure = Failure::new(Exit::NothingToDo, message)
                .hint("name releases that it could be: --manifest FILE, --from FOLDER, ARCHIVE or REFERENCE");
            Answer::failing(failure, view)
        }
    })
}

/// The folder that is asked about, and the state of the site that it is.
fn subject(place: &Place, request: &Request) -> Result<(PathBuf, Option<State>), Failure> {
    let named = request.dir.clone().or_else(|| place.site.clone());
    let root = match named {
        Some(folder) => folder,
        None => match place.open() {
            Ok(site) => site.root,
            Err(_) => env::current_folder()?,
        },
    };
    if !fs::is_folder(&root) {
        return Err(Failure::new(Exit::Refused, format!("there is no folder {}", fs::shown(&root))));
    }
    let root = fs::canonical(&root)?;
    let state = match &place.state {
        Some(folder) => Some(State::find(&root, Some(folder))?),
        None => State::known(&root),
    };
    Ok((root, state))
}

/// The release of a known product that a tree surely is, as [`Found::is_sure`] says.
pub(super) struct Recognised {
    pub catalogue: Catalogue,
    pub found: Found,
    pub account: Account,
}

/// The version of which the tree as a whole has most, if it has much of any.
pub(super) fn nearest_of(
    root: &Path,
    tree: &Tree,
    releases: Vec<Manifest>,
) -> Result<Option<String>, Failure> {
    let mut collector = Collector::default();
    for manifest in releases {
        let named = Origin::Named(manifest.version.clone());
        collector.add_manifest(manifest, named);
    }
    let catalogue = collector.finish();
    let best = as_a_whole(&catalogue, root, tree)?.and_then(|found| Some(found.ranks.first()?.release));
    Ok(best.map(|release| catalogue.releases()[release].about.version.clone()))
}

/// What the releases that ship with the program say of a tree whose application is known.
pub(super) fn recognise(root: &Path, tree: &Tree, profile: &Profile) -> Result<Option<Recognised>, Failure> {
    let mut collector = Collector::default();
    shipped::add_to(&mut collector, Some(&profile.name))?;
    let catalogue = collector.finish();
    let found = as_a_whole(&catalogue, root, tree)?.filter(|found| found.is_sure(&catalogue));
    let Some(found) = found else { return Ok(None) };
    let account = nearest::account(&catalogue, tree, &found, &found.ranks[0]);
    Ok(Some(Recognised { catalogue, found, account }))
}

/// What all of the tree is near to, rather than a folder of it.
fn as_a_whole(catalogue: &Catalogue, root: &Path, tree: &Tree) -> Result<Option<Found>, Failure> {
    let folder = Root::open(root)?;
    let found = nearest::nearest(catalogue, tree, &mut |path| line_ends::digests(&folder, path));
    Ok(found.into_iter().find(|found| found.place == nearest::Place::Whole))
}
