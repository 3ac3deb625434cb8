use super::*;
use crate::base::tree::Meta;
use crate::base::tree::Special;
use crate::integrity::manifest::Extent;
use crate::integrity::manifest::RunOnce;
use crate::watch::explain::add_lies;
use crate::watch::explain::explain;
use crate::watch::explain::mark_dropped;
use jiff::Timestamp;

fn path(text: &str) -> SitePath {
    SitePath::parse(text).unwrap()
}

fn release(files: &[(&str, &str)]) -> Manifest {
    let entry = |(name, text): &(&str, &str)| {
        let content = match text.strip_prefix("-> ") {
            Some(target) => Content::Link { target: target.into() },
            None => Content::File { size: text.len() as u64, sha256: Sha256::of(text.as_bytes()), md5: None },
        };
        FileEntry { path: path(name), content, mode: Some(0o644) }
    };
    let mut files: Vec<FileEntry> = files.iter().map(entry).collect();
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Manifest {
        extent: Extent::Complete,
        files,
        deleted: vec![path("dropped")],
        run_once: vec![RunOnce { path: path("once.sh"), repeatable: true, changes: Patterns::default() }],
        ..Manifest::new("p", "1", Timestamp::UNIX_EPOCH)
    }
}

fn node(text: &str, mode: u32) -> Node {
    let kind = match text {
        "folder" => NodeKind::Folder,
        "fifo" => NodeKind::Special(Special::Fifo),
        "unreadable" => NodeKind::Unreadable { reason: "no".into() },
        text => match text.strip_prefix("-> ") {
            Some(target) => NodeKind::Link { target: target.into() },
            None => {
                NodeKind::File { size: text.len() as u64, sha256: Sha256::of(text.as_bytes()), md5: None }
            }
        },
    };
    Node { kind, meta: Meta { mode, ..Meta::default() } }
}

fn tree(nodes: &[(&str, &str, u32)]) -> Tree {
    let node =
        |(path, text, mode): &(&str, &str, u32)| (TreePath::from_bytes(path.as_bytes()), node(text, *mode));
    nodes.iter().map(node).collect()
}

fn rules() -> Rules {
    let patterns = |words: &[&str]| Patterns::new(words.iter().copied()).unwrap();
    Rules {
        volatile: patterns(&["tmp"]),
        owners: patterns(&["config.php", "up"]),
        uploads: patterns(&["up"]),
        optional: patterns(&["readme.html"]),
    }
}

/// `kind path: codes` of what is found; content is answered by a fixed rule.
fn found(
    manifest: &Manifest,
    nodes: &[(&str, &str, u32)],
    deviations: &[(&str, Deviation)],
    accepted: &[(&str, Found)],
) -> Vec<String> {
    found_knowing(None, manifest, nodes, deviations, accepted)
}

fn found_knowing(
    owners: Option<&Owners>,
    manifest: &Manifest,
    nodes: &[(&str, &str, u32)],
    deviations: &[(&str, Deviation)],
    accepted: &[(&str, Found)],
) -> Vec<String> {
    let accept = |(name, what): &(&str, Found)| {
        let accepted =
            Accepted { what: what.clone(), note: "n".into(), by: "b".into(), at: Timestamp::UNIX_EPOCH };
        (path(name), accepted)
    };
    let tree = tree(nodes);
    let subject = Subject {
        manifest,
        tree: &tree,
        deviations: &deviations.iter().map(|(name, deviation)| (path(name), deviation.clone())).collect(),
        accepted: &accepted.iter().map(accept).collect(),
        owners,
        owner: Some(0),
        rules: &rules(),
    };
    let look = &mut |path: &TreePath, _: &Node, ask: Ask| match ask {
        Ask::IsInert => path.to_string().contains("inert"),
        Ask::TurnsHandlersOn | Ask::HoldsPhp => path.to_string().contains("evil"),
        Ask::IsTextOf(_) => path.to_string().contains("ends"),
    };
    judge(&subject, look).iter().map(told).collect()
}

fn told(finding: &Finding) -> String {
    let codes: Vec<&str> = finding.why.iter().map(Why::code).collect();
    format!("{} {}: {}", finding.kind.name(), finding.path, codes.join(" "))
        .trim_end_matches([':', ' '])
        .to_owned()
}

