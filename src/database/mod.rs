//! The database of a site: MySQL, MariaDB or SQLite behind one trait.

pub mod address;
pub mod lexer;
