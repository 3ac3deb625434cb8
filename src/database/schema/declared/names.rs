//! Which names a release may give, and which pieces of SQL it may write.

use crate::database::lexer::Dialect;
use crate::database::lexer::tokens::Kind;
use crate::database::lexer::tokens::tokens;

/// What both engines take, with the prefix.
pub(super) const MAX_NAME: usize = 64;
const MAX_PREFIX: usize = 40;

pub(super) fn is_prefix(prefix: &str) -> bool {
    prefix.len() <= MAX_PREFIX && prefix.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '$'))
}

/// Why this cannot be the name of a table, column, key or constraint.
pub(super) fn objection(name: &str) -> Option<&'static str> {
    let is_fine = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '$' | '-') || !c.is_ascii();
    if name.is_empty() {
        Some("a name is empty")
    } else if name.chars().count() > MAX_NAME {
        Some("a name has more than 64 characters")
    } else if name.chars().any(|c| !is_fine(c) || c.is_control() || c.is_whitespace()) {
        Some("a name holds more than letters, digits, _, $ and -")
    } else if name.to_ascii_lowercase().starts_with("sqlite_") {
        Some("names that begin with sqlite_ belong to SQLite")
    } else {
        None
    }
}

/// Why this cannot stand within a statement as one closed piece of SQL.
pub(super) fn not_closed(sql: &str, dialect: Dialect) -> Option<&'static str> {
    let Ok(tokens) = tokens(sql, dialect) else { return Some("a quote or comment in it is never closed") };
    if tokens.is_empty() {
        return Some("it is empty");
    }
    let mut depth = 0_i64;
    for token in &tokens {
        match token.kind {
            Kind::Comment | Kind::Executable => return Some("there is a comment in it"),
            Kind::Mark if token.is_mark(';') => return Some("there is a semicolon in it"),
            Kind::Mark if token.is_mark('(') => depth += 1,
            Kind::Mark if token.is_mark(')') => depth -= 1,
            _ => {}
        }
        if depth < 0 {
            break;
        }
    }
    (depth != 0).then_some("its parentheses do not match")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_no_table_should_have() {
        for name in ["posts", "2fa_codes", "a$b", "naïve", "web-log"] {
            assert_eq!(objection(name), None, "{name}");
        }
        for name in ["", "a b", "a`b", "a\"b", "a;b", "a\0", "a.b", "a\u{a0}b", "SQLite_x", &"x".repeat(65)] {
            assert!(objection(name).is_some(), "{name}");
        }
        assert!(is_prefix("wp_") && is_prefix("") && !is_prefix("w-") && !is_prefix(&"x".repeat(41)));
    }

    #[test]
    fn pieces_of_sql_are_closed() {
        for sql in ["(a + 1)", "';'", "coalesce(a, ')')"] {
            assert_eq!(not_closed(sql, Dialect::Sqlite), None, "{sql}");
        }
        for sql in ["", "1; DROP TABLE x", "1) , (2", "(1", "1 -- x", "1 /* x */", "'a", ")("] {
            assert!(not_closed(sql, Dialect::Sqlite).is_some(), "{sql}");
        }
        assert!(not_closed("1 /*! x */", Dialect::MySql).is_some());
        assert_eq!(not_closed("'it\\'s'", Dialect::MySql), None);
    }
}
