//! `compare`, as a person types it: trees, databases, whole sites. What was
//! planted is found, and nothing else.

#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "tests look from outside")]

mod lines;
mod lists;
mod outside;
mod report;
mod sites;
mod trees;

#[path = "../support/mod.rs"]
mod support;
