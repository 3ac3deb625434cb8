use crate::database::connection::Database;
use crate::database::connection::DatabaseError;
use crate::database::lexer::Dialect;
use crate::database::mysql::MySql;
use crate::database::mysql::refused;
use crate::database::schema::diff;
use crate::database::schema::model::PRIMARY;
use crate::database::schema::model::Schema;
use crate::database::schema::mysql::scratch::tests::declared;
use crate::database::schema::plan;
use crate::database::schema::read;
use crate::database::schema::scratch;
use crate::database::schema::step::Step;
use crate::database::schema::target::Target;
use crate::database::scope::Scope;
use crate::database::testing;

fn live(db: &mut MySql) -> Schema {
    read(db, &Scope::All).unwrap()
}

fn target(db: &mut MySql, statements: &[&str]) -> Target {
    scratch::target(db, &declared(statements)).unwrap()
}

fn steps(db: &mut MySql, target: &Target) -> Vec<Step> {
    plan::steps(&live(db), target, Dialect::MySql).unwrap()
}

fn carry_out(db: &mut MySql, steps: &[Step]) -> Result<(), DatabaseError> {
    for statement in steps.iter().flat_map(|step| &step.statements) {
        db.execute(statement)?;
    }
    Ok(())
}

const OLD: [&str; 4] = [
    "CREATE TABLE old_users (id int unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY, nick varchar(60) NOT NULL, \
     mail text, score int, seen datetime ON UPDATE now(), KEY nick (nick))",
    "CREATE TABLE posts (id int unsigned PRIMARY KEY, author int unsigned, body text, \
     CONSTRAINT written FOREIGN KEY (author) REFERENCES old_users (id))",
    "CREATE TABLE junk (a int)",
    "CREATE VIEW names AS SELECT id FROM posts",
];

const NEW: [&str; 4] = [
    "CREATE TABLE users (id bigint unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY, \
     login varchar(60) NOT NULL DEFAULT 'o''b', mail varchar(20) NOT NULL DEFAULT '', score tinyint, \
     seen datetime ON UPDATE now(), added date, UNIQUE KEY login (login, id)) COMMENT='people'",
    "CREATE TABLE posts (id int unsigned PRIMARY KEY, author bigint unsigned, body mediumtext, \
     CONSTRAINT written FOREIGN KEY (author) REFERENCES users (id), CONSTRAINT sane CHECK (id > 0))",
    "CREATE TABLE tags (post int unsigned, tag varchar(20), PRIMARY KEY (post, tag), \
     CONSTRAINT tagged FOREIGN KEY (post) REFERENCES posts (id) ON DELETE CASCADE)",
    "CREATE VIEW names AS SELECT id, author FROM posts",
];

#[test]
fn a_release_in_all_its_statements() {
    let mut db = MySql::connect(&testing::new_database()).unwrap();
    for statement in OLD {
        db.execute(statement).unwrap();
    }
    db.execute("INSERT INTO old_users VALUES (1, 'me', REPEAT('x', 30), 300, '2020-01-01'), (2, 'you', NULL, 3, NULL)")
        .unwrap();
    let mut target = target(&mut db, &NEW);
    let hints = &mut target.hints;
    hints.renamed_tables.insert("users".into(), vec!["old_users".into()]);
    hints.renamed_columns.insert("users".into(), [("login".into(), vec!["nick".into()])].into());
    hints.may_narrow.insert("users".into(), ["mail".into(), "score".into()].into());
    hints.dropped_keys.insert("users".into(), ["nick".into()].into());
    hints.dropped_tables.insert("junk".into());
    let steps = steps(&mut db, &target);
    let said = |step: &Step| {
        format!("{}: {}\n{};\n", step.table, step.what.join("\n    "), step.statements.join(";\n"))
    };
    insta::assert_snapshot!(steps.iter().map(said).collect::<Vec<_>>().join("\n"));
    carry_out(&mut db, &steps).unwrap();
    assert_eq!(diff(&live(&mut db), &target), []);
    let rows = db.query("SELECT login, mail, score, seen FROM users ORDER BY id").unwrap();
    let row = |cells: [&str; 4]| cells.map(|cell| (cell != "NULL").then(|| cell.to_owned())).to_vec();
    assert_eq!(
        rows,
        [row(["me", &"x".repeat(20), "127", "2020-01-01 00:00:00"]), row(["you", "", "3", "NULL"])]
    );
}

