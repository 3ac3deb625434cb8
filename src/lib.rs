//! entracte updates a live web site in stages, shows what will change before
//! anything does, changes it behind a closed curtain, and can always go back.
//!
//! `ARCHITECTURE.md` tells how the rooms of this house fit together.

#![forbid(unsafe_code)]
#![deny(unused_must_use)]
#![cfg_attr(
    test,
    allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "tests look from outside")
)]

pub mod app;
pub mod base;
pub mod cli;
pub mod compare;
pub mod console;
pub mod database;
pub mod demo;
pub mod integrity;
pub mod notify;
pub mod release;
pub mod schedule;
pub mod site;
pub mod sys;
pub mod update;
pub mod watch;
