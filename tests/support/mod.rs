//! What the end-to-end tests share: real releases, private servers, sites on
//! them, the program itself, and ways to look at a site from outside.
//!
//! Everything needs root, as the servers run as `www-data`; what a machine cannot do is
//! skipped loudly ([`effort::skipped`]).

#![allow(dead_code, reason = "each test file uses its part")]

pub mod bed;
pub mod browser;
pub mod chance;
pub mod database;
pub mod dokuwiki;
pub mod effort;
pub mod faketime;
pub mod ground;
pub mod hearer;
pub mod limited;
pub mod mounts;
pub mod pages;
pub mod process;
pub mod proxy;
pub mod relay;
pub mod releases;
pub mod run;
pub mod servers;
pub mod shelf;
pub mod site;
pub mod small;
pub mod smtp;
pub mod snapshot;
pub mod template;
pub mod terminal;
pub mod tls;
pub mod tracer;
pub mod update;
pub mod visitors;
pub mod wordpress;
