//! The database of a site: MySQL, MariaDB or SQLite behind one trait.

pub mod address;
pub mod compare;
pub mod connection;
pub mod dump;
pub mod guard;
pub mod lexer;
mod mysql;
pub mod object;
pub mod schema;
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
