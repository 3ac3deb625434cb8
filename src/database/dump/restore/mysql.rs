//! Brings a MySQL database back: first everything beside what is there, then,
//! once that is proved, in its place.
//!
//! Until the one RENAME nothing of the site is touched. Whatever is cut off is
//! begun anew: the shadows that it left have known names and are dropped.
//! Foreign keys of other tables follow a renamed table, whatever
//! `foreign_key_checks` says, and stay at its new name when it is dropped; so
//! each table goes to that name once and back, and takes them home.

use std::path::Path;

use crate::base::escape;
use crate::base::event::Event;
use crate::base::event::Watch;
use crate::database::address::MySqlAddress;
use crate::database::connection::Database;
use crate::database::connection::DatabaseError;
use crate::database::connection::TableSum;
use crate::database::dump::DumpRecord;
use crate::database::dump::DumpedObject;
use crate::database::dump::DumpedTable;
use crate::database::dump::file::Piece;
use crate::database::dump::mysql::object_sum;
use crate::database::dump::progress;
use crate::database::dump::reader::ReadError;
use crate::database::dump::reader::Reader;
use crate::database::dump::restore::RestoreError;
use crate::database::dump::shadow::Shadows;
use crate::database::dump::shadow::without_foreign_keys;
use crate::database::guard::begin_to_work;
use crate::database::mysql::MySql;
use crate::database::mysql::catalog;
use crate::database::mysql::catalog::quoted;
use crate::database::mysql::is_without_room;
use crate::database::mysql::literal;
use crate::database::mysql::sum;
use crate::database::object::Object;
use crate::database::object::ObjectKind;
use crate::database::scope::Scope;
use crate::sys::disk;
use crate::sys::fault;
use crate::sys::fs::IoError;

/// How often the reading tells where it is.
const TELL_BYTES: u64 = 4 * 1024 * 1024;

pub(super) fn restore(
    address: &MySqlAddress,
    record: &DumpRecord,
    path: &Path,
    watch: Watch,
) -> Result<(), RestoreError> {
    let mut db = MySql::connect(address).map_err(RestoreError::Connect)?;
    begin_to_work(&mut db, &record.scope).map_err(RestoreError::Connect)?;
    let shadows = Shadows::of(&record.scope);
    let mut work = Work { db, address, record, path, shadows, watch };
    work.statement("SET SESSION foreign_key_checks = 0")?;
    work.sweep()?;
    let place = match work.try_beside()? {
        Ok(loaded) => {
            work.finish(&loaded)?;
            Place::Beside
        }
        Err(why) => {
            work.warn(&why);
            work.sweep()?;
            work.drop_newer()?;
            let loaded = work.load(Place::Live)?;
            work.finish(&loaded)?;
            Place::Live
        }
    };
    let found = content(address, record, place).map_err(|source| work.failed(source))?;
    match super::difference(record, found) {
        None => Ok(()),
        Some(what) => Err(RestoreError::Differs { address: address.to_string(), what }),
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Under other names, beside what is there.
    Beside,
    /// In the place of what is there, which is dropped.
    Live,
}

/// What of the dump is still to be done when all rows are in.
#[derive(Default)]
struct Loaded {
    /// The definition of each table without foreign keys.
    definitions: Vec<String>,
    foreign_keys: Vec<String>,
    objects: Vec<String>,
}

struct Work<'a> {
    db: MySql,
    address: &'a MySqlAddress,
    record: &'a DumpRecord,
    path: &'a Path,
    shadows: Shadows,
    watch: Watch<'a>,
}

