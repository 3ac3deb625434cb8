//! Any schema with rows becomes any other: nothing is lost that both can hold.

use std::collections::BTreeMap;
use std::fmt::Write;

use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use super::*;
use crate::database::schema::sqlite::shape;

/// One column of a random table.
#[derive(Clone, Debug)]
struct Column {
    number: usize,
    sql_type: usize,
    nullable: bool,
    default: usize,
    collation: bool,
}

#[derive(Clone, Debug)]
struct Random {
    columns: Vec<Column>,
    /// None, a counter of its own, the first column, the first two.
    primary: usize,
    strict: bool,
    without_rowid: bool,
    /// Columns by their place, unique, with a filter, over an expression.
    keys: Vec<(usize, usize, bool, bool, bool)>,
    check: bool,
    generated: bool,
    refers: bool,
    is_old: bool,
}

const TYPES: [&str; 7] = ["integer", "text", "real", "blob", "numeric", "varchar(9)", "int"];
const STRICT: [&str; 7] = ["integer", "text", "real", "blob", "any", "text", "int"];
const DEFAULTS: [&str; 6] = ["", "7", "'word'", "-1.5", "current_timestamp", "(1 + 1)"];
const VALUES: [&str; 11] =
    ["NULL", "1", "2", "-30", "1.5", "'7'", "'007'", "'word'", "'WORD'", "x'00ff'", "9007199254740993"];

fn columns() -> impl Strategy<Value = Vec<Column>> {
    let column = (0..TYPES.len(), any::<bool>(), 0..DEFAULTS.len(), any::<bool>());
    let some = prop::collection::vec(column, 6);
    (some, prop::sample::subsequence(vec![0, 1, 2, 3, 4, 5], 1..6)).prop_map(|(columns, numbers)| {
        let chosen = numbers.into_iter().map(|number| (number, columns[number]));
        chosen
            .map(|(number, (sql_type, nullable, default, collation))| Column {
                number,
                sql_type,
                nullable,
                default,
                collation,
            })
            .collect()
    })
}

fn table() -> impl Strategy<Value = Random> {
    let key = (
        0..6_usize,
        0..6_usize,
        prop::bool::weighted(0.3),
        prop::bool::weighted(0.3),
        prop::bool::weighted(0.3),
    );
    let flags = (
        prop::bool::weighted(0.2),
        prop::bool::weighted(0.2),
        any::<bool>(),
        any::<bool>(),
        any::<bool>(),
        any::<bool>(),
    );
    (columns(), 0..4_usize, prop::collection::vec(key, 0..3), flags).prop_map(
        |(columns, primary, keys, flags)| Random {
            columns,
            primary,
            keys,
            strict: flags.0,
            without_rowid: flags.1,
            check: flags.2,
            generated: flags.3,
            refers: flags.4,
            is_old: flags.5,
        },
    )
}

impl Random {
    /// Names change between the two schemas where `is_old` says so.
    fn name(&self, number: usize, after: bool) -> String {
        if after && self.is_old && number < 2 { format!("renamed{number}") } else { format!("c{number}") }
    }

