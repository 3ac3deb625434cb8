//! Words without effects: the types every other room speaks in.
//!
//! Nothing here touches disk, clock, network or environment.

pub mod base64;
pub mod check;
pub mod count;
pub mod diff;
pub mod digest;
pub mod escape;
pub mod event;
pub mod exit;
pub mod json;
pub mod path;
pub mod pattern;
pub mod secret;
pub mod step;
pub mod tree;
pub mod version;
