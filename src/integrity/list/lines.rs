//! A text read line by line, so that its size does not matter.

use std::io::BufRead;
use std::io::Read;

use crate::integrity::list::ListError;
use crate::integrity::list::MAX_LINE;

/// The mark that some editors put in front of UTF-8.
const BOM: &[u8] = b"\xef\xbb\xbf";

pub(super) struct Lines<'r> {
    reader: &'r mut dyn BufRead,
    number: u64,
    line: Vec<u8>,
}

impl<'r> Lines<'r> {
    pub fn new(reader: &'r mut dyn BufRead) -> Lines<'r> {
        Lines { reader, number: 0, line: Vec::new() }
    }

    /// The next line without its end, with its number from 1.
    pub fn next(&mut self) -> Result<Option<(u64, &[u8])>, ListError> {
        self.line.clear();
        let mut bounded = Read::take(&mut *self.reader, MAX_LINE as u64 + 1);
        if bounded.read_until(b'\n', &mut self.line)? == 0 {
            return Ok(None);
        }
        self.number += 1;
        if self.line.len() > MAX_LINE {
            return Err(ListError::LongLine { line: self.number });
        }
        Ok(Some((self.number, plain(&self.line, self.number == 1))))
    }
}

fn plain(line: &[u8], is_first: bool) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    if is_first { without_mark(line) } else { line }
}

pub(super) fn without_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(BOM).unwrap_or(bytes)
}
