//! The file of a MySQL dump: SQL text, compressed by zstd.
//!
//! Everything outside rows is cut into statements as the `mysql` client does
//! it; rows stand one a line, since a written value holds no line end.

use std::collections::VecDeque;
use std::io;
use std::io::BufRead;
use std::io::BufReader;
use std::io::Read;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;
use std::sync::mpsc;
use std::sync::mpsc::Receiver;
use std::sync::mpsc::SyncSender;
use std::thread::JoinHandle;

use crate::base::digest::Algorithms;
use crate::base::digest::Hasher;
use crate::base::digest::Sha256;
use crate::database::lexer::Dialect;
use crate::database::lexer::LexError;
use crate::database::lexer::Splitter;
use crate::database::mysql::sum::RowSum;
use crate::sys::fs;
use crate::sys::fs::IoError;

/// Higher levels take longer than the server takes to send the rows.
const LEVEL: i32 = 1;
/// How much is written before the disk is told to begin.
const SYNC_BYTES: u64 = 1 << 24;
const BUFFER_BYTES: usize = 1 << 18;

/// How many pieces wait for the thread that compresses; each may be a row as long
/// as the server takes.
const PARCELS: usize = 2;

/// The line before each table; its number, from 0, follows.
const TABLE: &str = "-- table ";
/// The line before everything that is no table.
pub(super) const OBJECTS: &str = "-- objects\n";

pub(super) fn table_line(number: usize) -> String {
    format!("{TABLE}{number}\n")
}

/// The file being written. A thread of its own sums the rows, compresses (on
/// further threads) and writes, while the caller reads what is next.
pub(super) struct Output {
    parcels: SyncSender<Parcel>,
    press: JoinHandle<Result<Written, IoError>>,
    /// Bytes of text so far.
    pub text_bytes: u64,
}

enum Parcel {
    Text(Vec<u8>),
    Rows(Insert),
    /// All rows of a table have been put.
    EndOfTable,
}

/// What the file came to be.
pub(super) struct Written {
    pub sha256: Sha256,
    pub bytes: u64,
    /// The sum of each table's rows.
    pub sums: Vec<RowSum>,
}

impl Output {
    pub fn create(path: &Path, threads: u32) -> Result<Output, IoError> {
        let press = Press::create(path, threads)?;
        let (parcels, arriving) = mpsc::sync_channel(PARCELS);
        Ok(Output { parcels, press: std::thread::spawn(move || press.run(arriving)), text_bytes: 0 })
    }

    /// Nothing where the thread has ended; [`Output::finish`] says why.
    pub fn put(&mut self, text: String) -> Option<()> {
        self.text_bytes += text.len() as u64;
        self.parcels.send(Parcel::Text(text.into_bytes())).ok()
    }

    pub fn put_rows(&mut self, mut insert: Insert) -> Option<()> {
        insert.close();
        self.text_bytes += insert.text.len() as u64;
        self.parcels.send(Parcel::Rows(insert)).ok()
    }

    pub fn end_table(&mut self) -> Option<()> {
        self.parcels.send(Parcel::EndOfTable).ok()
    }

    /// Brings all of it to the disk.
    pub fn finish(self) -> Result<Written, IoError> {
        drop(self.parcels);
        self.press.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }
}

struct Press {
    compressor: zstd::stream::write::Encoder<'static, Disk>,
    path: PathBuf,
    sum: RowSum,
    sums: Vec<RowSum>,
}

impl Press {
    fn create(path: &Path, threads: u32) -> Result<Press, IoError> {
        let file = fs::create(path)?;
        let syncer = Syncer::start(&file).map_err(|source| IoError::new("sync", path, source))?;
        let disk = Disk { file, syncer, hasher: Hasher::new(Algorithms::Sha256), bytes: 0 };
        let begun = zstd::stream::write::Encoder::new(disk, LEVEL).and_then(|mut compressor| {
            compressor.include_checksum(true)?;
            compressor.multithread(threads)?;
            Ok(compressor)
        });
        let compressor = begun.map_err(|source| IoError::new("compress into", path, source))?;
        Ok(Press { compressor, path: path.to_owned(), sum: RowSum::default(), sums: Vec::new() })
    }

