//! Documents before they are verified: of which role they are, and as much of
//! them as has to be known by then.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde::de::Error as _;
use tough::schema::Root;

use crate::base::digest::Sha256;
use crate::base::json;
use crate::release::trust::role::Role;

/// As much of a document as is looked at before it is verified.
#[derive(Deserialize)]
pub(super) struct Document {
    pub signed: Head,
}

#[derive(Deserialize)]
pub(super) struct Head {
    pub version: u64,
    pub expires: Timestamp,
    #[serde(default)]
    pub meta: BTreeMap<String, Listed>,
}

#[derive(Clone, Deserialize)]
pub(super) struct Listed {
    pub version: u64,
    pub length: Option<u64>,
    pub hashes: Option<ListedHashes>,
}

#[derive(Clone, Deserialize)]
pub(super) struct ListedHashes {
    pub sha256: Option<Sha256>,
}

/// Of which role the document of this name is: `metadata/[N.]ROLE.json`.
pub(super) fn role_of(name: &str) -> Option<Role> {
    let name = name.strip_prefix("metadata/")?.strip_suffix(".json")?;
    let role = match name.split_once('.') {
        Some((version, role)) => version.parse::<u64>().ok().map(|_| role)?,
        None => name,
    };
    role.parse().ok()
}

/// Whether this is JSON with one meaning, and one spelling of its signatures, that says of itself that it
/// is of this role; tough signs the role's name, but passes over what stands in its place.
pub(super) fn of_kind(bytes: &[u8], role: Role) -> Result<(), serde_json::Error> {
    #[derive(Deserialize)]
    struct Typed {
        signed: Kind,
        signatures: Vec<Signature>,
    }
    #[derive(Deserialize)]
    struct Signature {
        keyid: String,
        sig: String,
    }
    #[derive(Deserialize)]
    struct Kind {
        #[serde(rename = "_type")]
        kind: String,
    }
    let typed: Typed = json::read(bytes)?;
    if typed.signed.kind != role.name() {
        return Err(serde_json::Error::custom(format!("it does not say that it is {role} metadata")));
    }
    match typed.signatures.iter().all(|one| is_lower_hex(&one.keyid) && is_lower_hex(&one.sig)) {
        true => Ok(()),
        false => {
            Err(serde_json::Error::custom("a signature is not written in hexadecimal, in small letters"))
        }
    }
}

fn is_lower_hex(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

pub(super) fn parsed<T: DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    serde_json::from_slice(bytes).ok()
}

/// Whether the keys changed that say what is newest: whoever stole the old ones
/// may have signed versions far ahead, which must not count any more.
pub(super) fn rotated(before: &Root, after: &Root) -> bool {
    [Role::Timestamp, Role::Snapshot].into_iter().any(|role| {
        let keys = |root: &Root| {
            let keys = root.roles.get(&role.kind()).map(|keys| keys.keyids.clone()).unwrap_or_default();
            keys.iter().map(|id| hex::encode(&**id)).collect::<Vec<String>>()
        };
        keys(before) != keys(after)
    })
}
