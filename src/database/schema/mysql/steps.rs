//! Differences as statements: one `ALTER TABLE` for all that changes of a
//! table, since the server does one statement whole or not at all.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use crate::database::connection::DatabaseError;
use crate::database::schema::diff;
use crate::database::schema::diff::Change;
use crate::database::schema::diff::Difference;
use crate::database::schema::model::Column;
use crate::database::schema::model::ForeignKey;
use crate::database::schema::model::Key;
use crate::database::schema::model::Schema;
use crate::database::schema::model::Table;
use crate::database::schema::mysql::narrow;
use crate::database::schema::mysql::types;
use crate::database::schema::mysql::types::Type;
use crate::database::schema::mysql::write;
use crate::database::schema::mysql::write::quoted;
use crate::database::schema::said;
use crate::database::schema::step::Step;
use crate::database::schema::target::Target;

/// A step with the changes that it carries out.
pub(super) struct Planned {
    pub step: Step,
    pub changes: Vec<Change>,
}

pub(in crate::database::schema) fn steps(live: &Schema, target: &Target) -> Result<Vec<Step>, DatabaseError> {
    Ok(planned(live, target)?.into_iter().map(|planned| planned.step).collect())
}

pub(super) fn planned(live: &Schema, target: &Target) -> Result<Vec<Planned>, DatabaseError> {
    let today = diff::named_as_today(live, target);
    let mut differences = diff::diff(live, target);
    let later = foreign_keys_last(&mut differences);
    let (first, last) = around(&today, &differences);
    let last = together(&mut differences, last);
    let split = differences.iter().position(|difference| !is_before(difference)).unwrap_or(differences.len());
    let views = differences.iter().position(is_after).unwrap_or(differences.len());
    let (before, rest) = differences.split_at(split);
    let (middle, after) = rest.split_at(views.max(split) - split);
    let mut planned = Vec::new();
    for difference in
        [before, &first, middle, &later, &last, &circles(&today, &first, after), after].into_iter().flatten()
    {
        add(&mut planned, difference, &today, target)?;
    }
    Ok(planned)
}

/// Renames, and foreign keys dropped.
fn is_before(difference: &Difference) -> bool {
    let is = |change: &Change| matches!(change, Change::RenameTable { .. } | Change::DropForeignKey { .. });
    difference.changes.iter().all(is)
}

/// Views, and what goes.
fn is_after(difference: &Difference) -> bool {
    use Change::*;
    let is =
        |change: &Change| matches!(change, CreateView { .. } | ReplaceView { .. } | DropView | DropTable);
    difference.changes.iter().all(is)
}

/// The foreign keys of new tables, taken out of what creates them.
fn foreign_keys_last(differences: &mut [Difference]) -> Vec<Difference> {
    let mut later = Vec::new();
    for difference in differences {
        for change in &mut difference.changes {
            let Change::CreateTable(table) = change else { continue };
            let changes = added(&std::mem::take(&mut table.foreign));
            later.extend(
                (!changes.is_empty()).then(|| Difference { table: difference.table.clone(), changes }),
            );
        }
    }
    later
}

fn added(keys: &BTreeMap<String, ForeignKey>) -> Vec<Change> {
    let one =
        |(name, key): (&String, &ForeignKey)| Change::AddForeignKey { name: name.clone(), key: key.clone() };
    keys.iter().map(one).collect()
}

/// Foreign keys that stay, but keep the server from changing a column or
/// dropping a key: they go before and come again after.
fn around(live: &Schema, differences: &[Difference]) -> (Vec<Difference>, Vec<Difference>) {
    let touched = touched(live, differences);
    let gone: BTreeSet<(&str, &str)> = differences
        .iter()
        .flat_map(|difference| difference.changes.iter().map(move |change| (difference, change)))
        .filter_map(|(difference, change)| match change {
            Change::DropForeignKey { name } => Some((difference.table.as_str(), name.as_str())),
            _ => None,
        })
        .collect();
    let is_dropped = |name: &str| {
        let drops = |difference: &Difference| difference.changes.contains(&Change::DropTable);
        differences.iter().any(|difference| difference.table == name && drops(difference))
    };
    let (mut first, mut last) = (Vec::new(), Vec::new());
    for (name, table) in &live.tables {
        let is_touched = |table: &str, columns: &[String]| {
            columns.iter().any(|column| touched.contains(&(table.to_owned(), column.clone())))
        };
        let mut keys = table.foreign.clone();
        keys.retain(|key, foreign| {
            !gone.contains(&(name.as_str(), key.as_str()))
                && (is_touched(name, &foreign.columns) || is_touched(&foreign.table, &foreign.referenced))
        });
        if keys.is_empty() {
            continue;
        }
        let drops = keys.keys().map(|name| Change::DropForeignKey { name: name.clone() }).collect();
        first.push(Difference { table: name.clone(), changes: drops });
        if !is_dropped(name) {
            last.push(Difference { table: name.clone(), changes: added(&keys) });
        }
    }
    (first, last)
}

