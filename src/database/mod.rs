//! The database of a site: MySQL, MariaDB or SQLite behind one trait.

pub mod address;
pub mod connection;
#[cfg(test)]
mod connection_tests;
pub mod dump;
#[cfg(test)]
mod dump_tests;
mod grants;
pub mod guard;
pub mod lexer;
#[cfg(test)]
mod lexer_tests;
mod mysql;
mod mysql_catalog;
mod mysql_checks;
mod mysql_dump;
mod mysql_sum;
mod mysql_values;
pub mod object;
pub mod restore;
pub mod scope;
mod sqlite;
#[cfg(test)]
mod testing;

pub use self::connection::Database;
pub use self::connection::DatabaseError;
pub use self::connection::TableInfo;
pub use self::connection::TableKind;
pub use self::connection::TableSum;
pub use self::connection::estimate;
pub use self::connection::open;
pub use self::connection::quote_identifier;
pub use self::sqlite::sqlite_copy;
