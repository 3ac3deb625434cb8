//! PHP read as text, never executed: enough of it to find literal values in
//! configuration files and extension descriptors.

use std::collections::BTreeMap;

/// A token that matters to a reader of literals.
#[derive(Clone, Debug, PartialEq)]
pub enum Token {
    /// A string in quotes, its escapes resolved; one with variables in it is
    /// `Opaque`, since its value is not known.
    Text(String),
    Number(String),
    /// A name, keyword or constant.
    Word(String),
    /// A variable, without its `$`.
    Variable(String),
    /// One other character, or `=>`.
    Mark(&'static str),
    Opaque,
}

/// The tokens of a file; text outside `<?php … ?>` is passed over.
pub fn tokens(source: &str) -> Vec<Token> {
    let mut lexer = Lexer { rest: source, tokens: Vec::new() };
    while let Some(at) = lexer.rest.find("<?") {
        lexer.rest = &lexer.rest[at + 2..];
        lexer.rest = lexer.rest.strip_prefix("php").or(lexer.rest.strip_prefix('=')).unwrap_or(lexer.rest);
        lexer.code();
    }
    lexer.tokens
}

struct Lexer<'a> {
    rest: &'a str,
    tokens: Vec<Token>,
}

const MARKS: [&str; 16] = ["=>", "(", ")", "[", "]", "{", "}", ",", ";", "=", ".", "::", "->", "?", ":", "!"];

impl Lexer<'_> {
    fn code(&mut self) {
        while let Some(first) = self.rest.chars().next() {
            if let Some(rest) = self.rest.strip_prefix("?>") {
                self.rest = rest;
                return;
            }
            if self.skip_comment() {
                continue;
            }
            match first {
                '\'' | '"' => self.quoted(first),
                '$' => {
                    self.rest = &self.rest[1..];
                    let name = self.word();
                    self.tokens.push(Token::Variable(name));
                }
                '0'..='9' => {
                    let number = self.take_while(|c| c.is_ascii_alphanumeric() || c == '.' || c == '_');
                    self.tokens.push(Token::Number(number));
                }
                c if c.is_alphabetic() || c == '_' || c == '\\' => {
                    let word = self.word();
                    self.tokens.push(Token::Word(word));
                }
                _ => self.mark(first),
            }
        }
    }

    fn skip_comment(&mut self) -> bool {
        let rest = self.rest;
        if rest.starts_with("#[") {
            return false;
        }
        if rest.starts_with('#') || rest.starts_with("//") {
            let line = rest.find('\n').unwrap_or(rest.len());
            let end = rest.find("?>").unwrap_or(rest.len()).min(line);
            self.rest = &rest[end..];
            return true;
        }
        if let Some(inside) = rest.strip_prefix("/*") {
            self.rest = inside.find("*/").map_or("", |at| &inside[at + 2..]);
            return true;
        }
        false
    }

    fn mark(&mut self, first: char) {
        match MARKS.iter().find(|mark| self.rest.starts_with(**mark)) {
            Some(mark) => {
                self.tokens.push(Token::Mark(mark));
                self.rest = &self.rest[mark.len()..];
            }
            None => {
                if !first.is_whitespace() {
                    self.tokens.push(Token::Opaque);
                }
                self.rest = &self.rest[first.len_utf8()..];
            }
        }
    }

    fn quoted(&mut self, quote: char) {
        let mut text = String::new();
        let mut known = true;
        let mut chars = self.rest.char_indices().skip(1);
        while let Some((at, c)) = chars.next() {
            match c {
                c if c == quote => {
                    self.rest = &self.rest[at + 1..];
                    self.tokens.push(if known { Token::Text(text) } else { Token::Opaque });
                    return;
                }
                '\\' => match chars.next() {
                    Some((_, escaped)) => push_escape(&mut text, quote, escaped),
                    None => break,
                },
                '$' if quote == '"' => known = false,
                c => text.push(c),
            }
        }
        self.rest = "";
        self.tokens.push(Token::Opaque);
    }

    fn word(&mut self) -> String {
        self.take_while(|c| c.is_alphanumeric() || c == '_' || c == '\\')
    }

    fn take_while(&mut self, wanted: impl Fn(char) -> bool) -> String {
        let end = self.rest.find(|c| !wanted(c)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at(end);
        self.rest = rest;
        taken.to_owned()
    }
}

