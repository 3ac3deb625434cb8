//! MySQL and MariaDB: how schemas are read, declared ones understood, and the
//! statements that change the one into the other.

pub(super) mod cost;
mod narrow;
#[cfg(test)]
mod property;
pub(super) mod read;
pub(super) mod scratch;
mod spelling;
mod stated;
pub(super) mod steps;
mod types;
mod write;
