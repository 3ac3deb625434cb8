//! Signs what a reference holds: targets, snapshot, timestamp, each on the
//! disk before the next, so that a client never sees half a release.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::collections::HashMap;
use std::num::NonZeroU64;
use std::path::Path;

use jiff::Timestamp;
use tough::TargetName;
use tough::schema::Hashes;
use tough::schema::Metafile;
use tough::schema::Role as TufRole;
use tough::schema::Root;
use tough::schema::Signature;
use tough::schema::Signed as Document;
use tough::schema::Snapshot;
use tough::schema::Target;
use tough::schema::Targets;
use tough::schema::Timestamp as TufTimestamp;

use crate::base::digest::Sha256;
use crate::base::escape;
use crate::release::trust::TargetInfo;
use crate::release::trust::error::TrustError;
use crate::release::trust::keyring::Keyring;
use crate::release::trust::reference::Reference;
use crate::release::trust::reference::ReferenceError;
use crate::release::trust::reference::lifetimes;
use crate::release::trust::role::Role;
use crate::sys::clock;
use crate::sys::fs;

pub(super) const SPEC: &str = "1.0.31";

/// What was signed: versions, and when the signatures end.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Signed {
    pub root: u64,
    pub targets: u64,
    pub snapshot: u64,
    pub timestamp: u64,
    /// When the first of them ends.
    pub expires: Timestamp,
}

/// Signs that these are the reference's targets, and no others.
pub fn sign(
    reference: &Path,
    keyring: &Keyring,
    targets: &BTreeMap<String, TargetInfo>,
) -> Result<Signed, TrustError> {
    let place = Reference::at(reference);
    let root = place.root()?;
    let round = Round { place: &place, keyring, roots: &[&root.signed] };
    Ok(round.write(Some(described(targets)?), true)?)
}

/// What the reference signs now, believed by its own root.
pub fn signed_targets(reference: &Path) -> Result<BTreeMap<String, TargetInfo>, TrustError> {
    let place = Reference::at(reference);
    let root = place.root()?;
    let Some(targets) = believed_targets(&place, &root.signed)? else { return Ok(BTreeMap::new()) };
    let infos = targets.signed.targets.iter().filter_map(|(name, target)| {
        let sha256 = Sha256::from_bytes(target.hashes.sha256.as_ref().try_into().ok()?);
        let custom = target.custom.get("entracte").cloned();
        Some((name.raw().to_owned(), TargetInfo { length: target.length, sha256, custom }))
    });
    Ok(infos.collect())
}

/// Signs anew what comes near its end; None when nothing does. The root, whose
/// keys may be somewhere else, is not renewed.
pub fn renew(reference: &Path, keyring: &Keyring) -> Result<Option<Signed>, TrustError> {
    let place = Reference::at(reference);
    let root = place.root()?;
    let (now, lives) = (clock::now(), lifetimes(&root.signed));
    let is_due = |role: Role, end: Option<Timestamp>| {
        end.is_none_or(|end| end.duration_since(now) < lives.margin(role))
    };
    let current = Current::read(&place, &root.signed)?;
    let targets = is_due(Role::Targets, current.targets.as_ref().map(|it| it.signed.expires));
    let snapshot = targets || is_due(Role::Snapshot, current.snapshot.as_ref().map(|it| it.signed.expires));
    if !snapshot && !is_due(Role::Timestamp, current.timestamp.as_ref().map(|it| it.signed.expires)) {
        return Ok(None);
    }
    let content = match targets {
        true => Some(believed_targets(&place, &root.signed)?.map(|it| it.signed.targets).unwrap_or_default()),
        false => None,
    };
    let round = Round { place: &place, keyring, roots: &[&root.signed] };
    Ok(Some(round.write(content, snapshot)?))
}

/// The documents that stand behind the timestamp, as far as the root believes them.
pub(super) struct Current {
    pub timestamp: Option<Document<TufTimestamp>>,
    pub snapshot: Option<Document<Snapshot>>,
    pub targets: Option<Document<Targets>>,
}

impl Current {
    pub fn read(place: &Reference, root: &Root) -> Result<Current, ReferenceError> {
        let mut current = Current { timestamp: None, snapshot: None, targets: None };
        let timestamp = place.read::<TufTimestamp>(&place.path("timestamp.json"))?;
        current.timestamp = timestamp.filter(|it| root.verify_role(it).is_ok());
        let listed = current.timestamp.as_ref().and_then(|it| it.signed.meta.get("snapshot.json"));
        if let Some(listed) = listed {
            let name = format!("{}.snapshot.json", listed.version);
            let snapshot = place.read::<Snapshot>(&place.path(&name))?;
            current.snapshot = snapshot.filter(|it| root.verify_role(it).is_ok());
        }
        let listed = current.snapshot.as_ref().and_then(|it| it.signed.meta.get("targets.json"));
        if let Some(listed) = listed {
            let name = format!("{}.targets.json", listed.version);
            let targets = place.read::<Targets>(&place.path(&name))?;
            current.targets = targets.filter(|it| root.verify_role(it).is_ok());
        }
        Ok(current)
    }
}

