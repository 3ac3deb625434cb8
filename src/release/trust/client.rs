//! Asks a reference what is new and believes what can be believed. What is
//! kept are the bytes as they were served.

use std::collections::BTreeMap;
use std::path::Path;

use jiff::SignedDuration;
use jiff::Timestamp;
use serde::Deserialize;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde::de::IgnoredAny;
use tough::ExpirationEnforcement;
use tough::Limits;
use tough::Repository;
use tough::TargetName;
use tough::error::Error as Verdict;
use tough::schema::Root;
use tough::schema::Signed;
use tough::schema::Snapshot;
use tough::schema::Target;
use tough::schema::Targets;
use tough::schema::Timestamp as TufTimestamp;

use crate::base::digest::Sha256;
use crate::base::escape;
use crate::base::json;
use crate::release::trust::Documents;
use crate::release::trust::TargetInfo;
use crate::release::trust::Verified;
use crate::release::trust::error::TrustError;
use crate::release::trust::error::Unreachable;
use crate::release::trust::role::Role;
use crate::release::trust::store::Pinned;
use crate::release::trust::tuf;
use crate::release::trust::tuf::Answer;
use crate::release::trust::tuf::Case;
use crate::release::trust::tuf::Refusal;
use crate::sys::clock;
use crate::sys::fs;

/// The largest root, timestamp and snapshot that are asked for.
const MOST_BYTES: u64 = 1 << 20;
/// The largest list of releases.
const MOST_TARGETS_BYTES: u64 = 32 << 20;
const MOST_NEW_ROOTS: u64 = 256;
/// A clock that is set right by so much has not been tampered with.
const CLOCK_STEP: SignedDuration = SignedDuration::from_hours(1);
/// Publishers who let their signatures come so near to their end are told of.
const SOON: SignedDuration = SignedDuration::from_hours(14 * 24);
const FORMAT: u32 = 1;

/// What is new, verified from the pinned root on; kept as the specification
/// says, each document when it is verified.
pub fn refresh(pinned: &Pinned, documents: Documents) -> Result<Verified, TrustError> {
    check(pinned, documents, ExpirationEnforcement::Safe, verified)
}

/// As [`refresh`], and then the one target of this name, wherever delegations lead.
pub fn find(
    pinned: &Pinned,
    documents: Documents,
    name: &str,
) -> Result<Option<(TargetInfo, Verified)>, TrustError> {
    let name = TargetName::new(name).map_err(|source| TrustError::Broken { source: source.into() })?;
    check(pinned, documents, ExpirationEnforcement::Safe, move |repository| {
        let target = repository.targets().signed.find_target(&name, false).ok()?;
        Some((info(target)?, verified(repository)))
    })
}

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

fn check<T: Send>(
    pinned: &Pinned,
    documents: Documents,
    expiry: ExpirationEnforcement,
    look: impl FnOnce(&Repository) -> T + Send,
) -> Result<T, TrustError> {
    let mut asked = Asked::new(pinned, documents);
    let judged = asked.judge(expiry, look);
    let kept = asked.keep();
    fs::remove_folder_all(&pinned.scratch())?;
    let looked = judged?;
    kept?;
    asked.remember_time()?;
    Ok(looked)
}

/// One conversation with a reference.
struct Asked<'a> {
    pinned: &'a Pinned,
    documents: Documents<'a>,
    /// What came, by name, as it came.
    served: BTreeMap<String, Vec<u8>>,
    missing: Option<String>,
    unreachable: Option<Unreachable>,
    malformed: Option<(String, serde_json::Error)>,
}

#[derive(Serialize, Deserialize)]
struct LastTime {
    format: u32,
    checked: Timestamp,
}

