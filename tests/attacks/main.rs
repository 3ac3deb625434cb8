//! Attacks: whatever is fed to it, nothing escapes the site's folder, and
//! nothing secret or dangerous comes out.

#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "tests look from outside")]

mod archives;
mod bedded;
mod fuzz;
mod json;
mod links;
mod names;
mod races;
mod secrets;
mod served;
mod sql;
#[path = "../support/mod.rs"]
mod support;
#[path = "../../fuzz/targets.rs"]
mod targets;
mod vendor_feeds;
