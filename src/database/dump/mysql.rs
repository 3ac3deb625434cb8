//! Writes a MySQL database as compressed SQL, from one consistent snapshot, row
//! by row. `zstd` and the `mysql` client can read the result back without entracte.
//!
//! One connection reads, writes and sums the rows while other threads compress:
//! on two cores that keeps both busy, and one connection has one snapshot
//! without locking anybody out.

use std::path::Path;

use crate::base::digest::Sha256;
use crate::base::escape;
use crate::base::event::Event;
use crate::base::event::Watch;
use crate::database::address::MySqlAddress;
use crate::database::connection::Database;
use crate::database::connection::DatabaseError;
use crate::database::dump::DumpError;
use crate::database::dump::DumpRecord;
use crate::database::dump::DumpedObject;
use crate::database::dump::DumpedTable;
use crate::database::dump::FORMAT;
use crate::database::dump::SQL_FILE;
use crate::database::dump::file::Insert;
use crate::database::dump::file::OBJECTS;
use crate::database::dump::file::table_line;
use crate::database::dump::output::Output;
use crate::database::dump::progress;
use crate::database::guard::begin_to_work;
use crate::database::mysql::MySql;
use crate::database::mysql::catalog;
use crate::database::mysql::catalog::Definition;
use crate::database::mysql::catalog::quoted;
use crate::database::mysql::checks;
use crate::database::mysql::literal;
use crate::database::mysql::values::Values;
use crate::database::object::Object;
use crate::database::object::ObjectKind;
use crate::database::scope::Scope;
use crate::sys::env;
use crate::sys::fs;

/// How long one INSERT grows before the next begins.
const INSERT_BYTES: usize = 256 * 1024;
/// How often long tables tell where they are.
const TELL_BYTES: u64 = 4 * 1024 * 1024;

/// The session that the file is read back in; also set again behind each
/// object, which needs a session of its own.
const SESSION: &str = "SET NAMES utf8mb4;\n\
                       SET SESSION sql_mode = 'NO_AUTO_VALUE_ON_ZERO';\n\
                       SET SESSION time_zone = '+00:00';\n";
const CHECKS_OFF: &str = "SET SESSION foreign_key_checks = 0;\nSET SESSION unique_checks = 0;\n";
const CHECKS_ON: &str = "SET SESSION unique_checks = 1;\nSET SESSION foreign_key_checks = 1;\n";

pub(in crate::database) fn dump(
    address: &MySqlAddress,
    scope: &Scope,
    folder: &Path,
    mut watch: Watch,
) -> Result<DumpRecord, DumpError> {
    let mut db = MySql::connect(address)?;
    begin_to_work(&mut db, scope)?;
    if let Some((name, kind)) = catalog::unsupported(&mut db, scope)? {
        return Err(DumpError::Unsupported { name, kind: kind.to_lowercase() });
    }
    if let Some((object, definer)) = checks::foreign(&mut db, scope)? {
        let definer = escape::text(&definer).into_owned();
        return Err(DumpError::ForeignDefiner { object, definer });
    }
    let unsteady = catalog::without_snapshot(&mut db, scope)?;
    for name in &unsteady {
        let message =
            format!("table {} is not InnoDB: writes to it during the dump would show", escape::text(name));
        watch(None, Event::Warning { message });
    }
    begin_snapshot(&mut db)?;
    let packet = db.text("SELECT @@max_allowed_packet")?.and_then(|text| text.parse().ok());
    let out = Output::create(&folder.join(SQL_FILE), threads())?;
    let mut writer = Writer { db, out, packet: packet.unwrap_or(1 << 20), unsteady, told: 0 };
    let content = writer.everything(scope, &mut watch);
    let text_bytes = writer.out.text_bytes;
    // Where writing failed, that is why there is nothing more to tell.
    let written = writer.out.finish()?;
    let content = content?;
    fs::sync_folder(folder)?;
    let tables = content.tables.into_iter().zip(&written.sums);
    Ok(DumpRecord {
        format: FORMAT,
        scope: scope.clone(),
        file: SQL_FILE.to_owned(),
        bytes: written.bytes,
        sha256: written.sha256,
        text_bytes,
        stored: content.stored,
        end: content.end,
        collation: content.collation,
        tables: tables
            .map(|((name, create), sum)| DumpedTable { name, sum: sum.of_table(&create) })
            .collect(),
        objects: content.objects,
    })
}

