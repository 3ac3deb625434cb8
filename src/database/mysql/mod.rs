//! MySQL and MariaDB through the `mysql` crate: the only module that knows it.

mod blocked;
pub(in crate::database) mod catalog;
pub(in crate::database) mod checks;
mod grants;
pub(in crate::database) mod passing;
pub(in crate::database) mod refused;
pub(in crate::database) mod sum;
#[cfg(test)]
mod tests;
pub(in crate::database) mod values;

use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;

use mysql::prelude::Queryable;

use crate::base::check::Check;
use crate::base::digest::Sha256;
use crate::database::address::MySqlAddress;
use crate::database::address::Tls;
use crate::database::connection::Database;
use crate::database::connection::DatabaseError;
use crate::database::connection::TableInfo;
use crate::database::connection::TableSum;
use crate::database::connection::shortened;
use crate::database::lexer;
use crate::database::lexer::Dialect;
use crate::database::scope::Scope;
use crate::sys::clock;
use crate::sys::fs;

/// One value as the server writes it in text; `None` is NULL.
pub(in crate::database) type Cell = Option<Vec<u8>>;

/// One row as it arrived.
pub(in crate::database) struct Cells(mysql::Row);

impl Cells {
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The value as the server writes it in text; `None` is NULL.
    pub fn get(&self, at: usize) -> Option<&[u8]> {
        match self.0.as_ref(at) {
            Some(mysql::Value::Bytes(bytes)) => Some(bytes),
            // The text protocol sends nothing else.
            _ => None,
        }
    }
}

const CONNECT_LIMIT: Duration = Duration::from_secs(10);
const KILL_LIMIT: Duration = Duration::from_secs(60);

/// Wrong values are errors, and quotes and escapes are what the lexer expects.
const STRICT: &str = "SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION'";
/// A forgotten lock of the application ends a statement, not our patience; a
/// slow disk of ours does not end a connection.
const LIMITS: &str = "SET SESSION lock_wait_timeout = 120, innodb_lock_wait_timeout = 120, \
                      net_read_timeout = 3600, net_write_timeout = 3600, wait_timeout = 86400";

/// Where distributions keep the socket that PHP means by `localhost`.
const SOCKETS: [&str; 4] = [
    "/run/mysqld/mysqld.sock",
    "/var/run/mysqld/mysqld.sock",
    "/var/lib/mysql/mysql.sock",
    "/tmp/mysql.sock",
];

/// A connection to MySQL or MariaDB.
pub(in crate::database) struct MySql {
    connection: mysql::Conn,
    pub(in crate::database) user: String,
    /// The database's name.
    pub(in crate::database) name: String,
}

impl MySql {
    pub(in crate::database) fn connect(address: &MySqlAddress) -> Result<MySql, DatabaseError> {
        let options = options(address)?;
        // The crate panics where the server asks for an unknown way to log in.
        let connected = std::panic::catch_unwind(AssertUnwindSafe(|| mysql::Conn::new(options)))
            .map_err(|_| DatabaseError::Login { address: address.to_string() })?;
        let connection = connected.map_err(|source| connect_error(address, source))?;
        let mut db = MySql { connection, user: address.user.clone(), name: address.name.clone() };
        for statement in ["SET NAMES utf8mb4", STRICT, LIMITS] {
            db.run(statement)?;
        }
        Ok(db)
    }

    /// Runs what is known to be one statement.
    pub(in crate::database) fn run(&mut self, statement: &str) -> Result<u64, DatabaseError> {
        match self.run_to_its_end(statement) {
            Err(error) if blocked::is_in_vain(&error) => Err(blocked::explained(self, statement, error)),
            done => done,
        }
    }

    /// Reads every result to its end, because an error may hide behind the first.
    fn run_to_its_end(&mut self, statement: &str) -> Result<u64, DatabaseError> {
        let failed = |source: mysql::Error| DatabaseError::statement(statement, source);
        let mut result = self.connection.query_iter(statement).map_err(failed)?;
        let mut changed = 0;
        loop {
            changed += result.affected_rows();
            let Some(set) = result.iter() else { return Ok(changed) };
            for row in set {
                row.map_err(failed)?;
            }
        }
    }

