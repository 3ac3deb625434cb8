//! The report as one page that needs nothing else: no script, no address.

use minijinja::AutoEscape;
use minijinja::Environment;
use minijinja::value::Serde;
use serde::Serialize;

use crate::compare::files::Files;
use crate::database::compare::Comparison;

/// What the page tells.
#[derive(Debug, Serialize)]
pub struct Report<'a> {
    pub a: &'a str,
    pub b: &'a str,
    /// When it was made.
    pub made: &'a str,
    pub same: bool,
    /// `None` where no files were compared.
    pub files: Option<&'a Files>,
    pub database: Option<&'a Comparison>,
    pub notes: &'a [String],
}

/// The page; everything in it is escaped.
pub fn page(report: &Report) -> Result<String, minijinja::Error> {
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    environment.render_str(include_str!("report.html"), Serde(report))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::path::TreePath;
    use crate::compare::files::Alike;
    use crate::compare::files::Detail;
    use crate::compare::files::Moved;
    use crate::compare::files::Unreadable;
    use crate::database::compare::ColumnValues;
    use crate::database::compare::Compared;
    use crate::database::compare::Example;
    use crate::database::compare::Excluded;
    use crate::database::compare::Found;
    use crate::database::compare::How;
    use crate::database::compare::KeyValue;
    use crate::database::compare::TableRows;

    fn path(text: &str) -> TreePath {
        TreePath::from_bytes(text.as_bytes())
    }

    fn files() -> Files {
        Files {
            only_a: vec![path("<script>alert(1)</script>.php"), path("Read.me")],
            only_b: vec![path("read.me"), path("été\u{202e}gpj.exe")],
            different: vec![path("index.php")],
            unreadable: vec![Unreadable {
                path: path("secret"),
                side: "b",
                reason: "Permission denied".into(),
            }],
            details: vec![Detail {
                path: path("index.php"),
                what: vec![
                    "content: 5 bytes in A, 6 in B".into(),
                    "permissions: 0644 in A, 0600 in B".into(),
                ],
            }],
            moved: vec![Moved { from: path("Read.me"), to: path("read.me") }],
            alike: vec![Alike { a: path("Read.me"), b: path("read.me") }],
            checked: 7,
            bytes: 700,
        }
    }

    fn database() -> Comparison {
        let values = |a: &str, b: &str| ColumnValues {
            column: "post_title".into(),
            a: Some(a.into()),
            b: Some(b.into()),
        };
        let example = |found, columns| Example {
            found,
            key: vec![KeyValue { column: "ID".into(), value: "7".into() }],
            columns,
        };
        Comparison {
            schema: vec!["table posts: column title is varchar(60) in A, varchar(255) in B".into()],
            rows: vec![TableRows {
                table: "posts".into(),
                only_a: 1,
                only_b: 0,
                different: 1,
                rows_a: 20,
                rows_b: 19,
                examples: vec![
                    example(Found::OnlyA, vec![]),
                    example(Found::Different, vec![values("'<b>'", "NULL")]),
                    example(Found::Different, vec![ColumnValues { column: "x".into(), a: None, b: None }]),
                ],
            }],
            tables: vec![Compared { table: "posts".into(), rows_a: 20, rows_b: 19, way: How::Sums }],
            excluded: vec![Excluded { table: "options".into(), what: "rows where 1 < 2".into() }],
        }
    }

    #[test]
    fn a_report_tells_everything_and_runs_nothing() {
        let (files, database) = (files(), database());
        let notes = ["left out of the files: wp-content/cache".to_owned()];
        let report = Report {
            a: "/var/www/a&b",
            b: "mysql://web@db/\"shop\"",
            made: "2026-11-21T18:00:00Z",
            same: false,
            files: Some(&files),
            database: Some(&database),
            notes: &notes,
        };
        let page = page(&report).unwrap();
        assert!(!page.contains("<script") && !page.contains("<b>"));
        insta::assert_snapshot!("report.html", page);
    }

    #[test]
    fn a_report_of_nothing_is_short() {
        let report =
            Report { a: "a", b: "b", made: "now", same: true, files: None, database: None, notes: &[] };
        let page = page(&report).unwrap();
        assert!(page.contains("<h1>No difference</h1>") && !page.contains("<h2>"));
    }
}
