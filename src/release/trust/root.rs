//! Roots: which keys count. A new one is signed by the keys of the old one and
//! by its own; until enough have signed it waits in `publisher/`.

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::num::NonZeroU64;
use std::path::Path;
use std::path::PathBuf;

use tough::schema::RoleKeys;
use tough::schema::Root;
use tough::schema::Signed as Document;

use crate::release::trust::error::TrustError;
use crate::release::trust::keyring::Keyring;
use crate::release::trust::reference::Reference;
use crate::release::trust::reference::ReferenceError;
use crate::release::trust::reference::lifetimes;
use crate::release::trust::reference::set_lifetimes;
use crate::release::trust::role::Lifetimes;
use crate::release::trust::role::Role;
use crate::release::trust::sign::Current;
use crate::release::trust::sign::Round;
use crate::release::trust::sign::SPEC;
use crate::release::trust::sign::after;
use crate::release::trust::sign::believed_targets;
use crate::release::trust::sign::countersigned;
use crate::release::trust::sign::demand;
use crate::release::trust::sign::key_ids;
use crate::release::trust::sign::signed;
use crate::sys::clock;
use crate::sys::fs;

/// The shortest beginning of an id that names a key.
const SHORTEST_ID: usize = 8;

/// What a new root does otherwise than the old one, besides taking in all keys
/// of the keyring.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// Beginnings of the ids of keys that no longer count.
    pub remove: Vec<String>,
    pub thresholds: BTreeMap<Role, u64>,
    /// How many days signatures hold.
    pub days: BTreeMap<Role, u32>,
    /// Sign the root that waits for signatures, as it is.
    pub accept: bool,
}

/// A new root.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Rotated {
    pub version: u64,
    /// `published`, `waiting` (for more signatures), or `asked` (it waits, and was not signed now).
    pub state: &'static str,
    /// Ids of keys that came or went, with the roles.
    pub added: Vec<String>,
    pub removed: Vec<String>,
    /// What is still missing, for people.
    pub missing: Vec<String>,
    /// Where it waits.
    pub draft: Option<PathBuf>,
}

/// The first root of a new reference, by all keys of the keyring.
pub fn create(reference: &Path, keyring: &Keyring) -> Result<(), TrustError> {
    let place = Reference::at(reference);
    if !place.versions(Role::Root)?.is_empty() {
        return Err(ReferenceError::Exists { path: place.shown() }.into());
    }
    let mut root = empty_root();
    take_in(&mut root, keyring, &[]);
    for role in Role::ALL {
        if key_ids(&root, role).is_empty() {
            return Err(ReferenceError::NoKey { role }.into());
        }
    }
    let own = root.clone();
    let root = signed(keyring, &[&own], Role::Root, root)?;
    place.write("1.root.json", &root)?;
    Ok(())
}

fn empty_root() -> Root {
    let lives = Lifetimes::default();
    let none = || RoleKeys { keyids: Vec::new(), threshold: NonZeroU64::MIN, _extra: HashMap::new() };
    let mut root = Root {
        spec_version: SPEC.into(),
        consistent_snapshot: true,
        version: NonZeroU64::MIN,
        expires: lives.end(Role::Root, clock::now()),
        keys: HashMap::new(),
        roles: Role::ALL.into_iter().map(|role| (role.kind(), none())).collect(),
        _extra: HashMap::new(),
    };
    set_lifetimes(&mut root, &lives);
    root
}

/// Gives each role the keys of the ring that are for it, but for these.
fn take_in(root: &mut Root, keyring: &Keyring, but: &[String]) {
    for held in keyring.held().iter().filter(|held| !but.contains(&held.id)) {
        for role in Role::ALL.into_iter().filter(|role| held.one.serves(*role)) {
            let Some(keys) = root.roles.get_mut(&role.kind()) else { continue };
            let Ok(id) = held.key.key_id() else { continue };
            if !keys.keyids.contains(&id) {
                keys.keyids.push(id.clone());
            }
            root.keys.insert(id, held.key.clone());
        }
    }
}

/// The next root: all keys of the ring, without those that are removed. It is
/// published once the old root and itself believe it.
pub fn rotate(reference: &Path, keyring: &Keyring, change: &Change) -> Result<Rotated, TrustError> {
    let place = Reference::at(reference);
    let old = place.root()?;
    let version = after(old.signed.version.get(), Role::Root)?.get();
    let waiting = place.read::<Root>(&place.draft(version))?;
    let is_plain = *change == Change { accept: change.accept, ..Change::default() };
    let new = match waiting {
        Some(waiting) if is_plain && !change.accept => {
            return Ok(told(&place, &old.signed, &waiting, keyring, "asked"));
        }
        Some(waiting) if is_plain => waiting,
        _ => Document { signed: next_root(&old.signed, keyring, change)?, signatures: Vec::new() },
    };
    let own = new.signed.clone();
    let new = countersigned(keyring, &[&old.signed, &own], Role::Root, new)?;
    let mut rotated = told(&place, &old.signed, &new, keyring, "published");
    if rotated.missing.is_empty() {
        publish(&place, keyring, &old.signed, &new)?;
        rotated.draft = None;
    } else {
        rotated.state = "waiting";
        rotated.draft = Some(place.write_draft(&new)?);
    }
    Ok(rotated)
}

