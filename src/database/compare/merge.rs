//! Rows of both sides in the order of their key, side by side.

use std::cmp::Ordering;
use std::sync::mpsc::sync_channel;

use crate::base::escape;
use crate::database::compare::ColumnValues;
use crate::database::compare::CompareError;
use crate::database::compare::Example;
use crate::database::compare::Found;
use crate::database::compare::KeyValue;
use crate::database::compare::Rules;
use crate::database::compare::Tally;
use crate::database::compare::Teller;
use crate::database::compare::Values;
use crate::database::compare::feed;
use crate::database::compare::feed::Reader;
use crate::database::compare::pair::Order;
use crate::database::compare::pair::Pair;
use crate::database::compare::pair::PairedColumn;
use crate::database::compare::select::Range;
use crate::database::compare::select::Select;
use crate::database::compare::side::Side;
use crate::database::compare::value;
use crate::database::compare::value::Family;
use crate::database::compare::value::Stored;
use crate::database::connection::DatabaseError;

/// A row in the form that is compared.
pub(super) type Row = Vec<Option<Vec<u8>>>;

/// Why rows could not be merged.
pub(super) enum RowsError {
    Compare(CompareError),
    /// The rows do not come in the order of their keys.
    Order,
}

impl From<CompareError> for RowsError {
    fn from(error: CompareError) -> RowsError {
        RowsError::Compare(error)
    }
}

impl From<DatabaseError> for RowsError {
    fn from(error: DatabaseError) -> RowsError {
        RowsError::Compare(error.into())
    }
}

/// How often progress is told, in rows.
const TOLD: u64 = 2000;
const SHOWN: usize = 60;

/// Reads every row of the ranges on both sides.
pub(super) fn compare(
    sides: &mut [Side; 2],
    pair: &Pair,
    rules: &Rules,
    ranges: &[Range],
    teller: &mut Teller,
) -> Result<Tally, RowsError> {
    let [a, b] = sides;
    std::thread::scope(|threads| {
        let [a, b] = [(0, a), (1, b)].map(|(at, side)| {
            let (to, from) = sync_channel(feed::WAITING);
            threads.spawn(move || {
                let select = Select::new(pair, at);
                let queries = ranges.iter().map(|range| select.rows(range));
                feed::feed(side, queries, |row| Some(canonical(pair, row)), size, &to);
            });
            Ordered { reader: Reader::new(from), pair, at: None, last: None }
        });
        let mut merge = Merge { sides: [a, b], pair, rules, tally: Tally::default() };
        for _ in ranges {
            merge.range(teller)?;
        }
        Ok(merge.tally)
    })
}

pub(super) fn canonical(pair: &Pair, row: Vec<Stored>) -> Row {
    pair.columns.iter().zip(row).map(|(column, stored)| value::canonical(column.family, stored)).collect()
}

fn size(row: &Row) -> usize {
    row.iter().flatten().map(Vec::len).sum()
}

/// Rows of one side, proved to come in the order of their key.
struct Ordered<'a> {
    reader: Reader<Row>,
    pair: &'a Pair,
    /// The row that waits to be compared.
    at: Option<Row>,
    /// The key before it.
    last: Option<Row>,
}

impl Ordered<'_> {
    fn advance(&mut self) -> Result<(), RowsError> {
        let key = |row: &Row| row[..self.pair.key].to_vec();
        self.last = self.at.as_ref().map(key);
        self.at = self.reader.next()?;
        match (&self.last, &self.at) {
            (Some(last), Some(at)) if by_key(self.pair, last, at) == Ordering::Greater => {
                Err(RowsError::Order)
            }
            _ => Ok(()),
        }
    }
}

/// Which of two rows comes first.
fn by_key(pair: &Pair, a: &Row, b: &Row) -> Ordering {
    let columns = pair.columns[..pair.key].iter().zip(a.iter().zip(b));
    columns
        .map(|(column, (a, b))| match (column.order, a, b) {
            (Order::Number, Some(a), Some(b)) => by_number(a, b),
            _ => a.cmp(b),
        })
        .find(|order| order.is_ne())
        .unwrap_or(Ordering::Equal)
}

/// Whole numbers without leading zeros.
fn by_number(a: &[u8], b: &[u8]) -> Ordering {
    match (a.strip_prefix(b"-"), b.strip_prefix(b"-")) {
        (Some(a), Some(b)) => b.len().cmp(&a.len()).then_with(|| b.cmp(a)),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => a.len().cmp(&b.len()).then_with(|| a.cmp(b)),
    }
}

struct Merge<'a> {
    sides: [Ordered<'a>; 2],
    pair: &'a Pair,
    rules: &'a Rules,
    tally: Tally,
}

