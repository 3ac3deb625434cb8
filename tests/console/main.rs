//! The operator's console, over real HTTP and in a real browser.

#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "tests look from outside")]

mod api;
mod browser;
mod desk;
mod door;
mod every_route;
mod forged;
mod forms;
mod hostile;
mod in_browser;
mod keyboard;
mod live;
mod look;
mod pages;
mod proxies;
mod said;
mod states;
#[path = "../support/mod.rs"]
mod support;
mod wire;
mod wizard;
mod worker;
mod works;
