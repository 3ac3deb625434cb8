//! Lists of digests that others publish: read, held against trees, written,
//! and adopted from; on real ones where a machine has them.

#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "tests look from outside")]

mod support;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;

use entracte::base::pattern::Patterns;
use entracte::integrity::list::Document;
use entracte::integrity::list::Format;
use entracte::integrity::list::HashList;
use entracte::integrity::list::Kind;
use entracte::sys::beneath::Root;
use serde_json::Value;
use serde_json::json;

use support::effort;
use support::shelf::Shelf;

const FIXTURES: &str = "tests/fixtures/lists";

/// A folder with some released files.
fn shelf() -> Shelf {
    Shelf::with(&[("tree/index.php", "a"), ("tree/core/img/été.svg", "b"), ("tree/.htaccess", "upper\n")])
}

/// What `sha256sum` and its like say of the tree.
fn summed(shelf: &Shelf, program: &str, options: &[&str]) -> String {
    let files = ["./index.php", "core/img/été.svg", ".htaccess"];
    let output =
        Command::new(program).args(options).args(files).current_dir(shelf.path("tree")).output().unwrap();
    assert!(output.status.success(), "{program}: {output:?}");
    shelf.write(&format!("{program}{}", options.concat()), output.stdout)
}

fn fixture(name: &str) -> String {
    fs::canonicalize(Path::new(FIXTURES).join(name)).unwrap().to_str().unwrap().to_owned()
}

#[test]
fn what_the_usual_programs_write_is_read() {
    let shelf = shelf();
    for (program, options) in [
        ("md5sum", &[][..]),
        ("sha1sum", &["--binary"]),
        ("sha256sum", &[]),
        ("sha512sum", &["--tag"]),
        ("md5sum", &["--tag"]),
        ("openssl", &["sha256"]),
    ] {
        let list = summed(&shelf, program, options);
        let found = shelf.manifest(&["verify", &list, &shelf.path("tree"), "--strict"]).code(0);
        assert_eq!(
            (&found["checked"], &found["unexpected"]),
            (&json!(3), &json!([])),
            "{program} {options:?}"
        );
        let listed = shelf.manifest(&["verify", &list, &shelf.path("tree")]).code(0);
        assert_eq!((&listed["checked"], &listed["bytes"]), (&found["checked"], &found["bytes"]));
    }
    let list = summed(&shelf, "sha256sum", &["--zero", "--tag"]);
    assert_eq!(shelf.manifest(&["show", &list]).exit, 1, "without line ends it is no list");
}

#[test]
fn what_differs_is_found_by_every_format() {
    let shelf = shelf();
    let tree = shelf.path("tree");
    let native = shelf.path("native.json");
    let build = ["build", &tree, "--product", "shop", "--version", "2.1", "-o", &native];
    shelf.manifest(&build).code(0);
    let lists: Vec<String> = Format::ALL
        .iter()
        .map(|format| {
            let out = shelf.path(format.name());
            let call = ["convert", &native, "--to", format.name(), "--tree", &tree, "--out", &out];
            let told = shelf.manifest(&call).code(0);
            assert_eq!((&told["files"], &told["to"]), (&json!(3), &json!(format.name())));
            out
        })
        .collect();
    fs::write(shelf.folder.path().join("tree/index.php"), "A").unwrap();
    fs::remove_file(shelf.folder.path().join("tree/core/img/été.svg")).unwrap();
    fs::write(shelf.folder.path().join("tree/new.php"), "n").unwrap();
    for (format, list) in Format::ALL.iter().zip(&lists) {
        let hint = ["--format", format.name()];
        let strict = [&["verify", list, &tree, "--strict"], &hint[..]].concat();
        for call in [&["verify", list, &tree][..], &strict] {
            let found = shelf.manifest(call);
            assert_eq!(found.exit, 7, "{format}");
            assert_eq!(found.result["modified"], json!(["index.php"]), "{format}");
            assert_eq!(found.result["missing"], json!(["core/img/été.svg"]), "{format}");
            let unexpected = if call.len() > 3 { json!(["new.php"]) } else { json!([]) };
            assert_eq!(found.result["unexpected"], unexpected, "{format}");
        }
    }
    // What native says and the sums say is the same, of files.
    let same = shelf.manifest(&["diff", &native, &lists[6]]).code(0);
    assert_eq!(same["changed"], json!([]));
    assert_eq!(shelf.manifest(&["diff", &lists[3], &lists[6]]).exit, 5, "SHA-512 and SHA-256 tell nothing");
}

