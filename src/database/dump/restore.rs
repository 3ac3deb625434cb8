//! Brings a database back to exactly what a dump holds, and proves it.
//!
//! It may be cut off at any point and run again: it begins anew and ends the same.

use std::io::BufRead;
use std::io::BufReader;
use std::path::Path;

use crate::base::escape;
use crate::base::event::Watch;
use crate::base::exit::Exit;
use crate::base::exit::Fault;
use crate::database::address::Address;
use crate::database::address::MySqlAddress;
use crate::database::connection::Database;
use crate::database::connection::DatabaseError;
use crate::database::dump;
use crate::database::dump::DumpError;
use crate::database::dump::DumpRecord;
use crate::database::dump::DumpedObject;
use crate::database::dump::DumpedTable;
use crate::database::dump::mysql::object_sum;
use crate::database::dump::progress;
use crate::database::dump::sqlite_content;
use crate::database::guard::begin_to_work;
use crate::database::lexer::Dialect;
use crate::database::lexer::LexError;
use crate::database::lexer::Splitter;
use crate::database::mysql::MySql;
use crate::database::mysql::catalog;
use crate::database::mysql::catalog::quoted;
use crate::database::mysql::literal;
use crate::database::object::Object;
use crate::database::scope::Scope;
use crate::database::sqlite::Sqlite;
use crate::sys::fs;
use crate::sys::fs::IoError;

/// How often the reading tells where it is.
const TELL_BYTES: u64 = 4 * 1024 * 1024;

