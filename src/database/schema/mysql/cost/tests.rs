use super::*;
use crate::database::lexer::Dialect;
use crate::database::mysql::MySql;
use crate::database::schema::mysql::scratch::tests::declared;
use crate::database::schema::plan;
use crate::database::schema::read;
use crate::database::schema::scratch;
use crate::database::scope::Scope;
use crate::database::testing;

/// Tables `t0`, `t1`… with one column `c` beside their number; all at once,
/// since the server takes its time for each declaration.
struct Bench {
    db: MySql,
    live: Schema,
    target: Target,
}

fn definition(at: usize, column: &str) -> String {
    format!("CREATE TABLE t{at} (id int AUTO_INCREMENT PRIMARY KEY, c {column}) CHARSET=utf8mb4")
}

impl Bench {
    fn new(columns: &[(&str, &str, &[&str])]) -> Bench {
        let mut db = MySql::connect(&testing::new_database()).unwrap();
        let mut wanted = Vec::new();
        for (at, (before, after, values)) in columns.iter().enumerate() {
            db.execute(&definition(at, before)).unwrap();
            for value in *values {
                db.execute(&format!("INSERT INTO t{at} (c) VALUES ({value})")).unwrap();
            }
            wanted.push(definition(at, after));
        }
        let wanted: Vec<&str> = wanted.iter().map(String::as_str).collect();
        let target = scratch::target(&mut db, &declared(&wanted)).unwrap();
        let live = read(&mut db, &Scope::All).unwrap();
        Bench { db, live, target }
    }

    fn steps(&self) -> Vec<Step> {
        plan::steps(&self.live, &self.target, Dialect::MySql).unwrap()
    }

    fn values(&mut self, at: usize) -> String {
        let cells = self.db.query(&format!("SELECT c FROM t{at} ORDER BY id")).unwrap().into_iter().flatten();
        cells.map(|cell| cell.unwrap_or("NULL".into())).collect::<Vec<_>>().join(" ")
    }
}

