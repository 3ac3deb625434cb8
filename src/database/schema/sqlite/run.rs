//! Carries out one step in a database: all of it, or nothing.

use crate::database::connection::Database;
use crate::database::connection::DatabaseError;
use crate::database::schema::sqlite::shape::literal;
use crate::database::schema::sqlite::shape::quoted;
use crate::database::schema::step::Step;

type Result<T> = std::result::Result<T, DatabaseError>;

/// Foreign keys are off meanwhile, since dropping a table would empty those
/// that refer to it; that can be said only outside a transaction.
pub(in crate::database::schema) fn carry_out(db: &mut dyn Database, step: &Step) -> Result<()> {
    let enforced = flag(db, "foreign_keys")?;
    let legacy = flag(db, "legacy_alter_table")?;
    set(db, "foreign_keys", false)?;
    let result = in_transaction(db, step);
    let restored = set(db, "legacy_alter_table", legacy).and(set(db, "foreign_keys", enforced));
    result.and(restored)
}

fn flag(db: &mut dyn Database, name: &str) -> Result<bool> {
    let rows = db.query(&format!("PRAGMA {name}"))?;
    Ok(rows.first().and_then(|row| row.first()?.as_deref()) == Some("1"))
}

fn set(db: &mut dyn Database, name: &str, on: bool) -> Result<()> {
    db.execute(&format!("PRAGMA {name} = {}", if on { "ON" } else { "OFF" })).map(|_| ())
}

fn in_transaction(db: &mut dyn Database, step: &Step) -> Result<()> {
    db.execute("BEGIN IMMEDIATE")?;
    let result = statements(db, step).and_then(|()| db.execute("COMMIT").map(|_| ()));
    if result.is_err() {
        // Some errors have ended the transaction already.
        let _ = db.execute("ROLLBACK");
    }
    result
}

fn statements(db: &mut dyn Database, step: &Step) -> Result<()> {
    let triggers = triggers(db)?;
    let drops = step.statements.iter().any(|statement| statement.starts_with("DROP TABLE"));
    let before = if drops { dangling(db, &step.table).ok() } else { None };
    for statement in &step.statements {
        execute(db, statement)?;
    }
    make_again(db, &triggers)?;
    let Some(before) = before else { return Ok(()) };
    let after = dangling(db, &step.table)?;
    match after > before {
        true => Err(DatabaseError::Dangling { table: step.table.clone(), rows: after - before }),
        false => Ok(()),
    }
}

/// `ALTER TABLE` fails where any view names what is not there, whatever table
/// it is about. Such views are put aside meanwhile.
fn execute(db: &mut dyn Database, statement: &str) -> Result<()> {
    let result = db.execute(statement).map(|_| ());
    match result {
        Err(error) if statement.starts_with("ALTER TABLE") && is_about_a_view(&error) => {
            let broken = broken_views(db)?;
            if broken.is_empty() {
                return Err(error);
            }
            for (name, _) in &broken {
                db.execute(&format!("DROP VIEW {}", quoted(name)?))?;
            }
            db.execute(statement)?;
            broken.iter().try_for_each(|(_, sql)| db.execute(sql).map(|_| ()))
        }
        result => result,
    }
}

fn is_about_a_view(error: &DatabaseError) -> bool {
    let cause = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
    cause.contains("error in view ")
}

/// The views that cannot be read, with their texts.
fn broken_views(db: &mut dyn Database) -> Result<Vec<(String, String)>> {
    let mut broken = Vec::new();
    for row in db.query("SELECT name, sql FROM sqlite_master WHERE type = 'view' ORDER BY rowid")? {
        let Ok([Some(name), Some(sql)]) = <[Option<String>; 2]>::try_from(row) else { continue };
        if db.query(&format!("SELECT * FROM {} LIMIT 0", quoted(&name)?)).is_err() {
            broken.push((name, sql));
        }
    }
    Ok(broken)
}

struct Trigger {
    name: String,
    table: String,
    sql: String,
}

fn triggers(db: &mut dyn Database) -> Result<Vec<Trigger>> {
    let rows =
        db.query("SELECT name, tbl_name, sql FROM sqlite_master WHERE type = 'trigger' ORDER BY rowid")?;
    let known = rows.into_iter().filter_map(|row| match <[Option<String>; 3]>::try_from(row) {
        Ok([Some(name), Some(table), Some(sql)]) => Some(Trigger { name, table, sql }),
        _ => None,
    });
    Ok(known.collect())
}

/// The triggers that went with a table or view which is there again.
fn make_again(db: &mut dyn Database, triggers: &[Trigger]) -> Result<()> {
    let left: Vec<String> = self::triggers(db)?.into_iter().map(|trigger| trigger.name).collect();
    for trigger in triggers.iter().filter(|trigger| !left.contains(&trigger.name)) {
        let there = format!(
            "SELECT 1 FROM sqlite_master WHERE type IN ('table', 'view') AND name = {} COLLATE NOCASE",
            literal(&trigger.table)
        );
        if !db.query(&there)?.is_empty() {
            db.execute(&trigger.sql)?;
        }
    }
    Ok(())
}

/// How many rows of the table, and of those that refer to it, refer to
/// nothing. Databases whose foreign keys nobody enforces may have such rows.
fn dangling(db: &mut dyn Database, table: &str) -> Result<u64> {
    let tables = format!(
        "SELECT DISTINCT m.name FROM sqlite_master AS m, pragma_foreign_key_list(m.name) AS f \
         WHERE m.type = 'table' AND {} COLLATE NOCASE IN (m.name, f.\"table\")",
        literal(table)
    );
    let mut rows = 0;
    for name in db.query(&tables)?.into_iter().filter_map(|row| row.into_iter().next().flatten()) {
        let count = format!("SELECT COUNT(*) FROM pragma_foreign_key_check({})", literal(&name));
        let found = db.query(&count)?;
        rows += found.first().and_then(|row| row.first()?.as_deref()?.parse::<u64>().ok()).unwrap_or(0);
    }
    Ok(rows)
}