fn push_escape(text: &mut String, quote: char, escaped: char) {
    match (quote, escaped) {
        ('\'', '\'' | '\\') => text.push(escaped),
        ('\'', other) => {
            text.push('\\');
            text.push(other);
        }
        (_, 'n') => text.push('\n'),
        (_, 't') => text.push('\t'),
        (_, 'r') => text.push('\r'),
        (_, '\\' | '"' | '$') => text.push(escaped),
        (_, other) => {
            text.push('\\');
            text.push(other);
        }
    }
}

/// A value that a file states literally.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Text(String),
    /// `true`, `false`, `null`, a number or a constant's name.
    Word(String),
    Array(Vec<(Option<String>, Value)>),
    /// Computed: not known without running it.
    Unknown,
}

/// Reads values from tokens.
pub struct Reader<'t> {
    tokens: &'t [Token],
}

impl<'t> Reader<'t> {
    pub fn new(tokens: &'t [Token]) -> Reader<'t> {
        Reader { tokens }
    }

    fn next(&mut self) -> Option<&'t Token> {
        let (first, rest) = self.tokens.split_first()?;
        self.tokens = rest;
        Some(first)
    }

    fn eat(&mut self, mark: &str) -> bool {
        let there = matches!(self.tokens.first(), Some(Token::Mark(found)) if *found == mark);
        if there {
            self.tokens = &self.tokens[1..];
        }
        there
    }

    fn at(&self, mark: &str) -> bool {
        matches!(self.tokens.first(), Some(Token::Mark(found)) if *found == mark)
    }

    /// One expression up to `,`, `;`, or a closing bracket.
    pub fn value(&mut self, depth: usize) -> Value {
        let mut value = self.primary(depth);
        loop {
            if self.eat(".") {
                value = match (value, self.primary(depth)) {
                    (Value::Text(a), Value::Text(b)) => Value::Text(a + &b),
                    _ => Value::Unknown,
                };
            } else if self.tokens.is_empty() || [",", ";", ")", "]", "}", "=>"].iter().any(|end| self.at(end))
            {
                return value;
            } else {
                self.skip_one();
                value = Value::Unknown;
            }
        }
    }

    fn primary(&mut self, depth: usize) -> Value {
        // Deeper than any configuration, far from the end of our stack.
        if depth > 64 {
            return Value::Unknown;
        }
        if self.eat("[") {
            return self.array(depth, "]");
        }
        match self.tokens.first() {
            Some(Token::Text(text)) => {
                self.next();
                Value::Text(text.clone())
            }
            Some(Token::Number(number)) => {
                self.next();
                Value::Word(number.clone())
            }
            Some(Token::Word(word)) if word.eq_ignore_ascii_case("array") => {
                self.next();
                if self.eat("(") { self.array(depth, ")") } else { Value::Unknown }
            }
            Some(Token::Word(word)) => {
                self.next();
                Value::Word(word.clone())
            }
            _ => Value::Unknown,
        }
    }

    fn array(&mut self, depth: usize, end: &str) -> Value {
        let mut items = Vec::new();
        while !self.tokens.is_empty() && !self.eat(end) {
            let first = self.value(depth + 1);
            if self.eat("=>") {
                let key = match first {
                    Value::Text(text) | Value::Word(text) => Some(text),
                    _ => None,
                };
                items.push((key, self.value(depth + 1)));
            } else {
                items.push((None, first));
            }
            if !self.eat(",") && !self.at(end) {
                self.skip_one();
            }
        }
        Value::Array(items)
    }