#[test]
fn one_path_at_a_time() {
    let manifest = release(&[
        ("a", "one"),
        ("config.php", "sample"),
        ("l", "-> a"),
        ("readme.html", "r"),
        ("tmp/x", "t"),
        ("once.sh", "o"),
    ]);
    let whole =
        [("a", "one", 0o644), ("config.php", "mine", 0o600), ("l", "-> a", 0o777), ("once.sh", "o", 0o644)];
    for (path, text, mode, expected) in [
        ("a", "one", 0o664, ""),
        ("a", "one", 0o666, "modified a: world-writable"),
        ("a", "one", 0o4755, "modified a: set-id"),
        ("a", "two", 0o644, "modified a"),
        ("a", "", 0o644, "modified a: emptied"),
        ("a", "-> /x", 0o777, "modified a: points-out other-kind"),
        ("a", "folder", 0o755, "modified a: other-kind"),
        ("a", "fifo", 0o644, "modified a: special"),
        ("a", "unreadable", 0o644, "unreadable a: reason"),
        ("l", "-> b", 0o777, "modified l"),
        ("l", "-> ../b", 0o777, "modified l: points-out"),
        ("l", "text", 0o644, "modified l: other-kind"),
        ("tmp/x", "other", 0o666, ""),
        ("tmp/evil.php", "code", 0o666, ""),
        ("config.php", "unreadable", 0o600, "unreadable config.php: reason"),
        ("config.php", "mine", 0o4600, "unexpected config.php: set-id code"),
        ("new", "x", 0o644, "unexpected new"),
        ("new/folder", "folder", 0o777, ""),
        ("new/locked", "unreadable", 0, "unreadable new/locked: reason"),
        (".x/y", "x", 0o644, "unexpected .x/y: hidden"),
        ("x.php", "x", 0o646, "unexpected x.php: code world-writable"),
        ("inert.php", "x", 0o644, "unexpected inert.php"),
        ("evil/.htaccess", "x", 0o644, "unexpected evil/.htaccess: turns-handlers-on hidden"),
        ("evil.png", "x", 0o644, "unexpected evil.png: polyglot"),
        ("sub/link", "-> ../a", 0o777, "unexpected sub/link"),
        ("sub/link", "-> ../../a", 0o777, "unexpected sub/link: points-out"),
        ("up/a.txt", "x", 0o666, ""),
        ("up/inert.php", "x", 0o644, ""),
        ("up/a.php", "x", 0o644, "unexpected up/a.php: code-in-uploads"),
        ("up/evil.jpg", "x", 0o644, "unexpected up/evil.jpg: polyglot"),
        ("up/link", "-> a.txt", 0o777, ""),
        ("up/link", "-> /etc", 0o777, "unexpected up/link: points-out"),
        ("up/pipe", "fifo", 0o644, "unexpected up/pipe: special"),
        ("up/.htaccess", "x", 0o644, ""),
        ("a.new", "one", 0o644, ""),
        ("a.new", "two", 0o644, "unexpected a.new"),
        ("once.sh.done", "o", 0o644, ""),
        ("once.sh.done", "p", 0o644, "unexpected once.sh.done"),
        ("a.done", "one", 0o644, "unexpected a.done"),
    ] {
        let mut nodes: Vec<_> = whole.iter().copied().filter(|(known, ..)| *known != path).collect();
        nodes.push((path, text, mode));
        let expected: Vec<&str> = Some(expected).filter(|line| !line.is_empty()).into_iter().collect();
        assert_eq!(found(&manifest, &nodes, &[], &[]), expected, "{path} {text:?} {mode:o}");
    }
    assert_eq!(
        found(&manifest, &[], &[], &[]),
        ["missing a", "missing l"],
        "owners', optional, volatile and run-once may be"
    );
}

