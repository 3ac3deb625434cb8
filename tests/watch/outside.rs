//! What belongs to the site and stands outside its folder.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

use serde_json::Value;
use serde_json::json;

use super::guarded::Guarded;
use super::guarded::codes;
use super::guarded::told;
use super::support::small::SmallSite;

/// A library and a line of cron beside the site.
struct Outside {
    site: Guarded,
}

impl Outside {
    fn new() -> Outside {
        // What stands below /dev is made up by the system.
        let site = Guarded::on(SmallSite::new(), &[]);
        let outside = Outside { site };
        outside.write("lib/core/one.php", "<?php // one");
        outside.write("lib/two.txt", "two");
        outside.write("cron", "@daily\n");
        outside.set(r#"["../lib", "../cron"]"#);
        outside
    }

    fn set(&self, outside: &str) {
        let path = self.site.state().join("entracte.toml");
        let text = fs::read_to_string(&path).unwrap();
        let rest: Vec<&str> = text.lines().filter(|line| !line.starts_with("outside")).collect();
        fs::write(&path, format!("outside = {outside}\n{}\n", rest.join("\n"))).unwrap();
    }

    fn at(&self, name: &str) -> PathBuf {
        self.site.small.root().with_file_name(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::create_dir_all(self.at(name).parent().unwrap()).unwrap();
        fs::write(self.at(name), text).unwrap();
    }

    fn shown(&self, name: &str) -> String {
        format!("outside:{}", self.at(name).display())
    }

    /// What is found outside, the folder that all stands in left out.
    fn told(&self, answer: &Value) -> Vec<String> {
        let above = format!("{}/", self.at("").display()).replace("//", "/");
        codes(&answer["outside"]["details"]).iter().map(|line| line.replace(&above, "")).collect()
    }
}

#[test]
fn the_first_look_is_silent_and_later_ones_tell_what_changed() {
    let outside = Outside::new();
    let first = outside.site.clean("first");
    assert_eq!(first["outside"]["checked"], 3);
    assert!(first["notes"].to_string().contains("is watched from now on: 2 files"), "{first:#}");
    let again = outside.site.clean("nothing changed");
    assert_eq!(again["notes"], json!([]));
    outside.write("lib/two.txt", "zwei\n");
    outside.write("lib/core/shell.php", "<?php eval($_POST[1]);");
    fs::remove_file(outside.at("cron")).unwrap();
    let answer = outside.site.watch(7, &[]);
    assert_eq!(
        outside.told(&answer),
        [
            "unexpected outside:lib/core/shell.php: code",
            "modified outside:lib/two.txt",
            "missing outside:cron",
        ]
    );
    // Who reads the fields of the site is not misled.
    for list in ["modified", "missing", "unexpected", "unreadable", "details"] {
        assert_eq!(answer[list], json!([]), "{list}");
    }
    assert_eq!(answer["outside"]["modified"], json!([outside.shown("lib/two.txt")]));
    assert_eq!(answer["news"]["new"].as_array().unwrap().len(), 3);
    let said = outside.site.history("found");
    assert!(said[0].contains("1 modified, 1 missing, 1 unexpected"), "{said:?}");
    let page = outside.at("report.html");
    let text = outside.site.text(&["--html", page.to_str().unwrap()]);
    assert!(text.contains("3 outside the site") && text.contains(&outside.shown("lib/two.txt")), "{text}");
    assert!(fs::read_to_string(page).unwrap().contains("outside:"));
}

#[test]
fn what_is_accepted_outside_is_expected() {
    let outside = Outside::new();
    outside.site.clean("first");
    outside.write("lib/two.txt", "zwei\n");
    outside.write("lib/new.txt", "new");
    fs::remove_file(outside.at("cron")).unwrap();
    outside.site.watch(7, &[]);
    let shown = outside.shown("lib/two.txt");
    let answer = outside.site.watch(7, &["--accept", &shown, "--note", "mine"]);
    assert_eq!(answer["accepted"], json!([shown]));
    assert_eq!(outside.told(&answer), ["unexpected outside:lib/new.txt", "missing outside:cron"]);
    outside.write("lib/new.txt", "changed since it was shown");
    let (lib, cron) = (outside.at("lib"), outside.at("cron"));
    let accept = |path: &PathBuf| -> Vec<String> {
        ["watch", "--accept", path.to_str().unwrap(), "--note", "mine"].map(str::to_owned).to_vec()
    };
    let words = accept(&lib);
    let said = outside.site.entracte.json(&words.iter().map(String::as_str).collect::<Vec<_>>()).refused(5);
    assert!(said.contains("changed since a watch last showed it"), "{said}");
    outside.site.watch(7, &[]);
    // By the names of the file system, too.
    for (path, code) in [(&lib, 7), (&cron, 0)] {
        outside.site.watch(code, &["--accept", path.to_str().unwrap(), "--note", "mine"]);
    }
    outside.site.clean("accepted");
    assert_eq!(outside.site.history("accepted").len(), 3);
    outside.write("cron", "@reboot evil\n");
    assert_eq!(outside.told(&outside.site.watch(7, &[])), ["unexpected outside:cron"]);
    outside.site.entracte.json(&["watch", "--accept", "/etc/passwd", "--note", "x"]).refused(2);
    outside.site.entracte.json(&["watch", "--accept", "outside:/etc/passwd", "--note", "x"]).refused(3);
}

#[test]
fn hostile_things_are_told_and_followed_nowhere() {
    let outside = Outside::new();
    outside.site.clean("first");
    symlink("/etc", outside.at("lib/etc")).unwrap();
    symlink(".", outside.at("lib/loop")).unwrap();
    outside.write("lib/pipe", "");
    fs::remove_file(outside.at("lib/pipe")).unwrap();
    rustix::fs::mkfifoat(rustix::fs::CWD, outside.at("lib/pipe"), rustix::fs::Mode::RWXU).unwrap();
    fs::set_permissions(outside.at("cron"), fs::Permissions::from_mode(0o666)).unwrap();
    // A file as large as a disk, of which nothing is written.
    fs::File::create(outside.at("lib/huge")).unwrap().set_len(300 << 20).unwrap();
    let answer = outside.site.watch(7, &[]);
    assert_eq!(
        outside.told(&answer),
        [
            "unexpected outside:lib/etc: points-out",
            "unexpected outside:lib/huge",
            "unexpected outside:lib/loop",
            "unexpected outside:lib/pipe: special",
            "modified outside:cron: world-writable",
        ]
    );
    for name in ["etc", "loop", "pipe", "huge"] {
        fs::remove_file(outside.at("lib").join(name)).unwrap();
    }
    fs::set_permissions(outside.at("cron"), fs::Permissions::from_mode(0o644)).unwrap();
    outside.site.clean("taken away");
    // The folder itself becomes a link to another that looks the same.
    fs::rename(outside.at("lib"), outside.at("other")).unwrap();
    symlink(outside.at("other"), outside.at("lib")).unwrap();
    let answer = outside.site.watch(7, &[]);
    assert_eq!(
        outside.told(&answer),
        [
            "unexpected outside:lib: points-out",
            "missing outside:lib/core/one.php",
            "missing outside:lib/two.txt",
        ]
    );
    let lib = outside.at("lib");
    outside.site.watch(0, &["--accept", lib.to_str().unwrap(), "--note", "moved"]);
    outside.write("other/two.txt", "changed\n");
    assert_eq!(outside.told(&outside.site.watch(7, &[])), ["modified outside:other/two.txt"]);
    // One that leads into the site says so, and the others are watched all the same.
    fs::remove_file(&lib).unwrap();
    symlink(outside.site.small.root(), &lib).unwrap();
    outside.write("cron", "@reboot evil\n");
    let answer = outside.site.watch(7, &[]);
    assert_eq!(outside.told(&answer), ["unreadable outside:other: reason", "modified outside:cron"]);
    assert!(answer["outside"]["details"].to_string().contains("is in the site"));
}

#[test]
fn names_in_the_site_are_not_taken_for_names_outside() {
    let outside = Outside::new();
    outside.site.clean("first");
    let decoy = outside.site.small.path(&outside.shown("lib/two.txt"));
    fs::create_dir_all(decoy.parent().unwrap()).unwrap();
    fs::write(&decoy, "decoy").unwrap();
    outside.write("lib/two.txt", "zwei\n");
    let answer = outside.site.watch(7, &[]);
    assert_eq!(outside.told(&answer), ["modified outside:lib/two.txt"]);
    assert_eq!(answer["unexpected"].as_array().unwrap().len(), 1);
    let news = answer["news"]["new"].to_string();
    assert!(news.contains(&format!("\"./{}\"", outside.shown("lib/two.txt"))), "{news}");
    outside.site.watch(7, &["--accept", &outside.shown("lib/two.txt"), "--note", "the one outside"]);
    assert_eq!(told(&outside.site.watch(7, &[])).len(), 1, "the other is told still");
}

#[test]
fn what_cannot_be_read_is_not_missing_and_volatile_is_nothing() {
    let outside = Outside::new();
    outside.site.clean("first");
    outside.write("lib/log/today.txt", "1");
    assert_eq!(outside.told(&outside.site.watch(7, &[])), ["unexpected outside:lib/log/today.txt"]);
    let volatile = format!("volatile = [\"{}\"]", outside.shown("lib/log"));
    let path = outside.site.state().join("entracte.toml");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, format!("{volatile}\n{}", text.replace("volatile = []\n", ""))).unwrap();
    outside.site.clean("volatile");
    fs::rename(outside.at("lib"), outside.at("away")).unwrap();
    assert_eq!(
        outside.told(&outside.site.watch(7, &[])),
        ["missing outside:lib/core/one.php", "missing outside:lib/two.txt"]
    );
    // What is no longer named is forgotten, and seen anew where it is named again.
    outside.set(r#"["../cron"]"#);
    outside.site.clean("not named");
    fs::rename(outside.at("away"), outside.at("lib")).unwrap();
    outside.write("lib/two.txt", "zwei\n");
    outside.set(r#"["../cron", "../lib"]"#);
    outside.site.clean("seen for the first time");
}

#[test]
fn an_update_touches_nothing_outside_and_raises_no_alarm() {
    let outside = Outside::new();
    outside.site.clean("first");
    super::updated::update(&outside.site, 2);
    outside.site.clean("after the update");
    outside.write("lib/two.txt", "zwei\n");
    outside.site.entracte.json(&["rollback", "--foreground"]).code(0);
    assert_eq!(outside.told(&outside.site.watch(7, &[])), ["modified outside:lib/two.txt"]);
}

#[test]
fn who_follows_hears_of_changes_outside() {
    let outside = Outside::new();
    outside.site.clean("first");
    let following = super::followed::Following::start(&outside.site);
    following.says("following");
    outside.write("lib/core/shell.php", "<?php eval($_POST[1]);");
    following.says(&format!("+ unexpected {}", outside.shown("lib/core/shell.php")));
    outside.write("cron", "@reboot evil\n");
    following.says(&format!("+ modified   {}", outside.shown("cron")));
    fs::rename(outside.at("lib"), outside.at("away")).unwrap();
    following.says(&format!("+ missing    {}", outside.shown("lib/two.txt")));
    assert_eq!(following.end(), 7);
}
