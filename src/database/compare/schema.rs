//! What two schemas differ in, a line each, for people. Between two engines
//! only names and what kind of values columns hold are compared, since
//! everything else differs by nature.

use crate::base::escape;
use crate::database::compare::pair;
use crate::database::compare::pair::Known;
use crate::database::compare::pair::is_integer;
use crate::database::compare::pair::kind;
use crate::database::compare::pair::same_name;
use crate::database::compare::sorted_apart;
use crate::database::schema::model::Column;
use crate::database::schema::model::ForeignKey;
use crate::database::schema::model::Key;
use crate::database::schema::model::KeyKind;
use crate::database::schema::model::Table;

pub(super) fn differences(a: &Known, b: &Known) -> Vec<String> {
    let mut lines = Vec::new();
    let (of_a, of_b) = (pair::tables(a), pair::tables(b));
    let [only_a, only_b, both] = sorted_apart(of_a.keys().copied(), of_b.keys().copied());
    for (side, names) in [("A", only_a), ("B", only_b)] {
        lines.extend(names.iter().map(|name| format!("table {}: only in {side}", escape::text(name))));
    }
    let same_engine = a.dialect == b.dialect;
    for name in both {
        let tables = a.schema.tables.get(of_a[name]).zip(b.schema.tables.get(of_b[name]));
        let Some((of_a, of_b)) = tables else { continue };
        let mut found = Lines { table: name, lines: &mut lines };
        found.columns(of_a, of_b, same_engine);
        if same_engine {
            found.keys(of_a, of_b);
            found.rest(of_a, of_b, [a.prefix, b.prefix]);
        }
    }
    views(a, b, same_engine, &mut lines);
    lines.sort();
    lines
}

fn views(a: &Known, b: &Known, same_engine: bool, lines: &mut Vec<String>) {
    let names = |known: &Known| -> Vec<(String, String)> {
        let bare = |name: &str| pair::bare(name, known.prefix).to_owned();
        known.schema.views.iter().map(|(name, query)| (bare(name), query.clone())).collect()
    };
    let (of_a, of_b) = (names(a), names(b));
    let [only_a, only_b, both] =
        sorted_apart(of_a.iter().map(|(name, _)| name.as_str()), of_b.iter().map(|(name, _)| name.as_str()));
    for (side, names) in [("A", only_a), ("B", only_b)] {
        lines.extend(names.iter().map(|name| format!("view {}: only in {side}", escape::text(name))));
    }
    // The query names the tables with their prefix.
    let query = |of: &[(String, String)], name: &str| {
        of.iter().find(|(one, _)| one == name).map(|(_, query)| query.clone())
    };
    for name in both.into_iter().filter(|_| same_engine && a.prefix == b.prefix) {
        if query(&of_a, name) != query(&of_b, name) {
            lines.push(format!("view {}: its query differs", escape::text(name)));
        }
    }
}

struct Lines<'a> {
    table: &'a str,
    lines: &'a mut Vec<String>,
}

