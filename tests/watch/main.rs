//! `watch`, as a person types it: what was planted is found, each thing with its
//! reason, and nothing else; an update raises no alarm.

#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "tests look from outside")]

mod accepted;
mod calm;
mod followed;
mod guarded;
mod lies;
mod lists;
mod outside;
mod owners;
mod planted;
mod updated;

#[path = "../support/mod.rs"]
mod support;
