//! Reads what a database is made of.

use crate::database::connection::Database;
use crate::database::connection::DatabaseError;
use crate::database::lexer::Dialect;
use crate::database::schema::model::Schema;
use crate::database::schema::mysql;
use crate::database::scope::Scope;

/// The tables and views of the scope as the server knows them.
pub fn read(db: &mut dyn Database, scope: &Scope) -> Result<Schema, DatabaseError> {
    match db.dialect() {
        Dialect::MySql => mysql::read::schema(db, scope),
        Dialect::Sqlite => todo!("schema/sqlite/read.rs"),
    }
}
