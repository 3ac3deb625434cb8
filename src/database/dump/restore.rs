//! Brings a database back to exactly what a dump holds, and proves it.
//!
//! It may be cut off at any point and run again: it begins anew and ends the same.

mod mysql;
#[cfg(test)]
mod tests;

use std::path::Path;

use crate::base::escape;
use crate::base::event::Watch;
use crate::base::exit::Exit;
use crate::base::exit::Fault;
use crate::database::address::Address;
use crate::database::connection::DatabaseError;
use crate::database::dump;
use crate::database::dump::DumpError;
use crate::database::dump::DumpRecord;
use crate::database::dump::DumpedObject;
use crate::database::dump::DumpedTable;
use crate::database::dump::progress;
use crate::database::dump::reader::ReadError;
use crate::database::dump::sqlite_content;
use crate::database::sqlite::Sqlite;
use crate::sys::fs::IoError;

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
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(
        "failed to bring the database {address} back: the copy made beside it is not what was saved: {what}"
    )]
    Unproved { address: String, what: String },
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
        Address::MySql(address) => return mysql::restore(address, record, &path, watch),
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
