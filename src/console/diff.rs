//! A unified diff, line by line, each with what it is.

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
