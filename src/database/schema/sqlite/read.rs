//! The model of a SQLite database, by its pragmas and, for what those do not
//! tell, by the texts in `sqlite_master`.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use crate::database::connection::Database;
use crate::database::connection::DatabaseError;
use crate::database::lexer::Dialect;
use crate::database::lexer::tokens::Kind;
use crate::database::lexer::tokens::behind_parentheses;
use crate::database::lexer::tokens::tokens;
use crate::database::schema::model::Column;
use crate::database::schema::model::ForeignKey;
use crate::database::schema::model::Generated;
use crate::database::schema::model::Key;
use crate::database::schema::model::KeyKind;
use crate::database::schema::model::KeyPart;
use crate::database::schema::model::PRIMARY;
use crate::database::schema::model::Schema;
use crate::database::schema::model::Table;
use crate::database::schema::sqlite::create;
use crate::database::schema::sqlite::create::ConflictOf;
use crate::database::schema::sqlite::create::Said;
use crate::database::schema::sqlite::expression;
use crate::database::scope::Scope;

type Result<T> = std::result::Result<T, DatabaseError>;

/// Options of every table, each [`YES`] or [`NO`]: types that one kind of
/// table has another may not know, so the release always decides.
pub(super) const STRICT: &str = "strict";
pub(super) const WITHOUT_ROWID: &str = "without rowid";
pub(super) const YES: &str = "yes";
pub(super) const NO: &str = "no";
/// Options that belong to one constraint: `on conflict PRIMARY`, `deferred …`.
pub(super) const ON_CONFLICT: &str = "on conflict ";
pub(super) const DEFERRED: &str = "deferred ";
/// How the names begin that are made from what they name.
pub(super) const CONSTRAINT_KEY: &str = "unique (";
pub(super) const UNNAMED_CHECK: &str = "check (";
pub(super) const UNNAMED_FOREIGN: &str = "foreign (";

/// Tables and views in the scope. Virtual tables, what they keep their rows
/// in, and SQLite's own tables are left alone.
pub(in crate::database::schema) fn schema(db: &mut dyn Database, scope: &Scope) -> Result<Schema> {
    let list = "SELECT l.name, l.type, l.wr, l.strict, m.sql FROM pragma_table_list AS l \
                JOIN sqlite_master AS m ON m.name = l.name AND m.type = l.type \
                WHERE l.schema = 'main' AND l.type IN ('table', 'view') ORDER BY l.name";
    let mut schema = Schema::default();
    let (mut views, mut names) = (Vec::new(), BTreeSet::new());
    for row in db.query(list)? {
        let [Some(name), Some(kind), without_rowid, strict, Some(sql)] = row.as_slice() else { continue };
        if name.to_ascii_lowercase().starts_with("sqlite_") || !scope.holds(name) {
            continue;
        }
        names.insert(name.to_lowercase());
        if kind == "view" {
            views.push((name.clone(), sql.clone()));
            continue;
        }
        let mut table = table(db, name, sql)?;
        for (option, is_set) in [(STRICT, strict), (WITHOUT_ROWID, without_rowid)] {
            let word = if is_set.as_deref() == Some("1") { YES } else { NO };
            table.options.insert(option.to_owned(), word.to_owned());
        }
        names.extend(table.columns.iter().map(|column| column.name.to_lowercase()));
        schema.tables.insert(name.clone(), table);
    }
    for (name, sql) in views {
        schema.views.insert(name, query(&sql, |word| names.contains(&word.to_lowercase())));
    }
    Ok(schema)
}

fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// What stands behind `CREATE VIEW name AS`, or, where the view names its
/// columns, behind `CREATE VIEW name`.
fn query(sql: &str, is_name: impl Fn(&str) -> bool) -> String {
    let Ok(tokens) = tokens(sql, Dialect::Sqlite) else { return sql.to_owned() };
    let mut code = tokens.iter().filter(|token| token.kind != Kind::Comment).skip(2);
    // SQLite itself writes `CREATE VIEW name` without IF NOT EXISTS.
    let (Some(_), Some(next)) = (code.next(), code.next()) else { return sql.to_owned() };
    let from = if next.is_word("as") { next.end() } else { next.at };
    expression::plain(&sql[from..], is_name)
}

