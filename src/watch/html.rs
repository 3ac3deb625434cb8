//! The report as one page that needs nothing else: no script, no address.

use minijinja::AutoEscape;
use minijinja::Environment;
use minijinja::value::Serde;
use serde::Serialize;

use crate::watch::finding::Finding;
use crate::watch::memory::News;

/// What the page tells.
#[derive(Debug, Serialize)]
pub struct Report<'a> {
    pub site: &'a str,
    pub version: &'a str,
    /// When it was made.
    pub made: &'a str,
    pub checked: u64,
    pub rows: Vec<Row<'a>>,
    pub news: &'a News,
    pub notes: &'a [String],
}

/// One finding.
#[derive(Debug, Serialize)]
pub struct Row<'a> {
    #[serde(flatten)]
    finding: &'a Finding,
    name: String,
    alarm: bool,
    new: bool,
}

impl<'a> Row<'a> {
    pub fn of(finding: &'a Finding, news: &News) -> Row<'a> {
        let name = finding.name();
        Row { new: news.new.binary_search(&name).is_ok(), alarm: finding.is_alarm(), name, finding }
    }
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
    use crate::watch::finding::Kind;
    use crate::watch::finding::Why;

    fn finding(path: &[u8], kind: Kind, why: Vec<Why>) -> Finding {
        let changed = Some("2026-11-21T10:00:00Z".parse().unwrap());
        Finding {
            path: TreePath::from_bytes(path),
            outside: false,
            kind,
            why,
            sha256: None,
            size: Some(12),
            mode: None,
            changed,
        }
    }

    #[test]
    fn a_report_tells_everything_and_runs_nothing() {
        let findings = [
            finding(b"<script>alert(1)</script>.php", Kind::Unexpected, vec![Why::Code, Why::Recent]),
            finding(b"index.php", Kind::Modified, vec![Why::LineEndings]),
            finding(b"uploads/\xff.php", Kind::Unexpected, vec![Why::CodeInUploads, Why::Hidden]),
            finding(b"x", Kind::Unexpected, vec![Why::PointsOut { target: "<b>/etc".into() }]),
        ];
        let news = News { first: false, last: None, new: vec!["index.php".into()], gone: vec!["<i>".into()] };
        let report = Report {
            site: "/var/www/a&b",
            version: "7.1.4",
            made: "2026-11-21 18:00 UTC",
            checked: 4321,
            rows: findings.iter().map(|finding| Row::of(finding, &news)).collect(),
            news: &news,
            notes: &["a note with <b>".to_owned()],
        };
        let page = page(&report).unwrap();
        assert!(!page.contains("<script") && !page.contains("<b>") && !page.contains("<i>"));
        insta::assert_snapshot!("report.html", page);
    }

    #[test]
    fn a_report_of_nothing_is_short() {
        let news = News { first: true, ..News::default() };
        let report = Report {
            site: "s",
            version: "1",
            made: "now",
            checked: 1,
            rows: vec![],
            news: &news,
            notes: &[],
        };
        let page = page(&report).unwrap();
        assert!(page.contains("<h1>Nothing differs</h1>") && !page.contains("<h2>"), "{page}");
    }
}
