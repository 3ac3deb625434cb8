//! The short form of a column: its definition as SQL has it.

use crate::database::lexer::Dialect;
use crate::database::lexer::tokens::Kind;
use crate::database::lexer::tokens::Token;
use crate::database::lexer::tokens::behind_parentheses;
use crate::database::lexer::tokens::tokens;
use crate::database::schema::declared::draft::Definition;
use crate::database::schema::declared::names;

/// Where a type ends.
const ATTRIBUTES: [&str; 24] = [
    "after",
    "as",
    "auto_increment",
    "autoincrement",
    "charset",
    "check",
    "collate",
    "comment",
    "constraint",
    "default",
    "first",
    "generated",
    "invisible",
    "key",
    "not",
    "null",
    "on",
    "persistent",
    "primary",
    "references",
    "stored",
    "unique",
    "virtual",
    "with",
];

/// What is wrong, and what to write instead.
pub(super) type Doubt = (String, String);

pub(super) fn doubt<T>(what: impl Into<String>, instead: impl Into<String>) -> Result<T, Doubt> {
    Err((what.into(), instead.into()))
}

/// Reads a whole definition.
pub(super) fn definition(sql: &str, dialect: Dialect) -> Result<Definition, Doubt> {
    let mut reader = reader(sql, dialect)?;
    let mut read = Definition { sql_type: reader.sql_type()?, nullable: true, ..Definition::default() };
    while reader.at < reader.tokens.len() {
        reader.attribute(&mut read)?;
    }
    Ok(read)
}

/// Reads a type that stands alone.
pub(super) fn sql_type(sql: &str, dialect: Dialect) -> Result<String, Doubt> {
    let mut reader = reader(sql, dialect)?;
    let read = reader.sql_type()?;
    match reader.tokens.get(reader.at) {
        None => Ok(read),
        Some(token) => {
            let instead = "say it in a field of its own: null, default, auto_increment, comment, …";
            doubt(format!("\"{}\" does not belong into a type", token.text), instead)
        }
    }
}

/// Reads what may stand behind `DEFAULT`.
pub(super) fn default(sql: &str, dialect: Dialect) -> Result<String, Doubt> {
    let mut reader = reader(sql, dialect)?;
    let read = reader.value()?;
    match reader.tokens.get(reader.at) {
        None => Ok(read),
        Some(_) => doubt(
            format!("\"{sql}\" is no single value"),
            "texts need quotes within the quotes, \"'draft'\", and expressions parentheses, \"(1 + 1)\"",
        ),
    }
}

fn reader(sql: &str, dialect: Dialect) -> Result<Reader<'_>, Doubt> {
    if let Some(why) = names::not_closed(sql, dialect) {
        return doubt(format!("\"{sql}\" is not taken: {why}"), "");
    }
    // It was read a moment ago.
    let tokens = tokens(sql, dialect).unwrap_or_default();
    Ok(Reader { sql, tokens, at: 0, dialect })
}

struct Reader<'t> {
    sql: &'t str,
    tokens: Vec<Token<'t>>,
    at: usize,
    dialect: Dialect,
}

