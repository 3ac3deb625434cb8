//! What a release declares, as the site's own server understands it.

use crate::database::connection::Database;
use crate::database::lexer::Dialect;
use crate::database::schema::declared::Declaration;
use crate::database::schema::mysql;
use crate::database::schema::plan::SchemaError;
use crate::database::schema::target::Target;

/// Lets the server read the declaration apart from all that lives, and reads
/// back what it has made of it.
pub fn target(db: &mut dyn Database, declaration: &Declaration) -> Result<Target, SchemaError> {
    match db.dialect() {
        Dialect::MySql => mysql::scratch::target(db, declaration),
        Dialect::Sqlite => todo!("schema/sqlite/scratch.rs"),
    }
}
