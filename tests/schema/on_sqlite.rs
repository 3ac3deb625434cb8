//! The same on SQLite, where most changes of a table are its rebuilding.

use rusqlite::Connection;
use serde_json::Value;

use crate::support::run::Entracte;
use crate::support::small::SmallSite;
use crate::support::update;

const TABLES: &str = r#"
[tables.pages]
primary = ["id"]
keys = { by_headline = ["headline"] }

[tables.pages.columns]
id = { type = "integer", null = false, auto_increment = true }
headline = { type = "text", null = false, was = ["title"] }
author = { type = "text", null = false, default = "'nobody'" }
words = { type = "integer", null = false, default = "0", check = "words >= 0" }

[tables.tags]
primary = ["page", "name"]
foreign.tags_page = { columns = ["page"], table = "pages", references = ["id"], on_delete = "cascade" }

[tables.tags.columns]
page = "integer not null"
name = "text not null"
"#;

struct Site {
    small: SmallSite,
    entracte: Entracte,
}

impl Site {
    fn new() -> Site {
        let small = SmallSite::new();
        let entracte = small.adopt();
        let release = small.release(2);
        std::fs::remove_file(release.join("schema/001.sql")).unwrap();
        std::fs::remove_dir_all(release.join("run_once")).unwrap();
        small.write(&release.join("schema/tables.toml"), TABLES);
        small.stage(&entracte);
        update::plan_and_approve(&entracte);
        Site { small, entracte }
    }

    fn database(&self) -> Connection {
        Connection::open(self.small.database_file()).unwrap()
    }

    fn faulty(&self, fault: &str) -> Entracte {
        Entracte::with_fault(&self.small.root(), fault)
    }
}

#[test]
fn an_update_brings_the_tables_and_rollback_takes_them_back() {
    let site = Site::new();
    let before = site.small.look();
    let plan = site.entracte.json(&["plan"]).code(0);
    before.assert_same(&site.small.look(), "after a plan");
    assert!(plan["schema"].as_array().unwrap().len() >= 2, "{plan:#}");
    site.entracte.json(&["apply", "--foreground"]).code(0);
    site.entracte.json(&["schema", "check"]).code(0);
    let headline: String = site
        .database()
        .query_row("SELECT headline FROM pages ORDER BY id LIMIT 1", (), |row| row.get(0))
        .unwrap();
    assert!(!headline.is_empty());
    let refused = site.database().execute("INSERT INTO pages (headline, words) VALUES ('x', -1)", ());
    assert!(refused.is_err(), "the check is not there");
    site.entracte.json(&["rollback"]).code(0);
    before.assert_same(&site.small.look(), "rolled back");
}

#[test]
fn killed_at_every_statement_boundary() {
    let site = Site::new();
    let before = site.small.look();
    let steps = site.entracte.json(&["plan"]).code(0)["schema"].as_array().unwrap().len();
    for point in ["migrate.table", "migrate.table_done", "migrate.table_noted"] {
        for at in 1..=steps {
            let when = format!("killed at {point}:{at}");
            site.faulty(&format!("{point}:{at}=kill")).run(&["apply", "--foreground"]).killed();
            match at % 2 {
                0 => {
                    site.entracte.json(&["resume", "--foreground"]).code(0);
                    site.entracte.json(&["schema", "check"]).code(0);
                    site.entracte.json(&["rollback"]).code(0);
                }
                _ => drop(site.entracte.json(&["rollback", "--foreground"]).code(0)),
            }
            before.assert_same(&site.small.look(), &when);
            update::plan_and_approve(&site.entracte);
        }
    }
}

#[test]
fn what_others_added_stays_and_lives_on() {
    let site = Site::new();
    site.database()
        .execute_batch(
            "ALTER TABLE pages ADD COLUMN ours TEXT DEFAULT 'here';
             CREATE TABLE audit (page INTEGER, at TEXT);
             CREATE TRIGGER noted AFTER DELETE ON pages BEGIN INSERT INTO audit VALUES (old.id, 'now'); END;
             CREATE VIEW few AS SELECT id FROM pages WHERE ours = 'here';",
        )
        .unwrap();
    update::plan_and_approve(&site.entracte);
    site.entracte.json(&["apply", "--foreground"]).code(0);
    let database = site.database();
    let count = |query: &str| database.query_row(query, (), |row| row.get::<_, i64>(0)).unwrap();
    let pages = count("SELECT count(*) FROM pages");
    assert_eq!(count("SELECT count(*) FROM few"), pages);
    database.execute("DELETE FROM pages WHERE id = (SELECT min(id) FROM pages)", ()).unwrap();
    assert_eq!(count("SELECT count(*) FROM audit"), 1);
    let check: Value = site.entracte.json(&["schema", "check"]).code(0);
    assert_eq!(check["steps"], Value::Array(Vec::new()));
}

/// What cannot be read must not look as if nothing were declared.
#[test]
fn a_declaration_that_cannot_be_read_is_no_empty_one() {
    let site = Site::new();
    let objects = site.small.root().parent().unwrap().join(".entracte-site/staging/objects");
    std::fs::remove_dir_all(objects).unwrap();
    let said = site.entracte.json(&["plan"]).refused(5);
    assert!(said.contains("schema/tables.toml declares tables and cannot be read"), "{said}");
}
