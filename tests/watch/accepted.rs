//! A person answers for a change.

use super::guarded::Guarded;
use super::guarded::told;

const NOTE: &str = "looked at it";

#[test]
fn what_is_accepted_is_expected_until_it_changes_again() {
    let site = Guarded::new();
    site.write("app/own.php", "<?php // mine\necho 1;");
    site.write("app/same.txt", "edited\n");
    std::fs::remove_file(site.small.path("VERSION")).unwrap();
    std::os::unix::fs::symlink("/etc/hostname", site.small.path("media/host")).unwrap();
    assert_eq!(site.watch(7, &[])["details"].as_array().unwrap().len(), 4);
    let answer = site.watch(7, &["--accept", "app/own.php", "app/same.txt", "--note", NOTE]);
    assert_eq!(answer["accepted"], serde_json::json!(["app/own.php", "app/same.txt"]));
    assert_eq!(told(&answer), ["missing VERSION", "unexpected media/host: points-out"]);
    site.watch(0, &["--accept", ".", "--note", "all of it"]);
    assert_eq!(site.clean("accepted")["against"]["accepted"], 4);
    let log = site.history("accepted");
    assert_eq!(log[0], "looked at it: app/own.php, app/same.txt");
    site.write("app/own.php", "<?php // mine\necho 2;");
    site.mode("app/same.txt", 0o646);
    site.write("VERSION", "0\n");
    assert_eq!(
        told(&site.watch(7, &[])),
        [
            "modified VERSION: changed-again",
            "unexpected app/own.php: code changed-again",
            "modified app/same.txt: changed-again world-writable",
        ]
    );
    site.write("VERSION", "1\n");
    assert_eq!(site.watch(7, &[])["modified"], serde_json::json!(["app/same.txt"]), "as released is fine");
    assert_eq!(site.entracte.json(&["history", "--verify"]).code(0)["verified"], true);
}

#[test]
fn an_update_that_replaces_the_file_ends_it() {
    let site = Guarded::new();
    site.write("app/added.txt", "only in 2\n");
    site.write("app/own.txt", "mine\n");
    site.watch(7, &[]);
    site.watch(0, &["--accept", "app", "--note", NOTE]);
    super::updated::update(&site, 2);
    let answer = site.clean("after the update");
    assert_eq!(answer["against"]["version"], "2");
    let current = std::fs::read_to_string(site.state().join("installed/current.json")).unwrap();
    assert!(current.contains("app/own.txt") && current.contains(NOTE), "{current}");
    site.write("app/own.txt", "not mine\n");
    assert_eq!(told(&site.watch(7, &[])), ["unexpected app/own.txt: changed-again"]);
}

#[test]
fn only_what_somebody_can_have_looked_at_is_accepted() {
    let site = Guarded::new();
    site.write("app/own.php", "<?php // mine\necho 1;");
    for wrong in
        [&["--accept", "app/own.php"][..], &["--note", "x"], &["--accept", "app/own.php", "--note", " "]]
    {
        site.entracte.json(&[&["watch"], wrong].concat()).refused(2);
    }
    site.entracte.json(&["watch", "--accept", "../x", "--note", NOTE]).refused(2);
    site.entracte.json(&["watch", "--accept", "/etc/passwd", "--note", NOTE]).refused(2);
    site.entracte.json(&["watch", "--accept", "app/same.txt", "--note", NOTE]).refused(3);
    site.watch(7, &[]);
    // Somebody changes it between the look and the word.
    site.write("app/own.php", "<?php eval($_POST[1]);");
    let said = site.entracte.json(&["watch", "--accept", "app/own.php", "--note", NOTE]).refused(5);
    assert!(said.contains("changed since a watch last showed it"), "{said}");
    // Something new below a folder that is accepted.
    site.watch(7, &[]);
    site.write("app/new.php", "<?php eval($_POST[1]);");
    site.entracte.json(&["watch", "--accept", "app", "--note", NOTE]).refused(5);
    let full = site.small.path("app/own.php");
    site.watch(7, &["--accept", full.to_str().unwrap(), "--note", NOTE]);
    assert_eq!(told(&site.watch(7, &[])), ["unexpected app/new.php: code"]);
}
