//! Two databases against each other: what their schemas and their rows differ
//! in. Nothing is written, and nothing is locked. `docs/compare.md` says what
//! counts as the same and how sure it is.

mod counts;
mod feed;
mod merge;
mod pair;
mod pieces;
mod schema;
mod select;
mod side;
#[cfg(test)]
mod tests;
pub(in crate::database) mod value;

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use serde::Serialize;

use crate::base::escape;
use crate::base::event::Event;
use crate::base::event::Watch;
use crate::base::exit::Exit;
use crate::base::exit::Fault;
use crate::database::address::Address;
use crate::database::compare::merge::RowsError;
use crate::database::compare::pair::Known;
use crate::database::compare::pair::Pair;
use crate::database::compare::pair::Way;
use crate::database::compare::select::Range;
use crate::database::compare::side::Side;
use crate::database::connection::DatabaseError;
use crate::database::connection::TableInfo;
use crate::database::schema::read;
use crate::database::scope::Scope;

/// One of the two databases.
pub struct Place<'a> {
    pub address: &'a Address,
    pub scope: Scope,
}

impl Place<'_> {
    fn prefix(&self) -> &str {
        self.scope.prefix()
    }
}

/// What counts, and what is shown.
#[derive(Clone, Debug)]
pub struct Rules {
    pub exactness: Exactness,
    /// Rows that change by themselves: table without prefix, to a trusted predicate.
    pub volatile_rows: BTreeMap<String, String>,
    /// Columns that do: table without prefix, to their names.
    pub volatile_columns: BTreeMap<String, Vec<String>>,
    /// So many rows of a table are named.
    pub examples: usize,
    pub values: Values,
    /// About so much of a table is summed at once.
    pub piece_bytes: u64,
}

