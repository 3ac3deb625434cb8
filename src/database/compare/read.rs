//! What the comparison needs to know of a database: its tables with columns
//! and keys, its views.

use crate::database::compare::side::Side;
use crate::database::connection::DatabaseError;
use crate::database::connection::quote_identifier;
use crate::database::lexer::Dialect;
use crate::database::schema::model::Column;
use crate::database::schema::model::Generated;
use crate::database::schema::model::Key;
use crate::database::schema::model::KeyKind;
use crate::database::schema::model::KeyPart;
use crate::database::schema::model::PRIMARY;
use crate::database::schema::model::Schema;
use crate::database::schema::model::Table;
use crate::database::scope::Scope;

const COLUMNS: &str = "SELECT c.table_name, c.column_name, c.column_type, c.is_nullable, c.column_default, \
     c.extra, c.collation_name, c.generation_expression FROM information_schema.columns c \
     JOIN information_schema.tables t ON t.table_schema = c.table_schema AND t.table_name = c.table_name \
     WHERE c.table_schema = DATABASE() AND t.table_type IN ('BASE TABLE', 'SYSTEM VERSIONED') \
     ORDER BY c.table_name, c.ordinal_position";
const KEYS: &str = "SELECT table_name, index_name, non_unique, column_name, sub_part, index_type \
     FROM information_schema.statistics WHERE table_schema = DATABASE() \
     ORDER BY table_name, index_name, seq_in_index";
const OPTIONS: &str = "SELECT table_name, table_collation FROM information_schema.tables \
     WHERE table_schema = DATABASE() AND table_collation IS NOT NULL";
const VIEWS: &str = "SELECT table_name, view_definition FROM information_schema.views \
     WHERE table_schema = DATABASE()";

pub(super) fn schema(side: &mut Side, scope: &Scope) -> Result<Schema, DatabaseError> {
    let mut schema = match side.dialect() {
        Dialect::MySql => of_mysql(side)?,
        Dialect::Sqlite => of_sqlite(side)?,
    };
    schema.tables.retain(|name, _| scope.holds(name));
    schema.views.retain(|name, _| scope.holds(name));
    Ok(schema)
}

fn of_mysql(side: &mut Side) -> Result<Schema, DatabaseError> {
    let db = side.database();
    let mut schema = Schema::default();
    for row in db.query(COLUMNS)? {
        let Ok([Some(table), Some(name), Some(sql_type), nullable, default, extra, collation, generated]) =
            <[Option<String>; 8]>::try_from(row)
        else {
            continue;
        };
        let extra = extra.unwrap_or_default().to_ascii_lowercase();
        let expression = generated.filter(|text| !text.is_empty());
        let column = Column {
            name,
            sql_type,
            nullable: nullable.as_deref() == Some("YES"),
            // MariaDB writes the word, MySQL writes nothing.
            default: default.filter(|text| text != "NULL"),
            auto_increment: extra.contains("auto_increment"),
            generated: expression
                .map(|expression| Generated { expression, stored: !extra.contains("virtual") }),
            collation,
            ..Column::default()
        };
        schema.tables.entry(table).or_default().columns.push(column);
    }
    for row in db.query(KEYS)? {
        if let Ok(row) = <[Option<String>; 6]>::try_from(row) {
            add_key_part(&mut schema, row);
        }
    }
    for row in db.query(OPTIONS)? {
        if let Ok([Some(table), Some(collation)]) = <[Option<String>; 2]>::try_from(row)
            && let Some(table) = schema.tables.get_mut(&table)
        {
            table.options.insert("collation".into(), collation);
        }
    }
    let name = db.query("SELECT DATABASE()")?.into_iter().flatten().next().flatten().unwrap_or_default();
    let database = format!("{}.", quote_identifier(Dialect::MySql, &name)?);
    for row in db.query(VIEWS)? {
        if let Ok([Some(view), Some(query)]) = <[Option<String>; 2]>::try_from(row) {
            // The server writes the database's name before that of each table.
            schema.views.insert(view, query.replace(&database, ""));
        }
    }
    Ok(schema)
}

