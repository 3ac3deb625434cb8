//! How MariaDB and MySQL write the same things in `information_schema`.

use crate::database::lexer::Dialect;
use crate::database::lexer::tokens;
use crate::database::lexer::tokens::Kind;
use crate::database::mysql::literal;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Product {
    MariaDb,
    MySql,
}

impl Product {
    /// By what `VERSION()` answers.
    pub fn of(version: &str) -> Product {
        if version.to_ascii_lowercase().contains("mariadb") { Product::MariaDb } else { Product::MySql }
    }
}

/// A column's default as it stands behind `DEFAULT`. MariaDB answers in SQL,
/// and `NULL` where there is none; MySQL with the bare value, or an expression
/// that `extra` marks.
pub(super) fn default(product: Product, text: &str, sql_type: &str, extra: &str) -> Option<String> {
    if product == Product::MariaDb {
        return (text != "NULL").then(|| text.to_owned());
    }
    if is_now(text) {
        return Some(text.to_owned());
    }
    if extra.contains("DEFAULT_GENERATED") {
        return Some(format!("({})", expression(product, text)));
    }
    let is_bits = text.starts_with("b'") && sql_type.starts_with("bit");
    let is_bytes = text.starts_with("0x") && sql_type.contains("binary");
    Some(if is_bits || is_bytes { text.to_owned() } else { literal(text) })
}

fn is_now(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    let rest = lower.strip_prefix("current_timestamp");
    rest.is_some_and(|rest| rest.is_empty() || (rest.starts_with('(') && rest.ends_with(')')))
}

/// What stands behind `on update` in `extra`.
pub(super) fn on_update(extra: &str) -> Option<String> {
    let at = extra.to_ascii_lowercase().find("on update ")?;
    extra[at + "on update ".len()..].split_whitespace().next().map(str::to_owned)
}

/// An expression; MySQL puts a backslash before each quote in it.
pub(super) fn expression(product: Product, text: &str) -> String {
    match product {
        Product::MariaDb => text.to_owned(),
        Product::MySql => text.replace("\\'", "'"),
    }
}

/// Nothing said and both ways to say no come to the same.
pub(super) fn rule(text: &str) -> String {
    if text == "NO ACTION" { "RESTRICT".into() } else { text.to_owned() }
}

pub(super) fn row_format(create_options: &str) -> Option<String> {
    let mut words = create_options.split_whitespace();
    words.find_map(|word| word.strip_prefix("row_format=")).map(str::to_ascii_uppercase)
}

/// A view's query without the name of the database.
pub(super) fn without_database(query: &str, database: &str) -> String {
    // What the server wrote can be read.
    let Ok(tokens) = tokens::tokens(query, Dialect::MySql) else { return query.to_owned() };
    let mut shortened = String::with_capacity(query.len());
    let (mut end, mut is_behind_point) = (0, false);
    let mut tokens = tokens.iter().peekable();
    while let Some(token) = tokens.next() {
        shortened.push_str(&query[end..token.at]);
        end = token.end();
        let is_database = token.kind == Kind::Name && token.name().is_some_and(|name| name == database);
        if is_database && !is_behind_point && tokens.next_if(|next| next.is_mark('.')).is_some() {
            // Behind the database comes the table, which may have its name.
            let Some(table) = tokens.next() else { break };
            (shortened, end) = (shortened + table.text, table.end());
        } else {
            shortened.push_str(token.text);
        }
        is_behind_point = token.is_mark('.');
    }
    shortened + &query[end..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_of_both_products_read_as_sql() {
        use Product::*;
        for (product, text, sql_type, extra, expected) in [
            (MariaDb, "NULL", "int(11)", "", None),
            (MariaDb, "'NULL'", "varchar(9)", "", Some("'NULL'")),
            (MariaDb, "current_timestamp()", "datetime", "", Some("current_timestamp()")),
            (MySql, "NULL", "varchar(9)", "", Some("'NULL'")),
            (MySql, "it's", "varchar(9)", "", Some("'it\\'s'")),
            (MySql, "0", "int", "", Some("'0'")),
            (MySql, "b'101'", "bit(3)", "", Some("b'101'")),
            (MySql, "b'101'", "varchar(9)", "", Some("'b\\'101\\''")),
            (MySql, "0x00FF", "varbinary(4)", "", Some("0x00FF")),
            (MySql, "CURRENT_TIMESTAMP", "datetime", "DEFAULT_GENERATED", Some("CURRENT_TIMESTAMP")),
            (MySql, "CURRENT_TIMESTAMP(3)", "datetime(3)", "DEFAULT_GENERATED", Some("CURRENT_TIMESTAMP(3)")),
            (
                MySql,
                "concat(_utf8mb4\\'a\\')",
                "varchar(9)",
                "DEFAULT_GENERATED",
                Some("(concat(_utf8mb4'a'))"),
            ),
        ] {
            assert_eq!(default(product, text, sql_type, extra).as_deref(), expected, "{product:?} {text}");
        }
    }

    #[test]
    fn on_update_ends_with_its_word() {
        let extra = "DEFAULT_GENERATED on update CURRENT_TIMESTAMP(3) INVISIBLE";
        assert_eq!(on_update(extra).as_deref(), Some("CURRENT_TIMESTAMP(3)"));
        assert_eq!(on_update("on update current_timestamp()").as_deref(), Some("current_timestamp()"));
        assert_eq!(on_update("auto_increment"), None);
    }

    #[test]
    fn the_database_goes_out_of_a_view_and_nothing_else() {
        for (query, expected) in [
            ("select `a`.`t`.`x` AS `x` from `a`.`t`", "select `t`.`x` AS `x` from `t`"),
            ("select `a`.`a`.`a` AS `a` from `a`.`a`", "select `a`.`a` AS `a` from `a`"),
            ("select '`a`.`t`', '\\'`a`.' from `a`.`t`", "select '`a`.`t`', '\\'`a`.' from `t`"),
            ("select '''`a`.' AS `'``a``.` from `a`.`t`", "select '''`a`.' AS `'``a``.` from `t`"),
            ("select 1 from `b`.`t`", "select 1 from `b`.`t`"),
        ] {
            assert_eq!(without_database(query, "a"), expected);
        }
    }
}
