//! Dump and restore against a real MariaDB and real SQLite files.

use std::path::Path;

use crate::base::check::Level;
use crate::base::event::Event;
use crate::base::exit::Exit;
use crate::base::exit::Fault;
use crate::base::step::Step;
use crate::database::address::Address;
use crate::database::connection::Database;
use crate::database::connection::open;
use crate::database::dump::restore::RestoreError;
use crate::database::dump::restore::restore;
use crate::database::dump::*;
use crate::database::guard::begin_to_work;
use crate::database::mysql::MySql;
use crate::database::sqlite::Sqlite;
use crate::database::testing;

fn quiet(_: Option<Step>, _: Event) {}

fn save(address: &Address, scope: &Scope, folder: &Path) -> DumpRecord {
    let record = dump(address, scope, folder, &mut quiet).unwrap();
    check(&record, folder).unwrap();
    let text = serde_json::to_string(&record).unwrap();
    assert_eq!(serde_json::from_str::<DumpRecord>(&text).unwrap(), record);
    record
}

/// The dump's text, as an administrator would get it.
fn text(folder: &Path) -> String {
    let zstd =
        std::process::Command::new("zstd").arg("-dc").arg(folder.join("dump.sql.zst")).output().unwrap();
    assert!(zstd.status.success(), "{zstd:?}");
    String::from_utf8(zstd.stdout).unwrap()
}

fn run_all(db: &mut dyn Database, statements: &[&str]) {
    for statement in statements {
        db.execute(statement).unwrap_or_else(|error| panic!("{error:?}"));
    }
}

/// Whatever is known to break dumps.
const NASTY: &[&str] = &[
    "SET SESSION sql_mode = 'NO_AUTO_VALUE_ON_ZERO'",
    "CREATE TABLE users (id INT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY, name VARCHAR(50) NULL, \
     born DATE NOT NULL DEFAULT '0000-00-00', seen TIMESTAMP NOT NULL DEFAULT '0000-00-00 00:00:00', \
     upper_name VARCHAR(50) AS (UPPER(name)) STORED, short_name VARCHAR(3) AS (LEFT(name, 3)) VIRTUAL, \
     UNIQUE KEY (name)) ENGINE=InnoDB COMMENT='it''s; AUTO_INCREMENT=9'",
    "INSERT INTO users (id, name, born, seen) VALUES (0, 'zero', '0000-00-00', '0000-00-00 00:00:00'), \
     (1, NULL, '1999-12-31', '2020-06-01 12:00:00'), (2, '', '2000-00-00', '2020-01-01 00:00:01'), \
     (40, 'Zoë 🎭 \\'quoted\\' \\\\ \"x\" ; -- # /* \\n\\r\\t\\Z\\0', '2024-02-29', '2038-01-19 03:14:07')",
    "ALTER TABLE users AUTO_INCREMENT = 777",
    "CREATE TABLE posts (id INT PRIMARY KEY, user INT UNSIGNED NOT NULL, \
     CONSTRAINT fk FOREIGN KEY (user) REFERENCES users (id) ON DELETE CASCADE) ENGINE=InnoDB",
    "INSERT INTO posts VALUES (1, 0), (2, 40)",
    "CREATE TABLE `a``b; é` (`se``lect` INT, `x y` TEXT) ENGINE=InnoDB",
    "INSERT INTO `a``b; é` VALUES (1, 'one'), (1, 'one'), (NULL, NULL)",
    "CREATE TABLE old (t VARCHAR(50), b TEXT) ENGINE=MyISAM DEFAULT CHARSET=latin1",
    "INSERT INTO old VALUES ('café', 'Ã©'), (_latin1 0x8081FF, '')",
    "CREATE TABLE far (t VARCHAR(50) CHARACTER SET sjis, u VARCHAR(9) CHARACTER SET utf16, \
     e ENUM('é','b') CHARACTER SET cp1251) ENGINE=InnoDB",
    "INSERT INTO far VALUES (_sjis 0x815C5C, 'x🎭', 'b'), (NULL, '', NULL)",
    "CREATE TABLE numbers (f FLOAT, d DOUBLE, m DECIMAL(40,20), b BIT(9), y YEAR, big BIGINT UNSIGNED, \
     z INT(6) ZEROFILL, t TIME(6), j JSON, s SET('a','b'), e ENUM('1','0'), u UUID, i INET6, g POINT) ENGINE=InnoDB",
    "INSERT INTO numbers VALUES (1.0000001, 0.1, -1.00000000000000000001, b'100000001', 2000, \
     18446744073709551615, 7, '-838:59:59.000001', '{\"a\": \"\\\\u00e9\"}', 'a,b', '0', \
     '123e4567-e89b-12d3-a456-426655440000', '::1', ST_GeomFromText('POINT(1 -2)', 4326)), \
     (3.4028234e38, 1.7976931348623157e308, 0, 0, 0, 0, 0, '00:00:00', NULL, '', '1', NULL, NULL, NULL)",
    "CREATE TABLE bytes (k VARBINARY(20) PRIMARY KEY, b LONGBLOB, f BINARY(4)) ENGINE=InnoDB",
    "INSERT INTO bytes VALUES ('', '', ''), (0x00FF27225C0A, REPEAT(0x00FF, 400000), 0x01), ('n', NULL, NULL)",
    "CREATE TABLE empty_one (a INT) ENGINE=InnoDB",
    "CREATE TABLE log (what TEXT) ENGINE=InnoDB",
    "CREATE VIEW a_second AS SELECT * FROM z_first WHERE name <> ''",
    "CREATE FUNCTION greet(who VARCHAR(50)) RETURNS VARCHAR(80) DETERMINISTIC RETURN CONCAT('hé;; ', who)",
    "CREATE PROCEDURE twice() BEGIN DECLARE n INT DEFAULT 2; -- a comment; with 'quote\n\
     WHILE n > 0 DO SET n = n - 1; END WHILE; SELECT ';;;'; END",
    "CREATE TRIGGER one BEFORE INSERT ON posts FOR EACH ROW BEGIN INSERT INTO log VALUES ('x;'); END",
    "CREATE TRIGGER two BEFORE INSERT ON posts FOR EACH ROW INSERT INTO log VALUES ('y')",
    "CREATE EVENT nightly ON SCHEDULE EVERY 1 DAY STARTS '2020-01-01 00:00:00' DO DELETE FROM log",
];