    fn run(mut self, arriving: Receiver<Parcel>) -> Result<Written, IoError> {
        for parcel in arriving {
            match parcel {
                Parcel::Text(text) => self.put(&text)?,
                Parcel::Rows(insert) => {
                    insert.rows().for_each(|row| self.sum.add(row));
                    self.put(&insert.text)?;
                }
                Parcel::EndOfTable => {
                    let sum = std::mem::take(&mut self.sum);
                    self.put(format!("-- {} rows, sum {}\n", sum.rows, sum.text()).as_bytes())?;
                    self.sums.push(sum);
                }
            }
        }
        let disk = self.compressor.finish().map_err(|source| IoError::new("write", &self.path, source))?;
        fs::sync_file(&disk.file, &self.path)?;
        Ok(Written { sha256: disk.hasher.finish().0, bytes: disk.bytes, sums: self.sums })
    }

    fn put(&mut self, text: &[u8]) -> Result<(), IoError> {
        self.compressor.write_all(text).map_err(|source| IoError::new("write", &self.path, source))
    }
}

/// What goes to the disk is hashed on the way.
struct Disk {
    file: std::fs::File,
    syncer: Syncer,
    hasher: Hasher,
    bytes: u64,
}

impl Write for Disk {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.file.write(bytes)?;
        self.hasher.update(&bytes[..count]);
        self.bytes += count as u64;
        if self.bytes / SYNC_BYTES > (self.bytes - count as u64) / SYNC_BYTES {
            self.syncer.sync();
        }
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Brings what is written to the disk while more is made, so that the sync at
/// the end, which is the one that counts, has little left to wait for.
struct Syncer {
    wanted: SyncSender<()>,
}

impl Syncer {
    fn start(file: &std::fs::File) -> io::Result<Syncer> {
        let file = file.try_clone()?;
        let (wanted, wishes) = mpsc::sync_channel(1);
        std::thread::spawn(move || {
            // An error shows again at the end.
            wishes.iter().for_each(|()| drop(file.sync_data()));
        });
        Ok(Syncer { wanted })
    }

    /// Where it is still busy, it need not be told.
    fn sync(&self) {
        let _ = self.wanted.try_send(());
    }
}

/// One piece of a dump, in the order of the file.
pub(super) enum Piece {
    /// The next pieces make the table with this number.
    Table(usize),
    /// The next pieces make views, routines, triggers and events.
    Objects,
    Statement(String),
    Rows(Insert),
}

/// One INSERT.
pub(super) struct Insert {
    pub text: Vec<u8>,
    /// Where in the text the first row begins, and where each one's line ends.
    marks: Vec<usize>,
}

impl Insert {
    /// Without a row yet.
    pub fn new(head: &[u8]) -> Insert {
        let mut text = Vec::with_capacity(head.len() + BUFFER_BYTES);
        text.extend_from_slice(head);
        Insert { marks: vec![text.len()], text }
    }

    /// Ends the row that has been written to the text.
    pub fn end_row(&mut self) {
        self.text.extend_from_slice(b",\n");
        self.marks.push(self.text.len());
    }

    /// Takes away the row that has been begun, which begins another INSERT.
    pub fn split(&mut self) -> Insert {
        let (head, end) = (self.marks[0], self.marks[self.marks.len() - 1]);
        let mut next = Insert::new(&self.text[..head]);
        next.text.extend_from_slice(&self.text[end..]);
        self.text.truncate(end);
        next
    }

    /// How long the row is that has been begun.
    pub fn begun(&self) -> usize {
        self.text.len() - self.marks[self.marks.len() - 1]
    }

    pub fn count(&self) -> u64 {
        self.marks.len() as u64 - 1
    }

    /// Ends the statement behind its last row.
    pub fn close(&mut self) {
        self.text.truncate(self.text.len() - 2);
        self.text.extend_from_slice(b";\n");
    }