#[test]
fn what_a_format_cannot_say_is_told_or_asked_for() {
    let shelf = shelf();
    let list = summed(&shelf, "md5sum", &[]);
    let refused = shelf.manifest(&["convert", &list, "--to", "entracte"]).refused(5);
    assert!(refused.contains("SHA-256"), "{refused}");
    let (tree, out) = (shelf.path("tree"), shelf.path("out.json"));
    let call = [
        "convert",
        &list,
        "--to",
        "entracte",
        "--tree",
        &tree,
        "--out",
        &out,
        "--product",
        "shop",
        "--version",
        "2",
    ];
    let told = shelf.manifest(&call).code(0);
    assert!(told["warnings"].to_string().contains("partial"), "{told:#}");
    let shown = shelf.manifest(&["show", &out]).code(0);
    assert_eq!((&shown["product"], &shown["version"]), (&json!("shop"), &json!("2")));
    let back = shelf.entracte.run(&["manifest", "convert", &out, "--to", "md5sums"]);
    assert!(back.status.success(), "{}", back.stderr);
    assert_eq!(back.stdout.lines().count(), 3);
    assert!(back.stderr.contains("does not say sizes"), "{}", back.stderr);
    fs::write(shelf.folder.path().join("tree/index.php"), "changed").unwrap();
    assert_eq!(shelf.manifest(&call).exit, 9, "a digest of a file that the list does not mean");
    assert_eq!(shelf.manifest(&["convert", &list, "--to", "rpm"]).exit, 2);
}

#[test]
fn what_nextcloud_signed_is_proved_by_its_root() {
    let shelf = shelf();
    let (list, root, stranger) =
        (fixture("signature.json"), fixture("signature-root.crt"), fixture("signature-stranger.crt"));
    let shown = shelf.manifest(&["show", &list, "--root", &root]).code(0);
    assert_eq!(
        (&shown["signed"], &shown["format"], &shown["product"]),
        (&json!("core"), &json!("signature"), &Value::Null)
    );
    assert_eq!(shown["files"][0]["size"], Value::Null);
    assert_eq!(shelf.manifest(&["show", &list, "--root", &stranger]).exit, 9);
    assert_eq!(shelf.manifest(&["show", &summed(&shelf, "md5sum", &[]), "--root", &root]).exit, 2);
    let tree = shelf.path("tree");
    // The updater is not judged, and below its mark Nextcloud may write into its own file.
    let mark = "upper\n#### DO NOT CHANGE ANYTHING ABOVE THIS LINE ####\nErrorDocument 403 /";
    fs::write(shelf.folder.path().join("tree/.htaccess"), mark).unwrap();
    for more in [&[][..], &["--strict"]] {
        shelf.manifest(&[&["verify", &list, &tree, "--root", &root], more].concat()).code(0);
    }
    fs::write(shelf.folder.path().join("tree/.htaccess"), format!("bent{mark}")).unwrap();
    assert_eq!(shelf.manifest(&["verify", &list, &tree]).result["modified"], json!([".htaccess"]));
}