    /// Passes over one token, or a whole bracket with all in it.
    fn skip_one(&mut self) {
        let mut open = 0usize;
        while let Some(token) = self.next() {
            match token {
                Token::Mark("(" | "[" | "{") => open += 1,
                Token::Mark(")" | "]" | "}") => open = open.saturating_sub(1),
                _ => {}
            }
            if open == 0 {
                return;
            }
        }
    }
}

/// Every literal that a configuration file states, by how the application
/// names it: `NAME` for constants, `$name` for variables, `$name['key']` for
/// elements. The last statement of a name wins; what is computed is `None`.
pub fn settings(source: &str) -> BTreeMap<String, Option<String>> {
    let tokens = tokens(source);
    let mut found = BTreeMap::new();
    for at in 0..tokens.len() {
        match &tokens[at..] {
            [Token::Word(define), Token::Mark("("), Token::Text(name), Token::Mark(","), rest @ ..]
                if define.eq_ignore_ascii_case("define") =>
            {
                state(&mut found, name.clone(), Reader::new(rest).value(0));
            }
            [Token::Variable(name), Token::Mark("="), rest @ ..] => {
                state(&mut found, format!("${name}"), Reader::new(rest).value(0));
            }
            [
                Token::Variable(name),
                Token::Mark("["),
                Token::Text(key),
                Token::Mark("]"),
                Token::Mark("="),
                rest @ ..,
            ] => {
                state(&mut found, format!("${name}['{key}']"), Reader::new(rest).value(0));
            }
            _ => {}
        }
    }
    found
}

fn state(found: &mut BTreeMap<String, Option<String>>, name: String, value: Value) {
    match value {
        Value::Text(text) | Value::Word(text) => {
            found.insert(name, Some(text));
        }
        Value::Array(items) => {
            for (key, value) in items {
                if let Some(key) = key {
                    state(found, format!("{name}['{key}']"), value);
                }
            }
        }
        Value::Unknown => {
            found.insert(name, None);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constants_variables_and_elements_are_found() {
        let found = settings(
            r#"<?php
            // define('DB_NAME', 'comment');
            define( 'DB_NAME', 'blog' ); define('DB_PASSWORD', "it's \"q\" \\ \$x");
            define('DB_HOST', getenv('DB_HOST')); # define('DB_USER', 'no');
            /* $table_prefix = 'no_'; */ $table_prefix = 'wp_';
            $CONFIG = array ( 'dbhost' => 'localhost', 'nested' => ['a' => 'b'], 'dbtype' => 'mysql', );
            $config['db_dsnw'] = 'mysql://u:p@h/' . 'd';
            $wgDBname = "pre$fix";
            "#,
        );
        let value = |name: &str| found.get(name).cloned();
        assert_eq!(value("DB_NAME"), Some(Some("blog".into())));
        assert_eq!(value("DB_PASSWORD"), Some(Some("it's \"q\" \\ $x".into())));
        assert_eq!(value("DB_HOST"), Some(None));
        assert_eq!(value("DB_USER"), None);
        assert_eq!(value("$table_prefix"), Some(Some("wp_".into())));
        assert_eq!(value("$CONFIG['dbhost']"), Some(Some("localhost".into())));
        assert_eq!(value("$CONFIG['nested']['a']"), Some(Some("b".into())));
        assert_eq!(value("$config['db_dsnw']"), Some(Some("mysql://u:p@h/d".into())));
        assert_eq!(value("$wgDBname"), Some(None));
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(text in "\\PC{0,200}") {
            let _ = settings(&text);
            let _ = settings(&format!("<?php {text}"));
        }

        #[test]
        fn no_brackets_exhaust_the_stack(depth in 0usize..100_000) {
            let _ = settings(&format!("<?php $a = {}", "[".repeat(depth)));
        }
    }
}
