//! One connection to a site's database, whatever server stands behind it.

#[cfg(test)]
mod tests;

use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;
use serde::Serialize;

use crate::base::check::Check;
use crate::base::escape;
use crate::base::exit::Exit;
use crate::base::exit::Fault;
use crate::database::address::Address;
use crate::database::lexer::Dialect;
use crate::database::lexer::LexError;
use crate::database::mysql::MySql;
use crate::database::scope::Scope;
use crate::database::sqlite::Sqlite;
use crate::sys::fs;
use crate::sys::fs::IoError;

/// What entracte asks of a database.
pub trait Database: Send {
    fn dialect(&self) -> Dialect;

    /// The server's product and version, as it tells them.
    fn version(&mut self) -> Result<String, DatabaseError>;

    /// Tables and views, sorted by name.
    fn tables(&mut self) -> Result<Vec<TableInfo>, DatabaseError>;

    /// Runs exactly one statement to the end of all its results and returns
    /// how many rows it changed. More than one statement is refused.
    fn execute(&mut self, statement: &str) -> Result<u64, DatabaseError>;

    /// All rows of one query, every value as text; for small answers.
    fn query(&mut self, query: &str) -> Result<Vec<Vec<Option<String>>>, DatabaseError>;

    /// Has the server learn anew how the values of a table lie.
    fn analyze(&mut self, table: &str) -> Result<(), DatabaseError> {
        let keyword = if self.dialect() == Dialect::MySql { "ANALYZE TABLE" } else { "ANALYZE" };
        let name = quote_identifier(self.dialect(), table)?;
        self.execute(&format!("{keyword} {name}")).map(|_| ())
    }

    /// Has the server write a table anew, so that it takes less room.
    fn optimize(&mut self, table: &str) -> Result<(), DatabaseError> {
        match self.dialect() {
            Dialect::MySql => {
                let name = quote_identifier(Dialect::MySql, table)?;
                self.execute(&format!("OPTIMIZE TABLE {name}")).map(|_| ())
            }
            Dialect::Sqlite => self.execute("VACUUM").map(|_| ()),
        }
    }

    /// The content and definition of a base table, whatever the order of its
    /// rows. `volatile_rows` is a trusted predicate; rows it holds for are
    /// left out.
    fn checksum(&mut self, table: &str, volatile_rows: Option<&str>) -> Result<TableSum, DatabaseError>;

    /// The server's number of this connection; 0 where there is no server.
    fn connection_id(&self) -> u64;

    /// Ends another connection and waits until it is gone.
    fn kill_connection(&mut self, id: u64) -> Result<(), DatabaseError>;

    /// Takes the server's lock of that name while this connection lives; the
    /// number of the connection that holds it, if another does after so long.
    fn lock(&mut self, name: &str, patience: Duration) -> Result<Option<u64>, DatabaseError>;

    /// The connection that holds the lock of that name.
    fn lock_holder(&mut self, name: &str) -> Result<Option<u64>, DatabaseError>;

    /// Other connections that run a statement in this database now.
    fn busy_connections(&mut self) -> Result<Vec<u64>, DatabaseError>;

    /// How long a statement waits for locks of others, and how long it may
    /// take at all, where the server can end it.
    fn limit(&mut self, lock: Duration, statement: Option<Duration>) -> Result<(), DatabaseError>;

    /// Whether an update could work with this database, and what would be
    /// saved of it brought back.
    fn checks(&mut self, saved: Option<&Scope>) -> Vec<Check>;
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TableKind {
    Table,
    View,
}

/// A table or view; its sizes may be the server's estimate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableInfo {
    pub name: String,
    pub kind: TableKind,
    pub rows: u64,
    pub bytes: u64,
}

impl TableInfo {
    pub fn is_base(&self) -> bool {
        self.kind == TableKind::Table
    }
}

/// The number of rows and a sum over rows and definition. Sums compare only
/// with sums made from the same server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableSum {
    pub rows: u64,
    pub sum: String,
}

/// The cause below an error, from whatever crate speaks to the database.
pub type Cause = Box<dyn std::error::Error + Send + Sync>;

