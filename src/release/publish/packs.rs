//! Packs that lead to a release from the ones before it.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use crate::base::event::Event;
use crate::base::event::Watch;
use crate::integrity::manifest::Manifest;
use crate::integrity::manifest::version;
use crate::release::publish::error::PublishError;
use crate::release::publish::folder::Reference;
use crate::release::publish::folder::Workshop;
use crate::release::reference::Kind;
use crate::release::reference::custom::PackTarget;
use crate::release::reference::listing::Listed;
use crate::release::reference::names;
use crate::release::reference::pack;
use crate::release::reference::pack::Groups;
use crate::release::trust::TargetInfo;
use crate::sys::fs;

/// The releases from which a pack is worth making: the last ones before it.
pub(super) fn olds<'t>(releases: &[Listed<'t>], new: &Manifest, most: usize) -> Vec<Listed<'t>> {
    let is_before = |release: &&Listed| {
        release.about.product == new.product
            && version::compare(&release.about.version, &new.version) == Ordering::Less
    };
    // They stand in the order of their versions.
    releases.iter().rev().filter(is_before).take(most).cloned().collect()
}

/// The packs; one that is no smaller than `worth`, what else would be fetched, is left out.
pub(super) fn make(
    reference: &Reference,
    workshop: &Workshop,
    olds: &[Listed],
    new: &Manifest,
    worth: u64,
    watch: Watch,
) -> Result<BTreeMap<String, TargetInfo>, PublishError> {
    let mut packs = BTreeMap::new();
    for (done, old) in (0..).zip(olds) {
        let what = format!("packing what differs from {}", old.about.version);
        let total = olds.len() as u64;
        watch(None, Event::Progress { what, done, total, bytes: 0, total_bytes: 0 });
        // Most sites come from the release before.
        let level = if done == 0 { pack::BEST } else { Groups::default().level };
        let groups = Groups { level, ..Groups::default() };
        if let Some((name, target)) = one(reference, workshop, old, new, groups, worth)? {
            packs.insert(name, target);
        }
    }
    Ok(packs)
}

fn one(
    reference: &Reference,
    workshop: &Workshop,
    old: &Listed,
    new: &Manifest,
    groups: Groups,
    worth: u64,
) -> Result<Option<(String, TargetInfo)>, PublishError> {
    let old_manifest = reference.manifest(old)?;
    let (from, to) = (old.about.digest, new.digest());
    let content = |entry: &_| reference.content(entry);
    let mut spool = workshop.spool()?;
    let (finished, made) = workshop.finished("pack", |out| {
        let sides = ((&old_manifest, &content as pack::Open), (new, &content as pack::Open));
        Ok(pack::make(sides.0, sides.1, groups, &mut spool, out)?)
    })?;
    if finished.length >= worth {
        fs::remove_file(&finished.path)?;
        return Ok(None);
    }
    let name = names::pack_name(&new.product, (&old.about.version, &from), (&new.version, &to));
    let pack::Made { content_bytes, largest_group } = made;
    let about = PackTarget { from, to, content_bytes, largest_group };
    reference.put_target(name, finished, &Kind::Pack(about)).map(Some)
}
