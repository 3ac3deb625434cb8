//! What a table will be: the live one with changes, and the statements that
//! make such a table.

use crate::database::connection::DatabaseError;
use crate::database::connection::quote_identifier;
use crate::database::lexer::Dialect;
use crate::database::schema::diff::Change;
use crate::database::schema::diff::Difference;
use crate::database::schema::model::Column;
use crate::database::schema::model::ForeignKey;
use crate::database::schema::model::Key;
use crate::database::schema::model::KeyKind;
use crate::database::schema::model::KeyPart;
use crate::database::schema::model::PRIMARY;
use crate::database::schema::model::Schema;
use crate::database::schema::model::Table;
use crate::database::schema::sqlite::expression;
use crate::database::schema::sqlite::read;

type Result<T> = std::result::Result<T, DatabaseError>;

pub(super) fn quoted(name: &str) -> Result<String> {
    quote_identifier(Dialect::Sqlite, name)
}

pub(super) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

pub(super) fn same(one: &str, other: &str) -> bool {
    one.eq_ignore_ascii_case(other)
}

pub(super) fn column<'t>(table: &'t Table, name: &str) -> Option<&'t Column> {
    table.columns.iter().find(|column| same(&column.name, name))
}

pub(super) fn is_set(table: &Table, option: &str) -> bool {
    table.options.get(option).is_some_and(|value| value == read::YES)
}

/// Whether the key is a constraint within the table rather than an index.
pub(super) fn is_constraint(name: &str) -> bool {
    name == PRIMARY || name.starts_with(read::CONSTRAINT_KEY)
}

/// The column that is another name of the rowid.
pub(super) fn rowid_alias(table: &Table) -> Option<&Column> {
    let key = table.keys.get(PRIMARY)?;
    let [part] = key.parts.as_slice() else { return None };
    let column = column(table, &part.of)?;
    let is_alias = column.sql_type == "integer" && !part.descending && !is_set(table, read::WITHOUT_ROWID);
    is_alias.then_some(column)
}

/// Whether a column refuses NULL, be it only for the kind of its table.
pub(super) fn refuses_null(table: &Table, column: &Column) -> bool {
    let keyed =
        table.keys.get(PRIMARY).is_some_and(|key| key.parts.iter().any(|part| same(&part.of, &column.name)));
    !column.nullable || keyed && (is_set(table, read::STRICT) || is_set(table, read::WITHOUT_ROWID))
}

/// The live schema once all tables and columns have their names of today.
pub(super) fn renamed(live: &Schema, differences: &[Difference]) -> Schema {
    let mut schema = live.clone();
    for Difference { table, changes } in differences {
        for change in changes {
            match change {
                Change::RenameTable { from } => rename_table(&mut schema, from, table),
                Change::RenameColumn { from, to } => rename_column(&mut schema, table, &from.name, &to.name),
                _ => {}
            }
        }
    }
    schema
}

fn rename_table(schema: &mut Schema, from: &str, to: &str) {
    if let Some(table) = schema.tables.remove(from) {
        schema.tables.insert(to.to_owned(), table);
    }
    let keys = schema.tables.values_mut().flat_map(|table| table.foreign.values_mut());
    for key in keys.filter(|key| same(&key.table, from)) {
        to.clone_into(&mut key.table);
    }
}

fn rename_column(schema: &mut Schema, table: &str, from: &str, to: &str) {
    let swap = |names: &mut Vec<String>| {
        names.iter_mut().filter(|name| same(name, from)).for_each(|name| to.clone_into(name));
    };
    let text = |sql: &mut String| *sql = expression::renamed(sql, from, to);
    for (name, other) in &mut schema.tables {
        let keys = other.foreign.values_mut();
        keys.filter(|key| same(&key.table, table)).for_each(|key| swap(&mut key.referenced));
        if name != table {
            continue;
        }
        other.foreign.values_mut().for_each(|key| swap(&mut key.columns));
        other.checks.values_mut().for_each(text);
        for column in &mut other.columns {
            if same(&column.name, from) {
                to.clone_into(&mut column.name);
            }
            column.check.iter_mut().for_each(text);
            column.generated.iter_mut().for_each(|generated| text(&mut generated.expression));
        }
        for key in other.keys.values_mut() {
            key.filter.iter_mut().for_each(text);
            for part in &mut key.parts {
                match part.is_expression {
                    true => text(&mut part.of),
                    false if same(&part.of, from) => to.clone_into(&mut part.of),
                    false => {}
                }
            }
        }
    }
}

