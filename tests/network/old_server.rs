//! A release from a YACS server.

use std::collections::BTreeMap;
use std::fs;

use entracte::base::exit::Exit;
use entracte::base::exit::Fault;
use entracte::base::exit::causes;
use entracte::integrity::manifest::Extent;
use entracte::release::staging::Trust;

use crate::bench::Bench;
use crate::bench::Shelf;
use crate::yacs::Act;
use crate::yacs::Yacs;
use crate::yacs::reference;

fn shelf() -> Shelf {
    let mut shelf = Shelf::of("yacs");
    shelf.settings.tries = 2;
    shelf.settings.backoff_seconds = 0.01.try_into().unwrap();
    shelf.settings.stall_seconds = 0.6.try_into().unwrap();
    shelf
}

/// Every script but the empty one, which no server hands out.
fn all(files: &BTreeMap<String, Vec<u8>>) -> Vec<String> {
    files.iter().filter(|(_, content)| !content.is_empty()).map(|(name, _)| name.clone()).collect()
}

#[test]
fn each_script_is_asked_for_once_over_few_connections() {
    let files = reference("");
    let (yacs, shelf) = (Yacs::good(&files), shelf());
    let staged = shelf.stage(&yacs.source()).unwrap();
    assert_eq!(yacs.asked(), all(&files));
    // Four ask at the same time; one that has just ended may be asked again before it is free.
    assert!(yacs.connections() <= 8, "{}", yacs.connections());
    assert_eq!((staged.manifest.version.as_str(), staged.manifest.extent), ("10.10.1", Extent::Partial));
    assert_eq!(staged.manifest.time.to_string(), "2010-10-02T13:44:17Z");
    assert_eq!((staged.origin.trust, staged.origin.requests), (Trust::List, 42));
    assert_eq!(staged.origin.fetched_bytes, files.values().map(|content| content.len() as u64).sum::<u64>());
    assert!(staged.origin.notes[0].contains("accidents, not attackers"), "{:?}", staged.origin.notes);
    let paths: Vec<&str> = staged.manifest.files.iter().map(|entry| entry.path.as_str()).collect();
    let listed: Vec<&String> = files.keys().filter(|name| *name != "footprints.php").collect();
    assert_eq!(paths, listed);
    assert_eq!(staged.manifest.run_once.len(), 1);

    let again = shelf.stage(&yacs.source()).unwrap();
    assert_eq!(yacs.asked(), ["footprints.php"]);
    assert_eq!(
        (again.origin.requests, again.origin.fetched_bytes),
        (1, 0),
        "the list has not changed either"
    );
    assert_eq!(again.manifest, staged.manifest);
}

#[test]
fn what_the_site_has_is_not_asked_for() {
    let files = reference("");
    let (yacs, mut shelf) = (Yacs::good(&files), shelf());
    let live = shelf.folder.path().join("live");
    for folder in ["a0", "a1", "a2", "scripts/run_once"] {
        fs::create_dir_all(live.join(folder)).unwrap();
    }
    fs::write(live.join("a0/3.php"), &files["a0/3.php"]).unwrap();
    fs::write(live.join("a1/4.php"), "changed here").unwrap();
    fs::write(shelf.folder.path().join("elsewhere.php"), &files["a2/5.php"]).unwrap();
    std::os::unix::fs::symlink(shelf.folder.path().join("elsewhere.php"), live.join("a2/5.php")).unwrap();
    fs::write(live.join("scripts/run_once/100102_a.php.done"), "").unwrap();
    shelf.live = Some(live);
    let staged = shelf.stage(&yacs.source()).unwrap();
    let mut expected = all(&files);
    expected.retain(|name| name != "a0/3.php" && !name.contains("run_once"));
    assert_eq!(yacs.asked(), expected);
    assert_eq!(staged.manifest.files.len(), 41);
    assert!(staged.origin.notes.iter().any(|note| note.contains("1 one-time scripts")));
}

