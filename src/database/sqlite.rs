//! SQLite through the crate `rusqlite`; nobody else speaks with it.

use std::path::Path;
use std::time::Duration;

use rusqlite::Connection;
use rusqlite::OpenFlags;
use rusqlite::backup::Backup;
use rusqlite::types::ValueRef;

use crate::base::check::Check;
use crate::base::digest::Sha256;
use crate::database::engine::Database;
use crate::database::engine::DatabaseError;
use crate::database::engine::TableInfo;
use crate::database::engine::TableKind;
use crate::database::engine::TableSum;
use crate::database::engine::quote;
use crate::database::lexer::Dialect;
use crate::sys::fs;

/// How long another writer is waited for.
const PATIENCE: Duration = Duration::from_secs(30);

pub struct Sqlite {
    connection: Connection,
    path: String,
}

impl Sqlite {
    /// Opens a database that exists.
    pub fn open(path: &Path) -> Result<Sqlite, DatabaseError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let unreachable =
            |source| DatabaseError::Unreachable { address: fs::shown(path), source: Box::new(source) };
        let connection = Connection::open_with_flags(path, flags).map_err(unreachable)?;
        connection.busy_timeout(PATIENCE).map_err(unreachable)?;
        connection.query_row("SELECT COUNT(*) FROM sqlite_master", [], |_| Ok(())).map_err(unreachable)?;
        Ok(Sqlite { connection, path: fs::shown(path) })
    }

    fn failed<'s>(statement: &'s str) -> impl Fn(rusqlite::Error) -> DatabaseError + 's {
        move |source| DatabaseError::statement(statement, source)
    }
}

/// Copies all of a database, whatever is being written to it, into `to`.
pub fn copy(from: &Path, to: &Path) -> Result<(), DatabaseError> {
    let source = Sqlite::open(from)?;
    let failed = Sqlite::failed("backup");
    let mut target = Connection::open(to).map_err(&failed)?;
    target.busy_timeout(PATIENCE).map_err(&failed)?;
    {
        let backup = Backup::new(&source.connection, &mut target).map_err(&failed)?;
        backup.run_to_completion(1000, Duration::from_millis(5), None).map_err(&failed)?;
    }
    target.close().map_err(|(_, error)| failed(error))
}

impl Database for Sqlite {
    fn dialect(&self) -> Dialect {
        Dialect::Sqlite
    }

    fn version(&mut self) -> Result<String, DatabaseError> {
        Ok(format!("SQLite {}", rusqlite::version()))
    }

    fn tables(&mut self) -> Result<Vec<TableInfo>, DatabaseError> {
        let query = "SELECT name, type FROM sqlite_master WHERE type IN ('table', 'view') \
                     AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name";
        let mut statement = self.connection.prepare(query).map_err(Sqlite::failed(query))?;
        let rows = statement
            .query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)))
            .map_err(Sqlite::failed(query))?;
        let named: Vec<(String, String)> = rows.collect::<Result<_, _>>().map_err(Sqlite::failed(query))?;
        let size = fs::metadata(Path::new(&self.path)).ok().flatten().map_or(0, |file| file.len());
        let count = named.len().max(1) as u64;
        let table = |(name, kind): (String, String)| TableInfo {
            name,
            kind: if kind == "view" { TableKind::View } else { TableKind::Table },
            rows: 0,
            // The file does not say which table has how much of it.
            bytes: size / count,
        };
        Ok(named.into_iter().map(table).collect())
    }

    fn execute(&mut self, statement: &str) -> Result<u64, DatabaseError> {
        let failed = Sqlite::failed(statement);
        let mut prepared = self.connection.prepare(statement).map_err(&failed)?;
        let mut rows = prepared.query([]).map_err(&failed)?;
        while rows.next().map_err(&failed)?.is_some() {}
        drop(rows);
        drop(prepared);
        Ok(self.connection.changes())
    }

    fn texts(&mut self, query: &str) -> Result<Vec<String>, DatabaseError> {
        let failed = Sqlite::failed(query);
        let mut statement = self.connection.prepare(query).map_err(&failed)?;
        let rows = statement.query_map([], |row| row.get::<_, Option<String>>(0)).map_err(&failed)?;
        let texts: Vec<Option<String>> = rows.collect::<Result<_, _>>().map_err(&failed)?;
        Ok(texts.into_iter().flatten().collect())
    }

    fn checksum(&mut self, table: &str, left_out: Option<&str>) -> Result<TableSum, DatabaseError> {
        let name = quote(Dialect::Sqlite, table)?;
        let filter = left_out.map(|predicate| format!(" WHERE NOT ({predicate})")).unwrap_or_default();
        let query = format!("SELECT * FROM {name}{filter}");
        let failed = Sqlite::failed(&query);
        let mut statement = self.connection.prepare(&query).map_err(&failed)?;
        let columns = statement.column_count();
        let mut rows = statement.query([]).map_err(&failed)?;
        let (mut count, mut sum, mut xor) = (0u64, 0u64, 0u64);
        while let Some(row) = rows.next().map_err(&failed)? {
            let mut text = Vec::new();
            for at in 0..columns {
                push_value(row.get_ref(at).map_err(&failed)?, &mut text);
            }
            let digest = Sha256::of(&text);
            let piece = |from: usize| {
                digest.as_bytes()[from..from + 8].iter().fold(0u64, |all, byte| (all << 8) | u64::from(*byte))
            };
            count += 1;
            sum = sum.wrapping_add(piece(0));
            xor ^= piece(8);
        }
        drop(rows);
        drop(statement);
        let query = format!(
            "SELECT COALESCE(sql, '') FROM sqlite_master WHERE tbl_name = '{}' ORDER BY name",
            table.replace('\'', "''")
        );
        let definition = Sha256::of(self.texts(&query)?.join("\n").as_bytes());
        Ok(TableSum { rows: count, sum: format!("{sum} {xor} {}", definition.short()) })
    }

    fn connection_id(&self) -> u64 {
        0
    }

    fn kill_connection(&mut self, _id: u64) -> Result<(), DatabaseError> {
        // A connection is a file handle of a process: it ends with that.
        Ok(())
    }

    fn checks(&mut self) -> Vec<Check> {
        let query = "PRAGMA quick_check";
        let whole = self.texts(query).map(|said| said == ["ok"]);
        vec![match whole {
            Ok(true) => Check::ok("database", format!("{} is whole", self.path)),
            Ok(false) => Check::error(
                "database",
                format!("{} is damaged", self.path),
                "restore it from a backup first",
            ),
            Err(error) => Check::error("database", error.to_string(), "look at the database's file"),
        }]
    }
}

/// A value with its type and length, so that no two rows look alike by chance.
fn push_value(value: ValueRef, text: &mut Vec<u8>) {
    let mut push = |kind: u8, bytes: &[u8]| {
        text.push(kind);
        text.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
        text.extend_from_slice(bytes);
    };
    match value {
        ValueRef::Null => push(b'n', &[]),
        ValueRef::Integer(number) => push(b'i', &number.to_le_bytes()),
        ValueRef::Real(number) => push(b'r', &number.to_le_bytes()),
        ValueRef::Text(bytes) => push(b't', bytes),
        ValueRef::Blob(bytes) => push(b'b', bytes),
    }
}
