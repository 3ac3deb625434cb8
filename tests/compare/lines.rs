//! Lines that differ, other names, owners and times.

use std::fs;
use std::os::unix::fs::chown;

use serde_json::Value;
use serde_json::json;

use crate::support::process;
use crate::trees::Twins;

fn numbered(range: std::ops::Range<u32>) -> String {
    range.map(|number| format!("line {number} of a longer text\n")).collect()
}

fn diffs(found: &Value) -> Vec<(&str, &str)> {
    let diffs = found["diffs"].as_array().unwrap().iter();
    diffs.map(|diff| (diff["path"].as_str().unwrap(), diff["text"].as_str().unwrap())).collect()
}

/// Differences of each kind that lines can have; `b` is also packed.
fn differing() -> Twins {
    let twins = Twins::new();
    let (a, b) = (twins.path("a"), twins.path("b"));
    fs::write(b.join("index.php"), "<?php // \u{1b}[31mred\n").unwrap();
    fs::write(a.join("lib/picture.png"), b"\x89PNG\0\0one").unwrap();
    fs::write(b.join("lib/picture.png"), b"\x89PNG\0\0two").unwrap();
    fs::write(a.join("lib/ends.php"), "one\ntwo\n").unwrap();
    fs::write(b.join("lib/ends.php"), "one\r\ntwo\r\n").unwrap();
    for (root, word) in [(&a, "hush"), (&b, "hush2")] {
        for name in [".env", "wp-config.php"] {
            fs::write(root.join(name), format!("PASSWORD={word}\n")).unwrap();
        }
    }
    fs::write(a.join("old.php"), numbered(0..50)).unwrap();
    fs::write(b.join("lib/new.php"), numbered(5..50)).unwrap();
    fs::write(a.join("gone.txt"), "gone\n").unwrap();
    process::run("tar", &["-C", &twins.text(""), "-czf", &twins.text("b.tar.gz"), "b"]);
    twins
}

#[test]
fn lines_are_shown_on_demand_and_passwords_are_not() {
    let twins = differing();
    let a = twins.text("a");
    for b in ["b", "b.tar.gz"] {
        let b = twins.text(b);
        assert_eq!(twins.entracte.json(&["compare", &a, &b]).code(7)["diffs"], Value::Null);
        let found = twins.entracte.json(&["compare", &a, &b, "--diff"]).code(7);
        let shown = diffs(&found);
        let paths: Vec<&str> = shown.iter().map(|(path, _)| *path).collect();
        assert_eq!(paths, ["index.php", "lib/ends.php", "lib/new.php", "lib/picture.png"]);
        assert!(
            shown[0].1.contains("-<?php // index.php\n") && shown[0].1.contains("+<?php // \\x1b[31mred\n")
        );
        assert_eq!(shown[1].1, "# ends of lines: LF before, CRLF after\n");
        assert!(
            shown[2].1.starts_with("--- a/old.php\n+++ b/lib/new.php\n@@ -1,8 +1,3 @@\n-line 0"),
            "{}",
            shown[2].1
        );
        assert_eq!(shown[3].1, "no text, or longer than 2 MiB\n");
        assert_eq!(
            found["files"]["renamed"],
            json!([{"from": "old.php", "to": "lib/new.php", "percent": 90}])
        );
        assert!(!found.to_string().contains("hush"));
        assert!(
            found["notes"].to_string().contains(".env, wp-config.php (name the file behind --diff)"),
            "{found:#}"
        );
        let named = twins.entracte.json(&["compare", &a, &b, "--diff", "./.env", "gone.txt", "none"]).code(7);
        let shown = diffs(&named);
        assert!(shown[0].1.ends_with("-PASSWORD=hush\n+PASSWORD=hush2\n"), "{named:#}");
        assert_eq!(shown[1], ("gone.txt", "--- a/gone.txt\n+++ /dev/null\n@@ -1 +0,0 @@\n-gone\n"));
        assert!(named["notes"].to_string().contains("none does not differ"), "{named:#}");
        // A folder names what is in it, but no passwords.
        let folder = twins.entracte.json(&["compare", &a, &b, "--diff", "lib"]).code(7);
        assert_eq!(diffs(&folder).len(), 3);
        let all = twins.entracte.json(&["compare", &a, &b, "--diff", "."]).code(7);
        assert!(!all.to_string().contains("hush"));
    }
    let text = twins.entracte.run(&["compare", &a, &twins.text("b"), "--diff", "index.php"]).code(7).stdout;
    assert!(text.contains("\n+<?php // \\x1b[31mred\n") && !text.contains('\u{1b}'), "{text:?}");
}

#[test]
fn a_manifest_has_no_lines_to_show() {
    let twins = differing();
    let manifest = twins.text("a.json");
    let options = ["--product", "shop", "--version", "1", "-o", &manifest];
    twins.entracte.run(&[&["manifest", "build", &twins.text("a")], &options[..]].concat()).code(0);
    let found = twins.entracte.json(&["compare", &manifest, &twins.text("b"), "--diff", "index.php"]).code(7);
    assert_eq!(diffs(&found), [("index.php", "its content cannot be read here\n")]);
}

#[test]
fn a_moved_folder_is_one_line() {
    let twins = Twins::new();
    for at in 0..30 {
        for (root, folder) in [("a", "old/pages"), ("b", "new/pages")] {
            let folder = twins.path(root).join(folder);
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join(format!("{at}.txt")), format!("page {at}")).unwrap();
        }
    }
    let found = twins.compare("a", "b", 7);
    assert_eq!(found["files"]["moved_folders"], json!([{"from": "old", "to": "new", "files": 30}]));
    let text = twins.entracte.run(&["compare", &twins.text("a"), &twins.text("b")]).code(7).stdout;
    assert!(text.contains("moved or renamed (1)\n    old/ -> new/  30 files\n"), "{text}");
    assert!(!text.contains("7.txt"), "{text}");
    let all = twins.entracte.run(&["-v", "compare", &twins.text("a"), &twins.text("b")]).code(7).stdout;
    assert!(all.contains("old/pages/7.txt -> new/pages/7.txt"), "{all}");
}

#[test]
fn owners_and_times_count_where_they_are_asked_for() {
    let twins = Twins::new();
    for root in ["a", "b"] {
        process::run("find", &[&twins.text(root), "-exec", "touch", "-hd", "@1000000000", "{}", "+"]);
    }
    let (a, b) = (twins.text("a"), twins.text("b"));
    twins.entracte.json(&["compare", &a, &b, "--owners", "--times"]).code(0);
    chown(twins.path("b").join("run.sh"), Some(33), Some(4_000_123)).unwrap();
    process::run("touch", &["-d", "@1000000001", &twins.text("b/index.php")]);
    twins.compare("a", "b", 0);
    let found = twins.entracte.json(&["compare", &a, &b, "--owners", "--times"]).code(7);
    assert_eq!(
        found["files"]["details"],
        json!([
            {"path": "index.php", "what": ["time: 2001-09-09 01:46:40 in A, 2001-09-09 01:46:41 in B (UTC)"]},
            {"path": "run.sh", "what": ["owner: root:root in A, www-data:4000123 in B"]},
        ])
    );
    let archive = twins.text("a.tar");
    process::run("tar", &["-C", &twins.text(""), "-cf", &archive, "a"]);
    let found = twins.entracte.json(&["compare", &archive, &b, "--owners"]).code(0);
    assert!(found["notes"].to_string().contains("between folders only"), "{found:#}");
}