    /// The rows, each as the dump has it.
    pub fn rows(&self) -> impl Iterator<Item = &[u8]> {
        // Behind a row stand `,` or `;` and the line end.
        self.marks.windows(2).map(|ends| &self.text[ends[0]..ends[1].saturating_sub(2).max(ends[0])])
    }
}

#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    #[error(transparent)]
    Io(#[from] IoError),
    #[error("failed to decompress {}", fs::shown(.path))]
    Compressed {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("failed to read the dump: it is not UTF-8")]
    Text,
    #[error("failed to read the dump")]
    Lex(#[source] LexError),
}

/// The file being read, piece by piece; memory stays small.
pub(super) struct Reader {
    lines: BufReader<zstd::stream::read::Decoder<'static, BufReader<Hashed>>>,
    path: PathBuf,
    splitter: Splitter,
    waiting: VecDeque<String>,
    line: Vec<u8>,
    /// The last line that was no row.
    pub last: String,
    /// Bytes of text so far.
    pub text_bytes: u64,
    /// Behind the tables.
    in_objects: bool,
}

impl Reader {
    pub fn open(path: &Path) -> Result<Reader, ReadError> {
        let hashed = Hashed { file: fs::open(path)?, hasher: Hasher::new(Algorithms::Sha256) };
        let decoder =
            zstd::stream::read::Decoder::with_buffer(BufReader::with_capacity(BUFFER_BYTES, hashed))
                .map_err(|source| IoError::new("read", path, source))?;
        Ok(Reader {
            lines: BufReader::with_capacity(BUFFER_BYTES, decoder),
            path: path.to_owned(),
            splitter: Splitter::new(Dialect::MySql),
            waiting: VecDeque::new(),
            line: Vec::new(),
            last: String::new(),
            text_bytes: 0,
            in_objects: false,
        })
    }

    pub fn next(&mut self) -> Result<Option<Piece>, ReadError> {
        loop {
            if let Some(statement) = self.waiting.pop_front() {
                return Ok(Some(Piece::Statement(statement)));
            }
            if !self.read_line()? {
                return Ok(None);
            }
            if self.splitter.is_between() && !self.in_objects {
                if let Some(mark) = self.mark() {
                    return Ok(Some(mark));
                }
                if self.line.starts_with(b"INSERT INTO `") {
                    return self.insert().map(|insert| Some(Piece::Rows(insert)));
                }
            }
            let line = std::str::from_utf8(&self.line).map_err(|_| ReadError::Text)?;
            line.clone_into(&mut self.last);
            let statements = self.splitter.feed(line).map_err(ReadError::Lex)?;
            self.waiting.extend(statements.into_iter().map(|statement| statement.text));
        }
    }

    /// The digest of the whole file, once there is no further piece.
    pub fn digest(self) -> Result<Sha256, ReadError> {
        self.splitter.finish().map_err(ReadError::Lex)?;
        Ok(self.lines.into_inner().finish().into_inner().hasher.finish().0)
    }

    fn mark(&mut self) -> Option<Piece> {
        if self.line == OBJECTS.as_bytes() {
            self.in_objects = true;
            return Some(Piece::Objects);
        }
        let number = self.line.strip_prefix(TABLE.as_bytes())?.strip_suffix(b"\n")?;
        Some(Piece::Table(std::str::from_utf8(number).ok()?.parse().ok()?))
    }

    /// Reads on to the end of the INSERT whose first line was read.
    fn insert(&mut self) -> Result<Insert, ReadError> {
        let mut text = std::mem::take(&mut self.line);
        // Names may hold line ends, and a quote within a name is doubled.
        while !(text.ends_with(b") VALUES\n") && is_even(&text)) && self.read_line()? {
            text.extend_from_slice(&self.line);
        }
        let mut marks = vec![text.len()];
        while !text[marks[0]..].ends_with(b");\n") && self.read_line()? {
            text.extend_from_slice(&self.line);
            marks.push(text.len());
        }
        Ok(Insert { text, marks })
    }

    fn read_line(&mut self) -> Result<bool, ReadError> {
        let mut line = std::mem::take(&mut self.line);
        line.clear();
        let read = self.lines.read_until(b'\n', &mut line);
        let count = read.map_err(|source| match source.raw_os_error() {
            Some(_) => ReadError::Io(IoError::new("read", &self.path, source)),
            None => ReadError::Compressed { path: self.path.clone(), source },
        })?;
        self.text_bytes += count as u64;
        self.line = line;
        Ok(count > 0)
    }
}

fn is_even(head: &[u8]) -> bool {
    head.iter().filter(|&&byte| byte == b'`').count() % 2 == 0
}

/// What comes from the disk is hashed on the way.
struct Hashed {
    file: std::fs::File,
    hasher: Hasher,
}

impl Read for Hashed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(buffer)?;
        self.hasher.update(&buffer[..count]);
        Ok(count)
    }
}
