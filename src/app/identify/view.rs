//! What `identify` answers. The fields are documented in `docs/identify.md`.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;

use crate::base::path::TreePath;
use crate::integrity::catalogue::Catalogue;
use crate::integrity::nearest;
use crate::integrity::nearest::Account;
use crate::integrity::nearest::Apart;
use crate::integrity::nearest::Found;
use crate::integrity::nearest::Place;
use crate::integrity::nearest::Rank;
use crate::integrity::scan::Scan;
use crate::site::profile::Profile;
use crate::sys::fs;

/// Releases that come next, as many as are told.
const NEXT: usize = 5;

#[derive(Clone, Debug, Serialize)]
pub struct IdentifyView {
    pub folder: String,
    /// `null` where nothing that is known is near.
    pub nearest: Option<NearestView>,
    /// Other products in the tree, each by its nearest release.
    pub others: Vec<CandidateView>,
    /// Releases that the tree was held against.
    pub known: u64,
    pub checked: u64,
    pub bytes: u64,
}

#[derive(Clone, Debug, Serialize)]
pub struct NearestView {
    #[serde(flatten)]
    pub release: CandidateView,
    /// `exact`, `sure`, `likely` or `distant`.
    pub sure: &'static str,
    /// Releases that are exactly as near.
    pub tied: Vec<CandidateView>,
    /// What would be next, the nearest of them first.
    pub next: Vec<CandidateView>,
    pub counts: Counts,
    pub line_ends: Vec<TreePath>,
    pub modified: Vec<TreePath>,
    pub missing: Vec<TreePath>,
    pub unreadable: Vec<TreePath>,
    /// Neither the release's, nor the owner's, nor of something added.
    pub extra: Vec<TreePath>,
    pub elsewhere: Vec<ElsewhereView>,
    /// Plugins, themes and the like that are no part of the release.
    pub additions: Vec<Addition>,
}

#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Counts {
    pub exact: u64,
    pub line_ends: u64,
    pub modified: u64,
    pub missing: u64,
    pub unreadable: u64,
    pub extra: u64,
    pub elsewhere: u64,
    /// Files that the application's profile calls the owner's, or volatile.
    pub own: u64,
    pub additions: u64,
    /// Files beside the folder in which the release lies.
    pub outside: u64,
}

#[derive(Clone, Debug, Serialize)]
pub struct CandidateView {
    pub product: String,
    pub version: String,
    /// Who built it, where that is not its maker.
    pub build: Option<String>,
    /// `named`, `installed` or `shipped`.
    pub origin: &'static str,
    /// `whole`, `below` (the release lies in `folder` of the tree) or `part`
    /// (the tree is `folder` of the release).
    pub place: &'static str,
    pub folder: Option<String>,
    pub score: f64,
    pub files: u64,
    pub held: u64,
    /// What tells the nearest from this one: files, those that speak for the nearest, and against it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub apart: Option<ApartView>,
    #[serde(skip)]
    pub title: String,
}

#[derive(Clone, Copy, Debug, Serialize)]
pub struct ApartView {
    pub files: u64,
    pub speak_for: u64,
    pub speak_against: u64,
}

#[derive(Clone, Debug, Serialize)]
pub struct ElsewhereView {
    pub path: TreePath,
    /// The releases that have this file so.
    pub versions: Vec<String>,
    /// Whether the nearest release has a file of that name.
    pub listed: bool,
}

#[derive(Clone, Debug, Serialize)]
pub struct Addition {
    pub path: TreePath,
    pub files: u64,
}

pub(super) fn of(root: &Path, catalogue: &Catalogue, scan: &Scan, found: &[Found]) -> IdentifyView {
    let first = |found: &Found| candidate(catalogue, found, &found.ranks[0], None);
    IdentifyView {
        folder: fs::shown(root),
        nearest: found.first().map(|found| nearest_view(catalogue, scan, found)),
        others: found.iter().skip(1).map(first).collect(),
        known: catalogue.releases().len() as u64,
        checked: scan.checked,
        bytes: scan.bytes,
    }
}

