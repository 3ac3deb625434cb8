//! The operator's console over real HTTP.

#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "tests look from outside")]

mod api;
mod browser;
mod desk;
mod door;
<<<<<<< HEAD
mod look;
mod states;
=======
mod wizard;
>>>>>>> add6d8a (console: the wizard's tests and its page in docs)
#[path = "../support/mod.rs"]
mod support;
