#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "tests look from outside")]

mod engines;
mod keys;
mod random;

use std::path::Path;

use super::*;
use crate::database::address::MySqlAddress;
use crate::database::connection::open;
use crate::database::connection::quote_identifier;
use crate::database::lexer::Dialect;
use crate::database::testing;

fn run(address: &Address, statements: &str) {
    let mut db = open(address).unwrap();
    for statement in statements.split(";\n").map(str::trim).filter(|statement| !statement.is_empty()) {
        db.execute(statement)
            .unwrap_or_else(|error| panic!("{statement}: {error}: {:?}", crate::base::exit::causes(&error)));
    }
}

/// Two databases of the private server.
fn two() -> [Address; 2] {
    let new = || -> MySqlAddress { testing::new_database() };
    [testing::address(&new()), testing::address(&new())]
}

fn sqlite(folder: &Path, name: &str, statements: &str) -> Address {
    let path = folder.join(name);
    rusqlite_file(&path);
    let address = Address::Sqlite(path);
    run(&address, statements);
    address
}

/// An empty file is an empty database.
fn rusqlite_file(path: &Path) {
    std::fs::write(path, "").unwrap();
}

fn compared(of: &[Address; 2], scopes: [&str; 2], rules: &Rules) -> Comparison {
    let place = |at: usize| Place {
        address: &of[at],
        scope: match scopes[at] {
            "" => Scope::All,
            prefix => Scope::Prefix(prefix.into()),
        },
    };
    compare(&place(0), &place(1), rules, &|| false, &mut |_, _| {}).unwrap()
}

/// What was found, a line each.
fn told(comparison: &Comparison) -> String {
    let mut text: Vec<String> = comparison.schema.clone();
    for rows in &comparison.rows {
        text.push(format!(
            "{}: {} only in A, {} only in B, {} different, of {} and {}",
            rows.table, rows.only_a, rows.only_b, rows.different, rows.rows_a, rows.rows_b
        ));
        for example in &rows.examples {
            let key: Vec<String> =
                example.key.iter().map(|one| format!("{}={}", one.column, one.value)).collect();
            let columns = example.columns.iter().map(|column| match (&column.a, &column.b) {
                (Some(a), Some(b)) => format!(" {} {a} / {b}", column.column),
                _ => format!(" {}", column.column),
            });
            text.push(format!("  {:?} {}:{}", example.found, key.join(","), columns.collect::<String>()));
        }
    }
    for compared in &comparison.tables {
        text.push(format!(
            "{} by {:?}: {} {}",
            compared.table, compared.way, compared.rows_a, compared.rows_b
        ));
    }
    text.extend(comparison.excluded.iter().map(|one| format!("left out of {}: {}", one.table, one.what)));
    text.join("\n")
}

fn in_pieces() -> Rules {
    Rules { piece_bytes: 1, values: Values::Shown, examples: 100, ..Rules::default() }
}

/// One test, since each test starts a server of its own.
#[test]
fn against_a_real_server() {
    a_change_of_each_kind_of_value_is_found_and_nothing_else();
    values_are_hidden_unless_asked_for();
    rows_that_change_alike_do_not_cancel_out();
    keys::rows_are_told_apart_by_keys_of_every_kind();
    types_and_collations_that_differ_do_not_make_rows_differ();
    what_changes_by_itself_is_left_out_and_told();
    engines::mysql_and_sqlite_hold_the_same_where_values_mean_the_same();
    hostile_names_are_only_names();
    it_stops_when_it_is_told_to();
    random::random_edits_are_found_exactly();
}

const KINDS: &str = "CREATE TABLE PREkinds (id INT PRIMARY KEY, tiny TINYINT(1) NULL, wide BIGINT UNSIGNED, money DECIMAL(20,4), \
    ratio DOUBLE, single FLOAT, bits BIT(9), born DATE, seen DATETIME(3), stamp TIMESTAMP NULL, took TIME, \
    name VARCHAR(100), old VARCHAR(50) CHARACTER SET latin1, raw VARBINARY(20), blobs LONGBLOB, body MEDIUMTEXT, \
    mood ENUM('low','high'), tags SET('x','y'), twice INT AS (id * 2) VIRTUAL) CHARACTER SET utf8mb4;
    SET SESSION sql_mode = '';
    INSERT INTO PREkinds (id, tiny, wide, money, ratio, single, bits, born, seen, stamp, took, name, old, raw, blobs, body, mood, tags) \
    SELECT seq, seq % 3, 18446744073709551615 - seq, seq * 1.0001, 1 / seq, 1 / seq, seq, '0000-00-00', '2026-01-01 00:00:00.123', \
    '2026-03-29 01:30:00', '-10:11:12', CONCAT('name ', seq), 'été ÿ', UNHEX('00FF27'), REPEAT(UNHEX('FF00'), seq), \
    REPEAT('long é😀', seq), 'low', 'x,y' FROM seq_1_to_60;
