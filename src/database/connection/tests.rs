//! The trait against a real MariaDB and real SQLite files.

use crate::base::check::Level;
use crate::base::exit::Exit;
use crate::base::exit::Fault;
use crate::base::exit::causes;
use crate::base::secret::Secret;
use crate::database::address::Address;
use crate::database::connection::*;
use crate::database::guard::Guard;
use crate::database::guard::open_to_work;
use crate::database::scope::Scope;
use crate::database::sqlite::Sqlite;
use crate::database::sqlite_copy;
use crate::database::testing;

fn mysql() -> Box<dyn Database> {
    open(&testing::address(&testing::new_database())).unwrap()
}

#[test]
fn a_failing_second_statement_of_three_is_seen() {
    let mut db = mysql();
    db.execute("CREATE TABLE t (a INT) ENGINE=InnoDB").unwrap();
    let three = "INSERT INTO t VALUES (1); INSERT INTO nope VALUES (1); INSERT INTO t VALUES (2)";
    let error = db.execute(three).unwrap_err();
    assert!(matches!(error, DatabaseError::NotOne { count: 3, .. }), "{error}");
    assert_eq!(db.checksum("t", None).unwrap().rows, 0);
    // A body may hold several; the failing one among them must be seen too.
    let body = "BEGIN NOT ATOMIC INSERT INTO t VALUES (1); INSERT INTO nope VALUES (1); END";
    let error = db.execute(body).unwrap_err();
    assert!(causes(&error)[0].contains("nope"), "{error:?}");
    assert_eq!(error.exit(), Exit::Failed);
    let results = "BEGIN NOT ATOMIC SELECT 1; SELECT 2; INSERT INTO nope VALUES (1); END";
    assert!(db.execute(results).is_err());
}

#[test]
fn a_wrong_password_names_user_host_and_database_only() {
    let mut address = testing::new_database();
    address.password = Secret::new("a-wrong-one");
    let error = open(&Address::MySql(address.clone())).err().unwrap();
    let told = format!("{error} {error:?} {:?}", causes(&error));
    for part in [&address.user, &address.host, &address.name] {
        assert!(error.to_string().contains(part.as_str()), "{error}");
    }
    assert!(!told.contains("a-wrong-one") && !told.contains("hush"));
    assert_eq!(error.exit(), Exit::Refused);
    address.port = Some(1);
    let error = open(&Address::MySql(address)).err().unwrap();
    assert!(matches!(error, DatabaseError::Connect { .. }) && error.exit() == Exit::Refused);
}

#[test]
fn wrong_values_are_errors() {
    let mut db = mysql();
    db.execute("CREATE TABLE t (a TINYINT) ENGINE=MyISAM").unwrap();
    assert!(db.execute("INSERT INTO t VALUES (1000)").is_err());
}

#[test]
fn checksums_see_every_difference_but_no_order() {
    let mut db = mysql();
    db.execute("CREATE TABLE t (a VARCHAR(9), b VARBINARY(9), c FLOAT, at TIMESTAMP NULL) ENGINE=InnoDB")
        .unwrap();
    let mut sums = Vec::new();
    for rows in [
        "('a', '', 1.0000001, NULL), ('b', 'x', 0, NULL)",
        "('b', 'x', 0, NULL), ('a', '', 1.0000001, NULL)",
        "('a', NULL, 1.0000001, NULL), ('b', 'x', 0, NULL)",
        "('A', '', 1.0000001, NULL), ('b', 'x', 0, NULL)",
        "('a', '', 1, NULL), ('b', 'x', 0, NULL)",
        "('a', '', 1.0000001, NULL), ('a', '', 1.0000001, NULL)",
        "('b', 'x', 0, NULL), ('b', 'x', 0, NULL)",
    ] {
        db.execute("DELETE FROM t").unwrap();
        db.execute(&format!("INSERT INTO t VALUES {rows}")).unwrap();
        sums.push(db.checksum("t", None).unwrap().sum);
    }
    assert_eq!(sums[0], sums[1]);
    sums.remove(0);
    let count = sums.len();
    sums.sort();
    sums.dedup();
    assert_eq!(sums.len(), count);
    assert_eq!(db.checksum("t", Some("a = 'b'")).unwrap().rows, 0);
    let before = db.checksum("t", None).unwrap();
    db.execute("ALTER TABLE t ADD KEY (a)").unwrap();
    assert_ne!(db.checksum("t", None).unwrap().sum, before.sum);
}