    /// All rows of one query, for small answers.
    pub(in crate::database) fn rows(&mut self, query: &str) -> Result<Vec<Vec<Cell>>, DatabaseError> {
        let mut rows = Vec::new();
        self.stream(query, |row| {
            rows.push((0..row.len()).map(|at| row.get(at).map(<[u8]>::to_vec)).collect());
            Ok::<(), DatabaseError>(())
        })?;
        Ok(rows)
    }

    /// As [`MySql::rows`], with every value as text and NULL as nothing.
    pub(in crate::database) fn texts(&mut self, query: &str) -> Result<Vec<Vec<String>>, DatabaseError> {
        let text = |cell: Cell| String::from_utf8_lossy(&cell.unwrap_or_default()).into_owned();
        Ok(self.rows(query)?.into_iter().map(|row| row.into_iter().map(text).collect()).collect())
    }

    /// The first value of the first row, as text.
    pub(in crate::database) fn text(&mut self, query: &str) -> Result<Option<String>, DatabaseError> {
        let row = self.rows(query)?.into_iter().next();
        let cell = row.and_then(|row| row.into_iter().next()).flatten();
        Ok(cell.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
    }

    /// Gives each row of one query to `each` as it arrives; memory stays small.
    pub(in crate::database) fn stream<E: From<DatabaseError>>(
        &mut self,
        query: &str,
        mut each: impl FnMut(&Cells) -> Result<(), E>,
    ) -> Result<(), E> {
        let failed = |source: mysql::Error| DatabaseError::statement(query, source);
        let mut result = self.connection.query_iter(query).map_err(failed)?;
        while let Some(set) = result.iter() {
            for row in set {
                each(&Cells(row.map_err(failed)?))?;
            }
        }
        Ok(())
    }

    /// The server's name for a lock: it is the server's, not the database's,
    /// and at most 64 characters long.
    fn lock_name(&self, name: &str) -> String {
        format!("'entracte {}'", Sha256::of(format!("{}\n{name}", self.name).as_bytes()).short())
    }

    fn is_connected(&mut self, id: u64) -> Result<bool, DatabaseError> {
        let query = format!("SELECT COUNT(*) FROM information_schema.processlist WHERE id = {id}");
        Ok(self.text(&query)?.is_some_and(|count| count != "0"))
    }
}

impl Database for MySql {
    fn dialect(&self) -> Dialect {
        Dialect::MySql
    }

    fn version(&mut self) -> Result<String, DatabaseError> {
        Ok(self.text("SELECT VERSION()")?.unwrap_or_default())
    }

    fn tables(&mut self) -> Result<Vec<TableInfo>, DatabaseError> {
        catalog::tables(self)
    }

    fn execute(&mut self, statement: &str) -> Result<u64, DatabaseError> {
        if !lexer::is_compound(statement) {
            let parts = lexer::split(statement, Dialect::MySql)
                .map_err(|source| DatabaseError::Unreadable { statement: shortened(statement), source })?;
            if parts.len() != 1 {
                return Err(DatabaseError::NotOne { statement: shortened(statement), count: parts.len() });
            }
        }
        self.run(statement)
    }

    fn query(&mut self, query: &str) -> Result<Vec<Vec<Option<String>>>, DatabaseError> {
        let text = |cell: Cell| cell.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        Ok(self.rows(query)?.into_iter().map(|row| row.into_iter().map(text).collect()).collect())
    }

    fn checksum(&mut self, table: &str, volatile_rows: Option<&str>) -> Result<TableSum, DatabaseError> {
        sum::checksum(self, table, volatile_rows)
    }

    fn connection_id(&self) -> u64 {
        self.connection.connection_id().into()
    }

