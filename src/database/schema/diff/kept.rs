//! What the release does not know, and what nevertheless has to go.

use crate::database::schema::diff::Change;
use crate::database::schema::diff::names;
use crate::database::schema::model::ForeignKey;
use crate::database::schema::model::Schema;
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

/// The target with the foreign keys that stay though the release does not
/// name them, or not so: one that has to go on the way comes back, even if
/// whoever goes on finds it gone.
pub fn settled(live: &Schema, mut target: Target) -> Target {
    let today = names::renamed(live, &target).live;
    let mut kept = Vec::new();
    for (name, table) in today.tables.iter().filter(|(name, _)| !is_dropped(name, &target)) {
        let in_the_way = foreign_keys_in_the_way(name, table, &target);
        let stays = |key: &&String| {
            let goes = Change::DropForeignKey { name: (*key).clone() };
            !is_dropped_key(name, key, &target) && !in_the_way.contains(&goes)
        };
        let keys: Vec<String> = table.foreign.keys().filter(stays).cloned().collect();
        let refers = keys.iter().any(|key| target.schema.tables.contains_key(&table.foreign[key].table));
        if target.schema.tables.contains_key(name) || refers {
            kept.push((name.clone(), keys));
        }
    }
    for (name, keys) in kept {
        let table = &today.tables[&name];
        // A table that is not the release's is to be what it is.
        let wanted = target.schema.tables.entry(name).or_insert_with(|| table.clone());
        for key in keys {
            if wanted.foreign.contains_key(&key) {
                continue;
            }
            let same = wanted
                .foreign
                .iter()
                .find(|(other, found)| **found == table.foreign[&key] && !table.foreign.contains_key(*other));
            if let Some(other) = same.map(|(other, _)| other.clone()) {
                wanted.foreign.remove(&other);
            }
            let found = table.foreign[&key].clone();
            wanted.foreign.insert(key, found);
        }
    }
    target
}
