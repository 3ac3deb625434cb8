//! What a declaration says of a table as a whole, and what it leaves to the site.

use std::collections::BTreeSet;

use crate::database::lexer::Dialect;
use crate::database::lexer::tokens;
use crate::database::lexer::tokens::Kind;
use crate::database::lexer::tokens::Token;
use crate::database::schema::model::Schema;
use crate::database::schema::model::Table;

/// Takes out of tables that the server has made whatever it filled in by
/// itself. A character set that is declared without a collation stands alone.
pub(super) fn leave_open(schema: &mut Schema, statements: &[String]) {
    for statement in statements {
        if let Some((name, stated)) = options(statement)
            && let Some(table) = schema.tables.get_mut(&name)
        {
            open(table, &stated);
        }
    }
}

fn open(table: &mut Table, stated: &BTreeSet<&str>) {
    let whole = table.options.get("collation").cloned();
    let charset =
        whole.as_deref().and_then(|name| name.split_once('_')).map(|(charset, _)| charset.to_owned());
    let kept = match (stated.contains("collation"), stated.contains("charset")) {
        (true, _) => whole.clone(),
        (false, true) => charset.or(whole.clone()),
        (false, false) => None,
    };
    for column in table.columns.iter_mut().filter(|column| column.collation == whole) {
        column.collation.clone_from(&kept);
    }
    table.options.retain(|name, _| stated.contains(name.as_str()));
    table.options.extend(kept.map(|collation| ("collation".to_owned(), collation)));
}

/// The table that a `CREATE TABLE` makes, and the options it states.
fn options(statement: &str) -> Option<(String, BTreeSet<&'static str>)> {
    let mut tokens: Vec<Token> = tokens::tokens(statement, Dialect::MySql).ok()?;
    tokens.retain(|token| token.kind != Kind::Comment);
    let opening = tokens.iter().position(|token| token.is_mark('('))?;
    let (head, rest) = tokens.split_at(opening);
    if !head.first()?.is_word("create") || !head.iter().any(|token| token.is_word("table")) {
        return None;
    }
    let mut depth = 0;
    let behind = rest.iter().filter(|token| {
        depth += i32::from(token.is_mark('('));
        let is_outside = depth == 0;
        depth -= i32::from(token.is_mark(')'));
        is_outside
    });
    let mut stated = BTreeSet::new();
    for token in behind {
        for (word, option) in [
            ("engine", "engine"),
            ("collate", "collation"),
            ("charset", "charset"),
            ("character", "charset"),
            ("comment", "comment"),
            ("row_format", "row_format"),
        ] {
            if token.is_word(word) {
                stated.insert(option);
            }
        }
    }
    Some((head.last()?.name()?.into_owned(), stated))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_stands_behind_the_columns_is_an_option() {
        for (statement, expected) in [
            ("CREATE TABLE t (a int COMMENT 'engine')", "t:"),
            (
                "create table if not exists `x``y` (a char(3) collate utf8mb4_bin) Engine=InnoDB",
                "x`y: engine",
            ),
            ("CREATE TABLE t (a int) DEFAULT CHARSET=utf8mb4 COMMENT='collate'", "t: charset comment"),
            ("CREATE TABLE t (a int(3)) CHARACTER SET utf8 COLLATE 'utf8_bin'", "t: charset collation"),
        ] {
            let (name, stated) = options(statement).unwrap();
            let stated: String = stated.iter().map(|option| format!(" {option}")).collect();
            assert_eq!(format!("{name}:{stated}"), expected);
        }
        assert_eq!(options("CREATE VIEW v AS SELECT (1)"), None);
        assert_eq!(options("ALTER TABLE t ADD (a int) ENGINE=x"), None);
    }
}
