//! Releases of a reference: published, signed, fetched over good and bad
//! networks, and found out where somebody changed a byte.

#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "tests look from outside")]

mod adopt;
mod alone;
mod bed;
mod bundles;
mod hostile;
mod large;
mod offered;
mod seen;
mod server;
#[path = "../support/mod.rs"]
mod support;
mod unfit;
mod ways;