";

/// One change of each kind; each stands in a row of its own.
const CHANGES: [(&str, u32, &str); 21] = [
    ("tiny", 1, "NULL"),
    ("wide", 2, "18446744073709551614 - 2"),
    ("money", 3, "money + 0.0001"),
    ("ratio", 4, "ratio * 1.0000000000000002e0 + 1e-17"),
    ("single", 5, "0.20000002"),
    ("bits", 6, "b'100000110'"),
    ("born", 7, "'2026-01-01'"),
    ("seen", 8, "'2026-01-01 00:00:00.124'"),
    ("stamp", 9, "'2026-03-29 03:30:00'"),
    ("took", 10, "'10:11:12'"),
    ("name", 11, "''"),
    ("old", 12, "'ete ÿ'"),
    ("raw", 13, "UNHEX('00FF2700')"),
    ("blobs", 14, "INSERT(blobs, 5, 1, 'x')"),
    ("body", 15, "CONCAT(body, ' ')"),
    ("mood", 16, "'high'"),
    ("tags", 17, "'x'"),
    ("name", 18, "'NAME 18'"),
    ("name", 19, "'name 19 '"),
    ("raw", 20, "NULL"),
    ("born", 21, "NULL"),
];

fn planted(of: &[Address; 2]) {
    run(&of[0], &KINDS.replace("PRE", "wp_"));
    run(&of[1], &KINDS.replace("PRE", "wp2_"));
    for (column, id, value) in CHANGES {
        run(
            &of[1],
            &format!("SET SESSION sql_mode = '';\nUPDATE wp2_kinds SET {column} = {value} WHERE id = {id}"),
        );
    }
    run(
        &of[1],
        "DELETE FROM wp2_kinds WHERE id IN (30, 31);\n INSERT INTO wp2_kinds (id, name) VALUES (0, 'before'), (-5, NULL), (1000, 'behind');
        INSERT INTO wp2_kinds (id, name) SELECT seq, NULL FROM seq_2000_to_2030",
    );
}

