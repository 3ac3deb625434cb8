//! The operator's console over real HTTP.

#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "tests look from outside")]

mod api;
mod browser;
mod desk;
mod door;
mod look;
mod states;
#[path = "../support/mod.rs"]
mod support;
