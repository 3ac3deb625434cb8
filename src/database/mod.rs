//! The database of a site: MySQL, MariaDB or SQLite behind one trait.

pub mod address;
pub mod connection;
mod grants;
pub mod lexer;
mod mysql;
mod mysql_catalog;
mod mysql_checks;
mod mysql_sum;
pub mod object;
pub mod scope;
mod sqlite;

pub use self::connection::Database;
pub use self::connection::DatabaseError;
pub use self::connection::TableInfo;
pub use self::connection::TableKind;
pub use self::connection::TableSum;
pub use self::connection::estimate;
pub use self::connection::open;
pub use self::connection::quote_identifier;
pub use self::sqlite::sqlite_copy;
