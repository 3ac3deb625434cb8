//! The files of two sides: the trees, and what the sites have outside them.

use std::collections::BTreeMap;

use crate::app::compare::Part;
use crate::app::compare::Request;
use crate::app::compare_side::Side;
use crate::app::desk::Listener;
use crate::app::failure::Failure;
use crate::base::digest::Algorithms;
use crate::base::event::Watch;
use crate::base::exit::Exit;
use crate::base::path::TreePath;
use crate::base::pattern::Patterns;
use crate::compare::content::Elsewhere;
use crate::compare::diffs;
use crate::compare::diffs::Diff;
use crate::compare::diffs::Wanted;
use crate::compare::files;
use crate::compare::files::Files;
use crate::compare::files::View;
use crate::compare::listing::Listing;
use crate::compare::lists;
use crate::compare::renamed;
use crate::integrity::list::HashList;
use crate::integrity::pair;
use crate::integrity::pair::Marks;
use crate::integrity::pair::Pairs;
use crate::integrity::scan::ScanError;
use crate::site::outside;
use crate::site::outside::Outside;
use crate::site::profile;
use crate::site::profile::Profile;
use crate::sys::beneath::Root;
use crate::sys::user::Names;

pub(super) struct Found {
    pub files: Files,
    pub diffs: Vec<Diff>,
}

/// `None` where one of them is a database.
pub(super) fn compared(
    sides: &[Side; 2],
    request: &Request,
    notes: &mut Vec<String>,
    listener: Listener,
) -> Result<Option<Found>, Failure> {
    if let Some(side) = sides.iter().find(|side| !side.has_files()) {
        let message = format!("{} is a database: there are no files to compare", side.shown());
        return match request.part {
            Part::Files => Err(Failure::new(Exit::Usage, message)),
            _ => Ok(None),
        };
    }
    let skip = sides[0].volatile().and(&sides[1].volatile());
    notes.extend((!skip.is_empty()).then(|| format!("left out of the files: {}", listed(&skip))));
    let watch = &mut |step, event| listener(None, step, event);
    let both_live = sides.iter().all(|side| side.live().is_some());
    let marks = marks(request, both_live, notes);
    let (mut pairs, is_listed) = pairs(sides, &skip, marks, notes, watch)?;
    let outside = Together::of(sides, notes)?;
    outside.read_into(&mut pairs, &pair::Options { skip: &skip, marks }, watch)?;
    let contents = [sides[0].contents(outside.of_a()?)?, sides[1].contents(outside.of_b()?)?];
    let [a, b] = &contents;
    let names = if marks.owners { Names::known() } else { Names::default() };
    let mut files = files::judge(
        &pairs,
        &View { marks, folders_count: both_live, sizes_count: !is_listed, names: &names },
    );
    notes.extend(renamed::find(&mut files, &pairs.different, [a, b]).map(str::to_owned));
    notes.extend(idle_paths(&request.diff, &pairs));
    let (diffs, said) = diffs::diffs(&request.diff, &files, &pairs.different, [a, b], &withheld(sides)?);
    notes.extend(said);
    Ok(Some(Found { files, diffs }))
}

fn marks(request: &Request, both_live: bool, notes: &mut Vec<String>) -> Marks {
    if !both_live && (request.owners || request.times) {
        notes.push("owners and times are compared between folders only".into());
    }
    match both_live {
        true => Marks { permissions: true, owners: request.owners, times: request.times },
        false => Marks::default(),
    }
}

