//! Names of tables and columns that are half a statement, in real databases:
//! what the server was told is what was meant, word for word.

use std::path::Path;

use entracte::base::secret::Secret;
use entracte::database;
use entracte::database::Database;
use entracte::database::address::Address;
use entracte::database::address::MySqlAddress;
use entracte::database::dump::dump;
use entracte::database::dump::restore::restore;
use entracte::database::lexer::Dialect;
use entracte::database::quote_identifier;
use entracte::database::scope::Scope;
use rusqlite::Connection;

use crate::support::bed::Bed;
use crate::support::effort;

/// What no statement that we send may name outside of quotes.
const VICTIM: &str = "victim_of_injection";

const NAMES: &[&str] = &[
    "a`b",
    "`",
    "``",
    "a'b",
    "'",
    "a\"b",
    "\"",
    "a\\",
    "a\\`b",
    "a\\'b",
    "a;b",
    "; DROP TABLE victim_of_injection; --",
    "x`; DROP TABLE victim_of_injection; -- ",
    "x``; DROP TABLE victim_of_injection; #",
    "x\"; DROP TABLE victim_of_injection; --",
    "x'; DROP TABLE victim_of_injection; --",
    "x'); DELETE FROM victim_of_injection; --",
    "x` UNION SELECT * FROM victim_of_injection#",
    "*/ DROP TABLE victim_of_injection; /*",
    "/*!50000 victim_of_injection*/",
    "/*M! victim_of_injection */",
    "-- victim_of_injection",
    "#victim_of_injection",
    "\nvictim_of_injection\n;",
    "\r\nDELIMITER $$",
    "\tx",
    "\u{1b}[31m",
    "turned \u{202e} round",
    "%",
    "_",
    "%s",
    "?",
    ":name",
    "@@version",
    "@x := 1",
    "${x}",
    "$(id)",
    "{{x}}",
    "../../x",
    "a.b",
    "mysql.user",
    "select",
    "null",
    "0",
    "1e1",
    "0x41",
    "été",
    "e\u{301}",
    "表",
    "مرحبا",
    "a b",
    " b",
    "&lt;x&gt;",
    "<script>",
    "x,y",
    "(x)",
    "x=1 OR 1=1",
    "63 of them xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
];

/// Dumps, drops, restores and compares what stands in tables of such names.
fn there_and_back(address: &Address, dialect: Dialect, prefix: &str, folder: &Path) -> u64 {
    let mut open = database::open(address).unwrap();
    let quoted = |name: &str| quote_identifier(dialect, name).unwrap();
    let mut tables = Vec::new();
    for (number, name) in NAMES.iter().enumerate() {
        // MariaDB itself takes none that ends with a blank.
        let name = name.trim_end();
        let fits = |name: &String| name.chars().count() <= 64;
        let table =
            Some(format!("{prefix}{name}")).filter(fits).unwrap_or_else(|| format!("{prefix}{number}"));
        let (at, column) = (quoted(&table), quoted(name));
        for statement in [
            format!("CREATE TABLE {at} (id INTEGER PRIMARY KEY, {column} TEXT)"),
            format!("INSERT INTO {at} (id, {column}) VALUES (1, 'it''s'), (2, NULL)"),
        ] {
            open.execute(&statement).unwrap_or_else(|error| panic!("{table:?}: {error:?}"));
        }
        tables.push(table);
    }
    let sums = |open: &mut dyn Database| -> Vec<_> {
        tables
            .iter()
            .map(|table| open.checksum(table, None).unwrap_or_else(|error| panic!("{table:?}: {error:?}")))
            .collect()
    };
    let before = sums(open.as_mut());
    let found: Vec<String> = open.tables().unwrap().into_iter().map(|table| table.name).collect();
    assert!(tables.iter().all(|table| found.contains(table)), "{found:?}");
    let mut scopes = vec![Scope::Tables { prefix: String::new(), names: tables.clone() }, Scope::All];
    if !prefix.is_empty() {
        scopes.push(Scope::Prefix(prefix.to_owned()));
    }
    for (number, scope) in scopes.iter().enumerate() {
        let folder = folder.join(number.to_string());
        std::fs::create_dir_all(&folder).unwrap();
        let record = dump(address, scope, &folder, &mut |_, _| {}).unwrap();
        assert!(record.tables.len() >= tables.len(), "{} of {}", record.tables.len(), tables.len());
        for table in &tables {
            open.execute(&format!("DELETE FROM {}", quoted(table))).unwrap();
        }
        assert_ne!(sums(open.as_mut()), before);
        drop(open);
        restore(address, &record, &folder, &mut |_, _| {}).unwrap();
        open = database::open(address).unwrap();
        assert_eq!(sums(open.as_mut()), before, "{scope:?}");
    }
    for bad in ["", "a\0b", &"x".repeat(65)] {
        assert!(quote_identifier(Dialect::MySql, bad).is_err(), "{bad:?} was quoted");
        assert!(open.checksum(bad, None).is_err(), "{bad:?} was asked for");
    }
    (tables.len() * scopes.len()) as u64
}

