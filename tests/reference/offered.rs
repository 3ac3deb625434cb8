//! `check` on a site that follows a reference: what is new there, and why it may
//! not be believed. The reference is served by the program, and goes away.

use std::fs;
use std::io::BufRead;
use std::io::BufReader;
use std::path::PathBuf;
use std::process::Child;
use std::process::Stdio;

use entracte::base::digest::Sha256;
use serde_json::Value;
use serde_json::json;

use crate::bed::Bed;
use crate::bed::files;
use crate::support::faketime;
use crate::support::run::Answered;
use crate::support::run::Entracte;

const SMALL: crate::bed::Also = crate::bed::Also { archive: false, packs: 0 };

/// Releases 1 to 3 are published, and a site that has the second follows them.
struct Scene {
    bed: Bed,
    entracte: Entracte,
    served: Option<Child>,
    url: String,
}

impl Scene {
    fn new() -> Scene {
        let bed = Bed::usual(SMALL);
        let entracte = Entracte::new(&bed.path("site"));
        let mut scene = Scene { bed, entracte, served: None, url: String::new() };
        scene.serve("127.0.0.1:0");
        let root = fs::read(scene.bed.reference().join("metadata/1.root.json")).unwrap();
        let (digest, site) = (Sha256::of(&root).to_string(), scene.bed.path("site"));
        let init = ["init", site.to_str().unwrap(), "--release", &scene.url, "--digest", &digest];
        scene.entracte.json(&[&init[..], &["--version", "2"]].concat()).code(0);
        scene
    }

    fn serve(&mut self, address: &str) {
        let reference = self.bed.reference();
        let serve = ["serve", reference.to_str().unwrap(), "--listen", address];
        let mut child = self.entracte.command(&serve).stdout(Stdio::piped()).spawn().unwrap();
        let mut url = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut url).unwrap();
        (self.served, self.url) = (Some(child), url.trim().to_owned());
    }

    fn goes_away(&mut self) {
        if let Some(mut child) = self.served.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    fn comes_back(&mut self) {
        let address = self.url.trim_start_matches("http://").trim_end_matches('/').to_owned();
        self.serve(&address);
    }

    fn state(&self, name: &str) -> PathBuf {
        self.bed.path(".entracte-site").join(name)
    }

    /// A line for a section of the settings.
    fn set(&self, section: &str, key: &str, value: toml_edit::Value) {
        let path = self.state("entracte.toml");
        let mut settings: toml_edit::DocumentMut = fs::read_to_string(&path).unwrap().parse().unwrap();
        settings[section][key] = toml_edit::Item::Value(value);
        fs::write(path, settings.to_string()).unwrap();
    }

    fn check(&self) -> Answered {
        self.entracte.json(&["check"])
    }

    #[track_caller]
    fn offers(&self, version: Option<&str>) -> Value {
        let told = self.check().code(if version.is_some() { 7 } else { 0 });
        let newest = version.map(|version| {
            json!({"version": version, "archive": null, "verified": "signature", "requires_php": null, "notes": null})
        });
        assert_eq!(told["newest"], json!(newest), "{told:#}");
        told
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        self.goes_away();
    }
}

#[test]
fn what_is_new_is_told_and_nothing_is_staged() {
    let scene = Scene::new();
    let trust = || {
        let entries = walkdir::WalkDir::new(scene.state("trust")).sort_by_file_name().into_iter();
        let files = entries.map(Result::unwrap).filter(|entry| entry.file_type().is_file());
        files.map(|entry| (entry.path().to_owned(), fs::read(entry.path()).unwrap())).collect::<Vec<_>>()
    };
    let before = trust();
    let told = scene.offers(Some("3"));
    for (field, expected) in [
        ("vendor", json!(scene.url)),
        ("feed", json!(scene.url)),
        ("installed", json!({"version": "2"})),
        ("channel", json!("stable")),
        ("php", Value::Null),
        ("held_back", json!([])),
        ("end_of_life", Value::Null),
    ] {
        assert_eq!(told[field], expected, "{field}: {told:#}");
    }
    assert!((1..=8).contains(&told["requests"].as_u64().unwrap()), "{told:#}");
    let text = scene.entracte.run(&["check"]).code(7).stdout;
    assert!(text.contains("new: version 3; installed is 2"), "{text}");
    assert!(text.contains("signature") && text.contains(&scene.url), "{text}");
    assert!(text.contains("next: entracte update"), "{text}");
    assert!(!scene.state("staging/release.json").exists(), "something was staged");
    assert!(trust() == before, "what was only asked for is remembered as seen");
    let known: Value = serde_json::from_slice(&fs::read(scene.state("checked.json")).unwrap()).unwrap();
    assert_eq!((&known["newest"], &known["vendor"]), (&json!("3"), &json!(scene.url)), "{known:#}");
}