fn add_key_part(schema: &mut Schema, row: [Option<String>; 6]) {
    let [Some(table), Some(name), not_unique, column, length, kind] = row else { return };
    let Some(table) = schema.tables.get_mut(&table) else { return };
    let kind = match (kind.as_deref(), not_unique.as_deref()) {
        (Some("FULLTEXT"), _) => KeyKind::FullText,
        (Some("SPATIAL"), _) => KeyKind::Spatial,
        (_, Some("0")) if name == PRIMARY => KeyKind::Primary,
        (_, Some("0")) => KeyKind::Unique,
        _ => KeyKind::Plain,
    };
    let key = table.keys.entry(name).or_insert_with(|| Key { kind, parts: Vec::new(), filter: None });
    key.parts.push(KeyPart {
        is_expression: column.is_none(),
        of: column.unwrap_or_default(),
        length: length.and_then(|length| length.parse().ok()),
        descending: false,
        collation: None,
    });
}

fn of_sqlite(side: &mut Side) -> Result<Schema, DatabaseError> {
    let db = side.database();
    let mut schema = Schema::default();
    let infos = db.tables()?;
    for info in infos {
        match info.is_base() {
            true => {
                let table = sqlite_table(side, &info.name)?;
                schema.tables.insert(info.name, table);
            }
            false => {
                schema.views.insert(info.name, String::new());
            }
        }
    }
    Ok(schema)
}

fn sqlite_table(side: &mut Side, name: &str) -> Result<Table, DatabaseError> {
    let db = side.database();
    let quoted = quote_identifier(Dialect::Sqlite, name)?;
    let mut table = Table::default();
    let mut primary: Vec<(u32, String)> = Vec::new();
    for row in db.query(&format!("PRAGMA table_xinfo({quoted})"))? {
        let Ok([_, Some(name), sql_type, not_null, default, place, hidden]) =
            <[Option<String>; 7]>::try_from(row)
        else {
            continue;
        };
        let place = place.and_then(|place| place.parse().ok()).unwrap_or(0);
        if place > 0 {
            primary.push((place, name.clone()));
        }
        let is_generated = matches!(hidden.as_deref(), Some("2" | "3"));
        table.columns.push(Column {
            name,
            sql_type: sql_type.unwrap_or_default().to_lowercase(),
            nullable: not_null.as_deref() == Some("0") && place == 0,
            default,
            generated: is_generated
                .then(|| Generated { expression: String::new(), stored: hidden.as_deref() == Some("3") }),
            ..Column::default()
        });
    }
    primary.sort();
    if !primary.is_empty() {
        let parts = primary.into_iter().map(|(_, of)| part(of)).collect();
        table.keys.insert(PRIMARY.into(), Key { kind: KeyKind::Primary, parts, filter: None });
    }
    sqlite_keys(side, &quoted, &mut table)?;
    Ok(table)
}

fn sqlite_keys(side: &mut Side, quoted: &str, table: &mut Table) -> Result<(), DatabaseError> {
    let db = side.database();
    for row in db.query(&format!("PRAGMA index_list({quoted})"))? {
        let Ok([_, Some(name), unique, origin, partial]) = <[Option<String>; 5]>::try_from(row) else {
            continue;
        };
        if origin.as_deref() == Some("pk") {
            continue;
        }
        let index = quote_identifier(Dialect::Sqlite, &name)?;
        let columns = db.query(&format!("PRAGMA index_info({index})"))?;
        let of = |row: Vec<Option<String>>| row.into_iter().nth(2).flatten();
        let parts = columns.into_iter().map(|row| match of(row) {
            Some(column) => part(column),
            None => KeyPart { is_expression: true, ..part(String::new()) },
        });
        let kind = if unique.as_deref() == Some("1") { KeyKind::Unique } else { KeyKind::Plain };
        let filter = (partial.as_deref() == Some("1")).then(String::new);
        table.keys.insert(name, Key { kind, parts: parts.collect(), filter });
    }
    Ok(())
}

fn part(of: String) -> KeyPart {
    KeyPart { of, is_expression: false, length: None, descending: false, collation: None }
}
