//! The only door to disk, processes, clock, environment, locks and randomness.
//!
//! Every other room gets its effects from here, so that each error names what
//! was tried on which path, and so that a test can stop the program at a named
//! point. Network and database adapters stand in the rooms that need them.

#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "this is the door")]

pub mod attributes;
pub mod beneath;
pub mod clock;
pub mod disk;
pub mod env;
pub mod family;
pub mod fault;
pub mod fs;
pub mod guard;
pub mod inotify;
pub mod lock;
pub mod process;
pub mod random;
pub mod scratch;
pub mod signal;
pub mod stat;
pub mod term;
pub mod user;
mod web_door;
pub mod web_server;