#[test]
fn a_list_that_may_be_an_attack_is_not_trusted() {
    let shelf = shelf();
    let md5 = "900150983cd24fb0d6963f7d28e17f72";
    for (defect, text, exit) in [
        ("a-path-out", format!("{md5}  ../../etc/passwd\n"), 9),
        ("an-absolute-path", format!("{md5}  /etc/passwd\n"), 9),
        ("a-nul", format!("{md5}  a\0b\n"), 9),
        ("two-digests-of-a-file", format!("{md5}  a\n{}  a\n", md5.replace('9', "8")), 9),
        ("code-in-footprints", format!("<?php\n$footprints['a']=array(1,'{md5}');\nsystem('id');\n"), 9),
        ("a-line-without-end", format!("{md5}  {}\n", "a".repeat(100_000)), 9),
        ("a-key-twice", format!(r#"{{"checksums": {{"a": "{md5}", "a": "{md5}"}}}}"#), 1),
        ("a-page", "<html>not found</html>".into(), 1),
        ("nothing", String::new(), 1),
        ("half-a-line", format!("{md5}  a\n900150983c"), 1),
        ("utf-16", "\u{fffd}".into(), 1),
    ] {
        let list = shelf.write(defect, text);
        let answer = shelf.manifest(&["verify", &list, &shelf.path("tree")]);
        assert_eq!(answer.exit, exit, "{defect}: {:#}", answer.error);
    }
    // One that fills the memory is refused before it does; of lines there may be many.
    let huge = shelf.folder.path().join("huge");
    fs::write(&huge, "{").unwrap();
    fs::File::options().append(true).open(&huge).unwrap().set_len(300 << 20).unwrap();
    let said = shelf.manifest(&["show", huge.to_str().unwrap()]);
    assert_eq!(said.exit, 9, "{:#}", said.error);
    fs::write(&huge, format!("{md5}  a\n")).unwrap();
    fs::File::options().append(true).open(&huge).unwrap().set_len(300 << 20).unwrap();
    let said = shelf.manifest(&["show", huge.to_str().unwrap()]);
    assert_eq!(said.exit, 9, "{:#}", said.error);
    assert!(said.error.to_string().contains("line 2"), "{:#}", said.error);
}

#[test]
fn a_site_is_adopted_by_a_list_of_digests() {
    let shelf = shelf();
    let list = summed(&shelf, "sha256sum", &[]);
    let site = shelf.folder.path().join("site");
    fs::rename(shelf.path("tree"), &site).unwrap();
    fs::write(site.join("index.php"), "edited").unwrap();
    fs::write(site.join("own.php"), "own").unwrap();
    let site = site.to_str().unwrap();
    let adopted = shelf.entracte.json(&["init", site, "--manifest", &list]).code(0);
    assert_eq!(adopted["baseline"], "list");
    // `.htaccess` is the owner's, by the profile.
    let counts = &adopted["counts"];
    assert_eq!(
        (&counts["exact"], &counts["modified"], &counts["missing"]),
        (&json!(1), &json!(1), &json!(0)),
        "{adopted:#}"
    );
    assert_eq!(adopted["modified"], json!(["index.php"]));
}

/// Tiki ships its list under the name of its version; YACS and Nextcloud under one name.
#[test]
fn a_list_in_the_tree_is_found_by_its_version() {
    let shelf = shelf();
    let site = shelf.folder.path().join("site");
    fs::create_dir_all(site.join("lib/setup")).unwrap();
    fs::create_dir_all(site.join("db")).unwrap();
    for (name, text) in [
        ("tiki-index.php", "a"),
        ("tiki-setup.php", "edited"),
        ("lib/setup/twversion.class.php", "<?php $this->version = '24.1';"),
    ] {
        fs::write(site.join(name), text).unwrap();
    }
    let (of_a, of_nothing) = ("0cc175b9c0f1b6a831c399e269772661", "d41d8cd98f00b204e9800998ecf8427e");
    let list = format!(
        "start transaction;\nDELETE FROM `tiki_secdb`;\nINSERT INTO `tiki_secdb` (`filename`, `md5_value`, `tiki_version`) VALUES \n\
         ('./db/tiki-secdb_24.1_mysql.sql', '{of_nothing}', '24.1'),\n('./tiki-gone.php', '{of_a}', '24.1'),\n\
         ('./tiki-index.php', '{of_a}', '24.1'),\n('./tiki-setup.php', '{of_a}', '24.1');\ncommit;\n"
    );
    fs::write(site.join("db/tiki-secdb_24.1_mysql.sql"), &list).unwrap();
    let init = |shelf: &Shelf| shelf.entracte.json(&["init", site.to_str().unwrap(), "--dry-run"]).code(0);
    let found = init(&shelf);
    assert_eq!((&found["profile"], &found["baseline"]), (&json!("tiki"), &json!("list")), "{found:#}");
    assert_eq!(
        (&found["modified"], &found["missing"]),
        (&json!(["tiki-setup.php"]), &json!(["tiki-gone.php"]))
    );
    // One that cannot be used is told of, and passed over.
    fs::write(site.join("db/tiki-secdb_24.1_mysql.sql"), list.replace("./tiki-gone", "../tiki-gone"))
        .unwrap();
    let found = init(&shelf);
    assert_eq!(found["baseline"], "observed");
    assert!(found["notes"].to_string().contains("of no use"), "{found:#}");
}

/// The lists of two real releases, of 2008 and 2010.
#[test]
fn the_lists_of_yacs_are_read_whole() {
    for (name, version, files, kind) in [
        ("footprints-2008.php", "8.2beta29.6", 576, Kind::LooseMd5),
        ("footprints-2010.php", "martin-2", 670, Kind::Md5),
    ] {
        let list = Document::read(Path::new(&fixture(name)), None).unwrap().into_list();
        assert_eq!((list.format, list.version.as_deref()), (Format::Footprints, Some(version)));
        assert_eq!((list.files.len(), list.warnings.len()), (files, 0));
        assert!(list.files.values().all(|listed| listed.kinds() == [kind] && listed.size.is_none()));
    }
}

/// What is installed here, held against the lists of Debian's packages: the same
/// is found as by dpkg itself.
#[test]
fn what_dpkg_finds_of_installed_packages_is_found() {
    let all = packages();
    let every = if effort::is_full() { 1 } else { 12 };
    let some: Vec<&String> = all.iter().step_by(every).collect();
    let (apart, root) = (apart(), Root::open(Path::new("/")).unwrap());
    let (mut listed, mut found) = (BTreeSet::new(), BTreeSet::new());
    let mut left_out = 0;
    for package in &some {
        let path = PathBuf::from(format!("/var/lib/dpkg/info/{package}.md5sums"));
        let list = Document::read(&path, Some(Format::Md5sums)).unwrap().into_list();
        assert_eq!(list.files.len() + list.warnings.len(), lines_of(&path), "{package}");
        left_out += list.warnings.len();
        listed.extend(list.files.keys().map(|path| format!("/{}", path.as_str())));
        let findings = list.verify_listed(&root, &Patterns::default()).unwrap();
        assert!(findings.unreadable.is_empty(), "{package}: {:?}", findings.unreadable);
        let paths = |paths: &[entracte::base::path::TreePath], what: &str| {
            paths.iter().map(|path| format!("{what} /{path}")).collect::<Vec<_>>()
        };
        found.extend(paths(&findings.modified, "modified"));
        found.extend(paths(&findings.missing, "missing"));
    }
    // dpkg knows folders, too, and what is left out here.
    let is_ours = |line: &String| {
        let path = line.split_once(' ').unwrap().1;
        !apart.contains(path) && listed.contains(path)
    };
    found.retain(is_ours);
    let said: BTreeSet<String> = said_by_dpkg(&some).into_iter().filter(is_ours).collect();
    let (files, differ) = (listed.len(), found.symmetric_difference(&said).collect::<Vec<_>>());
    assert!(differ.is_empty(), "of {files} files, found by one alone: {differ:#?}");
    assert!(files > 100 && left_out < 50, "{files} files, {left_out} left out");
    effort::tried("installed files held against lists of Debian", files as u64);
}

fn packages() -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir("/var/lib/dpkg/info")
        .unwrap()
        .filter_map(|entry| entry.unwrap().file_name().to_str()?.strip_suffix(".md5sums").map(str::to_owned))
        .filter(|package| lines_of(Path::new(&format!("/var/lib/dpkg/info/{package}.md5sums"))) > 0)
        .collect();
    names.sort();
    names
}

fn lines_of(path: &Path) -> usize {
    fs::read(path).unwrap().split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).count()
}