fn make_nasty(db: &mut dyn Database) {
    let (before, after) = NASTY.split_at(NASTY.len() - 6);
    run_all(db, before);
    run_all(db, &["CREATE VIEW z_first AS SELECT id, name FROM users"]);
    run_all(db, after);
}

/// A record that is not this dump's is found by what the dump holds.
#[test]
fn each_part_of_a_record_is_compared_with_the_dump() {
    let address = testing::address(&testing::new_database());
    let folder = tempfile::tempdir().unwrap();
    let mut db = open(&address).unwrap();
    run_all(&mut *db, &["CREATE TABLE t (a INT)", "INSERT INTO t VALUES (1)", "CREATE TABLE u (a INT)"]);
    let record = save(&address, &Scope::All, folder.path());
    let wrong = |change: &dyn Fn(&mut DumpRecord)| {
        let mut wrong = record.clone();
        change(&mut wrong);
        check(&wrong, folder.path()).unwrap_err().to_string()
    };
    for (change, what) in [
        (
            &(|record: &mut DumpRecord| record.tables[0].sum.rows = 2) as &dyn Fn(&mut DumpRecord),
            "its rows differ",
        ),
        (&|record| record.tables[0].sum.sum.replace_range(13..14, "z"), "its rows differ"),
        (&|record| record.tables.swap(0, 1), "its rows differ"),
        (&|record| record.tables.clear(), "it has more tables"),
        (&|record| record.end.push('\n'), "its last line is missing"),
        (&|record| record.sha256 = crate::base::digest::Sha256::of(b""), "its digest differs"),
        (&|record| record.bytes += 1, "its size differs"),
        (&|record| record.format = 1, "has format 1"),
    ] {
        assert!(wrong(change).contains(what), "{what}: {}", wrong(change));
    }
}

/// What a migration and visitors may do to it.
const DAMAGE: &[&str] = &[
    "SET SESSION foreign_key_checks = 0",
    "INSERT INTO posts VALUES (9, 1)",
    "DELETE FROM users WHERE id = 40",
    "ALTER TABLE users ADD COLUMN extra INT NOT NULL DEFAULT 5",
    "DROP TABLE `a``b; é`",
    "TRUNCATE TABLE bytes",
    "DROP VIEW a_second",
    "DROP TRIGGER one",
    "DROP FUNCTION greet",
    "DROP EVENT nightly",
    "CREATE TABLE made_since (id INT, user INT UNSIGNED, FOREIGN KEY (user) REFERENCES users (id)) ENGINE=InnoDB",
    "CREATE VIEW seen_since AS SELECT 1",
    "CREATE PROCEDURE proc_since() SELECT 1",
    "CREATE TRIGGER trigger_since AFTER INSERT ON log FOR EACH ROW SET @a = 1",
];

