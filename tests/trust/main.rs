//! Whom a site believes: recorded repositories, hostile servers, the verbs.

#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "tests look from outside")]

#[path = "../network/host.rs"]
#[allow(dead_code, reason = "each test file uses its part")]
mod host;
mod hostile;
mod recorded;
#[path = "../support/mod.rs"]
mod support;
mod verbs;
