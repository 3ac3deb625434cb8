//! Releases are published, signed, taken back, bundled and handed out; and
//! looked at as a client does who believes nothing.

#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "tests look from outside")]

mod bundles;
mod killed;
mod press;
mod served;
#[path = "../support/mod.rs"]
mod support;
mod verbs;