/// Hostile names, hostile prefixes, a hostile database: MariaDB writes down all it is told.
#[test]
fn mariadb_is_told_nothing_more() {
    let bed = Bed::shared();
    let name = "in`jec'ted";
    bed.sql("mysql", "CREATE DATABASE `in``jec'ted` CHARACTER SET utf8mb4; CREATE USER inject@'%' IDENTIFIED BY 'pw'; GRANT ALL ON `in``jec'ted`.* TO inject@'%'");
    bed.sql(
        name,
        &format!("CREATE TABLE {VICTIM} (id INT PRIMARY KEY); INSERT INTO {VICTIM} VALUES (1), (2)"),
    );
    bed.sql("mysql", "SET GLOBAL log_output = 'TABLE'; SET GLOBAL general_log = ON");
    let host = format!("127.0.0.1:{}", bed.database_port);
    let address = Address::MySql(MySqlAddress::from_parts(&host, "inject", Secret::new("pw"), name));
    let folder = tempfile::tempdir().unwrap();
    let mut tried = 0;
    let prefixes = ["p`; -- ", "", "100%_"];
    for (number, prefix) in prefixes[..effort::points(1, 3)].iter().enumerate() {
        tried += there_and_back(&address, Dialect::MySql, prefix, &folder.path().join(number.to_string()));
    }
    bed.sql("mysql", "SET GLOBAL general_log = OFF");
    let told = told(bed);
    assert!(told.len() > 500, "only {} statements were written down", told.len());
    let extra: Vec<&String> =
        told.iter().filter(|statement| without_quoted(statement).contains(VICTIM)).collect();
    assert!(extra.is_empty(), "{extra:#?}");
    assert_eq!(bed.sql(name, &format!("SELECT COUNT(*) FROM {VICTIM}")).trim(), "2");
    // A statement put together without care is seen.
    bed.sql("mysql", "TRUNCATE general_log; SET GLOBAL general_log = ON");
    let careless = format!("SELECT COUNT(*) FROM `{}`", "x` LIMIT 0; DELETE FROM victim_of_injection; -- ");
    let _ = std::panic::catch_unwind(|| bed.sql(name, &careless));
    bed.sql(name, &format!("DELETE FROM {VICTIM} WHERE id = 9"));
    bed.sql("mysql", "SET GLOBAL general_log = OFF");
    assert!(self::told(bed).iter().any(|statement| without_quoted(statement).contains(VICTIM)));
    effort::tried("hostile names through MariaDB: dump, restore, sums", tried);
}

#[test]
fn sqlite_is_told_nothing_more() {
    let folder = tempfile::tempdir().unwrap();
    let mut tried = 0;
    for (number, prefix) in ["", "p\"; -- "].iter().enumerate() {
        let file = folder.path().join(format!("{number} \"; site.db"));
        let plain = Connection::open(&file).unwrap();
        plain
            .execute_batch(&format!("CREATE TABLE {VICTIM} (id INT); INSERT INTO {VICTIM} VALUES (1), (2)"))
            .unwrap();
        let dumps = folder.path().join(number.to_string());
        tried += there_and_back(&Address::Sqlite(file), Dialect::Sqlite, prefix, &dumps);
        let count: u32 =
            plain.query_row(&format!("SELECT COUNT(*) FROM {VICTIM}"), [], |row| row.get(0)).unwrap();
        assert_eq!(count, 2);
    }
    effort::tried("hostile names through SQLite: dump, restore, sums", tried);
}

/// The statements of our user, as the server took them.
fn told(bed: &Bed) -> Vec<String> {
    let query = "SELECT HEX(argument) FROM general_log WHERE command_type IN ('Query', 'Prepare', 'Execute') \
                 AND argument NOT LIKE 'CREATE TABLE victim%'";
    let rows = bed.sql("mysql", query);
    rows.lines().map(|row| String::from_utf8_lossy(&hex::decode(row.trim()).unwrap()).into_owned()).collect()
}

/// What is left of a statement when all that stands in quotes is taken away.
fn without_quoted(statement: &str) -> String {
    let mut left = String::new();
    let mut inside = None;
    let mut escaped = false;
    for c in statement.chars() {
        match inside {
            Some(quote) => {
                // A doubled quote closes and opens again.
                if escaped {
                    escaped = false;
                } else if c == '\\' && quote != '`' {
                    escaped = true;
                } else if c == quote {
                    inside = None;
                }
            }
            None if matches!(c, '`' | '\'' | '"') => inside = Some(c),
            None => left.push(c),
        }
    }
    left
}

#[test]
fn the_ear_hears_what_stands_outside_of_quotes() {
    for (statement, left) in [
        ("SELECT `victim``x` FROM 'victim'", "SELECT  FROM "),
        ("SELECT `a`; DROP victim", "SELECT ; DROP victim"),
        ("SELECT 'it\\'s victim' + 'x''y'", "SELECT  + "),
    ] {
        assert_eq!(without_quoted(statement), left);
    }
}