#[test]
fn nasty_data_comes_back_exactly_and_again() {
    let mysql = testing::new_database();
    let address = testing::address(&mysql);
    let folder = tempfile::tempdir().unwrap();
    let mut db = open(&address).unwrap();
    make_nasty(&mut *db);
    let record = save(&address, &Scope::All, folder.path());
    assert_eq!(record.objects.len(), 7, "{:?}", record.objects);
    run_all(&mut *db, DAMAGE);
    testing::as_root(&mysql).execute(&format!("ALTER DATABASE {} COLLATE latin1_bin", mysql.name)).unwrap();
    for _ in 0..2 {
        restore(&address, &record, folder.path(), &mut quiet).unwrap();
        let again = tempfile::tempdir().unwrap();
        let now = save(&address, &Scope::All, again.path());
        assert_eq!(
            (now.tables, now.objects, now.sha256),
            (record.tables.clone(), record.objects.clone(), record.sha256)
        );
        assert_eq!(now.collation, record.collation);
    }
    assert_values(&mut MySql::connect(&mysql).unwrap());
}

/// Looks at single values, not through our own sums.
fn assert_values(db: &mut MySql) {
    for (query, value) in [
        ("SELECT HEX(t) FROM old WHERE b = ''", "8081FF"),
        ("SELECT HEX(t) FROM far WHERE t IS NOT NULL", "815C5C"),
        ("SELECT COUNT(*) FROM users WHERE name IS NULL", "1"),
        ("SELECT upper_name FROM users WHERE id = 0", "ZERO"),
        ("SELECT CAST(born AS CHAR) FROM users WHERE id = 2", "2000-00-00"),
        ("SELECT HEX(RIGHT(name, 5)) FROM users WHERE id = 40", "0A0D091A00"),
        ("SELECT f + 0e0 FROM numbers LIMIT 1", "1.0000001192092896"),
        ("SELECT ST_AsText(g) FROM numbers LIMIT 1", "POINT(1 -2)"),
        ("SELECT LENGTH(b) FROM bytes WHERE LENGTH(k) = 6", "800000"),
        ("SELECT greet('x')", "hé;; x"),
        (
            "SELECT auto_increment FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = 'users'",
            "777",
        ),
        (
            "SELECT GROUP_CONCAT(trigger_name ORDER BY action_order) FROM information_schema.triggers WHERE trigger_schema = DATABASE()",
            "one,two",
        ),
    ] {
        assert_eq!(db.text(query).unwrap().unwrap(), value, "{query}");
    }
}

#[test]
fn the_plain_client_reads_the_dump_into_an_empty_database() {
    let (from, to) = (testing::new_database(), testing::new_database());
    let folder = tempfile::tempdir().unwrap();
    make_nasty(&mut *open(&testing::address(&from)).unwrap());
    let record = save(&testing::address(&from), &Scope::All, folder.path());
    let by_hand = folder.path().join("by_hand.sql");
    std::fs::write(&by_hand, text(folder.path())).unwrap();
    testing::run_client(&to.name, &by_hand);
    let again = tempfile::tempdir().unwrap();
    let mut root = to.clone();
    root.user.clone_from(&from.user);
    testing::as_root(&to).execute(&format!("GRANT ALL ON {}.* TO {}@'%'", to.name, from.user)).unwrap();
    root.password = from.password.clone();
    let now = save(&testing::address(&root), &Scope::All, again.path());
    assert_eq!((now.tables, now.objects), (record.tables, record.objects));
}

#[test]
fn other_tables_than_those_of_the_prefix_stay_as_they_are() {
    let address = testing::address(&testing::new_database());
    let folder = tempfile::tempdir().unwrap();
    let mut db = open(&address).unwrap();
    run_all(
        &mut *db,
        &["CREATE TABLE wp_a (a INT)", "CREATE TABLE wpxa (a INT)", "INSERT INTO wp_a VALUES (1)"],
    );
    let record = save(&address, &Scope::Prefix("wp_".into()), folder.path());
    assert_eq!(record.tables.len(), 1);
    run_all(
        &mut *db,
        &[
            "DELETE FROM wp_a",
            "INSERT INTO wpxa VALUES (5)",
            "CREATE TABLE wp_new (a INT)",
            "CREATE TABLE wpxnew (a INT)",
        ],
    );
    restore(&address, &record, folder.path(), &mut quiet).unwrap();
    let names: Vec<String> = db.tables().unwrap().into_iter().map(|table| table.name).collect();
    assert_eq!(names, ["wp_a", "wpxa", "wpxnew"]);
    assert_eq!(db.checksum("wpxa", None).unwrap().rows, 1);
    assert_eq!(db.checksum("wp_a", None).unwrap().rows, 1);
}

