//! What a statement costs on this server, and the rows that stand in its way.

mod instant;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use crate::database::connection::Database;
use crate::database::connection::DatabaseError;
use crate::database::mysql::literal;
use crate::database::schema::diff;
use crate::database::schema::diff::Change;
use crate::database::schema::model::Column;
use crate::database::schema::model::ForeignKey;
use crate::database::schema::model::Key;
use crate::database::schema::model::KeyKind;
use crate::database::schema::model::Schema;
use crate::database::schema::model::Table;
use crate::database::schema::mysql::cost::instant::Server;
use crate::database::schema::mysql::narrow;
use crate::database::schema::mysql::steps;
use crate::database::schema::mysql::write::quoted;
use crate::database::schema::step::Cost;
use crate::database::schema::step::Narrowed;
use crate::database::schema::step::Risk;
use crate::database::schema::step::Step;
use crate::database::schema::target::Target;

pub(in crate::database::schema) fn cost(
    db: &mut dyn Database,
    live: &Schema,
    target: &Target,
    step: &Step,
) -> Result<Cost, DatabaseError> {
    let planned = steps::planned(live, target)?.into_iter().find(|planned| planned.step == *step);
    let changes = planned.map(|planned| planned.changes).unwrap_or_default();
    let today = Today::of(live, target);
    let name = today.table(&step.table);
    let Some(table) = live.tables.get(name) else {
        // It is new, or a view.
        return Ok(Cost { risk: Risk::Instant, rows: 0, bytes: 0, narrowed: Vec::new() });
    };
    let (rows, bytes) = size(db, name)?;
    let narrowed = Asked { db, live, today: &today, target, step, table }.narrowed(&changes)?;
    let server = Server::of(&db.version()?);
    let mut risk = match changes.is_empty() {
        // Values are written before they would be cut.
        true => Risk::Narrowing,
        false => instant::risk(server, table, &changes),
    };
    if narrowed.iter().any(|narrowed| narrowed.is_loss) {
        risk = risk.max(Risk::Narrowing);
    }
    let narrowed = narrowed.into_iter().map(|found| found.narrowed).collect();
    Ok(Cost { risk, rows, bytes, narrowed })
}

fn size(db: &mut dyn Database, table: &str) -> Result<(u64, u64), DatabaseError> {
    let query = format!(
        "SELECT COALESCE(table_rows, 0), COALESCE(data_length, 0) + COALESCE(index_length, 0) \
         FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = {}",
        literal(table)
    );
    let mut cells = db.query(&query)?.into_iter().flatten().flatten().map(|cell| cell.parse().unwrap_or(0));
    Ok((cells.next().unwrap_or(0), cells.next().unwrap_or(0)))
}

/// What things are called in the database as long as nothing is done.
struct Today {
    tables: BTreeMap<String, String>,
    columns: BTreeMap<(String, String), String>,
}

impl Today {
    fn of(live: &Schema, target: &Target) -> Today {
        let mut today = Today { tables: BTreeMap::new(), columns: BTreeMap::new() };
        for difference in diff::diff(live, target) {
            for change in difference.changes {
                match change {
                    Change::RenameTable { from } => _ = today.tables.insert(difference.table.clone(), from),
                    Change::RenameColumn { from, to } => {
                        _ = today.columns.insert((difference.table.clone(), to.name), from.name);
                    }
                    _ => {}
                }
            }
        }
        today
    }

    fn table<'a>(&'a self, name: &'a str) -> &'a str {
        self.tables.get(name).map_or(name, String::as_str)
    }

    fn column<'a>(&'a self, table: &str, name: &'a str) -> &'a str {
        self.columns.get(&(table.to_owned(), name.to_owned())).map_or(name, String::as_str)
    }
}

struct Found {
    narrowed: Narrowed,
    /// Values are lost, and not only refused.
    is_loss: bool,
}

struct Asked<'a> {
    db: &'a mut dyn Database,
    live: &'a Schema,
    today: &'a Today,
    target: &'a Target,
    step: &'a Step,
    table: &'a Table,
}

