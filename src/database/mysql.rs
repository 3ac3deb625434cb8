//! MySQL and MariaDB through the crate `mysql`; nobody else speaks with it.
//!
//! The crate's own `query_drop` swallows the errors of all result sets but the
//! first, so every query here walks all of them.

use std::time::Duration;

use mysql::Conn;
use mysql::OptsBuilder;
use mysql::Row;
use mysql::Value;
use mysql::prelude::Queryable;

use crate::base::check::Check;
use crate::database::address::MySqlAddress;
use crate::database::engine::Database;
use crate::database::engine::DatabaseError;
use crate::database::engine::TableInfo;
use crate::database::engine::TableKind;
use crate::database::engine::TableSum;
use crate::database::engine::quote;
use crate::database::lexer::Dialect;
use crate::sys::clock;

const CONNECT_LIMIT: Duration = Duration::from_secs(10);
/// Errors are errors, and dates of the past stay readable.
const STRICT: &str =
    "SET SESSION sql_mode = 'STRICT_ALL_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION'";

/// One connection.
pub struct MySql {
    connection: Conn,
    address: String,
}

/// One column as a dump and a checksum need to know it.
#[derive(Clone, Debug)]
pub struct Column {
    pub name: String,
    pub kind: ColumnKind,
    pub is_generated: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnKind {
    Number,
    Text,
    Binary,
}

impl MySql {
    pub fn open(address: &MySqlAddress) -> Result<MySql, DatabaseError> {
        let shown = address.to_string();
        let options = options(address);
        // The crate panics where it does not know how the server wants to be logged in to.
        let opened = std::panic::catch_unwind(|| Conn::new(options));
        let connection = match opened {
            Ok(Ok(connection)) => connection,
            Ok(Err(error)) => return Err(connect_error(shown, error)),
            Err(_) => return Err(DatabaseError::Login { address: shown }),
        };
        let mut database = MySql { connection, address: shown };
        database.run(STRICT)?;
        Ok(database)
    }

    /// The rows of one query in the text protocol, handed on one by one.
    pub fn each_row(
        &mut self,
        query: &str,
        take: &mut dyn FnMut(&[Value]) -> std::io::Result<()>,
    ) -> Result<(), DatabaseError> {
        let failed = |error: mysql::Error| DatabaseError::statement(query, error);
        let mut result = self.connection.query_iter(query).map_err(failed)?;
        while let Some(set) = result.iter() {
            for row in set {
                let row: Row = row.map_err(failed)?;
                take(&row.unwrap()).map_err(|error| DatabaseError::statement(query, error))?;
            }
        }
        Ok(())
    }

    /// All rows of a small query, as text; NULL is `None`.
    pub fn rows(&mut self, query: &str) -> Result<Vec<Vec<Option<String>>>, DatabaseError> {
        let mut rows = Vec::new();
        self.each_row(query, &mut |values| {
            rows.push(values.iter().map(text).collect());
            Ok(())
        })?;
        Ok(rows)
    }

    fn run(&mut self, statement: &str) -> Result<u64, DatabaseError> {
        let failed = |error: mysql::Error| DatabaseError::statement(statement, error);
        let mut result = self.connection.query_iter(statement).map_err(failed)?;
        let mut changed = 0;
        while let Some(set) = result.iter() {
            changed += set.affected_rows();
            for row in set {
                row.map_err(failed)?;
            }
        }
        Ok(changed)
    }

    pub fn columns(&mut self, table: &str) -> Result<Vec<Column>, DatabaseError> {
        let query = format!(
            "SELECT COLUMN_NAME, DATA_TYPE, EXTRA, CHARACTER_SET_NAME FROM information_schema.COLUMNS \
             WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = {} ORDER BY ORDINAL_POSITION",
            literal(table)
        );
        let columns = self.rows(&query)?.into_iter().map(|row| {
            let field = |at: usize| row.get(at).cloned().flatten().unwrap_or_default();
            let extra = field(2).to_ascii_uppercase();
            Column {
                kind: column_kind(&field(1), row.get(3).is_some_and(Option::is_some)),
                is_generated: extra.contains("VIRTUAL")
                    || extra.contains("STORED")
                    || extra.contains("PERSISTENT"),
                name: field(0),
            }
        });
        Ok(columns.collect())
    }