#[test]
fn a_restore_cut_off_in_the_middle_is_run_again() {
    let mysql = testing::new_database();
    let address = testing::address(&mysql);
    let folder = tempfile::tempdir().unwrap();
    make_nasty(&mut *open(&address).unwrap());
    let record = save(&address, &Scope::All, folder.path());
    let whole = text(folder.path());
    let half = &whole[..whole.find("CREATE TABLE `posts`").unwrap()];
    let cut = folder.path().join("half.sql");
    std::fs::write(&cut, half).unwrap();
    testing::run_client(&mysql.name, &cut);
    restore(&address, &record, folder.path(), &mut quiet).unwrap();
}

#[test]
fn a_restore_waits_for_the_connection_of_the_one_before() {
    let mysql = testing::new_database();
    let address = testing::address(&mysql);
    let folder = tempfile::tempdir().unwrap();
    let mut before = MySql::connect(&mysql).unwrap();
    run_all(&mut before, &["CREATE TABLE t (a INT)", "INSERT INTO t VALUES (1)"]);
    let record = save(&address, &Scope::All, folder.path());
    begin_to_work(&mut before, &Scope::All).unwrap();
    let late = std::thread::spawn(move || {
        std::thread::sleep(std::time::Duration::from_millis(300));
        before.execute("INSERT INTO t VALUES (2)").unwrap();
    });
    restore(&address, &record, folder.path(), &mut quiet).unwrap();
    late.join().unwrap();
    assert_eq!(open(&address).unwrap().checksum("t", None).unwrap().rows, 1);
}

#[test]
fn a_dump_that_is_cut_or_changed_is_refused_before_anything_is_touched() {
    let address = testing::address(&testing::new_database());
    let folder = tempfile::tempdir().unwrap();
    let mut db = open(&address).unwrap();
    run_all(&mut *db, &["CREATE TABLE t (a INT)", "INSERT INTO t VALUES (1)"]);
    let record = save(&address, &Scope::All, folder.path());
    run_all(&mut *db, &["INSERT INTO t VALUES (2)"]);
    let path = folder.path().join("dump.sql.zst");
    let whole = std::fs::read(&path).unwrap();
    let mut changed = whole.clone();
    changed[30] ^= 1;
    let mut longer = whole.clone();
    longer.extend_from_slice(b"more");
    // Two frames are one text to zstd, and its end line stands where it should.
    let twice = [whole.clone(), whole.clone()].concat();
    for content in [&whole[..whole.len() - 5], &changed, &longer, &twice, b""] {
        std::fs::write(&path, content).unwrap();
        let error = restore(&address, &record, folder.path(), &mut quiet).unwrap_err();
        assert!(matches!(error, RestoreError::Dump(DumpError::Damaged { .. })), "{error}");
        assert_eq!(error.exit(), Exit::Refused);
    }
    std::fs::remove_file(&path).unwrap();
    assert!(restore(&address, &record, folder.path(), &mut quiet).is_err());
    let elsewhere = DumpRecord { file: "../dump.sql".into(), ..record };
    assert!(check(&elsewhere, folder.path()).is_err());
    assert_eq!(db.checksum("t", None).unwrap().rows, 2);
}

#[test]
fn an_object_that_could_not_be_made_again_is_refused() {
    let mysql = testing::new_database();
    let folder = tempfile::tempdir().unwrap();
    testing::as_root(&mysql).execute("CREATE VIEW v AS SELECT 1 AS a").unwrap();
    let address = testing::address(&mysql);
    let error = dump(&address, &Scope::All, folder.path(), &mut quiet).unwrap_err();
    assert!(error.to_string().contains("view v: it acts as root@localhost"), "{error:?}");
    assert_eq!(error.exit(), Exit::Refused);
    let checks = open(&address).unwrap().checks(None);
    assert!(checks.iter().any(|check| check.level == Level::Warning && check.detail.contains("view v")));
    testing::as_root(&mysql).execute(&format!("GRANT SET USER ON *.* TO {}@'%'", mysql.user)).unwrap();
    let record = save(&address, &Scope::All, folder.path());
    restore(&address, &record, folder.path(), &mut quiet).unwrap();
}

