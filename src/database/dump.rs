//! Saving a database so that it can be brought back exactly. The stored form
//! is `docs/dump.md`.

use std::io::BufWriter;
use std::io::Read;
use std::io::Write;
use std::path::Path;

use mysql::Value;
use serde::Deserialize;
use serde::Serialize;

use crate::base::digest::Algorithms;
use crate::base::digest::Hasher;
use crate::base::digest::Sha256;
use crate::base::event::Event;
use crate::base::event::Watch;
use crate::base::exit::Exit;
use crate::base::exit::Fault;
use crate::database::address::Address;
use crate::database::address::MySqlAddress;
use crate::database::engine::Database;
use crate::database::engine::DatabaseError;
use crate::database::engine::TableKind;
use crate::database::engine::TableSum;
use crate::database::engine::quote;
use crate::database::lexer::Dialect;
use crate::database::mysql::Column;
use crate::database::mysql::ColumnKind;
use crate::database::mysql::MySql;
use crate::database::sqlite;
use crate::database::sqlite::Sqlite;
use crate::sys::fs;
use crate::sys::fs::IoError;

pub const FORMAT: u32 = 1;
/// The last line of a whole dump.
const END: &str = "-- end of dump\n";
/// Longest INSERT, in bytes; every server takes this much.
const MAX_INSERT: usize = 512 * 1024;

const HEAD: &str = "SET NAMES utf8mb4;\nSET FOREIGN_KEY_CHECKS = 0;\nSET UNIQUE_CHECKS = 0;\n\
SET SQL_MODE = 'NO_AUTO_VALUE_ON_ZERO';\nSET TIME_ZONE = '+00:00';\n";

/// Which tables are meant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    All,
    /// Those whose names begin so.
    Prefix(String),
    Tables(Vec<String>),
}

impl Scope {
    pub fn covers(&self, table: &str) -> bool {
        match self {
            Scope::All => true,
            Scope::Prefix(prefix) => table.starts_with(prefix.as_str()),
            Scope::Tables(names) => names.iter().any(|name| name == table),
        }
    }
}

