//! Reads the file of a dump, piece by piece.

use std::collections::VecDeque;
use std::io;
use std::io::BufRead;
use std::io::BufReader;
use std::io::Read;
use std::path::Path;
use std::path::PathBuf;

use crate::base::digest::Algorithms;
use crate::base::digest::Hasher;
use crate::base::digest::Sha256;
use crate::database::dump::file::BUFFER_BYTES;
use crate::database::dump::file::Insert;
use crate::database::dump::file::OBJECTS;
use crate::database::dump::file::Piece;
use crate::database::dump::file::TABLE;
use crate::database::lexer::Dialect;
use crate::database::lexer::LexError;
use crate::database::lexer::Splitter;
use crate::sys::fs;
use crate::sys::fs::IoError;

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