fn a_change_of_each_kind_of_value_is_found_and_nothing_else() {
    let of = two();
    planted(&of);
    let sums = compared(&of, ["wp_", "wp2_"], &in_pieces());
    let exact = compared(&of, ["wp_", "wp2_"], &Rules { exactness: Exactness::EveryRow, ..in_pieces() });
    assert_eq!((&sums.schema, &sums.rows), (&exact.schema, &exact.rows));
    assert_eq!([sums.tables[0].way, exact.tables[0].way], [How::Sums, How::Rows]);
    let short = compared(&of, ["wp_", "wp2_"], &Rules { examples: 24, ..in_pieces() });
    insta::assert_snapshot!(told(&short), @r#"
    kinds: 2 only in A, 34 only in B, 21 different, of 60 and 92
      OnlyB id=-5:
      OnlyB id=0:
      Different id=1: tiny 1 / NULL
      Different id=2: wide 18446744073709551613 / 18446744073709551612
      Different id=3: money 3.0003 / 3.0004
      Different id=4: ratio 0.25 / 0.25000000000000006
      Different id=5: single 0.2 / 0.20000002
      Different id=6: bits 6 / 262
      Different id=7: born '0000-00-00' / '2026-01-01'
      Different id=8: seen '2026-01-01 00:00:00.123' / '2026-01-01 00:00:00.124'
      Different id=9: stamp '2026-03-29 01:30:00' / '2026-03-29 03:30:00'
      Different id=10: took '-10:11:12' / '10:11:12'
      Different id=11: name 'name 11' / ''
      Different id=12: old 'été ÿ' / 'ete ÿ'
      Different id=13: raw '\x00\xff'' / '\x00\xff'\x00'
      Different id=14: blobs '\xff\x00\xff\x00\xff\x00\xff\x00\xff\x00\xff\x00\xff\x00\xff…' / '\xff\x00\xff\x00x\x00\xff\x00\xff\x00\xff\x00\xff\x00\xff\x0…'
      Different id=15: body '…😀long é😀' / '…😀long é😀 '
      Different id=16: mood 'low' / 'high'
      Different id=17: tags 'x,y' / 'x'
      Different id=18: name 'name 18' / 'NAME 18'
      Different id=19: name 'name 19' / 'name 19 '
      Different id=20: raw '\x00\xff'' / NULL
      Different id=21: born '0000-00-00' / NULL
      OnlyA id=30:
    kinds by Sums: 60 92
    "#);
    // The same the other way round, and each with itself.
    let back = compared(&[of[1].clone(), of[0].clone()], ["wp2_", "wp_"], &in_pieces());
    assert_eq!((back.rows[0].only_a, back.rows[0].only_b, back.rows[0].different), (34, 2, 21));
    for (at, prefix) in [(0, "wp_"), (1, "wp2_")] {
        let same = [of[at].clone(), of[at].clone()];
        assert!(compared(&same, [prefix, prefix], &in_pieces()).is_same());
    }
}

fn values_are_hidden_unless_asked_for() {
    let of = two();
    planted(&of);
    let hidden = compared(&of, ["wp_", "wp2_"], &Rules::default());
    assert_eq!(hidden.rows[0].examples.len(), 10);
    assert!(hidden.rows[0].examples.iter().flat_map(|one| &one.columns).all(|one| one.a.is_none()));
    assert!(!serde_json::to_string(&hidden).unwrap().contains("before"));
}

/// The CRC of a row is linear: without more, two rows that change alike would
/// cancel out in an XOR, and often in a sum.
fn rows_that_change_alike_do_not_cancel_out() {
    let of = two();
    for address in &of {
        run(
            address,
            "CREATE TABLE t (id INT PRIMARY KEY, flag CHAR(1) NOT NULL, v CHAR(8) NOT NULL);
            INSERT INTO t SELECT seq, '0', LPAD(seq, 8, '0') FROM seq_1_to_4000",
        );
    }
    run(&of[1], "UPDATE t SET flag = '1' WHERE id % 2000 IN (7, 8)");
    let crc = |address: &Address| {
        open(address)
            .unwrap()
            .query("SELECT BIT_XOR(CRC32(CONCAT_WS('#', id + 1000, flag, v))) FROM t")
            .unwrap()
    };
    assert_eq!(crc(&of[0]), crc(&of[1]));
    let found = compared(&of, ["", ""], &Rules { examples: 0, ..in_pieces() });
    insta::assert_snapshot!(told(&found), @r#"
    t: 0 only in A, 0 only in B, 4 different, of 4000 and 4000
    t by Sums: 4000 4000
    "#);
}

fn types_and_collations_that_differ_do_not_make_rows_differ() {
    let of = two();
    run(
        &of[0],
        "CREATE TABLE t (k VARCHAR(20) COLLATE utf8mb4_general_ci PRIMARY KEY, a INT(4) ZEROFILL, b DECIMAL(6,1), c VARCHAR(30) CHARACTER SET latin1, d DATETIME, e FLOAT, f INT) CHARACTER SET utf8mb4;
        INSERT INTO t VALUES ('Ab', 7, 1.5, 'été', '2026-01-01', 0.1, 1), ('ac', 8, 2, 'x', NULL, 0.2, 2), ('b', 9, 3, 'y', NULL, 0.5, 3)",
    );
    run(
        &of[1],
        "CREATE TABLE t (k VARCHAR(30) COLLATE utf8mb4_bin PRIMARY KEY, a BIGINT, b DECIMAL(9,3), c VARCHAR(30) CHARACTER SET utf8mb4, d DATETIME(6), e DOUBLE, g INT) CHARACTER SET utf8mb4;
        INSERT INTO t VALUES ('Ab', 7, 1.5, 'été', '2026-01-01', 0.10000000149011612, 1), ('ac', 8, 2, 'X', NULL, 0.2, 5), ('b', 9, 3, 'y', NULL, 0.5, 3)",
    );
    insta::assert_snapshot!(told(&compared(&of, ["", ""], &in_pieces())), @r#"
    table t: column a is int(4) unsigned zerofill in A, bigint in B
    table t: column b is decimal(6,1) in A, decimal(9,3) in B
    table t: column c, collation, is latin1_swedish_ci in A, utf8mb4_general_ci in B
    table t: column d is datetime in A, datetime(6) in B
    table t: column e is float in A, double in B
    table t: column f (int(11)) only in A
    table t: column g (int(11)) only in B
    table t: column k is varchar(20) in A, varchar(30) in B
    table t: column k, collation, is utf8mb4_general_ci in A, utf8mb4_bin in B
    t: 0 only in A, 0 only in B, 1 different, of 3 and 3
      Different k=ac: c 'x' / 'X' e 0.20000000298023224 / 0.2
    t by Rows: 3 3
    "#);
}

fn what_changes_by_itself_is_left_out_and_told() {
    let of = two();
    let tables = "CREATE TABLE wp_options (id INT PRIMARY KEY, name VARCHAR(60), value TEXT);
        CREATE TABLE wp_sessions (id INT PRIMARY KEY);
        CREATE TABLE wp_posts (id INT PRIMARY KEY, title TEXT, views INT);
        INSERT INTO wp_options VALUES (1, '_transient_x', '1'), (2, 'transient', '1'), (3, NULL, '');
        INSERT INTO wp_posts VALUES (1, 'a', 1), (2, 'b', 1)";
    of.iter().for_each(|address| run(address, tables));
    run(
        &of[1],
        "UPDATE wp_options SET value = '2' WHERE id = 1;
        INSERT INTO wp_options VALUES (4, '_transient_y', '');
        INSERT INTO wp_sessions VALUES (7);
        UPDATE wp_posts SET views = 9",
    );
    let rules = Rules {
        volatile_rows: [
            ("options".into(), "name LIKE '|_transient|_%' ESCAPE '|'".into()),
            ("sessions".into(), "1".into()),
        ]
        .into(),
        volatile_columns: [("posts".into(), vec!["VIEWS".into(), "id".into()])].into(),
        ..in_pieces()
    };
    let found = compared(&of, ["wp_", "wp_"], &rules);
    assert!(found.is_same());
    insta::assert_snapshot!(told(&found), @r#"
    options by Sums: 2 2
    posts by Sums: 2 2
    left out of options: rows where name LIKE '|_transient|_%' ESCAPE '|'
    left out of posts: column views
    left out of sessions: all rows
    "#);
    run(&of[1], "UPDATE wp_options SET value = '2' WHERE id IN (2, 3)");
    assert_eq!(compared(&of, ["wp_", "wp_"], &rules).rows[0].different, 2);
}

fn hostile_names_are_only_names() {
    let of = two();
    let name = "a`b'\"; DROP -- \u{1b}é";
    for address in &of {
        let quoted = quote_identifier(Dialect::MySql, name).unwrap();
        run(
            address,
            &format!(
                "CREATE TABLE {quoted} ({quoted} INT PRIMARY KEY, `v'` TEXT);\nINSERT INTO {quoted} VALUES (1, 'x'), (2, 'y')"
            ),
        );
    }
    let quoted = quote_identifier(Dialect::MySql, name).unwrap();
    run(&of[1], &format!("UPDATE {quoted} SET `v'` = 'z\u{1b}[31m' WHERE {quoted} = 2"));
    insta::assert_snapshot!(told(&compared(&of, ["", ""], &in_pieces())), @r#"
    a`b'"; DROP -- \x1bé: 0 only in A, 0 only in B, 1 different, of 2 and 2
      Different a`b'"; DROP -- \x1bé=2: v' 'y' / 'z\x1b[31m'
    a`b'"; DROP -- \x1bé by Sums: 2 2
    "#);
}

fn it_stops_when_it_is_told_to() {
    let of = two();
    planted(&of);
    let place = |at: usize| Place { address: &of[at], scope: Scope::Prefix(["wp_", "wp2_"][at].into()) };
    let stopped = compare(&place(0), &place(1), &in_pieces(), &|| true, &mut |_, _| {});
    assert!(matches!(stopped, Err(CompareError::Stopped)));
}
