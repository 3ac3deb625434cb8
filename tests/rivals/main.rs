//! Several updaters at once, and what a killed one or a reboot leaves behind:
//! one works, the others are told who does, and nobody has to clear a lock.

#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "tests look from outside")]

mod holders;
mod several;
#[path = "../support/mod.rs"]
mod support;

use std::fs;
use std::path::PathBuf;

use support::ground::Ground;

fn state(ground: &Ground) -> PathBuf {
    ground.parent().join(".entracte-site")
}

fn lives(pid: &str) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z'))
}
