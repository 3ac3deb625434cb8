//! The power goes while an update, or its rollback, writes to the disk: after
//! any part of its writes, `resume` ends in exactly the new site and `rollback`
//! in exactly the old one.
//!
//! The site and its state stand on a small file system of their own, whose disk
//! is a file that this test serves (FUSE) and so sees every write and every
//! flush, in the order in which a disk would. What a disk held when the power
//! went is then any prefix of these writes; and, since a disk may keep writes
//! back until it is told to flush, any choice of those after the last flush.

#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "tests look from outside")]

mod disk;
mod lab;
#[path = "../support/mod.rs"]
mod support;
mod sweep;
