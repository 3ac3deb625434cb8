//! The command line: arguments, terminal, exit status. It calls `app` and
//! translates, nothing else.

pub mod args;
pub mod check;
pub mod compare;
pub mod console;
pub mod dispatch;
mod doctor;
mod history;
mod identify;
pub mod manifest;
mod network;
pub mod notify;
pub mod output;
pub mod page;
pub mod progress;
mod prune;
pub mod publish;
pub mod schedule;
pub mod schema;
mod self_update;
pub mod text;
pub mod trust;
pub mod unattended;
pub mod watch;
pub mod work;