/// Two folders are read together; else each is listed with its digests. Whether
/// one of them is a list.
fn pairs(
    sides: &[Side; 2],
    skip: &Patterns,
    marks: Marks,
    notes: &mut Vec<String>,
    watch: Watch,
) -> Result<(Pairs, bool), Failure> {
    if let [Some(a), Some(b)] = [sides[0].live(), sides[1].live()] {
        let options = pair::Options { skip, marks };
        return Ok((pair::read(&Root::open(a)?, &Root::open(b)?, &options, watch)?, false));
    }
    let (a, b) = listings(sides, skip, watch)?;
    if a.list.is_none() && b.list.is_none() {
        return Ok((Listing::pairs(&a, &b, marks), false));
    }
    for (side, listing) in sides.iter().zip([&a, &b]) {
        notes.extend(listing.list.iter().flat_map(|list| lists::notes(list, &side.shown())));
    }
    Ok((lists::pairs((&a, sides[0].source()?), (&b, sides[1].source()?), skip)?, true))
}

/// A folder is read last, with the digests that a list on the other side has.
fn listings(sides: &[Side; 2], skip: &Patterns, watch: Watch) -> Result<(Listing, Listing), Failure> {
    let sha256 = Algorithms::Sha256;
    let wanted = |other: &Listing| other.list.as_ref().map_or(sha256, HashList::algorithms);
    let [a, b] = sides;
    if a.live().is_some() {
        let b = b.listing(skip, sha256, watch)?;
        return Ok((a.listing(skip, wanted(&b), watch)?, b));
    }
    let a = a.listing(skip, sha256, watch)?;
    let b = b.listing(skip, wanted(&a), watch)?;
    Ok((a, b))
}

/// Paths behind `--diff` that nothing of the outcome stands at or below.
fn idle_paths(wanted: &Wanted, pairs: &Pairs) -> Vec<String> {
    let Wanted::These(these) = wanted else { return Vec::new() };
    let is_idle = |path: &&TreePath| {
        let below = [path.as_bytes(), b"/"].concat();
        let mut rest = pairs.different.range((*path).clone()..);
        !path.as_bytes().is_empty()
            && !pairs.different.contains_key(*path)
            && !rest.any(|(other, _)| other.as_bytes().starts_with(&below))
    };
    these
        .iter()
        .filter(is_idle)
        .map(|path| format!("{path} does not differ, or is on neither side"))
        .collect()
}

/// The owners' own files, whose lines are shown to those only who name them.
/// Where nobody knows the application, it may be any.
fn withheld(sides: &[Side; 2]) -> Result<Patterns, Failure> {
    let kept: Vec<(bool, Patterns)> = sides.iter().filter_map(Side::keep).collect();
    let mut all = kept.iter().fold(Patterns::default(), |all, (_, keep)| all.and(keep));
    if !kept.iter().any(|(is_known, _)| *is_known) {
        for name in profile::NAMES {
            all = all.and(&Profile::named(name)?.keep);
        }
    }
    Ok(all)
}

fn listed(patterns: &Patterns) -> String {
    let mut words = patterns.words().to_vec();
    words.sort();
    words.dedup();
    words.join(", ")
}

/// What two sites have outside their folders, in pairs.
struct Together(Vec<(Outside, Outside)>);

impl Together {
    fn of(sides: &[Side; 2], notes: &mut Vec<String>) -> Result<Together, Failure> {
        let named = |side: &Side| match side {
            Side::Site(site) => outside::of(site).map(Some),
            _ => Ok(None),
        };
        let (a, b) = (named(&sides[0])?, named(&sides[1])?);
        let (Some(a), Some(b)) = (&a, &b) else {
            if a.or(b).is_some_and(|named| !named.is_empty()) {
                notes.push("files outside the site are compared between two known sites only".into());
            }
            return Ok(Together(Vec::new()));
        };
        let (pairs, alone) = paired(a.clone(), b.clone());
        for (a, b) in pairs.iter().filter(|(a, b)| a.path() != b.path()) {
            notes.push(format!("{} is {} in B", a.shown_as(), b.shown_as()));
        }
        for (side, outside) in alone {
            notes.push(format!("{} is not compared: only {side} names it", outside.shown_as()));
        }
        Ok(Together(pairs))
    }

