//! SQLite through the `rusqlite` crate: the only module that knows it.

mod copy;

use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;

use rusqlite::Connection;
use rusqlite::OpenFlags;
use rusqlite::backup::Backup;
use rusqlite::backup::StepResult;
use rusqlite::types::ValueRef;

use crate::base::check::Check;
use crate::base::digest::Algorithms;
use crate::base::digest::Hasher;
use crate::base::digest::Sha256;
use crate::database::compare::value::Stored;
use crate::database::connection::Database;
use crate::database::connection::DatabaseError;
use crate::database::connection::TableInfo;
use crate::database::connection::TableKind;
use crate::database::connection::TableSum;
use crate::database::connection::quote_identifier;
use crate::database::connection::shortened;
use crate::database::lexer;
use crate::database::lexer::Dialect;
use crate::database::object::Object;
use crate::database::object::ObjectKind;
use crate::database::scope::Scope;
use crate::sys::clock;
use crate::sys::fs;

pub use self::copy::sqlite_copy;

const PATIENCE: Duration = Duration::from_secs(60);
const PAGES_A_STEP: i32 = 1024;

/// A connection to an SQLite database file.
pub(in crate::database) struct Sqlite {
    connection: Connection,
    path: PathBuf,
}

impl Sqlite {
    /// Opens a database that exists.
    pub(in crate::database) fn open(path: &Path) -> Result<Sqlite, DatabaseError> {
        Sqlite::open_with(path, OpenFlags::SQLITE_OPEN_READ_WRITE)
    }

    /// Opens a database, making an empty one where there is none.
    pub(in crate::database) fn open_or_create(path: &Path) -> Result<Sqlite, DatabaseError> {
        Sqlite::open_with(path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE)
    }

    /// An empty database that nobody else sees and that ends with this value.
    pub(in crate::database) fn in_memory() -> Result<Sqlite, DatabaseError> {
        Sqlite::open_with(Path::new(":memory:"), OpenFlags::SQLITE_OPEN_READ_WRITE)
    }

    fn open_with(path: &Path, flags: OpenFlags) -> Result<Sqlite, DatabaseError> {
        let failed = |source: rusqlite::Error| DatabaseError::Connect {
            address: format!("sqlite:{}", fs::shown(path)),
            source: Box::new(source),
        };
        let connection =
            Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX).map_err(failed)?;
        connection.busy_timeout(PATIENCE).map_err(failed)?;
        // Opening reads nothing; this finds out whether it is a database.
        connection.query_row("SELECT COUNT(*) FROM sqlite_master", (), |_| Ok(())).map_err(failed)?;
        Ok(Sqlite { connection, path: path.to_owned() })
    }

    /// All rows of a query with text in every column.
    fn texts(&self, query: &str) -> Result<Vec<Vec<String>>, DatabaseError> {
        let run = || {
            let mut statement = self.connection.prepare(query)?;
            let columns = statement.column_count();
            let rows = statement.query_map((), |row| {
                (0..columns).map(|at| Ok(row.get::<_, Option<String>>(at)?.unwrap_or_default())).collect()
            })?;
            rows.collect::<rusqlite::Result<Vec<Vec<String>>>>()
        };
        run().map_err(|source| DatabaseError::statement(query, source).at(&self.path))
    }

    /// Gives each row of one query to `each` as it is read.
    pub(in crate::database) fn stream<E: From<DatabaseError>>(
        &self,
        query: &str,
        mut each: impl FnMut(Vec<Stored>) -> Result<(), E>,
    ) -> Result<(), E> {
        let failed = |source| DatabaseError::statement(query, source).at(&self.path);
        let mut statement = self.connection.prepare(query).map_err(failed)?;
        let columns = statement.column_count();
        let mut rows = statement.query(()).map_err(failed)?;
        while let Some(row) = rows.next().map_err(failed)? {
            let values = (0..columns).map(|at| row.get_ref(at).map(stored));
            each(values.collect::<rusqlite::Result<_>>().map_err(failed)?)?;
        }
        Ok(())
    }

    fn number(&self, query: &str) -> Result<u64, DatabaseError> {
        let found = self.connection.query_row(query, (), |row| row.get::<_, i64>(0));
        found
            .map(|n| n.max(0) as u64)
            .map_err(|source| DatabaseError::statement(query, source).at(&self.path))
    }

    /// Views and triggers.
    pub(in crate::database) fn objects(&self) -> Result<Vec<Object>, DatabaseError> {
        let query = "SELECT type, name FROM sqlite_master WHERE type IN ('view', 'trigger') ORDER BY 1, 2";
        let rows = self.texts(query)?.into_iter().filter_map(|row| <[String; 2]>::try_from(row).ok());
        Ok(rows
            .map(|[kind, name]| Object {
                kind: if kind == "view" { ObjectKind::View } else { ObjectKind::Trigger },
                name,
            })
            .collect())
    }

    /// A digest over every definition in the database.
    pub(in crate::database) fn schema(&self) -> Result<String, DatabaseError> {
        let query = "SELECT type, name, COALESCE(sql, '') FROM sqlite_master ORDER BY 1, 2, 3";
        Ok(digest_of_texts(&self.texts(query)?))
    }

    /// Makes `target` page for page what `self` is, and tells after each step
    /// how many pages are done and how many there are.
    pub(in crate::database) fn copy_to(
        &self,
        target: &mut Sqlite,
        mut told: impl FnMut(u64, u64),
    ) -> Result<(), DatabaseError> {
        let action = format!("backup to {}", fs::shown(&target.path));
        let failed = |source| DatabaseError::statement(&action, source).at(&self.path);
        let backup = Backup::new(&self.connection, &mut target.connection).map_err(failed)?;
        let busy = clock::Stopwatch::start();
        let mut waited_since = busy.elapsed();
        loop {
            match backup.step(PAGES_A_STEP).map_err(failed)? {
                StepResult::Done => return Ok(()),
                StepResult::More => waited_since = busy.elapsed(),
                _ if busy.elapsed() - waited_since > PATIENCE => {
                    return Err(DatabaseError::answer(&action, "a lock that another program holds"));
                }
                _ => clock::sleep(Duration::from_millis(20)),
            }
            let progress = backup.progress();
            let (all, left) = (progress.pagecount.max(0) as u64, progress.remaining.max(0) as u64);
            told(all.saturating_sub(left), all);
        }
    }

    /// Makes the database one file that needs no other beside it.
    pub(in crate::database) fn settle(&self) -> Result<(), DatabaseError> {
        let query = "PRAGMA journal_mode = DELETE";
        self.texts(query).map(|_| ())
    }

    /// Asks SQLite whether the file is in order.
    pub(in crate::database) fn is_sound(&self) -> Result<bool, DatabaseError> {
        Ok(self.texts("PRAGMA quick_check(1)")? == [["ok"]])
    }

    fn sum_rows(&self, query: &str) -> rusqlite::Result<(u64, u64, u64)> {
        let mut statement = self.connection.prepare(query)?;
        let columns = statement.column_count();
        let mut rows = statement.query(())?;
        let (mut count, mut xor, mut sum) = (0, 0, 0_u64);
        while let Some(row) = rows.next()? {
            let mut hasher = Hasher::new(Algorithms::Sha256);
            for at in 0..columns {
                hash_value(&mut hasher, row.get_ref(at)?);
            }
            let (digest, _) = hasher.finish();
            let (first, second) = digest.as_bytes().split_at(8);
            count += 1;
            xor ^= number_of(first);
            sum = sum.wrapping_add(number_of(&second[..8]));
        }
        Ok((count, xor, sum))
    }
}

