//! Any schema becomes any other, on a real server, and keeps what both can hold.

#![allow(clippy::disallowed_methods, reason = "tests look from outside")]

mod schemas;

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::test_runner::Config;
use proptest::test_runner::TestRunner;

use crate::database::connection::Database;
use crate::database::lexer::Dialect;
use crate::database::mysql::MySql;
use crate::database::schema::cost;
use crate::database::schema::diff;
use crate::database::schema::model::Schema;
use crate::database::schema::plan;
use crate::database::schema::plan::SchemaError;
use crate::database::schema::read;
use crate::database::schema::scratch;
use crate::database::schema::target::Target;
use crate::database::scope::Scope;
use crate::database::testing;

use schemas::Sch;
use schemas::sch;

/// What is put into columns, where it fits.
const VALUES: [&str; 12] =
    ["NULL", "0", "-7", "1", "127", "300", "70000", "12.5", "'two'", "'1'", "'été'", "'a longer text'"];

type Rows = BTreeMap<String, Vec<BTreeMap<String, Option<String>>>>;

fn live(db: &mut MySql) -> Schema {
    read(db, &Scope::All).unwrap()
}

fn rows(db: &mut MySql) -> Rows {
    let mut all = Rows::new();
    for (name, table) in live(db).tables {
        let names: Vec<String> = table.columns.iter().map(|column| column.name.clone()).collect();
        let query = format!("SELECT {} FROM {name} ORDER BY id", names.join(", "));
        let found = db.query(&query).unwrap();
        let rows = found.into_iter().map(|row| names.iter().cloned().zip(row).collect()).collect();
        all.insert(name, rows);
    }
    all
}

/// Brings the database to the target, or says which statement failed; whether
/// anything was done.
fn converge(db: &mut MySql, target: &Target) -> Result<bool, String> {
    let before = live(db);
    let steps = match plan::steps(&before, target, Dialect::MySql) {
        // Nothing is done then.
        Err(SchemaError::InTheWay { .. }) => return Ok(false),
        steps => steps.unwrap(),
    };
    for step in &steps {
        let said = cost(db, &before, target, step).map_err(|error| format!("{step:?}: {error:?}"))?;
        // Rows that refer to none: the release is refused.
        if said.narrowed.iter().any(|narrowed| narrowed.rows > 0 && !narrowed.is_allowed) {
            return Ok(false);
        }
    }
    for step in steps {
        for statement in &step.statements {
            db.execute(statement).map_err(|error| format!("{statement}: {error:?}"))?;
        }
    }
    let left = diff(&live(db), target);
    if left.is_empty() { Ok(true) } else { Err(format!("still differs: {left:?}")) }
}

fn fill(db: &mut MySql, chosen: &[usize]) {
    let mut chosen = chosen.iter().cycle();
    for (name, table) in live(db).tables {
        for _ in 0..4 {
            db.execute(&format!("INSERT INTO {name} (n) VALUES (1)")).ok();
        }
        for column in table.columns.iter().filter(|column| column.name.starts_with(['c', 'r', 'p'])) {
            for id in 1..=4 {
                let value = VALUES[*chosen.next().unwrap()];
                // What does not fit is not there.
                db.execute(&format!("UPDATE {name} SET {} = {value} WHERE id = {id}", column.name)).ok();
            }
        }
    }
}

/// Whether a type holds a value as it is.
fn holds(sql_type: &str, nullable: bool, value: Option<&str>) -> bool {
    let Some(text) = value else { return nullable };
    let whole = |min: i64, max: i64| text.parse().is_ok_and(|number: i64| (min..=max).contains(&number));
    let short = |length: usize| text.chars().count() <= length && !text.ends_with(' ');
    match sql_type {
        "tinyint(4)" => whole(-128, 127),
        "int(11)" => whole(i32::MIN.into(), i32::MAX.into()),
        "int(10) unsigned" => whole(0, u32::MAX.into()),
        "bigint(20)" => whole(i64::MIN, i64::MAX),
        "varchar(4)" => short(4),
        "char(9)" => short(9),
        "varchar(60)" | "varchar(300)" | "text" => true,
        "decimal(6,2)" => whole(-9999, 9999),
        "double" => whole(i32::MIN.into(), i32::MAX.into()),
        _ => false,
    }
}

fn is_same(before: Option<&str>, after: Option<&str>) -> bool {
    let number = |text: Option<&str>| text.and_then(|text| text.parse::<f64>().ok());
    before == after || (number(before).is_some() && number(before) == number(after))
}

