//! Cuts one statement into words, names, texts and signs.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A bare word: a keyword, a number or a name.
    Word,
    /// A name in backticks.
    Name,
    /// Text in quotes.
    Text,
    /// White space and comments.
    Blank,
    Sign,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Token<'a> {
    pub kind: Kind,
    pub text: &'a str,
}

impl Token<'_> {
    pub fn is(&self, word: &str) -> bool {
        self.kind != Kind::Name && self.text.eq_ignore_ascii_case(word)
    }

    /// What it names, if it may be a name.
    pub fn name(&self) -> Option<String> {
        match self.kind {
            Kind::Word => Some(self.text.to_owned()),
            Kind::Name => Some(self.text.trim_matches('`').replace("``", "`")),
            _ => None,
        }
    }
}

/// All tokens; put together they are the statement.
pub(super) fn tokens(sql: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let mut rest = sql;
    while let Some(first) = rest.chars().next() {
        let (kind, length) = token(rest, first);
        tokens.push(Token { kind, text: &rest[..length] });
        rest = &rest[length..];
    }
    tokens
}

fn token(rest: &str, first: char) -> (Kind, usize) {
    let while_ = |test: fn(char) -> bool| rest.find(|c| !test(c)).unwrap_or(rest.len());
    match first {
        '`' => (Kind::Name, quoted(rest, '`')),
        '\'' | '"' => (Kind::Text, quoted(rest, first)),
        '#' => (Kind::Blank, line(rest)),
        '-' if rest.starts_with("--") && rest[2..].starts_with(|c: char| c.is_whitespace()) => {
            (Kind::Blank, line(rest))
        }
        // What the server reads of such a comment is read here, too.
        '/' if rest.starts_with("/*!") || rest.starts_with("/*M!") => {
            let digits = rest[3..].find(|c: char| !c.is_ascii_digit() && c != '!').unwrap_or(0);
            (Kind::Blank, 3 + digits)
        }
        '/' if rest.starts_with("/*") => (Kind::Blank, rest.find("*/").map_or(rest.len(), |at| at + 2)),
        '*' if rest.starts_with("*/") => (Kind::Blank, 2),
        c if c.is_whitespace() => (Kind::Blank, while_(char::is_whitespace)),
        c if is_word(c) => (Kind::Word, while_(is_word)),
        c => (Kind::Sign, c.len_utf8()),
    }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == '$'
}

fn line(rest: &str) -> usize {
    rest.find('\n').map_or(rest.len(), |at| at + 1)
}

/// How long the quoted text is that `text` begins with, quotes included.
pub(super) fn quoted(text: &str, quote: char) -> usize {
    let mut chars = text.char_indices().skip(1).peekable();
    while let Some((at, c)) = chars.next() {
        if c == '\\' && quote != '`' {
            chars.next();
        } else if c == quote && chars.next_if(|(_, next)| *next == quote).is_none() {
            return at + 1;
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_make_the_whole_again() {
        for (sql, expected) in [
            ("a.`b``c`", "W:a S:. N:`b``c`"),
            ("'it''s \\' x' \"y\"", "T:'it''s \\' x' B:  T:\"y\""),
            ("a -- b\nc", "W:a B:  B:-- b\n W:c"),
            ("a/* x */b", "W:a B:/* x */ W:b"),
            ("/*!40101 a */", "B:/*!40101 B:  W:a B:  B:*/"),
            ("5--1 'open", "W:5 S:- S:- W:1 B:  T:'open"),
        ] {
            let all = tokens(sql);
            assert_eq!(all.iter().map(|token| token.text).collect::<String>(), sql);
            let shown =
                all.iter().map(|token| format!("{}:{}", &format!("{:?}", token.kind)[..1], token.text));
            assert_eq!(shown.collect::<Vec<_>>().join(" "), expected);
        }
    }
}
