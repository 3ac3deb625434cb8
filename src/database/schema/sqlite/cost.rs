//! What a step costs in a database, and how many values do not fit into what
//! is to come: counted by the rows as they will be, before any is written.

use crate::database::connection::Database;
use crate::database::connection::DatabaseError;
use crate::database::schema::diff;
use crate::database::schema::diff::Change;
use crate::database::schema::model::ForeignKey;
use crate::database::schema::model::Key;
use crate::database::schema::model::KeyKind;
use crate::database::schema::model::PRIMARY;
use crate::database::schema::model::Schema;
use crate::database::schema::model::Table;
use crate::database::schema::sqlite::fit;
use crate::database::schema::sqlite::read;
use crate::database::schema::sqlite::shape;
use crate::database::schema::sqlite::shape::literal;
use crate::database::schema::sqlite::shape::quoted;
use crate::database::schema::sqlite::write;
use crate::database::schema::step::Cost;
use crate::database::schema::step::Narrowed;
use crate::database::schema::step::Risk;
use crate::database::schema::step::Step;
use crate::database::schema::target::Target;

type Result<T> = std::result::Result<T, DatabaseError>;

/// `live` is what the database is now; the step need not be the next one.
pub(in crate::database::schema) fn cost(
    db: &mut dyn Database,
    live: &Schema,
    target: &Target,
    step: &Step,
) -> Result<Cost> {
    let differences = diff::diff(live, target);
    let all: Vec<&Change> =
        differences.iter().filter(|of| of.table == step.table).flat_map(|of| &of.changes).collect();
    let former = all.iter().find_map(|change| match change {
        Change::RenameTable { from } => Some(from.as_str()),
        _ => None,
    });
    let name = former.unwrap_or(&step.table);
    let mut cost = Cost { risk: Risk::Instant, rows: 0, bytes: 0, narrowed: Vec::new() };
    if !live.tables.contains_key(name) {
        return Ok(cost);
    }
    (cost.rows, cost.bytes) = size(db, name)?;
    if write::renames(&differences)?.contains(step) {
        return Ok(cost);
    }
    let renamed = shape::renamed(live, &differences);
    let Some(old) = renamed.tables.get(&step.table) else { return Ok(cost) };
    let changes: Vec<Change> =
        all.into_iter().filter_map(|change| write::without_renaming(old, change)).collect();
    cost.risk = risk(old, &changes);
    let new = shape::changed(old, &changes, false, target.schema.tables.get(&step.table));
    let columns = former_columns(live, name, &differences, &step.table);
    let mut rows =
        fit::Rows { name, columns: &columns, table: &step.table, old, new: &new, target, is_tried: false };
    rows.is_tried = rows.need_trying();
    if rows.is_tried {
        for statement in rows.tried()? {
            db.execute(&statement)?;
        }
    }
    let counted = counted(db, doubts(&rows, live, target, &changes)?, &mut cost);
    if rows.is_tried {
        db.execute(&format!("DROP TABLE {}", fit::TRIED))?;
    }
    counted.map(|()| cost)
}

fn counted(db: &mut dyn Database, doubts: Vec<Doubt>, cost: &mut Cost) -> Result<()> {
    for (column, query, is_allowed) in doubts {
        cost.risk = cost.risk.max(Risk::Narrowing);
        let rows = number(db, &query)?;
        if rows > 0 {
            cost.narrowed.push(Narrowed { column, rows, is_allowed });
        }
    }
    Ok(())
}

fn number(db: &mut dyn Database, query: &str) -> Result<u64> {
    let rows = db.query(query)?;
    Ok(rows.first().and_then(|row| row.first()?.as_deref()?.parse().ok()).unwrap_or(0))
}

fn size(db: &mut dyn Database, name: &str) -> Result<(u64, u64)> {
    let rows = number(db, &format!("SELECT COUNT(*) FROM {}", quoted(name)?))?;
    let bytes = format!(
        "SELECT COALESCE(SUM(pgsize), 0) FROM dbstat WHERE name IN \
         (SELECT name FROM sqlite_master WHERE tbl_name = {})",
        literal(name)
    );
    Ok((rows, number(db, &bytes)?))
}