fn table(db: &mut dyn Database, name: &str, sql: &str) -> Result<Table> {
    let said = create::read(sql).unwrap_or_default();
    let mut table = Table::default();
    let mut primary = BTreeMap::new();
    columns(db, name, &said, &mut table, &mut primary)?;
    let names: BTreeSet<String> = table.columns.iter().map(|column| column.name.to_lowercase()).collect();
    let is_name = |word: &str| names.contains(&word.to_lowercase());
    if !primary.is_empty() {
        let parts = primary.into_values().map(|of: String| part(of)).collect();
        table.keys.insert(PRIMARY.to_owned(), Key { kind: KeyKind::Primary, parts, filter: None });
    }
    keys(db, name, &mut table, &is_name)?;
    foreign_keys(db, name, &said, &mut table)?;
    for (check, condition) in &said.checks {
        let condition = expression::plain(condition, is_name);
        let name = check.clone().unwrap_or_else(|| format!("{UNNAMED_CHECK}{condition})"));
        insert(&mut table.checks, name, condition);
    }
    for column in &mut table.columns {
        column.check = column.check.as_deref().map(|check| expression::plain(check, is_name));
        if let Some(generated) = &mut column.generated {
            generated.expression = expression::plain(&generated.expression, is_name);
        }
    }
    for (of, word) in &said.conflicts {
        let of = match of {
            ConflictOf::Primary => PRIMARY.to_owned(),
            ConflictOf::NotNull(column) => format!("not null {column}"),
            ConflictOf::Unique(columns) => unique_name(columns),
        };
        table.options.insert(format!("{ON_CONFLICT}{of}"), word.clone());
    }
    Ok(table)
}

fn unique_name(columns: &[String]) -> String {
    format!("{CONSTRAINT_KEY}{})", columns.join(", "))
}

/// SQLite lets several constraints have one name.
fn insert<T: PartialEq>(all: &mut BTreeMap<String, T>, name: String, value: T) {
    let mut free = name.clone();
    for number in 2.. {
        match all.get(&free) {
            Some(other) if *other != value => free = format!("{name} {number}"),
            _ => break,
        }
    }
    all.insert(free, value);
}

fn part(of: String) -> KeyPart {
    KeyPart { of, is_expression: false, length: None, descending: false, collation: None }
}

fn columns(
    db: &mut dyn Database,
    name: &str,
    said: &Said,
    table: &mut Table,
    primary: &mut BTreeMap<u32, String>,
) -> Result<()> {
    let list = format!(
        "SELECT name, type, dflt_value, pk, hidden FROM pragma_table_xinfo({}) ORDER BY cid",
        literal(name)
    );
    for row in db.query(&list)? {
        let [Some(column), sql_type, default, pk, hidden] = row.as_slice() else { continue };
        let text = said.columns.get(&column.to_lowercase()).cloned().unwrap_or_default();
        let hidden = hidden.as_deref().unwrap_or("0");
        let generated = text.generated.filter(|_| matches!(hidden, "2" | "3"));
        if let Some(place) = pk.as_deref().and_then(|pk| pk.parse().ok()).filter(|place: &u32| *place > 0) {
            primary.insert(place, column.clone());
        }
        table.columns.push(Column {
            name: column.clone(),
            sql_type: type_of(sql_type.as_deref().unwrap_or_default()),
            // The pragma counts in what a primary key alone brings about.
            nullable: !text.not_null,
            default: default.as_deref().filter(|_| generated.is_none()).and_then(expression::default),
            auto_increment: text.auto_increment,
            on_update: None,
            generated: generated.map(|expression| Generated { expression, stored: hidden == "3" }),
            collation: text
                .collation
                .filter(|name| !name.eq_ignore_ascii_case("binary"))
                .map(|name| name.to_ascii_lowercase()),
            check: text.check,
            comment: String::new(),
        });
    }
    Ok(())
}

/// Types mean the same in any case and spacing; a generated column's has two
/// words behind it in the pragma.
fn type_of(said: &str) -> String {
    let lower = said.to_ascii_lowercase();
    let lower = lower.trim().trim_end_matches("generated always").trim();
    let spaced = lower.split_whitespace().collect::<Vec<_>>().join(" ");
    spaced.replace(" (", "(").replace("( ", "(").replace(" )", ")").replace(" ,", ",").replace(", ", ",")
}

