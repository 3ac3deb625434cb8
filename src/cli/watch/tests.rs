use super::*;
use crate::app::report::FindingsView;
use crate::app::watch::Against;
use crate::app::watch::Finding;
use crate::app::watch::News;
use crate::app::watch::OutsideView;
use crate::base::path::TreePath;

const PLAIN: Manner = Manner { json: false, colour: false, quiet: false, verbose: false, lively: false };

fn detail(path: &str, kind: Kind, why: &[crate::app::watch::Why]) -> Detail {
    let path = TreePath::from_bytes(path.as_bytes());
    let finding = Finding {
        path,
        outside: false,
        kind,
        why: why.to_vec(),
        sha256: None,
        size: None,
        mode: None,
        changed: None,
    };
    Detail { alarm: finding.is_alarm(), since: None, finding }
}

fn view(details: Vec<Detail>, news: Option<News>) -> WatchView {
    let paths = |kind| {
        details
            .iter()
            .filter(|one| one.finding.kind == kind)
            .map(|one| one.finding.path.to_string())
            .collect()
    };
    WatchView {
        found: FindingsView {
            modified: paths(Kind::Modified),
            missing: paths(Kind::Missing),
            unexpected: paths(Kind::Unexpected),
            unreadable: paths(Kind::Unreadable),
            checked: 3456,
            bytes: 98_765_432,
            rehashed: 108,
        },
        against: Against { version: "7.1.4".into(), baseline: "release", accepted: 2 },
        details,
        outside: OutsideView::default(),
        folders: Vec::new(),
        news,
        accepted: Vec::new(),
        notes: Vec::new(),
        html: None,
    }
}

#[test]
fn what_to_look_at_first_comes_first() {
    use crate::app::watch::Why;
    let details = vec![
        detail("index.php", Kind::Modified, &[Why::Recent]),
        detail("license.txt", Kind::Missing, &[]),
        detail("readme.html", Kind::Modified, &[Why::LineEndings]),
        detail("wp-content/uploads/2026/a.php", Kind::Unexpected, &[Why::CodeInUploads, Why::Recent]),
        detail(
            "wp-includes/old.php",
            Kind::Unexpected,
            &[Why::Code, Why::OfRelease { version: "6.8.7".into() }],
        ),
        detail(
            "x\u{202e}gpj.exe",
            Kind::Unreadable,
            &[Why::Reason { text: "Permission denied (os error 13)".into() }],
        ),
    ];
    let news = News {
        first: false,
        last: Some("2026-11-20T03:17:00Z".parse().unwrap()),
        new: vec!["index.php".into(), "wp-content/uploads/2026/a.php".into()],
        gone: vec!["error_log".into()],
    };
    insta::assert_snapshot!("findings", text(&view(details, Some(news)), &PLAIN));
}

#[test]
fn nothing_is_said_in_few_words() {
    let first = News { first: true, ..News::default() };
    insta::assert_snapshot!("clean", text(&view(Vec::new(), Some(first)), &PLAIN));
}

#[test]
fn many_are_counted() {
    let details =
        (0..40).map(|number| detail(&format!("plugins/{number:02}.js"), Kind::Unexpected, &[])).collect();
    insta::assert_snapshot!("many", text(&view(details, None), &PLAIN));
}

#[test]
fn a_folder_that_nobody_listed_is_one_line() {
    let paths = ["plugins/shop/a.php", "plugins/shop/b.php", "plugins/shop/readme.txt"];
    let why = [&[Why::Code, Why::Recent][..], &[Why::Code], &[Why::Hidden]];
    let mut details: Vec<Detail> =
        paths.iter().zip(why).map(|(path, why)| detail(path, Kind::Unexpected, why)).collect();
    details.push(detail("top.txt", Kind::Unexpected, &[]));
    let mut view = view(details, None);
    view.folders = vec![UnknownFolder { path: TreePath::from_bytes(b"plugins/shop"), files: 3 }];
    let told = text(&view, &PLAIN);
    let rows: Vec<&str> =
        told.lines().filter(|line| line.starts_with("  unexpected") || line.starts_with("    ")).collect();
    let expected = [
        "  unexpected (1)",
        "    top.txt",
        "  unexpected folders (1)",
        "    plugins/shop  3 files  code that runs; hidden",
    ];
    assert_eq!(rows, expected);
    assert!(text(&view, &Manner { verbose: true, ..PLAIN }).contains("plugins/shop/readme.txt"));
}