#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// The dump itself; nothing was touched.
    #[error(transparent)]
    Dump(#[from] DumpError),
    /// The database does not answer or is being restored; nothing was touched.
    #[error(transparent)]
    Connect(DatabaseError),
    #[error("failed to bring the database {address} back")]
    Database {
        address: String,
        #[source]
        source: DatabaseError,
    },
    #[error("failed to read the dump")]
    Lex(#[source] LexError),
    #[error(transparent)]
    Io(#[from] IoError),
    #[error("the database {address} was brought back but is not what was saved: {what}")]
    Differs { address: String, what: String },
}

impl Fault for RestoreError {
    fn exit(&self) -> Exit {
        match self {
            RestoreError::Dump(_) | RestoreError::Connect(_) => Exit::Refused,
            _ => Exit::Stuck,
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            RestoreError::Dump(error) => error.hints(),
            RestoreError::Connect(error) => error.hints(),
            RestoreError::Io(error) => error.hints(),
            _ => vec!["put the cause right, then roll back again: it begins anew".into()],
        }
    }
}

/// Checks the dump, brings back everything in its scope, drops what was made
/// since, and proves counts and sums.
pub fn restore(
    address: &Address,
    record: &DumpRecord,
    folder: &Path,
    mut watch: Watch,
) -> Result<(), RestoreError> {
    dump::check(record, folder)?;
    let path = folder.join(&record.file);
    let here = |source| RestoreError::Database { address: address.to_string(), source };
    let content = match address {
        Address::MySql(mysql) => {
            let mut db = MySql::connect(mysql).map_err(RestoreError::Connect)?;
            begin_to_work(&mut db, &record.scope).map_err(RestoreError::Connect)?;
            drop_newer(&mut db, record).map_err(here)?;
            read_back(&mut db, &path, record, address, &mut watch)?;
            drop(db);
            mysql_content(mysql, record).map_err(here)?
        }
        Address::Sqlite(live) => {
            let saved = Sqlite::open(&path).map_err(RestoreError::Connect)?;
            let mut live = Sqlite::open_or_create(live).map_err(RestoreError::Connect)?;
            let tell = |done, all| progress(&mut watch, done as usize, all as usize, 0, 0);
            saved.copy_to(&mut live, tell).map_err(here)?;
            sqlite_content(&mut live).map_err(here)?
        }
    };
    match difference(record, content) {
        None => Ok(()),
        Some(what) => Err(RestoreError::Differs { address: address.to_string(), what }),
    }
}

/// Drops what the scope holds now and the record does not.
fn drop_newer(db: &mut MySql, record: &DumpRecord) -> Result<(), DatabaseError> {
    db.run("SET SESSION foreign_key_checks = 0")?;
    let known = |object: &Object| record.objects.iter().any(|one| &one.object == object);
    for object in catalog::objects(db, &record.scope)?.iter().filter(|object| !known(object)) {
        db.run(&format!("DROP {} IF EXISTS {}", object.kind.word(), quoted(&object.name)?))?;
    }
    for name in tables(db, &record.scope)? {
        if !record.tables.iter().any(|table| table.name == name) {
            db.run(&format!("DROP TABLE IF EXISTS {}", quoted(&name)?))?;
        }
    }
    if let (Scope::All, Some(collation)) = (&record.scope, &record.collation)
        && db.text("SELECT @@collation_database")?.as_ref() != Some(collation)
    {
        db.run(&format!("ALTER DATABASE COLLATE = {}", literal(collation)))?;
    }
    Ok(())
}

fn tables(db: &mut MySql, scope: &Scope) -> Result<Vec<String>, DatabaseError> {
    let tables = db.tables()?.into_iter().filter(|table| table.is_base() && scope.holds(&table.name));
    Ok(tables.map(|table| table.name).collect())
}

/// Runs the dump statement by statement; memory stays small.
fn read_back(
    db: &mut MySql,
    path: &Path,
    record: &DumpRecord,
    address: &Address,
    watch: &mut Watch,
) -> Result<(), RestoreError> {
    let failed = |source| RestoreError::Database { address: address.to_string(), source };
    let mut reader = BufReader::new(fs::open(path)?);
    let mut splitter = Splitter::new(Dialect::MySql);
    let (mut line, mut bytes, mut told) = (String::new(), 0, 0);
    while reader.read_line(&mut line).map_err(|source| IoError::new("read", path, source))? > 0 {
        bytes += line.len() as u64;
        for statement in splitter.feed(&line).map_err(RestoreError::Lex)? {
            db.run(&statement.text).map_err(failed)?;
        }
        line.clear();
        if bytes > told + TELL_BYTES || bytes == record.bytes {
            told = bytes;
            progress(watch, 0, record.tables.len(), bytes, record.bytes);
        }
    }
    if let Some(statement) = splitter.finish().map_err(RestoreError::Lex)? {
        db.run(&statement.text).map_err(failed)?;
    }
    Ok(())
}

/// What the database holds now, seen by a new connection.
fn mysql_content(
    address: &MySqlAddress,
    record: &DumpRecord,
) -> Result<(Vec<DumpedTable>, Vec<DumpedObject>), DatabaseError> {
    let mut db = MySql::connect(address)?;
    let mut found = Vec::new();
    for name in tables(&mut db, &record.scope)? {
        let sum = db.checksum(&name, None)?;
        found.push(DumpedTable { name, sum });
    }
    let mut objects = Vec::new();
    for object in catalog::objects(&mut db, &record.scope)? {
        let sum = object_sum(&catalog::definition(&mut db, &object)?);
        objects.push(DumpedObject { object, sum });
    }
    Ok((found, objects))
}

/// The first thing that is not as the record has it.
fn difference(record: &DumpRecord, found: (Vec<DumpedTable>, Vec<DumpedObject>)) -> Option<String> {
    let (tables, objects) = found;
    for wanted in &record.tables {
        let name = escape::text(&wanted.name);
        match tables.iter().find(|table| table.name == wanted.name) {
            None => return Some(format!("table {name} is missing")),
            Some(table) if table.sum.rows != wanted.sum.rows => {
                return Some(format!("table {name} has {} rows, not {}", table.sum.rows, wanted.sum.rows));
            }
            Some(table) if table.sum != wanted.sum => return Some(format!("table {name} differs")),
            Some(_) => {}
        }
    }
    let newer = tables.iter().find(|table| !record.tables.iter().any(|one| one.name == table.name));
    if let Some(table) = newer {
        return Some(format!("table {} is still there", escape::text(&table.name)));
    }
    let missing = record.objects.iter().find(|wanted| !objects.contains(wanted));
    let newer = objects.iter().find(|object| !record.objects.contains(object));
    missing.or(newer).map(|one| format!("{} differs", one.object))
}