/// Wrong content is refused and named; what was right is not asked for again.
#[test]
fn another_content_than_is_listed_is_not_trusted() {
    for (act, exit) in [
        (Act::Other(b"<?php evil();"), Exit::Untrusted),
        (Act::Other(b""), Exit::Untrusted),
        (Act::Status("404 Not Found"), Exit::Failed),
        (Act::Status("503 Service Unavailable"), Exit::Failed),
        (Act::Status("401 Unauthorized"), Exit::Failed),
        (Act::Endless, Exit::Refused),
        (Act::Half, Exit::Failed),
        (Act::Silence, Exit::Failed),
    ] {
        let files = reference("");
        let bad = move |name: &str, _| if name == "a2/38.php" { act } else { Act::Answer };
        let (yacs, shelf) = (Yacs::serve(files.clone(), Box::new(bad)), shelf());
        let error = shelf.stage(&yacs.source()).unwrap_err();
        assert_eq!(error.exit(), exit, "{act:?}: {error}");
        assert!(error.to_string().contains("38.php") || error.to_string().contains("fetch.php?"), "{error}");
        assert!(shelf.staging().staged().unwrap().is_none(), "{act:?}");
        let mut first = yacs.asked();
        // A line that breaks at once is borne with for some more tries.
        first.sort();
        first.dedup();

        let yacs = Yacs::good(&files);
        shelf.stage(&yacs.source()).unwrap();
        let second = yacs.asked();
        assert!(second.contains(&"a2/38.php".into()), "{act:?}: {second:?}");
        // The few that were under way when it ended may be asked for twice.
        assert!(first.len() > 20 && first.len() + second.len() <= 42 + 8, "{act:?}: {first:?} {second:?}");
    }
}

/// Each file breaks in the middle once; all of it comes all the same.
#[test]
fn what_breaks_is_asked_for_again() {
    let files = reference("");
    let once = |_: &str, number| if number == 0 { Act::Half } else { Act::Answer };
    let (yacs, shelf) = (Yacs::serve(files.clone(), Box::new(once)), shelf());
    let staged = shelf.stage(&yacs.source()).unwrap();
    assert_eq!(staged.manifest.files.len(), 42);
    assert_eq!(yacs.asked().len(), 2 * all(&files).len());
}

#[test]
fn a_list_that_is_not_one_ends_it_before_anything_is_asked_for() {
    let digest = "900150983cd24fb0d6963f7d28e17f72";
    let entry = |path: &str| format!("$footprints['{path}']=array(1, '{digest}');\n");
    for (what, extra, exit, said) in [
        ("code", "system($_GET['x']);\n".to_owned(), Exit::Untrusted, "line"),
        ("a path out", entry("../x.php"), Exit::Untrusted, "entry"),
        ("the state folder", entry(".entracte/x.php"), Exit::Untrusted, "entry"),
        ("a hook", entry(".git/hooks/post-checkout"), Exit::Untrusted, "entry"),
        ("a name for two", entry("a,b.php"), Exit::Refused, "more than one name"),
        ("a mark in colour", "\x1b[2J\n".to_owned(), Exit::Untrusted, "\\x1b"),
    ] {
        let (yacs, shelf) = (Yacs::good(&reference(&extra)), shelf());
        let error = shelf.stage(&yacs.source()).unwrap_err();
        let text = causes(&error).join(": ");
        assert_eq!(error.exit(), exit, "{what}: {error}: {text}");
        assert!(format!("{error}: {text}").contains(said), "{what}: {error}: {text}");
        assert_eq!(yacs.asked(), ["footprints.php"], "{what}");
    }
    for (content, exit) in
        [(&b"<html>Welcome"[..], Exit::Failed), (b"", Exit::Failed), (b"<?php\n?>", Exit::Failed)]
    {
        let mut files = reference("");
        files.insert("footprints.php".into(), content.to_vec());
        assert_eq!(shelf().stage(&Yacs::good(&files).source()).unwrap_err().exit(), exit);
    }
}

#[test]
fn without_tls_it_is_asked_for_on_this_machine_only() {
    let error = shelf().stage("yacs+http://192.0.2.1/").unwrap_err();
    assert_eq!(error.exit(), Exit::Refused, "{error}");
    let error = shelf().stage("yacs+https://me:hunter2@127.0.0.1:1/").unwrap_err();
    assert!(error.is_network() && !format!("{error:?} {error}").contains("hunter2"), "{error}");
}

#[test]
fn the_verb_says_what_it_is_worth() {
    let bench = Bench::new();
    let yacs = Yacs::good(&reference(""));
    let result = bench.stage(&yacs.source()).code(0);
    assert_eq!(result["trust"], "list");
    bench.stage(&yacs.source().replace("/yacs", "/other")).code(1);
    bench.entracte.json(&["stage", "--from", &yacs.source(), "--complete"]).code(5);
    bench.is_untouched("after staging from an old server");
}