impl Work<'_> {
    /// Loads, proves and swaps; why it cannot be done that way, where there is
    /// no room.
    fn try_beside(&mut self) -> Result<Result<Loaded, String>, RestoreError> {
        if let Some(why) = self.lacks_room() {
            return Ok(Err(why));
        }
        let proved = self.load(Place::Beside).and_then(|loaded| {
            fault::point("restore.room").map_err(|source| IoError::new("restore from", self.path, source))?;
            self.prove(&loaded).map(|()| loaded)
        });
        match proved {
            Ok(loaded) => self.swap().map(|()| Ok(loaded)),
            Err(error) if lacks_room(&error) => {
                let needed = self.record.stored;
                Ok(Err(format!("the server has no room for {needed} bytes more")))
            }
            Err(error) => {
                // What is left is dropped by the next try; it need not wait where it can be now.
                let _ = self.sweep();
                Err(error)
            }
        }
    }

    /// What comes after the tables, which is the same however they came.
    fn finish(&mut self, loaded: &Loaded) -> Result<(), RestoreError> {
        self.sweep()?;
        self.fetch_home()?;
        for statement in &loaded.foreign_keys {
            self.statement(statement)?;
        }
        self.drop_newer()?;
        for statement in &loaded.objects {
            self.statement(statement)?;
        }
        Ok(())
    }

    /// Where the server's disk is ours too, its space is known before.
    fn lacks_room(&mut self) -> Option<String> {
        let is_here = self.address.socket.is_some()
            || ["localhost", "127.0.0.1", "::1"].contains(&self.address.host.as_str());
        let folder = self.db.text("SELECT @@datadir").ok().flatten().filter(|_| is_here)?;
        let free = disk::space(Path::new(&folder)).ok()?.free_bytes;
        let needed = self.record.stored.saturating_add(self.record.stored / 10);
        (free < needed)
            .then(|| format!("it needs about {needed} bytes, and {} has {free}", escape::text(&folder)))
    }

    fn warn(&mut self, why: &str) {
        let message = format!(
            "no copy of the database can stand beside it: {why}; the dump is whole, so it is read back in place"
        );
        (self.watch)(None, Event::Warning { message });
    }

    /// Runs the tables' part of the dump, statement by statement; memory stays small.
    fn load(&mut self, place: Place) -> Result<Loaded, RestoreError> {
        let mut reader = Reader::open(self.path)?;
        let (mut loaded, mut told) = (Loaded::default(), 0);
        let (mut table, mut in_objects) = (None, false);
        while let Some(piece) = reader.next()? {
            match piece {
                Piece::Table(number) => table = Some(number),
                Piece::Objects => in_objects = true,
                Piece::Statement(statement) if in_objects => loaded.objects.push(statement),
                Piece::Statement(statement) => self.table_statement(&statement, table, place, &mut loaded)?,
                Piece::Rows(insert) => {
                    let text = String::from_utf8(insert.text).map_err(|_| ReadError::Text)?;
                    self.insert(&text, table, place)?;
                }
            }
            if reader.text_bytes > told + TELL_BYTES || reader.text_bytes == self.record.text_bytes {
                told = reader.text_bytes;
                let tables = self.record.tables.len();
                progress(&mut self.watch, table.unwrap_or(0), tables, told, self.record.text_bytes);
            }
        }
        Ok(loaded)
    }

    fn table_statement(
        &mut self,
        statement: &str,
        table: Option<usize>,
        place: Place,
        loaded: &mut Loaded,
    ) -> Result<(), RestoreError> {
        let Some(name) = self.table_name(table).filter(|_| place == Place::Beside) else {
            return self.statement(statement);
        };
        let shown = self.quoted(&name)?;
        let Some(definition) = statement.strip_prefix(&format!("CREATE TABLE {shown}")) else {
            // The DROP of what is there.
            return Ok(());
        };
        let (definition, keys) = without_foreign_keys(definition);
        let shadow = self.quoted(&self.shadows.new_name(&name))?;
        self.statement(&format!("CREATE TABLE {shadow}{definition}"))?;
        if !keys.is_empty() {
            let keys: Vec<String> = keys.iter().map(|key| format!("ADD {key}")).collect();
            loaded.foreign_keys.push(format!("ALTER TABLE {shown} {}", keys.join(", ")));
        }
        loaded.definitions.push(definition);
        Ok(())
    }

    fn insert(&mut self, text: &str, table: Option<usize>, place: Place) -> Result<(), RestoreError> {
        let Some(name) = self.table_name(table).filter(|_| place == Place::Beside) else {
            return self.statement(text);
        };
        let head = format!("INSERT INTO {}", self.quoted(&name)?);
        let shadow = self.quoted(&self.shadows.new_name(&name))?;
        let rest = text.strip_prefix(&head).ok_or_else(|| self.differs("an INSERT of another table"))?;
        self.statement(&format!("INSERT INTO {shadow}{rest}"))
    }

    fn table_name(&self, table: Option<usize>) -> Option<String> {
        Some(self.record.tables.get(table?)?.name.clone())
    }

    /// Compares every shadow with what was saved.
    fn prove(&mut self, loaded: &Loaded) -> Result<(), RestoreError> {
        if loaded.definitions.len() != self.record.tables.len() {
            return Err(self.differs("tables are missing"));
        }
        for (table, definition) in self.record.tables.iter().zip(&loaded.definitions) {
            let shadow = self.shadows.new_name(&table.name);
            let name = escape::text(&table.name);
            let create =
                catalog::create_table(&mut self.db, &shadow).map_err(|source| self.failed(source))?;
            let made = create.strip_prefix(&format!("CREATE TABLE {}", self.quoted(&shadow)?));
            let wanted = catalog::without_counter(definition);
            if made.map(catalog::without_counter) != Some(wanted) {
                return Err(self.differs(&format!("table {name} has another definition")));
            }
            let rows = sum::rows(&mut self.db, &shadow, None).map_err(|source| self.failed(source))?;
            if rows.rows != table.sum.rows || !table.sum.sum.ends_with(&rows.text()) {
                return Err(self.differs(&format!("table {name} differs")));
            }
        }
        Ok(())
    }

    /// One statement: all that is there goes aside, all shadows take its place.
    fn swap(&mut self) -> Result<(), RestoreError> {
        let is_table = |name: &String| self.record.tables.iter().any(|table| &table.name == name);
        let objects = catalog::objects(&mut self.db, &self.record.scope);
        for object in objects.map_err(|source| self.failed(source))? {
            if object.kind == ObjectKind::View && is_table(&object.name) {
                self.statement(&format!("DROP VIEW {}", self.quoted(&object.name)?))?;
            }
        }
        let mut moves = Vec::new();
        for name in tables(&mut self.db, &self.record.scope).map_err(|source| self.failed(source))? {
            moves.push((name.clone(), self.shadows.old_name(&name)));
        }
        for table in &self.record.tables {
            moves.push((self.shadows.new_name(&table.name), table.name.clone()));
        }
        self.rename(&moves)
    }

    /// Takes back the foreign keys of other tables that went with those that
    /// were moved away.
    fn fetch_home(&mut self) -> Result<(), RestoreError> {
        let mut moves = Vec::new();
        for DumpedTable { name, .. } in &self.record.tables {
            let away = self.shadows.old_name(name);
            moves.extend([(name.clone(), away.clone()), (away, name.clone())]);
        }
        self.rename(&moves)
    }

    fn rename(&mut self, moves: &[(String, String)]) -> Result<(), RestoreError> {
        if moves.is_empty() {
            return Ok(());
        }
        let moves: Result<Vec<String>, RestoreError> = moves
            .iter()
            .map(|(from, to)| Ok(format!("{} TO {}", self.quoted(from)?, self.quoted(to)?)))
            .collect();
        self.statement(&format!("RENAME TABLE {}", moves?.join(", ")))
    }

    /// Drops the shadows of this scope, whoever left them.
    fn sweep(&mut self) -> Result<(), RestoreError> {
        let mut tables = self.db.tables().map_err(|source| self.failed(source))?;
        tables.retain(|table| table.is_base() && self.shadows.holds(&table.name));
        for table in tables {
            self.statement(&format!("DROP TABLE {}", self.quoted(&table.name)?))?;
        }
        Ok(())
    }

    /// Drops what the scope holds now and the record does not.
    fn drop_newer(&mut self) -> Result<(), RestoreError> {
        let (record, scope) = (self.record, &self.record.scope);
        let known = |object: &Object| record.objects.iter().any(|one| &one.object == object);
        let objects = catalog::objects(&mut self.db, scope).map_err(|source| self.failed(source))?;
        for object in objects.iter().filter(|object| !known(object)) {
            let word = object.kind.word();
            self.statement(&format!("DROP {word} IF EXISTS {}", self.quoted(&object.name)?))?;
        }
        for name in tables(&mut self.db, scope).map_err(|source| self.failed(source))? {
            if !record.tables.iter().any(|table| table.name == name) {
                self.statement(&format!("DROP TABLE IF EXISTS {}", self.quoted(&name)?))?;
            }
        }
        let now = self.db.text("SELECT @@collation_database").map_err(|source| self.failed(source))?;
        match (scope, &record.collation) {
            (Scope::All, Some(collation)) if now.as_ref() != Some(collation) => {
                self.statement(&format!("ALTER DATABASE COLLATE = {}", literal(collation)))
            }
            _ => Ok(()),
        }
    }

    /// Every change goes through here.
    fn statement(&mut self, statement: &str) -> Result<(), RestoreError> {
        let point = || {
            fault::point("restore.statement")
                .map_err(|source| IoError::new("restore from", self.path, source))
        };
        point()?;
        self.db.run(statement).map_err(|source| self.failed(source))?;
        Ok(point()?)
    }

    fn quoted(&self, name: &str) -> Result<String, RestoreError> {
        quoted(name).map_err(|source| self.failed(source))
    }

    fn failed(&self, source: DatabaseError) -> RestoreError {
        RestoreError::Database { address: self.address.to_string(), source }
    }

    /// The copy beside is not what it should be; what is there was not touched.
    fn differs(&self, what: &str) -> RestoreError {
        RestoreError::Unproved { address: self.address.to_string(), what: what.to_owned() }
    }
}

