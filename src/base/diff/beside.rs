//! The same differences line beside line.

use similar::DiffOp;
use similar::DiffTag;
use similar::TextDiff;

use super::Ends;
use super::MAX_LINES;
use super::MAX_TIME;
use super::lines;

/// One row of two columns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Row {
    /// Lines that are the same in both are left out.
    Gap,
    Same {
        old: Cell,
        new: Cell,
    },
    /// At least one of both is there.
    Change {
        old: Option<Cell>,
        new: Option<Cell>,
    },
}

/// A line with its number, escaped already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cell {
    pub number: usize,
    pub text: String,
}

/// The rows of a comparison, and how many were cut off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rows {
    pub rows: Vec<Row>,
    pub cut: usize,
    /// How the lines end, before and after, where that differs.
    pub ends: Option<(&'static str, &'static str)>,
}

/// Both texts in two columns, with what stands around each difference.
pub fn beside(old: &[u8], new: &[u8]) -> Rows {
    let ends = [Ends::of(old), Ends::of(new)];
    let differ = ends[0] != ends[1] && !old.is_empty() && !new.is_empty();
    let (old, new) = (lines(old, ends[0]), lines(new, ends[1]));
    let old: Vec<&str> = old.lines().collect();
    let new: Vec<&str> = new.lines().collect();
    let diff = TextDiff::configure().timeout(MAX_TIME).diff_slices(&old, &new);
    let mut rows = Vec::new();
    for group in diff.grouped_ops(3) {
        if group.first().is_some_and(|op| op.old_range().start > 0 || op.new_range().start > 0) {
            rows.push(Row::Gap);
        }
        rows.extend(group.iter().flat_map(|op| of_op(op, &old, &new)));
    }
    let cut = rows.len().saturating_sub(MAX_LINES);
    rows.truncate(MAX_LINES);
    Rows { rows, cut, ends: differ.then(|| (ends[0].word(), ends[1].word())) }
}

fn of_op(op: &DiffOp, old: &[&str], new: &[&str]) -> Vec<Row> {
    let (tag, was, is) = op.as_tag_tuple();
    let cell = |lines: &[&str], at: usize| Cell { number: at + 1, text: lines[at].to_owned() };
    if tag == DiffTag::Equal {
        return was.zip(is).map(|(a, b)| Row::Same { old: cell(old, a), new: cell(new, b) }).collect();
    }
    let pairs = (0..was.len().max(is.len())).map(|at| (was.clone().nth(at), is.clone().nth(at)));
    pairs.map(|(a, b)| Row::Change { old: a.map(|a| cell(old, a)), new: b.map(|b| cell(new, b)) }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(old: &[u8], new: &[u8]) -> Vec<String> {
        let cell = |cell: &Option<Cell>| {
            cell.as_ref().map_or("-".into(), |cell| format!("{}:{}", cell.number, cell.text))
        };
        let row = |row: &Row| match row {
            Row::Gap => "…".into(),
            Row::Same { old, new } => format!("{}:{} = {}", old.number, old.text, new.number),
            Row::Change { old, new } => format!("{} | {}", cell(old), cell(new)),
        };
        beside(old, new).rows.iter().map(row).collect()
    }

    #[test]
    fn lines_stand_beside_those_that_take_their_place() {
        let (old, new) = (b"1\n2\n3\n4\n5\n6\n", b"1\n2\n3\n4\nfive\n5b\n6\n");
        let expected = ["…", "2:2 = 2", "3:3 = 3", "4:4 = 4", "5:5 | 5:five", "- | 6:5b", "6:6 = 7"];
        assert_eq!(told(old, new), expected);
        assert_eq!(told(b"", b"a\n"), ["- | 1:a"]);
        assert_eq!(told(b"a\n", b"a\n"), [""; 0]);
    }

    #[test]
    fn hostile_lines_are_escaped_and_long_ones_cut() {
        let rows = beside(b"a\r\nb\r\n", b"a\n\x1b[2Jb\n");
        assert_eq!(rows.ends, Some(("CRLF", "LF")));
        assert_eq!(told(b"", b"\x1b[2J\n"), ["- | 1:\\x1b[2J"]);
        let many: String = (0..20_000).map(|number| format!("{number}\n")).collect();
        let rows = beside(b"", many.as_bytes());
        assert_eq!((rows.rows.len(), rows.cut), (MAX_LINES, 20_000 - MAX_LINES));
    }
}