/// The table with the changes; `at_end` puts new columns behind all others.
pub(super) fn changed(table: &Table, changes: &[Change], at_end: bool, declared: Option<&Table>) -> Table {
    let was_strict = is_set(table, read::STRICT);
    let mut table = table.clone();
    for change in changes {
        apply(&mut table, change, at_end);
    }
    if was_strict != is_set(&table, read::STRICT) {
        let is_own = |name: &str| declared.is_none_or(|declared| column(declared, name).is_none());
        table
            .columns
            .iter_mut()
            .filter(|column| is_own(&column.name))
            .for_each(|column| keep_type(column, !was_strict));
    }
    table
}

/// What the owner added goes on to hold what it holds when the kind of its
/// table changes: STRICT tables know few types, and only in them does ANY keep
/// texts that look like numbers.
fn keep_type(column: &mut Column, is_strict: bool) {
    if is_strict && !STRICT_TYPES.contains(&column.sql_type.as_str()) {
        "any".clone_into(&mut column.sql_type);
    } else if !is_strict && column.sql_type == "any" {
        column.sql_type.clear();
    }
}

const STRICT_TYPES: [&str; 6] = ["int", "integer", "real", "text", "blob", "any"];

fn apply(table: &mut Table, change: &Change, at_end: bool) {
    match change {
        Change::AddColumn { column, after } => {
            let place = after.as_ref().map_or(Some(0), |after| {
                table.columns.iter().position(|other| same(&other.name, after)).map(|at| at + 1)
            });
            let place = place.filter(|_| !at_end).unwrap_or(table.columns.len());
            table.columns.insert(place, column.clone());
        }
        Change::ModifyColumn { to, .. } | Change::RenameColumn { to, .. } => {
            for column in table.columns.iter_mut().filter(|column| same(&column.name, &to.name)) {
                *column = to.clone();
            }
        }
        Change::DropColumn { name } => drop_column(table, name),
        Change::AddKey { name, key } => {
            table.keys.retain(|other, _| !same(other, name));
            table.keys.insert(name.clone(), key.clone());
        }
        Change::DropKey { name } => table.keys.retain(|other, _| !same(other, name)),
        Change::AddForeignKey { name, key } => {
            table.foreign.insert(name.clone(), key.clone());
        }
        Change::DropForeignKey { name } => table.foreign.retain(|other, _| !same(other, name)),
        Change::AddCheck { name, condition } => {
            table.checks.insert(name.clone(), condition.clone());
        }
        Change::DropCheck { name } => table.checks.retain(|other, _| !same(other, name)),
        Change::SetOption { name, to, .. } => {
            table.options.insert(name.clone(), to.clone());
        }
        _ => {}
    }
}

/// With the indexes and constraints that cannot be without it.
fn drop_column(table: &mut Table, name: &str) {
    table.columns.retain(|column| !same(&column.name, name));
    table.keys.retain(|_, key| {
        let filtered = key.filter.as_ref().is_some_and(|filter| expression::mentions(filter, name));
        !filtered
            && !key.parts.iter().any(|part| match part.is_expression {
                true => expression::mentions(&part.of, name),
                false => same(&part.of, name),
            })
    });
    table.checks.retain(|_, condition| !expression::mentions(condition, name));
    table.foreign.retain(|_, key| !key.columns.iter().any(|column| same(column, name)));
}

pub(super) fn create_table(name: &str, table: &Table) -> Result<String> {
    let inline = inline_primary(table);
    let mut items = Vec::new();
    for at in &table.columns {
        let primary = inline.filter(|(column, _)| column.name == at.name).map(|(_, sql)| sql);
        items.push(column_definition(at, primary, table)?);
    }
    for (name, key) in table.keys.iter().filter(|(name, _)| is_constraint(name)) {
        if name == PRIMARY && inline.is_some() {
            continue;
        }
        let word = if name == PRIMARY { "PRIMARY KEY" } else { "UNIQUE" };
        items.push(format!("{word} ({}){}", parts(&key.parts)?, conflict(table, name)));
    }
    for (name, condition) in &table.checks {
        items.push(format!("{}CHECK ({condition})", constraint(name, read::UNNAMED_CHECK)?));
    }
    for (name, key) in &table.foreign {
        let deferred = table.options.get(&format!("{}{name}", read::DEFERRED));
        let deferred = deferred.map(|deferred| format!(" {deferred}")).unwrap_or_default();
        items.push(format!("{}{}{deferred}", constraint(name, read::UNNAMED_FOREIGN)?, foreign_key(key)?));
    }
    let options: Vec<&str> = [("STRICT", read::STRICT), ("WITHOUT ROWID", read::WITHOUT_ROWID)]
        .into_iter()
        .filter_map(|(word, option)| is_set(table, option).then_some(word))
        .collect();
    let options = if options.is_empty() { String::new() } else { format!(" {}", options.join(", ")) };
    Ok(format!("CREATE TABLE {} (\n  {}\n){options}", quoted(name)?, items.join(",\n  ")))
}

