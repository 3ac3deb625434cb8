//! The operator's console, over real HTTP and in a real browser.

#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "tests look from outside")]

mod api;
mod browser;
mod desk;
mod door;
mod look;
mod states;
mod forms;
mod live;
mod pages;
#[path = "../support/mod.rs"]
mod support;
mod wizard;
