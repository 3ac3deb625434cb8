//! One of the two databases: read, never written.

use crate::database::address::Address;
use crate::database::compare::value::Stored;
use crate::database::connection::Database;
use crate::database::connection::DatabaseError;
use crate::database::lexer::Dialect;
use crate::database::mysql::MySql;
use crate::database::sqlite::Sqlite;

pub(super) enum Side {
    MySql(MySql),
    Sqlite(Sqlite),
}

/// Everything is read as it was at one moment, with every digit, in one time zone.
const SESSION: [&str; 4] = [
    "SET SESSION time_zone = '+00:00'",
    "SET SESSION max_sort_length = 8388608",
    "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ",
    "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY",
];

/// More than the 64 KiB of the longest row in the longest letters.
const LEAST_PACKET: u64 = 1 << 20;

impl Side {
    pub fn open(address: &Address) -> Result<Side, DatabaseError> {
        Ok(match address {
            Address::Sqlite(path) => {
                let mut db = Sqlite::open(path)?;
                db.execute("BEGIN")?;
                Side::Sqlite(db)
            }
            Address::MySql(address) => {
                let mut db = MySql::connect(address)?;
                for statement in SESSION {
                    db.run(statement)?;
                }
                Side::MySql(db)
            }
        })
    }

    pub fn database(&mut self) -> &mut dyn Database {
        match self {
            Side::MySql(db) => db,
            Side::Sqlite(db) => db,
        }
    }

    pub fn dialect(&self) -> Dialect {
        match self {
            Side::MySql(_) => Dialect::MySql,
            Side::Sqlite(_) => Dialect::Sqlite,
        }
    }

    /// Whether the text of any row fits into one value: what does not would be NULL.
    pub fn can_sum(&mut self) -> Result<bool, DatabaseError> {
        let Side::MySql(db) = self else { return Ok(false) };
        let packet = db.text("SELECT @@max_allowed_packet")?.and_then(|bytes| bytes.parse::<u64>().ok());
        Ok(packet.is_some_and(|bytes| bytes >= LEAST_PACKET))
    }

    /// Gives each row of one query to `each` as it arrives.
    pub fn stream<E: From<DatabaseError>>(
        &mut self,
        query: &str,
        mut each: impl FnMut(Vec<Stored>) -> Result<(), E>,
    ) -> Result<(), E> {
        match self {
            Side::MySql(db) => db.stream(query, |row| {
                let cell = |at| row.get(at).map_or(Stored::Null, |bytes| Stored::Text(bytes.to_vec()));
                each((0..row.len()).map(cell).collect())
            }),
            Side::Sqlite(db) => db.stream(query, each),
        }
    }

    /// The first row of a small answer, as text.
    pub fn first(&mut self, query: &str) -> Result<Option<Vec<Option<String>>>, DatabaseError> {
        Ok(self.database().query(query)?.into_iter().next())
    }
}
