//! Which tables and columns belong together, by which key their rows are told
//! apart, and in which way they are compared. Decides; asks no server.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use crate::database::compare::Exactness;
use crate::database::compare::Rules;
use crate::database::compare::value::Family;
use crate::database::lexer::Dialect;
use crate::database::schema::model::Column;
use crate::database::schema::model::Key;
use crate::database::schema::model::KeyKind;
use crate::database::schema::model::PRIMARY;
use crate::database::schema::model::Schema;
use crate::database::schema::model::Table;

/// A database as far as pairing goes.
pub(super) struct Known<'a> {
    pub schema: &'a Schema,
    pub dialect: Dialect,
    pub prefix: &'a str,
}

/// A table that both have.
#[derive(Debug)]
pub(super) struct Pair {
    pub names: [String; 2],
    pub dialects: [Dialect; 2],
    /// Only those that both have and that are compared; those of the key first.
    pub columns: Vec<PairedColumn>,
    /// How many of `columns` are the key; 0: rows are told apart by all they hold.
    pub key: usize,
    pub way: Way,
    /// Rows that do not count.
    pub volatile_rows: Option<String>,
    pub volatile_columns: Vec<String>,
}

#[derive(Debug, Clone)]
pub(super) struct PairedColumn {
    pub names: [String; 2],
    pub family: Family,
    pub order: Order,
    pub nullable: bool,
    /// How the two columns are asked for.
    pub forms: [Form; 2],
    /// Its sum stands for it in a sum of rows.
    pub is_long: bool,
}

/// How the server is asked for a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    AsIs,
    /// A FLOAT with all its digits, a BIT as a number.
    WithAllDigits,
    /// Text of a character set that differs from the other side's.
    Converted,
    /// Text whose bytes could change on the way.
    RawText,
    Binary,
    /// Text of one byte a letter, the same on both sides.
    Latin,
}

/// In which order the values of a key come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    Number,
    Bytes,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// Sums of pieces, computed by the servers; rows are read where sums differ.
    Sums,
    /// All rows of both, in the order of the key.
    Rows,
    /// How often each row stands in each.
    Counts,
}

/// Tables by the name without the prefix, on each side.
pub(super) fn tables<'a>(known: &Known<'a>) -> BTreeMap<&'a str, &'a str> {
    known.schema.tables.keys().map(|name| (bare(name, known.prefix), name.as_str())).collect()
}

pub(super) fn bare<'a>(name: &'a str, prefix: &str) -> &'a str {
    name.strip_prefix(prefix).filter(|rest| !rest.is_empty()).unwrap_or(name)
}

/// The pair of one table; `None` where nothing of it is compared.
pub(super) fn pair(table: &str, a: &Known, b: &Known, names: [&str; 2], rules: &Rules) -> Option<Pair> {
    let volatile_rows = rules.volatile_rows.get(table).cloned();
    if volatile_rows.as_deref() == Some("1") {
        return None;
    }
    let (of_a, of_b) = (a.schema.tables.get(names[0])?, b.schema.tables.get(names[1])?);
    let key = common_key(of_a, of_b);
    let listed: BTreeSet<String> =
        rules.volatile_columns.get(table).into_iter().flatten().map(|name| name.to_lowercase()).collect();
    let is_volatile =
        |name: &str| listed.contains(&name.to_lowercase()) && !key.iter().any(|one| one == name);
    let dialects = [a.dialect, b.dialect];
    let (mut columns, mut left_out) = (Vec::new(), Vec::new());
    for column in &of_a.columns {
        let Some(other) = of_b.columns.iter().find(|other| same_name(&other.name, &column.name)) else {
            continue;
        };
        if is_volatile(&column.name) {
            left_out.push(column.name.clone());
        } else if column.generated.is_none() && other.generated.is_none() {
            columns.push(paired(column, other, dialects));
        }
    }
    let place = |column: &PairedColumn| key.iter().position(|name| *name == column.names[0]);
    columns.sort_by_key(|column| place(column).unwrap_or(usize::MAX));
    let key = key.len();
    for column in columns[..key].iter_mut().filter(|column| column.family == Family::Typed) {
        column.family = Family::Plain;
    }
    let way = way(of_a, of_b, &columns[..key], dialects, rules.exactness);
    Some(Pair {
        names: names.map(str::to_owned),
        dialects,
        columns,
        key,
        way,
        volatile_rows,
        volatile_columns: left_out,
    })
}

pub(super) fn same_name(a: &str, b: &str) -> bool {
    a.to_lowercase() == b.to_lowercase()
}

/// The columns of the first key of `a` that tells rows apart in both.
fn common_key(a: &Table, b: &Table) -> Vec<String> {
    let mut keys: Vec<(&String, &Key)> = a.keys.iter().filter(|(_, key)| identifies(a, key)).collect();
    keys.sort_by_key(|(name, _)| (*name != PRIMARY, *name));
    let columns = |key: &Key| -> Vec<String> { key.parts.iter().map(|part| part.of.clone()).collect() };
    let lower =
        |key: &Key| -> BTreeSet<String> { key.parts.iter().map(|part| part.of.to_lowercase()).collect() };
    keys.into_iter()
        .find(|(_, key)| b.keys.values().any(|other| identifies(b, other) && lower(other) == lower(key)))
        .map(|(_, key)| columns(key))
        .unwrap_or_default()
}

