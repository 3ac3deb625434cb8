//! Both engines on real servers and files: what is saved comes back exactly.

use super::address::Address;
use super::dump::DumpRecord;
use super::dump::Scope;
use super::dump::check;
use super::dump::dump;
use super::open;
use super::restore::restore;
use super::testing;
use crate::base::exit::Exit;
use crate::base::exit::Fault;
use crate::base::secret::Secret;

/// Everything that a dump has been known to lose.
const NASTY: &[&str] = &[
    "SET SESSION sql_mode = 'NO_AUTO_VALUE_ON_ZERO'",
    "CREATE TABLE kinds (id INT AUTO_INCREMENT PRIMARY KEY, t TEXT, b BLOB, vb VARBINARY(20), bits BIT(10), d DATE, dt DATETIME(6), \
     f DOUBLE, de DECIMAL(20,10), e ENUM('a','b;c'), j JSON, n INT NULL, g INT GENERATED ALWAYS AS (n * 2) STORED) AUTO_INCREMENT = 77",
    "INSERT INTO kinds (t, b, vb, bits, d, dt, f, de, e, j, n) VALUES \
     ('it''s \\\\ \\n \\0 ; -- \\\" é 😀', x'00ff10270a', x'', b'1010101010', '0000-00-00', '2026-01-02 03:04:05.678901', 0.1, 1.0000000001, 'b;c', '{\"a\": [1]}', 3), \
     (NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL), \
     ('', '', x'00', b'0', '9999-12-31', '1000-01-01', -1e300, -0.5, 'a', 'null', 0)",
    "INSERT INTO kinds (id, t) VALUES (0, 'zero id')",
    "CREATE TABLE latin (a VARCHAR(20)) CHARACTER SET latin1",
    "INSERT INTO latin VALUES ('été'), ('été'), ('')",
    "CREATE TABLE parent (id INT PRIMARY KEY) ENGINE=InnoDB",
    "CREATE TABLE child (id INT PRIMARY KEY, p INT, FOREIGN KEY (p) REFERENCES parent (id)) ENGINE=InnoDB",
    "INSERT INTO parent VALUES (1)",
    "INSERT INTO child VALUES (1, 1)",
    "CREATE TABLE `tick``ed; table` (`col``umn` INT)",
    "INSERT INTO `tick``ed; table` VALUES (5)",
    "CREATE TABLE empty_one (a INT)",
    "CREATE VIEW seen AS SELECT id, t FROM kinds",
    "CREATE TRIGGER fires BEFORE INSERT ON parent FOR EACH ROW BEGIN SET NEW.id = NEW.id + 0; SET @x = ';'; END",
    "CREATE PROCEDURE does() BEGIN SELECT 1; SELECT ';'; END",
];

fn run(address: &Address, statements: &[&str]) {
    let mut database = open(address).unwrap();
    for statement in statements {
        database.execute(statement).unwrap();
    }
}

fn saved(address: &Address, scope: &Scope, folder: &std::path::Path) -> DumpRecord {
    dump(address, scope, folder, &mut |_, _| {}).unwrap()
}

fn bring_back(address: &Address, record: &DumpRecord, folder: &std::path::Path) {
    restore(address, record, folder, &mut |_, _| {}).unwrap();
}

