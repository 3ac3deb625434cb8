//! The operator's console over real HTTP.

#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "tests look from outside")]

mod desk;
mod door;
#[path = "../support/mod.rs"]
mod support;
