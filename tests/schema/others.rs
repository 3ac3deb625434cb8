//! A site with more than one database: what programs may have changed comes
//! back in all of them.

use mysql::prelude::Queryable;
use rusqlite::Connection;

use crate::support::database::field::Field;
use crate::support::database::field::Setting;
use crate::support::run::Entracte;
use crate::ways;

/// A script that counts in the site's second database, and in its third.
fn setting(stats: &std::path::Path, socket: &std::path::Path) -> Setting {
    let script = format!(
        "#!/bin/sh\n# entracte: changes = media/**\nset -eu\n\
         mariadb --no-defaults --socket={} -usite -phush second -e 'UPDATE t SET n = n + 1; CREATE TABLE new (a INT)'\n\
         python3 -c 'import sqlite3; d = sqlite3.connect(\"{}\"); d.execute(\"UPDATE visits SET n = n + 1\"); d.commit()'\n",
        socket.display(),
        stats.display()
    );
    Setting {
        settings: format!(
            "\n[[database.also]]\nurl = \"mysql://site:hush@localhost/second?socket={}\"\n\
             \n[[database.also]]\nurl = \"sqlite:{}\"\n",
            socket.display(),
            stats.display()
        ),
        scripts: vec![("005-count.sh", script)],
        only_database: false,
        ..ways::setting(vec![("001.sql", "ALTER TABLE pages ADD COLUMN author TEXT;\n".into())])
    }
}

#[test]
fn all_of_them_come_back() {
    let server = crate::support::database::server::Server::shared();
    let folder = tempfile::tempdir_in("/tmp").unwrap();
    let stats = folder.path().join("stats.db");
    Connection::open(&stats)
        .unwrap()
        .execute_batch("CREATE TABLE visits (n INT); INSERT INTO visits VALUES (7)")
        .unwrap();
    let mut root = server.root();
    for statement in [
        "CREATE OR REPLACE DATABASE second",
        "GRANT ALL ON second.* TO site@localhost",
        "CREATE TABLE second.t (n INT)",
        "INSERT INTO second.t VALUES (1)",
    ] {
        root.query_drop(statement).unwrap();
    }
    let field = Field::unfit(&setting(&stats, &server.socket()));
    let holds = |when: &str, second: i64, third: i64| {
        let n: Option<i64> = server.root().query_first("SELECT n FROM second.t").unwrap();
        let visits: i64 = Connection::open(&stats)
            .unwrap()
            .query_row("SELECT n FROM visits", (), |row| row.get(0))
            .unwrap();
        assert_eq!((n, visits), (Some(second), third), "{when}");
        let made: Option<i64> = server
            .root()
            .query_first("SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = 'second' AND table_name = 'new'")
            .unwrap();
        assert_eq!(made, Some(second - 1), "{when}");
    };
    field.entracte.json(&["apply", "--foreground"]).code(0);
    holds("applied", 2, 8);
    // Somebody writes to the third one after visitors are back.
    Connection::open(&stats).unwrap().execute("UPDATE visits SET n = 9", ()).unwrap();
    let said = field.entracte.json(&["rollback"]).refused(5);
    assert!(said.contains("database 2: visits"), "{said}");
    field.entracte.json(&["rollback", "--database", "restore"]).code(0);
    holds("rolled back", 1, 7);
    field.is_old("rolled back");
    // The same when it is killed behind the script.
    crate::support::update::plan_and_approve(&field.entracte);
    Entracte::with_fault(&field.small.root(), "run-once.ended:1=kill").run(&["apply", "--foreground"]);
    field.recover("rollback", "killed behind the script");
    holds("killed and rolled back", 1, 7);
}

#[test]
fn one_that_does_not_answer_is_told_before_anything_is_touched() {
    let folder = tempfile::tempdir_in("/tmp").unwrap();
    let gone = folder.path().join("gone.db");
    let server = crate::support::database::server::Server::shared();
    let mut setting = setting(&gone, &server.socket());
    setting.settings = format!("\n[[database.also]]\nurl = \"sqlite:{}\"\n", gone.display());
    let field = Field::unfit(&setting);
    let said = field.entracte.json(&["apply", "--foreground"]).refused(5);
    assert!(said.contains("gone.db"), "{said}");
    field.is_old("refused");
}