impl Merge<'_> {
    /// All rows of one range.
    fn range(&mut self, teller: &mut Teller) -> Result<(), RowsError> {
        for side in &mut self.sides {
            side.reader.next_query();
            (side.at, side.last) = (None, None);
            side.advance()?;
        }
        let mut untold = 0;
        loop {
            let order = match (&self.sides[0].at, &self.sides[1].at) {
                (Some(a), Some(b)) => by_key(self.pair, a, b),
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (None, None) => return Ok(teller.tell(untold)?),
            };
            match order {
                Ordering::Less => self.only(0)?,
                Ordering::Greater => self.only(1)?,
                Ordering::Equal => self.both()?,
            }
            untold += 1;
            if untold == TOLD {
                teller.tell(untold)?;
                untold = 0;
            }
        }
    }

    fn only(&mut self, at: usize) -> Result<(), RowsError> {
        self.tally.rows[at] += 1;
        self.tally.only[at] += 1;
        if let Some(row) = &self.sides[at].at
            && self.tally.examples.len() < self.rules.examples
        {
            let found = if at == 0 { Found::OnlyA } else { Found::OnlyB };
            self.tally.examples.push(Example { found, key: self.key(row), columns: Vec::new() });
        }
        self.sides[at].advance()
    }

    fn both(&mut self) -> Result<(), RowsError> {
        self.tally.rows[0] += 1;
        self.tally.rows[1] += 1;
        if self.sides[0].at != self.sides[1].at {
            self.tally.different += 1;
            if let [Some(a), Some(b)] = [&self.sides[0].at, &self.sides[1].at]
                && self.tally.examples.len() < self.rules.examples
            {
                let example =
                    Example { found: Found::Different, key: self.key(a), columns: self.columns(a, b) };
                self.tally.examples.push(example);
            }
        }
        self.sides[0].advance()?;
        self.sides[1].advance()
    }

    fn key(&self, row: &Row) -> Vec<KeyValue> {
        let columns = self.pair.columns[..self.pair.key].iter().zip(row);
        columns
            .map(|(column, value)| KeyValue {
                column: escape::text(&column.names[0]).into_owned(),
                value: value.as_deref().map_or("NULL".into(), shortened),
            })
            .collect()
    }

    fn columns(&self, a: &Row, b: &Row) -> Vec<ColumnValues> {
        let columns = self.pair.columns.iter().zip(a.iter().zip(b)).filter(|(_, (a, b))| a != b);
        let mut differing = Vec::new();
        for (paired, (a, b)) in columns {
            let from = first_difference(a.as_deref(), b.as_deref());
            let shown = |value: &Option<Vec<u8>>| {
                let shown = self.rules.values == Values::Shown;
                shown.then(|| value.as_deref().map_or("NULL".into(), |value| quoted(paired, value, from)))
            };
            let column = escape::text(&paired.names[0]).into_owned();
            differing.push(ColumnValues { column, a: shown(a), b: shown(b) });
        }
        differing
    }
}

/// Where to begin to show two values, so that what differs is seen.
fn first_difference(a: Option<&[u8]>, b: Option<&[u8]>) -> usize {
    let (a, b) = (a.unwrap_or_default(), b.unwrap_or_default());
    let same = a.iter().zip(b).take_while(|(a, b)| a == b).count();
    match same > SHOWN / 2 {
        true => same - SHOWN / 4,
        false => 0,
    }
}

fn quoted(column: &PairedColumn, value: &[u8], from: usize) -> String {
    if let (Family::Typed, Some((b'b', bytes))) = (column.family, value.split_first()) {
        return format!("x'{}'", shortened(hex::encode(&bytes[..bytes.len().min(SHOWN)]).as_bytes()));
    }
    let (is_text, value) = match (column.family, value.split_first()) {
        (Family::Typed, Some((kind, rest))) => (*kind != b'n', rest),
        (Family::Plain | Family::Moment, _) => (true, value),
        _ => (false, value),
    };
    let from = from.min(value.len());
    // Not in the middle of a letter.
    let letter = value[..from].iter().rposition(|byte| byte & 0xC0 != 0x80);
    let from = if from == value.len() || value[from] & 0xC0 != 0x80 { from } else { letter.unwrap_or(0) };
    let shown = shortened(&value[from..]);
    let begins = if from > 0 { "…" } else { "" };
    if is_text { format!("'{begins}{shown}'") } else { shown }
}

/// The beginning of a value, as one line that no terminal obeys.
fn shortened(value: &[u8]) -> String {
    let cut = value.len() > 4 * SHOWN;
    let shown = escape::bytes(&value[..value.len().min(4 * SHOWN)]);
    match shown.char_indices().nth(SHOWN) {
        Some((at, _)) => format!("{}…", &shown[..at]),
        None if cut => format!("{shown}…"),
        None => shown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_come_in_their_order() {
        let numbers = ["-100", "-20", "-3", "0", "7", "10", "18446744073709551615"];
        for pair in numbers.windows(2) {
            assert_eq!(by_number(pair[0].as_bytes(), pair[1].as_bytes()), Ordering::Less, "{pair:?}");
            assert_eq!(by_number(pair[1].as_bytes(), pair[0].as_bytes()), Ordering::Greater, "{pair:?}");
        }
    }

    #[test]
    fn values_are_cut_and_escaped() {
        assert_eq!(shortened(b"a\x1b\n\xff"), "a\\x1b\\n\\xff");
        assert_eq!(shortened("é".repeat(200).as_bytes()), format!("{}…", "é".repeat(60)));
    }
}
