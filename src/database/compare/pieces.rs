//! Sums of pieces of a table: each server sums its own, at the same time, and
//! only the rows of pieces that differ are read.
//!
//! The borders of the pieces are keys of A; what B has before the first and
//! behind the last belongs to the outermost pieces.

use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::sync::mpsc::Receiver;
use std::sync::mpsc::Sender;
use std::sync::mpsc::SyncSender;
use std::sync::mpsc::channel;
use std::sync::mpsc::sync_channel;

use crate::database::compare::Rules;
use crate::database::compare::Tally;
use crate::database::compare::Teller;
use crate::database::compare::merge;
use crate::database::compare::merge::RowsError;
use crate::database::compare::pair::Pair;
use crate::database::compare::select::Border;
use crate::database::compare::select::Range;
use crate::database::compare::select::Select;
use crate::database::compare::side::Side;
use crate::database::compare::value::Stored;
use crate::database::connection::DatabaseError;
use crate::database::connection::TableInfo;

/// All rows of a piece are read when it differs.
const PIECE_ROWS: std::ops::RangeInclusive<u64> = 10..=4000;
/// So many pieces may A be ahead of B.
const AHEAD: usize = 64;

/// Numbers with at most so many gaps for each row are stepped through by counting.
const SPARSE: i128 = 8;

/// How the border of the next piece is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stride {
    /// So many rows on: the server walks through the keys.
    Rows(u64),
    /// So many numbers on; the last of all is known.
    Numbers { width: i128, last: i128 },
}

/// The number of rows of a piece, and what the server made of them.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Sum {
    rows: u64,
    xor: String,
}

/// The next sum of one side, in the order of the pieces.
type Summed = Result<(Range, Sum), DatabaseError>;

pub(super) fn compare(
    sides: &mut [Side; 2],
    pair: &Pair,
    rules: &Rules,
    teller: &mut Teller,
) -> Result<Tally, RowsError> {
    let rows = rows_a_piece(teller.size, rules.piece_bytes);
    let stride = stride(&mut sides[0], pair, rows, teller.size)?;
    let (differing, same) = differing(sides, pair, stride, teller)?;
    let mut tally = merge::compare(sides, pair, rules, &joined(differing), teller)?;
    for rows in &mut tally.rows {
        *rows += same;
    }
    Ok(tally)
}

fn rows_a_piece(size: Option<&TableInfo>, bytes: u64) -> u64 {
    let row = size.map_or(1, |info| info.bytes / info.rows.max(1)).max(1);
    (bytes / row).clamp(*PIECE_ROWS.start(), *PIECE_ROWS.end())
}

fn stride(
    side: &mut Side,
    pair: &Pair,
    rows: u64,
    size: Option<&TableInfo>,
) -> Result<Stride, DatabaseError> {
    let select = Select::new(pair, 0);
    let Some(ends) = select.ends()? else { return Ok(Stride::Rows(rows)) };
    let row = side.first(&ends)?.unwrap_or_default();
    let numbers: Vec<i128> = row.into_iter().flatten().filter_map(|number| number.parse().ok()).collect();
    Ok(match numbers[..] {
        [first, last] => stride_between(first, last, rows, size.map_or(1, |info| info.rows)),
        _ => Stride::Rows(rows),
    })
}

fn stride_between(first: i128, last: i128, rows: u64, all: u64) -> Stride {
    let gaps = (last - first + 1) / i128::from(all.max(1)) + 1;
    match gaps <= SPARSE {
        true => Stride::Numbers { width: i128::from(rows) * gaps, last },
        false => Stride::Rows(rows),
    }
}

/// The pieces that differ, and the number of rows in all others.
fn differing(
    sides: &mut [Side; 2],
    pair: &Pair,
    stride: Stride,
    teller: &mut Teller,
) -> Result<(Vec<Range>, u64), RowsError> {
    let [a, b] = sides;
    let stop = AtomicBool::new(false);
    std::thread::scope(|threads| {
        let (to_b, ranges) = sync_channel(AHEAD);
        let [(to_us_a, of_a), (to_us_b, of_b)] = [channel(), channel()];
        let stop = &stop;
        threads.spawn(move || lead(a, &Select::new(pair, 0), stride, stop, &to_b, &to_us_a));
        threads.spawn(move || follow(b, &Select::new(pair, 1), stop, &ranges, &to_us_b));
        let found = collect(&of_a, &of_b, teller);
        stop.store(true, Ordering::Relaxed);
        found
    })
}

fn collect(
    a: &Receiver<Summed>,
    b: &Receiver<Summed>,
    teller: &mut Teller,
) -> Result<(Vec<Range>, u64), RowsError> {
    let (mut differing, mut same) = (Vec::new(), 0);
    while let Ok(of_a) = a.recv() {
        let (range, of_a) = of_a?;
        let Ok(of_b) = b.recv() else {
            return Err(DatabaseError::answer("SELECT", "less than all sums").into());
        };
        let (_, of_b) = of_b?;
        teller.tell(of_a.rows)?;
        match of_a == of_b {
            true => same += of_a.rows,
            false => differing.push(range),
        }
    }
    Ok((differing, same))
}

