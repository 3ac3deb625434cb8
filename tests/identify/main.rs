//! What is known of a tree and of its past: `identify`, adoption by the lists
//! that ship, `history`.

#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "tests look from outside")]

#[path = "../support/mod.rs"]
mod support;

mod history;
mod trees;