#[test]
fn what_somebody_answered_for() {
    let manifest = release(&[("a", "one"), ("b", "one")]);
    let file = |text: &str, mode| Found::File { sha256: Sha256::of(text.as_bytes()), mode };
    let kept = |text: &str| Deviation::Kept { sha256: Some(Sha256::of(text.as_bytes())) };
    let b = ("b", "one", 0o644);
    type Case<'a> =
        (Vec<(&'a str, &'a str, u32)>, Vec<(&'a str, Deviation)>, Vec<(&'a str, Found)>, &'a [&'a str]);
    let cases: Vec<Case> = vec![
        (vec![b], vec![("a", Deviation::Deleted)], vec![], &[]),
        (
            vec![b, ("a", "two", 0o644)],
            vec![("a", Deviation::Deleted)],
            vec![],
            &["modified a: changed-again"],
        ),
        (vec![b, ("a", "two", 0o644)], vec![("a", kept("two"))], vec![], &[]),
        (
            vec![b, ("a", "two", 0o666)],
            vec![("a", kept("two"))],
            vec![],
            &["modified a: changed-again world-writable"],
        ),
        (vec![b, ("a", "six", 0o644)], vec![("a", kept("two"))], vec![], &["modified a: changed-again"]),
        (vec![b, ("a", "folder", 0o755)], vec![("a", Deviation::Kept { sha256: None })], vec![], &[]),
        (vec![b], vec![("a", kept("two"))], vec![], &["missing a"]),
        (vec![b, ("a", "two", 0o644)], vec![], vec![("a", file("two", 0o644))], &[]),
        (
            vec![b, ("a", "two", 0o646)],
            vec![],
            vec![("a", file("two", 0o644))],
            &["modified a: changed-again world-writable"],
        ),
        (vec![b, ("a", "two", 0o600)], vec![], vec![("a", file("two", 0o646))], &[]),
        (vec![b], vec![], vec![("a", Found::Nothing)], &[]),
        (vec![b], vec![], vec![("a", file("two", 0o644))], &["missing a"]),
        (vec![b, ("a", "one", 0o644)], vec![], vec![("a", Found::Nothing)], &[]),
        (
            vec![b, ("a", "one", 0o644), ("l", "-> /x", 0o777)],
            vec![],
            vec![("l", Found::Link { target: "/x".into() })],
            &[],
        ),
        (
            vec![b, ("a", "one", 0o644), ("l", "-> /y", 0o777)],
            vec![],
            vec![("l", Found::Link { target: "/x".into() })],
            &["unexpected l: points-out changed-again"],
        ),
    ];
    for (nodes, deviations, accepted, expected) in cases {
        let found = found(&manifest, &nodes, &deviations, &accepted);
        assert_eq!(found, expected, "{nodes:?} {deviations:?} {accepted:?}");
    }
}

#[test]
fn whose_a_finding_is_is_told_where_it_is_not_the_sites() {
    let (manifest, nodes) = (release(&[]), tree(&[("a", "one", 0o644)]));
    for (owner, expected) in
        [(Some(0), "unexpected a"), (Some(7), "unexpected a: of-another"), (None, "unexpected a")]
    {
        let subject = Subject {
            manifest: &manifest,
            tree: &nodes,
            deviations: &BTreeMap::new(),
            accepted: &BTreeMap::new(),
            owners: None,
            owner,
            rules: &rules(),
        };
        assert_eq!(judge(&subject, &mut |_, _, _| false).iter().map(told).collect::<Vec<_>>(), [expected]);
    }
}

#[test]
fn what_lies_below_a_folder_that_cannot_be_read_is_not_missing() {
    let manifest = release(&[("a/b/c", "one")]);
    let found = found(&manifest, &[("a", "unreadable", 0)], &[], &[]);
    assert_eq!(found, ["unreadable a: reason", "unreadable a/b/c: reason"]);
}

#[test]
fn earlier_releases_explain_findings() {
    let manifest = release(&[("a", "two")]);
    let nodes = tree(&[
        ("a", "one", 0o644),
        ("b", "old", 0o644),
        ("c", "mine", 0o644),
        ("dropped", "x", 0o644),
        ("a.new", "one", 0o644),
    ]);
    let subject = Subject {
        manifest: &manifest,
        tree: &nodes,
        deviations: &BTreeMap::new(),
        accepted: &BTreeMap::new(),
        owners: None,
        owner: Some(0),
        rules: &rules(),
    };
    let mut findings = judge(&subject, &mut |_, _, _| false);
    mark_dropped(&mut findings, &manifest);
    let mut older = release(&[("a", "zero"), ("b", "other"), ("c", "c")]);
    older.version = "0".into();
    explain(&mut findings, &older);
    explain(&mut findings, &release(&[("a", "one"), ("b", "old")]));
    explain(&mut findings, &older);
    assert_eq!(
        findings.iter().map(told).collect::<Vec<_>>(),
        [
            "modified a: of-release",
            "unexpected a.new: of-release",
            "unexpected b: of-release",
            "unexpected c: named-in-release",
            "unexpected dropped: dropped",
        ]
    );
}

