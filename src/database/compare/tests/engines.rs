//! Two engines, or two files of one.

use super::*;

pub(super) fn mysql_and_sqlite_hold_the_same_where_values_mean_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let of = [
        testing::address(&testing::new_database()),
        sqlite(
            folder.path(),
            "a.db",
            "CREATE TABLE t (id INTEGER PRIMARY KEY, flag BOOLEAN, money NUMERIC, ratio REAL, single REAL, at TEXT, name TEXT, raw BLOB);
            INSERT INTO t VALUES (1, 1, '1.50', 0.1, 0.1, '2026-01-01T10:00:00', 'été', x'00FF'), (2, NULL, 2, 1e20, 0.5, NULL, '', NULL),
              (3, 0, 3, 3, 3, '2026-01-01 00:00:00', 'c', ''), (10, 0, 3, 3, 3, NULL, NULL, NULL), (11, 1, 1, 1, 1, NULL, 'only', NULL);
            CREATE TABLE words (word TEXT PRIMARY KEY NOT NULL, n INT);
            INSERT INTO words VALUES ('Zebra', 1), ('apple', 2), ('été', 3);
            CREATE TABLE loose (n INT, t TEXT);
            INSERT INTO loose VALUES (1, 'a'), (1, 'a'), (NULL, NULL)",
        ),
    ];
    run(
        &of[0],
        "CREATE TABLE t (id INT PRIMARY KEY, flag TINYINT(1), money DECIMAL(9,2), ratio DOUBLE, single FLOAT, at DATETIME(3), name VARCHAR(20), raw VARBINARY(9)) CHARACTER SET utf8mb4;
        INSERT INTO t VALUES (1, 1, 1.5, 0.1, 0.1, '2026-01-01 10:00:00', 'été', UNHEX('00FF')), (2, NULL, 2, 1e20, 0.5, NULL, NULL, NULL),
          (3, 0, 3.01, 3, 3, '2026-01-01 00:00:00.001', 'c', ''), (10, 0, 3, 3, 3, NULL, NULL, NULL);
        CREATE TABLE words (word VARCHAR(20) PRIMARY KEY, n INT) CHARACTER SET utf8mb4;
        INSERT INTO words VALUES ('Zebra', 1), ('apple', 2), ('été', 30), ('Apfel', 4);
        CREATE TABLE loose (n INT, t TEXT);
        INSERT INTO loose VALUES (1, 'a'), (NULL, ''), (NULL, NULL)",
    );
    insta::assert_snapshot!(told(&compared(&of, ["", ""], &in_pieces())), @r#"
    loose: 1 only in A, 1 only in B, 0 different, of 3 and 3
    t: 0 only in A, 1 only in B, 2 different, of 4 and 5
      Different id=2: name NULL / ''
      Different id=3: money 3.01 / 3 at '2026-01-01 00:00:00.001' / '2026-01-01 00:00:00'
      OnlyB id=11:
    words: 1 only in A, 0 only in B, 1 different, of 4 and 3
      OnlyA word=Apfel:
      Different word=été: n 30 / 3
    loose by Counts: 3 3
    t by Rows: 4 5
    words by Rows: 4 3
    "#);
}

#[test]
fn sqlite_and_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let tables = "CREATE TABLE t (id INTEGER PRIMARY KEY, v); INSERT INTO t VALUES (-1, 1), (2, 'x'), (10, x'78'), (11, NULL)";
    let of = [
        sqlite(folder.path(), "a.db", &tables.replace("; ", ";\n")),
        sqlite(
            folder.path(),
            "b.db",
            &format!(
                "{};\nUPDATE t SET v = '1' WHERE id = -1;\nUPDATE t SET v = x'78' WHERE id = 2;\nDELETE FROM t WHERE id = 11;\nCREATE INDEX by_v ON t (v)",
                tables.replace("; ", ";\n")
            ),
        ),
    ];
    insta::assert_snapshot!(told(&compared(&of, ["", ""], &in_pieces())), @r#"
    table t: key by_v (v) only in B
    t: 1 only in A, 0 only in B, 2 different, of 4 and 3
      Different id=-1: v 1 / '1'
      Different id=2: v 'x' / x'78'
      OnlyA id=11:
    t by Rows: 4 3
    "#);
}
