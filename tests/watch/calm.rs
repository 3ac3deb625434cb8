//! A site that is as it was when nothing was found is told by a glance. Whatever
//! the answer rests on besides its files makes it be judged anew.

use std::fs;
use std::time::Duration;

use serde_json::Value;
use serde_json::json;

use super::guarded::Guarded;
use super::guarded::told;

/// Watched until there is a picture of it: what was just written is not believed.
fn calm() -> Guarded {
    let site = Guarded::new();
    site.write("tmp/session", "comes and goes");
    std::thread::sleep(Duration::from_millis(200));
    for when in ["first", "with the owner's files known"] {
        site.clean(when);
    }
    assert!(picture(&site).is_file());
    site
}

fn picture(site: &Guarded) -> std::path::PathBuf {
    site.state().join("cache/picture")
}

/// The memory of the last watch, changed.
fn remember(site: &Guarded, key: &str, value: Value) {
    let path = site.state().join("watch/last.json");
    let mut memory: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    memory[key] = value;
    fs::write(path, memory.to_string()).unwrap();
}

#[test]
fn the_answer_is_the_same_by_a_glance_and_in_full() {
    let site = calm();
    let glance = site.clean("by a glance");
    fs::remove_file(picture(&site)).unwrap();
    let full = site.clean("in full");
    assert!(picture(&site).is_file());
    for field in ["checked", "bytes", "against", "details", "folders", "modified", "unexpected", "accepted"] {
        assert_eq!(glance[field], full[field], "{field}");
    }
    assert!(glance["rehashed"].as_u64() < glance["checked"].as_u64());
    site.write("tmp/session", "something else");
    site.write("tmp/another", "something else");
    let before = fs::read(picture(&site)).unwrap();
    site.clean("what is volatile moved");
    assert_eq!(fs::read(picture(&site)).unwrap(), before, "and that is no reason for another picture");
}

#[test]
fn the_longer_nobody_looked_the_more_is_read_again() {
    let site = calm();
    remember(&site, "at", json!("2020-01-01T00:00:00Z"));
    let answer = site.clean("after years");
    assert_eq!(answer["rehashed"], answer["checked"]);
    assert!(site.clean("a moment later")["rehashed"].as_u64() < answer["checked"].as_u64());
}

#[test]
fn what_the_answer_rests_on_makes_it_be_judged_anew() {
    let site = calm();
    let profile = site.state().join("profile.toml");
    let text = fs::read_to_string(&profile).unwrap();
    fs::write(&profile, text.replace("\"tmp\", ", "")).unwrap();
    assert_eq!(told(&site.watch(7, &[])), ["unexpected tmp/session"], "another profile");

    let site = calm();
    site.set("[[layers]]\nbelow = \"app\"\nmanifest = \"none.json\"");
    site.entracte.json(&["watch"]).refused(5);

    let site = calm();
    let installed = site.state().join("installed");
    let is_manifest = |path: &std::path::PathBuf| {
        path.file_stem().is_some_and(|name| name.len() == 64)
            && path.extension().is_some_and(|end| end == "json")
    };
    let files = fs::read_dir(&installed).unwrap().map(|entry| entry.unwrap().path());
    let manifest = files.into_iter().find(is_manifest).unwrap();
    let text = fs::read_to_string(&manifest).unwrap();
    fs::write(&manifest, text.replacen('a', "b", 1)).unwrap();
    assert_ne!(site.entracte.json(&["watch"]).exit, 0, "another manifest");
}

#[test]
fn a_picture_that_somebody_else_made_is_not_believed() {
    let (site, other) = (calm(), calm());
    site.write("media/back door.php", "<?php eval($_GET['x']);");
    fs::copy(picture(&other), picture(&site)).unwrap();
    fs::copy(other.state().join("cache/stat"), site.state().join("cache/stat")).unwrap();
    assert_eq!(site.watch(7, &[])["unexpected"], json!(["media/back door.php"]));
}
