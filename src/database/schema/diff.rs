//! What has to change so that a live schema becomes the declared one.
//!
//! What the release does not know stays, unless it names it as dropped. No
//! server is asked: both models were read by the same one.

mod kept;
mod names;
mod table;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use serde::Deserialize;
use serde::Serialize;

use crate::database::schema::model::Column;
use crate::database::schema::model::ForeignKey;
use crate::database::schema::model::Key;
use crate::database::schema::model::Schema;
use crate::database::schema::model::Table;
use crate::database::schema::target::Target;

pub use self::kept::settled;
pub(in crate::database::schema) use self::names::mentions;

/// Changes of one table or view that belong together. A table may come
/// several times: its foreign keys go before and come after all the rest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// The table or view, by its new name.
    pub table: String,
    pub changes: Vec<Change>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// With its foreign keys; the tables they refer to come before it, unless they go in a circle.
    CreateTable(Table),
    DropTable,
    RenameTable {
        from: String,
    },
    AddColumn {
        column: Column,
        /// `None` is the first place.
        after: Option<String>,
    },
    /// `to` says everything; what the release leaves open is as it is in `from`.
    ModifyColumn {
        from: Column,
        to: Column,
    },
    /// With whatever else changes of the column.
    RenameColumn {
        from: Column,
        to: Column,
    },
    DropColumn {
        name: String,
    },
    AddKey {
        name: String,
        key: Key,
    },
    DropKey {
        name: String,
    },
    AddForeignKey {
        name: String,
        key: ForeignKey,
    },
    DropForeignKey {
        name: String,
    },
    AddCheck {
        name: String,
        condition: String,
    },
    DropCheck {
        name: String,
    },
    SetOption {
        name: String,
        from: Option<String>,
        to: String,
    },
    CreateView {
        query: String,
    },
    ReplaceView {
        from: String,
        to: String,
    },
    DropView,
}

/// The differences in the order in which they can be ended: tables renamed,
/// foreign keys that are in the way dropped, tables created, tables altered,
/// foreign keys added, views, and at last what goes.
pub fn diff(live: &Schema, target: &Target) -> Vec<Difference> {
    let names::Renamed { live, tables: renamed, columns } = names::renamed(live, target);
    let mut before = Vec::new();
    let mut altered = Vec::new();
    let mut after = Vec::new();
    for name in target.schema.tables.keys() {
        let Some(found) = live.tables.get(name) else { continue };
        let parts = table::compare(name, found, target, columns.get(name));
        push(&mut before, name, parts.foreign_dropped);
        push(&mut altered, name, parts.altered);
        push(&mut after, name, parts.foreign_added);
    }
    for (name, table) in live.tables.iter().filter(|(name, _)| !target.schema.tables.contains_key(*name)) {
        push(&mut before, name, kept::foreign_keys_in_the_way(name, table, target));
    }
    let mut differences = renamed;
    differences.extend(before);
    differences.extend(created(&live, target));
    differences.extend(altered);
    differences.extend(after);
    differences.extend(views(&live, target));
    differences.extend(dropped(&live, target));
    differences
}

/// The live schema as it stands once everything has its name of today.
pub(in crate::database::schema) fn named_as_today(live: &Schema, target: &Target) -> Schema {
    names::renamed(live, target).live
}

fn push(differences: &mut Vec<Difference>, table: &str, changes: Vec<Change>) {
    if !changes.is_empty() {
        differences.push(Difference { table: table.to_owned(), changes });
    }
}

fn created(live: &Schema, target: &Target) -> Vec<Difference> {
    let new: BTreeMap<&str, BTreeSet<&str>> = target
        .schema
        .tables
        .iter()
        .filter(|(name, _)| !live.tables.contains_key(*name))
        .map(|(name, table)| (name.as_str(), parents(table)))
        .collect();
    let one = |name: &str| Difference {
        table: name.to_owned(),
        changes: vec![Change::CreateTable(target.schema.tables[name].clone())],
    };
    in_order(&new).into_iter().map(one).collect()
}

fn parents(table: &Table) -> BTreeSet<&str> {
    table.foreign.values().map(|key| key.table.as_str()).collect()
}

fn views(live: &Schema, target: &Target) -> Vec<Difference> {
    let all: BTreeMap<&str, BTreeSet<&str>> = target
        .schema
        .views
        .iter()
        .map(|(name, query)| {
            let used = target.schema.views.keys().filter(|other| names::mentions(query, other));
            (name.as_str(), used.map(String::as_str).collect())
        })
        .collect();
    let mut differences = Vec::new();
    for name in in_order(&all) {
        let query = target.schema.views[name].clone();
        let change = match live.views.get(name) {
            None => Change::CreateView { query },
            Some(found) if !names::is_same_query(found, &query) => {
                Change::ReplaceView { from: found.clone(), to: query }
            }
            Some(_) => continue,
        };
        push(&mut differences, name, vec![change]);
    }
    differences
}

/// Views, then tables, whatever refers to others first.
fn dropped(live: &Schema, target: &Target) -> Vec<Difference> {
    let goes = |name: &str| target.hints.dropped_views.contains(name);
    let declared = |name: &str| target.schema.views.contains_key(name);
    let views = live.views.keys().filter(|name| goes(name) && !declared(name));
    let mut differences: Vec<Difference> =
        views.map(|name| Difference { table: name.clone(), changes: vec![Change::DropView] }).collect();
    let tables: BTreeMap<&str, BTreeSet<&str>> = live
        .tables
        .iter()
        .filter(|(name, _)| kept::is_dropped(name, target))
        .map(|(name, table)| (name.as_str(), parents(table)))
        .collect();
    for name in in_order(&tables).into_iter().rev() {
        push(&mut differences, name, vec![Change::DropTable]);
    }
    differences
}

/// The names so that each comes behind those it needs; where they go in a
/// circle, by name.
fn in_order<'a>(needs: &BTreeMap<&'a str, BTreeSet<&str>>) -> Vec<&'a str> {
    let mut open: Vec<&'a str> = needs.keys().copied().collect();
    let mut done = Vec::new();
    while !open.is_empty() {
        let is_free = |name: &&str| needs[*name].iter().all(|need| need == name || !open.contains(need));
        let at = open.iter().position(is_free).unwrap_or(0);
        done.push(open.remove(at));
    }
    done
}
