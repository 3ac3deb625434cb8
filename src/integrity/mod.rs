//! The hash engine: what a folder holds, what a release says it should hold,
//! and what to do about the difference.

pub mod cache;
pub mod catalogue;
pub mod key;
pub mod line_ends;
pub mod list;
pub mod look;
pub mod manifest;
pub mod nearest;
pub mod pair;
pub mod picture;
mod progress;
pub mod scan;
pub mod shares;
pub mod three_way;
pub mod verify;
