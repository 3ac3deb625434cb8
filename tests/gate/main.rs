//! The gate on real servers: what visitors and the operator see, what the site's
//! folder looks like afterwards, and what a kill in the middle leaves.

#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "tests look from outside")]

mod apache;
mod bed;
mod held;
mod kill;
mod lock;
mod look;
mod nginx;

/// Programs are started through these verbs; here they are names of tests,
/// since the program that runs is the tests'.
#[test]
fn __keeper() {
    take_part();
}

#[test]
fn __program() {
    take_part();
}

fn take_part() {
    let arguments: Vec<_> = std::env::args_os().collect();
    if let Some(code) = entracte::app::desk::child(&arguments) {
        std::process::exit(code.into());
    }
}
