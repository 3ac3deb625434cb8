//! Checksums of MySQL tables, computed by the server.
//!
//! Each row becomes an MD5 over the MD5s of its values, with NULL apart from
//! everything. Two 64-bit pieces of it are combined over all rows, one by XOR
//! and one by addition, so that the order of rows does not matter and equal
//! rows do not cancel out. Values go through MD5 singly because a long row in
//! one piece could exceed `max_allowed_packet` and would be NULL.

use crate::base::digest::Sha256;
use crate::database::connection::DatabaseError;
use crate::database::connection::TableSum;
use crate::database::mysql::MySql;
use crate::database::mysql::catalog;
use crate::database::mysql::catalog::Column;
use crate::database::mysql::catalog::quoted;

/// Sums a table; leaves the session's time zone as it was.
pub(in crate::database) fn checksum(
    db: &mut MySql,
    table: &str,
    volatile_rows: Option<&str>,
) -> Result<TableSum, DatabaseError> {
    let zone = db.text("SELECT @@session.time_zone")?.unwrap_or_default();
    // TIMESTAMP values read as text depend on it.
    db.run("SET SESSION time_zone = '+00:00'")?;
    let summed = sum(db, table, volatile_rows);
    db.run(&format!("SET SESSION time_zone = {}", crate::database::mysql::literal(&zone)))?;
    summed
}

/// Sums a table within a session whose time zone is UTC.
pub(in crate::database) fn sum(
    db: &mut MySql,
    table: &str,
    volatile_rows: Option<&str>,
) -> Result<TableSum, DatabaseError> {
    let definition = catalog::without_counter(&catalog::create_table(db, table)?);
    let columns = catalog::columns(db, table)?;
    let query = query(table, &columns, volatile_rows)?;
    let row = db.texts(&query)?.into_iter().next().unwrap_or_default();
    let Ok([rows, xor, sum]) = <[String; 3]>::try_from(row) else {
        return Err(DatabaseError::answer(&query, "no sum"));
    };
    let rows = rows.parse().map_err(|_| DatabaseError::answer(&query, "no number of rows"))?;
    let definition = Sha256::of(definition.as_bytes()).short();
    Ok(TableSum { rows, sum: format!("{definition}-{xor}-{sum}") })
}

fn query(table: &str, columns: &[Column], volatile_rows: Option<&str>) -> Result<String, DatabaseError> {
    let mut values = Vec::new();
    for column in columns.iter().filter(|column| !column.generated) {
        let name = quoted(&column.name)?;
        values.push(match column.kind.as_str() {
            // A FLOAT as text is rounded to six digits; as a DOUBLE it is not.
            "float" => format!("IFNULL(MD5({name} + 0e0), '-')"),
            _ => format!("IFNULL(MD5({name}), '-')"),
        });
    }
    let kept = volatile_rows.map(|rows| format!(" WHERE NOT COALESCE(({rows}), FALSE)")).unwrap_or_default();
    Ok(format!(
        "SELECT COUNT(*), COALESCE(BIT_XOR(CAST(CONV(LEFT(digest, 16), 16, 10) AS UNSIGNED)), 0), \
         COALESCE(SUM(CAST(CONV(RIGHT(digest, 16), 16, 10) AS UNSIGNED)), 0) \
         FROM (SELECT MD5(CONCAT_WS(',', {})) AS digest FROM {}{kept}) AS one_row",
        values.join(", "),
        quoted(table)?
    ))
}
