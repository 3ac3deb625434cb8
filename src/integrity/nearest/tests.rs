use super::*;
use crate::base::path::SitePath;
use crate::base::tree::Meta;
use crate::base::tree::Node;
use crate::integrity::catalogue::About;
use crate::integrity::catalogue::Collector;
use crate::integrity::catalogue::Origin;
use crate::integrity::line_ends;
use jiff::Timestamp;

type Files<'a> = &'a [(&'a str, &'a str)];

const ONE: Files =
    &[("index.php", "same"), ("lib/a.php", "a1"), ("lib/b.php", "b"), ("lib/c.php", "c"), ("version", "1")];
const TWO: Files =
    &[("index.php", "same"), ("lib/a.php", "a2"), ("lib/b.php", "b"), ("lib/c.php", "c"), ("version", "2")];
const THREE: Files = &[
    ("index.php", "same"),
    ("lib/a.php", "a2"),
    ("lib/b.php", "b"),
    ("lib/c.php", "c"),
    ("lib/new.php", "new"),
    ("version", "2"),
];

fn catalogue(releases: &[(&str, Files)]) -> Catalogue {
    let mut collector = Collector::default();
    for (title, files) in releases {
        let (product, version) = title.split_once(' ').unwrap();
        let about = About {
            product: product.into(),
            version: version.into(),
            build: None,
            time: Timestamp::UNIX_EPOCH,
            origin: Origin::Shipped,
        };
        collector.add(
            about,
            files.iter().map(|(path, text)| {
                (SitePath::parse(path).unwrap(), text.len() as u64, Sha256::of(text.as_bytes()))
            }),
        );
    }
    collector.finish()
}

fn tree(files: Files) -> Tree {
    let node = |text: &str| {
        let kind = Kind::File { size: text.len() as u64, sha256: Sha256::of(text.as_bytes()), md5: None };
        Node { kind, meta: Meta::default() }
    };
    files.iter().map(|(path, text)| (TreePath::from_bytes(path.as_bytes()), node(text))).collect()
}

/// `files` with some replaced, added, or (an empty text) taken away.
fn with<'a>(files: Files<'a>, changes: Files<'a>) -> Vec<(&'a str, &'a str)> {
    let kept = files.iter().filter(|(path, _)| changes.iter().all(|(other, _)| other != path));
    kept.chain(changes).copied().filter(|(_, text)| !text.is_empty()).collect()
}

fn asked(catalogue: &Catalogue, files: Files) -> Vec<Found> {
    nearest(catalogue, &tree(files), &mut |_| None)
}

fn versions<'r>(catalogue: &Catalogue, ranks: impl IntoIterator<Item = &'r Rank>) -> Vec<String> {
    ranks.into_iter().map(|rank| catalogue.releases()[rank.release].about.version.clone()).collect()
}

#[test]
fn the_nearest_of_versions_that_hardly_differ() {
    let known = catalogue(&[("shop 1", ONE), ("shop 2", TWO), ("shop 3", THREE)]);
    for (what, files, expected) in [
        ("as released", ONE.to_vec(), &["1"][..]),
        ("as released", TWO.to_vec(), &["2"]),
        ("with more than another", THREE.to_vec(), &["3"]),
        ("common files changed", with(ONE, &[("lib/b.php", "x"), ("index.php", "z")]), &["1"]),
        ("only what both have", with(ONE, &[("version", ""), ("lib/a.php", "")]), &["2", "1"]),
        ("more files of another kind", with(TWO, &[("plugin/x.php", "x"), ("plugin/y.php", "y")]), &["2"]),
        ("a file of 3 beside 1", with(ONE, &[("lib/new.php", "new")]), &["1"]),
    ] {
        let found = asked(&known, &files);
        assert_eq!(versions(&known, found[0].tied(&known)), expected, "{what}");
        assert_eq!(found[0].place, Place::Whole);
    }
}

#[test]
fn how_sure_it_is() {
    let known = catalogue(&[("shop 1", ONE), ("shop 2", TWO), ("shop 3", THREE)]);
    for (what, files, expected) in [
        ("one that another has all of", TWO.to_vec(), "exact"),
        ("one that has all of another", THREE.to_vec(), "exact"),
        ("one is changed of five", with(ONE, &[("lib/c.php", "x")]), "likely"),
        ("what tells it apart is gone", with(THREE, &[("version", ""), ("lib/a.php", "")]), "likely"),
        ("hardly anything", with(&ONE[..3], &[("lib/a.php", "x")]), "distant"),
    ] {
        let found = asked(&known, &files);
        assert_eq!(found.first().map_or("distant", |found| found.certainty(&known)), expected, "{what}");
    }
}

#[test]
fn nothing_is_near_where_nothing_is_known() {
    let known = catalogue(&[("shop 1", ONE), ("shop 2", TWO)]);
    for files in [&[][..], &[("a", "x"), ("b", "y")], &[("lib/b.php", "b")], &[("elsewhere/x", "same")]] {
        assert!(asked(&known, files).is_empty(), "{files:?}");
    }
    assert!(asked(&catalogue(&[]), ONE).is_empty());
}

#[test]
fn a_small_release_is_known_by_all_that_it_has() {
    let known = catalogue(&[("tiny 1", &[("a", "tiny")])]);
    assert_eq!(asked(&known, &[("a", "tiny")]).len(), 1);
}