impl Default for Rules {
    fn default() -> Rules {
        Rules {
            exactness: Exactness::Sums,
            volatile_rows: BTreeMap::new(),
            volatile_columns: BTreeMap::new(),
            examples: 10,
            values: Values::Hidden,
            piece_bytes: 1 << 20,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exactness {
    /// Rows are read where the sums of the two servers differ.
    Sums,
    /// Every row is read.
    EveryRow,
}

/// Rows hold what people wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Values {
    Hidden,
    Shown,
}

/// What two databases differ in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Comparison {
    /// A line for each difference.
    pub schema: Vec<String>,
    /// The tables whose rows differ.
    pub rows: Vec<TableRows>,
    /// Every table whose rows were compared.
    pub tables: Vec<Compared>,
    /// What was left out because it changes by itself.
    pub excluded: Vec<Excluded>,
}

impl Comparison {
    pub fn is_same(&self) -> bool {
        self.schema.is_empty() && self.rows.is_empty()
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TableRows {
    /// Without the prefix.
    pub table: String,
    pub only_a: u64,
    pub only_b: u64,
    pub different: u64,
    pub rows_a: u64,
    pub rows_b: u64,
    /// Some of them.
    pub examples: Vec<Example>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Compared {
    pub table: String,
    pub rows_a: u64,
    pub rows_b: u64,
    pub way: How,
}

/// How rows were compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum How {
    Sums,
    Rows,
    Counts,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Excluded {
    pub table: String,
    /// `all rows`, `rows where …` or `column …`.
    pub what: String,
}

/// One row that differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Example {
    pub found: Found,
    pub key: Vec<KeyValue>,
    /// The columns that differ, of a row that both have.
    pub columns: Vec<ColumnValues>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Found {
    #[serde(rename = "only_a")]
    OnlyA,
    #[serde(rename = "only_b")]
    OnlyB,
    #[serde(rename = "different")]
    Different,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct KeyValue {
    pub column: String,
    pub value: String,
}

/// Values are shortened and escaped, and there only when they were asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ColumnValues {
    pub column: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub a: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub b: Option<String>,
}

#[derive(Debug, thiserror::Error)]
pub enum CompareError {
    #[error(transparent)]
    Database(#[from] DatabaseError),
    #[error("the comparison was stopped")]
    Stopped,
}

impl Fault for CompareError {
    fn exit(&self) -> Exit {
        match self {
            CompareError::Database(error) => error.exit(),
            CompareError::Stopped => Exit::Failed,
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            CompareError::Database(error) => error.hints(),
            CompareError::Stopped => Vec::new(),
        }
    }
}

/// Compares two databases; `is_stopped` is asked all the time.
pub fn compare(
    a: &Place,
    b: &Place,
    rules: &Rules,
    is_stopped: &dyn Fn() -> bool,
    watch: Watch,
) -> Result<Comparison, CompareError> {
    let mut sides = [Side::open(a.address)?, Side::open(b.address)?];
    let [first, second] = sides.each_mut();
    let schemas = [read(first.database(), &a.scope)?, read(second.database(), &b.scope)?];
    let known = [0, 1].map(|at| Known {
        schema: &schemas[at],
        dialect: sides[at].dialect(),
        prefix: [a.prefix(), b.prefix()][at],
    });
    let can_sum = sides[0].can_sum()? && sides[1].can_sum()?;
    let exactness = if can_sum { rules.exactness } else { Exactness::EveryRow };
    let rules = &Rules { exactness, ..rules.clone() };
    let sizes = sides[0].database().tables()?;
    let mut comparison =
        Comparison { schema: schema::differences(&known[0], &known[1]), ..Comparison::default() };
    let (of_a, of_b) = (pair::tables(&known[0]), pair::tables(&known[1]));
    for (table, name_a) in &of_a {
        let Some(name_b) = of_b.get(table) else { continue };
        let pair = pair::pair(table, &known[0], &known[1], [name_a, name_b], rules);
        comparison.exclude(table, pair.as_ref(), rules);
        let Some(pair) = pair.filter(|pair| !pair.columns.is_empty()) else { continue };
        let size = sizes.iter().find(|info| info.name == *name_a);
        let mut teller = Teller { is_stopped, watch: &mut *watch, table, size, done: 0 };
        let (way, tally) = rows(&mut sides, pair, rules, &mut teller)?;
        comparison.keep(table, way, tally);
    }
    Ok(comparison)
}

impl Comparison {
    fn exclude(&mut self, table: &str, pair: Option<&Pair>, rules: &Rules) {
        let mut add = |what: String| {
            self.excluded.push(Excluded { table: escape::text(table).into_owned(), what });
        };
        match (pair, rules.volatile_rows.get(table)) {
            (None, Some(_)) => add("all rows".into()),
            (_, Some(rows)) => add(format!("rows where {rows}")),
            (_, None) => {}
        }
        for column in pair.iter().flat_map(|pair| &pair.volatile_columns) {
            add(format!("column {}", escape::text(column)));
        }
    }

    fn keep(&mut self, table: &str, way: Way, tally: Tally) {
        let table = escape::text(table).into_owned();
        let [rows_a, rows_b] = tally.rows;
        let way = match way {
            Way::Sums => How::Sums,
            Way::Rows => How::Rows,
            Way::Counts => How::Counts,
        };
        self.tables.push(Compared { table: table.clone(), rows_a, rows_b, way });
        let Tally { only: [only_a, only_b], different, examples, .. } = tally;
        if (only_a, only_b, different) != (0, 0, 0) {
            self.rows.push(TableRows { table, only_a, only_b, different, rows_a, rows_b, examples });
        }
    }
}

/// What was counted in one table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Tally {
    rows: [u64; 2],
    only: [u64; 2],
    different: u64,
    examples: Vec<Example>,
}

/// Who is told how far a table is, and says whether to go on.
struct Teller<'a> {
    is_stopped: &'a dyn Fn() -> bool,
    watch: Watch<'a>,
    table: &'a str,
    size: Option<&'a TableInfo>,
    done: u64,
}

impl Teller<'_> {
    /// So many rows more have been compared; ends it all where that is wanted.
    fn tell(&mut self, rows: u64) -> Result<(), CompareError> {
        if (self.is_stopped)() {
            return Err(CompareError::Stopped);
        }
        self.done += rows;
        let total = self.size.map_or(0, |info| info.rows).max(self.done);
        let what = format!("comparing {}", escape::text(self.table));
        (self.watch)(None, Event::Progress { what, done: self.done, total, bytes: 0, total_bytes: 0 });
        Ok(())
    }
}

fn rows(
    sides: &mut [Side; 2],
    mut pair: Pair,
    rules: &Rules,
    teller: &mut Teller,
) -> Result<(Way, Tally), CompareError> {
    let found = match pair.way {
        Way::Sums => pieces::compare(sides, &pair, rules, teller),
        Way::Rows => merge::compare(sides, &pair, rules, &[Range::default()], teller),
        Way::Counts => return Ok((Way::Counts, counts::compare(sides, &pair, teller)?)),
    };
    match found {
        Ok(tally) => Ok((pair.way, tally)),
        Err(RowsError::Compare(error)) => Err(error),
        // The two put their keys in different orders: do without.
        Err(RowsError::Order) => {
            pair.key = 0;
            pair.way = Way::Counts;
            Ok((Way::Counts, counts::compare(sides, &pair, teller)?))
        }
    }
}

/// Names that stand on one side, on the other, on both.
fn sorted_apart<'a>(a: impl Iterator<Item = &'a str>, b: impl Iterator<Item = &'a str>) -> [Vec<&'a str>; 3] {
    let (a, b): (BTreeSet<_>, BTreeSet<_>) = (a.collect(), b.collect());
    [a.difference(&b), b.difference(&a)]
        .map(|names| names.copied().collect())
        .into_iter()
        .chain([a.intersection(&b).copied().collect()])
        .collect::<Vec<_>>()
        .try_into()
        .unwrap_or_default()
}
