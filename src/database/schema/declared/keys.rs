//! Keys and foreign keys of the TOML form.

use crate::database::lexer::Dialect;
use crate::database::lexer::tokens::Kind;
use crate::database::lexer::tokens::behind_parentheses;
use crate::database::lexer::tokens::tokens;
use crate::database::schema::declared::column::Doubt;
use crate::database::schema::declared::column::doubt;
use crate::database::schema::declared::document::Node;
use crate::database::schema::declared::draft::ForeignDraft;
use crate::database::schema::declared::draft::KeyDraft;
use crate::database::schema::declared::draft::PartDraft;
use crate::database::schema::declared::draft::PartOf;
use crate::database::schema::declared::draft::Sort;
use crate::database::schema::declared::error::DeclarationError;
use crate::database::schema::declared::names;
use crate::database::schema::declared::toml::Context;
use crate::database::schema::declared::toml::checked_name;
use crate::database::schema::declared::toml::told;

type Result<T> = std::result::Result<T, DeclarationError>;

/// `by_date = ["date", "title(40)", "id desc", "(lower(title))"]`, or with
/// `{ columns = […], where = "…" }`.
pub(super) fn keys(sort: &str, node: &Node<'_>, table: &str, context: &Context<'_>) -> Result<Vec<KeyDraft>> {
    let sort = match sort {
        "unique" => Sort::Unique,
        "fulltext" => Sort::FullText,
        _ => Sort::Plain,
    };
    let mut keys = Vec::new();
    for (name, node) in node.entries()? {
        let node = node.named(format!("table {table}, key {name}"));
        let name = checked_name(&node, name)?;
        let (parts, filter) = columns_and_filter(&node, context)?;
        if parts.is_empty() {
            return Err(node.wrong("a key needs columns", "write [\"column\"]"));
        }
        // SQLite searches text in virtual tables, which are the application's own.
        if sort != Sort::FullText || context.dialect == Dialect::MySql {
            keys.push(KeyDraft { name, place: node.place.clone(), sort, parts, filter });
        }
    }
    Ok(keys)
}

fn columns_and_filter(node: &Node<'_>, context: &Context<'_>) -> Result<(Vec<PartDraft>, Option<String>)> {
    if !node.is_table() {
        return Ok((parts(node, context)?, None));
    }
    let (mut columns, mut filter) = (Vec::new(), None);
    for (name, part) in node.entries()? {
        match name {
            "columns" => columns = parts(&part, context)?,
            "where" => filter = context.expression(&part)?,
            _ => return Err(part.wrong("not known of a key", "known are columns and where")),
        }
    }
    if filter.is_some() && context.dialect == Dialect::MySql {
        return Err(node.wrong("MySQL has no keys over some rows", "write where = { sqlite = \"…\" }"));
    }
    Ok((columns, filter))
}

fn parts(node: &Node<'_>, context: &Context<'_>) -> Result<Vec<PartDraft>> {
    let list = node.list()?;
    list.iter().map(|node| told(node, part(&context.filled(node.string()?), context.dialect))).collect()
}

/// `date`, `title(40)`, `id desc`, `(lower(title))`
fn part(sql: &str, dialect: Dialect) -> std::result::Result<PartDraft, Doubt> {
    let odd = || {
        doubt(
            format!("\"{sql}\" is no part of a key"),
            "write \"date\", \"title(40)\", \"id desc\" or \"(lower(title))\"",
        )
    };
    if names::not_closed(sql, dialect).is_some() {
        return odd();
    }
    let tokens = tokens(sql, dialect).unwrap_or_default();
    let behind = behind_parentheses(&tokens, 0).filter(|_| tokens[0].is_mark('('));
    let (of, at) = match behind {
        Some(end) => (PartOf::Expression(sql[tokens[0].at..tokens[end - 1].end()].to_owned()), end),
        None if !matches!(tokens[0].kind, Kind::Word | Kind::Name) => return odd(),
        None => {
            let name = tokens[0].name().unwrap_or_default().into_owned();
            match &tokens[1..] {
                [open, number, close, ..] if open.is_mark('(') && close.is_mark(')') => {
                    let Ok(length) = number.text.parse() else { return odd() };
                    (PartOf::Column { name, length: Some(length) }, 4)
                }
                _ => (PartOf::Column { name, length: None }, 1),
            }
        }
    };
    match &tokens[at..] {
        [] => Ok(PartDraft { of, descending: false }),
        [word] if word.is_word("asc") => Ok(PartDraft { of, descending: false }),
        [word] if word.is_word("desc") => Ok(PartDraft { of, descending: true }),
        _ => odd(),
    }
}

/// `author = { columns = ["author_id"], table = "users", references = ["id"], on_delete = "cascade" }`
pub(super) fn foreign(node: &Node<'_>, table: &str) -> Result<Vec<ForeignDraft>> {
    let entries = node.entries()?.into_iter();
    entries
        .map(|(name, node)| one_foreign(name, &node.named(format!("table {table}, foreign key {name}"))))
        .collect()
}

fn one_foreign(name: &str, node: &Node<'_>) -> Result<ForeignDraft> {
    let mut draft = ForeignDraft {
        name: checked_name(node, name)?,
        place: node.place.clone(),
        columns: Vec::new(),
        table: String::new(),
        references: Vec::new(),
        on_delete: None,
        on_update: None,
    };
    for (name, part) in node.entries()? {
        match name {
            "columns" => draft.columns = part.strings()?,
            "table" => draft.table = checked_name(&part, part.string()?)?,
            "references" => draft.references = part.strings()?,
            "on_delete" => draft.on_delete = Some(action(&part)?),
            "on_update" => draft.on_update = Some(action(&part)?),
            _ => {
                let known = "known are columns, table, references, on_delete and on_update";
                return Err(part.wrong("not known of a foreign key", known));
            }
        }
    }
    if draft.columns.is_empty() || draft.table.is_empty() || draft.references.len() != draft.columns.len() {
        let instead = "write { columns = [\"author_id\"], table = \"users\", references = [\"id\"] }";
        return Err(node.wrong("a foreign key needs columns, a table, and as many columns of it", instead));
    }
    Ok(draft)
}

fn action(node: &Node<'_>) -> Result<String> {
    let known = ["CASCADE", "SET NULL", "RESTRICT", "NO ACTION", "SET DEFAULT"];
    let said = node.string()?.to_ascii_uppercase();
    match known.contains(&said.as_str()) {
        true => Ok(said),
        false => {
            Err(node.wrong(format!("\"{said}\" is no action"), format!("known are {}", known.join(", "))))
        }
    }
}