/// Every column is known, yet only what differs is altered; what is unknown stays.
#[test]
fn a_table_that_is_as_declared_is_left_alone() {
    let mut db = MySql::connect(&testing::new_database()).unwrap();
    db.execute("CREATE TABLE t (id INT(11) AUTO_INCREMENT PRIMARY KEY, note TEXT, theirs int, KEY theirs (theirs)) CHARSET=latin1")
        .unwrap();
    let wanted =
        "CREATE TABLE t (note text, id integer auto_increment, PRIMARY KEY (id), KEY notes (note(20)))";
    let target = target(&mut db, &[wanted]);
    let steps = steps(&mut db, &target);
    assert_eq!(steps.len(), 1);
    assert_eq!(steps[0].statements, ["ALTER TABLE `t`\n  ADD KEY `notes` (`note`(20))"]);
    carry_out(&mut db, &steps).unwrap();
    let left = &live(&mut db).tables["t"];
    assert!(left.column("theirs").is_some() && left.keys.contains_key("theirs"));
    assert_eq!(left.options["collation"], "latin1_swedish_ci");
}

#[test]
fn a_shorter_text_fails_whole_where_its_loss_is_not_allowed() {
    let mut db = MySql::connect(&testing::new_database()).unwrap();
    db.execute("CREATE TABLE t (id int PRIMARY KEY, note varchar(20))").unwrap();
    db.execute("INSERT INTO t VALUES (1, 'longtext')").unwrap();
    let target =
        target(&mut db, &["CREATE TABLE t (id int PRIMARY KEY, note varchar(4), more int, KEY more (more))"]);
    let steps = steps(&mut db, &target);
    let before = live(&mut db);
    let failed = carry_out(&mut db, &steps).unwrap_err();
    assert_eq!(refused::code(&failed), Some(1265), "{failed:?}");
    assert_eq!(live(&mut db), before);
    assert_eq!(db.query("SELECT note FROM t").unwrap(), [[Some("longtext".to_owned())]]);
}

#[test]
fn a_table_without_primary_key_gets_one_and_another_one() {
    let mut db = MySql::connect(&testing::new_database()).unwrap();
    db.execute("CREATE TABLE t (id int, n int)").unwrap();
    db.execute("INSERT INTO t VALUES (1, 5), (2, 6)").unwrap();
    for wanted in [
        "CREATE TABLE t (id int NOT NULL AUTO_INCREMENT, n int, PRIMARY KEY (id))",
        "CREATE TABLE t (id int NOT NULL AUTO_INCREMENT, n int NOT NULL, PRIMARY KEY (n), KEY id (id))",
        "CREATE TABLE t (id int NOT NULL, n int NOT NULL, number bigint AUTO_INCREMENT PRIMARY KEY)",
    ] {
        let mut target = target(&mut db, &[wanted]);
        target.hints.may_narrow.insert("t".into(), ["id".into(), "n".into()].into());
        let steps = steps(&mut db, &target);
        assert_eq!(steps.last().unwrap().statements.len(), 1);
        carry_out(&mut db, &steps).unwrap();
        let after = live(&mut db);
        assert_eq!(diff(&after, &target), []);
        assert_eq!(after.tables["t"].keys[PRIMARY], target.schema.tables["t"].keys[PRIMARY]);
    }
    assert_eq!(db.query("SELECT COUNT(*) FROM t").unwrap(), [[Some("2".to_owned())]]);
}

/// Names in which a quote was forgotten stopped a real site's schema for months.
#[test]
fn hostile_names_are_names() {
    let mut db = MySql::connect(&testing::new_database()).unwrap();
    let wanted = "CREATE TABLE `a``b; DROP` (`c'\"d` int NOT NULL DEFAULT 1, `key` varchar(9) DEFAULT 'x''\\\\y' \
                  COMMENT '`;--', `é` text, PRIMARY KEY (`c'\"d`), KEY `in``dex` (`key`), KEY `by (id)` (`é`(3)), \
                  CONSTRAINT `ch``eck` CHECK (`c'\"d` > 0))";
    let mut declaration = declared(&[]);
    declaration.statements.push(wanted.into());
    declaration.tables.push("a`b; DROP".into());
    let target = scratch::target(&mut db, &declaration).unwrap();
    for _ in 0..2 {
        let steps = steps(&mut db, &target);
        carry_out(&mut db, &steps).unwrap();
        assert_eq!(diff(&live(&mut db), &target), []);
        db.execute(
            "ALTER TABLE `a``b; DROP` DROP KEY `in``dex`, MODIFY COLUMN `key` int, DROP CONSTRAINT `ch``eck`",
        )
        .unwrap();
    }
}