    /// The second column of `SHOW CREATE …`, or another.
    pub fn show_create(&mut self, what: &str, name: &str, column: usize) -> Result<String, DatabaseError> {
        let query = format!("SHOW CREATE {what} {}", quote(Dialect::MySql, name)?);
        let rows = self.rows(&query)?;
        let text = rows.first().and_then(|row| row.get(column).cloned().flatten());
        text.ok_or_else(|| {
            DatabaseError::statement(&query, std::io::Error::other("the server tells nothing"))
        })
    }

    /// The definition without what changes by itself.
    fn definition(&mut self, table: &str) -> Result<String, DatabaseError> {
        let text = self.show_create("TABLE", table, 1)?;
        Ok(match text.find(" AUTO_INCREMENT=") {
            Some(at) => {
                let rest = text[at + 1..].find([' ', '\n']).map_or("", |end| &text[at + 1 + end..]);
                format!("{}{rest}", &text[..at])
            }
            None => text,
        })
    }
}

impl Database for MySql {
    fn dialect(&self) -> Dialect {
        Dialect::MySql
    }

    fn version(&mut self) -> Result<String, DatabaseError> {
        Ok(self.texts("SELECT VERSION()")?.pop().unwrap_or_default())
    }

    fn tables(&mut self) -> Result<Vec<TableInfo>, DatabaseError> {
        let rows = self.rows(
            "SELECT TABLE_NAME, TABLE_TYPE, TABLE_ROWS, DATA_LENGTH FROM information_schema.TABLES \
             WHERE TABLE_SCHEMA = DATABASE() ORDER BY TABLE_NAME",
        )?;
        let table = |row: Vec<Option<String>>| {
            let field = |at: usize| row.get(at).cloned().flatten().unwrap_or_default();
            let kind = if field(1).contains("VIEW") { TableKind::View } else { TableKind::Table };
            let (rows, bytes) = (field(2).parse().unwrap_or_default(), field(3).parse().unwrap_or_default());
            TableInfo { name: field(0), kind, rows, bytes }
        };
        let mut tables: Vec<TableInfo> = rows.into_iter().map(table).collect();
        // The server sorts by its collation.
        tables.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(tables)
    }

    fn execute(&mut self, statement: &str) -> Result<u64, DatabaseError> {
        self.run(statement)
    }

    fn texts(&mut self, query: &str) -> Result<Vec<String>, DatabaseError> {
        Ok(self.rows(query)?.into_iter().filter_map(|row| row.into_iter().next().flatten()).collect())
    }

    fn checksum(&mut self, table: &str, left_out: Option<&str>) -> Result<TableSum, DatabaseError> {
        let columns = self.columns(table)?;
        let pieces: Vec<String> = columns
            .iter()
            .filter(|column| !column.is_generated)
            .map(|column| {
                let name = quote(Dialect::MySql, &column.name)?;
                // As text, since HEX of a number forgets its fraction; NULL is told from ''.
                Ok(format!("IFNULL(CONCAT('=', HEX(CONCAT({name}))), '-')"))
            })
            .collect::<Result<_, DatabaseError>>()?;
        let row = format!("MD5(CONCAT_WS(',', '', {}))", pieces.join(", "));
        let piece = |from: u32| format!("CAST(CONV(SUBSTRING({row}, {from}, 15), 16, 10) AS UNSIGNED)");
        let filter = left_out.map(|predicate| format!(" WHERE NOT ({predicate})")).unwrap_or_default();
        let query = format!(
            "SELECT COUNT(*), COALESCE(SUM({}), 0), COALESCE(BIT_XOR({}), 0) FROM {}{filter}",
            piece(1),
            piece(17),
            quote(Dialect::MySql, table)?
        );
        let rows = self.rows(&query)?;
        let field =
            |at: usize| rows.first().and_then(|row| row.get(at).cloned().flatten()).unwrap_or_default();
        let content = format!("{} {}", field(1), field(2));
        let definition = crate::base::digest::Sha256::of(self.definition(table)?.as_bytes());
        Ok(TableSum {
            rows: field(0).parse().unwrap_or_default(),
            sum: format!("{content} {}", definition.short()),
        })
    }