#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    #[error("failed to connect to the database {address}")]
    Connect {
        address: String,
        #[source]
        source: Cause,
    },
    #[error(
        "failed to connect to the database {name} as {user} at {host}: the server refuses this user or password"
    )]
    Denied {
        user: String,
        host: String,
        name: String,
        #[source]
        source: Cause,
    },
    #[error("failed to connect to the database {address} by TLS")]
    Tls {
        address: String,
        #[source]
        source: Cause,
    },
    #[error("failed to connect to the database {address}: its way to log in is not known here")]
    Login { address: String },
    #[error("failed to run the statement \"{statement}\"{place}")]
    Statement {
        statement: String,
        /// ` in FILE`, where the database is one.
        place: String,
        #[source]
        source: Cause,
    },
    #[error(transparent)]
    Blocked(Box<Blocked>),
    #[error(
        "failed to run the statement \"{statement}\": it waited for a lock of another connection, and this user may not see which"
    )]
    BlockedUnseen {
        statement: String,
        #[source]
        source: Box<DatabaseError>,
    },
    #[error("failed to run the statement \"{statement}\": it is {count} statements, not one")]
    NotOne { statement: String, count: usize },
    #[error("failed to read the statement \"{statement}\"")]
    Unreadable {
        statement: String,
        #[source]
        source: LexError,
    },
    #[error("\"{0}\" cannot be the name of a table or column")]
    Name(String),
    #[error("the database answers \"{statement}\" with {what}")]
    Answer { statement: String, what: &'static str },
    #[error("the database connection {0} was ended but does not go away")]
    StillConnected(u64),
    #[error("another entracte works on the database, by its connection {0}")]
    Held(u64),
    #[error("connection {0} still runs a statement in the database that began before")]
    StillBusy(u64),
    #[error("failed to copy the database {}: it does not stop changing", crate::sys::fs::shown(.0))]
    Changing(PathBuf),
    #[error("failed to change the table {table}: {rows} rows would refer to rows that are not there")]
    Dangling { table: String, rows: u64 },
    #[error(transparent)]
    Io(#[from] IoError),
}

/// A statement that was not done in time, and who may have been in its way.
#[derive(Debug, thiserror::Error)]
#[error(
    "failed to run the statement \"{statement}\" in time: connection {id} of {user} at {host} has been \
     at work in the database for {seconds} s; {running}"
)]
pub struct Blocked {
    pub statement: String,
    /// The other connection.
    pub id: u64,
    pub user: String,
    pub host: String,
    pub seconds: u64,
    /// What it does: `it runs "SELECT …"`.
    pub running: String,
    pub source: DatabaseError,
}

impl DatabaseError {
    pub(in crate::database) fn statement(statement: &str, source: impl Into<Cause>) -> DatabaseError {
        let place = String::new();
        DatabaseError::Statement { statement: shortened(statement), place, source: source.into() }
    }

    /// The same, of a database that is the file at `path`.
    pub(in crate::database) fn at(mut self, path: &Path) -> DatabaseError {
        if let DatabaseError::Statement { place, .. } = &mut self {
            *place = format!(" in {}", fs::shown(path));
        }
        self
    }

    pub(in crate::database) fn answer(statement: &str, what: &'static str) -> DatabaseError {
        DatabaseError::Answer { statement: shortened(statement), what }
    }
}

impl Fault for DatabaseError {
    fn exit(&self) -> Exit {
        match self {
            DatabaseError::Connect { .. }
            | DatabaseError::Denied { .. }
            | DatabaseError::Tls { .. }
            | DatabaseError::Login { .. } => Exit::Refused,
            DatabaseError::Held(_) => Exit::Locked,
            _ => Exit::Failed,
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            DatabaseError::Connect { .. } => {
                vec!["check that the database runs and that host, port, socket and name are right".into()]
            }
            DatabaseError::Tls { .. } => vec![
                "the server must speak TLS, and its certificate must be for this very host and signed by an authority of the file that ?ca= names".into(),
            ],
            DatabaseError::Denied { .. } => {
                vec!["compare user and password with the settings of the application".into()]
            }
            DatabaseError::Login { .. } => {
                vec!["give the database user a password of a usual kind (mysql_native_password, caching_sha2_password, ed25519)".into()]
            }
            DatabaseError::Held(_) => vec!["wait until it has ended; it may run on another host".into()],
            DatabaseError::StillConnected(id) | DatabaseError::StillBusy(id) => vec![until_ended(*id)],
            DatabaseError::Blocked(blocked) => vec![until_ended(blocked.id)],
            DatabaseError::BlockedUnseen { .. } => vec![
                "let the server's administrator look (SHOW FULL PROCESSLIST), or let this user see it: GRANT PROCESS ON *.* TO the user".into(),
            ],
            DatabaseError::Io(error) => error.hints(),
            _ => Vec::new(),
        }
    }
}

fn until_ended(id: u64) -> String {
    format!("wait until the database's server has ended it, or tell it to: KILL {id}")
}

/// The beginning of a statement for messages: values in it may be private.
pub(in crate::database) fn shortened(statement: &str) -> String {
    let mut short: String = statement.split_whitespace().collect::<Vec<_>>().join(" ");
    if let Some((at, _)) = short.char_indices().nth(60) {
        short.truncate(at);
        short.push('…');
    }
    escape::text(&short).into_owned()
}

/// Connects to the database.
pub fn open(address: &Address) -> Result<Box<dyn Database>, DatabaseError> {
    Ok(match address {
        Address::MySql(address) => Box::new(MySql::connect(address)?),
        Address::Sqlite(path) => Box::new(Sqlite::open(path)?),
    })
}

/// The name in the quotes of the dialect. Refuses what no server takes.
pub fn quote_identifier(dialect: Dialect, name: &str) -> Result<String, DatabaseError> {
    let too_long = dialect == Dialect::MySql && name.chars().count() > 64;
    if name.is_empty() || name.contains('\0') || too_long {
        return Err(DatabaseError::Name(escape::text(name).chars().take(80).collect()));
    }
    Ok(match dialect {
        Dialect::MySql => format!("`{}`", name.replace('`', "``")),
        Dialect::Sqlite => format!("\"{}\"", name.replace('"', "\"\"")),
    })
}

/// About how many bytes a dump of the scope takes.
pub fn estimate(db: &mut dyn Database, scope: &Scope) -> Result<u64, DatabaseError> {
    let tables = db.tables()?;
    Ok(tables
        .iter()
        .filter(|table| table.is_base() && scope.holds(&table.name))
        .map(|table| table.bytes)
        .sum())
}
