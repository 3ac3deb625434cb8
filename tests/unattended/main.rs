//! A site that is left to itself: what it takes, how runs end that nobody looks
//! at, and who is told.

#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "tests look from outside")]

mod alone;
mod conditions;
mod endings;
#[path = "../network/host.rs"]
#[allow(dead_code, reason = "shared with the tests of the network")]
mod host;
mod left;
#[path = "../vendors/market.rs"]
#[allow(dead_code, reason = "shared with the tests of vendors")]
mod market;
mod policy;
#[path = "../support/mod.rs"]
mod support;
mod ticks;
mod trouble;
mod vendor;
