//! What stands in a MySQL database: tables, columns, views, triggers, routines
//! and events, each with the statement that makes it again.

use crate::database::connection::DatabaseError;
use crate::database::connection::TableInfo;
use crate::database::connection::TableKind;
use crate::database::connection::quote_identifier;
use crate::database::lexer::Dialect;
use crate::database::mysql::MySql;
use crate::database::mysql::literal;
use crate::database::object::Object;
use crate::database::object::ObjectKind;
use crate::database::scope::Scope;

/// One column as far as its values are concerned.
pub(in crate::database) struct Column {
    pub name: String,
    /// The bare type in lower case: `varchar`, `bit`.
    pub kind: String,
    pub charset: Option<String>,
    pub generated: bool,
}

/// What makes an object again, with the session it was made in.
pub(in crate::database) struct Definition {
    pub statement: String,
    pub sql_mode: Option<String>,
    pub charset: Option<String>,
    pub collation: Option<String>,
    pub time_zone: Option<String>,
}

pub(in crate::database) fn quoted(name: &str) -> Result<String, DatabaseError> {
    quote_identifier(Dialect::MySql, name)
}

pub(in crate::database) fn tables(db: &mut MySql) -> Result<Vec<TableInfo>, DatabaseError> {
    let query = "SELECT table_name, table_type, COALESCE(table_rows, 0), \
                 COALESCE(data_length, 0) + COALESCE(index_length, 0) \
                 FROM information_schema.tables WHERE table_schema = DATABASE() \
                 AND table_type IN ('BASE TABLE', 'SYSTEM VERSIONED', 'VIEW')";
    let mut tables: Vec<TableInfo> = db.texts(query)?.into_iter().filter_map(table).collect();
    tables.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(tables)
}

fn table(row: Vec<String>) -> Option<TableInfo> {
    let [name, kind, rows, bytes] = <[String; 4]>::try_from(row).ok()?;
    let kind = if kind == "VIEW" { TableKind::View } else { TableKind::Table };
    Some(TableInfo { name, kind, rows: rows.parse().unwrap_or(0), bytes: bytes.parse().unwrap_or(0) })
}

/// Tables that a plain dump cannot bring back: their kind, by name.
pub(in crate::database) fn unsupported(
    db: &mut MySql,
    scope: &Scope,
) -> Result<Option<(String, String)>, DatabaseError> {
    let query = "SELECT table_name, table_type FROM information_schema.tables \
                 WHERE table_schema = DATABASE() AND table_type NOT IN ('BASE TABLE', 'VIEW')";
    let found = db.texts(query)?.into_iter().filter_map(|row| <[String; 2]>::try_from(row).ok());
    Ok(found.map(|[name, kind]| (name, kind)).find(|(name, _)| scope.holds(name)))
}

/// Tables in the scope whose rows no snapshot holds still.
pub(in crate::database) fn without_snapshot(
    db: &mut MySql,
    scope: &Scope,
) -> Result<Vec<String>, DatabaseError> {
    let query = "SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE() \
                 AND table_type = 'BASE TABLE' AND engine <> 'InnoDB' ORDER BY table_name";
    Ok(db.texts(query)?.into_iter().flatten().filter(|name| scope.holds(name)).collect())
}

pub(in crate::database) fn columns(db: &mut MySql, table: &str) -> Result<Vec<Column>, DatabaseError> {
    let query = format!(
        "SELECT column_name, data_type, COALESCE(character_set_name, ''), extra \
         FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = {} \
         ORDER BY ordinal_position",
        literal(table)
    );
    let columns: Vec<Column> = db.texts(&query)?.into_iter().filter_map(column).collect();
    match columns.is_empty() {
        true => Err(DatabaseError::answer(&query, "no column")),
        false => Ok(columns),
    }
}

fn column(row: Vec<String>) -> Option<Column> {
    let [name, kind, charset, extra] = <[String; 4]>::try_from(row).ok()?;
    let extra = extra.to_ascii_uppercase();
    let generated = ["VIRTUAL", "PERSISTENT", "STORED GENERATED"].iter().any(|word| extra.contains(word));
    let charset = Some(charset).filter(|charset| !charset.is_empty());
    Some(Column { name, kind: kind.to_ascii_lowercase(), charset, generated })
}

/// The statement that makes a table, as the server writes it.
pub(in crate::database) fn create_table(db: &mut MySql, table: &str) -> Result<String, DatabaseError> {
    let query = format!("SHOW CREATE TABLE {}", quoted(table)?);
    let row = db.texts(&query)?.into_iter().next().unwrap_or_default();
    row.into_iter().nth(1).ok_or_else(|| DatabaseError::answer(&query, "no definition"))
}

/// The table's definition without the counter that every new row moves.
pub(in crate::database) fn without_counter(create: &str) -> String {
    let Some(options) = create.rfind("\n) ") else { return create.to_owned() };
    let (body, tail) = create.split_at(options);
    let words_end = tail.find(" COMMENT='").unwrap_or(tail.len());
    let (words, comment) = tail.split_at(words_end);
    let Some((before, after)) = words.split_once(" AUTO_INCREMENT=") else { return create.to_owned() };
    let after = after.trim_start_matches(|c: char| c.is_ascii_digit());
    format!("{body}{before}{after}{comment}")
}

