//! A list of digests as a side: what its vendor published, or somebody wrote down.

use std::fs;

use serde_json::json;

use crate::support::process;
use crate::trees::Twins;

/// Lists of all files of `a`, as the tools write them.
fn sums(twins: &Twins, tool: &str, name: &str) {
    let command = format!("cd a && find . -type f -printf '%P\\0' | sort -z | xargs -0 {tool} > ../{name}");
    process::run("sh", &["-c", &format!("cd {} && {command}", twins.folder.path().display())]);
}

fn plain() -> Twins {
    let twins = Twins::new();
    // A list says nothing of links.
    for side in ["a", "b"] {
        fs::remove_file(twins.path(side).join("lib/latest")).unwrap();
    }
    twins
}

#[test]
fn every_kind_of_digest_is_held_against_a_folder() {
    let twins = plain();
    for tool in ["md5sum", "sha1sum", "sha256sum", "sha512sum", "md5sum --tag"] {
        let name = format!("{}.txt", tool.replace(' ', ""));
        sums(&twins, tool, &name);
        let found = twins.compare(&name, "b", 0);
        assert_eq!(found["files"]["checked"], 10, "{tool}");
        twins.compare("b", &name, 0);
    }
    fs::write(twins.path("b/index.php"), "<?php // changed").unwrap();
    fs::rename(twins.path("b/lib/one.php"), twins.path("b/lib/uno.php")).unwrap();
    fs::remove_file(twins.path("b/lib/two.php")).unwrap();
    fs::create_dir(twins.path("b/lib/two.php")).unwrap();
    for tool in ["md5sum", "sha512sum"] {
        let found = twins.compare(&format!("{tool}.txt"), "b", 7);
        let files = &found["files"];
        assert_eq!(files["only_a"], json!(["lib/one.php"]), "{tool}");
        assert_eq!(files["only_b"], json!(["lib/uno.php"]));
        assert_eq!(files["different"], json!(["index.php", "lib/two.php"]));
        assert_eq!(
            files["details"],
            json!([
                {"path": "index.php", "what": ["content: the digests differ"]},
                {"path": "lib/two.php", "what": ["kind: a file in A, a folder in B"]},
            ])
        );
        let turned = twins.compare("b", &format!("{tool}.txt"), 7);
        assert_eq!(turned["files"]["only_a"], json!(["lib/uno.php"]));
        assert_eq!(turned["files"]["details"][1]["what"], json!(["kind: a folder in A, a file in B"]));
    }
}

#[test]
fn lists_archives_and_manifests_are_compared_by_what_they_share() {
    let twins = plain();
    sums(&twins, "md5sum", "md5.txt");
    sums(&twins, "sha1sum", "sha1.txt");
    sums(&twins, "sha256sum", "sha256.txt");
    let folder = twins.folder.path().to_str().unwrap();
    process::run("tar", &["-C", folder, "-czf", &twins.text("b.tar.gz"), "b"]);
    let made = [
        "manifest",
        "build",
        &twins.text("b"),
        "--product",
        "p",
        "--version",
        "1",
        "--output",
        &twins.text("b.json"),
    ];
    twins.entracte.run(&made).code(0);
    for (a, b) in [
        ("md5.txt", "b.tar.gz"),
        ("sha1.txt", "b.tar.gz"),
        ("b.tar.gz", "sha256.txt"),
        ("sha256.txt", "b.json"),
        ("md5.txt", "md5.txt"),
    ] {
        twins.compare(a, b, 0);
    }
    // One that changed is found whichever way.
    fs::write(twins.path("a/index.php"), "<?php // changed").unwrap();
    sums(&twins, "md5sum", "md5-2.txt");
    sums(&twins, "sha256sum", "sha256-2.txt");
    for (a, b) in [("md5-2.txt", "b.tar.gz"), ("sha256-2.txt", "b.json"), ("md5.txt", "md5-2.txt")] {
        assert_eq!(twins.compare(a, b, 7)["files"]["different"], json!(["index.php"]), "{a} {b}");
    }
    // Two that have nothing in common prove nothing.
    let refused =
        twins.entracte.json(&["compare", &twins.text("md5.txt"), &twins.text("sha1.txt")]).refused(5);
    assert!(refused.contains("A has MD5 of its files, B has SHA-1"), "{refused}");
    let refused =
        twins.entracte.json(&["compare", &twins.text("sha1.txt"), &twins.text("b.json")]).refused(5);
    assert!(refused.contains("SHA-1") && refused.contains("SHA-256"), "{refused}");
    // Some that do not are neither the same nor different.
    let mixed = fs::read_to_string(twins.path("md5.txt")).unwrap();
    let sha1 = fs::read_to_string(twins.path("sha1.txt")).unwrap();
    let mixed: Vec<&str> = mixed.lines().take(2).chain(sha1.lines().skip(2)).collect();
    fs::write(twins.path("mixed.txt"), mixed.join("\n")).unwrap();
    let found = twins.compare("md5.txt", "mixed.txt", 7);
    assert_eq!(found["files"]["different"], json!([]));
    assert_eq!(found["files"]["unreadable"].as_array().map(Vec::len), Some(3), "{found:#}");
    assert!(found["files"]["unreadable"][0]["reason"].as_str().unwrap().contains("share no kind of digest"));
    twins.compare("mixed.txt", "b", 0);
}