/// What a writer has put into the file.
struct Content {
    /// Each with its definition.
    tables: Vec<(String, String)>,
    objects: Vec<DumpedObject>,
    collation: Option<String>,
    stored: u64,
    end: String,
}

/// More would not be faster than the server is.
fn threads() -> u32 {
    env::cores().clamp(1, 4) as u32
}

fn begin_snapshot(db: &mut MySql) -> Result<(), DatabaseError> {
    for statement in [
        "SET SESSION time_zone = '+00:00'",
        "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ",
        "START TRANSACTION WITH CONSISTENT SNAPSHOT",
    ] {
        db.run(statement)?;
    }
    Ok(())
}

/// The digest of an object's definition. The client's character set is left
/// out: it is brought back only where that cannot garble the text.
pub(in crate::database) fn object_sum(definition: &Definition) -> String {
    let mode = definition.sql_mode.as_deref().unwrap_or_default();
    let zone = definition.time_zone.as_deref().unwrap_or_default();
    Sha256::of(format!("{mode}\0{zone}\0{}", definition.statement).as_bytes()).short()
}

struct Writer {
    db: MySql,
    out: Output,
    /// `max_allowed_packet` of the server, in bytes.
    packet: usize,
    /// Tables whose rows no snapshot holds still.
    unsteady: Vec<String>,
    told: u64,
}

impl Writer {
    fn everything(&mut self, scope: &Scope, watch: &mut Watch) -> Result<Content, DumpError> {
        self.put(format!("-- entracte dump, format {FORMAT}\n{SESSION}{CHECKS_OFF}"))?;
        let mut infos = self.db.tables()?;
        infos.retain(|info| info.is_base() && scope.holds(&info.name));
        let stored = infos.iter().map(|info| info.bytes).sum();
        let (mut tables, mut rows) = (Vec::new(), 0);
        for (number, info) in infos.iter().enumerate() {
            let mut tell = |bytes| progress(watch, number, infos.len(), bytes, stored);
            tell(self.out.text_bytes);
            let (create, count) = self.table(number, &info.name, &mut tell)?;
            rows += count;
            tables.push((info.name.clone(), create));
        }
        progress(watch, tables.len(), tables.len(), self.out.text_bytes, stored);
        self.put(format!("\n{OBJECTS}"))?;
        let objects = self.objects(scope)?;
        let collation = self.db.text("SELECT @@collation_database")?;
        let end = format!("-- end of the dump: {} tables, {rows} rows\n", tables.len());
        self.put(format!("{CHECKS_ON}{end}"))?;
        Ok(Content { tables, objects, collation, stored, end })
    }

    /// The table's definition and how many rows it has.
    fn table(
        &mut self,
        number: usize,
        name: &str,
        tell: &mut dyn FnMut(u64),
    ) -> Result<(String, u64), DumpError> {
        let create = catalog::create_table(&mut self.db, name)?;
        let shown = quoted(name)?;
        self.put(format!("\n{}DROP TABLE IF EXISTS {shown};\n{create};\n", table_line(number)))?;
        let rows = self.rows(name, tell)?;
        self.out.end_table().ok_or(DumpError::Ended)?;
        if self.unsteady.iter().any(|one| one == name) {
            let now = self.db.text(&format!("SELECT COUNT(*) FROM {shown}"))?;
            if now != Some(rows.to_string()) {
                return Err(DumpError::Changed { name: name.to_owned() });
            }
        }
        Ok((create, rows))
    }