fn identifies(table: &Table, key: &Key) -> bool {
    let whole = |part: &crate::database::schema::model::KeyPart| {
        let column = table.columns.iter().find(|column| same_name(&column.name, &part.of));
        // SQLite calls the columns of a primary key nullable; few hold NULL.
        let is_set = |column: &&Column| key.kind == KeyKind::Primary || !column.nullable;
        let plain = column.filter(is_set).is_some_and(|column| column.generated.is_none());
        plain && part.length.is_none() && !part.is_expression
    };
    matches!(key.kind, KeyKind::Primary | KeyKind::Unique)
        && key.filter.is_none()
        && !key.parts.is_empty()
        && key.parts.iter().all(whole)
}

fn paired(a: &Column, b: &Column, dialects: [Dialect; 2]) -> PairedColumn {
    let kinds = [kind(&a.sql_type), kind(&b.sql_type)];
    let numbers =
        |at: usize| is_integer(&kinds[at]) || (dialects[at] == Dialect::Sqlite && kinds[at].contains("int"));
    PairedColumn {
        names: [a.name.clone(), b.name.clone()],
        family: family([&kinds[0], &kinds[1]], dialects),
        order: if numbers(0) && numbers(1) { Order::Number } else { Order::Bytes },
        nullable: a.nullable || b.nullable,
        forms: [form(a, b, &kinds[0]), form(b, a, &kinds[1])],
        is_long: is_long(&kinds[0]) || is_long(&kinds[1]),
    }
}

/// The bare type in lower case: `varchar`, `bit`.
pub(super) fn kind(sql_type: &str) -> String {
    let word = sql_type.trim_start().split(|c: char| c == '(' || c.is_whitespace()).next();
    word.unwrap_or_default().to_lowercase()
}

pub(super) fn is_integer(kind: &str) -> bool {
    matches!(kind, "tinyint" | "smallint" | "mediumint" | "int" | "integer" | "bigint" | "year")
}

fn is_long(kind: &str) -> bool {
    let long = ["text", "mediumtext", "longtext", "json", "blob", "mediumblob", "longblob", "vector"];
    long.contains(&kind) || is_geometry(kind)
}

fn is_geometry(kind: &str) -> bool {
    let kinds = ["geometry", "point", "linestring", "polygon", "collection"];
    kinds.iter().any(|name| kind.ends_with(name))
}

fn family(kinds: [&str; 2], dialects: [Dialect; 2]) -> Family {
    let of_mysql = |kind: &str| match kind {
        "float" => Family::Single,
        "double" | "real" => Family::Double,
        "decimal" | "numeric" | "bit" => Family::Number,
        "date" | "datetime" | "timestamp" | "time" => Family::Moment,
        kind if is_integer(kind) => Family::Number,
        _ => Family::Plain,
    };
    match dialects {
        [Dialect::Sqlite, Dialect::Sqlite] => Family::Typed,
        [Dialect::MySql, Dialect::Sqlite] => of_mysql(kinds[0]),
        [Dialect::Sqlite, Dialect::MySql] => of_mysql(kinds[1]),
        [Dialect::MySql, Dialect::MySql] => match [of_mysql(kinds[0]), of_mysql(kinds[1])] {
            [one, other] if one == other => one,
            [
                Family::Single | Family::Double | Family::Number,
                Family::Single | Family::Double | Family::Number,
            ] => Family::Number,
            [Family::Moment, Family::Plain] | [Family::Plain, Family::Moment] => Family::Moment,
            _ => Family::Plain,
        },
    }
}

fn form(this: &Column, other: &Column, kind: &str) -> Form {
    let (Some(ours), theirs) = (charset(this), charset(other)) else {
        return match kind {
            "float" | "bit" => Form::WithAllDigits,
            "binary" | "varbinary" | "tinyblob" => Form::Binary,
            _ => Form::AsIs,
        };
    };
    let unicode = |name: &str| matches!(name, "utf8mb4" | "utf8mb3" | "utf8" | "ascii");
    match (ours, theirs) {
        (ours, _) if unicode(ours) => Form::AsIs,
        ("latin1", Some("latin1")) => Form::Latin,
        (ours, Some(theirs)) if ours == theirs => Form::RawText,
        _ => Form::Converted,
    }
}

/// The character set that the collation belongs to.
pub(super) fn charset(column: &Column) -> Option<&str> {
    column.collation.as_deref().and_then(|name| name.split('_').next()).filter(|name| *name != "binary")
}

fn way(a: &Table, b: &Table, key: &[PairedColumn], dialects: [Dialect; 2], exactness: Exactness) -> Way {
    if key.is_empty() {
        return Way::Counts;
    }
    let column = |table: &Table, name: &str| table.column(name).cloned().unwrap_or_default();
    let in_pieces = key.iter().all(|paired| {
        let (a, b) = (column(a, &paired.names[0]), column(b, &paired.names[1]));
        has_plain_order(&kind(&a.sql_type), charset(&a))
            && kind(&a.sql_type) == kind(&b.sql_type)
            && a.collation == b.collation
    });
    match dialects == [Dialect::MySql; 2] && in_pieces && exactness == Exactness::Sums {
        true => Way::Sums,
        false => Way::Rows,
    }
}

/// Whether a literal of a value lands where the value itself stands.
fn has_plain_order(kind: &str, charset: Option<&str>) -> bool {
    match kind {
        "char" | "varchar" => matches!(charset, Some("utf8mb4" | "utf8mb3" | "utf8" | "ascii" | "latin1")),
        "binary" | "varbinary" | "decimal" | "date" | "datetime" | "timestamp" | "time" => true,
        kind => is_integer(kind),
    }
}