/// Files that a package has handed over to another, or to the machine's owner.
fn apart() -> BTreeSet<String> {
    let diverted = output("dpkg-divert", &["--list"]);
    let diverted =
        diverted.lines().filter_map(|line| Some(line.split(" to ").next()?.split(" of ").nth(1)?.to_owned()));
    let owned = output("dpkg-query", &["-W", "-f", "${Conffiles}\n"]);
    let owned: Vec<String> =
        owned.lines().filter_map(|line| Some(line.trim().split(' ').next()?.to_owned())).collect();
    diverted.chain(owned).collect()
}

/// `modified PATH` and `missing PATH`, as `dpkg --verify` says of these packages.
fn said_by_dpkg(packages: &[&String]) -> BTreeSet<String> {
    let mut arguments = vec!["--verify"];
    arguments.extend(packages.iter().map(|package| package.as_str()));
    let said = output("dpkg", &arguments);
    let line = |line: &str| {
        let path = &line[line.find('/')?..];
        let what = if line.starts_with("missing") { "missing" } else { "modified" };
        Some(format!("{what} {path}"))
    };
    said.lines().filter_map(line).collect()
}

fn output(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// As many lines as a list may have take no more memory than what is kept of them.
#[test]
fn many_lines_are_read_one_by_one() {
    let folder = tempfile::tempdir_in("/tmp").unwrap();
    let path = folder.path().join("many");
    let lines: String =
        (0..100_000).map(|number| format!("{number:032x}  d{}/f{number}.php\n", number % 100)).collect();
    fs::write(&path, &lines).unwrap();
    let list: HashList = Document::read(&path, None).unwrap().into_list();
    assert_eq!((list.files.len(), list.warnings.len()), (100_000, 0));
}
