//! Releases of vendors, from a loopback server that answers as theirs do: what is
//! offered, what is taken of it, and what proves it.

#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "tests look from outside")]

#[path = "../network/host.rs"]
#[allow(dead_code, reason = "shared with the tests of the network")]
mod host;
mod market;
mod proofs;
#[path = "../support/mod.rs"]
mod support;
mod wordpress;