impl<'a> Asked<'a> {
    fn new(pinned: &'a Pinned, documents: Documents<'a>) -> Asked<'a> {
        Asked {
            pinned,
            documents,
            served: BTreeMap::new(),
            missing: None,
            unreachable: None,
            malformed: None,
        }
    }

    fn judge<T: Send>(
        &mut self,
        expiry: ExpirationEnforcement,
        look: impl FnOnce(&Repository) -> T + Send,
    ) -> Result<T, TrustError> {
        let root = fs::read(&self.pinned.root())?;
        let seen = self.prepare()?;
        let limits = Limits {
            max_root_size: MOST_BYTES,
            max_targets_size: MOST_TARGETS_BYTES,
            max_timestamp_size: MOST_BYTES,
            max_snapshot_size: MOST_BYTES,
            max_root_updates: MOST_NEW_ROOTS,
        };
        let case = Case { root: &root, seen: &seen, limits, expiry };
        tuf::judge(&case, look, &mut |name| self.answer(name)).map_err(|refusal| self.refused(refusal))
    }

    /// A folder of its own for tough, which writes other bytes than were served.
    fn prepare(&self) -> Result<std::path::PathBuf, TrustError> {
        let scratch = self.pinned.scratch();
        fs::remove_folder_all(&scratch)?;
        fs::create_folders(&scratch, 0o700)?;
        for role in [Role::Timestamp, Role::Snapshot] {
            let name = format!("{role}.json");
            if let Some(bytes) = fs::read_if_present(&self.pinned.folder().join(&name))? {
                fs::write_durable(&scratch.join(name), &bytes)?;
            }
        }
        let (last, now) = (self.last_time()?, clock::now());
        match last {
            Some(last) if last.saturating_add(-CLOCK_STEP).unwrap_or(last) > now => {
                let (url, record) = (self.pinned.url().to_owned(), fs::shown(&self.pinned.clock()));
                Err(TrustError::Clock { url, now, last, record })
            }
            _ => Ok(scratch),
        }
    }

    fn last_time(&self) -> Result<Option<Timestamp>, TrustError> {
        let Some(bytes) = fs::read_if_present(&self.pinned.clock())? else { return Ok(None) };
        let last = json::read_format::<LastTime>(&bytes, FORMAT);
        last.map(|last| Some(last.checked)).map_err(|source| TrustError::Broken { source: source.into() })
    }

    fn remember_time(&self) -> Result<(), TrustError> {
        let checked = self.last_time()?.unwrap_or(Timestamp::MIN).max(clock::now());
        let text = json::pretty(&LastTime { format: FORMAT, checked });
        let text = text.map_err(|source| TrustError::Broken { source: source.into() })?;
        Ok(fs::write_durable(&self.pinned.clock(), &text)?)
    }

    fn answer(&mut self, name: &str) -> Answer {
        if self.unreachable.is_some() || self.malformed.is_some() {
            return Answer::Failed;
        }
        if let Some(bytes) = self.kept(name) {
            self.served.insert(name.to_owned(), bytes.clone());
            return Answer::Here(bytes);
        }
        let limit = self.limit(name);
        let bytes = match (self.documents)(name, limit) {
            Ok(Some(bytes)) => bytes,
            Ok(None) => {
                self.missing = Some(name.to_owned());
                return Answer::Absent;
            }
            Err(error) => {
                self.unreachable = Some(error);
                return Answer::Failed;
            }
        };
        // What is too long is for tough to refuse; it need not be parsed.
        if bytes.len() as u64 <= limit
            && let Err(error) = json::read::<IgnoredAny>(&bytes)
        {
            self.malformed = Some((name.to_owned(), error));
            return Answer::Failed;
        }
        self.served.entry(name.to_owned()).or_insert_with(|| bytes.clone());
        Answer::Here(bytes)
    }

    /// How long a document may be: as long as what signs it says, if it does.
    fn limit(&self, name: &str) -> u64 {
        let (parent, most) = match role_of(name) {
            Some(Role::Root | Role::Timestamp) => return MOST_BYTES,
            Some(Role::Snapshot) => (Role::Timestamp, MOST_BYTES),
            Some(Role::Targets) | None => (Role::Snapshot, MOST_TARGETS_BYTES),
        };
        self.listed(parent, name).and_then(|listed| listed.length).map_or(most, |length| length.min(most))
    }

    /// What the document that was verified before says of this one.
    fn listed(&self, parent: Role, name: &str) -> Option<Listed> {
        let (_, bytes) = self.served.iter().find(|(served, _)| role_of(served) == Some(parent))?;
        let document: Document = serde_json::from_slice(bytes).ok()?;
        let name = name.strip_prefix("metadata/")?;
        let plain = name.split_once('.').filter(|(version, _)| version.parse::<u64>().is_ok());
        document.signed.meta.get(plain.map_or(name, |(_, plain)| plain)).cloned()
    }

    /// A document that is here already, if it surely is the one that is meant.
    fn kept(&self, name: &str) -> Option<Vec<u8>> {
        let (role, parent) = match role_of(name)? {
            Role::Snapshot => (Role::Snapshot, Role::Timestamp),
            Role::Targets => (Role::Targets, Role::Snapshot),
            Role::Root | Role::Timestamp => return None,
        };
        let digest = self.listed(parent, name)?.hashes?.sha256?;
        let bytes = fs::read_if_present(&self.pinned.folder().join(format!("{role}.json"))).ok()??;
        (Sha256::of(&bytes) == digest).then_some(bytes)
    }

    /// Keeps what tough believes: for each document that it wrote, the bytes it came from.
    fn keep(&self) -> Result<(), TrustError> {
        let (seen, folder) = (self.pinned.scratch(), self.pinned.folder());
        let before: Option<Signed<Root>> = parsed(&fs::read(&self.pinned.root())?);
        let believed = fs::read_if_present(&seen.join("root.json"))?;
        let (Some(before), Some(after)) = (before, believed.and_then(|bytes| parsed::<Signed<Root>>(&bytes)))
        else {
            return Ok(());
        };
        if rotated(&before.signed, &after.signed) {
            // Before the new root is kept: whoever is killed between forgets once more.
            for role in [Role::Timestamp, Role::Snapshot] {
                fs::remove_file_if_present(&folder.join(format!("{role}.json")))?;
            }
        }
        for version in before.signed.version.get() + 1..=after.signed.version.get() {
            let Some(bytes) = self.served.get(&format!("metadata/{version}.root.json")) else { break };
            self.pinned.keep_root(version, bytes)?;
        }
        self.keep_one::<TufTimestamp>(&seen, Role::Timestamp)?;
        self.keep_one::<Snapshot>(&seen, Role::Snapshot)?;
        self.keep_one::<Targets>(&seen, Role::Targets)
    }

    fn keep_one<T: DeserializeOwned + PartialEq>(&self, seen: &Path, role: Role) -> Result<(), TrustError> {
        let name = format!("{role}.json");
        let Some((_, bytes)) = self.served.iter().find(|(served, _)| role_of(served) == Some(role)) else {
            return Ok(());
        };
        let believed = fs::read_if_present(&seen.join(&name))?;
        let believed = believed.and_then(|believed| parsed::<Signed<T>>(&believed));
        let path = self.pinned.folder().join(name);
        if believed.is_none()
            || believed != parsed(bytes)
            || fs::read_if_present(&path)?.as_ref() == Some(bytes)
        {
            return Ok(());
        }
        Ok(fs::write_durable(&path, bytes)?)
    }

    fn refused(&mut self, refusal: Refusal) -> TrustError {
        let url = self.pinned.url().to_owned();
        if let Some(source) = self.unreachable.take() {
            return TrustError::CannotCheck { url, source };
        }
        if let Some((name, source)) = self.malformed.take() {
            return TrustError::Malformed {
                url,
                name: escape::text(&name).into_owned(),
                source: source.into(),
            };
        }
        match refusal {
            Refusal::Broken(source) => TrustError::Broken { source },
            Refusal::Verdict(verdict) => self.told(url, verdict),
        }
    }

    fn told(&self, url: String, verdict: Box<Verdict>) -> TrustError {
        match *verdict {
            Verdict::VerifyMetadata { role, source, .. } => {
                TrustError::BadSignature { url, role: role.to_string(), source: Box::new(source) }
            }
            Verdict::VerifyTrustedMetadata { source, .. } => {
                TrustError::BadSignature { url, role: "pinned root".into(), source: Box::new(source) }
            }
            Verdict::ExpiredMetadata { role, .. } => {
                TrustError::Expired { url, expired: self.expiry(role), role: role.to_string() }
            }
            Verdict::ParseMetadata { role, source, .. } => {
                TrustError::Malformed { url, name: format!("{role}.json"), source: source.into() }
            }
            Verdict::OlderMetadata { .. }
            | Verdict::OlderSnapshotInTimestamp { .. }
            | Verdict::SnapshotRoleMissing { .. }
            | Verdict::SnapshotRoleRollback { .. } => TrustError::Older { url, source: verdict },
            Verdict::Transport { ref source, .. }
                if source.kind() == tough::TransportErrorKind::FileNotFound =>
            {
                let name = self.missing.clone().unwrap_or_default();
                TrustError::Missing { url, name: escape::text(&name).into_owned() }
            }
            _ => TrustError::Mixed { url, source: verdict },
        }
    }

    /// When the document of this role, as it came, ends; the newest root counts.
    fn expiry(&self, kind: tough::schema::RoleType) -> Option<Timestamp> {
        let role = Role::ALL.into_iter().find(|role| role.kind() == kind)?;
        let of_role = self.served.iter().filter(|(name, _)| role_of(name) == Some(role));
        let documents = of_role.filter_map(|(_, bytes)| serde_json::from_slice::<Document>(bytes).ok());
        let newest = documents.max_by_key(|document| document.signed.version);
        let kept = || serde_json::from_slice::<Document>(&fs::read(&self.pinned.root()).ok()?).ok();
        let document = newest.or_else(|| if role == Role::Root { kept() } else { None })?;
        Some(document.signed.expires)
    }
}