/// Definition before and after, values, how many do not survive, what is left
/// where the release allows the loss.
#[test]
fn values_that_do_not_survive_are_counted_and_only_those_are_lost() {
    let cases = [
        ("varchar(9)", "varchar(4)", &["'abcd'", "'abcde'", "'äöüß'", "NULL"][..], 1, "abcd abcd äöüß NULL"),
        ("text", "tinytext", &["REPEAT('a', 255)", "REPEAT('b', 256)"], 1, ""),
        ("varchar(9)", "char(9)", &["'a'", "'b '"], 1, "a b"),
        ("int", "tinyint", &["127", "128", "-129", "NULL"], 2, "127 127 -128 NULL"),
        ("int", "int unsigned", &["-1", "7"], 1, "0 7"),
        ("bigint unsigned", "bigint", &["18446744073709551615", "1"], 1, "9223372036854775807 1"),
        ("int NULL", "int NOT NULL DEFAULT 5", &["NULL", "7"], 1, "5 7"),
        ("varchar(9) NULL", "varchar(9) NOT NULL DEFAULT 'z'", &["NULL", "'a'"], 1, "z a"),
        ("decimal(10,4)", "decimal(10,2)", &["1.2345", "1.2300"], 1, "1.23 1.23"),
        ("decimal(10,2)", "decimal(4,2)", &["123.45", "-99.99"], 1, "99.99 -99.99"),
        ("decimal(6,2)", "int", &["1.50", "3.00"], 1, "2 3"),
        ("int unsigned", "decimal(6,2)", &["70000", "7"], 1, "9999.00 7.00"),
        ("int", "decimal(6,2)", &["-70000", "7"], 1, "-9999.00 7.00"),
        ("decimal(9,1)", "decimal(6,2)", &["70000.5", "7"], 1, "9999.90 7.00"),
        ("double", "int", &["1.5", "3", "5e9"], 2, "2 3 2147483647"),
        ("double", "float", &["0.1", "0.5"], 1, "0.1 0.5"),
        ("datetime", "date", &["'2020-01-02 10:00:00'", "'2020-01-02'"], 1, "2020-01-02 2020-01-02"),
        (
            "datetime(3)",
            "datetime",
            &["'2020-01-02 10:00:00.9'", "'2020-01-02'"],
            1,
            "2020-01-02 10:00:00 2020-01-02 00:00:00",
        ),
        ("time(3)", "time", &["'10:00:00.900'", "'-10:00:00'"], 1, "10:00:00 -10:00:00"),
        ("datetime", "timestamp NULL", &["'1800-01-01'", "'2020-01-02'"], 1, "NULL 2020-01-02 00:00:00"),
        (
            "varchar(12)",
            "int",
            &["'12'", "'x'", "'1.5'", "'5e9'", "' 7 '", "''"],
            4,
            "12 NULL 2 2147483647 7 NULL",
        ),
        ("varchar(9) NOT NULL", "int NOT NULL", &["'12'", "'x'"], 1, "12 0"),
        ("enum('a','b','c')", "enum('c','a')", &["'a'", "'b'", "'c'"], 1, "a NULL c"),
        ("enum('a','b') NOT NULL", "enum('a') NOT NULL", &["'a'", "'b'"], 1, "a a"),
        ("set('a','b','c')", "set('a','c')", &["'a,b,c'", "'b'", "'c'"], 2, "a,c  c"),
        ("varchar(9)", "enum('x','y')", &["'x'", "'q'"], 1, "x NULL"),
        ("varchar(9)", "varchar(9) CHARACTER SET latin1", &["'ä€'", "'ж'"], 1, "ä€ ?"),
        ("varchar(9)", "varchar(9) CHARACTER SET ascii", &["'a'", "'ä'"], 1, "a ?"),
        ("varbinary(9)", "varbinary(2)", &["'ab'", "'abc'"], 1, "ab ab"),
        ("int", "varchar(3)", &["1234", "12"], 1, "NULL 12"),
        ("double", "varchar(9) NOT NULL", &["NULL", "1.5"], 1, "0 1.5"),
        // Nothing is lost, though the type is another.
        ("double", "varchar(20)", &["70000", "1.5"], 0, "70000 1.5"),
        ("varchar(20)", "datetime", &["'2020-01-02 03:04:05'"], 0, "2020-01-02 03:04:05"),
        ("int", "varchar(20)", &["-12"], 0, "-12"),
        ("int", "bigint", &["-12"], 0, "-12"),
        ("enum('a','b')", "varchar(9)", &["'b'"], 0, "b"),
        ("date", "datetime", &["'2020-01-02'"], 0, "2020-01-02 00:00:00"),
        ("varchar(9) CHARACTER SET latin1", "varchar(9) CHARACTER SET utf8mb4", &["'ä'"], 0, "ä"),
        ("int", "decimal(12,2)", &["-12"], 0, "-12.00"),
        ("int", "double", &["-12"], 0, "-12"),
    ];
    let mut bench = Bench::new(&cases.map(|(before, after, values, _, _)| (before, after, values)));
    let asked = bench.steps();
    assert_eq!(asked.len(), cases.len());
    for (at, (before, after, _, lost, _)) in cases.iter().enumerate() {
        let step = asked.iter().find(|step| step.table == format!("t{at}")).unwrap();
        let said = cost(&mut bench.db, &bench.live, &bench.target, step).unwrap();
        let counted: u64 = said.narrowed.iter().map(|narrowed| narrowed.rows).sum();
        assert_eq!(counted, *lost, "{before} -> {after}: {said:?}");
        assert!(said.narrowed.iter().all(|narrowed| !narrowed.is_allowed));
        bench.target.hints.may_narrow.entry(format!("t{at}")).or_default().insert("c".into());
    }
    for step in bench.steps() {
        for statement in &step.statements {
            bench.db.execute(statement).unwrap_or_else(|error| panic!("{statement}: {error:?}"));
        }
    }
    for (at, (before, after, _, _, left)) in cases.iter().enumerate() {
        if !left.is_empty() {
            assert_eq!(bench.values(at), *left, "{before} -> {after}");
        }
    }
    let live = read(&mut bench.db, &Scope::All).unwrap();
    assert_eq!(diff::diff(&live, &bench.target), []);
}

