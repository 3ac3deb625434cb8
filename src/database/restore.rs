//! Bringing a database back to exactly what was saved; may be done twice.

use std::io::BufRead;
use std::io::BufReader;
use std::path::Path;

use crate::base::event::Event;
use crate::base::event::Watch;
use crate::base::exit::Exit;
use crate::base::exit::Fault;
use crate::database::address::Address;
use crate::database::address::MySqlAddress;
use crate::database::dump;
use crate::database::dump::DumpError;
use crate::database::dump::DumpRecord;
use crate::database::dump::Scope;
use crate::database::engine::Database;
use crate::database::engine::DatabaseError;
use crate::database::engine::TableKind;
use crate::database::engine::quote;
use crate::database::lexer::Dialect;
use crate::database::lexer::LexError;
use crate::database::lexer::Splitter;
use crate::database::mysql::MySql;
use crate::database::sqlite;
use crate::database::sqlite::Sqlite;
use crate::sys::fault;
use crate::sys::fs;
use crate::sys::fs::IoError;

#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    #[error("the database is not what was saved: {}", .tables.join(", "))]
    Differs { tables: Vec<String> },
    #[error("the dump {path} cannot be read as SQL")]
    Sql {
        path: String,
        #[source]
        source: LexError,
    },
    #[error(transparent)]
    Dump(#[from] DumpError),
    #[error(transparent)]
    Database(#[from] DatabaseError),
    #[error(transparent)]
    Io(#[from] IoError),
}

impl Fault for RestoreError {
    fn exit(&self) -> Exit {
        Exit::Stuck
    }

    fn hints(&self) -> Vec<String> {
        match self {
            RestoreError::Dump(error) => error.hints(),
            RestoreError::Database(error) => error.hints(),
            RestoreError::Io(error) => error.hints(),
            _ => Vec::new(),
        }
    }
}

/// Checks the dump, brings everything in its scope back, and proves it.
pub fn restore(
    address: &Address,
    record: &DumpRecord,
    folder: &Path,
    watch: Watch,
) -> Result<(), RestoreError> {
    dump::check(record, folder)?;
    let path = folder.join(&record.file);
    match address {
        Address::MySql(address) => restore_mysql(address, record, &path, watch)?,
        Address::Sqlite(target) => sqlite::copy(&path, target)?,
    }
    prove(address, record)
}

fn restore_mysql(
    address: &MySqlAddress,
    record: &DumpRecord,
    path: &Path,
    watch: Watch,
) -> Result<(), RestoreError> {
    let mut database = MySql::open(address)?;
    database.execute("SET FOREIGN_KEY_CHECKS = 0")?;
    drop_newcomers(&mut database, record)?;
    let mut splitter = Splitter::new(Dialect::MySql);
    let mut reader = BufReader::with_capacity(1 << 20, fs::open(path)?);
    let (mut line, mut bytes) = (String::new(), 0);
    let unreadable = |source| RestoreError::Sql { path: fs::shown(path), source };
    loop {
        line.clear();
        let size = reader.read_line(&mut line).map_err(|source| IoError::new("read", path, source))?;
        if size == 0 {
            break;
        }
        bytes += size as u64;
        for statement in splitter.feed(&line).map_err(unreadable)? {
            fault::point("restore.statement").map_err(|source| IoError::new("read", path, source))?;
            database.execute(&statement.text)?;
        }
        let what = "restoring the database".into();
        watch(None, Event::Progress { what, done: 0, total: 0, bytes, total_bytes: record.bytes });
    }
    if let Some(last) = splitter.finish().map_err(unreadable)? {
        database.execute(&last.text)?;
    }
    Ok(())
}

/// What was made since the dump goes away.
fn drop_newcomers(database: &mut MySql, record: &DumpRecord) -> Result<(), RestoreError> {
    for table in database.tables()?.into_iter().filter(|table| record.scope.covers(&table.name)) {
        let name = quote(Dialect::MySql, &table.name)?;
        let known = record.tables.iter().any(|known| known.name == table.name);
        match table.kind {
            TableKind::View if !record.views.contains(&table.name) => {
                database.execute(&format!("DROP VIEW {name}"))?
            }
            TableKind::Table if !known => database.execute(&format!("DROP TABLE {name}"))?,
            _ => 0,
        };
    }
    let query = "SELECT TRIGGER_NAME, EVENT_OBJECT_TABLE FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = DATABASE()";
    for row in database.rows(query)? {
        let [Some(trigger), Some(table)] = &row[..] else { continue };
        if record.scope.covers(table) && !record.triggers.contains(trigger) {
            database.execute(&format!("DROP TRIGGER {}", quote(Dialect::MySql, trigger)?))?;
        }
    }
    match record.scope {
        Scope::All => drop_routines(database, record),
        _ => Ok(()),
    }
}

fn drop_routines(database: &mut MySql, record: &DumpRecord) -> Result<(), RestoreError> {
    let query = "SELECT ROUTINE_TYPE, ROUTINE_NAME FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = DATABASE() \
                 UNION ALL SELECT 'EVENT', EVENT_NAME FROM information_schema.EVENTS WHERE EVENT_SCHEMA = DATABASE()";
    for row in database.rows(query)? {
        let [Some(kind), Some(name)] = &row[..] else { continue };
        let known = record.routines.iter().any(|routine| routine.kind == *kind && routine.name == *name);
        if !known && matches!(kind.as_str(), "PROCEDURE" | "FUNCTION" | "EVENT") {
            database.execute(&format!("DROP {kind} {}", quote(Dialect::MySql, name)?))?;
        }
    }
    Ok(())
}

/// Rows and checksums of every table are what was recorded.
fn prove(address: &Address, record: &DumpRecord) -> Result<(), RestoreError> {
    let mut database: Box<dyn Database> = match address {
        Address::MySql(address) => {
            let mut database = MySql::open(address)?;
            // As it was when the sums were taken.
            database.execute("SET NAMES utf8mb4")?;
            database.execute("SET SESSION TIME_ZONE = '+00:00'")?;
            Box::new(database)
        }
        Address::Sqlite(path) => Box::new(Sqlite::open(path)?),
    };
    let mut differing = Vec::new();
    for table in &record.tables {
        let now = database.checksum(&table.name, None)?;
        if now != table.sum {
            differing.push(format!("{} ({} rows saved, {} now)", table.name, table.sum.rows, now.rows));
        }
    }
    match differing.is_empty() {
        true => Ok(()),
        false => Err(RestoreError::Differs { tables: differing }),
    }
}
