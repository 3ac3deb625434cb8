use std::collections::BTreeMap;

use super::*;
use crate::database::address::MySqlAddress;
use crate::database::mysql::MySql;
use crate::database::schema::diff;
use crate::database::schema::model::Schema;
use crate::database::schema::plan;
use crate::database::schema::read;
use crate::database::scope::Scope;
use crate::database::testing;

pub(in crate::database::schema) fn declared(statements: &[&str]) -> Declaration {
    let mut declaration = Declaration::default();
    for statement in statements {
        let plain = statement.replace("IF NOT EXISTS ", "");
        let words: Vec<&str> = plain.split([' ', '(', '`']).filter(|word| !word.is_empty()).collect();
        if words[0] == "CREATE" && words[1] == "TABLE" {
            declaration.tables.push(words[2].into());
        } else if words[0] == "CREATE" {
            declaration.views.push(words[2].into());
        }
        declaration.statements.push((*statement).into());
    }
    declaration
}

const MANY: [&str; 5] = [
    "CREATE TABLE user (id int unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY, user varchar(60) NOT NULL DEFAULT 'it''s', \
     mail varchar(190) CHARACTER SET ascii UNIQUE, seen datetime DEFAULT now() ON UPDATE now(), j json, \
     twice int AS (age * 2) STORED, note text, age int CHECK (age >= 0), kind enum('user','o''b') DEFAULT 'user', \
     KEY note (note(20), user DESC), FULLTEXT KEY words (note), CONSTRAINT old CHECK (age < 200)) \
     ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COMMENT='the user''s'",
    "CREATE TABLE IF NOT EXISTS `post` (id bigint PRIMARY KEY, user int unsigned, other int unsigned, \
     CONSTRAINT mine FOREIGN KEY (user) REFERENCES user (id) ON DELETE CASCADE, \
     CONSTRAINT a_foreign_key_whose_name_is_as_long_as_a_name_may_be_in_mysql_64 FOREIGN KEY (other) REFERENCES `user` (`id`))",
    "ALTER TABLE post ADD COLUMN t timestamp NULL, ADD KEY (t)",
    "CREATE VIEW both_of AS SELECT user.user, count(post.id) FROM post, user WHERE user.id = post.user \
     AND user.user <> 'user' GROUP BY user.user",
    "CREATE VIEW over_it AS SELECT u.* FROM (both_of JOIN `user` AS u ON u.user = both_of.user)",
];

fn snapshot(address: &MySqlAddress) -> BTreeMap<String, String> {
    let mut db = testing::as_root(address);
    let tables = db.tables().unwrap();
    let show = |name: &str| format!("SHOW CREATE TABLE `{name}`");
    let mut shown = BTreeMap::new();
    for table in tables {
        let row = db.query(&show(&table.name)).unwrap().remove(0);
        shown.insert(table.name, row[1].clone().unwrap());
    }
    let databases = db.query("SELECT schema_name FROM information_schema.schemata").unwrap();
    let scratch =
        databases.into_iter().flatten().flatten().filter(|name| name.starts_with("entracte_scratch"));
    let site = passing::prefix("scratch", &address.name);
    shown.extend(scratch.filter(|name| name.starts_with(&site)).map(|name| (name, "database".into())));
    shown
}

fn live(address: &MySqlAddress) -> Schema {
    read(&mut testing::as_root(address), &Scope::All).unwrap()
}

#[test]
fn a_scratch_database_and_scratch_tables_say_the_same() {
    let address = testing::new_database();
    let declaration = declared(&MANY);
    let apart = target(&mut testing::as_root(&address), &declaration).unwrap();
    let mut user = MySql::connect(&address).unwrap();
    user.execute("CREATE TABLE user (id int, user int, mail int)").unwrap();
    user.execute("CREATE TABLE elsewhere (id int unsigned PRIMARY KEY)").unwrap();
    user.execute(
        "CREATE TABLE other (x int unsigned, CONSTRAINT mine FOREIGN KEY (x) REFERENCES elsewhere (id))",
    )
    .unwrap();
    let before = snapshot(&address);
    let within = target(&mut user, &declaration).unwrap();
    assert_eq!(apart, within);
    assert_eq!(snapshot(&address), before);
    insta::assert_snapshot!(serde_json::to_string_pretty(&apart.schema).unwrap());
}