fn lacks_room(error: &RestoreError) -> bool {
    match error {
        RestoreError::Database { source, .. } => is_without_room(source),
        RestoreError::Io(error) => error.source.kind() == std::io::ErrorKind::StorageFull,
        _ => false,
    }
}

fn tables(db: &mut MySql, scope: &Scope) -> Result<Vec<String>, DatabaseError> {
    let tables = db.tables()?.into_iter().filter(|table| table.is_base() && scope.holds(&table.name));
    Ok(tables.map(|table| table.name).collect())
}

/// What the database holds now, seen by a new connection. Rows that were proved
/// beside are not read again: renaming a table changes none.
fn content(
    address: &MySqlAddress,
    record: &DumpRecord,
    place: Place,
) -> Result<(Vec<DumpedTable>, Vec<DumpedObject>), DatabaseError> {
    let mut db = MySql::connect(address)?;
    let mut found = Vec::new();
    for name in tables(&mut db, &record.scope)? {
        let proved = record.tables.iter().find(|table| table.name == name && place == Place::Beside);
        let sum = match proved.and_then(|table| Some((table.sum.rows, table.sum.sum.split_once('-')?.1))) {
            None => db.checksum(&name, None)?,
            Some((rows, sum)) => {
                let create = catalog::create_table(&mut db, &name)?;
                TableSum { rows, sum: format!("{}-{sum}", sum::definition_sum(&create)) }
            }
        };
        found.push(DumpedTable { name, sum });
    }
    let mut objects = Vec::new();
    for object in catalog::objects(&mut db, &record.scope)? {
        let sum = object_sum(&catalog::definition(&mut db, &object)?);
        objects.push(DumpedObject { object, sum });
    }
    Ok((found, objects))
}
