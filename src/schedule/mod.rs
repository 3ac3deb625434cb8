//! When which job of which site is done: cron expressions, what is due, and
//! the one line or timer of a user that asks.

pub mod check;
pub mod cron;
pub mod crontab;
pub mod due;
pub mod line;
pub mod outlook;
pub mod record;
pub mod sites;
pub mod systemd;
pub mod traps;
pub mod written;

pub use check::check;
pub use due::Job;
pub use due::due;
pub use record::Record;
