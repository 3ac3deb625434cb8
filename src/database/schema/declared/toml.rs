//! The TOML form of declared tables. The order of columns in the file counts,
//! and nothing that is not known is passed over.

use std::collections::BTreeMap;

use crate::base::path::SitePath;
use crate::database::lexer::Dialect;
use crate::database::schema::declared::Stage;
use crate::database::schema::declared::column;
use crate::database::schema::declared::column::Doubt;
use crate::database::schema::declared::document;
use crate::database::schema::declared::document::Node;
use crate::database::schema::declared::draft::CheckDraft;
use crate::database::schema::declared::draft::ColumnDraft;
use crate::database::schema::declared::draft::Definition;
use crate::database::schema::declared::draft::Options;
use crate::database::schema::declared::draft::TableDraft;
use crate::database::schema::declared::draft::ViewDraft;
use crate::database::schema::declared::error::DeclarationError;
use crate::database::schema::declared::error::Place;
use crate::database::schema::declared::keys;
use crate::database::schema::declared::names;
use crate::database::schema::declared::types;

type Result<T> = std::result::Result<T, DeclarationError>;

/// What one file says, names without the prefix.
#[derive(Debug, Default)]
pub(super) struct Said {
    pub tables: Vec<TableDraft>,
    pub views: Vec<ViewDraft>,
    pub drop: Drop,
    pub order: Option<(Place, Vec<Stage>)>,
}

#[derive(Debug, Default)]
pub(super) struct Drop {
    pub tables: Vec<(Place, String)>,
    pub views: Vec<(Place, String)>,
    pub columns: BTreeMap<String, Vec<(Place, String)>>,
    pub keys: BTreeMap<String, Vec<(Place, String)>>,
}

pub(super) struct Context<'c> {
    pub dialect: Dialect,
    pub prefix: &'c str,
}

impl Context<'_> {
    pub fn filled(&self, sql: &str) -> String {
        sql.replace("{prefix}", self.prefix)
    }

    /// A piece of SQL with the prefix, for this dialect.
    pub fn spoken(&self, node: &Node<'_>) -> Result<Option<String>> {
        let Some(sql) = node.spoken()? else { return Ok(None) };
        Ok(Some(self.filled(&sql)))
    }

    pub fn expression(&self, node: &Node<'_>) -> Result<Option<String>> {
        let Some(sql) = self.spoken(node)? else { return Ok(None) };
        match names::not_closed(&sql, self.dialect) {
            None => Ok(Some(sql)),
            Some(why) => Err(node.wrong(format!("\"{sql}\" is not taken: {why}"), "write one expression")),
        }
    }
}

/// Reads a file. An extension's descriptor says other things, too.
pub(super) fn read(file: &SitePath, text: &str, context: &Context<'_>) -> Result<Said> {
    let document = document::parse(file, text)?;
    let root = Node::root(file, &document, text, context.dialect);
    let is_descriptor = file.name() == "extension.toml";
    let mut said = Said::default();
    for (name, node) in root.entries()? {
        match name {
            "format" if is_descriptor || node.integer() == Some(1) => {}
            "format" => return Err(node.wrong("this format is not known", "write format = 1")),
            "tables" => said.tables = tables(&node, context)?,
            "views" => said.views = views(&node, context)?,
            "drop" => said.drop = dropped(&node)?,
            "order" if !is_descriptor => said.order = Some((node.place.clone(), order(&node)?)),
            _ if is_descriptor => {}
            _ => return Err(node.wrong("not known here", "known are format, tables, views, drop and order")),
        }
    }
    Ok(said)
}

pub(super) fn checked_name(node: &Node<'_>, name: &str) -> Result<String> {
    match names::objection(name) {
        None => Ok(name.to_owned()),
        Some(why) => Err(node.wrong(format!("\"{name}\" cannot be a name: {why}"), "")),
    }
}

/// `ok_or` for what a reader of SQL doubts.
pub(super) fn told<T>(node: &Node<'_>, result: std::result::Result<T, Doubt>) -> Result<T> {
    result.map_err(|(what, instead)| node.wrong(what, instead))
}

fn order(node: &Node<'_>) -> Result<Vec<Stage>> {
    let mut stages = Vec::new();
    for entry in node.list()? {
        let known = "known are \"tables\", \"sql\" and \"upgrade\", each at most once";
        let stage = match entry.string()? {
            "tables" => Stage::Tables,
            "sql" => Stage::Sql,
            "upgrade" => Stage::Upgrade,
            other => return Err(entry.wrong(format!("\"{other}\" is no stage"), known)),
        };
        if stages.contains(&stage) {
            return Err(entry.wrong("a stage stands twice", known));
        }
        stages.push(stage);
    }
    // What is not named comes behind, as always.
    stages.extend(Stage::ALL.iter().filter(|stage| !stages.contains(stage)).copied().collect::<Vec<_>>());
    Ok(stages)
}

