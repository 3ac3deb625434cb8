//! The report as one page that needs nothing else. The one script in it sifts
//! what stands there already; the page's own policy lets no other run.

use minijinja::AutoEscape;
use minijinja::Environment;
use minijinja::value::Serde;
use serde::Serialize;
use sha2::Digest as _;

use crate::compare::diffs::Diff;
use crate::compare::files::Files;
use crate::compare::tree;
use crate::database::compare::Comparison;

const SCRIPT: &str = include_str!("report.js");
const STYLE: &str = include_str!("report.css");

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
    #[serde(skip)]
    pub diffs: &'a [Diff],
    pub database: Option<&'a Comparison>,
    pub notes: &'a [String],
}

/// The page; everything in it is escaped.
pub fn page(report: &Report) -> Result<String, minijinja::Error> {
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    let tree = report.files.map(|files| tree::html(files, report.diffs));
    let (shown, left_out) = tree.as_ref().map_or((0, 0), |tree| (tree.shown, tree.left_out));
    let tree = tree.map(|tree| tree.html).filter(|html| !html.is_empty());
    let page = Page { report, policy: policy(), style: STYLE, script: SCRIPT, tree, shown, left_out };
    environment.render_str(include_str!("report.html"), Serde(&page))
}

#[derive(Serialize)]
struct Page<'a> {
    #[serde(flatten)]
    report: &'a Report<'a>,
    policy: String,
    style: &'static str,
    script: &'static str,
    tree: Option<String>,
    shown: usize,
    left_out: usize,
}

/// Nothing is fetched, and of scripts and styles only our own are obeyed.
pub fn policy() -> String {
    let digest = |text: &str| base64(&sha2::Sha256::digest(text.as_bytes()));
    let (script, style) = (digest(SCRIPT), digest(STYLE));
    format!(
        "default-src 'none'; script-src 'sha256-{script}'; style-src 'sha256-{style}'; base-uri 'none'; form-action 'none'"
    )
}

fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let bits = three.iter().fold(0, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - three.len()));
        for at in 0..4 {
            let letter = LETTERS[(bits >> (18 - 6 * at)) as usize & 63] as char;
            text.push(if at > three.len() { '=' } else { letter });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::path::TreePath;
    use crate::compare::files::Alike;
    use crate::compare::files::Detail;
    use crate::compare::files::Moved;
    use crate::compare::files::MovedFolder;
    use crate::compare::files::Renamed;
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
            only_a: vec![path("<script>alert(1)</script>.php"), path("Read.me"), path("lib/old.php")],
            only_b: vec![path("read.me"), path("été\u{202e}gpj.exe"), path("lib/new.php")],
            different: vec![path("index.php"), path("lib/a/one.php")],
            unreadable: vec![Unreadable {
                path: path("secret"),
                side: "b",
                reason: "Permission denied".into(),
            }],
            details: vec![
                Detail {
                    path: path("index.php"),
                    what: vec![
                        "content: 5 bytes in A, 6 in B".into(),
                        "permissions: 0644 in A, 0600 in B".into(),
                    ],
                },
                Detail { path: path("lib/a/one.php"), what: vec!["content: 1 bytes in A, 2 in B".into()] },
            ],
            renamed: vec![Renamed { from: path("lib/old.php"), to: path("lib/new.php"), percent: 87 }],
            moved_folders: vec![MovedFolder { from: path("lib"), to: path("vendor/lib"), files: 40 }],
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
        let text = "--- a/index.php\n+++ b/index.php\n@@ -1 +1 @@\n-<?php echo 1;\n+<?php echo '</pre>';\n";
        let diffs = [Diff { path: path("index.php"), from: None, text: text.into() }];
        let notes = ["left out of the files: wp-content/cache".to_owned()];
        let report = Report {
            a: "/var/www/a&b",
            b: "mysql://web@db/\"shop\"",
            made: "2026-11-21T18:00:00Z",
            same: false,
            files: Some(&files),
            diffs: &diffs,
            database: Some(&database),
            notes: &notes,
        };
        let page = page(&report).unwrap();
        let page = page.replace(STYLE, "STYLE").replace(SCRIPT, "SCRIPT").replace(&policy(), "POLICY");
        assert_eq!(page.matches("<script").count(), 1);
        assert!(!page.contains("'<b>'") && !page.contains("</pre>'") && !page.contains("//"));
        insta::assert_snapshot!("report.html", page);
    }

    #[test]
    fn digests_are_written_as_browsers_read_them() {
        for (bytes, text) in
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("fooba?", "Zm9vYmE/")]
        {
            assert_eq!(base64(bytes.as_bytes()), text);
        }
    }

    #[test]
    fn a_report_of_nothing_is_short() {
        let report = Report {
            a: "a",
            b: "b",
            made: "now",
            same: true,
            files: None,
            diffs: &[],
            database: None,
            notes: &[],
        };
        let page = page(&report).unwrap();
        assert!(page.contains("<h1>No difference</h1>") && !page.contains("<h2>"));
    }
}