/// The list of targets that stands behind the timestamp; after a rotation that
/// was cut off, the newest that the root believes. None where nothing was signed yet.
pub(super) fn believed_targets(
    place: &Reference,
    root: &Root,
) -> Result<Option<Document<Targets>>, ReferenceError> {
    if let Some(targets) = Current::read(place, root)?.targets {
        return Ok(Some(targets));
    }
    let versions = place.versions(Role::Targets)?;
    for version in versions.iter().rev() {
        let found = place.read::<Targets>(&place.path(&format!("{version}.targets.json")))?;
        if let Some(targets) = found.filter(|it| root.verify_role(it).is_ok()) {
            return Ok(Some(targets));
        }
    }
    // Before the first timestamp nobody believes what lies here.
    match fs::exists(&place.path("timestamp.json")) {
        true => Err(ReferenceError::Unbelieved { path: place.shown(), role: Role::Targets }),
        false => Ok(None),
    }
}

/// One round of signatures.
pub(super) struct Round<'a> {
    pub place: &'a Reference,
    pub keyring: &'a Keyring,
    /// All of these must believe it; the last one says how long it holds.
    pub roots: &'a [&'a Root],
}

impl Round<'_> {
    /// Signs `targets`, or keeps those that are signed; the snapshot too where
    /// that is due; and then the timestamp, with which all of it counts.
    pub fn write(
        &self,
        targets: Option<HashMap<TargetName, Target>>,
        snapshot: bool,
    ) -> Result<Signed, ReferenceError> {
        let root = self.roots.last().ok_or(ReferenceError::NoKey { role: Role::Root })?;
        let current = Current::read(self.place, root)?;
        let (targets, list) = match (targets, current.targets) {
            (None, Some(kept)) => {
                let path = self.place.path(&format!("{}.targets.json", kept.signed.version));
                (kept, fs::read(&path)?)
            }
            (content, _) => self.write_targets(content.unwrap_or_default())?,
        };
        let (snapshot, listed) = match current.snapshot.filter(|_| !snapshot) {
            Some(kept) => {
                let path = self.place.path(&format!("{}.snapshot.json", kept.signed.version));
                (kept, fs::read(&path)?)
            }
            None => self.write_snapshot(targets.signed.version, &list)?,
        };
        let timestamp = self.write_timestamp(snapshot.signed.version, &listed)?;
        let ends = [root.expires, targets.signed.expires, snapshot.signed.expires, timestamp.signed.expires];
        Ok(Signed {
            root: root.version.get(),
            targets: targets.signed.version.get(),
            snapshot: snapshot.signed.version.get(),
            timestamp: timestamp.signed.version.get(),
            expires: ends.into_iter().min().unwrap_or(root.expires),
        })
    }

    /// Whether the keys that are at hand suffice, without writing anything.
    pub fn probe(&self) -> Result<(), ReferenceError> {
        let (version, now) = (NonZeroU64::MIN, clock::now());
        signed(self.keyring, self.roots, Role::Targets, Targets::new(SPEC.into(), version, now))?;
        signed(self.keyring, self.roots, Role::Snapshot, Snapshot::new(SPEC.into(), version, now))?;
        signed(self.keyring, self.roots, Role::Timestamp, TufTimestamp::new(SPEC.into(), version, now))?;
        Ok(())
    }

    fn write_targets(
        &self,
        content: HashMap<TargetName, Target>,
    ) -> Result<(Document<Targets>, Vec<u8>), ReferenceError> {
        let (version, end) = (self.next(Role::Targets)?, self.end(Role::Targets));
        let mut targets = Targets::new(SPEC.into(), version, end);
        targets.delegations = None;
        targets.targets = content;
        self.write_one(Role::Targets, &format!("{version}.targets.json"), targets)
    }

    fn write_snapshot(
        &self,
        targets: NonZeroU64,
        list: &[u8],
    ) -> Result<(Document<Snapshot>, Vec<u8>), ReferenceError> {
        let (version, end) = (self.next(Role::Snapshot)?, self.end(Role::Snapshot));
        let mut snapshot = Snapshot::new(SPEC.into(), version, end);
        snapshot.meta.insert("targets.json".into(), listing(targets, list));
        self.write_one(Role::Snapshot, &format!("{version}.snapshot.json"), snapshot)
    }

    fn write_timestamp(
        &self,
        snapshot: NonZeroU64,
        listed: &[u8],
    ) -> Result<Document<TufTimestamp>, ReferenceError> {
        // Its version counts on whoever signed it.
        let before = self.place.read::<TufTimestamp>(&self.place.path("timestamp.json"))?;
        let version = after(before.map_or(0, |it| it.signed.version.get()), Role::Timestamp)?;
        let mut timestamp = TufTimestamp::new(SPEC.into(), version, self.end(Role::Timestamp));
        timestamp.meta.insert("snapshot.json".into(), listing(snapshot, listed));
        Ok(self.write_one(Role::Timestamp, "timestamp.json", timestamp)?.0)
    }

    fn write_one<T: TufRole + Clone>(
        &self,
        role: Role,
        name: &str,
        document: T,
    ) -> Result<(Document<T>, Vec<u8>), ReferenceError> {
        let signed = signed(self.keyring, self.roots, role, document)?;
        let bytes = self.place.write(name, &signed)?;
        Ok((signed, bytes))
    }

    /// Above all that ever lay here: what a client may have seen keeps its meaning.
    fn next(&self, role: Role) -> Result<NonZeroU64, ReferenceError> {
        after(self.place.versions(role)?.pop().unwrap_or_default(), role)
    }

    fn end(&self, role: Role) -> Timestamp {
        let lives = self.roots.last().map(|root| lifetimes(root)).unwrap_or_default();
        lives.end(role, clock::now())
    }
}

