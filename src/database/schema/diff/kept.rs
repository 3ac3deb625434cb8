//! What the release does not know, and what nevertheless has to go.

use crate::database::schema::diff::Change;
use crate::database::schema::model::ForeignKey;
use crate::database::schema::model::Table;
use crate::database::schema::target::Target;

/// Whether the release names a table as dropped, and does not declare it.
pub(super) fn is_dropped(table: &str, target: &Target) -> bool {
    target.hints.dropped_tables.contains(table) && !target.schema.tables.contains_key(table)
}

/// Whether the release names a column as dropped, and does not declare it.
pub(super) fn is_dropped_column(table: &str, column: &str, target: &Target) -> bool {
    let declared = target.schema.tables.get(table).is_some_and(|table| table.column(column).is_some());
    !declared && target.hints.dropped_columns.get(table).is_some_and(|columns| columns.contains(column))
}

pub(super) fn is_dropped_key(table: &str, key: &str, target: &Target) -> bool {
    target.hints.dropped_keys.get(table).is_some_and(|keys| keys.contains(key))
}

/// Foreign keys that nobody declares and that refer to what goes away.
pub(super) fn foreign_keys_in_the_way(name: &str, table: &Table, target: &Target) -> Vec<Change> {
    let goes = |key: &ForeignKey| {
        is_dropped(&key.table, target)
            || key.columns.iter().any(|column| is_dropped_column(name, column, target))
            || key.referenced.iter().any(|column| is_dropped_column(&key.table, column, target))
    };
    let dropped = table.foreign.iter().filter(|(_, key)| goes(key) && !is_dropped(name, target));
    dropped.map(|(name, _)| Change::DropForeignKey { name: name.clone() }).collect()
}
