//! Statements cut out of text, as a table and as properties.

use proptest::prelude::*;

use crate::database::lexer::*;

fn texts(sql: &str, dialect: Dialect) -> Vec<String> {
    split(sql, dialect).unwrap().into_iter().map(|statement| statement.text).collect()
}

#[test]
fn mysql_statements() {
    for (sql, expected) in [
        ("", &[][..]),
        (" ; ;;\n", &[]),
        ("-- one\n# two\n/* three; */ ;", &[]),
        ("SELECT 1; SELECT 2", &["SELECT 1", "SELECT 2"]),
        ("SELECT ';', \"a;b\", `c;d`;", &["SELECT ';', \"a;b\", `c;d`"]),
        (
            r"SELECT 'it\'s; ok', 'it''s; ok', '\\';SELECT 2",
            &[r"SELECT 'it\'s; ok', 'it''s; ok', '\\'", "SELECT 2"],
        ),
        ("SELECT `a\\`;SELECT 2", &["SELECT `a\\`", "SELECT 2"]),
        ("SELECT 5--1;", &["SELECT 5--1"]),
        ("SELECT 5 --1;\n", &["SELECT 5 --1"]),
        ("SELECT 5 -- ; here\n+1;", &["SELECT 5 -- ; here\n+1"]),
        ("SELECT 5 # ; here\n+1;", &["SELECT 5 # ; here\n+1"]),
        ("SELECT /* ; */ 5;", &["SELECT /* ; */ 5"]),
        ("/* a */ SELECT 5;", &["SELECT 5"]),
        ("/*!40101 SET a='*/;'*/;\nSELECT 1;", &["/*!40101 SET a='*/;'*/", "SELECT 1"]),
        ("/*M!100100 x; */;", &["/*M!100100 x; */"]),
        (
            "DELIMITER ;;\nCREATE TRIGGER t BEGIN a; b; END;;\ndelimiter ;\nSELECT 1;",
            &["CREATE TRIGGER t BEGIN a; b; END", "SELECT 1"],
        ),
        ("delimiter $$\nEND$$ SELECT 2$$", &["END", "SELECT 2"]),
        ("SELECT\ndelimiter x;", &["SELECT\ndelimiter x"]),
        ("SELECT 'é\\é;'; SELECT '日本';", &["SELECT 'é\\é;'", "SELECT '日本'"]),
        ("\u{feff}SELECT 1;", &["SELECT 1"]),
        ("INSERT INTO [a;b]", &["INSERT INTO [a", "b]"]),
    ] {
        assert_eq!(texts(sql, Dialect::MySql), expected, "{sql}");
    }
}

#[test]
fn sqlite_statements() {
    let trigger = "CREATE TEMP TRIGGER t AFTER INSERT ON a BEGIN\n SELECT CASE 1 WHEN 1 THEN 2 END; \
                   UPDATE b SET c=';END;' ;END";
    for (sql, expected) in [
        (r"SELECT 'a\'; SELECT 2", &[r"SELECT 'a\'", "SELECT 2"][..]),
        ("SELECT [a;b], 1 --;\n; SELECT 2", &["SELECT [a;b], 1 --;", "SELECT 2"]),
        ("SELECT 1#;", &["SELECT 1#"]),
        ("delimiter ;", &["delimiter"]),
        (&format!("{trigger};SELECT 1;"), &[trigger, "SELECT 1"]),
        (trigger, &[trigger]),
        ("create table trigger_end (x); SELECT 1", &["create table trigger_end (x)", "SELECT 1"]),
    ] {
        assert_eq!(texts(sql, Dialect::Sqlite), expected, "{sql}");
    }
}

#[test]
fn lines_are_those_of_the_first_word() {
    let statements = split("-- x\n\nSELECT\n1;\n/* y\n*/ SELECT 2;", Dialect::MySql).unwrap();
    assert_eq!(statements.iter().map(|s| s.line).collect::<Vec<_>>(), [3, 6]);
}

#[test]
fn what_is_never_closed_is_refused_with_its_line() {
    for (sql, dialect, line) in [
        ("SELECT 1;\nSELECT 'a", Dialect::MySql, 2),
        ("\n/* a", Dialect::MySql, 2),
        ("/*! a", Dialect::MySql, 1),
        ("SELECT [a", Dialect::Sqlite, 1),
        ("\nCREATE TRIGGER t BEGIN SELECT 1;", Dialect::Sqlite, 2),
    ] {
        let error = split(sql, dialect).unwrap_err();
        assert!(matches!(error, LexError::Unclosed { line: at, .. } if at == line), "{sql}: {error}");
    }
    assert_eq!(split("\nDELIMITER \n", Dialect::MySql), Err(LexError::Delimiter { line: 2 }));
}

#[test]
fn statements_with_a_body_are_known() {
    for (sql, expected) in [
        ("CREATE DEFINER=`a`@`b` PROCEDURE p() BEGIN SELECT 1; END", true),
        ("/*!50003 CREATE TRIGGER t BEGIN a; END */", true),
        ("begin not atomic select 1; end", true),
        ("INSERT INTO t VALUES (1)", false),
        ("CREATE TABLE t (a INT)", false),
    ] {
        assert_eq!(is_compound(sql), expected, "{sql}");
    }
}

proptest! {
    #[test]
    fn no_text_makes_it_panic_or_lose_words(sql in "[-a;'\"`\\[\\]#/*!\\\\ \ndelimiterENDé$]{0,60}") {
        for dialect in [Dialect::MySql, Dialect::Sqlite] {
            for statement in split(&sql, dialect).unwrap_or_default() {
                prop_assert!(sql.contains(&statement.text));
                prop_assert!(!statement.text.is_empty());
                prop_assert!(statement.line <= sql.split('\n').count());
            }
        }
    }

    #[test]
    fn any_text_at_all(sql in any::<String>()) {
        let _ = split(&sql, Dialect::MySql);
        let _ = split(&sql, Dialect::Sqlite);
    }
}
