//! The gate on real servers: what visitors and the operator see, what the site's
//! folder looks like afterwards, and what a kill in the middle leaves.

#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "tests look from outside")]

mod apache;
mod away;
mod bed;
mod held;
mod kill;
mod lock;
mod look;
mod nginx;
#[path = "../support/mod.rs"]
mod support;
mod told;
mod update;

/// Every program is started behind a guard, which is this very program; here it
/// is the tests', so both are tests' names.
#[test]
fn __guard() {
    play_the_role_of_the_arguments();
}

#[test]
fn __child() {
    play_the_role_of_the_arguments();
}

fn play_the_role_of_the_arguments() {
    let arguments: Vec<_> = std::env::args_os().collect();
    if let Some(role) = entracte::sys::guard::Role::of(&arguments) {
        let status = role.play().unwrap_or_else(|error| panic!("{}: {error}", role.program()));
        std::process::exit(status.into());
    }
}