/// Views, triggers, routines and events of the scope, each kind in the order
/// in which they must be made.
pub(in crate::database) fn objects(db: &mut MySql, scope: &Scope) -> Result<Vec<Object>, DatabaseError> {
    let mut objects = Vec::new();
    for (kind, query) in [
        (ObjectKind::Function, ROUTINES.replace("KIND", "FUNCTION")),
        (ObjectKind::Procedure, ROUTINES.replace("KIND", "PROCEDURE")),
        (ObjectKind::View, VIEWS.to_owned()),
        (ObjectKind::Trigger, TRIGGERS.to_owned()),
        (ObjectKind::Event, EVENTS.to_owned()),
    ] {
        for row in db.texts(&query)? {
            let Ok([name, owner]) = <[String; 2]>::try_from(row) else { continue };
            let held = match kind {
                ObjectKind::View | ObjectKind::Trigger => scope.holds(&owner),
                _ => scope.holds_routine(&name),
            };
            if held {
                objects.push(Object { kind, name });
            }
        }
    }
    Ok(objects)
}

const VIEWS: &str = "SELECT table_name, table_name FROM information_schema.tables \
                     WHERE table_schema = DATABASE() AND table_type = 'VIEW' ORDER BY table_name";
const ROUTINES: &str = "SELECT routine_name, routine_name FROM information_schema.routines \
                        WHERE routine_schema = DATABASE() AND routine_type = 'KIND' ORDER BY routine_name";
const TRIGGERS: &str = "SELECT trigger_name, event_object_table FROM information_schema.triggers \
                        WHERE trigger_schema = DATABASE() \
                        ORDER BY event_object_table, event_manipulation, action_timing, action_order";
const EVENTS: &str = "SELECT event_name, event_name FROM information_schema.events \
                      WHERE event_schema = DATABASE() ORDER BY event_name";

/// The objects of the scope with the account each acts as.
pub(in crate::database) fn definers(
    db: &mut MySql,
    scope: &Scope,
) -> Result<Vec<(Object, String)>, DatabaseError> {
    let mut found = Vec::new();
    for (kinds, query) in DEFINERS {
        for row in db.texts(query)? {
            let Ok([kind, name, definer]) = <[String; 3]>::try_from(row) else { continue };
            if let Some(kind) = kinds.iter().find(|one| one.word() == kind) {
                found.push((Object { kind: *kind, name }, definer));
            }
        }
    }
    let held = objects(db, scope)?;
    found.retain(|(object, _)| held.contains(object));
    Ok(found)
}

const DEFINERS: [(&[ObjectKind], &str); 4] = [
    (
        &[ObjectKind::View],
        "SELECT 'VIEW', table_name, definer FROM information_schema.views WHERE table_schema = DATABASE()",
    ),
    (
        &[ObjectKind::Trigger],
        "SELECT 'TRIGGER', trigger_name, definer FROM information_schema.triggers \
         WHERE trigger_schema = DATABASE()",
    ),
    (
        &[ObjectKind::Procedure, ObjectKind::Function],
        "SELECT routine_type, routine_name, definer FROM information_schema.routines \
         WHERE routine_schema = DATABASE()",
    ),
    (
        &[ObjectKind::Event],
        "SELECT 'EVENT', event_name, definer FROM information_schema.events WHERE event_schema = DATABASE()",
    ),
];

/// The definition of one object; an error when the server does not show it to us.
pub(in crate::database) fn definition(db: &mut MySql, object: &Object) -> Result<Definition, DatabaseError> {
    let query = format!("SHOW CREATE {} {}", object.kind.word(), quoted(&object.name)?);
    let row = db.rows(&query)?.into_iter().next().unwrap_or_default();
    let text = |at: usize| {
        let cell = row.get(at).cloned().flatten();
        cell.map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
    };
    // Columns as the manual of SHOW CREATE lists them for each kind.
    let (statement, sql_mode, charset, time_zone) = match object.kind {
        ObjectKind::View => (1, None, 2, None),
        ObjectKind::Event => (3, text(1), 4, text(2)),
        ObjectKind::Trigger | ObjectKind::Procedure | ObjectKind::Function => (2, text(1), 3, None),
    };
    let hidden = "no definition: the user may not see it";
    Ok(Definition {
        statement: text(statement).ok_or_else(|| DatabaseError::answer(&query, hidden))?,
        sql_mode,
        charset: text(charset),
        collation: text(charset + 1),
        time_zone,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_counter_is_left_out() {
        for (create, expected) in [
            (
                "CREATE TABLE `t` (\n  `a` int\n) ENGINE=InnoDB AUTO_INCREMENT=7 DEFAULT CHARSET=utf8mb4",
                "CREATE TABLE `t` (\n  `a` int\n) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4",
            ),
            (
                "CREATE TABLE `t` (\n  `a` int\n) ENGINE=InnoDB COMMENT=' AUTO_INCREMENT=7'",
                "CREATE TABLE `t` (\n  `a` int\n) ENGINE=InnoDB COMMENT=' AUTO_INCREMENT=7'",
            ),
            (
                "CREATE TABLE ` AUTO_INCREMENT=1` (\n  `a` int\n) ENGINE=InnoDB",
                "CREATE TABLE ` AUTO_INCREMENT=1` (\n  `a` int\n) ENGINE=InnoDB",
            ),
        ] {
            assert_eq!(without_counter(create), expected);
        }
    }
}
