//! A unified diff, line by line, each with what it is.

use askama::Template;

use crate::console::filters;
use crate::console::frame::Frame;

/// How one file differs, and where the way back leads.
#[derive(Template)]
#[template(path = "lines.html")]
pub struct LinesPage {
    pub frame: Frame,
    pub path: String,
    /// `None`: there is nothing at hand to compare; then `missing` says so.
    pub lines: Option<Vec<Line>>,
    pub missing: String,
    pub back: String,
    pub back_to: String,
}

/// One line; `class` is of the style sheet.
pub struct Line {
    pub class: &'static str,
    pub text: String,
}

/// The text is escaped already: `base::diff` shows nothing that is obeyed.
pub fn lines(diff: &str) -> Vec<Line> {
    diff.lines().map(|text| Line { class: class(text), text: text.to_owned() }).collect()
}

fn class(line: &str) -> &'static str {
    match line.as_bytes().first() {
        _ if line.starts_with("+++") || line.starts_with("---") || line.starts_with("@@") => "faint",
        Some(b'+') => "added",
        Some(b'-') => "removed",
        Some(b'#') => "faint",
        _ => "same",
    }
}