/// What was there and fits into what is there now, but is not there any more.
fn lost(old: &Sch, new: &Sch, before: &Rows, db: &mut MySql) -> Option<String> {
    let after = rows(db);
    let now = live(db);
    let former = |name: &str| if name == "renamed" { "c1".to_owned() } else { name.to_owned() };
    for (at, tab) in new.tables.iter().enumerate() {
        let (Some(_), Some(_)) = (tab, &old.tables[at]) else { continue };
        let (was, is) = (&before[&old.table(at)], &after[&new.table(at)]);
        if was.len() != is.len() {
            return Some(format!("{} of {} rows in {}", is.len(), was.len(), new.table(at)));
        }
        for column in &now.tables[&new.table(at)].columns {
            for (was, is) in was.iter().zip(is) {
                let Some((_, old)) = was.iter().find(|(name, _)| former(name) == former(&column.name)) else {
                    continue;
                };
                let new = &is[&column.name];
                let is_ours = !column.name.starts_with('c') || column.generated.is_some();
                if holds(&column.sql_type, column.nullable, old.as_deref())
                    && !is_same(old.as_deref(), new.as_deref())
                {
                    return Some(format!("{}: {old:?} became {new:?} ({is_ours})", column.name));
                }
            }
        }
    }
    None
}

fn runner(daily: u32, full: u32) -> TestRunner {
    let everything = std::env::var_os("ENTRACTE_TEST_FULL").is_some_and(|value| !value.is_empty());
    let cases = if everything { full } else { daily };
    TestRunner::new(Config { cases, failure_persistence: None, max_shrink_iters: 24, ..Config::default() })
}

fn fail(error: impl Into<String>) -> TestCaseError {
    TestCaseError::fail(error.into())
}

#[test]
fn any_schema_becomes_any_other_and_keeps_what_both_hold() {
    let chosen = proptest::collection::vec(0..VALUES.len(), 97);
    let ran = runner(12, 1500).run(&(sch(), sch(), chosen, any::<bool>()), |(old, new, chosen, as_root)| {
        let address = testing::new_database();
        let mut db = if as_root { testing::as_root(&address) } else { MySql::connect(&address).unwrap() };
        let first =
            scratch::target(&mut db, &old.declaration()).map_err(|error| fail(format!("{error:?}")))?;
        converge(&mut db, &first).map_err(fail)?;
        fill(&mut db, &chosen);
        let before = rows(&mut db);
        let second =
            scratch::target(&mut db, &new.declaration()).map_err(|error| fail(format!("{error:?}")))?;
        if converge(&mut db, &second).map_err(fail)?
            && let Some(lost) = lost(&old, &new, &before, &mut db)
        {
            return Err(fail(lost));
        }
        testing::as_root(&address).execute(&format!("DROP DATABASE {}", address.name)).unwrap();
        Ok(())
    });
    ran.unwrap_or_else(|error| panic!("{error}"));
}

/// What somebody may have done to a table by hand.
const DAMAGE: [&str; 8] = [
    "DROP COLUMN c0",
    "DROP COLUMN n",
    "DROP KEY k1",
    "DROP FOREIGN KEY f0",
    "MODIFY COLUMN c2 longtext",
    "MODIFY COLUMN id int NOT NULL, DROP PRIMARY KEY",
    "CHARACTER SET latin1, COMMENT='mine'",
    "ADD COLUMN mine int, ADD KEY mine (mine)",
];

#[test]
fn what_was_damaged_by_hand_is_made_whole() {
    let chosen = proptest::collection::vec(0..VALUES.len(), 97);
    let damage = proptest::collection::vec((0..3_usize, 0..DAMAGE.len()), 1..5);
    let ran = runner(6, 500).run(&(sch(), chosen, damage), |(wanted, chosen, damage)| {
        let address = testing::new_database();
        let mut db = testing::as_root(&address);
        let target =
            scratch::target(&mut db, &wanted.declaration()).map_err(|error| fail(format!("{error:?}")))?;
        converge(&mut db, &target).map_err(fail)?;
        fill(&mut db, &chosen);
        db.execute("SET foreign_key_checks = 0").unwrap();
        for (table, damage) in damage {
            // What is not there cannot be damaged.
            db.execute(&format!("ALTER TABLE {} {}", wanted.table(table), DAMAGE[damage])).ok();
        }
        db.execute("SET foreign_key_checks = 1").unwrap();
        converge(&mut db, &target).map_err(fail)?;
        testing::as_root(&address).execute(&format!("DROP DATABASE {}", address.name)).unwrap();
        Ok(())
    });
    ran.unwrap_or_else(|error| panic!("{error}"));
}
