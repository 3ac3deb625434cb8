//! Somebody is told: by mail over a real server, by webhook, by a program; now,
//! or as soon as it can be.

#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "tests look from outside")]

mod lab;
mod mail;
mod proof;
mod queue;
mod web;

#[path = "../support/mod.rs"]
mod support;
