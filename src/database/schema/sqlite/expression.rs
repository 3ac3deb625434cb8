//! Pieces of SQL in one spelling, whoever wrote them. Renaming puts quotes
//! around names that had none, which is no difference.

use crate::database::lexer::Dialect;
use crate::database::lexer::tokens::Kind;
use crate::database::lexer::tokens::Token;
use crate::database::lexer::tokens::behind_parentheses;
use crate::database::lexer::tokens::tokens;

/// Single spaces, no comments, no quotes around those of the names that need
/// none. (A text in double quotes that is no name keeps them.)
pub(super) fn plain(sql: &str, is_name: impl Fn(&str) -> bool) -> String {
    let Ok(tokens) = tokens(sql, Dialect::Sqlite) else { return sql.trim().to_owned() };
    let mut plain = String::with_capacity(sql.len());
    let mut end = 0;
    for token in tokens.iter().filter(|token| token.kind != Kind::Comment) {
        if token.at > end && !plain.is_empty() {
            plain.push(' ');
        }
        match token.name().filter(|name| token.kind == Kind::Name && needs_no_quotes(name) && is_name(name)) {
            Some(name) => plain.push_str(&name),
            None => plain.push_str(token.text),
        }
        end = token.end();
    }
    plain
}

fn needs_no_quotes(name: &str) -> bool {
    let first = name.chars().next().unwrap_or('0');
    let is_plain = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') && !first.is_ascii_digit();
    is_plain && !KEYWORDS.contains(&name.to_ascii_uppercase().as_str())
}

/// The expression once a column has another name.
pub(super) fn renamed(sql: &str, from: &str, to: &str) -> String {
    let Ok(tokens) = tokens(sql, Dialect::Sqlite) else { return sql.to_owned() };
    let (mut written, mut end) = (String::with_capacity(sql.len()), 0);
    for (at, token) in tokens.iter().enumerate() {
        let is_call = tokens.get(at + 1).is_some_and(|next| next.is_mark('('));
        let is_it = token.name().is_some_and(|name| name.eq_ignore_ascii_case(from)) && !is_call;
        written.push_str(&sql[end..token.at]);
        match is_it {
            true if needs_no_quotes(to) => written.push_str(to),
            true => written.push_str(&format!("\"{}\"", to.replace('"', "\"\""))),
            false => written.push_str(token.text),
        }
        end = token.end();
    }
    written
}

/// Whether the name stands in the expression.
pub(super) fn mentions(sql: &str, name: &str) -> bool {
    let Ok(tokens) = tokens(sql, Dialect::Sqlite) else { return false };
    tokens.iter().any(|token| token.name().is_some_and(|found| found.eq_ignore_ascii_case(name)))
}

/// Without parentheses around the whole.
pub(super) fn without_parentheses(sql: &str) -> &str {
    let mut sql = sql.trim();
    while sql.starts_with('(') {
        let Ok(tokens) = tokens(sql, Dialect::Sqlite) else { return sql };
        if behind_parentheses(&tokens, 0) != Some(tokens.len()) {
            return sql;
        }
        sql = sql[1..sql.len() - 1].trim();
    }
    sql
}

/// What stands behind `DEFAULT`; nothing for NULL, which is no default.
pub(super) fn default(sql: &str) -> Option<String> {
    let Ok(tokens) = tokens(sql, Dialect::Sqlite) else { return Some(format!("({sql})")) };
    match tokens.as_slice() {
        [only] => single(only),
        [sign, number] if number.kind == Kind::Number && (sign.is_mark('-') || sign.is_mark('+')) => {
            Some(if sign.is_mark('-') { format!("-{}", number.text) } else { number.text.to_owned() })
        }
        [x, text] if x.is_word("x") && text.kind == Kind::Text && text.at == x.end() => Some(sql.to_owned()),
        _ => Some(format!("({})", without_parentheses(sql))),
    }
}

fn single(token: &Token<'_>) -> Option<String> {
    let quoted = |text: &str| Some(format!("'{}'", text.replace('\'', "''")));
    let word = token.text.to_ascii_uppercase();
    match token.kind {
        Kind::Word if word == "NULL" => None,
        Kind::Word
            if matches!(
                word.as_str(),
                "TRUE" | "FALSE" | "CURRENT_TIMESTAMP" | "CURRENT_DATE" | "CURRENT_TIME"
            ) =>
        {
            Some(word)
        }
        // SQLite takes a bare word or a name in quotes for a text.
        Kind::Word => quoted(token.text),
        Kind::Name => quoted(&token.name().unwrap_or_default()),
        _ => Some(token.text.to_owned()),
    }
}

/// Whether a default is the same for every row, so that it can be added
/// without reading them.
pub(super) fn is_constant(default: &str) -> bool {
    !default.starts_with('(') && !default.starts_with("CURRENT_")
}

/// The words that SQLite's grammar has for itself.
#[rustfmt::skip]
const KEYWORDS: [&str; 88] = [
    "ADD", "ALL", "ALTER", "ALWAYS", "AND", "AS", "AUTOINCREMENT", "BEGIN", "BETWEEN", "CASE", "CAST",
    "CHECK", "COLLATE", "COMMIT", "CONSTRAINT", "CREATE", "CROSS", "CURRENT_DATE", "CURRENT_TIME",
    "CURRENT_TIMESTAMP", "DEFAULT", "DEFERRABLE", "DELETE", "DISTINCT", "DROP", "ELSE", "END", "ESCAPE",
    "EXCEPT", "EXISTS", "FALSE", "FILTER", "FOREIGN", "FROM", "FULL", "GENERATED", "GLOB", "GROUP",
    "HAVING", "IF", "IN", "INDEX", "INDEXED", "INNER", "INSERT", "INTERSECT", "INTO", "IS", "ISNULL",
    "JOIN", "LEFT", "LIKE", "LIMIT", "MATCH", "MATERIALIZED", "NATURAL", "NOT", "NOTHING", "NOTNULL",
    "NULL", "ON", "OR", "ORDER", "OUTER", "OVER", "PRIMARY", "RAISE", "REFERENCES", "REGEXP",
    "RETURNING", "RIGHT", "SELECT", "SET", "TABLE", "THEN", "TO", "TRANSACTION", "TRUE", "UNION",
    "UNIQUE", "UPDATE", "USING", "VALUES", "WHEN", "WHERE", "WINDOW", "WITH", "WITHIN",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_spelling() {
        let is_name = |name: &str| name != "text";
        for (sql, expected) in [
            ("\"stars\"  < 6 -- x", "stars < 6"),
            ("\"order\" < 'a  b'", "\"order\" < 'a  b'"),
            ("[a b] = \"text\"", "[a b] = \"text\""),
        ] {
            assert_eq!(plain(sql, is_name), expected);
        }
        assert_eq!(without_parentheses("((a) + (b))"), "(a) + (b)");
    }

    #[test]
    fn defaults() {
        for (sql, expected) in [
            ("NULL", None),
            ("'x'", Some("'x'")),
            ("\"x's\"", Some("'x''s'")),
            ("word", Some("'word'")),
            ("current_timestamp", Some("CURRENT_TIMESTAMP")),
            ("- 1", Some("-1")),
            ("x'00'", Some("x'00'")),
            ("datetime('now')", Some("(datetime('now'))")),
            ("(1) + 1", Some("((1) + 1)")),
        ] {
            assert_eq!(default(sql).as_deref(), expected, "{sql}");
        }
    }
}