    fn rows(&mut self, name: &str, tell: &mut dyn FnMut(u64)) -> Result<u64, DumpError> {
        let values = Values::of(&catalog::columns(&mut self.db, name)?)?;
        let shown = quoted(name)?;
        let query = format!("SELECT {} FROM {shown}", values.selected);
        let head = format!("INSERT INTO {shown} ({}) VALUES\n", values.names).into_bytes();
        let (packet, out, told) = (self.packet, &mut self.out, &mut self.told);
        let (mut count, mut insert) = (0, Insert::new(&head));
        self.db.stream::<DumpError>(&query, |cells| {
            values.write_row(cells, &mut insert.text);
            let bytes = head.len() + insert.begun() + 16;
            if bytes > packet {
                return Err(DumpError::RowTooLarge { name: name.to_owned(), bytes });
            }
            if insert.count() > 0 && insert.text.len() + 16 > INSERT_BYTES.min(packet) {
                let next = insert.split();
                out.put_rows(std::mem::replace(&mut insert, next)).ok_or(DumpError::Ended)?;
            }
            insert.end_row();
            count += 1;
            if out.text_bytes > *told + TELL_BYTES {
                *told = out.text_bytes;
                tell(out.text_bytes);
            }
            Ok(())
        })?;
        if count > 0 {
            out.put_rows(insert).ok_or(DumpError::Ended)?;
        }
        Ok(count)
    }

    fn put(&mut self, text: String) -> Result<(), DumpError> {
        self.out.put(text).ok_or(DumpError::Ended)
    }

    fn objects(&mut self, scope: &Scope) -> Result<Vec<DumpedObject>, DumpError> {
        let objects = catalog::objects(&mut self.db, scope)?;
        for view in objects.iter().filter(|object| object.kind == ObjectKind::View) {
            self.placeholder(&view.name)?;
        }
        let mut dumped = Vec::new();
        for object in objects {
            let definition = catalog::definition(&mut self.db, &object)?;
            self.put(object_block(&object, &definition)?)?;
            dumped.push(DumpedObject { sum: object_sum(&definition), object });
        }
        Ok(dumped)
    }

    /// A view with the right columns and nothing behind, so that views and
    /// routines may refer to each other in any order.
    fn placeholder(&mut self, name: &str) -> Result<(), DumpError> {
        let columns = catalog::columns(&mut self.db, name)
            .map_err(|_| DumpError::BrokenView { name: name.to_owned() })?;
        let columns: Result<Vec<String>, DatabaseError> =
            columns.iter().map(|column| Ok(format!("1 AS {}", quoted(&column.name)?))).collect();
        let (shown, columns) = (quoted(name)?, columns?.join(", "));
        let text = format!("\nDROP VIEW IF EXISTS {shown};\nCREATE VIEW {shown} AS SELECT {columns};\n");
        self.put(text)
    }
}

fn object_block(object: &Object, definition: &Definition) -> Result<String, DatabaseError> {
    let mut text = format!("\nDROP {} IF EXISTS {};\n", object.kind.word(), quoted(&object.name)?);
    for (variable, value) in [("sql_mode", &definition.sql_mode), ("time_zone", &definition.time_zone)] {
        if let Some(value) = value {
            text.push_str(&format!("SET SESSION {variable} = {};\n", literal(value)));
        }
    }
    let garbled = !definition.statement.is_ascii() && definition.charset.as_deref() != Some("utf8mb4");
    if let (Some(charset), Some(collation), false) = (&definition.charset, &definition.collation, garbled) {
        let (charset, collation) = (literal(charset), literal(collation));
        text.push_str(&format!("SET SESSION character_set_client = {charset};\n"));
        text.push_str(&format!("SET SESSION collation_connection = {collation};\n"));
    }
    let delimiter = delimiter(&definition.statement);
    let statement = &definition.statement;
    text.push_str(&format!("DELIMITER {delimiter}\n{statement}\n{delimiter}\nDELIMITER ;\n{SESSION}"));
    Ok(text)
}

/// Semicolons enough to occur nowhere in the statement.
fn delimiter(statement: &str) -> String {
    let mut delimiter = ";;".to_owned();
    while statement.contains(&delimiter) {
        delimiter.push(';');
    }
    delimiter
}