#[test]
fn what_was_declared_and_made_does_not_differ() {
    let address = testing::new_database();
    let mut db = MySql::connect(&address).unwrap();
    let wanted = target(&mut db, &declared(&MANY)).unwrap();
    for step in plan::steps(&Schema::default(), &wanted, db.dialect()).unwrap() {
        for statement in step.statements {
            db.execute(&statement).unwrap();
        }
    }
    assert_eq!(diff(&live(&address), &wanted), []);
}

#[test]
fn a_declaration_that_fails_leaves_nothing_behind() {
    let address = testing::new_database();
    for mut db in [testing::as_root(&address), MySql::connect(&address).unwrap()] {
        for wrong in ["CREATE TABLE b (id int, id int)", "CREATE VIEW c AS SELECT 1 FROM nowhere"] {
            let failed = target(&mut db, &declared(&["CREATE TABLE a (id int)", wrong])).unwrap_err();
            assert!(matches!(failed, SchemaError::Declared { .. }), "{failed:?}");
            assert!(snapshot(&address).is_empty());
            assert_eq!(
                db.query("SELECT DATABASE(), @@foreign_key_checks").unwrap()[0][0],
                Some(address.name.clone())
            );
        }
    }
}

#[test]
fn no_statement_reaches_into_what_lives() {
    let address = testing::new_database();
    let mut db = testing::as_root(&address);
    db.execute("CREATE TABLE a (id int)").unwrap();
    let before = snapshot(&address);
    let qualified = format!("ALTER TABLE `{}`.`a` ADD COLUMN b int", address.name);
    for wrong in [
        qualified.as_str(),
        "DROP TABLE a",
        "INSERT INTO a VALUES (1)",
        "CREATE TRIGGER x AFTER INSERT ON a FOR EACH ROW SET @a = 1",
        "CREATE DATABASE y",
        "RENAME TABLE a TO b",
    ] {
        let declaration = Declaration { statements: vec![wrong.into()], ..Declaration::default() };
        let failed = target(&mut db, &declaration).unwrap_err();
        assert!(matches!(failed, SchemaError::Untried(_)), "{wrong}: {failed:?}");
    }
    // Without the right to a database of its own, an undeclared table is the live one.
    let mut user = MySql::connect(&address).unwrap();
    let failed = target(&mut user, &declared(&["ALTER TABLE a ADD COLUMN b int"])).unwrap_err();
    assert!(matches!(failed, SchemaError::Untried(_)), "{failed:?}");
    assert_eq!(snapshot(&address), before);
}

#[test]
fn what_a_killed_process_left_goes_and_what_lives_stays() {
    let address = testing::new_database();
    let mut db = testing::as_root(&address);
    let site = passing::prefix("scratch", &address.name);
    let mut living = testing::as_root(&address);
    living.lock(&format!("{site}77"), Duration::ZERO).unwrap();
    for statement in [
        format!("CREATE DATABASE {site}99999999"),
        format!("CREATE DATABASE {site}77"),
        format!("CREATE TABLE {site}99999999_00001 (id int PRIMARY KEY)"),
        format!(
            "CREATE TABLE {site}99999999_00002 (id int, FOREIGN KEY (id) REFERENCES {site}99999999_00001 (id))"
        ),
        format!("CREATE VIEW {site}99999999_00003 AS SELECT 1"),
        format!("CREATE TABLE {site}77_00001 (id int)"),
        format!("CREATE TABLE {site}notes (id int)"),
    ] {
        db.execute(&statement).unwrap();
    }
    target(&mut db, &declared(&["CREATE TABLE a (id int)"])).unwrap();
    let left: Vec<String> = snapshot(&address).into_keys().collect();
    assert_eq!(left, [format!("{site}77"), format!("{site}77_00001"), format!("{site}notes")]);
    db.execute(&format!("DROP DATABASE {site}77")).unwrap();
}
