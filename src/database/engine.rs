//! What every engine can do, and how one is reached.

use serde::Deserialize;
use serde::Serialize;

use crate::base::check::Check;
use crate::base::exit::Exit;
use crate::base::exit::Fault;
use crate::database::address::Address;
use crate::database::dump::Scope;
use crate::database::lexer::Dialect;
use crate::database::mysql::MySql;
use crate::database::sqlite::Sqlite;
use crate::sys::fs::IoError;

/// An open database.
pub trait Database: Send {
    fn dialect(&self) -> Dialect;

    fn version(&mut self) -> Result<String, DatabaseError>;

    /// Tables and views, sorted by name.
    fn tables(&mut self) -> Result<Vec<TableInfo>, DatabaseError>;

    /// Runs exactly one statement and returns how many rows it changed. Every
    /// error that the server has to tell is told.
    fn execute(&mut self, statement: &str) -> Result<u64, DatabaseError>;

    /// The rows of one column of a query, as text.
    fn texts(&mut self, query: &str) -> Result<Vec<String>, DatabaseError>;

    /// Rows and a checksum of a table's definition and content, whatever the
    /// order of the rows. `left_out` is a predicate of rows that do not count.
    fn checksum(&mut self, table: &str, left_out: Option<&str>) -> Result<TableSum, DatabaseError>;

    /// What names this connection to the server; 0 where there is no server.
    fn connection_id(&self) -> u64;

    /// Ends another connection and waits until its statement is gone.
    fn kill_connection(&mut self, id: u64) -> Result<(), DatabaseError>;

    /// Whether it can be used for an update: version, permissions.
    fn checks(&mut self) -> Vec<Check>;
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableInfo {
    pub name: String,
    pub kind: TableKind,
    /// An estimate.
    pub rows: u64,
    /// Bytes of data, without indexes; an estimate.
    pub bytes: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TableKind {
    Table,
    View,
}

impl TableInfo {
    /// Whether it holds rows of its own.
    pub fn is_base(&self) -> bool {
        self.kind == TableKind::Table
    }
}

/// How much a table holds, and what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableSum {
    pub rows: u64,
    pub sum: String,
}

#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    #[error("failed to reach the database {address}")]
    Unreachable {
        address: String,
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    #[error("the database {address} does not let this user in")]
    Denied {
        address: String,
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    #[error("the server has no database {address}")]
    NoDatabase {
        address: String,
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    #[error("the driver cannot log in to {address} the way the server asks")]
    Login { address: String },
    #[error("the statement failed: {statement}")]
    Statement {
        statement: String,
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    #[error("\"{name}\" cannot be the name of a table")]
    Name { name: String },
    #[error("connection {id} does not end")]
    StillThere { id: u64 },
    #[error(transparent)]
    Io(#[from] IoError),
}

impl Fault for DatabaseError {
    fn exit(&self) -> Exit {
        match self {
            DatabaseError::Statement { .. } | DatabaseError::StillThere { .. } => Exit::Failed,
            DatabaseError::Io(error) => error.exit(),
            _ => Exit::Refused,
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            DatabaseError::Unreachable { .. } => {
                vec!["is the server running, and is the address right?".into()]
            }
            DatabaseError::Denied { .. } => vec!["check user and password".into()],
            _ => Vec::new(),
        }
    }
}

impl DatabaseError {
    /// A statement that failed, shown by its beginning.
    pub(super) fn statement(
        statement: &str,
        source: impl std::error::Error + Send + Sync + 'static,
    ) -> DatabaseError {
        let statement = crate::base::escape::text(statement).chars().take(200).collect();
        DatabaseError::Statement { statement, source: Box::new(source) }
    }
}

pub fn open(address: &Address) -> Result<Box<dyn Database>, DatabaseError> {
    Ok(match address {
        Address::MySql(address) => Box::new(MySql::open(address)?),
        Address::Sqlite(path) => Box::new(Sqlite::open(path)?),
    })
}

/// A name as the dialect quotes it.
pub fn quote(dialect: Dialect, name: &str) -> Result<String, DatabaseError> {
    let longest = if dialect == Dialect::MySql { 64 } else { 1024 };
    if name.is_empty() || name.chars().count() > longest || name.contains('\0') {
        return Err(DatabaseError::Name { name: crate::base::escape::text(name).into_owned() });
    }
    Ok(match dialect {
        Dialect::MySql => format!("`{}`", name.replace('`', "``")),
        Dialect::Sqlite => format!("\"{}\"", name.replace('"', "\"\"")),
    })
}

/// Bytes of the tables in scope, as the server estimates them.
pub fn estimate(database: &mut dyn Database, scope: &Scope) -> Result<u64, DatabaseError> {
    Ok(database.tables()?.iter().filter(|table| scope.covers(&table.name)).map(|table| table.bytes).sum())
}