fn next_root(old: &Root, keyring: &Keyring, change: &Change) -> Result<Root, ReferenceError> {
    let mut root = old.clone();
    root.version = after(old.version.get(), Role::Root)?;
    let gone = removed_ids(old, keyring, &change.remove)?;
    for keys in root.roles.values_mut() {
        keys.keyids.retain(|id| !gone.contains(&hex::encode(&**id)));
    }
    take_in(&mut root, keyring, &gone);
    let named: Vec<_> = root.roles.values().flat_map(|keys| keys.keyids.clone()).collect();
    root.keys.retain(|id, _| named.contains(id));
    let mut lives = lifetimes(old);
    for (role, days) in &change.days {
        lives.set(*role, *days);
    }
    set_lifetimes(&mut root, &lives);
    root.expires = lives.end(Role::Root, clock::now());
    for role in Role::ALL {
        let Some(keys) = root.roles.get_mut(&role.kind()) else { continue };
        if let Some(threshold) = change.thresholds.get(&role) {
            keys.threshold = NonZeroU64::new(*threshold).unwrap_or(NonZeroU64::MIN);
        }
        let (have, need) = (keys.keyids.len(), keys.threshold.get());
        if (have as u64) < need {
            return Err(ReferenceError::Threshold { role, have, need });
        }
    }
    Ok(root)
}

/// The whole ids of what was named by its beginning.
fn removed_ids(old: &Root, keyring: &Keyring, named: &[String]) -> Result<Vec<String>, ReferenceError> {
    let mut known: Vec<String> = old.keys.keys().map(|id| hex::encode(&**id)).collect();
    known.extend(keyring.held().iter().map(|held| held.id.clone()));
    let mut gone = Vec::new();
    for beginning in named {
        let before = gone.len();
        if beginning.len() >= SHORTEST_ID {
            gone.extend(known.iter().filter(|id| id.starts_with(beginning.as_str())).cloned());
        }
        if gone.len() == before {
            let id = crate::base::escape::text(beginning).into_owned();
            return Err(ReferenceError::NoSuchKey { id });
        }
    }
    Ok(gone)
}

fn told(
    place: &Reference,
    old: &Root,
    new: &Document<Root>,
    keyring: &Keyring,
    state: &'static str,
) -> Rotated {
    let listed = |root: &Root| -> Vec<String> {
        let ids = |role| key_ids(root, role).into_iter().map(move |id| format!("{id} for {role}"));
        Role::ALL.into_iter().flat_map(ids).collect()
    };
    let (before, after) = (listed(old), listed(&new.signed));
    let missing =
        [("the old root", old), ("the new root", &new.signed)].into_iter().filter_map(|(whose, root)| {
            let error = demand(root, Role::Root, new, keyring).err()?;
            Some(format!("for {whose}: {error}"))
        });
    let version = new.signed.version.get();
    Rotated {
        version,
        state,
        missing: missing.collect(),
        added: after.iter().filter(|one| !before.contains(one)).cloned().collect(),
        removed: before.iter().filter(|one| !after.contains(one)).cloned().collect(),
        draft: (state == "asked").then(|| place.draft(version)),
    }
}

/// Publishes the root so that at no time a client finds what it cannot believe:
/// what is signed is first signed by old and new keys, where both are here.
fn publish(
    place: &Reference,
    keyring: &Keyring,
    old: &Root,
    new: &Document<Root>,
) -> Result<(), ReferenceError> {
    let name = format!("{}.root.json", new.signed.version);
    let targets = believed_targets(place, old)?;
    let is_believed = {
        let current = Current::read(place, &new.signed)?;
        current.targets.is_some() && current.snapshot.is_some() && current.timestamp.is_some()
    };
    match targets {
        Some(targets) if !is_believed => {
            let content = targets.signed.targets;
            let both = Round { place, keyring, roots: &[old, &new.signed] };
            let own = Round { place, keyring, roots: &[&new.signed] };
            match both.write(Some(content.clone()), true) {
                Ok(_) => place.write(&name, new).map(drop)?,
                Err(ReferenceError::TooFewKeys { .. }) => {
                    own.probe()?;
                    place.write(&name, new)?;
                    own.write(Some(content), true)?;
                }
                Err(error) => return Err(error),
            }
        }
        _ => place.write(&name, new).map(drop)?,
    }
    Ok(fs::remove_file_if_present(&place.draft(new.signed.version.get()))?)
}