impl Database for Sqlite {
    fn dialect(&self) -> Dialect {
        Dialect::Sqlite
    }

    fn version(&mut self) -> Result<String, DatabaseError> {
        Ok(format!("SQLite {}", rusqlite::version()))
    }

    fn tables(&mut self) -> Result<Vec<TableInfo>, DatabaseError> {
        // Virtual tables keep their rows in shadow tables, which are listed.
        let query = "SELECT name, type FROM sqlite_master WHERE type IN ('table', 'view') \
                     AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' \
                     AND COALESCE(sql, '') NOT LIKE 'CREATE VIRTUAL%' ORDER BY name";
        let mut tables = Vec::new();
        for row in self.texts(query)? {
            let Ok([name, kind]) = <[String; 2]>::try_from(row) else { continue };
            if kind == "view" {
                tables.push(TableInfo { name, kind: TableKind::View, rows: 0, bytes: 0 });
                continue;
            }
            let rows =
                self.number(&format!("SELECT COUNT(*) FROM {}", quote_identifier(Dialect::Sqlite, &name)?))?;
            let bytes = format!(
                "SELECT COALESCE(SUM(pgsize), 0) FROM dbstat WHERE name IN \
                 (SELECT name FROM sqlite_master WHERE tbl_name = '{}')",
                name.replace('\'', "''")
            );
            let bytes = self.number(&bytes)?;
            tables.push(TableInfo { name, kind: TableKind::Table, rows, bytes });
        }
        Ok(tables)
    }

    fn execute(&mut self, text: &str) -> Result<u64, DatabaseError> {
        let parts = lexer::split(text, Dialect::Sqlite)
            .map_err(|source| DatabaseError::Unreadable { statement: shortened(text), source })?;
        let [only] = parts.as_slice() else {
            return Err(DatabaseError::NotOne { statement: shortened(text), count: parts.len() });
        };
        let run = || {
            let before = self.connection.total_changes();
            let mut statement = self.connection.prepare(&only.text)?;
            let mut rows = statement.query(())?;
            while rows.next()?.is_some() {}
            Ok(self.connection.total_changes().saturating_sub(before))
        };
        run().map_err(|source: rusqlite::Error| DatabaseError::statement(text, source).at(&self.path))
    }

