//! An update of a site on MariaDB: killed at every call, its server killed or
//! its connection lost at every statement; and what a killed run leaves behind.

#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "tests look from outside")]

mod killed;
mod lost;
mod migration;
mod orphans;
mod sqlite;
#[path = "../support/mod.rs"]
mod support;
