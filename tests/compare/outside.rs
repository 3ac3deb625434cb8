//! What belongs to sites outside their folders.

use std::fs;
use std::path::Path;
use std::path::PathBuf;

use serde_json::Value;
use serde_json::json;
use tempfile::TempDir;

use crate::support::run::Entracte;

/// A site with a library beside it; `outside` goes into its settings.
struct Place {
    folder: TempDir,
    entracte: Entracte,
}

impl Place {
    fn new(outside: &str) -> Place {
        let folder = tempfile::tempdir_in("/tmp").unwrap();
        let at = |name: &str| folder.path().join(name);
        for (name, text) in [
            ("www/index.php", "<?php"),
            ("lib/core/one.php", "one"),
            ("lib/two.php", "two"),
            ("cron", "@daily"),
        ] {
            fs::create_dir_all(at(name).parent().unwrap()).unwrap();
            fs::write(at(name), text).unwrap();
        }
        let entracte = Entracte::new(&at("www"));
        entracte.json(&["init", at("www").to_str().unwrap(), "--profile", "generic"]).code(0);
        let place = Place { folder, entracte };
        place.set(outside);
        place
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn set(&self, outside: &str) {
        let path = self.at(".entracte-www/entracte.toml");
        let text = fs::read_to_string(&path).unwrap();
        let rest: Vec<&str> = text.lines().filter(|line| !line.starts_with("outside")).collect();
        fs::write(&path, format!("outside = {outside}\n{}\n", rest.join("\n"))).unwrap();
    }

    fn compare(&self, other: &Path, more: &[&str]) -> crate::support::run::Answered {
        let sites = [self.at("www"), other.to_owned()];
        let [a, b] = [sites[0].to_str().unwrap(), sites[1].to_str().unwrap()];
        self.entracte.json(&[&["compare", a, b], more].concat())
    }
}

#[test]
fn what_two_sites_have_outside_is_compared_in_pairs() {
    let a = Place::new(r#"["../lib", "../cron"]"#);
    let b = Place::new(r#"["../crontab", "../lib/", "/tmp"]"#);
    b.set(&format!(r#"["{}", "../lib/"]"#, b.at("crontab").display()));
    fs::rename(b.at("cron"), b.at("crontab")).unwrap();
    let same = a.compare(&b.at("www"), &[]).code(0);
    assert_eq!(same["files"]["checked"], 8);
    fs::write(b.at("lib/two.php"), "zwei").unwrap();
    fs::write(b.at("crontab"), "@hourly\n").unwrap();
    fs::remove_file(b.at("lib/core/one.php")).unwrap();
    fs::write(b.at("www/index.php"), "<?php 2").unwrap();
    let found = a.compare(&b.at("www"), &["--diff"]).code(7);
    let shown = |name: &str| format!("outside:{}", a.at(name).display());
    let files = &found["files"];
    let mut different = vec!["index.php".to_owned(), shown("cron"), shown("lib/two.php")];
    different.sort();
    assert_eq!(files["different"], json!(different));
    assert_eq!((&files["only_a"], &files["only_b"]), (&json!([shown("lib/core/one.php")]), &json!([])));
    let diff = |path: &str| {
        let mut diffs = found["diffs"].as_array().unwrap().iter();
        diffs.find(|diff| diff["path"] == path).unwrap()["text"].as_str().unwrap().to_owned()
    };
    assert!(diff(&shown("cron")).contains("-@daily\n") && diff(&shown("cron")).contains("+@hourly\n"));
    assert!(diff(&shown("lib/two.php")).contains("+zwei"));
    let notes = found["notes"].to_string();
    assert!(
        notes.contains(&format!("{} is outside:{} in B", shown("cron"), b.at("crontab").display())),
        "{notes}"
    );
}

#[test]
fn what_has_no_counterpart_is_told() {
    let (a, b) = (Place::new(r#"["../lib", "../none"]"#), Place::new(r#"["../lib"]"#));
    let found = a.compare(&b.at("www"), &[]).code(0);
    let said = format!("{} is not compared: only A names it", a.at("none").display());
    assert!(found["notes"].to_string().contains(&said), "{found:#}");
    let folder = a.at("www-copy");
    fs::create_dir(&folder).unwrap();
    fs::copy(a.at("www/index.php"), folder.join("index.php")).unwrap();
    let found = a.compare(&folder, &[]).code(0);
    assert!(found["notes"].to_string().contains("between two known sites only"), "{found:#}");
    // One that is named by both and gone on one side is a difference.
    fs::remove_dir_all(b.at("lib")).unwrap();
    let found = a.compare(&b.at("www"), &[]).code(7);
    assert_eq!(found["files"]["only_a"].as_array().map(Vec::len), Some(2), "{found:#}");
}

#[test]
fn unsafe_places_are_refused() {
    let (a, b) = (Place::new("[]"), Place::new("[]"));
    std::os::unix::fs::symlink(a.at("www"), a.at("back")).unwrap();
    for (outside, said) in [
        (r#"["/"]"#, "is the whole machine"),
        (r#"[".."]"#, "holds the site"),
        (r#"["lib"]"#, "is in the site"),
        (r#"["../back"]"#, "is in the site"),
        (r#"["../.entracte-www/runs"]"#, "keeps its state in"),
        (r#"["/proc/self/environ"]"#, "is made up by the system"),
        (r#"["../lib", "../lib/core"]"#, "another of its paths holds already"),
        (r#"["../none/../../etc"]"#, "leads through a folder that is not there"),
        (r#"[""]"#, "is no path"),
    ] {
        a.set(outside);
        let refused = a.compare(&b.at("www"), &[]).refused(5);
        assert!(refused.contains(said), "{outside}: {refused}");
    }
    // A file of the site does not hide one outside.
    a.set(r#"["../lib"]"#);
    b.set(r#"["../lib"]"#);
    let hidden = a.at("www").join(format!("outside:{}", a.at("lib").display()));
    fs::create_dir_all(&hidden).unwrap();
    fs::write(hidden.join("two.php"), "decoy").unwrap();
    fs::write(b.at("lib/two.php"), "zwei").unwrap();
    let refused = a.compare(&b.at("www"), &[]).refused(5);
    assert!(refused.contains("has the name of one outside"), "{refused}");
}

#[test]
fn links_outside_are_not_followed() {
    let (a, b) = (Place::new(r#"["../lib"]"#), Place::new(r#"["../lib"]"#));
    for place in [&a, &b] {
        std::os::unix::fs::symlink("/etc", place.at("lib/etc")).unwrap();
    }
    let found: Value = a.compare(&b.at("www"), &[]).code(0);
    assert_eq!(found["files"]["checked"], 6);
}