impl Lines<'_> {
    fn say(&mut self, what: &str) {
        self.lines.push(escape::text(&format!("table {}: {what}", self.table)).into_owned());
    }

    fn only(&mut self, what: &str, side: &str) {
        self.say(&format!("{what} only in {side}"));
    }

    /// A line where the two are not the same; nothing is `none`.
    fn two(&mut self, what: &str, a: &str, b: &str) {
        if a != b {
            let word = |text: &str| if text.is_empty() { "none".to_owned() } else { text.to_owned() };
            self.say(&format!("{what} is {} in A, {} in B", word(a), word(b)));
        }
    }

    fn columns(&mut self, a: &Table, b: &Table, same_engine: bool) {
        for column in &a.columns {
            let other = b.columns.iter().find(|other| same_name(&other.name, &column.name));
            match other {
                Some(other) if same_engine => self.column(column, other),
                Some(other) => self.kinds(column, other),
                None => self.only(&format!("column {} ({})", column.name, column.sql_type), "A"),
            }
        }
        for column in &b.columns {
            if !a.columns.iter().any(|other| same_name(&other.name, &column.name)) {
                self.only(&format!("column {} ({})", column.name, column.sql_type), "B");
            }
        }
    }

    fn column(&mut self, a: &Column, b: &Column) {
        let name = format!("column {}", a.name);
        let null = |column: &Column| if column.nullable { "NULL" } else { "NOT NULL" }.to_owned();
        let counter = |column: &Column| if column.auto_increment { "yes" } else { "no" }.to_owned();
        let generated =
            |column: &Column| column.generated.as_ref().map(|how| how.expression.clone()).unwrap_or_default();
        for (what, of) in [
            ("", &(|column: &Column| plain_type(&column.sql_type)) as &dyn Fn(&Column) -> String),
            (", NULL or not,", &null),
            (", default,", &|column: &Column| plain_default(column)),
            (", auto-increment,", &counter),
            (", on update,", &|column: &Column| plain_call(column.on_update.as_deref())),
            (", collation,", &|column: &Column| column.collation.clone().unwrap_or_default()),
            (", generated,", &generated),
            (", check,", &|column: &Column| column.check.clone().unwrap_or_default()),
        ] {
            self.two(&format!("{name}{what}"), &of(a), &of(b));
        }
    }

    /// Of two engines: what kind of values.
    fn kinds(&mut self, a: &Column, b: &Column) {
        let (of_a, of_b) = (Sort::of(&a.sql_type), Sort::of(&b.sql_type));
        if !of_a.goes_with(of_b) {
            self.two(&format!("column {}", a.name), &a.sql_type, &b.sql_type);
        }
    }

    fn keys(&mut self, a: &Table, b: &Table) {
        let [only_a, only_b, both] =
            sorted_apart(a.keys.keys().map(String::as_str), b.keys.keys().map(String::as_str));
        for (side, table, names) in [("A", a, only_a), ("B", b, only_b)] {
            for name in names {
                self.only(&format!("key {name} {}", key_text(&table.keys[name])), side);
            }
        }
        for name in both {
            self.two(&format!("key {name}"), &key_text(&a.keys[name]), &key_text(&b.keys[name]));
        }
    }

    fn rest(&mut self, a: &Table, b: &Table, prefixes: [&str; 2]) {
        let [only_a, only_b, both] =
            sorted_apart(a.foreign.keys().map(String::as_str), b.foreign.keys().map(String::as_str));
        for (side, names) in [("A", only_a), ("B", only_b)] {
            names.iter().for_each(|name| self.only(&format!("foreign key {name}"), side));
        }
        for name in both {
            let text = |table: &Table, prefix| foreign_text(&table.foreign[name], prefix);
            self.two(&format!("foreign key {name}"), &text(a, prefixes[0]), &text(b, prefixes[1]));
        }
        for (what, of_a, of_b) in [("check", &a.checks, &b.checks), ("", &a.options, &b.options)] {
            let [only_a, only_b, both] =
                sorted_apart(of_a.keys().map(String::as_str), of_b.keys().map(String::as_str));
            for name in only_a.into_iter().chain(only_b).chain(both) {
                let text = |of: &std::collections::BTreeMap<String, String>| {
                    of.get(name).cloned().unwrap_or_default()
                };
                self.two(format!("{what} {name}").trim(), &text(of_a), &text(of_b));
            }
        }
    }
}

/// Without the display width, which newer servers do not keep.
fn plain_type(sql_type: &str) -> String {
    match sql_type.split_once(['(', ')']) {
        Some((word, rest)) if is_integer(word) && !sql_type.contains("zerofill") => {
            let after = rest.split_once(')').map_or("", |(_, after)| after);
            format!("{word}{after}")
        }
        _ => sql_type.to_owned(),
    }
}

fn plain_default(column: &Column) -> String {
    let text = column.default.as_deref().unwrap_or_default();
    plain_call(Some(text))
}

/// `CURRENT_TIMESTAMP` is `current_timestamp()`.
fn plain_call(text: Option<&str>) -> String {
    let text = text.unwrap_or_default();
    match text.to_lowercase().trim_end_matches("()") {
        "current_timestamp" => "current_timestamp()".into(),
        _ => text.to_owned(),
    }
}

fn key_text(key: &Key) -> String {
    let kind = match key.kind {
        KeyKind::Primary | KeyKind::Plain => "",
        KeyKind::Unique => "unique ",
        KeyKind::FullText => "fulltext ",
        KeyKind::Spatial => "spatial ",
    };
    let parts = key.parts.iter().map(|part| {
        let length = part.length.map(|length| format!("({length})")).unwrap_or_default();
        let descending = if part.descending { " desc" } else { "" };
        format!("{}{length}{descending}", part.of)
    });
    let filter = key.filter.as_deref().map(|filter| format!(" where {filter}")).unwrap_or_default();
    format!("{kind}({}){filter}", parts.collect::<Vec<_>>().join(", "))
}