/// Foreign keys that come again go with the new ones of their table: whoever
/// goes on in between finds both missing, and asks for both at once.
fn together(differences: &mut [Difference], last: Vec<Difference>) -> Vec<Difference> {
    let is_key = |change: &Change| matches!(change, Change::AddForeignKey { .. });
    let mut apart = Vec::new();
    for again in last {
        let new = differences
            .iter_mut()
            .find(|difference| difference.table == again.table && difference.changes.iter().all(is_key));
        match new {
            Some(new) => {
                new.changes.extend(again.changes);
                new.changes.sort_by(|a, b| key_name(a).cmp(&key_name(b)));
            }
            None => apart.push(again),
        }
    }
    apart
}

fn key_name(change: &Change) -> Option<&str> {
    match change {
        Change::AddForeignKey { name, .. } => Some(name),
        _ => None,
    }
}

/// A foreign key that nobody declares and that would have to come again, but
/// whose columns will not be alike any more: its table and its name.
pub(in crate::database::schema) fn in_the_way(live: &Schema, target: &Target) -> Option<(String, String)> {
    let today = diff::named_as_today(live, target);
    let (_, last) = around(&today, &diff::diff(live, target));
    let column = |table: &str, name: &str| {
        let declared = target.schema.tables.get(table).and_then(|table| table.column(name));
        let found = today.tables.get(table).and_then(|table| table.column(name));
        declared.or(found)
    };
    for Difference { table, changes } in last {
        for change in changes {
            let Change::AddForeignKey { name, key } = change else { continue };
            let pairs = key.columns.iter().zip(&key.referenced);
            let mut pairs = pairs.map(|(own, other)| (column(&table, own), column(&key.table, other)));
            if pairs.any(|pair| matches!(pair, (Some(own), Some(other)) if !is_alike(own, other))) {
                return Some((table, name));
            }
        }
    }
    None
}

/// Whether one column may refer to the other.
fn is_alike(own: &Column, other: &Column) -> bool {
    match (types::parse(&own.sql_type), types::parse(&other.sql_type)) {
        (Type::Text { .. }, Type::Text { .. }) => true,
        (own, other) => own == other,
    }
}

/// Columns whose values change their shape, or that lose a key.
fn touched(live: &Schema, differences: &[Difference]) -> BTreeSet<(String, String)> {
    let mut touched = BTreeSet::new();
    for difference in differences {
        let mut touch = |column: &str| touched.insert((difference.table.clone(), column.to_owned()));
        for change in &difference.changes {
            match change {
                Change::ModifyColumn { from, to } | Change::RenameColumn { from, to }
                    if !is_same_shape(from, to) =>
                {
                    touch(&to.name);
                }
                Change::DropKey { name } => {
                    let key = live.tables.get(&difference.table).and_then(|table| table.keys.get(name));
                    key.into_iter().flat_map(|key| &key.parts).for_each(|part| _ = touch(&part.of));
                }
                _ => {}
            }
        }
    }
    touched
}

fn is_same_shape(from: &Column, to: &Column) -> bool {
    from.sql_type == to.sql_type && from.collation == to.collation && from.nullable == to.nullable
}

/// Foreign keys of dropped tables that refer to one dropped before.
fn circles(live: &Schema, first: &[Difference], after: &[Difference]) -> Vec<Difference> {
    let mut gone: Vec<&str> = Vec::new();
    let mut circles = Vec::new();
    for difference in after.iter().filter(|difference| difference.changes.contains(&Change::DropTable)) {
        let foreign = live.tables.get(&difference.table).into_iter().flat_map(|table| &table.foreign);
        let changes: Vec<Change> = foreign
            .filter(|(_, key)| gone.contains(&key.table.as_str()))
            .map(|(name, _)| Change::DropForeignKey { name: name.clone() })
            .filter(|change| {
                !first.iter().any(|done| done.table == difference.table && done.changes.contains(change))
            })
            .collect();
        if !changes.is_empty() {
            circles.push(Difference { table: difference.table.clone(), changes });
        }
        gone.push(&difference.table);
    }
    circles
}