    fn toml(&self, table: &str, after: bool) -> String {
        let mut text = format!("[tables.{table}]\n");
        let name = |place: usize| self.name(self.columns[place % self.columns.len()].number, after);
        let primary = match self.primary {
            1 => vec!["id".to_owned()],
            2 => vec![name(0)],
            3 if self.columns.len() > 1 => vec![name(0), name(1)],
            _ => Vec::new(),
        };
        if !primary.is_empty() {
            writeln!(text, "primary = {primary:?}").unwrap();
        }
        writeln!(text, "strict = {}", self.strict).unwrap();
        if self.without_rowid && self.primary != 1 && !primary.is_empty() {
            writeln!(text, "without_rowid = true").unwrap();
        }
        for (at, (one, two, unique, filter, expression)) in self.keys.iter().enumerate() {
            let sort = if *unique { "unique" } else { "keys" };
            let first = if *expression { format!("(lower({}))", name(*one)) } else { name(*one) };
            let parts = if name(*one) == name(*two) {
                vec![first]
            } else {
                vec![first, format!("{} desc", name(*two))]
            };
            let filter =
                if *filter { format!(", where = \"{} IS NOT NULL\"", name(*two)) } else { String::new() };
            writeln!(text, "{sort}.k{at} = {{ columns = {parts:?}{filter} }}").unwrap();
        }
        if self.check {
            writeln!(text, "checks.c = \"{} IS NOT 2\"", name(0)).unwrap();
        }
        if self.refers {
            writeln!(text, "foreign.f = {{ columns = ['ref'], table = 'users', references = ['id'] }}")
                .unwrap();
        }
        writeln!(text, "[tables.{table}.columns]").unwrap();
        if self.primary == 1 {
            writeln!(text, "id = 'int not null auto_increment'").unwrap();
        }
        for column in &self.columns {
            let types = if self.strict { STRICT } else { TYPES };
            let sql_type = types[column.sql_type];
            let name = self.name(column.number, after);
            write!(
                text,
                "{name} = {{ type = {{ sqlite = '{sql_type}' }}, null = {}, narrow = true",
                column.nullable
            )
            .unwrap();
            if !(DEFAULTS[column.default].is_empty() || self.strict) {
                write!(text, ", default = \"{}\"", DEFAULTS[column.default]).unwrap();
            }
            if column.collation {
                write!(text, ", collation = 'nocase'").unwrap();
            }
            if name.starts_with("renamed") {
                write!(text, ", was = ['c{}']", column.number).unwrap();
            }
            text += " }\n";
        }
        if self.refers {
            text += "ref = 'int'\n";
        }
        if self.generated {
            writeln!(
                text,
                "g = {{ type = 'text', generated = \"coalesce({}, '') || 'x'\", stored = {} }}",
                name(0),
                self.check
            )
            .unwrap();
        }
        text
    }

    fn rows(&self, table: &str, rows: &[Vec<usize>]) -> String {
        let mut sql = String::new();
        for row in rows {
            let names: Vec<String> =
                self.columns.iter().map(|column| self.name(column.number, false)).collect();
            let values: Vec<&str> = self.columns.iter().map(|column| VALUES[row[column.number]]).collect();
            let (mut names, mut values) = (names.join(", "), values.join(", "));
            if self.refers {
                names += ", ref";
                values += [", 1", ", NULL"][row[0] % 2];
            }
            writeln!(sql, "INSERT OR IGNORE INTO {table} ({names}) VALUES ({values});").unwrap();
        }
        sql
    }
}

const USERS: &str = "[tables.users.columns]\nid = 'int not null auto_increment primary key'\nname = 'text'\n";
const OWN: &str = "
    CREATE TABLE own (note); INSERT INTO own VALUES ('keep');
    ALTER TABLE posts ADD COLUMN mine text DEFAULT 'x';
    CREATE INDEX mine ON posts (mine);
    CREATE VIEW own_view AS SELECT posts.mine, own.note FROM posts, own;
    CREATE TRIGGER own_trigger AFTER UPDATE OF mine ON posts BEGIN INSERT INTO own VALUES (new.mine); END;
    CREATE TRIGGER own_through INSTEAD OF DELETE ON own_view BEGIN DELETE FROM own; END";

/// Each row by its rowid, or by its number, each value by its column.
fn contents(db: &mut Sqlite, table: &str, schema: &Schema) -> Vec<(String, BTreeMap<String, String>)> {
    let columns: Vec<String> =
        schema.tables[table].columns.iter().map(|column| column.name.clone()).collect();
    let quoted: Vec<String> = columns.iter().map(|name| format!("quote({name})")).collect();
    let id = if schema.tables[table].options["without rowid"] == "yes" { "mine" } else { "rowid" };
    let query = format!("SELECT {id}, {} FROM {table}", quoted.join(", "));
    let row = |row: Vec<Option<String>>| {
        let mut cells = row.into_iter().map(Option::unwrap_or_default);
        (cells.next().unwrap(), columns.iter().cloned().zip(cells).collect())
    };
    db.query(&query).unwrap().into_iter().map(row).collect()
}

