//! The declared schema of a release against a live database: what differs, the
//! statements that end the difference, what they cost. `docs/schema.md`
//! describes the files of a release.
//!
//! The server itself reads what a release declares: in a scratch database, in
//! tables with scratch names, or in memory. Both sides are then read back the
//! same way, so that no spelling of a type can look like a difference.

mod cost;
pub mod declared;
pub mod diff;
#[cfg(test)]
mod fixtures;
pub mod model;
mod mysql;
mod plan;
mod read;
mod said;
mod scratch;
mod sqlite;
pub mod step;
pub mod target;

pub use self::cost::cost;
pub use self::diff::Change;
pub use self::diff::Difference;
pub use self::diff::diff;
pub use self::diff::settled;
pub use self::plan::SchemaError;
pub use self::plan::carry_out;
pub use self::plan::steps;
pub use self::read::read;
pub use self::scratch::target;
