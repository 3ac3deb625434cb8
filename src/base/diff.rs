//! Unified diffs of what may be hostile: bounded in time and length, with
//! nothing in them that a terminal would obey.

mod beside;

pub use beside::Cell;
pub use beside::Row;
pub use beside::Rows;
pub use beside::beside;

use std::time::Duration;

use similar::TextDiff;

use crate::base::escape;

/// Files larger than this are told by size alone, in bytes.
pub const MAX_BYTES: u64 = 2 << 20;
/// Longer diffs are cut.
const MAX_LINES: usize = 5000;
const MAX_LINE_CHARS: usize = 2000;
/// Beyond it, a diff is right but may be longer than it had to be.
const MAX_TIME: Duration = Duration::from_secs(2);

/// Whether lines of it can be shown.
pub fn is_text(bytes: &[u8]) -> bool {
    bytes.len() as u64 <= MAX_BYTES && !bytes.contains(&0)
}

/// The diff of two texts, each named as given; escaped already.
pub fn unified(old_name: &str, new_name: &str, old: &[u8], new: &[u8]) -> String {
    let ends = [Ends::of(old), Ends::of(new)];
    let mut said = String::new();
    if ends[0] != ends[1] && !old.is_empty() && !new.is_empty() {
        let [old, new] = [ends[0].word(), ends[1].word()];
        said.push_str(&format!("# ends of lines: {old} before, {new} after\n"));
    }
    let (old, new) = (lines(old, ends[0]), lines(new, ends[1]));
    let mut differ = TextDiff::configure();
    let diff = differ.timeout(MAX_TIME).diff_lines(old.as_str(), new.as_str());
    let names = [old_name, new_name].map(escape::text);
    let text = diff.unified_diff().context_radius(3).header(&names[0], &names[1]).to_string();
    if text.is_empty() && said.is_empty() {
        return "# other bytes that look the same\n".into();
    }
    said + &cut(text)
}

fn cut(text: String) -> String {
    let more = text.lines().count().saturating_sub(MAX_LINES);
    if more == 0 {
        return text;
    }
    let mut shown: String = text.split_inclusive('\n').take(MAX_LINES).collect();
    shown.push_str(&format!("# … and {more} more lines\n"));
    shown
}

/// How the lines of a text end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ends {
    Unix,
    Windows,
    Mixed,
}

impl Ends {
    fn of(text: &[u8]) -> Ends {
        let all = text.iter().filter(|byte| **byte == b'\n').count();
        match text.windows(2).filter(|pair| pair == b"\r\n").count() {
            0 => Ends::Unix,
            windows if windows == all => Ends::Windows,
            _ => Ends::Mixed,
        }
    }

    fn word(self) -> &'static str {
        match self {
            Ends::Unix => "LF",
            Ends::Windows => "CRLF",
            Ends::Mixed => "mixed",
        }
    }
}

/// The lines, escaped but for tabs. What all ends have in common is not shown.
fn lines(text: &[u8], ends: Ends) -> String {
    let mut shown = String::with_capacity(text.len());
    for line in text.split_inclusive(|byte| *byte == b'\n') {
        let (line, end) = match line.strip_suffix(b"\n") {
            Some(line) if ends == Ends::Windows => (line.strip_suffix(b"\r").unwrap_or(line), "\n"),
            Some(line) => (line, "\n"),
            None => (line, ""),
        };
        let line = line.split(|byte| *byte == b'\t').map(escape::bytes).collect::<Vec<_>>().join("\t");
        match line.char_indices().nth(MAX_LINE_CHARS) {
            None => shown.push_str(&line),
            Some((at, _)) => {
                let more = line[at..].chars().count();
                shown.push_str(&format!("{}… and {more} more characters", &line[..at]));
            }
        }
        shown.push_str(end);
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    fn diff(old: &[u8], new: &[u8]) -> String {
        unified("a/x", "b/x", old, new)
    }

    #[test]
    fn lines_that_differ_are_shown_with_those_around_them() {
        let old = b"1\n2\n3\n4\n5\n6\n7\n8\n9";
        let new = b"1\n2\n3\n4\nfive\n6\n7\n8\n9";
        assert_eq!(diff(old, new), "--- a/x\n+++ b/x\n@@ -2,7 +2,7 @@\n 2\n 3\n 4\n-5\n+five\n 6\n 7\n 8\n");
    }

    #[test]
    fn nothing_in_it_moves_a_terminal() {
        let shown = unified("a/\u{1b}[2J", "b/x", b"plain\n", b"\x1b[31mred\x9b\ttab\n");
        assert_eq!(shown, "--- a/\\x1b[2J\n+++ b/x\n@@ -1 +1 @@\n-plain\n+\\x1b[31mred\\x9b\ttab\n");
    }

    #[test]
    fn ends_of_lines_are_told_once() {
        assert_eq!(diff(b"1\n2\n", b"1\r\n2\r\n"), "# ends of lines: LF before, CRLF after\n");
        let mixed = diff(b"1\n2\n", b"1\r\n2\n");
        assert!(mixed.starts_with("# ends of lines: LF before, mixed after\n") && mixed.contains("+1\\r\n"));
        assert_eq!(diff(b"1\r\n2\r\n", b"1\r\n3\r\n"), "--- a/x\n+++ b/x\n@@ -1,2 +1,2 @@\n 1\n-2\n+3\n");
    }

    #[test]
    fn bytes_that_look_alike_are_told() {
        assert_eq!(diff(b"caf\xe9", b"caf\\xe9"), "# other bytes that look the same\n");
    }

    #[test]
    fn what_is_long_is_cut() {
        let old: String = (0..20_000).map(|number| format!("{number}\n")).collect();
        let new = old.replace('\n', "x\n");
        let shown = diff(old.as_bytes(), new.as_bytes());
        assert!(shown.ends_with("more lines\n") && shown.lines().count() == MAX_LINES + 1);
        let shown = diff(&[b'a'; 100_000], b"b");
        assert!(shown.contains("… and 98000 more characters") && shown.len() < 3000, "{}", shown.len());
    }
}