/// A primary key that means something else beside its column than below all
/// of them: one that counts, and one that runs backwards.
fn inline_primary(table: &Table) -> Option<(&Column, &'static str)> {
    let [part] = table.keys.get(PRIMARY)?.parts.as_slice() else { return None };
    let column = column(table, &part.of)?;
    match (column.auto_increment, part.descending && column.sql_type == "integer") {
        (true, _) => Some((column, " PRIMARY KEY")),
        (_, true) => Some((column, " PRIMARY KEY DESC")),
        _ => None,
    }
}

pub(super) fn column_definition(column: &Column, primary: Option<&str>, table: &Table) -> Result<String> {
    let mut sql = quoted(&column.name)?;
    if !column.sql_type.is_empty() {
        sql += &format!(" {}", column.sql_type);
    }
    if let Some(collation) = &column.collation {
        sql += &format!(" COLLATE {}", quoted(collation)?);
    }
    if !column.nullable {
        sql += &format!(" NOT NULL{}", conflict(table, &format!("not null {}", column.name)));
    }
    if let Some(primary) = primary {
        sql += &format!("{primary}{}", conflict(table, PRIMARY));
        sql += if column.auto_increment { " AUTOINCREMENT" } else { "" };
    }
    if let Some(default) = &column.default {
        sql += &format!(" DEFAULT {default}");
    }
    if let Some(generated) = &column.generated {
        let kept = if generated.stored { "STORED" } else { "VIRTUAL" };
        sql += &format!(" GENERATED ALWAYS AS ({}) {kept}", generated.expression);
    }
    if let Some(check) = &column.check {
        sql += &format!(" CHECK ({check})");
    }
    Ok(sql)
}

fn conflict(table: &Table, of: &str) -> String {
    let word = table.options.get(&format!("{}{of}", read::ON_CONFLICT));
    word.map(|word| format!(" ON CONFLICT {word}")).unwrap_or_default()
}

fn constraint(name: &str, unnamed: &str) -> Result<String> {
    if name.starts_with(unnamed) {
        return Ok(String::new());
    }
    Ok(format!("CONSTRAINT {} ", quoted(name)?))
}

fn list(names: &[String]) -> Result<String> {
    Ok(names.iter().map(|name| quoted(name)).collect::<Result<Vec<_>>>()?.join(", "))
}

fn foreign_key(key: &ForeignKey) -> Result<String> {
    let mut sql = format!("FOREIGN KEY ({}) REFERENCES {}", list(&key.columns)?, quoted(&key.table)?);
    if !key.referenced.is_empty() {
        sql += &format!(" ({})", list(&key.referenced)?);
    }
    for (word, action) in [("DELETE", &key.on_delete), ("UPDATE", &key.on_update)] {
        if action != "NO ACTION" {
            sql += &format!(" ON {word} {action}");
        }
    }
    Ok(sql)
}

pub(super) fn parts(parts: &[KeyPart]) -> Result<String> {
    let one = |part: &KeyPart| {
        let mut sql = if part.is_expression { format!("({})", part.of) } else { quoted(&part.of)? };
        if let Some(collation) = &part.collation {
            sql += &format!(" COLLATE {}", quoted(collation)?);
        }
        Ok(if part.descending { sql + " DESC" } else { sql })
    };
    Ok(parts.iter().map(one).collect::<Result<Vec<_>>>()?.join(", "))
}

pub(super) fn create_index(name: &str, table: &str, key: &Key) -> Result<String> {
    let unique = if key.kind == KeyKind::Unique { "UNIQUE " } else { "" };
    let filter = key.filter.as_ref().map(|filter| format!(" WHERE {filter}")).unwrap_or_default();
    Ok(format!(
        "CREATE {unique}INDEX {} ON {} ({}){filter}",
        quoted(name)?,
        quoted(table)?,
        parts(&key.parts)?
    ))
}