/// As much of a document as is looked at before it is verified.
#[derive(Deserialize)]
struct Document {
    signed: Head,
}

#[derive(Deserialize)]
struct Head {
    version: u64,
    expires: Timestamp,
    #[serde(default)]
    meta: BTreeMap<String, Listed>,
}

#[derive(Clone, Deserialize)]
struct Listed {
    length: Option<u64>,
    hashes: Option<ListedHashes>,
}

#[derive(Clone, Deserialize)]
struct ListedHashes {
    sha256: Option<Sha256>,
}

/// Of which role the document of this name is: `metadata/[N.]ROLE.json`.
fn role_of(name: &str) -> Option<Role> {
    let name = name.strip_prefix("metadata/")?.strip_suffix(".json")?;
    let role = match name.split_once('.') {
        Some((version, role)) => version.parse::<u64>().ok().map(|_| role)?,
        None => name,
    };
    role.parse().ok()
}

fn parsed<T: DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    serde_json::from_slice(bytes).ok()
}

/// Whether the keys changed that say what is newest: whoever stole the old ones
/// may have signed versions far ahead, which must not count any more.
fn rotated(before: &Root, after: &Root) -> bool {
    [Role::Timestamp, Role::Snapshot].into_iter().any(|role| {
        let keys = |root: &Root| {
            let keys = root.roles.get(&role.kind()).map(|keys| keys.keyids.clone()).unwrap_or_default();
            keys.iter().map(|id| hex::encode(&**id)).collect::<Vec<String>>()
        };
        keys(before) != keys(after)
    })
}

fn verified(repository: &Repository) -> Verified {
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

fn info(target: &Target) -> Option<TargetInfo> {
    let sha256 = Sha256::from_bytes(target.hashes.sha256.as_ref().try_into().ok()?);
    Some(TargetInfo { length: target.length, sha256, custom: target.custom.get("entracte").cloned() })
}
