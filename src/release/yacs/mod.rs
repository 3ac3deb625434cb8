//! A YACS server as a source: its list of footprints, then each file by a
//! request of its own. Read-only; what it sends is data and never executed.
//!
//! What stands in the list is told in `docs/old-servers.md`.

mod address;
mod bring;
mod error;
mod files;
pub mod list;

pub use address::Server;
pub(in crate::release) use bring::bring;
pub use error::YacsError;
