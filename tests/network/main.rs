//! A release over a bad network.

#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "tests look from outside")]

mod bench;
mod broken;
mod compared;
mod edges;
mod git;
mod git_doors;
mod git_login;
mod host;
mod misbehaves;
mod old_server;
mod proxies;
mod real;
#[path = "../support/mod.rs"]
mod support;
mod yacs;
