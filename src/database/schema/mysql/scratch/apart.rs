//! The two places where a declaration is tried.

use crate::database::connection::Database;
use crate::database::connection::DatabaseError;
use crate::database::connection::shortened;
use crate::database::mysql::literal;
use crate::database::schema::declared::Declaration;
use crate::database::schema::model::Schema;
use crate::database::schema::mysql::read;
use crate::database::schema::mysql::scratch::names::Names;
use crate::database::schema::mysql::scratch::one;
use crate::database::schema::mysql::write::quoted;
use crate::database::schema::plan::SchemaError;
use crate::database::scope::Scope;

/// In a database of its own that is like the site's.
pub(super) fn in_database(
    db: &mut dyn Database,
    declaration: &Declaration,
    scratch: &str,
    database: &str,
) -> Result<Schema, SchemaError> {
    let charset = one(db, "SELECT @@character_set_database")?;
    let collation = one(db, "SELECT @@collation_database")?;
    let scratch = quoted(scratch)?;
    db.execute(&format!(
        "CREATE DATABASE {scratch} CHARACTER SET {} COLLATE {}",
        literal(&charset),
        literal(&collation)
    ))?;
    let made = used(db, declaration, &scratch);
    db.execute(&format!("USE {}", quoted(database)?))?;
    db.execute(&format!("DROP DATABASE {scratch}"))?;
    made
}

fn used(db: &mut dyn Database, declaration: &Declaration, scratch: &str) -> Result<Schema, SchemaError> {
    db.execute(&format!("USE {scratch}"))?;
    for statement in &declaration.statements {
        run(db, statement, statement)?;
    }
    Ok(settled(db, &Scope::All)?)
}

/// The server writes a view's query otherwise when it reads what it wrote
/// before. What comes out here comes out again wherever it is put in.
fn settled(db: &mut dyn Database, scope: &Scope) -> Result<Schema, DatabaseError> {
    const ROUNDS: usize = 4;
    let mut schema = read::schema(db, scope)?;
    for _ in 0..ROUNDS {
        for (name, query) in &schema.views {
            db.execute(&format!("CREATE OR REPLACE VIEW {} AS {query}", quoted(name)?))?;
        }
        let before = std::mem::replace(&mut schema, read::schema(db, scope)?);
        if before.views == schema.views {
            break;
        }
    }
    Ok(schema)
}

fn run(db: &mut dyn Database, statement: &str, declared: &str) -> Result<(), SchemaError> {
    let failed = |source| SchemaError::Declared { statement: shortened(declared), source };
    db.execute(statement).map(|_| ()).map_err(failed)
}

/// In tables of the site's database with names that nobody else has.
pub(super) fn in_tables(
    db: &mut dyn Database,
    declaration: &Declaration,
    names: &Names,
) -> Result<Schema, SchemaError> {
    let made = made(db, declaration, names);
    let gone = drop_all(db, names);
    let schema = made?;
    gone?;
    Ok(names.given_back(schema))
}

fn made(db: &mut dyn Database, declaration: &Declaration, names: &Names) -> Result<Schema, SchemaError> {
    for statement in &declaration.statements {
        let scratch = names.put_into(statement).ok_or_else(|| SchemaError::Untried(shortened(statement)))?;
        run(db, &scratch, statement)?;
    }
    Ok(settled(db, &Scope::Tables { prefix: String::new(), names: names.scratch() })?)
}

fn drop_all(db: &mut dyn Database, names: &Names) -> Result<(), DatabaseError> {
    let known = db.tables()?;
    let ours = names.scratch();
    for info in known.into_iter().filter(|info| ours.contains(&info.name)) {
        drop_one(db, &info.name, !info.is_base())?;
    }
    Ok(())
}

pub(super) fn drop_one(db: &mut dyn Database, name: &str, is_view: bool) -> Result<(), DatabaseError> {
    let word = if is_view { "VIEW" } else { "TABLE" };
    // Foreign keys among scratch tables do not keep them.
    let checks = one(db, "SELECT @@SESSION.foreign_key_checks")?;
    db.execute("SET SESSION foreign_key_checks = 0")?;
    let dropped = db.execute(&format!("DROP {word} IF EXISTS {}", quoted(name)?));
    db.execute(&format!("SET SESSION foreign_key_checks = {checks}"))?;
    dropped.map(|_| ())
}