/// What was saved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DumpRecord {
    pub format: u32,
    pub scope: Scope,
    pub file: String,
    pub bytes: u64,
    pub sha256: Sha256,
    pub tables: Vec<DumpedTable>,
    pub views: Vec<String>,
    pub triggers: Vec<String>,
    /// Saved when the whole database is in scope: they belong to no table.
    pub routines: Vec<Routine>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DumpedTable {
    pub name: String,
    pub sum: TableSum,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Routine {
    /// `PROCEDURE`, `FUNCTION` or `EVENT`.
    pub kind: String,
    pub name: String,
}

#[derive(Debug, thiserror::Error)]
pub enum DumpError {
    #[error("the dump {path} is missing")]
    Missing { path: String },
    #[error("the dump {path} is not the one that was made: size or digest differ")]
    Damaged { path: String },
    #[error(transparent)]
    Database(#[from] DatabaseError),
    #[error(transparent)]
    Io(#[from] IoError),
}

impl Fault for DumpError {
    fn exit(&self) -> Exit {
        match self {
            DumpError::Missing { .. } | DumpError::Damaged { .. } => Exit::Stuck,
            DumpError::Database(error) => error.exit(),
            DumpError::Io(error) => error.exit(),
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            DumpError::Missing { .. } | DumpError::Damaged { .. } => {
                vec![
                    "nothing was written; `entracte rollback --database keep` takes the files back alone"
                        .into(),
                ]
            }
            DumpError::Database(error) => error.hints(),
            DumpError::Io(error) => error.hints(),
        }
    }
}

/// Saves everything in scope into `folder`.
pub fn dump(address: &Address, scope: &Scope, folder: &Path, watch: Watch) -> Result<DumpRecord, DumpError> {
    match address {
        Address::MySql(address) => dump_mysql(address, scope, folder, watch),
        Address::Sqlite(path) => dump_sqlite(path, scope, folder),
    }
}

/// Proves that a dump is the one that was recorded, before anything relies on it.
pub fn check(record: &DumpRecord, folder: &Path) -> Result<(), DumpError> {
    let path = folder.join(&record.file);
    if !fs::is_file(&path) {
        return Err(DumpError::Missing { path: fs::shown(&path) });
    }
    match digest(&path)? == (record.bytes, record.sha256) {
        true => Ok(()),
        false => Err(DumpError::Damaged { path: fs::shown(&path) }),
    }
}

fn digest(path: &Path) -> Result<(u64, Sha256), IoError> {
    let mut file = fs::open(path)?;
    let mut hasher = Hasher::new(Algorithms::Sha256);
    let (mut buffer, mut size) = (vec![0; 256 * 1024], 0);
    loop {
        let count = file.read(&mut buffer).map_err(|source| IoError::new("read", path, source))?;
        if count == 0 {
            return Ok((size, hasher.finish().0));
        }
        hasher.update(&buffer[..count]);
        size += count as u64;
    }
}

fn dump_sqlite(path: &Path, scope: &Scope, folder: &Path) -> Result<DumpRecord, DumpError> {
    let file = "dump.sqlite";
    let target = folder.join(file);
    sqlite::copy(path, &target)?;
    fs::sync_file(&fs::open(&target)?, &target)?;
    fs::sync_folder(folder)?;
    let tables = sums(&mut Sqlite::open(&target)?)?;
    let (bytes, sha256) = digest(&target)?;
    Ok(DumpRecord {
        format: FORMAT,
        scope: scope.clone(),
        file: file.into(),
        bytes,
        sha256,
        tables,
        views: Vec::new(),
        triggers: Vec::new(),
        routines: Vec::new(),
    })
}

/// Every table with what it holds.
pub(super) fn sums(database: &mut dyn Database) -> Result<Vec<DumpedTable>, DatabaseError> {
    let mut found = Vec::new();
    for table in database.tables()?.into_iter().filter(|table| table.is_base()) {
        found.push(DumpedTable { sum: database.checksum(&table.name, None)?, name: table.name });
    }
    Ok(found)
}

fn dump_mysql(
    address: &MySqlAddress,
    scope: &Scope,
    folder: &Path,
    watch: Watch,
) -> Result<DumpRecord, DumpError> {
    let mut database = MySql::open(address)?;
    database.execute("SET NAMES utf8mb4")?;
    database.execute("SET SESSION sql_mode = ''")?;
    database.execute("SET SESSION TIME_ZONE = '+00:00'")?;
    database.execute("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")?;
    database.execute("START TRANSACTION WITH CONSISTENT SNAPSHOT")?;
    let path = folder.join("dump.sql");
    let mut out = Out { writer: BufWriter::with_capacity(1 << 20, fs::create(&path)?), path: path.clone() };
    out.write(HEAD)?;
    let (mut tables, mut views) = (Vec::new(), Vec::new());
    let all = database.tables()?;
    let in_scope: Vec<_> = all.into_iter().filter(|table| scope.covers(&table.name)).collect();
    let total = in_scope.len() as u64;
    for (done, table) in in_scope.iter().enumerate() {
        match table.kind {
            TableKind::View => views.push(table.name.clone()),
            TableKind::Table => {
                dump_table(&mut database, &table.name, &mut out)?;
                tables.push(DumpedTable {
                    name: table.name.clone(),
                    sum: database.checksum(&table.name, None)?,
                });
            }
        }
        let (done, bytes) = (done as u64 + 1, 0);
        watch(None, Event::Progress { what: "dumping tables".into(), done, total, bytes, total_bytes: 0 });
    }
    for view in &views {
        dump_view(&mut database, view, &mut out)?;
    }
    let triggers = dump_triggers(&mut database, scope, &mut out)?;
    let routines = if *scope == Scope::All { dump_routines(&mut database, &mut out)? } else { Vec::new() };
    out.write("SET FOREIGN_KEY_CHECKS = 1;\nSET UNIQUE_CHECKS = 1;\n")?;
    out.write(END)?;
    out.finish()?;
    fs::sync_folder(folder)?;
    let (bytes, sha256) = digest(&path)?;
    Ok(DumpRecord {
        format: FORMAT,
        scope: scope.clone(),
        file: "dump.sql".into(),
        bytes,
        sha256,
        tables,
        views,
        triggers,
        routines,
    })
}

/// The dump's file.
struct Out {
    writer: BufWriter<std::fs::File>,
    path: std::path::PathBuf,
}

impl Out {
    fn write(&mut self, text: impl AsRef<[u8]>) -> Result<(), IoError> {
        self.writer.write_all(text.as_ref()).map_err(|source| IoError::new("write", &self.path, source))
    }

    fn finish(mut self) -> Result<(), IoError> {
        self.writer.flush().map_err(|source| IoError::new("write", &self.path, source))?;
        fs::sync_file(self.writer.get_ref(), &self.path)
    }
}

fn dump_table(database: &mut MySql, table: &str, out: &mut Out) -> Result<(), DumpError> {
    let name = quote(Dialect::MySql, table)?;
    out.write(format!("DROP TABLE IF EXISTS {name};\n{};\n", database.show_create("TABLE", table, 1)?))?;
    let columns: Vec<Column> =
        database.columns(table)?.into_iter().filter(|column| !column.is_generated).collect();
    if columns.is_empty() {
        return Ok(());
    }
    let names: Vec<String> =
        columns.iter().map(|column| quote(Dialect::MySql, &column.name)).collect::<Result<_, _>>()?;
    let names = names.join(", ");
    let head = format!("INSERT INTO {name} ({names}) VALUES ");
    let mut line: Vec<u8> = Vec::with_capacity(MAX_INSERT);
    let mut failed = None;
    let read = database.each_row(&format!("SELECT {names} FROM {name}"), &mut |values| {
        let start = line.len();
        line.extend_from_slice(if start == 0 { head.as_bytes() } else { b"," });
        push_row(values, &columns, &mut line);
        if line.len() > MAX_INSERT {
            line.extend_from_slice(b";\n");
            if let Err(error) = out.write(&line) {
                failed = Some(error);
                return Err(std::io::ErrorKind::Other.into());
            }
            line.clear();
        }
        Ok(())
    });
    if let Some(error) = failed {
        return Err(error.into());
    }
    read?;
    if !line.is_empty() {
        line.extend_from_slice(b";\n");
        out.write(&line)?;
    }
    Ok(())
}

fn push_row(values: &[Value], columns: &[Column], line: &mut Vec<u8>) {
    line.push(b'(');
    for (at, (value, column)) in values.iter().zip(columns).enumerate() {
        if at > 0 {
            line.push(b',');
        }
        match (value, column.kind) {
            (Value::NULL, _) => line.extend_from_slice(b"NULL"),
            (Value::Bytes(bytes), ColumnKind::Number) => line.extend_from_slice(bytes),
            (Value::Bytes(bytes), ColumnKind::Text) if std::str::from_utf8(bytes).is_ok() => {
                push_text(bytes, line)
            }
            (Value::Bytes(bytes), _) if bytes.is_empty() => line.extend_from_slice(b"''"),
            (Value::Bytes(bytes), _) => {
                line.extend_from_slice(b"0x");
                line.extend_from_slice(hex::encode(bytes).as_bytes());
            }
            (other, _) => line.extend_from_slice(other.as_sql(false).as_bytes()),
        }
    }
    line.push(b')');
}

/// Text in quotes on one line, as every client reads it.
fn push_text(bytes: &[u8], line: &mut Vec<u8>) {
    line.push(b'\'');
    for byte in bytes {
        match byte {
            b'\'' => line.extend_from_slice(b"\\'"),
            b'\\' => line.extend_from_slice(b"\\\\"),
            b'\n' => line.extend_from_slice(b"\\n"),
            b'\r' => line.extend_from_slice(b"\\r"),
            0 => line.extend_from_slice(b"\\0"),
            0x1a => line.extend_from_slice(b"\\Z"),
            other => line.push(*other),
        }
    }
    line.push(b'\'');
}

fn dump_view(database: &mut MySql, view: &str, out: &mut Out) -> Result<(), DumpError> {
    let name = quote(Dialect::MySql, view)?;
    let create = database.show_create("VIEW", view, 1)?;
    Ok(out.write(format!("DROP TABLE IF EXISTS {name};\nDROP VIEW IF EXISTS {name};\n{create};\n"))?)
}

fn dump_triggers(database: &mut MySql, scope: &Scope, out: &mut Out) -> Result<Vec<String>, DumpError> {
    let query = "SELECT TRIGGER_NAME, EVENT_OBJECT_TABLE FROM information_schema.TRIGGERS \
                 WHERE TRIGGER_SCHEMA = DATABASE() ORDER BY TRIGGER_NAME";
    let mut names = Vec::new();
    for row in database.rows(query)? {
        let [Some(trigger), Some(table)] = &row[..] else { continue };
        if scope.covers(table) {
            let create = database.show_create("TRIGGER", trigger, 2)?;
            let name = quote(Dialect::MySql, trigger)?;
            compound(out, &format!("DROP TRIGGER IF EXISTS {name}"), &create)?;
            names.push(trigger.clone());
        }
    }
    Ok(names)
}

fn dump_routines(database: &mut MySql, out: &mut Out) -> Result<Vec<Routine>, DumpError> {
    let query = "SELECT ROUTINE_TYPE, ROUTINE_NAME FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = DATABASE() \
                 UNION ALL SELECT 'EVENT', EVENT_NAME FROM information_schema.EVENTS WHERE EVENT_SCHEMA = DATABASE() ORDER BY 1, 2";
    let mut routines = Vec::new();
    for row in database.rows(query)? {
        let [Some(kind), Some(name)] = &row[..] else { continue };
        if !matches!(kind.as_str(), "PROCEDURE" | "FUNCTION" | "EVENT") {
            continue;
        }
        let column = if kind == "EVENT" { 3 } else { 2 };
        // Somebody else's routine tells its body only to its definer: it is left alone.
        let Ok(create) = database.show_create(kind, name, column) else { continue };
        compound(out, &format!("DROP {kind} IF EXISTS {}", quote(Dialect::MySql, name)?), &create)?;
        routines.push(Routine { kind: kind.clone(), name: name.clone() });
    }
    Ok(routines)
}

/// A statement that holds semicolons, with the one that makes room for it.
fn compound(out: &mut Out, drop: &str, create: &str) -> Result<(), DumpError> {
    Ok(out.write(format!("{drop};\nDELIMITER ;;\n{create};;\nDELIMITER ;\n"))?)
}