/// The table's columns by their names of today, with those that they have now.
fn former_columns(
    live: &Schema,
    name: &str,
    differences: &[diff::Difference],
    table: &str,
) -> Vec<(String, String)> {
    let mut columns: Vec<(String, String)> =
        live.tables[name].columns.iter().map(|column| (column.name.clone(), column.name.clone())).collect();
    for change in differences.iter().filter(|of| of.table == table).flat_map(|of| &of.changes) {
        if let Change::RenameColumn { from, to } = change {
            for (today, _) in columns.iter_mut().filter(|(_, former)| shape::same(former, &from.name)) {
                to.name.clone_into(today);
            }
        }
    }
    columns
}

fn risk(old: &Table, changes: &[Change]) -> Risk {
    let comes_again = |name: &String| {
        changes.iter().any(|change| matches!(change, Change::AddKey { name: other, .. } if other == name))
    };
    let one = |change: &Change| match change {
        Change::DropTable | Change::DropColumn { .. } => Risk::Destructive,
        Change::DropKey { name } if !comes_again(name) => Risk::Destructive,
        Change::AddKey { .. } => Risk::Rebuild,
        change if write::is_direct(old, change) => Risk::Instant,
        _ => Risk::Rebuild,
    };
    changes.iter().map(one).max().unwrap_or(Risk::Instant)
}

/// A name, the query that counts, and whether the release allows the loss.
type Doubt = (String, String, bool);

fn doubts(rows: &fit::Rows<'_>, live: &Schema, target: &Target, changes: &[Change]) -> Result<Vec<Doubt>> {
    let mut doubts = rows.columns_that_narrow()?;
    let (old, new) = (rows.old, rows.new);
    let alias = |table| shape::rowid_alias(table).map(|column| &column.name);
    for (name, key) in &new.keys {
        let is_unique = matches!(key.kind, KeyKind::Unique | KeyKind::Primary);
        let is_rowid = name == PRIMARY && alias(old) != alias(new);
        if is_unique && (is_rowid || old.keys.get(name) != Some(key) || is_retyped(rows, key)) {
            doubts.extend(duplicates(rows, name, key)?.map(|query| (label(key), query, false)));
        }
    }
    let mut checks: Vec<(&String, &String)> = new
        .checks
        .iter()
        .filter(|(name, condition)| old.checks.get(*name) != Some(*condition) || any_retyped(rows))
        .collect();
    for column in &new.columns {
        let before = shape::column(old, &column.name).and_then(|column| column.check.as_ref());
        checks.extend(
            column
                .check
                .iter()
                .filter(|check| before != Some(*check) || any_retyped(rows))
                .map(|check| (&column.name, check)),
        );
    }
    for (name, condition) in checks {
        doubts.push((name.clone(), rows.counted(&format!("NOT ({condition})"))?, false));
    }
    for change in changes {
        if let Change::AddForeignKey { key, .. } = change {
            doubts.push((key.columns.join(", "), orphans(rows, live, target, key)?, false));
        }
    }
    Ok(doubts)
}

/// Whether values that differ now may be the same then, or the reverse.
fn is_retyped(rows: &fit::Rows<'_>, key: &Key) -> bool {
    key.filter.is_some() && any_retyped(rows)
        || key.parts.iter().any(|part| match part.is_expression {
            true => any_retyped(rows),
            false => differs(rows, &part.of),
        })
}

fn any_retyped(rows: &fit::Rows<'_>) -> bool {
    rows.new.columns.iter().any(|column| differs(rows, &column.name))
}

fn differs(rows: &fit::Rows<'_>, name: &str) -> bool {
    let told = |table| {
        let column = shape::column(table, name)?;
        Some((&column.sql_type, &column.collation, &column.generated, shape::refuses_null(table, column)))
    };
    told(rows.old) != told(rows.new)
}

