//! Cuts SQL text into statements, as the `mysql` client and SQLite do.
//!
//! It knows quotes, escapes and comments, the client's `DELIMITER` lines
//! (MySQL) and the bodies of `CREATE TRIGGER … BEGIN … END` (SQLite); nothing
//! else of the language. MySQL text is read as in the default `sql_mode`, that
//! is with backslash escapes.

#[cfg(test)]
mod tests;
pub mod tokens;

use crate::base::exit::Fault;

/// Whose SQL it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    MySql,
    Sqlite,
}

/// One statement without its delimiter and without the comments before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    pub text: String,
    /// Where it begins, counted from 1.
    pub line: usize,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LexError {
    #[error("line {line}: this {what} is never closed")]
    Unclosed { what: &'static str, line: usize },
    #[error("line {line}: DELIMITER needs a delimiter without a backslash or a quote")]
    Delimiter { line: usize },
}

impl Fault for LexError {}

/// All statements of a text; nothing for comments alone.
pub fn split(sql: &str, dialect: Dialect) -> Result<Vec<Statement>, LexError> {
    let mut splitter = Splitter::new(dialect);
    let mut statements = Vec::new();
    for line in sql.split_inclusive('\n') {
        statements.extend(splitter.feed(line)?);
    }
    statements.extend(splitter.finish()?);
    Ok(statements)
}

/// Whether one MySQL statement may hold `;`: the body of a routine, trigger or event.
pub fn is_compound(statement: &str) -> bool {
    let mut words = statement
        .split(|c: char| !c.is_alphanumeric() && c != '_')
        .filter(|word| !word.is_empty() && !word.starts_with(|c: char| c.is_ascii_digit()))
        .map(str::to_ascii_uppercase);
    match words.next().as_deref() {
        Some("CREATE" | "ALTER") => words
            .take(12)
            .any(|word| matches!(word.as_str(), "PROCEDURE" | "FUNCTION" | "TRIGGER" | "EVENT" | "PACKAGE")),
        Some("BEGIN") => words.next().as_deref() == Some("NOT"),
        _ => false,
    }
}

/// Cuts a text that comes line by line, so that a dump need not fit in memory.
pub struct Splitter {
    dialect: Dialect,
    delimiter: String,
    line: usize,
    /// The statement so far; empty until its first word.
    text: String,
    started: usize,
    inside: Inside,
    opened: usize,
    /// Within `/*! … */`, which the server executes.
    executable: bool,
    trigger: Trigger,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Inside {
    Nothing,
    /// A quoted text or name that ends with this character.
    Quotes(char),
    Comment,
}

impl Splitter {
    pub fn new(dialect: Dialect) -> Splitter {
        Splitter {
            dialect,
            delimiter: ";".into(),
            line: 0,
            text: String::new(),
            started: 0,
            inside: Inside::Nothing,
            opened: 0,
            executable: false,
            trigger: Trigger::default(),
        }
    }

    /// Takes the next line, with its line end, and gives the statements that
    /// end in it.
    pub fn feed(&mut self, line: &str) -> Result<Vec<Statement>, LexError> {
        self.line += 1;
        let mut rest = if self.line == 1 { line.strip_prefix('\u{feff}').unwrap_or(line) } else { line };
        let mut done = Vec::new();
        if self.takes_delimiter(rest)? {
            return Ok(done);
        }
        while !rest.is_empty() {
            let taken = match self.inside {
                Inside::Quotes(quote) => self.quoted(rest, quote),
                Inside::Comment => self.comment(rest),
                Inside::Nothing if self.ends_with(rest) => {
                    done.extend(self.take());
                    self.delimiter.len()
                }
                Inside::Nothing => self.code(rest),
            };
            rest = &rest[taken..];
        }
        Ok(done)
    }

    /// Whether no statement has begun that has not ended.
    pub fn is_between(&self) -> bool {
        self.inside == Inside::Nothing && self.text.is_empty()
    }

    /// The last statement, which needs no delimiter.
    pub fn finish(mut self) -> Result<Option<Statement>, LexError> {
        let unclosed = match self.inside {
            Inside::Quotes(_) => Some("quote"),
            Inside::Comment => Some("comment"),
            Inside::Nothing if self.executable => Some("comment"),
            Inside::Nothing => None,
        };
        match unclosed {
            Some(what) => Err(LexError::Unclosed { what, line: self.opened }),
            None if self.trigger.is_open() => {
                Err(LexError::Unclosed { what: "trigger body", line: self.started })
            }
            None => Ok(self.take()),
        }
    }

    /// Obeys the client's command `DELIMITER`, which stands alone on its line.
    fn takes_delimiter(&mut self, line: &str) -> Result<bool, LexError> {
        if self.dialect != Dialect::MySql || self.inside != Inside::Nothing || !self.text.is_empty() {
            return Ok(false);
        }
        let (word, rest) = line.trim().split_once(char::is_whitespace).unwrap_or((line.trim(), ""));
        if !word.eq_ignore_ascii_case("delimiter") {
            return Ok(false);
        }
        match rest.split_whitespace().next() {
            Some(delimiter) if !delimiter.contains(['\\', '\'', '"', '`']) => {
                self.delimiter = delimiter.to_owned();
                Ok(true)
            }
            _ => Err(LexError::Delimiter { line: self.line }),
        }
    }

    fn ends_with(&self, rest: &str) -> bool {
        if self.executable || !rest.starts_with(&self.delimiter) {
            return false;
        }
        self.dialect == Dialect::MySql || self.trigger.semicolon_ends()
    }

    fn take(&mut self) -> Option<Statement> {
        self.trigger = Trigger::default();
        let mut text = std::mem::take(&mut self.text);
        text.truncate(text.trim_end().len());
        (!text.is_empty()).then_some(Statement { text, line: self.started })
    }

    fn push(&mut self, piece: &str) {
        if self.text.is_empty() {
            self.started = self.line;
        }
        self.text.push_str(piece);
    }

    /// Keeps a comment that stands within a statement, for the server's logs.
    fn push_comment(&mut self, piece: &str) {
        if !self.text.is_empty() {
            self.text.push_str(piece);
        }
    }

    /// Reads up to the closing quote; a doubled quote closes and opens again,
    /// which comes to the same.
    fn quoted(&mut self, rest: &str, quote: char) -> usize {
        let escapes = self.dialect == Dialect::MySql && quote != '`';
        let Some(at) = rest.find(|c| c == quote || (escapes && c == '\\')) else {
            self.text.push_str(rest);
            return rest.len();
        };
        let mut taken = at + 1;
        if rest[at..].starts_with('\\') {
            taken += rest[taken..].chars().next().map_or(0, char::len_utf8);
        } else {
            self.inside = Inside::Nothing;
        }
        self.text.push_str(&rest[..taken]);
        taken
    }

    fn comment(&mut self, rest: &str) -> usize {
        let end = rest.find("*/");
        let taken = end.map_or(rest.len(), |at| at + 2);
        if end.is_some() {
            self.inside = Inside::Nothing;
        }
        self.push_comment(&rest[..taken]);
        taken
    }

    /// Reads one piece outside quotes and comments, at least one character.
    fn code(&mut self, rest: &str) -> usize {
        if is_line_comment(rest, self.dialect) {
            self.push_comment(rest);
            return rest.len();
        }
        if rest.starts_with("/*") {
            return self.open_comment(rest);
        }
        if self.executable && rest.starts_with("*/") {
            self.executable = false;
            self.push("*/");
            return 2;
        }
        let Some(first) = rest.chars().next() else { return 0 };
        if let Some(closing) = closing_quote(first, self.dialect) {
            self.trigger.other();
            self.push(&rest[..1]);
            (self.inside, self.opened) = (Inside::Quotes(closing), self.line);
            return 1;
        }
        let taken = self.plain(rest, first);
        let piece = &rest[..taken];
        if !self.text.is_empty() || !first.is_whitespace() {
            self.push(piece);
        }
        if self.dialect == Dialect::Sqlite {
            self.trigger.read(piece);
        }
        taken
    }

    fn open_comment(&mut self, rest: &str) -> usize {
        self.opened = self.line;
        let mysql = self.dialect == Dialect::MySql;
        let taken = if rest.starts_with("/*M!") { 4 } else { 3 };
        if mysql && (rest.starts_with("/*!") || taken == 4) {
            self.executable = true;
            self.push(&rest[..taken]);
            return taken;
        }
        self.inside = Inside::Comment;
        self.push_comment("/*");
        2
    }

    /// The length of a run in which nothing else can begin: all white space,
    /// or none.
    fn plain(&self, rest: &str, first: char) -> usize {
        let delimiter = self.delimiter.chars().next().unwrap_or(';');
        let white = first.is_whitespace();
        rest.char_indices()
            .skip(1)
            .find(|&(_, c)| {
                c.is_whitespace() != white
                    || c == delimiter
                    || matches!(c, '\'' | '"' | '`' | '[' | '-' | '#' | '/' | '*' | ';')
            })
            .map_or(rest.len(), |(at, _)| at)
    }
}

fn is_line_comment(rest: &str, dialect: Dialect) -> bool {
    match dialect {
        Dialect::Sqlite => rest.starts_with("--"),
        // MySQL wants white space behind the dashes: `5--1` is a number.
        Dialect::MySql => {
            let dashes = rest.strip_prefix("--").map(|after| after.chars().next());
            rest.starts_with('#') || dashes.is_some_and(|next| next.is_none_or(is_blank))
        }
    }
}

fn is_blank(c: char) -> bool {
    c.is_whitespace() || c.is_control()
}

fn closing_quote(first: char, dialect: Dialect) -> Option<char> {
    match first {
        '\'' | '"' | '`' => Some(first),
        '[' if dialect == Dialect::Sqlite => Some(']'),
        _ => None,
    }
}

/// Knows where a SQLite trigger ends: at `; END ;`, as `sqlite3_complete` has it.
#[derive(Default)]
struct Trigger {
    words: usize,
    created: bool,
    is_trigger: bool,
    last: Last,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Last {
    #[default]
    Other,
    Semicolon,
    /// `END` right behind a semicolon.
    End,
}

impl Trigger {
    fn read(&mut self, piece: &str) {
        let is_word = |c: char| c.is_alphanumeric() || c == '_';
        let mut rest = piece;
        while let Some(first) = rest.chars().next() {
            let taken = match is_word(first) {
                true => rest.find(|c| !is_word(c)).unwrap_or(rest.len()),
                false => first.len_utf8(),
            };
            match first {
                c if is_word(c) => self.word(&rest[..taken]),
                ';' => self.last = Last::Semicolon,
                c if c.is_whitespace() => {}
                _ => self.other(),
            }
            rest = &rest[taken..];
        }
    }

    fn word(&mut self, word: &str) {
        if word.is_empty() {
            return;
        }
        self.words += 1;
        let is = |name: &str| word.eq_ignore_ascii_case(name);
        match self.words {
            1 => self.created = is("create"),
            2 | 3 if self.created && is("trigger") => self.is_trigger = true,
            _ => {}
        }
        self.last = if self.last == Last::Semicolon && is("end") { Last::End } else { Last::Other };
    }

    fn other(&mut self) {
        self.last = Last::Other;
    }

    fn semicolon_ends(&self) -> bool {
        !self.is_trigger || self.last == Last::End
    }

    /// Within a body that has not come to its end.
    fn is_open(&self) -> bool {
        self.is_trigger && self.last == Last::Semicolon
    }
}
