//! The hash engine: what a folder holds, what a release says it should hold,
//! and what to do about the difference.

pub mod manifest;
pub mod three_way;
