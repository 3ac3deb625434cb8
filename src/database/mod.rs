//! The database of a site: MySQL, MariaDB or SQLite behind one trait.

pub mod address;
pub mod dump;
mod engine;
pub mod lexer;
mod mysql;
pub mod restore;
mod sqlite;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

pub use engine::Database;
pub use engine::DatabaseError;
pub use engine::TableInfo;
pub use engine::TableKind;
pub use engine::TableSum;
pub use engine::estimate;
pub use engine::open;
pub use engine::quote;
