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

/// Every child of the program starts through this verb; here it is a test's
/// name, since the program that runs is the tests'.
#[test]
fn __child() {
    let arguments: Vec<_> = std::env::args_os().collect();
    if arguments.get(1).is_some_and(|verb| verb == entracte::sys::process::CHILD_VERB) {
        let parent = arguments[2].to_str().unwrap().parse().unwrap();
        panic!("{}", entracte::sys::process::become_child(parent, &arguments[4..]));
    }
}
