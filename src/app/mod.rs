//! One function per use case: opens, locks, calls, reports. The only thing
//! that the faces see.

mod abandoned;
pub mod apply;
pub mod auto;
mod baseline;
pub mod blocklist;
pub mod bundle;
pub mod compare;
mod compare_side;
pub mod desk;
pub mod doctor;
pub mod event_line;
pub mod failure;
pub mod gate;
pub mod init;
mod look;
pub mod manifest;
pub mod notify;
mod own_release;
pub mod plan;
pub mod prune;
pub mod publish;
pub mod report;
pub mod rollback;
pub mod runner;
pub mod schedule;
pub mod schema;
pub mod scripts;
pub mod serve;
pub mod stage;
pub mod status;
pub mod tick;
pub mod tick_all;
pub mod update;