#[test]
fn what_vendors_publish_is_a_side() {
    let twins = plain();
    let md5 = |text: &str| {
        fs::write(twins.path("text"), text).unwrap();
        process::run("md5sum", &[&twins.text("text")])[..32].to_owned()
    };
    let of = |name: &str| md5(&format!("<?php // {name}"));
    let names = ["index.php", "lib/one.php", "lib/three.php", "lib/two.php", "run.sh"];
    let lines = |line: &dyn Fn(&str) -> String| names.map(line).concat();
    let secdb = lines(&|name| {
        format!(
            "INSERT INTO `tiki_secdb` (`filename`, `md5_value`, `tiki_version`) VALUES ('./{name}', '{}', '27.0');\n",
            of(name)
        )
    });
    let footprints = lines(&|name| format!("$footprints['{name}'] = array(1, '{}');\n", of(name)));
    let footprints = format!(
        "<?php\n// generated\nglobal $generation;\n$generation['version']='10.1';\nglobal $footprints;\n{footprints}?>\n"
    );
    let wordpress: serde_json::Map<String, serde_json::Value> =
        names.into_iter().map(|name| (name.to_owned(), json!(of(name)))).collect();
    fs::remove_file(twins.path("text")).unwrap();
    fs::write(twins.path("secdb.sql"), secdb).unwrap();
    fs::write(twins.path("footprints.php"), footprints).unwrap();
    fs::write(twins.path("checksums.json"), json!({"checksums": wordpress}).to_string()).unwrap();
    fs::create_dir_all(twins.path("b/wp-content")).unwrap();
    fs::write(twins.path("b/wp-content/own.php"), "<?php").unwrap();
    for list in ["secdb.sql", "footprints.php"] {
        assert_eq!(twins.compare(list, "b", 7)["files"]["only_b"], json!(["wp-content/own.php"]), "{list}");
    }
    // WordPress does not judge what is added.
    let found = twins.compare("checksums.json", "b", 0);
    assert!(found["notes"].to_string().contains("wp-content/ is left out"), "{found:#}");
    fs::write(twins.path("b/run.sh"), "other").unwrap();
    for list in ["secdb.sql", "footprints.php", "checksums.json"] {
        assert_eq!(twins.compare(list, "b", 7)["files"]["different"], json!(["run.sh"]), "{list}");
    }
    twins.compare("secdb.sql", "checksums.json", 0);
    // With lines, where one side has them.
    let call = ["compare", &twins.text("secdb.sql"), &twins.text("b"), "--diff", "run.sh"];
    twins.entracte.json(&call).code(7);
}

#[test]
fn a_list_that_lies_is_refused() {
    let twins = plain();
    fs::write(twins.path("out.txt"), "900150983cd24fb0d6963f7d28e17f72  ../../etc/passwd\n").unwrap();
    let refused = twins.entracte.json(&["compare", &twins.text("out.txt"), &twins.text("b")]).refused(9);
    assert!(refused.contains("line 1"), "{refused}");
    fs::write(twins.path("none.txt"), "hello\n").unwrap();
    twins.entracte.json(&["compare", &twins.text("none.txt"), &twins.text("b")]).refused(1);
}
