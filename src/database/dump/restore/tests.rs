//! A restore beside what is there: killed at every statement, without room,
//! and with tables around it that are not its own.

use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Command;
use std::process::Output;

use crate::base::event::Event;
use crate::base::secret::Secret;
use crate::base::step::Step;
use crate::database::address::Address;
use crate::database::address::MySqlAddress;
use crate::database::connection::Database;
use crate::database::connection::open;
use crate::database::dump::DumpRecord;
use crate::database::dump::dump;
use crate::database::dump::restore::RestoreError;
use crate::database::dump::restore::restore;
use crate::database::mysql::MySql;
use crate::database::mysql::is_without_room;
use crate::database::scope::Scope;
use crate::database::testing;

fn quiet(_: Option<Step>, _: Event) {}

fn run_all(db: &mut dyn Database, statements: &[&str]) {
    for statement in statements {
        db.execute(statement).unwrap_or_else(|error| panic!("{error:?}"));
    }
}

/// Counts, sums and definitions of all tables, ours and others', and whatever else there is.
fn everything(address: &MySqlAddress) -> String {
    let folder = tempfile::tempdir().unwrap();
    let record = dump(&testing::address(address), &Scope::All, folder.path(), &mut quiet).unwrap();
    let mut db = MySql::connect(address).unwrap();
    let names = db.tables().unwrap().into_iter().map(|table| table.name);
    let names: Vec<String> = names.filter(|name| name != "in_view").collect();
    let definitions = names.iter().map(|name| db.texts(&format!("SHOW CREATE TABLE `{name}`")).unwrap());
    let definitions: Vec<Vec<Vec<String>>> = definitions.collect();
    format!("{:#?}\n{:#?}\n{definitions:#?}", record.tables, record.objects)
}

const SITE: &[&str] = &[
    "CREATE TABLE in_parent (id INT PRIMARY KEY AUTO_INCREMENT, v VARCHAR(9)) ENGINE=InnoDB AUTO_INCREMENT=50",
    "CREATE TABLE in_child (id INT PRIMARY KEY, p INT, CONSTRAINT c FOREIGN KEY (p) REFERENCES in_parent (id)) \
     ENGINE=InnoDB",
    "CREATE TABLE outside (id INT PRIMARY KEY, p INT, \
     CONSTRAINT o FOREIGN KEY (p) REFERENCES in_parent (id) ON DELETE CASCADE) ENGINE=InnoDB",
    "INSERT INTO in_parent VALUES (1, 'one'), (2, 'two')",
    "INSERT INTO in_child VALUES (1, 1), (2, 2)",
    "INSERT INTO outside VALUES (1, 1), (2, 2)",
    "CREATE VIEW in_view AS SELECT v FROM in_parent",
    "CREATE TRIGGER in_trigger BEFORE INSERT ON in_parent FOR EACH ROW SET NEW.v = 'set'",
];

const DAMAGE: &[&str] = &[
    "SET SESSION foreign_key_checks = 0",
    "UPDATE in_parent SET v = 'new' WHERE id = 1",
    "ALTER TABLE in_child ADD COLUMN more INT DEFAULT 7",
    "CREATE TABLE in_since (p INT, CONSTRAINT s FOREIGN KEY (p) REFERENCES in_parent (id)) ENGINE=InnoDB",
    "DROP VIEW in_view",
    "CREATE VIEW in_view_since AS SELECT id FROM in_child",
    "DROP TRIGGER in_trigger",
];

fn of_site() -> Scope {
    Scope::Prefix("in_".into())
}

/// What a test hands to [`a_child_restores`].
const CHILD: &str = "ENTRACTE_TEST_RESTORE";

/// The process that the test below kills; on its own it does nothing.
#[test]
fn a_child_restores() {
    let Ok(told) = std::env::var(CHILD) else { return };
    let words: Vec<&str> = told.split('\n').collect();
    let [host, user, password, name, folder] = words[..] else { panic!("{words:?}") };
    let address = Address::MySql(MySqlAddress::from_parts(host, user, Secret::new(password), name));
    let folder = Path::new(folder);
    let record: DumpRecord =
        serde_json::from_slice(&std::fs::read(folder.join("record.json")).unwrap()).unwrap();
    let mut tell = |_: Option<Step>, event: Event| {
        if let Event::Warning { message } = event {
            println!("{message}");
        }
    };
    restore(&address, &record, folder, &mut tell).unwrap();
}

/// Restores in another process, with a fault.
fn child(fault: &str, address: &MySqlAddress, folder: &Path) -> Output {
    let host = format!("{}:{}", address.host, address.port.unwrap());
    let words =
        [&host, &address.user, address.password.reveal(), &address.name, folder.to_str().unwrap()].join("\n");
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "database::dump::restore::tests::a_child_restores", "--nocapture"])
        .env(CHILD, words)
        .env("ENTRACTE_FAULT", fault)
        .output()
        .unwrap()
}

