//! One site over time: its live tree against what is known to be installed.
//! What differs is a [`Finding`], with the reasons why it matters.

pub mod content;
pub mod explain;
pub mod finding;
pub mod folders;
pub mod html;
pub mod judge;
pub mod memory;
pub mod outside;

pub use self::finding::Finding;
pub use self::finding::Kind;
pub use self::finding::Why;
