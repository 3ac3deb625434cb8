//! What differs between two releases, each file in terms of what the old one
//! holds. The stored form is `docs/reference.md`.

mod error;
mod group;
mod make;
#[cfg(test)]
mod tests;
mod unpack;

pub use error::PackError;
pub use group::Groups;
pub use make::Made;
pub use make::Open;
pub use make::make;
pub use unpack::Stopped;
pub use unpack::Taker;
pub use unpack::Unpacked;
pub use unpack::unpack;

use serde::Deserialize;
use serde::Serialize;

use crate::base::digest::Sha256;
use crate::integrity::manifest::Content;
use crate::integrity::manifest::FileEntry;
use crate::integrity::manifest::Manifest;

pub const FORMAT: u32 = 1;
const MAGIC: &[u8; 16] = b"entracte pack 1\n";
/// Largest head, packed and unpacked.
const MAX_HEAD: u64 = 16 << 20;
/// Prefix and content of a group, each, where they are several files. Twice as much makes packs of real
/// releases smaller by a thousandth, and takes twice the memory (`benches/publish.sh`).
pub const GROUP: u64 = 8 << 20;
/// Tables of the packer, as powers of two. A smaller hash than zstd takes costs no byte and saves 12 MiB a thread;
/// a shorter chain finds less of what lies far behind, which hurts content and not manifests.
const HASH_LOG: u32 = 20;
const MANIFEST_CHAIN_LOG: u32 = 22;
/// The same where it is one file; larger ones are packed without a prefix.
pub const LARGEST: u64 = 32 << 20;
/// Some seconds for 100 MB, as is fit for packs that few will fetch; `BEST` takes a minute of a processor,
/// and leaves out a seventh of the bytes.
const LEVEL: i32 = 12;
pub const BEST: i32 = 19;
/// Window of a frame that holds one still larger file, as a power of two.
const STREAMED_WINDOW_LOG: u32 = 23;
/// How often all of the old release may be read for its pack.
const PREFIX_READS: u64 = 4;

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
    format: u32,
    from: Sha256,
    to: Sha256,
    groups: Vec<Group>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Group {
    /// Places among the old manifest's files.
    prefix: Vec<u32>,
    /// Places among the new manifest's files.
    objects: Vec<u32>,
    /// Length of the frame.
    bytes: u64,
    /// Bytes of its content.
    content: u64,
}

/// The file at a place: its entry, size and digest.
fn file_at(manifest: &Manifest, place: u32) -> Option<(&FileEntry, u64, Sha256)> {
    let entry = manifest.files.get(usize::try_from(place).ok()?)?;
    match entry.content {
        Content::File { size, sha256, .. } => Some((entry, size, sha256)),
        _ => None,
    }
}

fn set_digest(manifest: &mut Manifest, place: u32, digest: Sha256) {
    let entry = usize::try_from(place).ok().and_then(|place| manifest.files.get_mut(place));
    if let Some(FileEntry { content: Content::File { sha256, .. }, .. }) = entry {
        *sha256 = digest;
    }
}

/// Memory that unpacking a group takes.
fn memory(prefix: u64, content: u64) -> u64 {
    prefix + if content > LARGEST { 1 << STREAMED_WINDOW_LOG } else { content }
}