/// Whether the child came to statement `at` and died there.
fn is_killed_at(at: usize, address: &MySqlAddress, folder: &Path) -> bool {
    let output = child(&format!("restore.statement:{at}=kill"), address, folder);
    assert!(output.status.success() || output.status.signal() == Some(9), "statement {at}: {output:?}");
    !output.status.success()
}

#[test]
fn killed_at_any_statement_it_leaves_old_or_new_tables_and_begins_anew() {
    let mysql = testing::new_database();
    let folder = tempfile::tempdir().unwrap();
    let mut db = open(&testing::address(&mysql)).unwrap();
    run_all(&mut *db, SITE);
    let saved = everything(&mysql);
    let record = dump(&testing::address(&mysql), &of_site(), folder.path(), &mut quiet).unwrap();
    std::fs::write(folder.path().join("record.json"), serde_json::to_vec(&record).unwrap()).unwrap();
    let rows = |db: &mut dyn Database| {
        let sum = |table: &str| db.checksum(table, None).unwrap().sum.split_once('-').unwrap().1.to_owned();
        ["in_parent", "in_child", "outside"].map(sum)
    };
    let new = rows(&mut *db);
    // Each second one; all of them by `./test --full`.
    let step = if std::env::var_os("ENTRACTE_TEST_FULL").is_some() { 1 } else { 2 };
    let (mut at, mut swapped, mut done) = (0, 0, false);
    while !done {
        at += step;
        run_all(&mut *db, DAMAGE);
        let old = rows(&mut *db);
        done = !is_killed_at(at, &mysql, folder.path());
        let now = rows(&mut *db);
        assert!(now == old && swapped == 0 || now == new, "statement {at}: neither old nor new: {now:?}");
        swapped += usize::from(now == new);
        restore(&testing::address(&mysql), &record, folder.path(), &mut quiet).unwrap();
        assert_eq!(everything(&mysql), saved, "after statement {at}");
        run_all(&mut *db, &["SET SESSION foreign_key_checks = 1"]);
        assert!(db.execute("INSERT INTO outside VALUES (9, 77)").is_err(), "after statement {at}");
    }
    assert!(at > 30 && swapped > 10, "{at} statements, {swapped} behind the swap");
}

/// As a person sees it: rows of an outside table that are deleted with theirs, and refused without.
#[test]
fn foreign_keys_of_other_tables_hold_as_before() {
    let mysql = testing::new_database();
    let folder = tempfile::tempdir().unwrap();
    let address = testing::address(&mysql);
    let mut db = open(&address).unwrap();
    run_all(&mut *db, SITE);
    let record = dump(&address, &of_site(), folder.path(), &mut quiet).unwrap();
    run_all(&mut *db, DAMAGE);
    restore(&address, &record, folder.path(), &mut quiet).unwrap();
    run_all(&mut *db, &["SET SESSION foreign_key_checks = 1", "DELETE FROM in_child WHERE id = 1"]);
    run_all(&mut *db, &["DELETE FROM in_parent WHERE id = 1"]);
    assert_eq!(db.query("SELECT id FROM outside").unwrap(), [[Some("2".to_owned())]]);
    assert!(db.execute("DROP TABLE in_parent").is_err());
}

