//! Checksums of MySQL tables, computed here from the rows as they are read.
//!
//! Each row becomes the XXH3 (128 bits) of its text in a dump (`docs/dump.md`),
//! read as two 64-bit numbers; each of the two is added up over all rows, so
//! that the order of rows does not matter and equal rows do not cancel out. So a
//! dump, its check, the proof of a restore and [`checksum`] read each row once
//! and speak of the same number. Two contents that differ by chance have the
//! same sum once in 2^128. Who wants that can make it; it would hide from a
//! rollback what he wrote himself, and the file of a dump has its SHA-256.
//!
//! The server could sum too, without sending rows. On 2 million rows of 190
//! bytes its MD5s took 11.5 s, its CRC32 0.7 s and this 1.2 s; but CRC32 gives
//! two of 77,000 contents the same sum, and a dump reads the rows anyway.

use twox_hash::XxHash3_128;

use crate::base::digest::Sha256;
use crate::database::connection::DatabaseError;
use crate::database::connection::TableSum;
use crate::database::mysql::MySql;
use crate::database::mysql::catalog;
use crate::database::mysql::catalog::quoted;
use crate::database::mysql::literal;
use crate::database::mysql::values::Values;

/// The sum over rows so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::database) struct RowSum {
    pub rows: u64,
    parts: [u64; 2],
}

impl RowSum {
    /// Adds one row, given as its text in a dump.
    pub fn add(&mut self, row: &[u8]) {
        self.rows += 1;
        let hash = XxHash3_128::oneshot(row);
        for (part, word) in self.parts.iter_mut().zip([(hash >> 64) as u64, hash as u64]) {
            *part = part.wrapping_add(word);
        }
    }

    pub fn text(&self) -> String {
        self.parts.iter().map(|part| format!("{part:016x}")).collect()
    }

    /// With the definition that the rows stand in.
    pub fn of_table(&self, create: &str) -> TableSum {
        TableSum { rows: self.rows, sum: format!("{}-{}", definition_sum(create), self.text()) }
    }
}

/// The digest of a table's definition without its counter.
pub(in crate::database) fn definition_sum(create: &str) -> String {
    Sha256::of(catalog::without_counter(create).as_bytes()).short()
}

/// Sums a table; leaves the session's time zone as it was.
pub(in crate::database) fn checksum(
    db: &mut MySql,
    table: &str,
    volatile_rows: Option<&str>,
) -> Result<TableSum, DatabaseError> {
    let zone = db.text("SELECT @@session.time_zone")?.unwrap_or_default();
    // TIMESTAMP values read as text depend on it.
    db.run("SET SESSION time_zone = '+00:00'")?;
    let create = catalog::create_table(db, table);
    let summed = create.and_then(|create| Ok(rows(db, table, volatile_rows)?.of_table(&create)));
    db.run(&format!("SET SESSION time_zone = {}", literal(&zone)))?;
    summed
}

/// Sums a table's rows within a session whose time zone is UTC.
pub(in crate::database) fn rows(
    db: &mut MySql,
    table: &str,
    volatile_rows: Option<&str>,
) -> Result<RowSum, DatabaseError> {
    let values = Values::of(&catalog::columns(db, table)?)?;
    let kept = volatile_rows.map(|rows| format!(" WHERE NOT COALESCE(({rows}), FALSE)")).unwrap_or_default();
    let query = format!("SELECT {} FROM {}{kept}", values.selected, quoted(table)?);
    let (mut sum, mut row) = (RowSum::default(), Vec::new());
    db.stream::<DatabaseError>(&query, |cells| {
        row.clear();
        values.write_row(cells, &mut row);
        sum.add(&row);
        Ok(())
    })?;
    Ok(sum)
}