fn label(key: &Key) -> String {
    key.parts.iter().map(|part| part.of.as_str()).collect::<Vec<_>>().join(", ")
}

/// Rows too many for a unique key; nothing where the key's values are made.
fn duplicates(rows: &fit::Rows<'_>, name: &str, key: &Key) -> Result<Option<String>> {
    let alias = shape::rowid_alias(rows.new).filter(|_| name == PRIMARY);
    if alias.is_some_and(|alias| shape::column(rows.old, &alias.name).is_none()) {
        return Ok(None);
    }
    let mut terms = Vec::new();
    let mut given = Vec::new();
    for part in &key.parts {
        let term = if part.is_expression { format!("({})", part.of) } else { quoted(&part.of)? };
        let own = shape::column(rows.new, &part.of).and_then(|column| column.collation.clone());
        let collation = part.collation.clone().or(own).unwrap_or_else(|| "binary".into());
        given.push(format!("{term} IS NOT NULL"));
        terms.push(format!("{term} COLLATE {}", quoted(&collation)?));
    }
    if let Some(filter) = &key.filter {
        given.push(format!("({filter})"));
    }
    let mut query = format!(
        "SELECT COALESCE(SUM(n - 1), 0) FROM (SELECT COUNT(*) AS n FROM {} WHERE {} GROUP BY {})",
        rows.to_come()?,
        given.join(" AND "),
        terms.join(", ")
    );
    if let Some(alias) = alias {
        // A rowid that is NULL is made up by SQLite.
        let alias = quoted(&alias.name)?;
        let odd = format!("({}) OR {alias} IS NULL", fit::not_strictly("integer", &alias));
        query = format!("SELECT ({query}) + ({})", rows.counted(&odd)?);
    }
    Ok(Some(query))
}

/// Rows that refer to none of the other table.
fn orphans(rows: &fit::Rows<'_>, live: &Schema, target: &Target, key: &ForeignKey) -> Result<String> {
    let renamed = target.hints.renamed_tables.get(&key.table).into_iter().flatten();
    let names = std::iter::once(&key.table).chain(renamed);
    let parent = names.filter_map(|name| Some((name, live.tables.get(name)?))).next();
    let given: Vec<String> = key
        .columns
        .iter()
        .map(|column| Ok(format!("s.{} IS NOT NULL", quoted(column)?)))
        .collect::<Result<_>>()?;
    let given = given.join(" AND ");
    let source = rows.to_come()?;
    let Some((name, parent)) = parent else {
        return Ok(format!("SELECT COUNT(*) FROM {source} AS s WHERE {given}"));
    };
    let primary =
        || parent.keys.get(PRIMARY).map(|key| key.parts.iter().map(|part| part.of.clone()).collect());
    let referenced: Vec<String> =
        if key.referenced.is_empty() { primary().unwrap_or_default() } else { key.referenced.clone() };
    let mut pairs = Vec::new();
    for (column, other) in key.columns.iter().zip(&referenced) {
        let former = target.hints.renamed_columns.get(&key.table).and_then(|columns| columns.get(other));
        let mut names = std::iter::once(other).chain(former.into_iter().flatten());
        let Some(found) = names.find(|name| shape::column(parent, name).is_some()) else {
            return Ok(format!("SELECT COUNT(*) FROM {source} AS s WHERE {given}"));
        };
        pairs.push(format!("p.{} = s.{}", quoted(found)?, quoted(column)?));
    }
    Ok(format!(
        "SELECT COUNT(*) FROM {source} AS s WHERE {given} AND NOT EXISTS (SELECT 1 FROM {} AS p WHERE {})",
        quoted(name)?,
        pairs.join(" AND ")
    ))
}

/// Whether tables of this kind refuse values of the wrong type.
pub(super) fn is_strict(table: &Table) -> bool {
    shape::is_set(table, read::STRICT)
}