    fn query(&mut self, query: &str) -> Result<Vec<Vec<Option<String>>>, DatabaseError> {
        let run = || {
            let mut statement = self.connection.prepare(query)?;
            let columns = statement.column_count();
            let rows = statement
                .query_map((), |row| (0..columns).map(|at| Ok(text_of(row.get_ref(at)?))).collect())?;
            rows.collect::<rusqlite::Result<Vec<Vec<Option<String>>>>>()
        };
        run().map_err(|source| DatabaseError::statement(query, source).at(&self.path))
    }

    fn checksum(&mut self, table: &str, volatile_rows: Option<&str>) -> Result<TableSum, DatabaseError> {
        let quoted = quote_identifier(Dialect::Sqlite, table)?;
        let definition = format!(
            "SELECT type, name, COALESCE(sql, '') FROM sqlite_master \
             WHERE tbl_name = '{}' AND type IN ('table', 'index') ORDER BY 1, 2",
            table.replace('\'', "''")
        );
        let definition = digest_of_texts(&self.texts(&definition)?);
        let kept = volatile_rows.map(|rows| format!(" WHERE NOT COALESCE(({rows}), 0)")).unwrap_or_default();
        let query = format!("SELECT * FROM {quoted}{kept}");
        let (rows, xor, sum) = self
            .sum_rows(&query)
            .map_err(|source| DatabaseError::statement(&query, source).at(&self.path))?;
        Ok(TableSum { rows, sum: format!("{definition}-{xor}-{sum}") })
    }

    fn connection_id(&self) -> u64 {
        0
    }

    /// There is no server whose connection could live on: nothing to do.
    fn kill_connection(&mut self, _id: u64) -> Result<(), DatabaseError> {
        Ok(())
    }

    /// The lock file of the site's state does this alone.
    fn lock(&mut self, _name: &str, _patience: Duration) -> Result<Option<u64>, DatabaseError> {
        Ok(None)
    }

    fn lock_holder(&mut self, _name: &str) -> Result<Option<u64>, DatabaseError> {
        Ok(None)
    }

    fn busy_connections(&mut self) -> Result<Vec<u64>, DatabaseError> {
        Ok(Vec::new())
    }

    /// No statement of SQLite is ended by time.
    fn limit(&mut self, lock: Duration, _: Option<Duration>) -> Result<(), DatabaseError> {
        let set = self.connection.busy_timeout(lock);
        set.map_err(|source| DatabaseError::statement("busy_timeout", source).at(&self.path))
    }

    fn checks(&mut self, _saved: Option<&Scope>) -> Vec<Check> {
        let shown = fs::shown(&self.path);
        let sound = match self.is_sound() {
            Ok(true) => Check::ok("database", format!("{shown} is sound, {}", rusqlite::version())),
            Ok(false) => {
                Check::error("database", format!("{shown} is damaged"), "repair it or restore a backup")
            }
            Err(error) => Check::error("database", error.to_string(), "look at the database file"),
        };
        let writable = match self.connection.is_readonly(rusqlite::MAIN_DB) {
            Ok(false) => Check::ok("database writable", format!("{shown} takes writes")),
            _ => Check::error(
                "database writable",
                format!("{shown} is read-only"),
                "give the site's owner the right to write the file and its folder",
            ),
        };
        vec![sound, writable]
    }
}

/// Each value with its kind and length, so that no two rows read alike.
fn hash_value(hasher: &mut Hasher, value: ValueRef<'_>) {
    let mut put = |kind: u8, bytes: &[u8]| {
        hasher.update(&[kind]);
        hasher.update(&(bytes.len() as u64).to_le_bytes());
        hasher.update(bytes);
    };
    match value {
        ValueRef::Null => put(0, b""),
        ValueRef::Integer(number) => put(1, &number.to_le_bytes()),
        ValueRef::Real(number) => put(2, &number.to_bits().to_le_bytes()),
        ValueRef::Text(bytes) => put(3, bytes),
        ValueRef::Blob(bytes) => put(4, bytes),
    }
}

fn stored(value: ValueRef<'_>) -> Stored {
    match value {
        ValueRef::Null => Stored::Null,
        ValueRef::Integer(number) => Stored::Integer(number),
        ValueRef::Real(number) => Stored::Real(number),
        ValueRef::Text(bytes) => Stored::Text(bytes.to_vec()),
        ValueRef::Blob(bytes) => Stored::Blob(bytes.to_vec()),
    }
}

fn text_of(value: ValueRef<'_>) -> Option<String> {
    match value {
        ValueRef::Null => None,
        ValueRef::Integer(number) => Some(number.to_string()),
        ValueRef::Real(number) => Some(number.to_string()),
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
    }
}

fn number_of(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

fn digest_of_texts(rows: &[Vec<String>]) -> String {
    let text: Vec<String> = rows.iter().map(|row| row.join("\0")).collect();
    Sha256::of(text.join("\0\0").as_bytes()).short()
}
