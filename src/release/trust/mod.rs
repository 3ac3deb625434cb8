//! Whom this site believes, and why: The Update Framework, by the crate `tough`.

mod client;
pub mod documents;
pub mod error;
pub mod key;
pub mod keyring;
pub mod reference;
pub mod role;
mod root;
mod sign;
mod status;
mod store;
#[cfg(test)]
mod tests;
mod tuf;

use std::collections::BTreeMap;

use jiff::Timestamp;

pub use self::client::find;
pub use self::client::last_seen;
pub use self::client::refresh;
pub use self::error::TrustError;
pub use self::error::Unreachable;
pub use self::keyring::Keyring;
pub use self::root::Change;
pub use self::root::Rotated;
pub use self::root::create;
pub use self::root::rotate;
pub use self::sign::Signed;
pub use self::sign::renew;
pub use self::sign::sign;
pub use self::sign::signed_targets;
pub use self::status::RoleView;
pub use self::status::status;
pub use self::store::Pinned;
pub use self::store::Store;
use crate::base::digest::Sha256;

/// How a document is asked for while trust is established: by its name below the
/// reference (`metadata/timestamp.json`), at most so many bytes and one more.
/// `Ok(None)`: it is not there.
pub type Documents<'a> = &'a mut dyn FnMut(&str, u64) -> Result<Option<Vec<u8>>, Unreachable>;

/// What the metadata of a reference say, verified.
#[derive(Clone, Debug, PartialEq)]
pub struct Verified {
    /// By name.
    pub targets: BTreeMap<String, TargetInfo>,
    /// When the first of the four signatures ends.
    pub expires: Timestamp,
    /// What people should know: what has expired, or will soon.
    pub warnings: Vec<String>,
    /// Whether digests stand before the names of targets where they are served.
    pub consistent: bool,
    pub root_version: u64,
}

/// A target, as it is signed.
#[derive(Clone, Debug, PartialEq)]
pub struct TargetInfo {
    pub length: u64,
    pub sha256: Sha256,
    /// What stands under `entracte`.
    pub custom: Option<serde_json::Value>,
}