#[test]
fn an_instant_change_is_one_for_the_server_too() {
    let cases = [
        ("varchar(20)", "varchar(60)", Risk::Instant),
        ("varchar(300)", "varchar(900)", Risk::Instant),
        ("varchar(20)", "varchar(200)", Risk::Rebuild),
        ("int", "int DEFAULT 5", Risk::Instant),
        ("int", "int COMMENT 'x'", Risk::Instant),
        ("int", "bigint", Risk::Rebuild),
        ("int", "int, d int NOT NULL DEFAULT 3", Risk::Instant),
        ("int", "int, d text", Risk::Instant),
        ("int", "int, d int, KEY (c)", Risk::Rebuild),
        ("int", "int, d int AS (c + 1) STORED", Risk::Rebuild),
        ("enum('a')", "enum('a','b')", Risk::Instant),
        ("enum('a','b')", "enum('b','a')", Risk::Rebuild),
        ("int NOT NULL", "int", Risk::Rebuild),
        ("bigint", "int", Risk::Narrowing),
        ("varchar(20)", "varchar(20) CHARACTER SET latin1", Risk::Narrowing),
    ];
    let mut bench = Bench::new(&cases.map(|(before, after, _)| (before, after, &[][..])));
    for (step, (before, after, risk)) in sorted(bench.steps()).iter().zip(cases) {
        let said = cost(&mut bench.db, &bench.live, &bench.target, step).unwrap();
        assert_eq!(said.risk, risk, "{before} -> {after}");
        if risk == Risk::Instant {
            bench.db.execute(&format!("{}, ALGORITHM=INSTANT", step.statements[0])).unwrap();
        }
    }
}

fn sorted(mut steps: Vec<Step>) -> Vec<Step> {
    steps.sort_by_key(|step| step.table[1..].parse::<usize>().unwrap());
    steps
}

#[test]
fn rows_that_a_key_would_refuse_are_counted() {
    let cases = [
        ("", ", UNIQUE KEY u (c)", 2),
        ("", ", UNIQUE KEY u (id, c)", 0),
        ("", ", UNIQUE KEY u (c(1))", 2),
        ("", ", d int NOT NULL DEFAULT 3, UNIQUE KEY u (d)", 5),
        ("", ", d int, UNIQUE KEY u (d)", 0),
        (", d int DEFAULT 3", ", d int, UNIQUE KEY u (d, c)", 2),
        ("", ", FOREIGN KEY (id) REFERENCES t0 (id)", 0),
        (", d int DEFAULT 9", ", d int, FOREIGN KEY (d) REFERENCES t0 (id)", 6),
    ];
    let columns =
        cases.map(|(before, after, _)| (format!("varchar(9){before}"), format!("varchar(9){after}")));
    let values = &["'a'", "'A'", "'b'", "'a'", "NULL", "NULL"][..];
    let columns = columns.each_ref().map(|(before, after)| (before.as_str(), after.as_str(), values));
    let mut bench = Bench::new(&columns);
    let mut counted = vec![0; cases.len()];
    for step in bench.steps() {
        let said = cost(&mut bench.db, &bench.live, &bench.target, &step).unwrap();
        let at: usize = step.table[1..].parse().unwrap();
        counted[at] += said.narrowed.iter().map(|narrowed| narrowed.rows).sum::<u64>();
    }
    assert_eq!(counted, cases.map(|(_, _, expected)| expected));
}

/// A condition on all rows, and one of a column; NULL breaks neither.
#[test]
fn rows_that_break_a_new_condition_are_counted() {
    let mut db = MySql::connect(&testing::new_database()).unwrap();
    db.execute("CREATE TABLE t (id int PRIMARY KEY, a int, b int, j text)").unwrap();
    db.execute(
        "INSERT INTO t VALUES (1, 1, 2, '{}'), (2, 3, 2, 'no'), (3, NULL, 2, NULL), (4, -1, 2, '[1]')",
    )
    .unwrap();
    let wanted = "CREATE TABLE t (id int PRIMARY KEY, a int CHECK (a > 0), b int, j text CHECK (json_valid(j)), \
                  c int, CONSTRAINT ordered CHECK (a < b), CONSTRAINT later CHECK (c > 0))";
    let target = scratch::target(&mut db, &declared(&[wanted])).unwrap();
    let live = read(&mut db, &Scope::All).unwrap();
    let steps = plan::steps(&live, &target, Dialect::MySql).unwrap();
    let mut counted: Vec<(String, u64)> = Vec::new();
    for step in &steps {
        let narrowed = cost(&mut db, &live, &target, step).unwrap().narrowed;
        counted.extend(narrowed.into_iter().filter(|one| one.rows > 0).map(|one| (one.column, one.rows)));
    }
    counted.sort();
    assert_eq!(counted, [("a".into(), 1), ("j".into(), 1), ("ordered".into(), 1)]);
}
