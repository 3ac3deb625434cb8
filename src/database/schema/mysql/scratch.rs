//! Lets the server read a declaration where nothing lives: in a database made
//! for it, or, where none may be made, in tables of the site's database that
//! have scratch names. Neither stays; what a killed process left goes before
//! the next begins. Who lives is known by a lock of the server.

mod apart;
mod names;
#[cfg(test)]
pub(in crate::database::schema) mod tests;

use std::time::Duration;

use crate::database::connection::Database;
use crate::database::connection::DatabaseError;
use crate::database::connection::shortened;
use crate::database::mysql::passing;
use crate::database::mysql::refused;
use crate::database::schema::declared::Declaration;
use crate::database::schema::model::Schema;
use crate::database::schema::mysql::scratch::names::Names;
use crate::database::schema::mysql::stated;
use crate::database::schema::plan::SchemaError;
use crate::database::schema::target::Target;

/// The declared schema, read by this server.
pub(in crate::database::schema) fn target(
    db: &mut dyn Database,
    declaration: &Declaration,
) -> Result<Target, SchemaError> {
    for statement in &declaration.statements {
        names::subject(statement).ok_or_else(|| SchemaError::Untried(shortened(statement)))?;
    }
    let database = one(db, "SELECT DATABASE()")?;
    let site = passing::prefix("scratch", &database);
    sweep(db, &site)?;
    let scratch = format!("{site}{}", db.connection_id());
    if let Some(other) = db.lock(&scratch, Duration::ZERO)? {
        return Err(DatabaseError::Held(other).into());
    }
    let checks = one(db, "SELECT @@SESSION.foreign_key_checks")?;
    db.execute("SET SESSION foreign_key_checks = 0")?;
    let made = make(db, declaration, &scratch, &database);
    db.execute(&format!("SET SESSION foreign_key_checks = {checks}"))?;
    let mut schema = made?;
    stated::leave_open(&mut schema, &declaration.statements);
    for name in &declaration.tables {
        if !schema.tables.contains_key(name) {
            return Err(SchemaError::Missing(crate::base::escape::text(name).into_owned()));
        }
    }
    Ok(Target { schema, hints: declaration.hints.clone() })
}

fn make(
    db: &mut dyn Database,
    declaration: &Declaration,
    scratch: &str,
    database: &str,
) -> Result<Schema, SchemaError> {
    match apart::in_database(db, declaration, scratch, database) {
        Err(SchemaError::Database(error) | SchemaError::Declared { source: error, .. })
            if refused::is_denied(&error) =>
        {
            apart::in_tables(db, declaration, &Names::of(declaration, scratch))
        }
        made => made,
    }
}

fn one(db: &mut dyn Database, query: &str) -> Result<String, DatabaseError> {
    let row = db.query(query)?.into_iter().next().unwrap_or_default();
    row.into_iter().next().flatten().ok_or_else(|| DatabaseError::answer(query, "nothing"))
}

/// Drops what processes left that live no longer.
fn sweep(db: &mut dyn Database, site: &str) -> Result<(), DatabaseError> {
    passing::sweep(db, site)?;
    let tables = format!(
        "SELECT table_name, table_type FROM information_schema.tables \
         WHERE table_schema = DATABASE() AND table_name LIKE {}",
        passing::like(site)
    );
    for row in db.query(&tables)? {
        let [Some(name), Some(kind)] = row.as_slice() else { continue };
        if passing::is_left(db, site, name)? {
            apart::drop_one(db, name, kind == "VIEW")?;
        }
    }
    Ok(())
}
