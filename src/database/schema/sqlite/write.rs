//! The way from a live schema to the declared one, as SQLite can go it: what
//! `ALTER TABLE` does in place, and else the table built anew beside itself
//! (https://www.sqlite.org/lang_altertable.html, section 7).

use std::collections::BTreeMap;

use crate::database::connection::DatabaseError;
use crate::database::schema::diff;
use crate::database::schema::diff::Change;
use crate::database::schema::diff::Difference;
use crate::database::schema::model::Column;
use crate::database::schema::model::Schema;
use crate::database::schema::model::Table;
use crate::database::schema::said;
use crate::database::schema::sqlite::expression;
use crate::database::schema::sqlite::read;
use crate::database::schema::sqlite::shape;
use crate::database::schema::sqlite::shape::literal;
use crate::database::schema::sqlite::shape::quoted;
use crate::database::schema::step::Step;
use crate::database::schema::target::Target;

type Result<T> = std::result::Result<T, DatabaseError>;

/// Before the name of a table that is being built anew.
const NEW: &str = "entracte_new_";

/// All renaming comes first: `ALTER TABLE … RENAME` wants every view to be in
/// order, and a view may name a column that goes until it is replaced itself.
pub(in crate::database::schema) fn steps(live: &Schema, target: &Target) -> Result<Vec<Step>> {
    let differences = diff::diff(live, target);
    let renamed = shape::renamed(live, &differences);
    let mut steps = renames(&differences)?;
    let mut altered: BTreeMap<&str, Vec<Change>> = BTreeMap::new();
    let mut last = Vec::new();
    for Difference { table, changes } in &differences {
        for change in changes {
            match change {
                Change::RenameTable { .. } => {}
                Change::CreateTable(new) => steps.push(created(table, new, change)?),
                Change::CreateView { .. }
                | Change::ReplaceView { .. }
                | Change::DropView
                | Change::DropTable => {
                    last.push(whole(table, change)?);
                }
                change => altered.entry(table).or_default().push(change.clone()),
            }
        }
    }
    for (name, changes) in altered {
        if let Some(live) = renamed.tables.get(name) {
            steps.extend(alteration(name, live, &changes, target)?);
        }
    }
    steps.extend(last);
    Ok(steps)
}

pub(super) fn renames(differences: &[Difference]) -> Result<Vec<Step>> {
    let mut steps = Vec::new();
    for Difference { table, changes } in differences {
        for change in changes {
            let statement = match change {
                Change::RenameTable { from } => {
                    format!("ALTER TABLE {} RENAME TO {}", quoted(from)?, quoted(table)?)
                }
                Change::RenameColumn { from, to } => format!(
                    "ALTER TABLE {} RENAME COLUMN {} TO {}",
                    quoted(table)?,
                    quoted(&from.name)?,
                    quoted(&to.name)?
                ),
                _ => continue,
            };
            let only_renamed = match change {
                Change::RenameColumn { from, to } => Change::RenameColumn {
                    from: Column { name: from.name.clone(), ..to.clone() },
                    to: to.clone(),
                },
                change => change.clone(),
            };
            steps.push(Step {
                table: table.clone(),
                what: vec![said::line(&only_renamed)],
                statements: vec![statement],
            });
        }
    }
    Ok(steps)
}

fn created(name: &str, table: &Table, change: &Change) -> Result<Step> {
    let mut statements = vec![shape::create_table(name, table)?];
    statements.extend(indexes(name, table)?);
    Ok(Step { table: name.to_owned(), what: vec![said::line(change)], statements })
}

fn indexes(name: &str, table: &Table) -> Result<Vec<String>> {
    let indexes = table.keys.iter().filter(|(key, _)| !shape::is_constraint(key));
    indexes.map(|(key, of)| shape::create_index(key, name, of)).collect()
}