    fn read_into(&self, pairs: &mut Pairs, options: &pair::Options, watch: Watch) -> Result<(), Failure> {
        for (a, b) in &self.0 {
            let (of_a, of_b) = (a.spot()?, b.spot()?);
            let spots = [&of_a, &of_b].map(|spot| spot.as_ref().map(|(folder, name)| (folder, *name)));
            let found = pair::read_entries(spots[0], spots[1], &a.shown_as(), options, watch)
                .map_err(|error: ScanError| Failure::from(error))?;
            pairs.checked += found.checked;
            pairs.bytes += found.bytes;
            join(&mut pairs.different, found.different)?;
        }
        Ok(())
    }

    fn of_a(&self) -> Result<Vec<Elsewhere>, Failure> {
        self.0.iter().filter_map(|(a, _)| elsewhere(a, a).transpose()).collect()
    }

    fn of_b(&self) -> Result<Vec<Elsewhere>, Failure> {
        self.0.iter().filter_map(|(a, b)| elsewhere(a, b).transpose()).collect()
    }
}

/// Where `real` stands, under the name that `shown` has in the outcome.
fn elsewhere(shown: &Outside, real: &Outside) -> Result<Option<Elsewhere>, Failure> {
    let spot = real.spot()?;
    Ok(spot.map(|(folder, name)| Elsewhere { at: shown.shown_as(), folder, name: name.to_owned() }))
}

/// A file of the site could bear the name of one outside, and hide it.
fn join<V>(all: &mut BTreeMap<TreePath, V>, more: BTreeMap<TreePath, V>) -> Result<(), Failure> {
    for (path, pair) in more {
        if all.contains_key(&path) {
            let message = format!("a file of the site has the name of one outside: {path}");
            return Err(Failure::new(Exit::Refused, message).hint("rename that file or folder of the site"));
        }
        all.insert(path, pair);
    }
    Ok(())
}

type Paired = (Vec<(Outside, Outside)>, Vec<(&'static str, Outside)>);

/// Those that are written alike, then those with one last name, then by their
/// place; and those that have no counterpart.
fn paired(mut a: Vec<Outside>, mut b: Vec<Outside>) -> Paired {
    let mut pairs = Vec::new();
    let alike: [fn(&Outside, &Outside) -> bool; 2] = [
        |a, b| a.written().trim_end_matches('/') == b.written().trim_end_matches('/'),
        |a, b| a.path().file_name() == b.path().file_name(),
    ];
    for alike in alike {
        let mut rest = Vec::new();
        for one in a {
            match b.iter().position(|other| alike(&one, other)) {
                Some(at) => pairs.push((one, b.remove(at))),
                None => rest.push(one),
            }
        }
        a = rest;
    }
    let by_place = a.len().min(b.len());
    pairs.extend(a.drain(..by_place).zip(b.drain(..by_place)));
    let alone_a = a.into_iter().map(|one| ("A", one));
    (pairs, alone_a.chain(b.into_iter().map(|one| ("B", one))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outside_paths_pair_by_words_then_names_then_places() {
        let outside = |written: &[&str], root: &str| -> Vec<Outside> {
            written.iter().map(|written| Outside::at(written, format!("{root}/{written}").into())).collect()
        };
        let a = outside(&["lib", "x/data", "cron-test", "more"], "/test");
        let b = outside(&["cron-live", "y/data", "lib/"], "/live");
        let (pairs, alone) = paired(a, b);
        let pairs: Vec<_> = pairs.iter().map(|(a, b)| (a.written(), b.written())).collect();
        assert_eq!(pairs, [("lib", "lib/"), ("x/data", "y/data"), ("cron-test", "cron-live")]);
        let alone: Vec<_> = alone.iter().map(|(side, one)| (*side, one.written())).collect();
        assert_eq!(alone, [("A", "more")]);
    }

    #[test]
    fn a_file_that_bears_the_name_of_one_outside_is_no_hiding_place() {
        let path = TreePath::from_bytes(b"outside:/srv/lib/x");
        let mut all = BTreeMap::from([(path.clone(), 1)]);
        assert!(join(&mut all, BTreeMap::from([(path, 2)])).is_err());
    }
}
