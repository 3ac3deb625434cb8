//! The fixtures of declared schemas, from each older version to the newest,
//! on the servers that sites have.

use crate::base::path::SitePath;
use crate::database::connection::Database;
use crate::database::lexer;
use crate::database::lexer::Dialect;
use crate::database::mysql::MySql;
use crate::database::schema;
use crate::database::schema::declared::Declaration;
use crate::database::schema::target::Target;
use crate::database::scope::Scope;
use crate::database::sqlite::Sqlite;
use crate::database::testing;

fn fixture(name: &str) -> String {
    std::fs::read_to_string(format!("tests/fixtures/schema/{name}")).unwrap()
}

fn declaration(name: &str, dialect: Dialect, prefix: &str) -> Declaration {
    let files = [(SitePath::parse(name).unwrap(), fixture(name).into_bytes())];
    Declaration::parse(&files, dialect, prefix).unwrap()
}

fn run(db: &mut dyn Database, sql: &str) {
    for statement in lexer::split(sql, db.dialect()).unwrap() {
        db.execute(&statement.text).unwrap();
    }
}

fn migrate(db: &mut dyn Database, target: &Target) -> usize {
    let live = schema::read(db, &Scope::All).unwrap();
    let steps = schema::steps(&live, target, db.dialect()).unwrap();
    for step in &steps {
        schema::carry_out(db, step)
            .unwrap_or_else(|error| panic!("{error:?}\n{}", step.statements.join(";\n")));
    }
    let left = schema::diff(&schema::read(db, &Scope::All).unwrap(), target);
    assert!(left.is_empty(), "{left:#?}");
    steps.len()
}

fn cell(db: &mut dyn Database, query: &str) -> String {
    db.query(query).unwrap().into_iter().flatten().flatten().collect::<Vec<_>>().join("|")
}

#[test]
fn the_yacs_like_schema_from_every_version_it_had() {
    let declared = declaration("yacs-like/now.toml", Dialect::MySql, "yx_");
    assert_eq!((declared.tables.len(), declared.views.len()), (23, 3));
    let all = std::env::var_os("ENTRACTE_TEST_FULL").is_some();
    let versions: &[&str] = if all { &["v1.sql", "v2.sql", "v3.sql"] } else { &["v1.sql"] };
    for version in versions {
        let mut db = MySql::connect(&testing::new_database()).unwrap();
        run(&mut db, &fixture(&format!("yacs-like/{version}")));
        run(&mut db, &fixture("yacs-like/rows.sql"));
        let target = schema::target(&mut db, &declared).unwrap();
        assert!(migrate(&mut db, &target) > 5, "{version}");
        assert_eq!(
            cell(&mut db, "SELECT title, edited_at FROM yx_articles WHERE id = 7"),
            "Une été|0000-00-00 00:00:00"
        );
        assert_eq!(cell(&mut db, "SELECT COUNT(*) FROM yx_members"), "2", "{version}");
        assert_eq!(cell(&mut db, "SELECT title FROM yx_recent_titles"), "A first page");
    }
}

#[test]
fn the_yacs_like_schema_in_an_empty_sqlite_database() {
    let declared = declaration("yacs-like/now.toml", Dialect::Sqlite, "yx_");
    let mut db = Sqlite::in_memory().unwrap();
    let target = schema::target(&mut db, &declared).unwrap();
    assert_eq!(migrate(&mut db, &target), 26);
    assert_eq!(cell(&mut db, "SELECT COUNT(*) FROM yx_recent_titles"), "0");
}

#[test]
fn the_notebook_on_both_engines() {
    let rows = "INSERT INTO nb_people (id, name) VALUES (4, 'Ann');
        INSERT INTO nb_notes (author_id, slug, headline, body, mine) VALUES (4, 'a', 'One', 'été', 'own')";
    let databases: [Box<dyn Database>; 2] =
        [Box::new(Sqlite::in_memory().unwrap()), Box::new(MySql::connect(&testing::new_database()).unwrap())];
    for (mut db, version) in databases.into_iter().zip(["v1.sqlite.sql", "v1.mysql.sql"]) {
        run(db.as_mut(), &fixture(&format!("small/{version}")));
        run(db.as_mut(), rows);
        let declared = declaration("small/now.toml", db.dialect(), "nb_");
        let target = schema::target(db.as_mut(), &declared).unwrap();
        migrate(db.as_mut(), &target);
        let found = cell(
            db.as_mut(),
            "SELECT n.title, n.done, n.words, n.mine, a.name FROM nb_notes n, nb_authors a WHERE a.id = n.author_id",
        );
        assert_eq!(found, "One|0|3|own|Ann");
        assert_eq!(cell(db.as_mut(), "SELECT * FROM nb_open_notes"), "1|One|Ann");
    }
}

#[test]
fn older_versions_can_be_declared_themselves() {
    for version in ["v1.sql", "v2.sql", "v3.sql"] {
        let declared = declaration(&format!("yacs-like/{version}"), Dialect::MySql, "other_");
        assert!(declared.tables.iter().all(|name| name.starts_with("other_")) && declared.tables.len() >= 14);
    }
}
