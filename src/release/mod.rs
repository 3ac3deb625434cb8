//! Where new files come from, and why they are trusted.

pub mod archive;