fn views(node: &Node<'_>, context: &Context<'_>) -> Result<Vec<ViewDraft>> {
    let mut views = Vec::new();
    for (name, node) in node.entries()? {
        let node = node.named(format!("view {name}"));
        let name = checked_name(&node, name)?;
        let Some(query) = context.expression(&node)? else { continue };
        let query = query.trim();
        let first = query.split(|c: char| !c.is_ascii_alphabetic()).next().unwrap_or_default();
        if !first.eq_ignore_ascii_case("select") && !first.eq_ignore_ascii_case("with") {
            return Err(node.wrong("a view is a query", "begin it with SELECT"));
        }
        views.push(ViewDraft { name, place: node.place.clone(), text: format!("AS {query}") });
    }
    Ok(views)
}

fn dropped(node: &Node<'_>) -> Result<Drop> {
    let mut drop = Drop::default();
    let listed = |node: &Node<'_>| -> Result<Vec<(Place, String)>> {
        let named = |node: &Node<'_>| Ok((node.place.clone(), checked_name(node, node.string()?)?));
        node.list()?.iter().map(named).collect()
    };
    for (name, node) in node.entries()? {
        match name {
            "tables" => drop.tables = listed(&node)?,
            "views" => drop.views = listed(&node)?,
            "columns" | "keys" => {
                for (table, node) in node.entries()? {
                    let of = if name == "keys" { &mut drop.keys } else { &mut drop.columns };
                    of.insert(checked_name(&node, table)?, listed(&node)?);
                }
            }
            _ => return Err(node.wrong("not known here", "known are tables, views, columns and keys")),
        }
    }
    Ok(drop)
}

fn tables(node: &Node<'_>, context: &Context<'_>) -> Result<Vec<TableDraft>> {
    let read = |(name, node): (&str, Node<'_>)| {
        let node = node.named(format!("table {name}"));
        let draft = TableDraft {
            name: checked_name(&node, name)?,
            place: node.place.clone(),
            extends: false,
            columns: Vec::new(),
            primary: Vec::new(),
            keys: Vec::new(),
            foreign: Vec::new(),
            checks: Vec::new(),
            options: Options::default(),
            was: Vec::new(),
        };
        table(&node, draft, context)
    };
    node.entries()?.into_iter().map(read).collect()
}

const OF_TABLES: &str = "known are columns, primary, keys, unique, fulltext, foreign, checks, engine, charset, \
                         collation, comment, row_format, strict, without_rowid, was and extends";

fn table(node: &Node<'_>, mut draft: TableDraft, context: &Context<'_>) -> Result<TableDraft> {
    for (name, part) in node.entries()? {
        match name {
            "columns" => draft.columns = columns(&part, &draft.name, context)?,
            "primary" => draft.primary = part.strings()?,
            "keys" | "unique" | "fulltext" => {
                draft.keys.extend(keys::keys(name, &part, &draft.name, context)?)
            }
            "foreign" => draft.foreign = keys::foreign(&part, &draft.name)?,
            "checks" => draft.checks = checks(&part, context)?,
            "was" => draft.was = part.strings()?,
            "extends" => draft.extends = part.flag()?,
            _ => option(name, &part, &mut draft.options, context)?,
        }
    }
    let is_inline = |column: &&ColumnDraft| column.definition.is_primary;
    if let Some(column) = draft.columns.iter().find(is_inline).filter(|_| draft.primary.is_empty()) {
        draft.primary = vec![column.name.clone()];
    }
    Ok(draft)
}

fn option(name: &str, node: &Node<'_>, options: &mut Options, context: &Context<'_>) -> Result<()> {
    let word = |node: &Node<'_>| -> Result<Option<String>> {
        match context.spoken(node)? {
            Some(word) if word.is_empty() || !word.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') => {
                Err(node.wrong(format!("\"{word}\" is no single word"), ""))
            }
            word => Ok(word),
        }
    };
    match name {
        "engine" => options.engine = word(node)?,
        "charset" => options.charset = word(node)?,
        "collation" => options.collation = word(node)?,
        "row_format" => options.row_format = word(node)?,
        "comment" => options.comment = context.spoken(node)?,
        "strict" => options.strict = node.flag()?,
        "without_rowid" => options.without_rowid = node.flag()?,
        _ => return Err(node.wrong("not known of a table", OF_TABLES)),
    }
    Ok(())
}

fn checks(node: &Node<'_>, context: &Context<'_>) -> Result<Vec<CheckDraft>> {
    let mut checks = Vec::new();
    for (name, node) in node.entries()? {
        let name = checked_name(&node, name)?;
        checks.extend(context.expression(&node)?.map(|condition| CheckDraft { name, condition }));
    }
    Ok(checks)
}