#[test]
fn nasty_data_comes_back_and_what_was_made_since_goes() {
    let (address, folder) = (testing::database(), tempfile::tempdir().unwrap());
    run(&address, NASTY);
    let record = saved(&address, &Scope::All, folder.path());
    assert_eq!(record.tables.len(), 6);
    assert_eq!((record.views.len(), record.triggers.len(), record.routines.len()), (1, 1, 1));
    run(
        &address,
        &[
            "UPDATE kinds SET t = 'changed', f = 0.2 WHERE id = 77",
            "ALTER TABLE latin ADD COLUMN b INT",
            "DROP TABLE child",
            "DROP VIEW seen",
            "CREATE TABLE newcomer (a INT)",
            "CREATE VIEW new_view AS SELECT 1",
            "CREATE TRIGGER new_trigger BEFORE INSERT ON latin FOR EACH ROW SET NEW.a = 'x'",
            "CREATE PROCEDURE new_routine() SELECT 1",
        ],
    );
    bring_back(&address, &record, folder.path());
    bring_back(&address, &record, folder.path());
    let mut database = open(&address).unwrap();
    let names: Vec<String> = database.tables().unwrap().into_iter().map(|table| table.name).collect();
    assert!(names.contains(&"seen".to_owned()) && names.contains(&"child".to_owned()));
    assert!(!names.iter().any(|name| name.starts_with("new")), "{names:?}");
    let again = saved(&address, &Scope::All, tempfile::tempdir().unwrap().path());
    assert_eq!(
        (again.tables, again.triggers, again.routines),
        (record.tables, record.triggers, record.routines)
    );
}

#[test]
fn a_dump_is_what_the_servers_own_client_can_bring_back() {
    let (address, folder) = (testing::database(), tempfile::tempdir().unwrap());
    run(&address, NASTY);
    let record = saved(&address, &Scope::All, folder.path());
    run(&address, &["DROP TABLE child", "UPDATE kinds SET t = 'x'"]);
    let Address::MySql(mysql) = &address else { panic!("not MySQL") };
    let client = std::process::Command::new("mariadb")
        .args(["--no-defaults", "-uroot"])
        .arg(format!("--socket={}", mysql.socket.as_ref().unwrap().display()))
        .arg(&mysql.name)
        .stdin(std::fs::File::open(folder.path().join("dump.sql")).unwrap())
        .status()
        .unwrap();
    assert!(client.success());
    let again = saved(&address, &Scope::All, tempfile::tempdir().unwrap().path());
    assert_eq!(again.tables, record.tables);
}

#[test]
fn a_prefix_with_an_underscore_means_itself() {
    let (address, folder) = (testing::database(), tempfile::tempdir().unwrap());
    run(&address, &["CREATE TABLE wp_a (a INT)", "CREATE TABLE wpxb (a INT)", "INSERT INTO wpxb VALUES (1)"]);
    let record = saved(&address, &Scope::Prefix("wp_".into()), folder.path());
    run(
        &address,
        &["CREATE TABLE wp_new (a INT)", "CREATE TABLE wpx_new (a INT)", "INSERT INTO wpxb VALUES (2)"],
    );
    bring_back(&address, &record, folder.path());
    let names: Vec<String> =
        open(&address).unwrap().tables().unwrap().into_iter().map(|table| table.name).collect();
    assert_eq!(names, ["wp_a", "wpx_new", "wpxb"]);
}

#[test]
fn a_checksum_sees_every_change_and_no_order() {
    let address = testing::database();
    run(
        &address,
        &[
            "CREATE TABLE t (a INT, b DOUBLE, c VARCHAR(9))",
            "INSERT INTO t VALUES (1, 0.5, 'x'), (2, 1.5, NULL)",
        ],
    );
    let mut database = open(&address).unwrap();
    let first = database.checksum("t", None).unwrap();
    for (change, back) in [
        ("UPDATE t SET b = 0.25 WHERE a = 1", "UPDATE t SET b = 0.5 WHERE a = 1"),
        ("UPDATE t SET c = '' WHERE a = 2", "UPDATE t SET c = NULL WHERE a = 2"),
        ("INSERT INTO t VALUES (3, 3, 'y')", "DELETE FROM t WHERE a = 3"),
        ("ALTER TABLE t ADD COLUMN d INT", "ALTER TABLE t DROP COLUMN d"),
    ] {
        database.execute(change).unwrap();
        assert_ne!(database.checksum("t", None).unwrap(), first, "{change}");
        database.execute(back).unwrap();
        assert_eq!(database.checksum("t", None).unwrap(), first, "{back}");
    }
    database.execute("DELETE FROM t").unwrap();
    database.execute("INSERT INTO t VALUES (2, 1.5, NULL), (1, 0.5, 'x')").unwrap();
    assert_eq!(database.checksum("t", None).unwrap(), first);
    database.execute("INSERT INTO t VALUES (9, 9, 'volatile')").unwrap();
    assert_eq!(database.checksum("t", Some("a = 9")).unwrap(), first);
}

