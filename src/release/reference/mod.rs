//! The reference, as it lies on the disk and behind an address: names, what its
//! signed metadata says of a release, packs. The stored form is
//! `docs/reference.md`; nothing here believes anything.

pub mod content;
pub mod custom;
pub mod listing;
pub mod names;
pub mod pack;

pub use custom::Kind;
pub use names::object_name;
pub use names::target_path;