    fn kill_connection(&mut self, id: u64) -> Result<(), DatabaseError> {
        if !self.is_connected(id)? {
            return Ok(());
        }
        let killed = self.run(&format!("KILL CONNECTION {id}"));
        let waited = clock::Stopwatch::start();
        while self.is_connected(id)? {
            killed.as_ref().map_err(|_| DatabaseError::StillConnected(id))?;
            if waited.elapsed() > KILL_LIMIT {
                return Err(DatabaseError::StillConnected(id));
            }
            clock::sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    fn lock(&mut self, name: &str, patience: Duration) -> Result<Option<u64>, DatabaseError> {
        let key = self.lock_name(name);
        let take = format!("SELECT GET_LOCK({key}, {})", patience.as_secs());
        loop {
            match self.text(&take)?.as_deref() {
                Some("1") => return Ok(None),
                Some(_) => {}
                None => return Err(DatabaseError::answer(&take, "nothing")),
            }
            // Who held it may have gone between the two questions.
            if let Some(holder) = self.lock_holder(name)? {
                return Ok(Some(holder));
            }
        }
    }

    fn lock_holder(&mut self, name: &str) -> Result<Option<u64>, DatabaseError> {
        let holder = self.text(&format!("SELECT IS_USED_LOCK({})", self.lock_name(name)))?;
        Ok(holder.and_then(|id| id.parse().ok()))
    }

    fn busy_connections(&mut self) -> Result<Vec<u64>, DatabaseError> {
        let query = "SELECT id FROM information_schema.processlist \
                     WHERE db = DATABASE() AND command IN ('Query', 'Execute') AND id <> CONNECTION_ID()";
        Ok(self.texts(query)?.into_iter().flatten().filter_map(|id| id.parse().ok()).collect())
    }

    fn limit(&mut self, lock: Duration, statement: Option<Duration>) -> Result<(), DatabaseError> {
        let seconds = lock.as_secs().max(1);
        self.run(&format!(
            "SET SESSION lock_wait_timeout = {seconds}, innodb_lock_wait_timeout = {seconds}"
        ))?;
        let longest = statement.unwrap_or_default();
        let set = match self.version()?.to_ascii_lowercase().contains("mariadb") {
            true => format!("max_statement_time = {}", longest.as_secs_f64()),
            // Of MySQL's statements only queries heed it.
            false => format!("max_execution_time = {}", longest.as_millis()),
        };
        self.run(&format!("SET SESSION {set}")).map(|_| ())
    }

    fn checks(&mut self, saved: Option<&Scope>) -> Vec<Check> {
        checks::checks(self, saved)
    }
}

/// The text as a MySQL string, quotes and all.
pub(in crate::database) fn literal(text: &str) -> String {
    let mut quoted = Vec::with_capacity(text.len() + 2);
    write_literal(text.as_bytes(), &mut quoted);
    String::from_utf8_lossy(&quoted).into_owned()
}

/// The same of UTF-8 in bytes, which stays UTF-8.
pub(in crate::database) fn write_literal(text: &[u8], out: &mut Vec<u8>) {
    out.push(b'\'');
    let mut rest = text;
    while let Some(at) = first_to_escape(rest) {
        out.extend_from_slice(&rest[..at]);
        out.push(b'\\');
        out.push(match rest[at] {
            0 => b'0',
            b'\n' => b'n',
            b'\r' => b'r',
            0x1a => b'Z',
            other => other,
        });
        rest = &rest[at + 1..];
    }
    out.extend_from_slice(rest);
    out.push(b'\'');
}

/// Whole blocks are looked at first, which the compiler does in few
/// instructions; the last one overlaps the one before it.
fn first_to_escape(text: &[u8]) -> Option<usize> {
    const BLOCK: usize = 32;
    let is_plain =
        |block: &&[u8; BLOCK]| !block.iter().fold(false, |found, &byte| found | may_need_escape(byte));
    let plain = BLOCK * text.as_chunks::<BLOCK>().0.iter().take_while(is_plain).count();
    if text.len() - plain < BLOCK && text.last_chunk().as_ref().is_some_and(is_plain) {
        return None;
    }
    let behind = text[plain..].iter().position(|&byte| needs_escape(byte));
    behind.map(|at| plain + at)
}

fn needs_escape(byte: u8) -> bool {
    matches!(byte, 0 | b'\n' | b'\r' | 0x1a | b'\'' | b'\\')
}

/// True of some bytes more, and told sooner.
fn may_need_escape(byte: u8) -> bool {
    (byte < 0x20) | (byte == b'\'') | (byte == b'\\')
}

/// Whether the server could not take what it was given for want of room, or,
/// as MySQL does with named checks, because it stands twice.
pub(in crate::database) fn is_without_room(error: &DatabaseError) -> bool {
    const CODES: [u16; 3] = [1021, 1114, 3822];
    let DatabaseError::Statement { source, .. } = error else { return false };
    match source.downcast_ref() {
        Some(mysql::Error::MySqlError(error)) => {
            CODES.contains(&error.code) || error.message.contains("No space left on device")
        }
        _ => false,
    }
}

fn options(address: &MySqlAddress) -> Result<mysql::OptsBuilder, DatabaseError> {
    let options = mysql::OptsBuilder::new()
        .user(Some(address.user.as_str()))
        .pass(Some(address.password.reveal()))
        .db_name(Some(address.name.as_str()))
        .prefer_socket(false)
        .tcp_connect_timeout(Some(CONNECT_LIMIT))
        .tcp_keepalive_time_ms(Some(60_000))
        .ssl_opts(tls(&address.tls)?)
        .stmt_cache_size(0);
    Ok(match socket(address) {
        Some(socket) => options.socket(Some(socket.to_string_lossy())),
        None => options.ip_or_hostname(Some(address.host.as_str())).tcp_port(address.port.unwrap_or(3306)),
    })
}

/// With these the crate goes no step on without TLS.
fn tls(tls: &Tls) -> Result<Option<mysql::SslOpts>, DatabaseError> {
    let options = mysql::SslOpts::default();
    Ok(match tls {
        Tls::Off => None,
        Tls::Unverified => {
            Some(options.with_danger_accept_invalid_certs(true).with_danger_skip_domain_validation(true))
        }
        Tls::Verified { authorities: None } => Some(options),
        Tls::Verified { authorities: Some(file) } => {
            // The crate would not say which file it cannot read.
            fs::open(file)?;
            Some(options.with_root_cert_path(Some(file.clone())))
        }
    })
}

/// The named socket, or, as PHP does it, the usual one for a bare `localhost`.
fn socket(address: &MySqlAddress) -> Option<PathBuf> {
    if address.socket.is_some() {
        return address.socket.clone();
    }
    if address.host != "localhost" || address.port.is_some() || address.tls != Tls::Off {
        return None;
    }
    SOCKETS.iter().find(|path| fs::exists(Path::new(path))).map(PathBuf::from)
}

fn is_about_tls(error: &mysql::Error) -> bool {
    match error {
        mysql::Error::DriverError(error) => matches!(error, mysql::DriverError::TlsNotSupported),
        // What goes wrong while the two agree comes as an error of reading packets.
        mysql::Error::TlsError(_) | mysql::Error::CodecError(_) => true,
        _ => false,
    }
}

fn connect_error(address: &MySqlAddress, source: mysql::Error) -> DatabaseError {
    const DENIED: [u16; 4] = [1044, 1045, 1698, 1862];
    match &source {
        mysql::Error::MySqlError(error) if DENIED.contains(&error.code) => DatabaseError::Denied {
            user: crate::base::escape::text(&address.user).into_owned(),
            host: crate::base::escape::text(&address.host).into_owned(),
            name: crate::base::escape::text(&address.name).into_owned(),
            source: Box::new(source),
        },
        _ if address.tls != Tls::Off && is_about_tls(&source) => {
            DatabaseError::Tls { address: address.to_string(), source: Box::new(source) }
        }
        _ => DatabaseError::Connect { address: address.to_string(), source: Box::new(source) },
    }
}
