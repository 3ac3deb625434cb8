//! Names of the past, and names within SQL.

use std::collections::BTreeMap;

use crate::database::schema::diff::Change;
use crate::database::schema::diff::Difference;
use crate::database::schema::model::Column;
use crate::database::schema::model::Schema;
use crate::database::schema::model::Table;
use crate::database::schema::target::Target;

/// The live schema as it stands once everything has its name of today.
/// Columns are spelt as the release spells them, since no server tells `ID`
/// from `id`.
pub(super) struct Renamed {
    pub live: Schema,
    pub tables: Vec<Difference>,
    /// Table, then the column's name of today, to what it is now.
    pub columns: BTreeMap<String, BTreeMap<String, Column>>,
}

pub(super) fn renamed(live: &Schema, target: &Target) -> Renamed {
    let mut renamed = Renamed { live: live.clone(), tables: Vec::new(), columns: BTreeMap::new() };
    for (name, former) in &target.hints.renamed_tables {
        let there = |old: &&String| {
            renamed.live.tables.contains_key(*old) && !target.schema.tables.contains_key(*old)
        };
        let wanted = target.schema.tables.contains_key(name) && !renamed.live.tables.contains_key(name);
        let Some(from) = former.iter().find(there).filter(|_| wanted).cloned() else { continue };
        rename_table(&mut renamed.live, &from, name);
        renamed.tables.push(Difference { table: name.clone(), changes: vec![Change::RenameTable { from }] });
    }
    for (name, wanted) in &target.schema.tables {
        spell_as(&mut renamed.live, name, wanted);
        rename_columns(&mut renamed, name, wanted, target);
    }
    renamed
}

fn rename_columns(renamed: &mut Renamed, name: &str, wanted: &Table, target: &Target) {
    for (to, former) in target.hints.renamed_columns.get(name).into_iter().flatten() {
        let Some(found) = renamed.live.tables.get(name) else { return };
        if wanted.column(to).is_none() || found.column(to).is_some() {
            continue;
        }
        let free = former.iter().filter(|old| wanted.column(old).is_none());
        let Some(old) = free.filter_map(|old| found.column(old)).next().cloned() else { continue };
        rename_column(&mut renamed.live, name, &old.name, to);
        renamed.columns.entry(name.to_owned()).or_default().insert(to.clone(), old);
    }
}

fn rename_table(live: &mut Schema, from: &str, to: &str) {
    if let Some(table) = live.tables.remove(from) {
        live.tables.insert(to.to_owned(), table);
    }
    for key in live.tables.values_mut().flat_map(|table| table.foreign.values_mut()) {
        if key.table == from {
            to.clone_into(&mut key.table);
        }
    }
}

fn spell_as(live: &mut Schema, name: &str, wanted: &Table) {
    let Some(found) = live.tables.get(name) else { return };
    let mut respelt = Vec::new();
    for column in found.columns.iter().filter(|column| wanted.column(&column.name).is_none()) {
        let same = |other: &&Column| is_same(&other.name, &column.name);
        if let Some(other) = wanted.columns.iter().find(same) {
            respelt.push((column.name.clone(), other.name.clone()));
        }
    }
    for (from, to) in respelt {
        rename_column(live, name, &from, &to);
    }
    let Some(found) = live.tables.get_mut(name) else { return };
    respell(&mut found.keys, wanted.keys.keys());
    respell(&mut found.foreign, wanted.foreign.keys());
    respell(&mut found.checks, wanted.checks.keys());
}

fn respell<'a, T>(found: &mut BTreeMap<String, T>, wanted: impl Iterator<Item = &'a String>) {
    for name in wanted.filter(|name| !name.is_empty()) {
        let other = found.keys().find(|other| is_same(other, name) && *other != name).cloned();
        if let Some(value) =
            other.filter(|_| !found.contains_key(name)).and_then(|other| found.remove(&other))
        {
            found.insert(name.clone(), value);
        }
    }
}

fn is_same(one: &str, other: &str) -> bool {
    one.to_lowercase() == other.to_lowercase()
}

/// Gives a column of a live table another name, wherever it is named.
fn rename_column(live: &mut Schema, table: &str, from: &str, to: &str) {
    for (name, other) in &mut live.tables {
        for key in other.foreign.values_mut().filter(|key| key.table == table) {
            rename_in(&mut key.referenced, from, to);
        }
        if name == table {
            rename_column_of(other, from, to);
        }
    }
}

fn rename_column_of(table: &mut Table, from: &str, to: &str) {
    for column in table.columns.iter_mut().filter(|column| column.name == from) {
        to.clone_into(&mut column.name);
    }
    let parts = table.keys.values_mut().flat_map(|key| &mut key.parts);
    for part in parts.filter(|part| !part.is_expression && part.of == from) {
        to.clone_into(&mut part.of);
    }
    for key in table.foreign.values_mut() {
        rename_in(&mut key.columns, from, to);
    }
    // The server renames within expressions, too.
    let (from, to) = (format!("`{from}`"), format!("`{to}`"));
    let rename = |sql: &mut String| *sql = sql.replace(&from, &to);
    table.checks.values_mut().for_each(rename);
    for column in &mut table.columns {
        column.check.iter_mut().for_each(rename);
        column.default.iter_mut().for_each(rename);
        column.generated.iter_mut().for_each(|generated| rename(&mut generated.expression));
    }
    let parts = table.keys.values_mut().flat_map(|key| &mut key.parts);
    parts.filter(|part| part.is_expression).for_each(|part| rename(&mut part.of));
}

fn rename_in(names: &mut [String], from: &str, to: &str) {
    for name in names.iter_mut().filter(|name| *name == from) {
        to.clone_into(name);
    }
}

/// Whether a name stands in a piece of SQL as a word of its own.
pub(in crate::database::schema) fn mentions(sql: &str, name: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || c == '_' || c == '$';
    let (sql, name) = (sql.to_lowercase(), name.to_lowercase());
    sql.match_indices(&name).any(|(at, _)| {
        let (before, after) = (sql[..at].chars().next_back(), sql[at + name.len()..].chars().next());
        !name.is_empty() && !before.is_some_and(is_part) && !after.is_some_and(is_part)
    })
}

/// Whether two queries are the same but for the brackets in which MariaDB puts
/// all tables of a view, or does not.
pub(super) fn is_same_query(one: &str, other: &str) -> bool {
    one == other || without_brackets(one) == without_brackets(other)
}

fn without_brackets(query: &str) -> String {
    let mut kept = query.to_owned();
    let mut from = 0;
    while let Some(at) = kept[from..].find(" from (").map(|at| from + at + " from ".len()) {
        let opening = kept[at..].chars().take_while(|c| *c == '(').count();
        let is_table = kept[at + opening..].starts_with('`');
        match closing(&kept, at).filter(|_| is_table) {
            Some(end) => {
                kept.remove(end);
                kept.remove(at);
                from = at - " from ".len();
            }
            None => from = at,
        }
    }
    kept
}

/// The place of the bracket that closes the one at `opening`.
fn closing(query: &str, opening: usize) -> Option<usize> {
    let mut depth = 0;
    let mut quote = None;
    for (at, c) in query.char_indices().skip_while(|(at, _)| *at < opening) {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '`' | '"') => quote = Some(c),
            (None, '(') => depth += 1,
            (None, ')') if depth == 1 => return Some(at),
            (None, ')') => depth -= 1,
            _ => {}
        }
    }
    None
}
