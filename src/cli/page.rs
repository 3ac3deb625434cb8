//! The parts that answers are written with.

use crate::base::escape;
use crate::cli::output::Manner;
use crate::cli::output::Paint;

/// Lines of a list that are shown before the rest is only counted.
pub const SHOWN: usize = 12;

/// Lines that grow.
pub struct Page<'a>(String, &'a Manner);

impl<'a> Page<'a> {
    pub fn new(manner: &'a Manner) -> Page<'a> {
        Page(String::new(), manner)
    }

    pub fn line(&mut self, line: &str) {
        self.0.push_str(line);
        self.0.push('\n');
    }

    pub fn into_text(self) -> String {
        self.0
    }

    /// A name and a text from anywhere.
    pub fn row(&mut self, name: &str, value: &str) {
        self.raw_row(name, &escape::text(value));
    }

    /// A name and a text of our own making, colours included.
    pub fn raw_row(&mut self, name: &str, value: &str) {
        self.line(format!("  {name:<11} {value}").trim_end());
    }

    pub fn list(&mut self, name: &str, rows: &[String]) {
        self.some(name, rows, SHOWN);
    }

    pub fn whole_list(&mut self, name: &str, rows: &[String]) {
        self.some(name, rows, rows.len());
    }

    fn some(&mut self, name: &str, rows: &[String], shown: usize) {
        if rows.is_empty() {
            return;
        }
        self.line(&format!("  {} ({})", self.1.paint(Paint::Bold, name), rows.len()));
        for row in rows.iter().take(shown) {
            self.line(&format!("    {}", escape::text(row)));
        }
        if rows.len() > shown {
            self.line(&format!("    … and {} more", rows.len() - shown));
        }
    }

    pub fn notes(&mut self, notes: &[String]) {
        for note in notes {
            self.line(&format!("  {} {}", self.1.paint(Paint::Yellow, "note:"), escape::text(note)));
        }
    }

    pub fn next(&mut self, command: &str, why: &str) {
        self.line(&format!("  next: {}  ({why})", self.1.paint(Paint::Cyan, command)));
    }
}

/// A size for people, in binary units.
pub fn bytes(size: u64) -> String {
    let units = ["KiB", "MiB", "GiB", "TiB"];
    if size < 1024 {
        return format!("{size} B");
    }
    let mut value = size as f64 / 1024.0;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < units.len() {
        value /= 1024.0;
        unit += 1;
    }
    format!("{value:.1} {}", units[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_for_people() {
        for (size, text) in
            [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (1 << 30, "1.0 GiB"), (1 << 50, "1024.0 TiB")]
        {
            assert_eq!(bytes(size), text);
        }
    }
}
