//! Which keys there are, what they sign, and when it ends.

use std::path::Path;

use jiff::Timestamp;
use serde::Serialize;

use crate::release::trust::error::TrustError;
use crate::release::trust::reference::Reference;
use crate::release::trust::reference::lifetimes;
use crate::release::trust::role::Role;
use crate::release::trust::sign::Current;
use crate::release::trust::sign::key_ids;
use crate::sys::clock;

/// A role of a reference.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RoleView {
    pub role: Role,
    /// Ids of its keys.
    pub keys: Vec<String>,
    pub threshold: u64,
    /// Of what it signed; None when there is nothing that its keys signed.
    pub version: Option<u64>,
    pub expires: Option<Timestamp>,
    /// `ok`, `soon`, `expired` or `unsigned`.
    pub state: &'static str,
    pub days: u32,
}

/// All four roles of the reference.
pub fn status(reference: &Path) -> Result<Vec<RoleView>, TrustError> {
    let place = Reference::at(reference);
    let root = place.root()?;
    let current = Current::read(&place, &root.signed)?;
    let lives = lifetimes(&root.signed);
    let now = clock::now();
    let view = |role: Role| {
        let signed = match role {
            Role::Root => Some((root.signed.version, root.signed.expires)),
            Role::Targets => current.targets.as_ref().map(|it| (it.signed.version, it.signed.expires)),
            Role::Snapshot => current.snapshot.as_ref().map(|it| (it.signed.version, it.signed.expires)),
            Role::Timestamp => current.timestamp.as_ref().map(|it| (it.signed.version, it.signed.expires)),
        };
        let state = match signed {
            None => "unsigned",
            Some((_, end)) if end <= now => "expired",
            Some((_, end)) if end.duration_since(now) < lives.margin(role) => "soon",
            Some(_) => "ok",
        };
        RoleView {
            role,
            keys: key_ids(&root.signed, role),
            threshold: root.signed.roles.get(&role.kind()).map_or(1, |keys| keys.threshold.get()),
            version: signed.map(|(version, _)| version.get()),
            expires: signed.map(|(_, end)| end),
            state,
            days: lives.days(role),
        }
    };
    Ok(Role::ALL.into_iter().map(view).collect())
}
