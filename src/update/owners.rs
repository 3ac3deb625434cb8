//! What entracte itself, or a program that it had run, did to the owner's own
//! files raises no alarm: what stands there afterwards is expected from then on.
//! A change that somebody else made before is not made good by it.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use crate::base::path::SitePath;
use crate::base::path::TreePath;
use crate::base::pattern::Patterns;
use crate::base::tree::Tree;
use crate::site::Site;
use crate::site::gate::Gate;
use crate::site::gate::Kind;
use crate::site::installed::Current;
use crate::site::installed::Found;
use crate::site::installed::Installed;
use crate::site::installed::Owners;
use crate::update::error::StepError;
use crate::update::plan::Thing;
use crate::update::plan::What;
use crate::update::saved::Saved;
use crate::update::snapshot::Snapshot;
use crate::update::work::Work;
use crate::update::work::scan_site;

type Files = BTreeMap<SitePath, Found>;

/// After a run: what its programs and the application's lock made of them.
pub fn settle(work: &Work) -> Result<(), StepError> {
    let lock = work.site.profile.lock_changes();
    let programs = work.run.plan.sealed.changed_by_programs().and(&lock);
    if programs.is_empty() {
        return Ok(());
    }
    let snapshot = Snapshot::load(&work.run.folder.before())?;
    let known = snapshot.iter().filter_map(|(path, thing)| Some((path.to_site_path().ok()?, found(thing)?)));
    let mut before: Files = known.collect();
    // The snapshot is of the locked site.
    if let Some(saved) = Saved::load(&work.run.folder.saved_lock())? {
        before.retain(|path, _| !lock.matches(path.as_str()));
        before.extend(saved.things().filter_map(|(path, thing)| Some((path.clone(), found(thing)?))));
    }
    record(work.site, &before, &work.scan(&mut |_, _| {})?, &programs)
}

fn found(thing: &Thing) -> Option<Found> {
    match &thing.what {
        What::File { sha256, .. } => Some(Found::File { sha256: *sha256, mode: thing.mode }),
        What::Link { target } => Some(Found::Link { target: target.clone() }),
        What::Other => Some(Found::Special),
        What::Folder => None,
    }
}

/// The owner's files before the gate does something to them.
pub struct Witness {
    before: Files,
    programs: Patterns,
}

impl Witness {
    pub fn take(site: &Site, gate: &Gate) -> Result<Witness, StepError> {
        let lock = site.profile.lock_changes();
        let programs = match gate.kind() {
            // Its guard has a line in the owner's file.
            Kind::Prepend => lock.and(&Patterns::new([".user.ini"]).unwrap_or_default()),
            _ => lock,
        };
        let tree = match programs.is_empty() {
            true => Tree::new(),
            false => scan_site(site, gate, &mut |_, _| {})?,
        };
        Ok(Witness { before: files(&tree), programs })
    }

    pub fn settle(self, site: &Site, gate: &Gate) -> Result<(), StepError> {
        if self.programs.is_empty() {
            return Ok(());
        }
        record(site, &self.before, &scan_site(site, gate, &mut |_, _| {})?, &self.programs)
    }
}

fn files(tree: &Tree) -> Files {
    let file = |(path, node): (&TreePath, _)| Some((path.to_site_path().ok()?, Found::of(Some(node))?));
    tree.iter().filter_map(file).collect()
}

fn record(site: &Site, before: &Files, now: &Tree, programs: &Patterns) -> Result<(), StepError> {
    let folder = site.state.installed();
    let installed = Installed(&folder);
    let Some(mut current) = installed.current()? else { return Ok(()) };
    let owners = settled(&current, before, &files(now), programs);
    if owners == current.owners {
        return Ok(());
    }
    current.owners = owners;
    Ok(installed.save_current(&current)?)
}

fn settled(current: &Current, before: &Files, now: &Files, programs: &Patterns) -> Option<Owners> {
    let mut owners = current.owners.clone()?;
    let paths: BTreeSet<&SitePath> = before.keys().chain(now.keys()).collect();
    for path in paths.into_iter().filter(|path| programs.matches(path.as_str())) {
        let (was, is) = (before.get(path), now.get(path));
        let Some(known) = owners.expected(path).filter(|_| was != is) else { continue };
        let accepted = current.accepted.get(path).map(|accepted| &accepted.what);
        if [known, accepted].into_iter().any(|expected| is_same(expected, was)) {
            owners.expect(path.clone(), is.cloned());
        }
    }
    Some(owners)
}

fn is_same(expected: Option<&Found>, was: Option<&Found>) -> bool {
    match (expected, was) {
        (Some(Found::File { sha256, .. }), Some(Found::File { sha256: was, .. })) => sha256 == was,
        (Some(Found::Nothing) | None, None) => true,
        (expected, was) => expected == was,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::digest::Sha256;
    use crate::site::installed::Accepted;
    use crate::site::installed::Baseline;
    use crate::site::installed::FORMAT;
    use jiff::Timestamp;

    fn all(texts: &[(&str, &str)]) -> Files {
        let file = |text: &str| Found::File { sha256: Sha256::of(text.as_bytes()), mode: 0o640 };
        texts.iter().map(|(path, text)| (SitePath::parse(path).unwrap(), file(text))).collect()
    }

    #[test]
    fn only_what_was_as_expected_before_is_expected_afterwards() {
        let patterns = Patterns::new(["config"]).unwrap();
        let known = all(&[("config/a", "1"), ("config/b", "1"), ("config/c", "1"), ("config/gone", "1")]);
        let accepted = all(&[("config/c", "accepted")]);
        let accepted = accepted.into_iter().map(|(path, what)| {
            (path, Accepted { what, note: "n".into(), by: "b".into(), at: Timestamp::UNIX_EPOCH })
        });
        let current = Current {
            format: FORMAT,
            version: "1".into(),
            manifest: Sha256::of(b""),
            baseline: Baseline::Release,
            deviations: BTreeMap::new(),
            accepted: accepted.collect(),
            owners: Some(Owners { patterns: patterns.clone(), files: known }),
            since: Timestamp::UNIX_EPOCH,
            run: None,
        };
        let before = all(&[
            ("config/a", "1"),
            ("config/b", "an attacker's"),
            ("config/c", "accepted"),
            ("config/gone", "1"),
            ("other", "1"),
        ]);
        let now = all(&[
            ("config/a", "2"),
            ("config/b", "an attacker's, 2"),
            ("config/c", "2"),
            ("config/new", "2"),
            ("other", "2"),
        ]);
        let found = settled(&current, &before, &now, &patterns).unwrap().files;
        assert_eq!(
            found,
            all(&[("config/a", "2"), ("config/b", "1"), ("config/c", "2"), ("config/new", "2")])
        );
        let nowhere = Patterns::new(["elsewhere"]).unwrap();
        assert_eq!(
            settled(&current, &before, &now, &nowhere),
            current.owners,
            "what no program said it would change"
        );
        let unknown = Current { owners: None, ..current };
        assert_eq!(settled(&unknown, &before, &now, &patterns), None);
    }
}