fn foreign_text(key: &ForeignKey, prefix: &str) -> String {
    format!(
        "({}) to {}({}), on delete {}, on update {}",
        key.columns.join(", "),
        pair::bare(&key.table, prefix),
        key.referenced.join(", "),
        key.on_delete.to_lowercase(),
        key.on_update.to_lowercase()
    )
}

/// What sort of values a column is for, in the rules of SQLite for MySQL too.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sort {
    Integer,
    Number,
    Text,
    Moment,
    Bytes,
    Any,
}

impl Sort {
    fn of(sql_type: &str) -> Sort {
        let word = kind(sql_type);
        let has = |words: &[&str]| words.iter().any(|one| word.contains(one));
        match () {
            () if word.is_empty() || has(&["any"]) => Sort::Any,
            () if has(&["date", "time", "year"]) => Sort::Moment,
            () if has(&["point"]) => Sort::Bytes,
            () if has(&["int", "bool", "bit"]) => Sort::Integer,
            () if has(&["char", "clob", "text", "enum", "set", "json", "uuid", "inet"]) => Sort::Text,
            () if has(&["real", "floa", "doub", "dec", "num"]) => Sort::Number,
            () => Sort::Bytes,
        }
    }

    /// SQLite keeps moments as text or as a number, and decimals as either.
    fn goes_with(self, other: Sort) -> bool {
        let numbers = |sort| matches!(sort, Sort::Integer | Sort::Number);
        self == other
            || [self, other].contains(&Sort::Any)
            || [self, other].contains(&Sort::Moment) && ![self, other].contains(&Sort::Bytes)
            || numbers(self) && numbers(other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::database::lexer::Dialect;
    use crate::database::schema::model::Schema;

    fn schema(text: &str) -> Schema {
        serde_json::from_str(text).unwrap()
    }

    const OLD: &str = r#"{"tables": {
        "wp_posts": {"columns": [
            {"name": "id", "sql_type": "bigint(20) unsigned", "nullable": false, "auto_increment": true},
            {"name": "title", "sql_type": "varchar(60)", "nullable": false, "default": "''", "collation": "utf8mb4_bin"},
            {"name": "gone", "sql_type": "int(11)", "nullable": true}],
          "keys": {"PRIMARY": {"kind": "primary", "parts": [{"of": "id"}]},
            "title": {"kind": "plain", "parts": [{"of": "title", "length": 20}]}},
          "options": {"engine": "InnoDB"}},
        "wp_old": {"columns": []}}, "views": {"wp_v": "select 1"}}"#;
    const NEW: &str = r#"{"tables": {
        "x_posts": {"columns": [
            {"name": "id", "sql_type": "bigint unsigned", "nullable": false},
            {"name": "Title", "sql_type": "varchar(255)", "nullable": true, "collation": "utf8mb4_general_ci"},
            {"name": "new\u001b", "sql_type": "text", "nullable": true}],
          "keys": {"PRIMARY": {"kind": "primary", "parts": [{"of": "id"}]},
            "title": {"kind": "unique", "parts": [{"of": "title"}]}},
          "options": {"engine": "MyISAM"}}}, "views": {}}"#;

    fn between(dialects: [Dialect; 2]) -> String {
        let (a, b) = (schema(OLD), schema(NEW));
        let known = |schema, dialect, prefix| Known { schema, dialect, prefix };
        differences(&known(&a, dialects[0], "wp_"), &known(&b, dialects[1], "x_")).join("\n")
    }

    #[test]
    fn one_engine_is_compared_in_full() {
        insta::assert_snapshot!(between([Dialect::MySql, Dialect::MySql]), @r#"
        table old: only in A
        table posts: column gone (int(11)) only in A
        table posts: column id, auto-increment, is yes in A, no in B
        table posts: column new\x1b (text) only in B
        table posts: column title is varchar(60) in A, varchar(255) in B
        table posts: column title, NULL or not, is NOT NULL in A, NULL in B
        table posts: column title, collation, is utf8mb4_bin in A, utf8mb4_general_ci in B
        table posts: column title, default, is '' in A, none in B
        table posts: engine is InnoDB in A, MyISAM in B
        table posts: key title is (title(20)) in A, unique (title) in B
        view v: only in A
        "#);
    }

    #[test]
    fn two_engines_are_compared_by_name_and_sort() {
        insta::assert_snapshot!(between([Dialect::MySql, Dialect::Sqlite]), @r#"
        table old: only in A
        table posts: column gone (int(11)) only in A
        table posts: column new\x1b (text) only in B
        view v: only in A
        "#);
    }
}
