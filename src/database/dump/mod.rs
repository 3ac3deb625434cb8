//! Saves a database so that it can be brought back exactly, and checks what
//! was saved. `docs/dump.md` describes the files.

pub mod aside;
mod file;
mod mysql;
mod output;
mod reader;
pub mod restore;
mod shadow;
#[cfg(test)]
mod tests;

use std::io::Read;
use std::path::Path;
use std::path::PathBuf;

use serde::Deserialize;
use serde::Serialize;

use crate::base::digest::Algorithms;
use crate::base::digest::Hasher;
use crate::base::digest::Sha256;
use crate::base::escape;
use crate::base::event::Event;
use crate::base::event::Watch;
use crate::base::exit::Exit;
use crate::base::exit::Fault;
use crate::database::address::Address;
use crate::database::connection::Database;
use crate::database::connection::DatabaseError;
use crate::database::connection::TableSum;
use crate::database::dump::file::Piece;
use crate::database::dump::reader::ReadError;
use crate::database::dump::reader::Reader;
use crate::database::mysql::sum::RowSum;
use crate::database::object::Object;
pub use crate::database::scope::Scope;
use crate::database::sqlite::Sqlite;
use crate::sys::fs;
use crate::sys::fs::IoError;

pub const SQL_FILE: &str = "dump.sql.zst";
pub const SQLITE_FILE: &str = "dump.sqlite";
pub(in crate::database) const FORMAT: u32 = 2;

/// What a dump holds: the proof that it is whole and, later, that it is back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DumpRecord {
    /// Always 2.
    pub format: u32,
    pub scope: Scope,
    /// Its file's name within the folder.
    pub file: String,
    pub bytes: u64,
    pub sha256: Sha256,
    /// How long the text is that the file holds compressed; 0 for `dump.sqlite`.
    pub text_bytes: u64,
    /// How many bytes the tables took on the server, about; 0 for SQLite.
    pub stored: u64,
    /// The last line of the text; empty for `dump.sqlite`.
    pub end: String,
    /// The database's own collation; `None` for SQLite.
    pub collation: Option<String>,
    pub tables: Vec<DumpedTable>,
    pub objects: Vec<DumpedObject>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DumpedTable {
    pub name: String,
    pub sum: TableSum,
}

/// A view, trigger, routine or event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DumpedObject {
    pub object: Object,
    /// The digest of its definition.
    pub sum: String,
}

