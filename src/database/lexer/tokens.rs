//! The words, names, texts, numbers and marks of SQL, each with its place.

use std::borrow::Cow;

use super::Dialect;
use super::LexError;
use super::closing_quote;
use super::is_line_comment;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Word,
    /// A name in quotes.
    Name,
    /// A text in quotes.
    Text,
    Number,
    /// One character that is nothing else.
    Mark,
    Comment,
    /// `/*! … */`, which MySQL executes.
    Executable,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token<'t> {
    pub kind: Kind,
    /// As it is written.
    pub text: &'t str,
    /// Where it begins, in bytes.
    pub at: usize,
    /// Counted from 1.
    pub line: usize,
}

impl Token<'_> {
    pub fn is_word(&self, word: &str) -> bool {
        self.kind == Kind::Word && self.text.eq_ignore_ascii_case(word)
    }

    pub fn is_mark(&self, mark: char) -> bool {
        self.kind == Kind::Mark && self.text.starts_with(mark)
    }

    pub fn end(&self) -> usize {
        self.at + self.text.len()
    }

    /// The name that it is, without its quotes.
    pub fn name(&self) -> Option<Cow<'_, str>> {
        match self.kind {
            Kind::Word => Some(Cow::Borrowed(self.text)),
            Kind::Name if self.text.starts_with('[') => Some(Cow::Borrowed(self.inner())),
            Kind::Name => {
                let quote = &self.text[..1];
                Some(Cow::Owned(self.inner().replace(&quote.repeat(2), quote)))
            }
            _ => None,
        }
    }

    /// What stands between its quotes.
    pub fn inner(&self) -> &str {
        self.text.get(1..self.text.len().saturating_sub(1)).unwrap_or_default()
    }
}

/// All tokens of a text, comments too.
pub fn tokens(sql: &str, dialect: Dialect) -> Result<Vec<Token<'_>>, LexError> {
    let (mut found, mut at, mut line) = (Vec::new(), 0, 1);
    while let Some(first) = sql[at..].chars().next() {
        if first.is_whitespace() || first == '\u{feff}' {
            line += usize::from(first == '\n');
            at += first.len_utf8();
            continue;
        }
        let (kind, length) =
            next(&sql[at..], first, dialect).map_err(|what| LexError::Unclosed { what, line })?;
        let text = &sql[at..at + length];
        found.push(Token { kind, text, at, line });
        line += text.bytes().filter(|byte| *byte == b'\n').count();
        at += length;
    }
    Ok(found)
}

/// The text without comments, and with one space where any white space was.
pub fn tidy(sql: &str, dialect: Dialect) -> String {
    let Ok(tokens) = tokens(sql, dialect) else { return sql.trim().to_owned() };
    let mut tidied = String::with_capacity(sql.len());
    let mut end = 0;
    for token in tokens.iter().filter(|token| token.kind != Kind::Comment) {
        if token.at > end && !tidied.is_empty() {
            tidied.push(' ');
        }
        tidied.push_str(token.text);
        end = token.end();
    }
    tidied
}

/// Where the parenthesis that opens at `from` is closed: the place behind it.
pub fn behind_parentheses(tokens: &[Token<'_>], from: usize) -> Option<usize> {
    let mut depth = 0_usize;
    for (at, token) in tokens.iter().enumerate().skip(from) {
        if token.is_mark('(') {
            depth += 1;
        } else if token.is_mark(')') {
            depth = depth.checked_sub(1)?;
        }
        if depth == 0 {
            return Some(at + 1);
        }
    }
    None
}

fn next(rest: &str, first: char, dialect: Dialect) -> Result<(Kind, usize), &'static str> {
    if is_line_comment(rest, dialect) {
        return Ok((Kind::Comment, rest.find('\n').unwrap_or(rest.len())));
    }
    if rest.starts_with("/*") {
        let length = rest[2..].find("*/").ok_or("comment")? + 4;
        let executable = dialect == Dialect::MySql && (rest.starts_with("/*!") || rest.starts_with("/*M!"));
        return Ok((if executable { Kind::Executable } else { Kind::Comment }, length));
    }
    if let Some(closing) = closing_quote(first, dialect) {
        let kind = match first {
            '\'' => Kind::Text,
            '"' if dialect == Dialect::MySql => Kind::Text,
            _ => Kind::Name,
        };
        return Ok((kind, quoted(rest, closing, dialect).ok_or("quote")?));
    }
    if first.is_ascii_digit() {
        return Ok(number_or_word(rest));
    }
    if is_of_word(first) {
        return Ok((Kind::Word, word(rest)));
    }
    Ok((Kind::Mark, first.len_utf8()))
}