fn nearest_view(catalogue: &Catalogue, scan: &Scan, found: &Found) -> NearestView {
    let best = &found.ranks[0];
    let against = |rank: &Rank| {
        let Apart { files, speak_for, speak_against, .. } = found.apart(catalogue, best, rank);
        candidate(catalogue, found, rank, Some(ApartView { files, speak_for, speak_against }))
    };
    let account = nearest::account(catalogue, &scan.tree, found, best);
    let profile = Profile::named(&catalogue.releases()[best.release].about.product).ok();
    let sorted = Sorted::new(found, profile.as_ref(), &account);
    let elsewhere: Vec<ElsewhereView> =
        account.elsewhere.iter().map(|one| elsewhere(catalogue, one)).collect();
    NearestView {
        release: candidate(catalogue, found, best, None),
        sure: found.certainty(catalogue),
        tied: found.tied(catalogue).into_iter().skip(1).map(against).collect(),
        next: found.next(catalogue).into_iter().take(NEXT).map(against).collect(),
        counts: Counts {
            exact: account.exact,
            line_ends: account.line_ends.len() as u64,
            modified: account.modified.len() as u64,
            missing: account.missing.len() as u64,
            unreadable: account.unreadable.len() as u64,
            extra: sorted.extra.len() as u64,
            elsewhere: elsewhere.len() as u64,
            own: sorted.own,
            additions: sorted.additions.values().sum(),
            outside: account.outside,
        },
        extra: sorted.extra,
        additions: sorted.additions.into_iter().map(|(path, files)| Addition { path, files }).collect(),
        line_ends: account.line_ends,
        modified: account.modified,
        missing: account.missing,
        unreadable: account.unreadable,
        elsewhere,
    }
}

fn candidate(catalogue: &Catalogue, found: &Found, rank: &Rank, apart: Option<ApartView>) -> CandidateView {
    let about = &catalogue.releases()[rank.release].about;
    let (place, folder) = match &found.place {
        Place::Whole => ("whole", None),
        Place::Below(folder) => ("below", Some(folder.to_string())),
        Place::Part(folder) => ("part", Some(folder.clone())),
    };
    CandidateView {
        product: about.product.clone(),
        version: about.version.clone(),
        build: about.build.clone(),
        origin: about.origin.name(),
        place,
        folder,
        score: rank.score,
        files: rank.files,
        held: rank.held,
        apart,
        title: about.title(),
    }
}

fn elsewhere(catalogue: &Catalogue, one: &nearest::Elsewhere) -> ElsewhereView {
    let mut versions: Vec<String> = Vec::new();
    for release in &one.releases {
        let version = &catalogue.releases()[*release].about.version;
        if !versions.contains(version) {
            versions.push(version.clone());
        }
    }
    ElsewhereView { path: one.path.clone(), versions, listed: one.is_listed }
}

/// The files that are no part of the release, by what they are.
#[derive(Default)]
struct Sorted {
    own: u64,
    additions: BTreeMap<TreePath, u64>,
    extra: Vec<TreePath>,
}

impl Sorted {
    fn new(found: &Found, profile: Option<&Profile>, account: &Account) -> Sorted {
        let mut sorted = Sorted::default();
        let own = profile.map(|profile| profile.keep.and(&profile.volatile).and(&profile.uploads));
        let own = own.unwrap_or_default();
        let additions: Vec<Vec<u8>> = profile
            .map(|profile| profile.additions.iter().map(|folder| [folder.as_str().as_bytes(), b"/"].concat()))
            .into_iter()
            .flatten()
            .collect();
        for path in &account.extra {
            let inside = found.place.inside(path).unwrap_or_default();
            let of_part = matches!(found.place, Place::Part(_));
            if !of_part && own.matches_bytes(inside) {
                sorted.own += 1;
                continue;
            }
            let folder = additions.iter().filter(|_| !of_part).find(|folder| inside.starts_with(folder));
            let added = folder.and_then(|folder| added(path, inside, folder.len(), account));
            match added {
                Some(added) => *sorted.additions.entry(added).or_default() += 1,
                None => sorted.extra.push(path.clone()),
            }
        }
        sorted
    }
}

/// The entry of a folder of additions in which a file lies, when nothing of the
/// release lies there.
fn added(path: &TreePath, inside: &[u8], folder: usize, account: &Account) -> Option<TreePath> {
    let name = inside[folder..].split(|byte| *byte == b'/').next()?;
    let before = path.as_bytes().len() - inside.len();
    let added = TreePath::from_bytes(&path.as_bytes()[..before + folder + name.len()]);
    account.is_free_of_release(&added).then_some(added)
}