fn check(before: &Random, after: &Random, rows: &[Vec<usize>]) -> Result<(), TestCaseError> {
    let mut db = database("PRAGMA foreign_keys = ON");
    let first = target("a.toml", &(USERS.to_owned() + &before.toml("posts", false)));
    migrate(&mut db, &first);
    run(&mut db, "INSERT INTO users VALUES (1, 'Ann')");
    // Rows that the table refuses are not there.
    for statement in before.rows("posts", rows).lines() {
        let _ = db.execute(statement);
    }
    run(&mut db, OWN);
    let old = live(&mut db);
    let held = contents(&mut db, "posts", &old);

    let second = target("b.toml", &(USERS.to_owned() + &after.toml("posts", true)));
    let forbidden: Vec<_> = costs(&mut db, &second)
        .into_iter()
        .flat_map(|cost| cost.narrowed)
        .filter(|one| !one.is_allowed)
        .collect();
    for step in steps(&mut db, &second) {
        let untouched = dump(&mut db);
        if let Err(error) = schema::carry_out(&mut db, &step) {
            prop_assert!(
                !forbidden.is_empty(),
                "not foreseen: {error:?}\n{}\n{untouched}",
                step.statements.join(";\n")
            );
            prop_assert_eq!(dump(&mut db), untouched);
            return Ok(());
        }
    }
    let new = live(&mut db);
    // A NULL in what numbers the rows is refused beforehand; SQLite itself would make a number of it.
    let numbers = shape::rowid_alias(&new.tables["posts"]).map(|column| column.name.as_str());
    let went_through: Vec<_> = forbidden.iter().filter(|one| Some(one.column.as_str()) != numbers).collect();
    prop_assert!(went_through.is_empty(), "{went_through:?}, but it went through");
    let left = schema::diff(&new, &second);
    prop_assert!(left.is_empty(), "{left:#?}");
    prop_assert_eq!(told(&mut db, "PRAGMA integrity_check"), "ok");
    prop_assert_eq!(told(&mut db, "SELECT COUNT(*) FROM pragma_foreign_key_check"), "0");
    kept(&held, &contents(&mut db, "posts", &new), &old, &new)?;
    let fires = told(&mut db, "SELECT COUNT(*) FROM posts");
    prop_assert_eq!(told(&mut db, "SELECT COUNT(*) FROM own_view"), fires.clone());
    run(&mut db, "UPDATE posts SET mine = 'y'");
    prop_assert_eq!(told(&mut db, "SELECT COUNT(*) - 1 FROM own"), fires);
    run(&mut db, "DELETE FROM own_view");
    prop_assert_eq!(told(&mut db, "PRAGMA foreign_keys"), "1");
    Ok(())
}

type Rows = [(String, BTreeMap<String, String>)];

fn kept(held: &Rows, holds: &Rows, old: &Schema, new: &Schema) -> Result<(), TestCaseError> {
    prop_assert_eq!(held.len(), holds.len());
    let rowids =
        |schema: &Schema| shape::rowid_alias(&schema.tables["posts"]).map(|column| column.name.clone());
    let by_rowid = [old, new].iter().all(|schema| schema.tables["posts"].options["without rowid"] == "no");
    let today = |name: &String| match new.tables["posts"].column(name) {
        Some(_) => name.clone(),
        None => name.replace('c', "renamed"),
    };
    if !by_rowid
        || rowids(new)
            .is_some_and(|name| rowids(old).map(|old| today(&old)) != Some(name.clone()) && name != "id")
    {
        return Ok(());
    }
    for ((id, values), (new_id, new_values)) in held.iter().zip(holds) {
        prop_assert_eq!(id, new_id);
        for (name, value) in values {
            let now = today(name);
            let (was, is) = (old.tables["posts"].column(name).unwrap(), new.tables["posts"].column(&now));
            let Some(is) = is.filter(|is| {
                is.sql_type == was.sql_type && is.generated.is_none() && was.generated.is_none()
            }) else {
                continue;
            };
            let cast = new.tables["posts"].options["strict"] == "yes"
                && old.tables["posts"].options["strict"] == "no";
            let refuses_null = shape::refuses_null(&new.tables["posts"], is);
            if !(cast || value == "NULL" && refuses_null) {
                prop_assert_eq!(value, &new_values[&now], "{} of row {}", name, id);
            }
        }
    }
    Ok(())
}

fn cases() -> ProptestConfig {
    let many = std::env::var_os("ENTRACTE_TEST_FULL").is_some();
    ProptestConfig {
        cases: if many { 20_000 } else { 100 },
        failure_persistence: None,
        // The same cases every day; others in the full run.
        rng_seed: if many { RngSeed::Random } else { RngSeed::Fixed(1) },
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn any_schema_becomes_any_other(
        before in table(),
        after in table(),
        rows in prop::collection::vec(prop::collection::vec(0..VALUES.len(), 6), 0..8),
    ) {
        check(&before, &after, &rows)?;
    }
}