fn keys(db: &mut dyn Database, name: &str, table: &mut Table, is_name: &dyn Fn(&str) -> bool) -> Result<()> {
    let list = format!(
        "SELECT l.name, l.\"unique\", l.origin, m.sql FROM pragma_index_list({}) AS l \
         LEFT JOIN sqlite_master AS m ON m.type = 'index' AND m.name = l.name ORDER BY l.seq",
        literal(name)
    );
    for row in db.query(&list)? {
        let [Some(index), unique, Some(origin), sql] = row.as_slice() else { continue };
        let (said, filter) = sql.as_deref().and_then(|sql| index_text(sql, is_name)).unwrap_or_default();
        let parts = parts(db, index, &said, table)?;
        let columns: Vec<String> = parts.iter().map(|part| part.of.clone()).collect();
        let (name, kind) = match (origin.as_str(), unique.as_deref()) {
            ("pk", _) => (PRIMARY.to_owned(), KeyKind::Primary),
            ("u", _) => (unique_name(&columns), KeyKind::Unique),
            (_, Some("1")) => (index.clone(), KeyKind::Unique),
            _ => (index.clone(), KeyKind::Plain),
        };
        table.keys.insert(name, Key { kind, parts, filter });
    }
    Ok(())
}

fn parts(db: &mut dyn Database, index: &str, said: &[String], table: &Table) -> Result<Vec<KeyPart>> {
    let list = format!(
        "SELECT name, cid, \"desc\", coll FROM pragma_index_xinfo({}) WHERE key = 1 ORDER BY seqno",
        literal(index)
    );
    let mut parts = Vec::new();
    for (at, row) in db.query(&list)?.into_iter().enumerate() {
        let [name, _, descending, collation] = row.as_slice() else { continue };
        let column = name.as_deref().and_then(|name| table.column(name));
        let own = column.and_then(|column| column.collation.as_deref()).unwrap_or("binary");
        let collation = collation.as_deref().map(str::to_ascii_lowercase).filter(|name| name != own);
        let of = name.clone().or_else(|| said.get(at).cloned()).unwrap_or_default();
        let descending = descending.as_deref() == Some("1");
        parts.push(KeyPart { of, is_expression: name.is_none(), length: None, descending, collation });
    }
    Ok(parts)
}

/// The parts of an index without their order and collation, and the rows it holds.
fn index_text(sql: &str, is_name: &dyn Fn(&str) -> bool) -> Option<(Vec<String>, Option<String>)> {
    let mut tokens = tokens(sql, Dialect::Sqlite).ok()?;
    tokens.retain(|token| token.kind != Kind::Comment);
    let on = tokens.iter().position(|token| token.is_word("on"))?;
    let open = on + tokens[on..].iter().position(|token| token.is_mark('('))?;
    let behind = behind_parentheses(&tokens, open)?;
    let mut said = Vec::new();
    for mut item in create::items(&tokens[open + 1..behind - 1]) {
        if let [rest @ .., last] = item
            && (last.is_word("asc") || last.is_word("desc"))
        {
            item = rest;
        }
        if let [rest @ .., word, _] = item
            && word.is_word("collate")
        {
            item = rest;
        }
        let (first, last) = (item.first()?, item.last()?);
        let text = expression::plain(&sql[first.at..last.end()], is_name);
        said.push(expression::without_parentheses(&text).to_owned());
    }
    let filter = tokens.get(behind).filter(|token| token.is_word("where"));
    Some((said, filter.map(|word| expression::plain(&sql[word.end()..], is_name))))
}

fn foreign_keys(db: &mut dyn Database, name: &str, said: &Said, table: &mut Table) -> Result<()> {
    let list = format!(
        "SELECT id, \"table\", \"from\", \"to\", on_update, on_delete FROM pragma_foreign_key_list({}) ORDER BY id, seq",
        literal(name)
    );
    let mut found: BTreeMap<usize, ForeignKey> = BTreeMap::new();
    for row in db.query(&list)? {
        let [Some(id), Some(other), Some(from), to, Some(on_update), Some(on_delete)] = row.as_slice() else {
            continue;
        };
        let key = found.entry(id.parse().unwrap_or_default()).or_insert_with(|| ForeignKey {
            columns: Vec::new(),
            table: other.clone(),
            referenced: Vec::new(),
            on_delete: on_delete.clone(),
            on_update: on_update.clone(),
        });
        key.columns.push(from.clone());
        key.referenced.extend(to.clone());
    }
    // The last one in the text is the first in the pragma.
    let count = found.len();
    for (id, key) in found {
        let text = (said.foreign.len() == count).then(|| said.foreign.get(count - 1 - id)).flatten();
        let (name, deferred) = text.cloned().unwrap_or_default();
        let name =
            name.unwrap_or_else(|| format!("{UNNAMED_FOREIGN}{}) to {}", key.columns.join(", "), key.table));
        if let Some(deferred) = deferred {
            table.options.insert(format!("{DEFERRED}{name}"), deferred);
        }
        insert(&mut table.foreign, name, key);
    }
    Ok(())
}