pub(super) fn after(version: u64, role: Role) -> Result<NonZeroU64, ReferenceError> {
    let next = version.checked_add(1).and_then(NonZeroU64::new);
    next.ok_or(ReferenceError::LastVersion { role })
}

fn listing(version: NonZeroU64, bytes: &[u8]) -> Metafile {
    let hashes = Hashes { sha256: Sha256::of(bytes).as_bytes().to_vec().into(), _extra: HashMap::new() };
    Metafile { length: Some(bytes.len() as u64), hashes: Some(hashes), version, _extra: HashMap::new() }
}

fn described(targets: &BTreeMap<String, TargetInfo>) -> Result<HashMap<TargetName, Target>, ReferenceError> {
    let mut all = HashMap::new();
    for (name, info) in targets {
        let wrong = || ReferenceError::Name { name: escape::text(name).into_owned() };
        let name = TargetName::new(name.as_str()).map_err(|_| wrong())?;
        if name.raw().contains(['/', '\\']) || name.raw() != name.resolved() {
            return Err(wrong());
        }
        let hashes = Hashes { sha256: info.sha256.as_bytes().to_vec().into(), _extra: HashMap::new() };
        let custom = info.custom.iter().map(|custom| ("entracte".to_owned(), custom.clone())).collect();
        all.insert(name, Target { length: info.length, hashes, custom, _extra: HashMap::new() });
    }
    Ok(all)
}

/// The document with the signatures that all these roots demand.
pub(super) fn signed<T: TufRole + Clone>(
    keyring: &Keyring,
    roots: &[&Root],
    role: Role,
    document: T,
) -> Result<Document<T>, ReferenceError> {
    let document =
        countersigned(keyring, roots, role, Document { signed: document, signatures: Vec::new() })?;
    for root in roots {
        demand(root, role, &document, keyring)?;
    }
    Ok(document)
}

/// The document, with a signature by each key of these roots that is at hand.
pub(super) fn countersigned<T: TufRole>(
    keyring: &Keyring,
    roots: &[&Root],
    role: Role,
    mut document: Document<T>,
) -> Result<Document<T>, ReferenceError> {
    let failed = |source| ReferenceError::Document { source };
    let message = document.signed.canonical_form().map_err(|source| failed(Box::new(source)))?;
    let ids = roots.iter().flat_map(|root| key_ids(root, role)).collect::<BTreeSet<String>>();
    for id in ids {
        let Some(signature) = keyring.find(&id).and_then(|held| held.sign(&message)) else { continue };
        let keyid = hex::decode(&id).map_err(|source| failed(source.into()))?;
        document.signatures.retain(|one| one.keyid.as_ref() != keyid.as_slice());
        document.signatures.push(Signature { keyid: keyid.into(), sig: signature.into() });
    }
    Ok(document)
}

/// Whether the root believes the document, or how many signatures are missing.
pub(super) fn demand<T: TufRole + Clone>(
    root: &Root,
    role: Role,
    document: &Document<T>,
    keyring: &Keyring,
) -> Result<(), ReferenceError> {
    if root.verify_role(document).is_ok() {
        return Ok(());
    }
    let ids = key_ids(root, role);
    let is_valid = |id: &String| {
        let alone =
            document.signatures.iter().filter(|one| hex::encode(&*one.keyid) == *id).cloned().collect();
        let mut root = root.clone();
        let Some(keys) = root.roles.get_mut(&role.kind()) else { return false };
        keys.threshold = NonZeroU64::MIN;
        root.verify_role(&Document { signed: document.signed.clone(), signatures: alone }).is_ok()
    };
    let held = ids.iter().filter_map(|id| keyring.find(id)).filter(|held| held.is_locked());
    Err(ReferenceError::TooFewKeys {
        role,
        have: ids.iter().filter(|id| is_valid(id)).count() as u64,
        need: root.roles.get(&role.kind()).map_or(1, |keys| keys.threshold.get()),
        locked: held.map(|held| held.one.name.clone()).collect(),
    })
}

/// The ids of a role's keys, in the order of the root.
pub(super) fn key_ids(root: &Root, role: Role) -> Vec<String> {
    let keys = root.roles.get(&role.kind());
    keys.map(|keys| keys.keyids.iter().map(|id| hex::encode(&**id)).collect()).unwrap_or_default()
}
