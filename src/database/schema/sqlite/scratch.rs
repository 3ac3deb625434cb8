//! The declared schema as SQLite reads it: made in memory, read back.

use crate::database::connection::Database;
use crate::database::connection::shortened;
use crate::database::schema::declared::Declaration;
use crate::database::schema::plan::SchemaError;
use crate::database::schema::sqlite::read;
use crate::database::schema::target::Target;
use crate::database::scope::Scope;
use crate::database::sqlite::Sqlite;

pub(in crate::database::schema) fn target(declaration: &Declaration) -> Result<Target, SchemaError> {
    let mut memory = Sqlite::in_memory()?;
    for statement in &declaration.statements {
        let refused = |source| SchemaError::Declared { statement: shortened(statement), source };
        memory.execute(statement).map_err(refused)?;
    }
    // SQLite does not look at what a view reads until it is asked.
    for view in &declaration.views {
        let query = format!("SELECT * FROM {} LIMIT 0", super::shape::quoted(view)?);
        let refused = |source| SchemaError::Declared { statement: format!("CREATE VIEW {view}"), source };
        memory.execute(&query).map_err(refused)?;
    }
    let schema = read::schema(&mut memory, &Scope::All)?;
    let made = |name: &&String| schema.tables.contains_key(*name) || schema.views.contains_key(*name);
    match declaration.tables.iter().chain(&declaration.views).find(|name| !made(name)) {
        Some(missing) => Err(SchemaError::Missing(missing.clone())),
        None => Ok(Target { schema, hints: declaration.hints.clone() }),
    }
}
