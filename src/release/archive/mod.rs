//! Checked reading of release archives: the whole archive is read and judged
//! before anything of it is used, and an ambiguous one is refused whole.
//!
//! The rules are told in `docs/archives.md`.

mod blocks;
mod detect;
mod directory;
mod error;
mod fields;
#[cfg(test)]
pub(in crate::release) mod fixtures;
mod hashed;
mod heading;
mod limits;
mod links;
mod names;
mod opened;
mod pax;
mod server;
mod tar;
mod trailer;
mod unpacked;
mod zip;

pub use error::ArchiveError;
pub use error::Refusal;
pub use error::Unfit;
pub use error::Why;
pub use limits::Limits;
pub use names::names_of;
pub use opened::Archive;
pub use opened::Member;
pub use opened::MemberKind;
pub use unpacked::check_unpacked;