#[test]
fn the_time_zone_of_a_session_does_not_change_a_checksum() {
    let mut db = mysql();
    db.execute("CREATE TABLE t (at TIMESTAMP NULL) ENGINE=InnoDB").unwrap();
    db.execute("INSERT INTO t VALUES ('2020-01-01 10:00:00')").unwrap();
    let before = db.checksum("t", None).unwrap();
    db.execute("SET time_zone = '+05:00'").unwrap();
    assert_eq!(db.checksum("t", None).unwrap(), before);
}

#[test]
fn a_connection_is_killed_and_a_lock_excludes() {
    let address = testing::address(&testing::new_database());
    let (mut one, mut two) = (open(&address).unwrap(), open(&address).unwrap());
    let long = format!("site at {}", "/x".repeat(90));
    let at_once = std::time::Duration::ZERO;
    assert_eq!(one.lock(&long, at_once).unwrap(), None);
    assert_eq!(two.lock(&long, at_once).unwrap(), Some(one.connection_id()));
    assert_eq!(two.lock("another", at_once).unwrap(), None);
    two.kill_connection(one.connection_id()).unwrap();
    assert!(one.execute("SELECT 1").is_err());
    assert_eq!(two.lock(&long, at_once).unwrap(), None);
    two.kill_connection(one.connection_id()).unwrap();
}

#[test]
fn a_guard_keeps_others_out_and_ends_what_was_left_behind() {
    let address = testing::address(&testing::new_database());
    let scope = Scope::All;
    let guard = Guard::take(&address, &scope, &[]).unwrap().unwrap();
    let id = guard.connection_id();
    assert!(matches!(Guard::take(&address, &scope, &[]), Err(DatabaseError::Held(held)) if held == id));
    let shared = Guard::take(&address, &Scope::Prefix("b_".into()), &[]).unwrap();
    assert!(shared.is_some(), "another site in the same database");
    let mut orphan = open_to_work(&address, &scope).unwrap();
    let mut second = Guard::take(&address, &scope, &[id]).unwrap().unwrap();
    assert!(orphan.execute("SELECT 1").is_err(), "it went on");
    second.settle().unwrap();
    open_to_work(&address, &scope).unwrap();
}

#[test]
fn missing_rights_are_found() {
    let address = testing::new_database();
    let mut root = testing::as_root(&address);
    let mut db = open(&testing::address(&address)).unwrap();
    assert!(db.checks(None).iter().all(|check| check.level == Level::Ok), "{:?}", db.checks(None));
    root.execute(&format!("REVOKE ALTER ON {}.* FROM {}@'%'", address.name, address.user)).unwrap();
    let checks = db.checks(None);
    let wrong: Vec<_> = checks.iter().filter(|check| check.level == Level::Error).collect();
    assert!(wrong.len() == 1 && wrong[0].detail.contains("ALTER"), "{checks:?}");
}

#[test]
fn tables_and_views_are_listed_and_estimated_in_scope() {
    let mut db = mysql();
    for statement in [
        "CREATE TABLE wp_a (a INT) ENGINE=InnoDB",
        "CREATE TABLE wpxa (a INT) ENGINE=InnoDB",
        "CREATE VIEW wp_v AS SELECT * FROM wp_a",
    ] {
        db.execute(statement).unwrap();
    }
    let tables = db.tables().unwrap();
    let found: Vec<_> = tables.iter().map(|table| (table.name.as_str(), table.is_base())).collect();
    assert_eq!(found, [("wp_a", true), ("wp_v", false), ("wpxa", true)]);
    let part = estimate(&mut *db, &Scope::Prefix("wp_".into())).unwrap();
    assert!(part > 0 && estimate(&mut *db, &Scope::All).unwrap() == 2 * part);
}

