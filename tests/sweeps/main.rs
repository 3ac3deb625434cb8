//! Sweeps: one whole update, disturbed at every place where it changes
//! something, and then recovered.

#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "tests look from outside")]

mod abandoned;
mod alone;
mod arena;
mod failed;
mod flipped;
mod full_disk;
mod killed;
#[path = "../support/mod.rs"]
mod support;
