//! What differs between a live table and the declared one of the same name.

use std::collections::BTreeMap;

use crate::database::schema::diff::Change;
use crate::database::schema::diff::kept;
use crate::database::schema::diff::names;
use crate::database::schema::model::Column;
use crate::database::schema::model::ForeignKey;
use crate::database::schema::model::Key;
use crate::database::schema::model::Table;
use crate::database::schema::target::Target;

#[derive(Default)]
pub(super) struct Parts {
    pub foreign_dropped: Vec<Change>,
    pub altered: Vec<Change>,
    pub foreign_added: Vec<Change>,
}

/// `former` are columns of the live table with their names of the past.
pub(super) fn compare(
    name: &str,
    live: &Table,
    target: &Target,
    former: Option<&BTreeMap<String, Column>>,
) -> Parts {
    let wanted = &target.schema.tables[name];
    let mut parts = Parts::default();
    foreign_keys(name, live, target, &mut parts);
    let (mut dropped, mut added) = (Vec::new(), Vec::new());
    checks(name, live, target, &mut dropped, &mut added);
    keys(name, live, target, &mut dropped, &mut added);
    dropped.append(&mut columns(name, live, target, former));
    dropped.append(&mut added);
    dropped.extend(options(live, wanted));
    parts.altered = dropped;
    parts
}

fn columns(
    name: &str,
    live: &Table,
    target: &Target,
    former: Option<&BTreeMap<String, Column>>,
) -> Vec<Change> {
    let goes = live.columns.iter().filter(|column| kept::is_dropped_column(name, &column.name, target));
    let mut changes: Vec<Change> =
        goes.map(|column| Change::DropColumn { name: column.name.clone() }).collect();
    let mut after = None;
    for wanted in &target.schema.tables[name].columns {
        let former = former.and_then(|former| former.get(&wanted.name));
        match live.column(&wanted.name) {
            None => changes.push(Change::AddColumn { column: wanted.clone(), after: after.clone() }),
            Some(found) => {
                let to = completed(found, wanted);
                if let Some(from) = former {
                    changes.push(Change::RenameColumn { from: from.clone(), to });
                } else if to != *found {
                    changes.push(Change::ModifyColumn { from: found.clone(), to });
                }
            }
        }
        after = Some(wanted.name.clone());
    }
    changes
}

/// The declared column with what it leaves open as it is now.
fn completed(found: &Column, wanted: &Column) -> Column {
    let mut column = wanted.clone();
    let is_open = match (&found.collation, &wanted.collation) {
        (Some(found), Some(wanted)) => is_of_charset(found, wanted),
        (_, wanted) => wanted.is_none() && is_text(&column.sql_type),
    };
    if is_open {
        column.collation.clone_from(&found.collation);
    }
    if column.comment.is_empty() {
        column.comment.clone_from(&found.comment);
    }
    column
}

/// Whether a collation belongs to the character set that is declared alone.
fn is_of_charset(found: &str, wanted: &str) -> bool {
    found.split_once('_').is_some_and(|(charset, _)| charset == wanted)
}

/// Whether values of the type have a collation.
fn is_text(sql_type: &str) -> bool {
    let lower = sql_type.to_ascii_lowercase();
    ["char", "text", "clob", "enum", "set("].iter().any(|word| lower.contains(word))
}

fn options(live: &Table, wanted: &Table) -> Vec<Change> {
    let differs = wanted.options.iter().filter(|(name, value)| match live.options.get(*name) {
        Some(found) => found != *value && !(*name == "collation" && is_of_charset(found, value)),
        None => true,
    });
    differs
        .map(|(name, value)| Change::SetOption {
            name: name.clone(),
            from: live.options.get(name).cloned(),
            to: value.clone(),
        })
        .collect()
}

/// Which live things of a kind go, and which declared ones come. The server
/// gives names where the release gives none, so where names mean nothing
/// (`by_name` is false) the same thing under any name is what is wanted.
fn named<'a, T: PartialEq>(
    live: &'a BTreeMap<String, T>,
    wanted: &'a BTreeMap<String, T>,
    by_name: bool,
    goes: impl Fn(&str, &T) -> bool,
) -> (Vec<&'a String>, Vec<(&'a String, &'a T)>) {
    let mut dropped: Vec<&String> = live
        .iter()
        .filter(|(name, found)| !wanted.contains_key(*name) && goes(name, found))
        .map(|(name, _)| name)
        .collect();
    let mut added = Vec::new();
    for (name, key) in wanted {
        let other = |(other, found): (&String, &T)| {
            !wanted.contains_key(other) && *found == *key && !goes(other, found)
        };
        match live.get_key_value(name) {
            Some((_, found)) if found == key => continue,
            Some(_) if !by_name && live.iter().any(other) => continue,
            Some((name, _)) => dropped.push(name),
            None if live.iter().any(other) => continue,
            None => {}
        }
        added.push((name, key));
    }
    (dropped, added)
}

fn foreign_keys(name: &str, live: &Table, target: &Target, parts: &mut Parts) {
    let in_the_way = kept::foreign_keys_in_the_way(name, live, target);
    let goes = |key: &str, _: &ForeignKey| {
        let way = |change: &Change| matches!(change, Change::DropForeignKey { name } if name == key);
        kept::is_dropped_key(name, key, target) || in_the_way.iter().any(way)
    };
    let (dropped, added) = named(&live.foreign, &target.schema.tables[name].foreign, false, goes);
    parts.foreign_dropped =
        dropped.into_iter().map(|name| Change::DropForeignKey { name: name.clone() }).collect();
    parts.foreign_added = added
        .into_iter()
        .map(|(name, key)| Change::AddForeignKey { name: name.clone(), key: key.clone() })
        .collect();
}

fn keys(name: &str, live: &Table, target: &Target, gone: &mut Vec<Change>, come: &mut Vec<Change>) {
    let loses = |key: &Key| {
        let mut columns = key.parts.iter().filter(|part| !part.is_expression);
        columns.any(|part| kept::is_dropped_column(name, &part.of, target))
    };
    let goes = |key: &str, found: &Key| kept::is_dropped_key(name, key, target) || loses(found);
    let (dropped, added) = named(&live.keys, &target.schema.tables[name].keys, true, goes);
    gone.extend(dropped.into_iter().map(|name| Change::DropKey { name: name.clone() }));
    come.extend(added.into_iter().map(|(name, key)| Change::AddKey { name: name.clone(), key: key.clone() }));
}

fn checks(name: &str, live: &Table, target: &Target, gone: &mut Vec<Change>, come: &mut Vec<Change>) {
    let lost = |condition: &String| {
        live.columns.iter().any(|column| {
            kept::is_dropped_column(name, &column.name, target) && names::mentions(condition, &column.name)
        })
    };
    let goes = |key: &str, found: &String| kept::is_dropped_key(name, key, target) || lost(found);
    let (dropped, added) = named(&live.checks, &target.schema.tables[name].checks, false, goes);
    gone.extend(dropped.into_iter().map(|name| Change::DropCheck { name: name.clone() }));
    come.extend(
        added
            .into_iter()
            .map(|(name, condition)| Change::AddCheck { name: name.clone(), condition: condition.clone() }),
    );
}
