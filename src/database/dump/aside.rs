//! A dump laid out in a database made for it, to be looked at.

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
use crate::database::mysql::refused;
use crate::sys::random;

/// It goes away again with this.
pub struct Aside {
    server: MySqlAddress,
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
        let name = format!("entracte_aside_{}", random::hex(8));
        let mut db = MySql::connect(server)?;
        db.execute(&format!("CREATE DATABASE {} CHARACTER SET utf8mb4", quoted(&name)?)).map_err(
            |source| match refused::is_denied(&source) {
                true => AsideError::Denied { address: server.to_string(), source },
                false => source.into(),
            },
        )?;
        let aside = Aside { server: server.clone(), name };
        restore::restore(&aside.address(), record, folder, watch)?;
        Ok(aside)
    }

    pub fn address(&self) -> Address {
        Address::MySql(MySqlAddress { name: self.name.clone(), ..self.server.clone() })
    }
}

impl Drop for Aside {
    fn drop(&mut self) {
        // What stays is a database with a name of ours, which costs room and nothing else.
        let Ok(name) = quoted(&self.name) else { return };
        let _ = MySql::connect(&self.server).and_then(|mut db| db.execute(&format!("DROP DATABASE {name}")));
    }
}