fn whole(name: &str, change: &Change) -> Result<Step> {
    let quoted = quoted(name)?;
    let create = |query: &str| match query.starts_with('(') {
        true => format!("CREATE VIEW {quoted} {query}"),
        false => format!("CREATE VIEW {quoted} AS {query}"),
    };
    let statements = match change {
        Change::CreateView { query } => vec![create(query)],
        Change::ReplaceView { to, .. } => vec![format!("DROP VIEW {quoted}"), create(to)],
        Change::DropView => vec![format!("DROP VIEW {quoted}")],
        _ => vec![format!("DROP TABLE {quoted}")],
    };
    Ok(Step { table: name.to_owned(), what: vec![said::line(change)], statements })
}

/// What is left to do once the columns have their names.
fn alteration(name: &str, live: &Table, changes: &[Change], target: &Target) -> Result<Option<Step>> {
    let left: Vec<Change> = changes.iter().filter_map(|change| without_renaming(live, change)).collect();
    if left.is_empty() {
        return Ok(None);
    }
    let mut what: Vec<String> = left.iter().map(said::line).collect();
    let statements = match left.iter().all(|change| is_direct(live, change)) {
        true => directly(name, live, &left)?,
        false => {
            let old = Old { name, table: live };
            let (statements, losses) =
                anew(&old, &shape::changed(live, &left, false, target.schema.tables.get(name)), target)?;
            what.extend(losses);
            what.push("the table is built anew, with its rows, indexes and triggers".into());
            statements
        }
    };
    Ok(Some(Step { table: name.to_owned(), what, statements }))
}

pub(super) fn without_renaming(live: &Table, change: &Change) -> Option<Change> {
    let Change::RenameColumn { to, .. } = change else { return Some(change.clone()) };
    let from = shape::column(live, &to.name)?;
    (from != to).then(|| Change::ModifyColumn { from: from.clone(), to: to.clone() })
}

/// Whether SQLite can do this to a table as it is.
pub(super) fn is_direct(live: &Table, change: &Change) -> bool {
    match change {
        Change::AddKey { name, .. } => !shape::is_constraint(name),
        Change::DropKey { name } => !shape::is_constraint(name) && live.keys.contains_key(name),
        Change::AddColumn { column, .. } => is_addable(column),
        _ => false,
    }
}

fn is_addable(column: &Column) -> bool {
    let constant = column.default.as_deref().is_none_or(expression::is_constant);
    let filled = column.nullable || column.default.is_some();
    let computed = column.generated.as_ref().is_some_and(|generated| generated.stored || !column.nullable);
    constant && filled && !computed && !column.auto_increment
}

fn directly(name: &str, live: &Table, changes: &[Change]) -> Result<Vec<String>> {
    let table = quoted(name)?;
    let new = shape::changed(live, changes, true, None);
    let mut statements = Vec::new();
    for change in changes {
        if let Change::DropKey { name } = change {
            statements.push(format!("DROP INDEX {}", quoted(name)?));
        }
    }
    for change in changes {
        if let Change::AddColumn { column, .. } = change {
            let definition = shape::column_definition(column, None, &new)?;
            statements.push(format!("ALTER TABLE {table} ADD COLUMN {definition}"));
        }
    }
    for change in changes {
        if let Change::AddKey { name: key, key: of } = change {
            statements.push(shape::create_index(key, name, of)?);
        }
    }
    Ok(statements)
}

pub(super) struct Old<'o> {
    pub name: &'o str,
    pub table: &'o Table,
}