fn columns(node: &Node<'_>, table: &str, context: &Context<'_>) -> Result<Vec<ColumnDraft>> {
    let entries = node.entries()?.into_iter();
    entries
        .map(|(name, node)| {
            let node = node.named(format!("table {table}, column {name}"));
            let mut draft = ColumnDraft {
                name: checked_name(&node, name)?,
                place: node.place.clone(),
                definition: Definition::default(),
                was: Vec::new(),
                may_narrow: false,
            };
            let is_long = node.is_table() && node.entries()?.iter().any(|(name, _)| *name == "type");
            draft.definition = match is_long {
                true => long(&node, &mut draft, context)?,
                false => short(&node, context)?,
            };
            only_sqlite_knows(&node, &mut draft.definition, context)?;
            Ok(draft)
        })
        .collect()
}

fn short(node: &Node<'_>, context: &Context<'_>) -> Result<Definition> {
    let Some(sql) = context.spoken(node)? else { return Err(unsaid(node, context)) };
    let mut definition = told(node, column::definition(&sql, context.dialect))?;
    definition.sql_type = spelt(node, definition.sql_type, context)?;
    Ok(definition)
}

fn unsaid(node: &Node<'_>, context: &Context<'_>) -> DeclarationError {
    let dialect = if context.dialect == Dialect::MySql { "mysql" } else { "sqlite" };
    node.wrong(
        format!("it has no type for {dialect}"),
        "write one text for both, or { mysql = \"…\", sqlite = \"…\" }",
    )
}

/// The type in the dialect's words, where it was written for both.
fn spelt(node: &Node<'_>, sql_type: String, context: &Context<'_>) -> Result<String> {
    if context.dialect == Dialect::MySql || node.is_table() {
        return Ok(sql_type);
    }
    match types::in_sqlite(&sql_type) {
        Some(word) => Ok(word.to_owned()),
        None => Err(node.wrong(
            format!("what is {sql_type} in SQLite?"),
            format!("say both: {{ mysql = \"{sql_type}\", sqlite = \"…\" }}"),
        )),
    }
}

const OF_COLUMNS: &str = "known are type, null, default, auto_increment, charset, collation, comment, generated, \
                          stored, on_update, check, was and narrow";

fn long(node: &Node<'_>, draft: &mut ColumnDraft, context: &Context<'_>) -> Result<Definition> {
    let mut read = Definition { nullable: true, ..Definition::default() };
    for (name, part) in node.entries()? {
        match name {
            "type" => {
                let Some(sql) = context.spoken(&part)? else { return Err(unsaid(node, context)) };
                let sql_type = told(&part, column::sql_type(&sql, context.dialect))?;
                read.sql_type = spelt(&part, sql_type, context)?;
            }
            "null" => read.nullable = part.flag()?,
            "default" => read.default = value(&part, context)?,
            "on_update" => read.on_update = value(&part, context)?,
            "auto_increment" => read.auto_increment = part.flag()?,
            "charset" => read.charset = word(&part, context)?,
            "collation" => read.collation = word(&part, context)?,
            "comment" => read.comment = context.spoken(&part)?,
            "generated" => read.generated = context.expression(&part)?,
            "stored" => read.stored = part.flag()?,
            "check" => read.check = context.expression(&part)?,
            "was" => draft.was = part.strings()?,
            "narrow" => draft.may_narrow = part.flag()?,
            _ => return Err(part.wrong("not known of a column", OF_COLUMNS)),
        }
    }
    Ok(read)
}

fn value(node: &Node<'_>, context: &Context<'_>) -> Result<Option<String>> {
    let Some(sql) = context.spoken(node)? else { return Ok(None) };
    told(node, column::default(&sql, context.dialect)).map(Some)
}

fn word(node: &Node<'_>, context: &Context<'_>) -> Result<Option<String>> {
    let mut options = Options::default();
    option("collation", node, &mut options, context)?;
    Ok(options.collation)
}

/// SQLite has no character sets and comments, which change no value; what it
/// would silently do otherwise is refused.
fn only_sqlite_knows(node: &Node<'_>, definition: &mut Definition, context: &Context<'_>) -> Result<()> {
    if context.dialect == Dialect::MySql {
        return Ok(());
    }
    let own =
        |name: &String| ["binary", "nocase", "rtrim"].iter().any(|known| name.eq_ignore_ascii_case(known));
    definition.collation = definition.collation.take().filter(own);
    definition.charset = None;
    definition.comment = None;
    match &definition.on_update {
        None => Ok(()),
        Some(value) => Err(node.wrong(
            "SQLite has no ON UPDATE for columns",
            format!("if the application sets it itself there, write on_update = {{ mysql = \"{value}\" }}"),
        )),
    }
}
