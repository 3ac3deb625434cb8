//! Plan, journal and the ten steps of an update, and the ways on and back.
//!
//! [`plan::Plan`] is a sealed value, so complete that carrying it out chooses
//! nothing; [`compose`] and [`operations`] make it without effects. A
//! [`run::Run`] carries out one plan: [`advance`] takes one step after the
//! other, [`rollback`] takes them back, and both read where they stand from the
//! [`journal`] and from the inodes on disk, never from memory.

pub mod advance;
pub mod approval;
pub mod aside;
pub mod backup_set;
pub mod baseline;
pub mod checks;
pub mod compose;
pub mod databases;
pub mod error;
pub mod guard;
pub mod health;
pub mod hooks;
pub mod journal;
pub mod operations;
pub mod owners;
pub mod php;
pub mod place;
pub mod plan;
pub mod planned;
pub mod reserve;
pub mod restore_text;
pub mod review;
pub mod rollback;
pub mod run;
pub mod saved;
pub mod sealed;
pub mod snapshot;
pub mod standing;
pub mod steps;
pub mod swap;
pub mod tables;
pub mod work;
