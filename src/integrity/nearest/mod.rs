//! Which of many known releases a tree is nearest to. Pure: what was scanned
//! decides, and texts are asked for only where line ends may be all that differs.
//!
//! A release's score is the weight of what the tree has of it, by the weight of
//! all that either of them has of the product; a file that few releases share
//! weighs more than one that all do.

mod account;
mod place;
#[cfg(test)]
mod tests;

use std::cmp::Ordering;

pub use self::account::Account;
pub use self::account::Elsewhere;
pub use self::account::account;
pub use self::place::Place;
use crate::base::digest::Sha256;
use crate::base::path::TreePath;
use crate::base::tree::Kind;
use crate::base::tree::Tree;
use crate::integrity::catalogue::Catalogue;
use crate::integrity::manifest::version;

/// At least so much of a release must be there for it to be near at all.
const NEAR: f64 = 0.1;
const FEWEST: u64 = 3;
/// At least so much of it, for nobody to doubt.
const SURE: f64 = 0.9;
/// And so much for it to be likely.
const LIKELY: f64 = 0.5;
/// Scores closer to each other than this are the same.
const SAME: f64 = 1e-9;

/// The digests of a text with all line ends as LF, and all as CR LF; `None`
/// where it is no text, or too long to be asked.
pub type LineEnds<'a> = &'a mut dyn FnMut(&TreePath) -> Option<[Sha256; 3]>;

/// One product at one place in the tree, its releases best first.
#[derive(Clone, Debug)]
pub struct Found {
    pub place: Place,
    pub ranks: Vec<Rank>,
    product: u16,
    /// Of each entry of the product.
    states: Vec<State>,
}

/// How near one release is.
#[derive(Clone, Debug, PartialEq)]
pub struct Rank {
    /// Its number in the catalogue.
    pub release: usize,
    /// From 0 to 1.
    pub score: f64,
    /// Files it lists, as far as the tree is to hold them.
    pub files: u64,
    /// Those that the tree has, other line ends included.
    pub held: u64,
    /// Those of them that have other line ends.
    pub line_ends: u64,
}

/// How a file that some release lists is in the tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Exact,
    /// The same text with other line ends.
    LineEnds,
    /// Something else stands there.
    Other,
    Unreadable,
    Missing,
    /// It lies outside the part of the release that the tree is.
    Outside,
}

/// What tells a release from the next one, and for which of them it speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Apart {
    /// Files that only one of them has.
    pub files: u64,
    /// Those that the tree has, and only the first.
    pub speak_for: u64,
    /// And only the second.
    pub speak_against: u64,
    /// Those that only the first has, and the tree has not.
    pub lacking: u64,
}

impl State {
    fn is_held(self) -> bool {
        matches!(self, State::Exact | State::LineEnds)
    }
}

impl Rank {
    /// The share of its files that the tree has.
    pub fn share(&self) -> f64 {
        if self.files == 0 { 0.0 } else { self.held as f64 / self.files as f64 }
    }

    fn is_near(&self) -> bool {
        self.held >= FEWEST.min(self.files.max(1)) && self.share() >= NEAR
    }

    fn is_as_near_as(&self, other: &Rank) -> bool {
        (self.score - other.score).abs() < SAME
    }
}

impl Found {
    /// The first release, and all that nothing in the tree tells from it.
    pub fn tied(&self, catalogue: &Catalogue) -> Vec<&Rank> {
        self.ranks.iter().filter(|rank| self.is_tied(catalogue, rank)).collect()
    }

    /// The others, the nearest first.
    pub fn next(&self, catalogue: &Catalogue) -> Vec<&Rank> {
        self.ranks.iter().filter(|rank| !self.is_tied(catalogue, rank)).collect()
    }

    /// That the tree lacks what another has speaks for the first one, as long
    /// as it does not lack what the first has, too.
    fn is_tied(&self, catalogue: &Catalogue, rank: &Rank) -> bool {
        let Some(best) = self.ranks.first() else { return false };
        let apart = self.apart(catalogue, best, rank);
        let nothing_speaks = apart.speak_for == 0 && apart.speak_against == 0;
        best.is_as_near_as(rank) || (nothing_speaks && apart.lacking > 0)
    }

    /// Nine in ten of its files are there, no other release is as near, and of
    /// what tells it from the next one more speaks for it than against it.
    pub fn is_sure(&self, catalogue: &Catalogue) -> bool {
        let Some(best) = self.ranks.first() else { return false };
        let leads = self.next(catalogue).first().is_none_or(|next| {
            let apart = self.apart(catalogue, best, next);
            apart.speak_for > apart.speak_against || (apart.speak_against == 0 && apart.lacking == 0)
        });
        self.tied(catalogue).len() == 1 && best.share() >= SURE && leads
    }

    /// In a word.
    pub fn certainty(&self, catalogue: &Catalogue) -> &'static str {
        match self.ranks.first() {
            Some(best) if self.is_sure(catalogue) && best.held == best.files => "exact",
            Some(_) if self.is_sure(catalogue) => "sure",
            Some(best) if best.share() >= LIKELY => "likely",
            _ => "distant",
        }
    }

    fn weight(&self) -> f64 {
        self.ranks.first().map_or(0.0, |best| best.score * best.held as f64)
    }

    fn state(&self, catalogue: &Catalogue, number: u32) -> State {
        self.states[number as usize - catalogue.entries_of(self.product).start]
    }

    /// What tells two of its releases from each other.
    pub fn apart(&self, catalogue: &Catalogue, one: &Rank, other: &Rank) -> Apart {
        let (one, other) = (&catalogue.releases()[one.release], &catalogue.releases()[other.release]);
        let mut apart = Apart::default();
        for (one, other, speaks) in
            [(one, other, &mut apart.speak_for), (other, one, &mut apart.speak_against)]
        {
            let own = one.files().iter().filter(|number| !other.holds(**number));
            let states = own.map(|number| self.state(catalogue, *number));
            for state in states.filter(|state| *state != State::Outside) {
                apart.files += 1;
                *speaks += u64::from(state.is_held());
            }
        }
        let own = one.files().iter().filter(|number| !other.holds(**number));
        let states = own.map(|number| self.state(catalogue, *number));
        let expected = states.filter(|state| *state != State::Outside).count() as u64;
        apart.lacking = expected - apart.speak_for;
        apart
    }
}

