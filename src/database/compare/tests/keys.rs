//! By what rows are told apart.

use super::*;

const KEYS: &str = "CREATE TABLE words (word VARCHAR(60) PRIMARY KEY, n INT) CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci;
    CREATE TABLE pairs (a INT, b VARCHAR(9) COLLATE utf8mb4_bin, c DATETIME, n INT, PRIMARY KEY (a, b, c)) CHARACTER SET utf8mb4;
    CREATE TABLE raws (k VARBINARY(9) PRIMARY KEY, n INT);
    CREATE TABLE olds (k VARCHAR(20) CHARACTER SET latin1 PRIMARY KEY, n INT);
    CREATE TABLE moods (k ENUM('z','y','x','w') PRIMARY KEY, n INT);
    CREATE TABLE prices (k DECIMAL(9,2) PRIMARY KEY, n INT);
    CREATE TABLE dense (id BIGINT UNSIGNED PRIMARY KEY, n INT);
    CREATE TABLE sparse (id BIGINT UNSIGNED PRIMARY KEY, n INT);
    CREATE TABLE uniques (u INT NOT NULL, n INT, UNIQUE KEY (u));
    CREATE TABLE nothing (n INT, t TEXT);
    INSERT INTO words SELECT CONCAT(IF(seq % 2, 'É', 'e'), '\\'\"\\\\%_', seq), seq FROM seq_1_to_200;
    INSERT INTO pairs SELECT seq DIV 50, CONCAT('k', seq % 7), '2026-01-01' + INTERVAL seq HOUR, seq FROM seq_1_to_300;
    INSERT INTO raws SELECT UNHEX(LPAD(HEX(seq * 331), 6, '0')), seq FROM seq_1_to_200;
    INSERT INTO olds SELECT CONCAT('ÿé', seq), seq FROM seq_1_to_100;
    INSERT INTO moods VALUES ('z', 1), ('y', 2), ('x', 3), ('w', 4);
    INSERT INTO prices SELECT seq / 4, seq FROM seq_1_to_200;
    INSERT INTO dense SELECT IF(seq < 150, seq * 2, 18446744073709551615 - 300 + seq), seq FROM seq_1_to_300;
    DELETE FROM dense WHERE id > 1000 AND id < 18446744073709551600;
    INSERT INTO sparse SELECT seq * 61489146912365172, seq FROM seq_1_to_300;
    INSERT INTO uniques SELECT seq * 3, seq FROM seq_1_to_200;
    INSERT INTO nothing SELECT seq % 5, REPEAT('x', seq % 3) FROM seq_1_to_100;
";

pub(super) fn rows_are_told_apart_by_keys_of_every_kind() {
    let of = two();
    run(&of[0], KEYS);
    run(&of[1], KEYS);
    assert!(compared(&of, ["", ""], &in_pieces()).is_same());
    run(
        &of[1],
        "UPDATE words SET n = 0 WHERE n IN (1, 200);
        DELETE FROM words WHERE n = 100;
        INSERT INTO words VALUES ('', 1), ('zzz', 2), ('ÿ', 3);
        DELETE FROM pairs WHERE n IN (1, 150, 300);
        UPDATE pairs SET b = 'other' WHERE n = 77;
        INSERT INTO raws VALUES ('', 0), (UNHEX('FFFFFFFF'), 1);
        UPDATE raws SET n = NULL WHERE n = 9;
        UPDATE olds SET n = 0 WHERE n = 50;
        UPDATE moods SET n = 9 WHERE k = 'y';
        DELETE FROM moods WHERE k = 'w';
        UPDATE prices SET n = 9 WHERE k = 1.25;
        INSERT INTO prices VALUES (0.01, 0), (-3, 0), (1000, 0);
        UPDATE dense SET n = 0 WHERE n IN (1, 149, 300);
        INSERT INTO dense VALUES (0, 0), (3, 0), (5000, 0);
        UPDATE sparse SET n = 0 WHERE n IN (1, 300);
        INSERT INTO sparse VALUES (0, 0), (18446744073709551615, 0);
        DELETE FROM uniques WHERE u = 300;
        DELETE FROM nothing WHERE n = 3 AND t = 'x' LIMIT 2;
        INSERT INTO nothing VALUES (NULL, NULL), (NULL, ''), (1, 'new')",
    );
    insta::assert_snapshot!(told(&compared(&of, ["", ""], &in_pieces())), @r#"
    dense: 0 only in A, 3 only in B, 3 different, of 165 and 168
      OnlyB id=0:
      Different id=2: n 1 / 0
      OnlyB id=3:
      Different id=298: n 149 / 0
      OnlyB id=5000:
      Different id=18446744073709551615: n 300 / 0
    moods: 1 only in A, 0 only in B, 1 different, of 4 and 3
      OnlyA k=w:
      Different k=y: n 2 / 9
    nothing: 2 only in A, 3 only in B, 0 different, of 100 and 101
    olds: 0 only in A, 0 only in B, 1 different, of 100 and 100
      Different k=ÿé50: n 50 / 0
    pairs: 4 only in A, 1 only in B, 0 different, of 300 and 297
      OnlyA a=0,b=k1,c=2026-01-01 01:00:00:
      OnlyA a=1,b=k0,c=2026-01-04 05:00:00:
      OnlyB a=1,b=other,c=2026-01-04 05:00:00:
      OnlyA a=3,b=k3,c=2026-01-07 06:00:00:
      OnlyA a=6,b=k6,c=2026-01-13 12:00:00:
    prices: 0 only in A, 3 only in B, 1 different, of 200 and 203
      OnlyB k=-3:
      OnlyB k=0.01:
      Different k=1.25: n 5 / 9
      OnlyB k=1000:
    raws: 0 only in A, 2 only in B, 1 different, of 200 and 202
      OnlyB k=:
      Different k=\x00\x0b\xa3: n 9 / NULL
      OnlyB k=\xff\xff\xff\xff:
    sparse: 0 only in A, 2 only in B, 2 different, of 300 and 302
      OnlyB id=0:
      Different id=61489146912365172: n 1 / 0
      Different id=18446744073709551600: n 300 / 0
      OnlyB id=18446744073709551615:
    uniques: 1 only in A, 0 only in B, 0 different, of 200 and 199
      OnlyA u=300:
    words: 1 only in A, 3 only in B, 2 different, of 200 and 202
      OnlyB word=:
      OnlyA word=e'"\%_100:
      Different word=É'"\%_1: n 1 / 0
      Different word=e'"\%_200: n 200 / 0
      OnlyB word=zzz:
      OnlyB word=ÿ:
    dense by Sums: 165 168
    moods by Rows: 4 3
    nothing by Counts: 100 101
    olds by Sums: 100 100
    pairs by Sums: 300 297
    prices by Sums: 200 203
    raws by Sums: 200 202
    sparse by Sums: 300 302
    uniques by Sums: 200 199
    words by Sums: 200 202
    "#);
}