#[test]
fn a_row_that_the_server_would_not_take_back_is_refused() {
    let address = testing::address(&testing::new_database());
    let folder = tempfile::tempdir().unwrap();
    let mut db = open(&address).unwrap();
    run_all(&mut *db, &["CREATE TABLE t (b LONGBLOB)", "INSERT INTO t VALUES (REPEAT('x', 9000000))"]);
    let error = dump(&address, &Scope::All, folder.path(), &mut quiet).unwrap_err();
    assert!(matches!(error, DumpError::RowTooLarge { bytes: 18_000_000.., .. }), "{error:?}");
}

#[test]
fn a_disk_that_is_full_is_what_a_dump_fails_for() {
    let address = testing::address(&testing::new_database());
    let folder = tempfile::tempdir().unwrap();
    let mut db = open(&address).unwrap();
    run_all(&mut *db, &["CREATE TABLE t (b LONGBLOB)"]);
    run_all(&mut *db, &["INSERT INTO t SELECT RANDOM_BYTES(1000) FROM seq_1_to_3000"]);
    std::os::unix::fs::symlink("/dev/full", folder.path().join("dump.sql.zst")).unwrap();
    let error = dump(&address, &Scope::All, folder.path(), &mut quiet).unwrap_err();
    let full =
        matches!(&error, DumpError::Io(error) if error.source.kind() == std::io::ErrorKind::StorageFull);
    assert!(full, "{error:?}");
}

#[test]
fn what_a_dump_cannot_hold_is_refused() {
    let address = testing::address(&testing::new_database());
    let folder = tempfile::tempdir().unwrap();
    let mut db = open(&address).unwrap();
    run_all(&mut *db, &["CREATE TABLE t (a INT)", "CREATE VIEW v AS SELECT a FROM t", "DROP TABLE t"]);
    let error = dump(&address, &Scope::All, folder.path(), &mut quiet).unwrap_err();
    assert!(matches!(error, DumpError::BrokenView { .. }), "{error:?}");
    run_all(&mut *db, &["DROP VIEW v", "CREATE SEQUENCE s"]);
    let error = dump(&address, &Scope::All, folder.path(), &mut quiet).unwrap_err();
    assert!(matches!(error, DumpError::Unsupported { .. }), "{error:?}");
}

#[test]
fn a_dump_is_one_moment_while_others_write() {
    let address = testing::address(&testing::new_database());
    let folder = tempfile::tempdir().unwrap();
    let mut db = open(&address).unwrap();
    run_all(&mut *db, &["CREATE TABLE a (n INT) ENGINE=InnoDB", "CREATE TABLE b (n INT) ENGINE=InnoDB"]);
    // The listener writes between the tables: the second must not show it.
    let mut listen = |_: Option<Step>, event: Event| {
        if matches!(event, Event::Progress { done: 1, .. }) {
            db.execute("INSERT INTO b VALUES (1)").unwrap();
        }
    };
    let record = dump(&address, &Scope::All, folder.path(), &mut listen).unwrap();
    assert!(record.tables.iter().all(|table| table.sum.rows == 0), "{record:?}");
    assert_eq!(db.checksum("b", None).unwrap().rows, 1);
}

#[test]
fn an_sqlite_database_comes_back_under_its_own_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("site.db");
    let mut db = Sqlite::open_or_create(&path).unwrap();
    run_all(
        &mut db,
        &[
            "PRAGMA journal_mode=WAL",
            "CREATE TABLE t (a, b)",
            "CREATE VIEW v AS SELECT a FROM t",
            "INSERT INTO t VALUES (NULL, ''), (x'00ff', 'é🎭'), (1, 1.5)",
        ],
    );
    let address = Address::Sqlite(path.clone());
    let record = save(&address, &Scope::All, folder.path());
    run_all(
        &mut db,
        &["DELETE FROM t", "CREATE TABLE since (a)", "DROP VIEW v", "ALTER TABLE t ADD COLUMN c"],
    );
    for _ in 0..2 {
        restore(&address, &record, folder.path(), &mut quiet).unwrap();
    }
    // The application's own open connection sees it too.
    assert_eq!(db.checksum("t", None).unwrap(), record.tables[0].sum);
    assert_eq!(db.tables().unwrap().len(), 2);
    check(&record, folder.path()).unwrap();
    std::fs::write(folder.path().join("dump.sqlite"), "cut").unwrap();
    assert!(restore(&address, &record, folder.path(), &mut quiet).is_err());
}
