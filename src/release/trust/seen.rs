//! What verified metadata say, for those who asked.

use jiff::SignedDuration;
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use tough::Repository;
use tough::schema::Root;
use tough::schema::Signed;
use tough::schema::Snapshot;
use tough::schema::Target;
use tough::schema::Targets;
use tough::schema::Timestamp as TufTimestamp;

use crate::base::digest::Sha256;
use crate::release::trust::TargetInfo;
use crate::release::trust::Verified;
use crate::release::trust::error::TrustError;
use crate::release::trust::role::Role;
use crate::release::trust::store::Pinned;
use crate::sys::clock;
use crate::sys::fs;

/// Publishers who let their signatures come so near to their end are told of.
const SOON: SignedDuration = SignedDuration::from_hours(14 * 24);

/// What was believed last, without asking anybody. It may have expired: its
/// warnings tell. None before the first refresh, and after keys were changed.
pub fn last_seen(pinned: &Pinned) -> Result<Option<Verified>, TrustError> {
    let Some(root) = kept_document::<Root>(pinned, Role::Root)? else { return Ok(None) };
    let root = root.signed;
    let (Some(targets), Some(snapshot), Some(timestamp)) = (
        kept_document::<Targets>(pinned, Role::Targets)?
            .filter(|document| root.verify_role(document).is_ok()),
        kept_document::<Snapshot>(pinned, Role::Snapshot)?
            .filter(|document| root.verify_role(document).is_ok()),
        kept_document::<TufTimestamp>(pinned, Role::Timestamp)?
            .filter(|document| root.verify_role(document).is_ok()),
    ) else {
        return Ok(None);
    };
    let ends = [
        (Role::Root, root.expires),
        (Role::Targets, targets.signed.expires),
        (Role::Snapshot, snapshot.signed.expires),
        (Role::Timestamp, timestamp.signed.expires),
    ];
    Ok(Some(seen(&root, &targets.signed, &ends)))
}

fn kept_document<T: DeserializeOwned>(pinned: &Pinned, role: Role) -> Result<Option<Signed<T>>, TrustError> {
    let name = format!("{role}.json");
    let Some(bytes) = fs::read_if_present(&pinned.folder().join(&name))? else { return Ok(None) };
    serde_json::from_slice(&bytes).map(Some).map_err(|source| TrustError::Malformed {
        url: pinned.url().to_owned(),
        name: format!("the copy of {name}"),
        source: source.into(),
    })
}

pub(super) fn verified(repository: &Repository) -> Verified {
    let ends = [
        (Role::Root, repository.root().signed.expires),
        (Role::Targets, repository.targets().signed.expires),
        (Role::Snapshot, repository.snapshot().signed.expires),
        (Role::Timestamp, repository.timestamp().signed.expires),
    ];
    seen(&repository.root().signed, &repository.targets().signed, &ends)
}

fn seen(root: &Root, targets: &Targets, ends: &[(Role, Timestamp)]) -> Verified {
    let now = clock::now();
    let targets = targets.targets.iter();
    Verified {
        targets: targets.filter_map(|(name, target)| Some((name.raw().to_owned(), info(target)?))).collect(),
        expires: ends.iter().map(|(_, end)| *end).min().unwrap_or(Timestamp::MIN),
        warnings: ends.iter().filter_map(|(role, end)| warning(*role, *end, now)).collect(),
        consistent: root.consistent_snapshot,
        root_version: root.version.get(),
    }
}

fn warning(role: Role, end: Timestamp, now: Timestamp) -> Option<String> {
    if end <= now {
        return Some(format!("the {role} metadata have expired on {end}: what is newest is not known"));
    }
    let is_soon = end.duration_since(now) < SOON && matches!(role, Role::Root | Role::Targets);
    is_soon.then(|| format!("the {role} metadata expire on {end}, and nobody has signed anew yet"))
}

pub(super) fn info(target: &Target) -> Option<TargetInfo> {
    let sha256 = Sha256::from_bytes(target.hashes.sha256.as_ref().try_into().ok()?);
    Some(TargetInfo { length: target.length, sha256, custom: target.custom.get("entracte").cloned() })
}
