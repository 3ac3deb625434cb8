//! Releases that declare their tables: what a plan shows of them, what an
//! update makes of a database, and what is left when it is disturbed.

#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "tests look from outside")]

mod disturbed;
mod dumps;
mod narrowing;
mod on_sqlite;
mod origins;
mod others;
#[path = "../support/mod.rs"]
mod support;
mod ways;