#[test]
fn a_release_is_found_in_a_folder_and_a_folder_as_part_of_one() {
    let known = catalogue(&[
        ("shop 1", ONE),
        ("shop 2", TWO),
        ("wiki 7", &[("wiki.php", "w"), ("x/y", "z"), ("k", "l")]),
    ]);
    let moved: Vec<(String, &str)> =
        ONE.iter().map(|(path, text)| (format!("www/old/{path}"), *text)).collect();
    let mut files: Vec<(&str, &str)> = moved.iter().map(|(path, text)| (path.as_str(), *text)).collect();
    files.extend([("notes/wiki.php", "w"), ("notes/x/y", "z"), ("notes/k", "l"), ("favicon.ico", "i")]);
    let found = asked(&known, &files);
    assert_eq!(found[0].place, Place::Below(TreePath::from_bytes(b"www/old")));
    assert_eq!(versions(&known, found[0].tied(&known)), ["1"]);
    assert_eq!(found[1].place, Place::Below(TreePath::from_bytes(b"notes")));
    let account = account(&known, &tree(&files), &found[0], &found[0].ranks[0]);
    assert_eq!((account.exact, account.outside), (5, 4));

    let found = asked(&known, &[("a.php", "a2"), ("b.php", "b"), ("c.php", "c")]);
    assert_eq!(found[0].place, Place::Part("lib".into()));
    assert_eq!((found[0].ranks[0].files, found[0].ranks[0].held), (3, 3));
    assert_eq!(versions(&known, found[0].tied(&known)), ["2"]);
}

#[test]
fn other_line_ends_do_not_count_against_a_release() {
    let known = catalogue(&[
        ("shop 1", &[("a.txt", "x\ny\n"), ("b.txt", "1\n2\n"), ("c", "c")]),
        ("shop 2", &[("a.txt", "x\nY\n"), ("b.txt", "1\n2\n"), ("c", "c")]),
    ]);
    let files = tree(&[("a.txt", "x\r\ny\r\n"), ("b.txt", "1\r\n2\r\n"), ("c", "c")]);
    let mut asked = Vec::new();
    let found = nearest(&known, &files, &mut |path| {
        asked.push(path.to_string());
        let text: &str = if path.as_bytes() == b"a.txt" { "x\ny\n" } else { "1\n2\n" };
        line_ends::digests_of(text.as_bytes())
    });
    assert_eq!(versions(&known, found[0].tied(&known)), ["1"]);
    assert_eq!((found[0].ranks[0].held, found[0].ranks[0].line_ends), (3, 2));
    assert_eq!(asked, ["a.txt", "b.txt"], "each text once, and none that is known");
    let account = account(&known, &files, &found[0], &found[0].ranks[0]);
    assert_eq!(account.line_ends.len(), 2);
    assert!(account.modified.is_empty());
}

#[test]
fn what_tells_two_releases_apart() {
    let known = catalogue(&[("shop 1", ONE), ("shop 2", TWO)]);
    let apart = |files: Files| {
        let found = &asked(&known, files)[0];
        (versions(&known, &found.ranks), found.apart(&known, &found.ranks[0], &found.ranks[1]))
    };
    let (order, found) = apart(TWO);
    assert_eq!(
        (order[0].as_str(), found),
        ("2", Apart { files: 4, speak_for: 2, speak_against: 0, lacking: 0 })
    );
    let (_, found) = apart(&with(TWO, &[("version", "1")]));
    assert_eq!(found, Apart { files: 4, speak_for: 1, speak_against: 1, lacking: 1 });
    let (_, found) = apart(&with(TWO, &[("version", "x"), ("lib/a.php", "")]));
    assert_eq!(found, Apart { files: 4, speak_for: 0, speak_against: 0, lacking: 2 });
}

#[test]
fn every_file_of_the_tree_is_accounted_for() {
    let known = catalogue(&[("shop 1", ONE), ("shop 2", TWO), ("shop 3", THREE)]);
    let mut files = tree(&with(
        ONE,
        &[
            ("lib/a.php", "a2"),
            ("lib/b.php", "mine"),
            ("lib/c.php", ""),
            ("lib/new.php", "new"),
            ("up/x.jpg", "x"),
        ],
    ));
    let unreadable = Node { kind: Kind::Unreadable { reason: "no".into() }, meta: Meta::default() };
    files.insert(TreePath::from_bytes(b"secret"), unreadable);
    let found = nearest(&known, &files, &mut |_| None);
    let rank =
        found[0].ranks.iter().find(|rank| known.releases()[rank.release].about.version == "1").unwrap();
    let account = account(&known, &files, &found[0], rank);
    let shown = |paths: &[TreePath]| paths.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(account.exact, 2);
    assert_eq!(shown(&account.modified), ["lib/a.php", "lib/b.php"]);
    assert_eq!(shown(&account.missing), ["lib/c.php"]);
    assert_eq!(shown(&account.extra), ["up/x.jpg"]);
    assert_eq!(shown(&account.unreadable), ["secret"]);
    let elsewhere: Vec<(String, usize, bool)> = account
        .elsewhere
        .iter()
        .map(|one| (one.path.to_string(), one.releases.len(), one.is_listed))
        .collect();
    assert_eq!(elsewhere, [("lib/a.php".into(), 2, true), ("lib/new.php".into(), 1, false)]);
}