/// Whatever renaming, making under another name or reading by lines might break.
#[test]
fn peculiar_tables_come_back() {
    let mysql = testing::new_database();
    let (folder, again) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let address = testing::address(&mysql);
    let mut db = open(&address).unwrap();
    let long = "é".repeat(64);
    run_all(
        &mut *db,
        &[
            &format!("CREATE TABLE `{long}` (a INT PRIMARY KEY, b INT AS (a + 1) STORED) ENGINE=InnoDB"),
            &format!("INSERT INTO `{long}` (a) VALUES (1), (2)"),
            "CREATE TABLE parted (id INT AUTO_INCREMENT, y INT, PRIMARY KEY (id, y)) ENGINE=InnoDB \
             PARTITION BY RANGE (y) (PARTITION p0 VALUES LESS THAN (2000), PARTITION p1 VALUES LESS THAN MAXVALUE)",
            "INSERT INTO parted (y) VALUES (1999), (2001)",
            "CREATE TABLE `x\n-- table 0\ny` (`a`` ) VALUES\n(1);\ny` VARCHAR(20), INDEX (`a`` ) VALUES\n(1);\ny`)) \
             COMMENT='\n-- objects\n'",
            "INSERT INTO `x\n-- table 0\ny` VALUES ('(1);\n'), ('\n-- objects\n'), (');')",
            "CREATE TABLE tree (id INT PRIMARY KEY, up INT, CONSTRAINT `up ``FOREIGN KEY (` FOREIGN KEY (up) \
             REFERENCES tree (id), CONSTRAINT positive CHECK (id > 0)) ENGINE=InnoDB",
            "INSERT INTO tree VALUES (1, NULL), (2, 1)",
            "CREATE TABLE hen (id INT PRIMARY KEY, egg INT) ENGINE=InnoDB",
            "CREATE TABLE egg (id INT PRIMARY KEY, hen INT, FOREIGN KEY (hen) REFERENCES hen (id)) ENGINE=InnoDB",
            "ALTER TABLE hen ADD FOREIGN KEY (egg) REFERENCES egg (id)",
            "CREATE TABLE found (t TEXT, p POINT NOT NULL, FULLTEXT KEY (t), SPATIAL KEY (p)) ENGINE=Aria",
            "INSERT INTO found VALUES ('words', ST_GeomFromText('POINT(1 2)'))",
            "CREATE TABLE hidden (a INT, b INT INVISIBLE DEFAULT 3, t TIMESTAMP(6) DEFAULT '0000-00-00') \
             ENGINE=MyISAM ROW_FORMAT=FIXED",
            "INSERT INTO hidden (a, b) VALUES (1, 2)",
        ],
    );
    let record = dump(&address, &Scope::All, folder.path(), &mut quiet).unwrap();
    run_all(&mut *db, &["DROP TABLE parted", "TRUNCATE TABLE found", "SET SESSION foreign_key_checks = 0"]);
    run_all(&mut *db, &["DROP TABLE hen", "INSERT INTO tree VALUES (9, 9)"]);
    restore(&address, &record, folder.path(), &mut quiet).unwrap();
    let now = dump(&address, &Scope::All, again.path(), &mut quiet).unwrap();
    assert_eq!((now.tables, now.sha256), (record.tables, record.sha256));
}

#[test]
fn without_room_for_a_copy_it_is_restored_in_place_and_says_so() {
    let mysql = testing::new_database();
    let folder = tempfile::tempdir().unwrap();
    let mut db = open(&testing::address(&mysql)).unwrap();
    run_all(&mut *db, SITE);
    let saved = everything(&mysql);
    let record = dump(&testing::address(&mysql), &of_site(), folder.path(), &mut quiet).unwrap();
    std::fs::write(folder.path().join("record.json"), serde_json::to_vec(&record).unwrap()).unwrap();
    run_all(&mut *db, DAMAGE);
    let output = child("restore.room=enospc", &mysql, folder.path());
    assert!(output.status.success(), "{output:?}");
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.contains(&format!("the server has no room for {} bytes more", record.stored)), "{said}");
    assert_eq!(everything(&mysql), saved);
}

#[test]
fn the_word_of_a_server_that_is_full_is_known() {
    let options = ["--innodb-file-per-table=0", "--innodb-data-file-path=ibdata1:12M:autoextend:max:30M"];
    let mysql = testing::peculiar_server(&options.map(str::to_owned)).new_database();
    let mut db = MySql::connect(&mysql).unwrap();
    db.run("CREATE TABLE big (b LONGBLOB) ENGINE=InnoDB").unwrap();
    let full = db.run("INSERT INTO big SELECT RANDOM_BYTES(1000) FROM seq_1_to_60000").unwrap_err();
    assert!(is_without_room(&full), "{full:?}");
    assert!(!is_without_room(&db.run("SELECT nothing").unwrap_err()));
}

/// A server that loses what it is given: the rows of another table, without an error.
#[test]
fn a_copy_that_is_not_what_was_saved_takes_no_place() {
    let mysql = testing::new_database();
    let folder = tempfile::tempdir().unwrap();
    let address = testing::address(&mysql);
    let mut db = open(&address).unwrap();
    run_all(&mut *db, &["CREATE TABLE t (a TIME(6) DEFAULT '1')", "INSERT INTO t VALUES ('12:00:00')"]);
    let record = dump(&address, &Scope::All, folder.path(), &mut quiet).unwrap();
    run_all(&mut *db, &["INSERT INTO t VALUES ('13:00:00')"]);
    let before = everything(&mysql);
    // The server writes definitions another way from now on.
    testing::as_root(&mysql).execute("SET GLOBAL mysql56_temporal_format = OFF").unwrap();
    let error = restore(&address, &record, folder.path(), &mut quiet).unwrap_err();
    assert!(matches!(error, RestoreError::Unproved { .. }), "{error:?}");
    testing::as_root(&mysql).execute("SET GLOBAL mysql56_temporal_format = ON").unwrap();
    assert_eq!(everything(&mysql), before);
    restore(&address, &record, folder.path(), &mut quiet).unwrap();
}