/// The length up to the closing quote; a doubled quote belongs to the text.
fn quoted(rest: &str, closing: char, dialect: Dialect) -> Option<usize> {
    let escapes = dialect == Dialect::MySql && closing != '`';
    let mut characters = rest.char_indices().skip(1).peekable();
    while let Some((at, c)) = characters.next() {
        if escapes && c == '\\' {
            characters.next();
        } else if c == closing {
            match characters.peek() {
                Some((_, again)) if *again == closing && closing != ']' => characters.next(),
                _ => return Some(at + 1),
            };
        }
    }
    None
}

fn is_of_word(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '$' | '@') || (!c.is_ascii() && !c.is_whitespace())
}

fn word(rest: &str) -> usize {
    rest.find(|c| !is_of_word(c)).unwrap_or(rest.len())
}

/// MySQL's names may begin with a digit.
fn number_or_word(rest: &str) -> (Kind, usize) {
    let mut length = word(rest);
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if digits(&rest[..length]) && rest[length..].starts_with('.') {
        length += 1 + word(&rest[length + 1..]);
    }
    let signed = rest[length..].starts_with(['+', '-']);
    if signed && rest[..length].ends_with(['e', 'E']) && !rest.starts_with("0x") {
        length += 1 + word(&rest[length + 1..]);
    }
    let text = &rest[..length];
    let is_number = text.parse::<f64>().is_ok() || text.starts_with("0x") || text.starts_with("0X");
    (if is_number { Kind::Number } else { Kind::Word }, length)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(sql: &str, dialect: Dialect) -> Vec<String> {
        tokens(sql, dialect).unwrap().iter().map(|token| format!("{:?} {}", token.kind, token.text)).collect()
    }

    #[test]
    fn each_dialect_has_its_own_quotes_and_comments() {
        let sql = "a \"b\"\"c\" 'it''s' -- end\n1.5e-3";
        let expected = ["Word a", "Name \"b\"\"c\"", "Text 'it''s'", "Comment -- end", "Number 1.5e-3"];
        assert_eq!(shown(sql, Dialect::Sqlite), expected);
        let sql = "`2fa` 2fa \"x\\\"y\" /*!40101 SET */ /* c */ # end";
        let expected = [
            "Name `2fa`",
            "Word 2fa",
            "Text \"x\\\"y\"",
            "Executable /*!40101 SET */",
            "Comment /* c */",
            "Comment # end",
        ];
        assert_eq!(shown(sql, Dialect::MySql), expected);
        assert_eq!(shown("[a b](c.d)", Dialect::Sqlite)[0], "Name [a b]");
    }

    #[test]
    fn names_come_without_their_quotes_and_places_are_counted() {
        let found = tokens("x\n  `a``b`", Dialect::MySql).unwrap();
        assert_eq!(found[1].name().as_deref(), Some("a`b"));
        assert_eq!((found[1].line, found[1].at), (2, 4));
    }

    #[test]
    fn what_is_never_closed_is_an_error() {
        for sql in ["'a", "/* a", "\"a", "'a\\'"] {
            assert!(tokens(sql, Dialect::MySql).is_err(), "{sql}");
        }
    }

    #[test]
    fn tidy_text_has_single_spaces_and_no_comments() {
        assert_eq!(tidy(" a  =\n /* x */ 'b  c' -- y", Dialect::Sqlite), "a = 'b  c'");
    }
}
