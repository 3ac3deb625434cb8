//! What is told: one thing that happened.

use serde::Deserialize;
use serde::Serialize;

use crate::base::escape;
pub use crate::site::settings::NoticeKind as Kind;

/// Lines of a log's end that are sent, and the longest of them.
const LOG_LINES: usize = 40;
const LINE_LENGTH: usize = 500;
/// Lines of a plan that are sent.
const PLAN_LINES: usize = 400;
/// Longest sentence, and most entries of a list.
const SENTENCE: usize = 2_000;
const ENTRIES: usize = 200;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    pub kind: Kind,
    pub run: Option<String>,
    /// The versions before and after, where there are any.
    pub from: Option<String>,
    pub to: Option<String>,
    /// What happened, in one sentence.
    pub what: String,
    /// Causes, checks, lines of a plan.
    pub details: Vec<String>,
    /// The end of the log.
    pub log: String,
    /// The plan as text, where it waits for a person.
    pub plan: Option<String>,
    /// What to do next.
    pub next: Vec<String>,
    /// What makes it the same thing when it happens again.
    pub key: String,
}

impl Notice {
    /// The bare sentence; `key` is what makes it the same thing.
    pub fn new(kind: Kind, what: impl Into<String>, key: impl Into<String>) -> Notice {
        Notice {
            kind,
            run: None,
            from: None,
            to: None,
            what: what.into(),
            details: Vec::new(),
            log: String::new(),
            plan: None,
            next: Vec::new(),
            key: key.into(),
        }
    }

    /// The same, made safe to show and of bounded size. Done twice it changes nothing more.
    #[must_use]
    pub fn clean(&self) -> Notice {
        let line = |text: &str| shortened(&escape::text(text.trim()), SENTENCE);
        let lines = |list: &[String]| list.iter().take(ENTRIES).map(|text| line(text)).collect();
        Notice {
            kind: self.kind,
            run: self.run.as_deref().map(line),
            from: self.from.as_deref().map(line),
            to: self.to.as_deref().map(line),
            what: line(&self.what),
            details: lines(&self.details),
            log: last_lines(&self.log),
            plan: self.plan.as_deref().map(first_lines),
            next: lines(&self.next),
            key: line(&self.key),
        }
    }
}

fn shortened(text: &str, limit: usize) -> String {
    match text.char_indices().nth(limit) {
        Some((at, _)) if !text[at..].starts_with('…') => format!("{}…", &text[..at]),
        _ => text.to_owned(),
    }
}

fn last_lines(log: &str) -> String {
    let safe = escape::block(log.trim_end());
    let lines: Vec<&str> = safe.lines().collect();
    let kept = &lines[lines.len().saturating_sub(LOG_LINES)..];
    kept.iter().map(|line| shortened(line, LINE_LENGTH)).collect::<Vec<_>>().join("\n")
}

fn first_lines(plan: &str) -> String {
    let safe = escape::block(plan.trim_end());
    let mut kept: Vec<String> =
        safe.lines().take(PLAN_LINES).map(|line| shortened(line, LINE_LENGTH)).collect();
    if safe.lines().nth(PLAN_LINES).is_some() {
        kept.push("…".into());
    }
    kept.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clean_notice_is_safe_to_show_bounded_and_stays_as_it_is() {
        let mut raw = Notice::new(Kind::Failed, "a\r\nBcc: x@y\x1b[31m \u{202e}z", "k\n");
        raw.to = Some("7.1\r\nX-Evil: 1".into());
        raw.log = (0..100).map(|number| format!("line {number}\x07\n")).collect();
        raw.plan = Some("+ a.php\n".repeat(1000));
        raw.details = vec!["x".repeat(9999); 999];
        let clean = raw.clean();
        assert_eq!(clean.what, "a\\r\\nBcc: x@y\\x1b[31m \\u{202e}z");
        assert_eq!(clean.to.as_deref(), Some("7.1\\r\\nX-Evil: 1"));
        assert_eq!(clean.log.lines().count(), LOG_LINES);
        assert!(clean.log.starts_with("line 60\\x07\n") && clean.log.ends_with("line 99\\x07"));
        assert_eq!(clean.plan.as_ref().unwrap().lines().count(), PLAN_LINES + 1);
        assert_eq!((clean.details.len(), clean.details[0].chars().count()), (ENTRIES, SENTENCE + 1));
        assert_eq!(clean.clean(), clean);
    }
}
