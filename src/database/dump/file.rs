//! The file of a MySQL dump: SQL text, compressed by zstd.
//!
//! Everything outside rows is cut into statements as the `mysql` client does
//! it; rows stand one a line, since a written value holds no line end.

pub(super) const BUFFER_BYTES: usize = 1 << 18;

/// The line before each table; its number, from 0, follows.
pub(super) const TABLE: &str = "-- table ";
/// The line before everything that is no table.
pub(super) const OBJECTS: &str = "-- objects\n";

pub(super) fn table_line(number: usize) -> String {
    format!("{TABLE}{number}\n")
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
    pub marks: Vec<usize>,
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
