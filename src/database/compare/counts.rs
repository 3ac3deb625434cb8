//! Rows that no key tells apart: how often each stands on either side.
//!
//! Rows are counted by digest, some of the digests at a time, so that memory
//! stays small whatever the size of the table.

use std::collections::HashMap;
use std::sync::mpsc::sync_channel;

use crate::base::digest::Algorithms;
use crate::base::digest::Hasher;
use crate::database::compare::CompareError;
use crate::database::compare::Tally;
use crate::database::compare::Teller;
use crate::database::compare::feed;
use crate::database::compare::feed::Reader;
use crate::database::compare::merge;
use crate::database::compare::merge::Row;
use crate::database::compare::pair::Pair;
use crate::database::compare::select::Range;
use crate::database::compare::select::Select;
use crate::database::compare::side::Side;
use crate::database::connection::DatabaseError;

/// So many different rows are counted at once.
const ROWS_A_PASS: u64 = 400_000;
const TOLD: u64 = 2000;

type RowDigest = [u8; 16];

pub(super) fn compare(
    sides: &mut [Side; 2],
    pair: &Pair,
    teller: &mut Teller,
) -> Result<Tally, CompareError> {
    let mut tally = Tally::default();
    for (at, side) in sides.iter_mut().enumerate() {
        tally.rows[at] = number_of_rows(side, &Select::new(pair, at))?;
    }
    let passes = (tally.rows[0] + tally.rows[1]).div_ceil(ROWS_A_PASS).max(1);
    for pass in 0..passes {
        let chosen = |digest: &RowDigest| {
            let number = u64::from_le_bytes([0, 1, 2, 3, 4, 5, 6, 7].map(|at| digest[at]));
            number % passes == pass
        };
        for count in counted(sides, pair, &chosen, teller)?.into_values() {
            tally.only[if count > 0 { 0 } else { 1 }] += count.unsigned_abs();
        }
    }
    Ok(tally)
}

fn number_of_rows(side: &mut Side, select: &Select) -> Result<u64, DatabaseError> {
    let query = select.count()?;
    let row = side.first(&query)?.unwrap_or_default();
    let number = row.into_iter().next().flatten().and_then(|number| number.parse().ok());
    number.ok_or_else(|| DatabaseError::answer(&query, "no number"))
}

/// How often more each chosen row stands in A than in B.
fn counted(
    sides: &mut [Side; 2],
    pair: &Pair,
    chosen: &(dyn Fn(&RowDigest) -> bool + Sync),
    teller: &mut Teller,
) -> Result<HashMap<RowDigest, i64>, CompareError> {
    let [a, b] = sides;
    std::thread::scope(|threads| {
        let readers = [(0, a), (1, b)].map(|(at, side)| {
            let (to, from) = sync_channel(feed::WAITING);
            threads.spawn(move || {
                let query = Select::new(pair, at).rows(&Range::default());
                let make = |row| Some(digest(&merge::canonical(pair, row))).filter(chosen);
                feed::feed(side, std::iter::once(query), make, |_| size_of::<RowDigest>(), &to);
            });
            Reader::new(from)
        });
        let mut counts = HashMap::new();
        let mut rows = 0;
        let [mut a, mut b] = readers;
        loop {
            let next = [a.next()?, b.next()?];
            if next == [None, None] {
                return Ok(counts);
            }
            for (digest, step) in next.into_iter().zip([1, -1]) {
                let Some(digest) = digest else { continue };
                let count = counts.entry(digest).or_insert(0);
                *count += step;
                if *count == 0 {
                    counts.remove(&digest);
                }
            }
            rows += 1;
            if rows % TOLD == 0 {
                teller.tell(TOLD)?;
            }
        }
    })
}

/// NULLs and lengths are part of it.
fn digest(row: &Row) -> RowDigest {
    let mut hasher = Hasher::new(Algorithms::Sha256);
    for value in row {
        match value {
            None => hasher.update(&[0]),
            Some(bytes) => {
                hasher.update(&[1]);
                hasher.update(&(bytes.len() as u64).to_le_bytes());
                hasher.update(bytes);
            }
        }
    }
    let (digest, _) = hasher.finish();
    let mut short = RowDigest::default();
    short.copy_from_slice(&digest.as_bytes()[..size_of::<RowDigest>()]);
    short
}
