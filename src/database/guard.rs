//! One entracte at a time works on a database, and nothing that a killed one
//! left behind goes on in it.
//!
//! Two locks of the server, each held by a connection. One is held by a
//! connection that does nothing else: it dies with its process, so whoever has
//! the lock lives. The other is held by the connection that works: the server
//! goes on with its statement when the process is gone, and the lock says which
//! connection has to be ended.

use std::time::Duration;

use crate::database::address::Address;
use crate::database::connection::Database;
use crate::database::connection::DatabaseError;
use crate::database::connection::open;
use crate::database::scope::Scope;
use crate::sys::clock;
use crate::sys::clock::Stopwatch;

/// A connection that has just been closed is known to the server for an instant.
const INSTANT: Duration = Duration::from_secs(2);
/// How long statements of others may go on before nobody waits any longer.
const PATIENCE: Duration = Duration::from_secs(60);
const TICK: Duration = Duration::from_millis(20);

/// Keeps every other entracte out while it lives.
pub struct Guard {
    connection: Box<dyn Database>,
}

impl Guard {
    /// Takes the database, unless another entracte has it; none is needed for
    /// SQLite. `ours` are guards of this run that may have lost their process
    /// without the server being told, as when the power went.
    pub fn take(address: &Address, scope: &Scope, ours: &[u64]) -> Result<Option<Guard>, DatabaseError> {
        if matches!(address, Address::Sqlite(_)) {
            return Ok(None);
        }
        let mut connection = open(address)?;
        while let Some(holder) = connection.lock(&name("site", scope), INSTANT)? {
            if !ours.contains(&holder) {
                return Err(DatabaseError::Held(holder));
            }
            connection.kill_connection(holder)?;
        }
        while let Some(orphan) = connection.lock_holder(&name("work", scope))? {
            connection.kill_connection(orphan)?;
        }
        Ok(Some(Guard { connection }))
    }

    pub fn connection_id(&self) -> u64 {
        self.connection.connection_id()
    }

    /// Waits until what programs have begun in the database is over: the server
    /// goes on with a statement though its program was killed. Whose they are
    /// nobody can tell, so none is ended.
    pub fn settle(&mut self) -> Result<(), DatabaseError> {
        let waited = Stopwatch::start();
        let mut older = self.connection.busy_connections()?;
        while let Some(first) = older.first() {
            if waited.elapsed() > PATIENCE {
                return Err(DatabaseError::StillBusy(*first));
            }
            clock::sleep(TICK);
            let now = self.connection.busy_connections()?;
            older.retain(|id| now.contains(id));
        }
        Ok(())
    }
}

/// A connection to change the database with; there is one at a time.
pub fn open_to_work(address: &Address, scope: &Scope) -> Result<Box<dyn Database>, DatabaseError> {
    let mut connection = open(address)?;
    begin_to_work(connection.as_mut(), scope)?;
    Ok(connection)
}

/// Makes a connection known as the one that works.
pub(in crate::database) fn begin_to_work(db: &mut dyn Database, scope: &Scope) -> Result<(), DatabaseError> {
    match db.lock(&name("work", scope), PATIENCE)? {
        None => Ok(()),
        Some(other) => Err(DatabaseError::Held(other)),
    }
}

/// Sites that share a database, each with tables of its own, do not meet.
fn name(lock: &str, scope: &Scope) -> String {
    match scope.prefix() {
        "" => lock.to_owned(),
        prefix => format!("{lock} {prefix}"),
    }
}