#[test]
fn sqlite_speaks_the_same_trait() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("site.db");
    assert_eq!(open(&Address::Sqlite(path.clone())).err().unwrap().exit(), Exit::Refused);
    std::fs::write(&path, "").unwrap();
    let mut db = open(&Address::Sqlite(path)).unwrap();
    db.execute("CREATE TABLE \"a\"\"b\" (x, y)").unwrap();
    db.execute("CREATE TRIGGER r AFTER INSERT ON \"a\"\"b\" BEGIN SELECT 1; SELECT 2; END").unwrap();
    assert_eq!(db.execute("INSERT INTO \"a\"\"b\" VALUES (1, NULL), ('1', '')").unwrap(), 2);
    assert!(matches!(db.execute("SELECT 1; SELECT 2"), Err(DatabaseError::NotOne { count: 2, .. })));
    let sum = db.checksum("a\"b", None).unwrap();
    assert_eq!(sum.rows, 2);
    db.execute("UPDATE \"a\"\"b\" SET x = '1' WHERE x = 1").unwrap();
    assert_ne!(db.checksum("a\"b", None).unwrap().sum, sum.sum);
    assert_eq!(db.checksum("a\"b", Some("y IS NULL")).unwrap().rows, 1);
    let tables = db.tables().unwrap();
    assert!(tables.len() == 1 && tables[0].rows == 2 && tables[0].bytes > 0);
    assert!(db.checks(None).iter().all(|check| check.level == Level::Ok));
}

#[test]
fn a_copied_sqlite_database_holds_its_log_and_leaves_nothing_behind() {
    let (folder, scratch) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let path = folder.path().join("site.db");
    let mut writer = Sqlite::open_or_create(&path).unwrap();
    for statement in ["PRAGMA journal_mode=WAL", "CREATE TABLE t (a)", "INSERT INTO t VALUES (1)"] {
        writer.execute(statement).unwrap();
    }
    let names = || {
        let entries = std::fs::read_dir(folder.path()).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    };
    let before = (names(), std::fs::read(&path).unwrap());
    let copy = sqlite_copy(&path, scratch.path()).unwrap();
    let mut db = open(&Address::Sqlite(copy)).unwrap();
    assert_eq!(db.checksum("t", None).unwrap().rows, 1);
    assert_eq!((names(), std::fs::read(&path).unwrap()), before);
}

#[test]
fn names_are_quoted_or_refused() {
    for (dialect, name, quoted) in [
        (Dialect::MySql, "a`b", "`a``b`"),
        (Dialect::MySql, "a\"b", "`a\"b`"),
        (Dialect::Sqlite, "a\"b", "\"a\"\"b\""),
    ] {
        assert_eq!(quote_identifier(dialect, name).unwrap(), quoted);
    }
    for name in ["", "a\0b", &"x".repeat(65)] {
        assert!(quote_identifier(Dialect::MySql, name).is_err());
    }
}

#[test]
fn only_the_beginning_of_a_statement_is_shown() {
    let shown =
        shortened("INSERT INTO users\n VALUES ('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', 'hush')\x1b");
    assert!(shown.starts_with("INSERT INTO users VALUES") && !shown.contains("hush"), "{shown}");
}

#[test]
fn a_query_answers_in_text_and_tells_null_from_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let sqlite = Sqlite::open_or_create(&folder.path().join("site.db")).unwrap();
    for mut db in [mysql(), Box::new(sqlite)] {
        let rows = db.query("SELECT 1, NULL, '', 'é'").unwrap();
        let row: Vec<Option<&str>> = rows[0].iter().map(Option::as_deref).collect();
        assert_eq!((rows.len(), row.as_slice()), (1, &[Some("1"), None, Some(""), Some("é")][..]));
        assert!(db.query("SELECT nonsense").is_err());
    }
}