impl<'t> Reader<'t> {
    fn peek(&self, ahead: usize) -> Option<&Token<'t>> {
        self.tokens.get(self.at + ahead)
    }

    fn is_word(&self, ahead: usize, word: &str) -> bool {
        self.peek(ahead).is_some_and(|token| token.is_word(word))
    }

    /// Takes these words if they come next.
    fn takes(&mut self, words: &str) -> bool {
        let found = words.split(' ').enumerate().all(|(ahead, word)| self.is_word(ahead, word));
        if found {
            self.at += words.split(' ').count();
        }
        found
    }

    fn piece(&self, from: usize, to: usize) -> String {
        let tokens = &self.tokens[from..to];
        match (tokens.first(), tokens.last()) {
            (Some(first), Some(last)) => self.sql[first.at..last.end()].to_owned(),
            _ => String::new(),
        }
    }

    fn begins_attribute(&self) -> bool {
        let Some(token) = self.peek(0) else { return true };
        let set = token.is_word("character") && self.is_word(1, "set");
        set || ATTRIBUTES.iter().any(|word| token.is_word(word))
    }

    fn sql_type(&mut self) -> Result<String, Doubt> {
        let from = self.at;
        while !self.begins_attribute() {
            let Some(token) = self.peek(0).copied() else { break };
            match token.kind {
                Kind::Word => self.at += 1,
                Kind::Mark if token.is_mark('(') && self.at > from => self.arguments()?,
                _ => return doubt(format!("\"{}\" does not belong into a type", token.text), ""),
            }
        }
        match self.piece(from, self.at) {
            empty if empty.is_empty() => {
                doubt("the type is missing", "begin with it: \"int unsigned not null\"")
            }
            found => Ok(found.split_whitespace().collect::<Vec<_>>().join(" ")),
        }
    }

    /// `(10,2)`, `('a', 'b')`
    fn arguments(&mut self) -> Result<(), Doubt> {
        let end = behind_parentheses(&self.tokens, self.at).unwrap_or(self.tokens.len());
        let odd = self.tokens[self.at + 1..end - 1]
            .iter()
            .find(|token| !matches!(token.kind, Kind::Number | Kind::Text) && !token.is_mark(','));
        if let Some(odd) = odd {
            return doubt(format!("\"{}\" does not belong into a type", odd.text), "");
        }
        self.at = end;
        Ok(())
    }

    fn attribute(&mut self, read: &mut Definition) -> Result<(), Doubt> {
        if self.takes("not null") {
            read.nullable = false;
        } else if self.takes("null") {
            read.nullable = true;
        } else if self.takes("default") {
            read.default = Some(self.value()?);
        } else if self.takes("auto_increment") || self.takes("autoincrement") {
            read.auto_increment = true;
        } else if self.takes("primary key") {
            read.is_primary = true;
        } else if self.takes("on update") {
            read.on_update = Some(self.value()?);
        } else if self.takes("collate") {
            read.collation = Some(self.word()?);
        } else if self.takes("character set") || self.takes("charset") {
            read.charset = Some(self.word()?);
        } else if self.takes("comment") {
            read.comment = Some(self.text()?);
        } else if self.takes("check") {
            read.check = Some(self.parenthesised()?);
        } else if self.takes("generated always as") || self.takes("as") {
            read.generated = Some(self.parenthesised()?);
        } else if self.takes("stored") || self.takes("persistent") {
            read.stored = true;
        } else if self.takes("virtual") {
            read.stored = false;
        } else {
            return self.not_known();
        }
        Ok(())
    }

    fn not_known(&self) -> Result<(), Doubt> {
        let word = self.peek(0).map_or("", |token| token.text);
        let instead = match word.to_ascii_lowercase().as_str() {
            "unique" => "name the key in the table's `unique`",
            "key" => "name the key in the table's `keys`",
            "references" | "constraint" => "name it in the table's `foreign` or `checks`",
            "first" | "after" => "columns stand in the order of the file",
            _ => "",
        };
        doubt(format!("\"{word}\" is not known in the definition of a column"), instead)
    }

    fn word(&mut self) -> Result<String, Doubt> {
        match self.peek(0) {
            Some(token) if token.kind == Kind::Word => {
                let word = token.text.to_owned();
                self.at += 1;
                Ok(word)
            }
            _ => doubt("a word is missing behind charset or collate", ""),
        }
    }

    fn text(&mut self) -> Result<String, Doubt> {
        let Some(token) = self.peek(0).filter(|token| matches!(token.kind, Kind::Text | Kind::Name)) else {
            return doubt("a text in quotes is missing behind comment", "");
        };
        let text = token.inner().replace("''", "'").replace("\\'", "'");
        self.at += 1;
        Ok(text)
    }

    fn parenthesised(&mut self) -> Result<String, Doubt> {
        let end = match self.peek(0) {
            Some(token) if token.is_mark('(') => behind_parentheses(&self.tokens, self.at),
            _ => None,
        };
        let Some(end) = end else { return doubt("an expression in parentheses is missing", "") };
        let inside = self.piece(self.at + 1, end - 1);
        self.at = end;
        Ok(inside)
    }

    /// One literal, a word like `current_timestamp(3)`, or parentheses.
    fn value(&mut self) -> Result<String, Doubt> {
        let from = self.at;
        let Some(token) = self.peek(0).copied() else { return doubt("a value is missing", "") };
        let sqlite = self.dialect == Dialect::Sqlite;
        self.at += 1;
        let next = self.peek(0).copied();
        match token.kind {
            Kind::Number | Kind::Text => {}
            Kind::Name if sqlite && token.text.starts_with('"') => {
                return Ok(format!("'{}'", token.inner().replace("\"\"", "\"").replace('\'', "''")));
            }
            Kind::Mark if token.is_mark('+') || token.is_mark('-') => {
                if next.is_none_or(|next| next.kind != Kind::Number) {
                    return doubt("a number is missing behind its sign", "");
                }
                self.at += 1;
            }
            Kind::Mark if token.is_mark('(') => {
                self.at = behind_parentheses(&self.tokens, from).unwrap_or(self.tokens.len());
            }
            // `b'0'`, `x'ff'`, `_utf8mb4'x'`
            Kind::Word if next.is_some_and(|next| next.kind == Kind::Text && next.at == token.end()) => {
                self.at += 1;
            }
            Kind::Word if next.is_some_and(|next| next.is_mark('(')) => {
                self.at = behind_parentheses(&self.tokens, self.at).unwrap_or(self.tokens.len());
            }
            Kind::Word => {}
            _ => return doubt(format!("\"{}\" is no value", token.text), ""),
        }
        let said = self.piece(from, self.at);
        let now = ["current_timestamp()", "now()", "current_timestamp(0)"];
        Ok(if sqlite && now.contains(&said.to_ascii_lowercase().as_str()) {
            "CURRENT_TIMESTAMP".into()
        } else {
            said
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(sql: &str) -> Definition {
        definition(sql, Dialect::MySql).unwrap()
    }

    #[test]
    fn short_definitions() {
        let id = read("bigint(20) unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY");
        assert_eq!(id.sql_type, "bigint(20) unsigned");
        assert!(!id.nullable && id.auto_increment && id.is_primary);
        let kind =
            read("enum('a','it''s') character set ascii collate ascii_bin default 'a' comment 'it''s one'");
        assert_eq!(kind.sql_type, "enum('a','it''s')");
        assert_eq!(kind.default.as_deref(), Some("'a'"));
        assert_eq!((kind.charset.as_deref(), kind.collation.as_deref()), (Some("ascii"), Some("ascii_bin")));
        assert_eq!(kind.comment.as_deref(), Some("it's one"));
        let edited = read("datetime(3) null default current_timestamp(3) on update current_timestamp(3)");
        assert_eq!(edited.on_update.as_deref(), Some("current_timestamp(3)"));
        let slug = read("varchar(40) as (lower(concat(a, ')'))) stored check (slug <> '')");
        assert_eq!(slug.generated.as_deref(), Some("lower(concat(a, ')'))"));
        assert!(slug.stored && slug.check.as_deref() == Some("slug <> ''"));
        assert_eq!(read("double precision default -1.5").sql_type, "double precision");
        assert_eq!(read("bit(1) default b'0'").default.as_deref(), Some("b'0'"));
    }

    #[test]
    fn what_is_no_definition() {
        for (sql, told) in [
            ("", "empty"),
            ("not null", "the type is missing"),
            ("int; drop table x", "semicolon"),
            ("int) engine=x, (a int", "parentheses"),
            ("int unique", "\"unique\" is not known"),
            ("int references x(id)", "\"references\" is not known"),
            ("int default", "a value is missing"),
            ("int default 1 + 1", "\"+\" is not known"),
            ("int default 'a", "never closed"),
            ("int -- x", "comment"),
            ("int, b int", "\",\" does not belong"),
            ("varchar(select)", "\"select\" does not belong"),
        ] {
            let (what, _) = definition(sql, Dialect::MySql).unwrap_err();
            assert!(what.contains(told), "{sql}: {what}");
        }
        assert!(sql_type("int not null", Dialect::MySql).is_err());
        assert!(default("a b", Dialect::Sqlite).is_err());
        assert_eq!(default("now()", Dialect::Sqlite).unwrap(), "CURRENT_TIMESTAMP");
        assert_eq!(default("\"x\"", Dialect::Sqlite).unwrap(), "'x'");
    }
}