/// As `stage` would choose.
#[test]
fn the_policy_of_the_site_says_what_is_wanted() {
    let scene = Scene::new();
    scene.set("policy", "versions", "<3".into());
    scene.offers(None);
    scene.set("policy", "versions", "<9".into());
    scene.offers(Some("3"));
    scene.bed.publish_as("4-rc1", &files(4), SMALL);
    scene.offers(Some("3"));
    scene.set("policy", "channel", "testing".into());
    let told = scene.offers(Some("4-rc1"));
    assert_eq!(told["channel"], "testing", "{told:#}");
    scene.set("policy", "versions", ">9".into());
    scene.offers(None);
}

#[test]
fn where_nothing_is_new_it_ends_well() {
    let scene = Scene::new();
    scene.entracte.json(&["stage"]).code(0);
    let plan = scene.entracte.json(&["plan"]).code(0);
    scene.entracte.json(&["approve", plan["id"].as_str().unwrap()]).code(0);
    scene.entracte.json(&["apply", "--foreground"]).code(0);
    let told = scene.offers(None);
    assert_eq!(told["installed"], json!({"version": "3"}), "{told:#}");
    let text = scene.entracte.run(&["check"]).code(0).stdout;
    assert!(text.contains("nothing newer than 3 is offered"), "{text}");
    assert!(!text.contains("next:"), "{text}");
}

/// Away is not the same as wrong, and is forgotten when it is over.
#[test]
fn a_reference_that_cannot_be_asked() {
    let mut scene = Scene::new();
    scene.set("network", "tries", 1.into());
    scene.goes_away();
    let said = scene.check();
    assert_eq!(said.error["kind"], "failed", "{:#}", said.error);
    let said = said.refused(1);
    assert!(said.contains(scene.url.trim_end_matches('/')), "{said}");
    assert!(!scene.state("checked.json").exists(), "nobody was heard, and something was noted");
    scene.comes_back();
    scene.offers(Some("3"));
}

#[test]
fn signatures_that_are_wrong() {
    let scene = Scene::new();
    // What the site saw when it was adopted is not asked for again.
    scene.bed.publish(4, SMALL);
    let metadata = scene.bed.reference().join("metadata");
    let names: Vec<PathBuf> = fs::read_dir(&metadata).unwrap().map(|entry| entry.unwrap().path()).collect();
    let newest = |role: &str| {
        let of_role = |path: &&PathBuf| path.file_name().unwrap().to_string_lossy().ends_with(role);
        let number = |path: &&PathBuf| {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            name.split('.').next().and_then(|number| number.parse::<u32>().ok()).unwrap_or(0)
        };
        names.iter().filter(of_role).max_by_key(number).unwrap().clone()
    };
    for role in ["timestamp.json", "snapshot.json", "targets.json"] {
        let path = newest(role);
        let good = fs::read_to_string(&path).unwrap();
        let mut bad: Value = serde_json::from_str(&good).unwrap();
        let signature = bad["signatures"][0]["sig"].as_str().unwrap().to_owned();
        let other = if signature.starts_with('0') { '1' } else { '0' };
        bad["signatures"][0]["sig"] = json!(format!("{other}{}", &signature[1..]));
        fs::write(&path, bad.to_string()).unwrap();
        let said = scene.check();
        assert_eq!(said.error["kind"], "untrusted", "{role}: {:#}", said.error);
        said.refused(9);
        fs::write(&path, good).unwrap();
        scene.offers(Some("4"));
    }
}

#[test]
fn what_was_signed_too_long_ago() {
    if faketime::library().is_none() {
        return;
    }
    let scene = Scene::new();
    let later = faketime::entracte(&scene.bed.path("site"), "+10y");
    let said = later.json(&["check"]);
    assert_eq!(said.error["kind"], "untrusted", "{:#}", said.error);
    let said = said.refused(9);
    assert!(said.contains("expired"), "{said}");
    scene.offers(Some("3"));
}