    fn connection_id(&self) -> u64 {
        u64::from(self.connection.connection_id())
    }

    fn kill_connection(&mut self, id: u64) -> Result<(), DatabaseError> {
        // It is gone already when the server does not know it.
        let _ = self.run(&format!("KILL {id}"));
        for _ in 0..600 {
            let there =
                self.texts(&format!("SELECT ID FROM information_schema.PROCESSLIST WHERE ID = {id}"))?;
            if there.is_empty() {
                return Ok(());
            }
            clock::sleep(Duration::from_millis(100));
        }
        Err(DatabaseError::StillThere { id })
    }

    fn checks(&mut self) -> Vec<Check> {
        let version = match self.version() {
            Ok(version) => Check::ok("database", format!("{} answers: {version}", self.address)),
            Err(error) => Check::error("database", error.to_string(), "look at the server's log"),
        };
        vec![version, self.grants()]
    }
}

impl MySql {
    /// Whether the user may do what an update does, as the server lists it.
    fn grants(&mut self) -> Check {
        const NEEDED: [&str; 9] =
            ["SELECT", "INSERT", "UPDATE", "DELETE", "CREATE", "DROP", "ALTER", "INDEX", "LOCK TABLES"];
        let listed = match self.texts("SHOW GRANTS") {
            Ok(listed) => listed.join("\n").to_ascii_uppercase(),
            Err(error) => return Check::warning("grants", error.to_string(), "grant what is missing"),
        };
        if listed.contains("ALL PRIVILEGES") {
            return Check::ok("grants", "all privileges");
        }
        let missing: Vec<&str> = NEEDED.into_iter().filter(|privilege| !listed.contains(privilege)).collect();
        match missing.is_empty() {
            true => Check::ok("grants", "all that an update needs"),
            false => Check::error(
                "grants",
                format!("the database user may not {}", missing.join(", ")),
                "grant these on the site's database",
            ),
        }
    }
}

fn options(address: &MySqlAddress) -> OptsBuilder {
    let local = address.host == "localhost" && address.port.is_none();
    let socket = address.socket.clone().or_else(|| if local { usual_socket() } else { None });
    let builder = OptsBuilder::new()
        .user(Some(address.user.clone()))
        .pass(Some(address.password.reveal().to_owned()))
        .db_name(Some(address.name.clone()))
        .tcp_connect_timeout(Some(CONNECT_LIMIT))
        .prefer_socket(false);
    match socket {
        Some(path) => builder.socket(Some(path.to_string_lossy().into_owned())),
        None => builder.ip_or_hostname(Some(address.host.clone())).tcp_port(address.port.unwrap_or(3306)),
    }
}

/// Where distributions put the server's socket.
fn usual_socket() -> Option<std::path::PathBuf> {
    ["/run/mysqld/mysqld.sock", "/var/run/mysqld/mysqld.sock", "/var/lib/mysql/mysql.sock", "/tmp/mysql.sock"]
        .into_iter()
        .map(std::path::PathBuf::from)
        .find(|path| crate::sys::fs::exists(path))
}

fn connect_error(address: String, error: mysql::Error) -> DatabaseError {
    let code = match &error {
        mysql::Error::MySqlError(server) => server.code,
        _ => 0,
    };
    let source = Box::new(error);
    match code {
        1044 | 1045 | 1698 => DatabaseError::Denied { address, source },
        1049 => DatabaseError::NoDatabase { address, source },
        _ => DatabaseError::Unreachable { address, source },
    }
}

fn column_kind(kind: &str, has_charset: bool) -> ColumnKind {
    match kind.to_ascii_lowercase().as_str() {
        "tinyint" | "smallint" | "mediumint" | "int" | "bigint" | "decimal" | "float" | "double" | "year" => {
            ColumnKind::Number
        }
        "date" | "time" | "datetime" | "timestamp" | "json" | "uuid" | "inet4" | "inet6" => ColumnKind::Text,
        _ if has_charset => ColumnKind::Text,
        _ => ColumnKind::Binary,
    }
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::NULL => None,
        Value::Bytes(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
        other => Some(other.as_sql(true).trim_matches('\'').to_owned()),
    }
}

/// Text as a literal of the server, whatever its mode.
fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}