fn add(
    planned: &mut Vec<Planned>,
    difference: &Difference,
    live: &Schema,
    target: &Target,
) -> Result<(), DatabaseError> {
    if let Some(table) = live.tables.get(&difference.table) {
        planned.extend(narrowed(difference, table, target)?);
    }
    let table = quoted(&difference.table)?;
    let mut parts = Vec::new();
    let mut statements = Vec::new();
    for change in &difference.changes {
        match kept_otherwise(difference, change, live) {
            Some(changes) => {
                for change in changes {
                    parts.extend(write::part(&change)?);
                }
            }
            None => parts.extend(write::part(change)?),
        }
        statements.extend(match change {
            Change::CreateTable(new) => Some(write::create(&difference.table, new)?),
            Change::DropTable => Some(format!("DROP TABLE {table}")),
            Change::RenameTable { from } => Some(format!("RENAME TABLE {} TO {table}", quoted(from)?)),
            Change::CreateView { query } => Some(format!("CREATE VIEW {table} AS {query}")),
            Change::ReplaceView { to, .. } => Some(format!("CREATE OR REPLACE VIEW {table} AS {to}")),
            Change::DropView => Some(format!("DROP VIEW {table}")),
            _ => None,
        });
    }
    if !parts.is_empty() {
        statements.push(format!("ALTER TABLE {table}\n  {}", parts.join(",\n  ")));
    }
    let what = difference.changes.iter().map(said::line).collect();
    let step = Step { table: difference.table.clone(), what, statements };
    planned.push(Planned { step, changes: difference.changes.clone() });
    Ok(())
}

/// A computed column that is to be kept, or not to be kept any more: no server
/// changes that, so it is computed anew, with the keys over it.
fn kept_otherwise(difference: &Difference, change: &Change, live: &Schema) -> Option<Vec<Change>> {
    let Change::ModifyColumn { from, to } = change else { return None };
    if from.generated.as_ref()?.stored == to.generated.as_ref()?.stored {
        return None;
    }
    let table = live.tables.get(&difference.table)?;
    let is_dropped = |name: &str| {
        difference
            .changes
            .iter()
            .any(|change| matches!(change, Change::DropKey { name: gone } if gone == name))
    };
    let over = table.keys.iter().filter(|(name, key)| {
        key.parts.iter().any(|part| !part.is_expression && part.of == to.name) && !is_dropped(name)
    });
    let place = table.columns.iter().position(|column| column.name == to.name)?;
    let mut before = table.columns[..place].iter().rev().map(|column| &column.name);
    let stays = |name: &&String| {
        !difference
            .changes
            .iter()
            .any(|change| matches!(change, Change::DropColumn { name: gone } if gone == *name))
    };
    let after = before.find(stays).cloned();
    let keys: Vec<(&String, &Key)> = over.collect();
    let mut changes: Vec<Change> =
        keys.iter().map(|(name, _)| Change::DropKey { name: (*name).clone() }).collect();
    changes.push(Change::DropColumn { name: to.name.clone() });
    changes.push(Change::AddColumn { column: to.clone(), after });
    changes
        .extend(keys.iter().map(|(name, key)| Change::AddKey { name: (*name).clone(), key: (*key).clone() }));
    Some(changes)
}

/// What the release allows to be lost is written out before, so that no
/// statement needs a server that cuts values in silence.
fn narrowed(difference: &Difference, live: &Table, target: &Target) -> Result<Vec<Planned>, DatabaseError> {
    let allowed = target.hints.may_narrow.get(&difference.table);
    let mut steps = Vec::new();
    for change in &difference.changes {
        let (Change::ModifyColumn { from, to } | Change::RenameColumn { from, to }) = change else {
            continue;
        };
        if !allowed.is_some_and(|columns| columns.contains(&to.name)) {
            continue;
        }
        for loss in narrow::losses(from, to)? {
            let Some(instead) = &loss.instead else { continue };
            let mut set = vec![format!("{} = {instead}", quoted(&from.name)?)];
            for other in
                live.columns.iter().filter(|other| other.on_update.is_some() && other.name != to.name)
            {
                // Nobody has changed the row.
                let name = quoted(name_of_now(difference, &other.name))?;
                set.push(format!("{name} = {name}"));
            }
            let ignore = if loss.is_error { "IGNORE " } else { "" };
            let statement = format!(
                "UPDATE {ignore}{} SET {} WHERE {}",
                quoted(&difference.table)?,
                set.join(", "),
                loss.lost
            );
            let what = vec![format!("column {}: {}", from.name, loss.how)];
            let step = Step { table: difference.table.clone(), what, statements: vec![statement] };
            steps.push(Planned { step, changes: Vec::new() });
        }
    }
    Ok(steps)
}

/// The name of a column before the statement that may rename it.
fn name_of_now<'a>(difference: &'a Difference, column: &'a str) -> &'a str {
    let renamed = difference.changes.iter().find_map(|change| match change {
        Change::RenameColumn { from, to } if to.name == column => Some(from.name.as_str()),
        _ => None,
    });
    renamed.unwrap_or(column)
}
