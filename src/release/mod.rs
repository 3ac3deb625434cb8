//! Where new files come from, and why they are trusted.

pub mod archive;
pub mod source;
pub mod stage;
pub mod staging;