#[test]
fn a_lie_is_a_finding_even_of_what_is_fine_otherwise() {
    let nodes = tree(&[("a", "one", 0o644), ("b", "x", 0o644), ("tmp/t", "x", 0o644)]);
    let manifest = release(&[("a", "one")]);
    let subject = Subject {
        manifest: &manifest,
        tree: &nodes,
        deviations: &BTreeMap::new(),
        accepted: &BTreeMap::new(),
        owners: None,
        owner: Some(0),
        rules: &rules(),
    };
    let mut findings = judge(&subject, &mut |_, _, _| false);
    let lies = ["a", "b", "tmp/t"].map(|path| TreePath::from_bytes(path.as_bytes()));
    add_lies(&mut findings, &lies, &nodes, &rules());
    assert_eq!(
        findings.iter().map(told).collect::<Vec<_>>(),
        ["modified a: marks-lie", "unexpected b: marks-lie"]
    );
    assert!(findings.iter().all(Finding::is_alarm));
}

#[test]
fn the_owners_files_are_held_against_what_they_were() {
    let patterns = |words: &[&str]| Patterns::new(words.iter().copied()).unwrap();
    let before = tree(&[("config.php", "password", 0o640), ("up/a", "a visitor's", 0o644)]);
    let owners = Owners::renewed(None, &patterns(&["config.php", "up"]), &patterns(&["up"]), &before);
    assert_eq!(owners.files.len(), 1);
    let listing = release(&[("config.php", "a sample")]);
    let empty = release(&[]);
    let file = |text: &str| Found::File { sha256: Sha256::of(text.as_bytes()), mode: 0o640 };
    for (manifest, nodes, accepted, expected) in [
        (&empty, &[("config.php", "password", 0o640)][..], &[][..], &[][..]),
        (&empty, &[("config.php", "evil", 0o640)], &[], &["modified config.php: code owners"]),
        (&listing, &[("config.php", "evil", 0o640)], &[], &["modified config.php: code owners"]),
        (&listing, &[("config.php", "a sample", 0o640)], &[], &[]),
        (&empty, &[("config.php", "evil", 0o640)], &[("config.php", file("evil"))], &[]),
        (&empty, &[("config.php", "password", 0o640)], &[("config.php", file("evil"))], &[]),
        (
            &empty,
            &[("config.php", "password", 0o666)],
            &[],
            &["modified config.php: code owners world-writable"],
        ),
        (&empty, &[("config.php", "-> other.php", 0o777)], &[], &["modified config.php: owners"]),
        (&empty, &[], &[], &["missing config.php: owners"]),
        (&listing, &[], &[], &["missing config.php: owners"]),
        (&empty, &[], &[("config.php", Found::Nothing)], &[]),
        (&empty, &[("config.php", "password", 0o640), ("up/b", "new", 0o644)], &[], &[]),
    ] {
        let found = found_knowing(Some(&owners), manifest, nodes, &[], accepted);
        assert_eq!(found, expected, "{nodes:?} {accepted:?}");
    }
}

#[test]
fn a_file_of_the_owners_that_comes_later_is_told() {
    let owners = Owners { patterns: rules().owners, files: BTreeMap::new() };
    let now = [("config.php", "new", 0o644)];
    let tells = |owners: &Owners| found_knowing(Some(owners), &release(&[]), &now, &[], &[]);
    assert_eq!(tells(&owners), ["unexpected config.php: code owners"]);
    // A pattern that the owner adds is no alarm: what stands there is looked at first.
    let narrower = Owners { patterns: Patterns::default(), ..owners };
    assert!(tells(&narrower).is_empty());
    let renewed = Owners::renewed(Some(&narrower), &rules().owners, &Patterns::default(), &tree(&now));
    assert_eq!(renewed.files.len(), 1);
    let gone = Owners::renewed(Some(&renewed), &Patterns::default(), &Patterns::default(), &tree(&now));
    assert_eq!(gone, Owners::default());
}