impl Asked<'_> {
    fn narrowed(&mut self, changes: &[Change]) -> Result<Vec<Found>, DatabaseError> {
        let mut found = Vec::new();
        for change in changes {
            match change {
                Change::ModifyColumn { from, to } | Change::RenameColumn { from, to } => {
                    if let Some(condition) = to.check.as_ref().filter(|_| from.check != to.check) {
                        found.extend(self.broken(&to.name, condition)?);
                    }
                    let losses = narrow::losses(from, to)?;
                    if losses.is_empty() {
                        continue;
                    }
                    let lost: Vec<String> =
                        losses.into_iter().map(|loss| format!("({})", loss.lost)).collect();
                    let rows = self.count(&lost.join(" OR "))?;
                    let allowed = self.target.hints.may_narrow.get(&self.step.table);
                    let is_allowed = allowed.is_some_and(|columns| columns.contains(&to.name));
                    let narrowed = Narrowed { column: to.name.clone(), rows, is_allowed };
                    found.push(Found { narrowed, is_loss: true });
                }
                Change::AddKey { key, .. } if matches!(key.kind, KeyKind::Unique | KeyKind::Primary) => {
                    found.extend(self.repeated(key)?);
                }
                Change::AddForeignKey { key, .. } => found.extend(self.orphans(key)?),
                Change::AddCheck { name, condition } => found.extend(self.broken(name, condition)?),
                _ => {}
            }
        }
        Ok(found)
    }

    /// The live table's name, in quotes.
    fn name(&self) -> Result<String, DatabaseError> {
        quoted(self.today.table(&self.step.table))
    }

    fn count(&mut self, condition: &str) -> Result<u64, DatabaseError> {
        let query = format!("SELECT COUNT(*) FROM {} WHERE {condition}", self.name()?);
        number(self.db, &query)
    }

    /// Rows that a unique key would not take beside another.
    fn repeated(&mut self, key: &Key) -> Result<Option<Found>, DatabaseError> {
        let mut parts = Vec::new();
        for part in &key.parts {
            if part.is_expression {
                parts.push(part.of.clone());
                continue;
            }
            let now = self.today.column(&self.step.table, &part.of);
            if self.table.column(now).is_none() {
                // A new column: NULL or numbered meets nothing, any other value meets itself.
                let wanted = self.target.schema.tables.get(&self.step.table);
                let wanted = wanted.and_then(|table| table.column(&part.of));
                match wanted {
                    Some(new) if new.generated.is_none() && !new.auto_increment => match new.default {
                        None if new.nullable => return Ok(None),
                        _ => continue,
                    },
                    _ => return Ok(None),
                }
            }
            let name = quoted(now)?;
            parts.push(part.length.map_or(name.clone(), |length| format!("LEFT({name}, {length})")));
        }
        let names: Vec<&str> = key.parts.iter().map(|part| part.of.as_str()).collect();
        let rows = match parts.is_empty() {
            true => self.count("TRUE")?.saturating_sub(1),
            false => {
                let whole: Vec<String> = parts.iter().map(|part| format!("{part} IS NOT NULL")).collect();
                let query = format!(
                    "SELECT COALESCE(SUM(many - 1), 0) FROM (SELECT COUNT(*) AS many FROM {} WHERE {} \
                     GROUP BY {} HAVING COUNT(*) > 1) AS repeated",
                    self.name()?,
                    whole.join(" AND "),
                    parts.join(", ")
                );
                number(self.db, &query)?
            }
        };
        Ok(refused(names.join(", "), rows))
    }

    /// Rows that break a condition; nothing where it speaks of columns that
    /// have this name only afterwards.
    fn broken(&mut self, name: &str, condition: &str) -> Result<Option<Found>, DatabaseError> {
        let wanted = self.target.schema.tables.get(&self.step.table);
        let comes = |column: &Column| {
            self.table.column(&column.name).is_none() && diff::mentions(condition, &column.name)
        };
        if wanted.is_some_and(|table| table.columns.iter().any(comes)) {
            return Ok(None);
        }
        let rows = self.count(&format!("NOT ({condition})"))?;
        Ok(refused(name.to_owned(), rows))
    }

    /// Rows that refer to none.
    fn orphans(&mut self, key: &ForeignKey) -> Result<Option<Found>, DatabaseError> {
        let parent = self.today.table(&key.table);
        let is_new = !self.live.tables.contains_key(parent);
        let mut pairs = Vec::new();
        let mut whole = Vec::new();
        for (column, referenced) in key.columns.iter().zip(&key.referenced) {
            let column = self.today.column(&self.step.table, column);
            let referenced = self.today.column(&key.table, referenced);
            let known = self.live.tables.get(parent).is_some_and(|table| table.column(referenced).is_some());
            if !(known || is_new) || self.table.column(column).is_none() {
                return Ok(None);
            }
            let column = format!("child.{}", quoted(column)?);
            pairs.push(format!("parent.{} = {column}", quoted(referenced)?));
            whole.push(format!("{column} IS NOT NULL"));
        }
        let parents = match is_new {
            // It will be there, and empty.
            true => String::new(),
            false => format!(
                " AND NOT EXISTS (SELECT 1 FROM {} AS parent WHERE {})",
                quoted(parent)?,
                pairs.join(" AND ")
            ),
        };
        let query =
            format!("SELECT COUNT(*) FROM {} AS child WHERE {}{parents}", self.name()?, whole.join(" AND "));
        let rows = number(self.db, &query)?;
        Ok(refused(key.columns.join(", "), rows))
    }
}

/// Rows that the server would refuse, whatever is allowed.
fn refused(column: String, rows: u64) -> Option<Found> {
    let narrowed = Narrowed { column, rows, is_allowed: false };
    (rows > 0).then_some(Found { narrowed, is_loss: false })
}

fn number(db: &mut dyn Database, query: &str) -> Result<u64, DatabaseError> {
    let row = db.query(query)?.into_iter().next().unwrap_or_default();
    let count = row.into_iter().next().flatten().and_then(|count| count.parse().ok());
    count.ok_or_else(|| DatabaseError::answer(query, "no number"))
}