/// Every product that is near, the one that explains most of the tree first.
pub fn nearest(catalogue: &Catalogue, tree: &Tree, line_ends: LineEnds) -> Vec<Found> {
    let mut found: Vec<Found> = Vec::new();
    for (product, place) in place::places(catalogue, tree) {
        let states = states(catalogue, tree, product, &place, line_ends);
        let ranks = ranks(catalogue, product, &states);
        if ranks.first().is_some_and(Rank::is_near) {
            found.push(Found { place, ranks, product, states });
        }
    }
    found.sort_by(|a, b| b.weight().total_cmp(&a.weight()).then_with(|| a.place.cmp(&b.place)));
    found
}

fn states(
    catalogue: &Catalogue,
    tree: &Tree,
    product: u16,
    place: &Place,
    line_ends: LineEnds,
) -> Vec<State> {
    let entries = catalogue.entries_of(product);
    let mut states = Vec::with_capacity(entries.len());
    let mut at = entries.start;
    while at < entries.end {
        let path = &catalogue.entry(at as u32).path;
        let next = (at..entries.end).find(|next| catalogue.entry(*next as u32).path != *path);
        let next = next.unwrap_or(entries.end);
        match place.in_tree(path) {
            None => states.resize(states.len() + next - at, State::Outside),
            Some(here) => of_path(catalogue, tree, &here, at..next, line_ends, &mut states),
        }
        at = next;
    }
    states
}

/// All that is known of one path, whatever the release.
fn of_path(
    catalogue: &Catalogue,
    tree: &Tree,
    here: &TreePath,
    entries: std::ops::Range<usize>,
    line_ends: LineEnds,
    states: &mut Vec<State>,
) {
    let all = |state| vec![state; entries.len()];
    let (digest, size) = match tree.get(here).map(|node| &node.kind) {
        None | Some(Kind::Folder) => return states.extend(all(State::Missing)),
        Some(Kind::Unreadable { .. }) => return states.extend(all(State::Unreadable)),
        Some(Kind::Link { .. } | Kind::Special(_)) => return states.extend(all(State::Other)),
        Some(Kind::File { sha256, size, .. }) => (*sha256, *size),
    };
    let known: Vec<_> = entries.map(|number| catalogue.entry(number as u32)).collect();
    // Each line end is one byte more or less.
    let may_be = |other: u64| size != other && size <= other.saturating_mul(2) && other <= size * 2;
    let is_known = known.iter().any(|entry| entry.sha256 == digest);
    let asked = !is_known && known.iter().any(|entry| may_be(entry.size));
    let variants = if asked { line_ends(here) } else { None };
    states.extend(known.iter().map(|entry| match variants {
        _ if entry.sha256 == digest => State::Exact,
        Some(variants) if variants.contains(&entry.sha256) => State::LineEnds,
        _ => State::Other,
    }));
}

fn ranks(catalogue: &Catalogue, product: u16, states: &[State]) -> Vec<Rank> {
    let start = catalogue.entries_of(product).start;
    let releases: Vec<usize> = catalogue.releases_of(product).collect();
    let weights = weights(catalogue, &releases, start, states.len());
    let of_tree: f64 = states.iter().zip(&weights).filter(|(state, _)| state.is_held()).map(|(_, w)| w).sum();
    let rank = |release: usize| {
        let (mut rank, mut own, mut held) =
            (Rank { release, score: 0.0, files: 0, held: 0, line_ends: 0 }, 0.0, 0.0);
        for number in catalogue.releases()[release].files() {
            let at = *number as usize - start;
            if states[at] == State::Outside {
                continue;
            }
            rank.files += 1;
            own += weights[at];
            rank.line_ends += u64::from(states[at] == State::LineEnds);
            if states[at].is_held() {
                rank.held += 1;
                held += weights[at];
            }
        }
        let either = own + of_tree - held;
        rank.score = if either > 0.0 { held / either } else { 0.0 };
        rank
    };
    let mut ranks: Vec<Rank> = releases.into_iter().map(rank).collect();
    ranks.sort_by(|a, b| order(catalogue, a, b));
    ranks
}

/// 1 for a file of all releases, more the fewer have it.
fn weights(catalogue: &Catalogue, releases: &[usize], start: usize, count: usize) -> Vec<f64> {
    let mut holders = vec![0_u32; count];
    for release in releases {
        for number in catalogue.releases()[*release].files() {
            holders[*number as usize - start] += 1;
        }
    }
    let all = releases.len() as f64;
    holders.into_iter().map(|holders| 1.0 + (all / f64::from(holders.max(1))).ln()).collect()
}

/// The nearest first; among equals the newest.
fn order(catalogue: &Catalogue, a: &Rank, b: &Rank) -> Ordering {
    let about = |rank: &Rank| &catalogue.releases()[rank.release].about;
    if !a.is_as_near_as(b) {
        return b.score.total_cmp(&a.score);
    }
    let newer = version::compare(&about(b).version, &about(a).version);
    newer.then_with(|| about(b).build.cmp(&about(a).build)).then(a.release.cmp(&b.release))
}