/// Finds the borders in A and sums its pieces.
fn lead(
    side: &mut Side,
    select: &Select,
    stride: Stride,
    stop: &AtomicBool,
    to_b: &SyncSender<Range>,
    to_us: &Sender<Summed>,
) {
    let mut after: Option<Border> = None;
    while !stop.load(Ordering::Relaxed) {
        let summed = border(side, select, after.as_ref(), stride).and_then(|upto| {
            let range = Range { after: after.take(), upto };
            // Who does not listen any more has stopped.
            let _ = to_b.send(range.clone());
            Ok((range.clone(), sum(side, select, &range)?))
        });
        after = summed.as_ref().ok().and_then(|(range, _)| range.upto.clone());
        if to_us.send(summed).is_err() || after.is_none() {
            return;
        }
    }
}

fn follow(
    side: &mut Side,
    select: &Select,
    stop: &AtomicBool,
    ranges: &Receiver<Range>,
    to_us: &Sender<Summed>,
) {
    while let Ok(range) = ranges.recv() {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        let summed = sum(side, select, &range).map(|sum| (range, sum));
        let failed = summed.is_err();
        if to_us.send(summed).is_err() || failed {
            return;
        }
    }
}

/// Where the next piece ends; nothing where it is the last.
fn border(
    side: &mut Side,
    select: &Select,
    after: Option<&Border>,
    stride: Stride,
) -> Result<Option<Border>, DatabaseError> {
    match stride {
        Stride::Rows(rows) => key_behind(side, select, after, rows),
        Stride::Numbers { width, last } => {
            // What is counted from is a row, so that gaps cost nothing.
            let next = key_behind(side, select, after, 1)?;
            let number = next.and_then(|key| key.first()?.parse::<i128>().ok());
            let upto = number.map(|number| number + width - 1);
            Ok(upto.filter(|upto| *upto < last).map(|upto| vec![upto.to_string()]))
        }
    }
}

/// The key so many rows behind another; nothing where fewer are left.
fn key_behind(
    side: &mut Side,
    select: &Select,
    after: Option<&Border>,
    rows: u64,
) -> Result<Option<Border>, DatabaseError> {
    let mut found = None;
    side.stream(&select.border(after, rows)?, |row| {
        let bytes = |stored| match stored {
            Stored::Text(bytes) => Some(bytes),
            _ => None,
        };
        found = Some(select.border_of(row.into_iter().map(bytes).collect()));
        Ok::<(), DatabaseError>(())
    })?;
    Ok(found)
}

fn sum(side: &mut Side, select: &Select, range: &Range) -> Result<Sum, DatabaseError> {
    let query = select.sum(range)?;
    let row = side.first(&query)?.unwrap_or_default();
    let Ok([Some(rows), xor]) = <[Option<String>; 2]>::try_from(row) else {
        return Err(DatabaseError::answer(&query, "no sum"));
    };
    let rows = rows.parse().map_err(|_| DatabaseError::answer(&query, "no number of rows"))?;
    Ok(Sum { rows, xor: xor.unwrap_or_default() })
}

/// Pieces that follow each other are read as one.
fn joined(ranges: Vec<Range>) -> Vec<Range> {
    let mut joined: Vec<Range> = Vec::new();
    for range in ranges {
        match joined.last_mut() {
            Some(last) if last.upto.is_some() && last.upto == range.after => last.upto = range.upto,
            _ => joined.push(range),
        }
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_are_read_as_one() {
        let border = |text: &str| (!text.is_empty()).then(|| vec![text.to_owned()]);
        let range = |after, upto| Range { after: border(after), upto: border(upto) };
        let apart = vec![range("", "1"), range("1", "2"), range("3", "4"), range("4", "")];
        assert_eq!(joined(apart), [range("", "2"), range("3", "")]);
    }

    #[test]
    fn numbers_are_counted_unless_they_lie_far_apart() {
        assert_eq!(stride_between(1, 1000, 10, 1000), Stride::Numbers { width: 20, last: 1000 });
        assert_eq!(stride_between(-500, 499, 10, 500), Stride::Numbers { width: 30, last: 499 });
        assert_eq!(stride_between(1, i128::from(u64::MAX), 10, 1000), Stride::Rows(10));
        assert_eq!(stride_between(5, 5, 10, 0), Stride::Numbers { width: 20, last: 5 });
    }

    #[test]
    fn pieces_of_long_rows_hold_fewer() {
        let info = |rows, bytes| TableInfo {
            name: "t".into(),
            kind: crate::database::connection::TableKind::Table,
            rows,
            bytes,
        };
        for (rows, bytes, piece) in
            [(0, 0, 4000), (1000, 250_000, 4000), (1000, 10_000_000, 104), (1, 1 << 40, 10)]
        {
            assert_eq!(rows_a_piece(Some(&info(rows, bytes)), 1 << 20), piece);
        }
    }
}