/// The statements that put a new table in the place of the old one, and what
/// of its values they change.
fn anew(old: &Old<'_>, new: &Table, target: &Target) -> Result<(Vec<String>, Vec<String>)> {
    let beside = format!("{NEW}{}", old.name);
    let (from, to) = (quoted(old.name)?, quoted(&beside)?);
    let (mut columns, mut values, mut losses) = (Vec::new(), Vec::new(), Vec::new());
    if let Some((into, out)) = rowids(old.table, new) {
        columns.push(into.to_owned());
        values.push(out.to_owned());
    }
    for column in &new.columns {
        let allowed =
            target.hints.may_narrow.get(old.name).is_some_and(|columns| columns.contains(&column.name));
        let Some((value, loss)) = value(old.table, new, column, allowed)? else { continue };
        columns.push(quoted(&column.name)?);
        values.push(value);
        losses.extend(loss);
    }
    // With the old meaning of renaming, views and triggers that name the table
    // are neither looked at nor rewritten while it is away.
    let mut statements =
        vec!["PRAGMA legacy_alter_table = ON".to_owned(), shape::create_table(&beside, new)?];
    if !columns.is_empty() {
        statements.push(format!(
            "INSERT INTO {to} ({}) SELECT {} FROM {from}",
            columns.join(", "),
            values.join(", ")
        ));
    }
    let counts = |table: &Table| table.columns.iter().any(|column| column.auto_increment);
    if counts(old.table) && counts(new) {
        let (was, is) = (literal(old.name), literal(&beside));
        statements.push(format!("DELETE FROM sqlite_sequence WHERE name = {is}"));
        statements.push(format!(
            "INSERT INTO sqlite_sequence (name, seq) SELECT {is}, seq FROM sqlite_sequence WHERE name = {was}"
        ));
    }
    statements.push(format!("DROP TABLE {from}"));
    statements.push(format!("ALTER TABLE {to} RENAME TO {from}"));
    statements.extend(indexes(old.name, new)?);
    Ok((statements, losses))
}

/// The names under which rowids are written and read, where no column brings
/// them along.
fn rowids(old: &Table, new: &Table) -> Option<(&'static str, &'static str)> {
    let free = |table: &Table| {
        ["rowid", "_rowid_", "oid"].into_iter().find(|name| shape::column(table, name).is_none())
    };
    if shape::is_set(old, read::WITHOUT_ROWID) || shape::is_set(new, read::WITHOUT_ROWID) {
        return None;
    }
    match shape::rowid_alias(new).and_then(|alias| shape::column(old, &alias.name)) {
        Some(_) => None,
        None => Some((free(new)?, free(old)?)),
    }
}

/// What goes into a column of the new table; nothing where its default or its
/// expression does. With it, what values are lost by the release's leave.
pub(super) fn value(
    old: &Table,
    new: &Table,
    column: &Column,
    allowed: bool,
) -> Result<Option<(String, Option<String>)>> {
    let counted =
        |table: &Table| shape::rowid_alias(table).is_some_and(|alias| shape::same(&alias.name, &column.name));
    if column.generated.is_some() {
        return Ok(None);
    }
    let Some(found) = shape::column(old, &column.name) else {
        let is_filled = !shape::refuses_null(new, column) || column.default.is_some() || counted(new);
        return Ok((!is_filled).then(|| (neutral(column).to_owned(), None)));
    };
    let plain = quoted(&found.name)?;
    if !allowed {
        return Ok(Some((plain, None)));
    }
    let mut losses = Vec::new();
    let mut value = plain.clone();
    let was_strict = shape::is_set(old, read::STRICT) && found.sql_type == column.sql_type;
    if shape::is_set(new, read::STRICT) && column.sql_type != "any" && !was_strict {
        value = format!("CAST({value} AS {})", storage(&column.sql_type));
        losses.push(format!("column {}: what does not fit is cast", column.name));
    }
    if !shape::refuses_null(old, found) && shape::refuses_null(new, column) && !counted(new) {
        let instead = column.default.clone().unwrap_or_else(|| neutral(column).to_owned());
        losses.push(format!("column {}: NULL becomes {instead}", column.name));
        value = format!("COALESCE({value}, {instead})");
    }
    let loss = (!losses.is_empty()).then(|| losses.join("; "));
    Ok(Some((value, loss)))
}

/// What MySQL fills a new column with that can be neither empty nor default.
fn neutral(column: &Column) -> &'static str {
    match storage(&column.sql_type) {
        "TEXT" => "''",
        "BLOB" => "x''",
        _ => "0",
    }
}

/// The affinity of a declared type (https://www.sqlite.org/datatype3.html, 3.1).
pub(super) fn storage(sql_type: &str) -> &'static str {
    let has = |words: &[&str]| words.iter().any(|word| sql_type.contains(word));
    if has(&["int"]) {
        "INTEGER"
    } else if has(&["char", "clob", "text"]) {
        "TEXT"
    } else if has(&["blob"]) || sql_type.is_empty() {
        "BLOB"
    } else if has(&["real", "floa", "doub"]) {
        "REAL"
    } else {
        "NUMERIC"
    }
}
