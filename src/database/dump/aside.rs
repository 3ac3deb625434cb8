//! A dump laid out in a database made for it, to be looked at.

#[cfg(test)]
mod tests;

use std::time::Duration;

use crate::base::event::Watch;
use crate::base::exit::Exit;
use crate::base::exit::Fault;
use crate::database::address::Address;
use crate::database::address::MySqlAddress;
use crate::database::connection::Database;
use crate::database::connection::DatabaseError;
use crate::database::dump::DumpRecord;
use crate::database::dump::restore;
use crate::database::dump::restore::RestoreError;
use crate::database::mysql::MySql;
use crate::database::mysql::catalog::quoted;
use crate::database::mysql::passing;
use crate::database::mysql::refused;

/// It goes away again with this; what a killed process left goes before the
/// next is made.
pub struct Aside {
    server: MySqlAddress,
    /// Holds the lock that says that it is in use.
    db: MySql,
    name: String,
}

#[derive(Debug, thiserror::Error)]
pub enum AsideError {
    #[error("failed to lay the dump out beside the database {address}: its user may not make databases")]
    Denied {
        address: String,
        #[source]
        source: DatabaseError,
    },
    #[error(transparent)]
    Database(#[from] DatabaseError),
    #[error(transparent)]
    Restore(#[from] RestoreError),
}

impl Fault for AsideError {
    fn exit(&self) -> Exit {
        match self {
            AsideError::Denied { .. } => Exit::Refused,
            AsideError::Database(error) => error.exit(),
            // Nothing that lives was touched.
            AsideError::Restore(_) => Exit::Failed,
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            AsideError::Denied { .. } => vec![
                "let it: GRANT ALL ON `entracte\\_aside\\_%`.* TO the user; or bring the dump back into an empty database, and compare with that"
                    .into(),
            ],
            AsideError::Database(error) => error.hints(),
            AsideError::Restore(error) => error.hints(),
        }
    }
}

impl Aside {
    /// Brings the dump in `folder` back into a new database on that server.
    pub fn lay_out(
        server: &MySqlAddress,
        record: &DumpRecord,
        folder: &std::path::Path,
        watch: Watch,
    ) -> Result<Aside, AsideError> {
        let mut db = MySql::connect(server)?;
        let prefix = passing::prefix("aside", &server.name);
        passing::sweep(&mut db, &prefix)?;
        let name = format!("{prefix}{}", db.connection_id());
        if let Some(other) = db.lock(&name, Duration::ZERO)? {
            return Err(DatabaseError::Held(other).into());
        }
        db.execute(&format!("CREATE DATABASE {} CHARACTER SET utf8mb4", quoted(&name)?)).map_err(
            |source| match refused::is_denied(&source) {
                true => AsideError::Denied { address: server.to_string(), source },
                false => source.into(),
            },
        )?;
        let aside = Aside { server: server.clone(), db, name };
        restore::restore(&aside.address(), record, folder, watch)?;
        Ok(aside)
    }

    pub fn address(&self) -> Address {
        Address::MySql(MySqlAddress { name: self.name.clone(), ..self.server.clone() })
    }
}

impl Drop for Aside {
    fn drop(&mut self) {
        // What stays goes with the next one.
        let Ok(name) = quoted(&self.name) else { return };
        let _ = self.db.execute(&format!("DROP DATABASE {name}"));
    }
}