#[test]
fn a_failing_statement_is_an_error_with_its_text() {
    let address = testing::database();
    let mut database = open(&address).unwrap();
    database.execute("CREATE TABLE t (a INT)").unwrap();
    let error = database.execute("INSERT INTO nope VALUES (1)").unwrap_err();
    assert_eq!(
        (error.exit(), error.to_string().as_str()),
        (Exit::Failed, "the statement failed: INSERT INTO nope VALUES (1)")
    );
    assert!(
        database.execute("INSERT INTO t VALUES (99999999999)").is_err(),
        "strict mode refuses what does not fit"
    );
    assert!(database.execute("INSERT INTO t VALUES (1); INSERT INTO nope VALUES (1)").is_err());
}

#[test]
fn who_is_not_let_in_is_told_without_the_password() {
    let Address::MySql(mut mysql) = testing::database() else { panic!("not MySQL") };
    open(&Address::MySql(mysql.clone()))
        .unwrap()
        .execute("CREATE USER IF NOT EXISTS u@localhost IDENTIFIED BY 'right'")
        .unwrap();
    mysql.user = "u".into();
    mysql.password = Secret::new("wrong-canary");
    let error = open(&Address::MySql(mysql.clone())).err().unwrap();
    let said = format!("{error} {:?} {error:?}", crate::base::exit::causes(&error));
    assert_eq!(error.exit(), Exit::Refused);
    assert!(!said.contains("canary") && said.contains("u@"), "{said}");
    mysql.socket = Some("/no/such/socket".into());
    assert_eq!(open(&Address::MySql(mysql)).err().unwrap().exit(), Exit::Refused);
}

#[test]
fn a_cut_or_changed_dump_is_refused_before_anything_is_written() {
    let (address, folder) = (testing::database(), tempfile::tempdir().unwrap());
    run(&address, &["CREATE TABLE t (a INT)", "INSERT INTO t VALUES (1)"]);
    let record = saved(&address, &Scope::All, folder.path());
    run(&address, &["INSERT INTO t VALUES (2)"]);
    let path = folder.path().join("dump.sql");
    let whole = std::fs::read(&path).unwrap();
    let mut flipped = whole.clone();
    flipped[whole.len() / 2] ^= 1;
    for defect in [&whole[..whole.len() - 5], &flipped] {
        std::fs::write(&path, defect).unwrap();
        assert_eq!(check(&record, folder.path()).unwrap_err().exit(), Exit::Stuck);
        assert!(restore(&address, &record, folder.path(), &mut |_, _| {}).is_err());
    }
    assert_eq!(open(&address).unwrap().checksum("t", None).unwrap().rows, 2);
}

#[test]
fn sqlite_comes_back_through_its_own_backup() {
    let folder = tempfile::tempdir().unwrap();
    let address = Address::Sqlite(folder.path().join("site.db"));
    rusqlite::Connection::open(folder.path().join("site.db")).unwrap();
    run(
        &address,
        &[
            "PRAGMA journal_mode = WAL",
            "CREATE TABLE t (a, b)",
            "INSERT INTO t VALUES (1, x'00ff'), (NULL, 'é')",
        ],
    );
    let dump_folder = folder.path().join("dump");
    std::fs::create_dir(&dump_folder).unwrap();
    let record = saved(&address, &Scope::All, &dump_folder);
    run(&address, &["DELETE FROM t", "CREATE TABLE new (a)"]);
    bring_back(&address, &record, &dump_folder);
    let mut database = open(&address).unwrap();
    assert_eq!(database.tables().unwrap().len(), 1);
    assert_eq!(database.checksum("t", None).unwrap(), record.tables[0].sum);
    assert!(open(&Address::Sqlite(folder.path().join("none.db"))).is_err());
}
