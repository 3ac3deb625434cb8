//! SQLite's side of a declared schema: read, tried in memory, changed by
//! building tables anew where there is no other way.

pub(super) mod cost;
mod create;
mod expression;
mod fit;
pub(super) mod read;
pub(super) mod run;
pub(super) mod scratch;
mod shape;
#[cfg(test)]
mod tests;
pub(super) mod write;