#[derive(Debug, thiserror::Error)]
pub enum DumpError {
    #[error(transparent)]
    Database(#[from] DatabaseError),
    #[error(transparent)]
    Io(#[from] IoError),
    #[error("failed to save the table {}: a dump cannot hold a {kind}", escape::text(.name))]
    Unsupported { name: String, kind: String },
    #[error("failed to save the view {}: it refers to what is not there", escape::text(.name))]
    BrokenView { name: String },
    #[error("failed to save the {object}: it acts as {definer}, so this user could not bring it back")]
    ForeignDefiner { object: Object, definer: String },
    #[error("failed to save the table {}: it changed meanwhile", escape::text(.name))]
    Changed { name: String },
    #[error("failed to save the table {}: the server would not take one of its rows back ({bytes} bytes)", escape::text(.name))]
    RowTooLarge { name: String, bytes: usize },
    #[error("the dump {} is not what its record says: {what}", fs::shown(.path))]
    Damaged { path: PathBuf, what: &'static str },
    #[error("failed to write the dump: the thread that writes has ended")]
    Ended,
    #[error("the record of the dump has format {0}, which is not known here")]
    Format(u32),
}

impl Fault for DumpError {
    fn exit(&self) -> Exit {
        match self {
            DumpError::Database(error) => error.exit(),
            DumpError::Unsupported { .. }
            | DumpError::BrokenView { .. }
            | DumpError::ForeignDefiner { .. }
            | DumpError::RowTooLarge { .. } => Exit::Refused,
            _ => Exit::Failed,
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            DumpError::Database(error) => error.hints(),
            DumpError::Io(error) => error.hints(),
            DumpError::BrokenView { .. } => vec!["repair the view or drop it".into()],
            DumpError::ForeignDefiner { .. } => {
                vec!["make it again as the site's own database user, or grant that user SET USER".into()]
            }
            DumpError::Changed { .. } => vec!["keep everybody out of the database, then try again".into()],
            DumpError::RowTooLarge { .. } => {
                vec!["give the server a larger max_allowed_packet (at most 1G)".into()]
            }
            DumpError::Damaged { .. } => vec!["bring the file back from another backup".into()],
            DumpError::Unsupported { .. } | DumpError::Ended | DumpError::Format(_) => Vec::new(),
        }
    }
}

/// Saves what the scope names into `folder`, which exists. SQLite is always
/// saved whole. All is on the disk when this returns.
pub fn dump(address: &Address, scope: &Scope, folder: &Path, watch: Watch) -> Result<DumpRecord, DumpError> {
    match address {
        Address::MySql(address) => mysql::dump(address, scope, folder, watch),
        Address::Sqlite(path) => dump_sqlite(path, scope, folder, watch),
    }
}

/// Whether the dump in `folder` is whole and unchanged: all of it is read, and
/// the rows of each table are counted and summed.
pub fn check(record: &DumpRecord, folder: &Path) -> Result<(), DumpError> {
    if record.format != FORMAT {
        return Err(DumpError::Format(record.format));
    }
    let path = folder.join(&record.file);
    let damaged = |what| DumpError::Damaged { path: path.clone(), what };
    if ![SQL_FILE, SQLITE_FILE].contains(&record.file.as_str()) {
        return Err(damaged("its name is not a dump's"));
    }
    match fs::metadata(&path)? {
        Some(metadata) if metadata.is_file() && metadata.len() == record.bytes => {}
        Some(metadata) if metadata.is_file() => return Err(damaged("its size differs")),
        _ => return Err(damaged("it is not there")),
    }
    if record.file == SQL_FILE {
        return check_text(record, &path);
    }
    match digest(&path)?.0 == record.sha256 {
        true => Ok(()),
        false => Err(damaged("its digest differs")),
    }
}

fn check_text(record: &DumpRecord, path: &Path) -> Result<(), DumpError> {
    let damaged = |what| DumpError::Damaged { path: path.to_owned(), what };
    let unreadable = |error| match error {
        ReadError::Io(error) => DumpError::Io(error),
        ReadError::Compressed { .. } => damaged("it cannot be decompressed"),
        ReadError::Text | ReadError::Lex(_) => damaged("it is no SQL text"),
    };
    let mut reader = Reader::open(path).map_err(unreadable)?;
    let (mut sums, mut table) = (vec![RowSum::default(); record.tables.len()], 0);
    while let Some(piece) = reader.next().map_err(unreadable)? {
        match piece {
            Piece::Table(number) => table = number,
            Piece::Rows(insert) => {
                let sum = sums.get_mut(table).ok_or_else(|| damaged("it has more tables"))?;
                insert.rows().for_each(|row| sum.add(row));
            }
            Piece::Objects | Piece::Statement(_) => {}
        }
    }
    if reader.last != record.end {
        return Err(damaged("its last line is missing"));
    }
    let same = |(table, sum): (&DumpedTable, &RowSum)| {
        sum.rows == table.sum.rows && table.sum.sum.ends_with(&format!("-{}", sum.text()))
    };
    if !record.tables.iter().zip(&sums).all(same) {
        return Err(damaged("its rows differ"));
    }
    match reader.digest().map_err(unreadable)? == record.sha256 {
        true => Ok(()),
        false => Err(damaged("its digest differs")),
    }
}

pub(in crate::database) fn progress(watch: &mut Watch, done: usize, total: usize, bytes: u64, all: u64) {
    let event = Event::Progress {
        what: "database".into(),
        done: done as u64,
        total: total as u64,
        bytes,
        total_bytes: all.max(bytes),
    };
    watch(None, event);
}

fn dump_sqlite(path: &Path, scope: &Scope, folder: &Path, mut watch: Watch) -> Result<DumpRecord, DumpError> {
    let live = Sqlite::open(path)?;
    let saved = folder.join(SQLITE_FILE);
    for suffix in ["", "-wal", "-shm", "-journal"] {
        fs::remove_file_if_present(&folder.join(format!("{SQLITE_FILE}{suffix}")))?;
    }
    fs::create_new(&saved)?;
    let mut copy = Sqlite::open_or_create(&saved)?;
    live.copy_to(&mut copy, |done, all| progress(&mut watch, done as usize, all as usize, 0, 0))?;
    copy.settle()?;
    if !copy.is_sound()? {
        return Err(DumpError::Damaged { path: saved, what: "SQLite finds errors in it" });
    }
    let (tables, objects) = sqlite_content(&mut copy)?;
    drop(copy);
    fs::sync_file(&fs::open(&saved)?, &saved)?;
    fs::sync_folder(folder)?;
    let (sha256, bytes) = digest(&saved)?;
    let (file, end) = (SQLITE_FILE.to_owned(), String::new());
    let scope = scope.clone();
    let (format, text_bytes, stored, collation) = (FORMAT, 0, 0, None);
    Ok(DumpRecord { format, scope, file, bytes, sha256, text_bytes, stored, end, collation, tables, objects })
}

/// Sums over everything in an SQLite database.
pub(in crate::database) fn sqlite_content(
    db: &mut Sqlite,
) -> Result<(Vec<DumpedTable>, Vec<DumpedObject>), DatabaseError> {
    let mut tables = Vec::new();
    for table in db.tables()?.into_iter().filter(|table| table.is_base()) {
        let sum = db.checksum(&table.name, None)?;
        tables.push(DumpedTable { name: table.name, sum });
    }
    let schema = db.schema()?;
    let objects = db.objects()?.into_iter().map(|object| DumpedObject { object, sum: schema.clone() });
    Ok((tables, objects.collect()))
}

fn digest(path: &Path) -> Result<(Sha256, u64), IoError> {
    let mut file = fs::open(path)?;
    let mut hasher = Hasher::new(Algorithms::Sha256);
    let mut buffer = vec![0; 1 << 16];
    let mut bytes = 0;
    loop {
        let count = file.read(&mut buffer).map_err(|source| IoError::new("read", path, source))?;
        if count == 0 {
            return Ok((hasher.finish().0, bytes));
        }
        hasher.update(&buffer[..count]);
        bytes += count as u64;
    }
}
