//! A reference where no site has trusted it yet: as the baseline of `init`, and
//! as a side of `compare`.

use std::fs;
use std::path::Path;
use std::process::Command;

use entracte::base::digest::Sha256;

use crate::bed::ALL;
use crate::bed::Bed;
use crate::bed::files;
use crate::server::Server;
use crate::support::run::Entracte;

/// Three versions are published, and a folder holds the second.
struct Scene {
    bed: Bed,
    server: Server,
    root: String,
    digest: String,
    entracte: Entracte,
}

impl Scene {
    fn new() -> Scene {
        let bed = Bed::usual(ALL);
        let server = Server::good(&bed.reference());
        let root = bed.path("site").to_str().unwrap().to_owned();
        let digest = Sha256::of(&fs::read(bed.reference().join("metadata/1.root.json")).unwrap()).to_string();
        let entracte = Entracte::new(&bed.path("site"));
        Scene { bed, server, root, digest, entracte }
    }

    fn url(&self) -> String {
        self.server.url()
    }

    fn state(&self, name: &str) -> String {
        fs::read_to_string(self.bed.path(".entracte-site").join(name)).unwrap()
    }

    fn adopt(&self) {
        let init = ["init", &self.root, "--release", &self.url(), "--digest", &self.digest, "--version", "2"];
        self.entracte.json(&init).code(0);
    }
}

/// Every file below, with its content.
fn whole(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let entries = walkdir::WalkDir::new(folder).sort_by_file_name().into_iter().map(Result::unwrap);
    let files = entries.filter(|entry| entry.file_type().is_file());
    files.map(|entry| (entry.path().display().to_string(), fs::read(entry.path()).unwrap())).collect()
}

#[test]
fn a_site_is_adopted_from_a_reference_and_follows_it() {
    let scene = Scene::new();
    let url = scene.url();
    let refused = scene.entracte.json(&["init", &scene.root, "--release", &url]);
    assert_eq!(refused.exit, 9, "{:#}", refused.error);
    let hints = refused.error["hints"].to_string();
    let command = format!("`entracte init {} --release {url} --digest {}`", scene.root, scene.digest);
    assert!(hints.contains(&command), "{hints}");
    let another = "ab".repeat(32);
    let wrong = ["init", &scene.root, "--release", &url, "--digest", &another];
    assert_eq!(scene.entracte.json(&wrong).exit, 9);
    assert!(!scene.bed.path(".entracte-site").exists(), "what was refused left something");

    let asked = scene.server.asked().len();
    let init = ["init", &scene.root, "--release", &url, "--digest", &scene.digest, "--version", "2"];
    let found = scene.entracte.json(&init).code(0);
    assert_eq!((&found["baseline"], &found["version"]), (&"release".into(), &"2".into()), "{found:#}");
    assert_eq!(found["follows"], url);
    let counts = &found["counts"];
    assert_eq!((&counts["exact"], &counts["modified"]), (&files(2).len().into(), &0.into()), "{found:#}");
    let asked = &scene.server.asked()[asked..];
    assert!(asked.len() <= 8 && asked.iter().all(|name| !name.starts_with("objects/")), "{asked:?}");
    let settings = scene.state("entracte.toml");
    assert!(settings.contains(&format!("from = \"{url}\"")), "{settings}");
    assert!(settings.contains("product = \"shop\""), "{settings}");
    assert!(scene.state("history.jsonl").contains("\"trusted\""));

    let staged = scene.entracte.json(&["stage"]).code(0);
    assert_eq!((&staged["version"], &staged["trust"]), (&"3".into(), &"signed".into()), "{staged:#}");
    let changes = scene.entracte.json(&["plan"]).code(0);
    assert_eq!(changes["counts"]["conflict"], 0, "{:#}", changes["counts"]);
}

#[test]
fn the_nearest_release_is_the_baseline_and_the_newest_where_none_is_near() {
    let scene = Scene::new();
    let root = scene.bed.reference().join("metadata/1.root.json");
    let dry = ["init", &scene.root, "--release", &scene.url(), "--root", root.to_str().unwrap(), "--dry-run"];
    let found = scene.entracte.json(&dry).code(0);
    assert_eq!((&found["version"], &found["counts"]["modified"]), (&"2".into(), &0.into()), "{found:#}");
    assert!(found["notes"].to_string().contains("nearest to 2"), "{found:#}");
    assert!(!scene.bed.path(".entracte-site").exists(), "a dry run wrote something");
    let (site, away) = (scene.bed.path("site"), scene.bed.path("away"));
    fs::rename(&site, &away).unwrap();
    fs::create_dir(&site).unwrap();
    let found = scene.entracte.json(&dry).code(0);
    assert_eq!(found["version"], "3");
    assert!(found["notes"].to_string().contains("near to none"), "{found:#}");
    fs::remove_dir(&site).unwrap();
    fs::rename(&away, &site).unwrap();
    let unknown =
        ["init", &scene.root, "--release", &scene.url(), "--digest", &scene.digest, "--version", "9"];
    scene.entracte.json(&unknown).refused(5);
    scene.entracte.json(&["init", &scene.root, "--digest", &scene.digest]).refused(2);
    let folder = ["init", &scene.root, "--release", &scene.root, "--digest", &scene.digest];
    scene.entracte.json(&folder).refused(2);
    assert!(!scene.bed.path(".entracte-site").exists(), "what was refused left something");
}

#[test]
fn a_folder_a_bundle_and_the_address_of_an_archive_are_baselines_too() {
    let scene = Scene::new();
    let reference = scene.bed.reference();
    let mut pack = Command::new("tar");
    pack.args(["-C", &scene.root, "-cf"]).arg(reference.join("shop.tar")).arg(".");
    assert!(pack.status().unwrap().success());
    let bundle = scene.bed.path("shop.bundle").to_str().unwrap().to_owned();
    let made = ["bundle", reference.to_str().unwrap(), "--version", "2", "--output", &bundle];
    scene.entracte.run(&made).code(0);
    let pinned = ["--digest", &scene.digest];
    for (from, more) in [
        (reference.to_str().unwrap().to_owned(), &[&pinned[..], &["--version", "2"]].concat()[..]),
        (bundle, &pinned[..]),
        (format!("{}shop.tar", scene.url()), &["--version", "2"][..]),
    ] {
        let dry = [&["init", &scene.root, "--dry-run", "--release", &from][..], more].concat();
        let found = scene.entracte.json(&dry).code(0);
        assert_eq!(
            (&found["version"], &found["counts"]["modified"]),
            (&"2".into(), &0.into()),
            "{from}: {found:#}"
        );
    }
}

#[test]
fn a_reference_is_compared_as_the_site_on_the_other_side_trusts_it() {
    let scene = Scene::new();
    scene.adopt();
    let trust = scene.bed.path(".entracte-site/trust");
    let before = whole(&trust);
    assert!(!before.is_empty());
    let (same, url) = (format!("{}#2", scene.url()), scene.url());
    let found = scene.entracte.json(&["compare", &scene.root, &same, "--files"]).code(0);
    assert_eq!((&found["b"], &found["files"]["different"]), (&same.clone().into(), &serde_json::json!([])));
    let found = scene.entracte.json(&["compare", &url, &scene.root]);
    assert_eq!(found.exit, 7, "{:#}", found.error);
    assert_eq!(found.result["files"]["only_a"], serde_json::json!(["only-in-3.php"]));
    assert!(found.result["a"].as_str().unwrap().ends_with("#3"), "{}", found.result["a"]);
    assert!(whole(&trust) == before, "a comparison wrote into the site's trust");
}

#[test]
fn a_reference_that_nobody_trusts_is_not_compared() {
    let scene = Scene::new();
    let url = scene.url();
    let refused = scene.entracte.json(&["compare", &scene.root, &url]);
    assert_eq!(refused.exit, 9, "{:#}", refused.error);
    let command = format!("`entracte compare {} {url} --digest {}`", scene.root, scene.digest);
    assert!(refused.error["hints"].to_string().contains(&command), "{:#}", refused.error);
    let two = format!("{url}#2");
    scene.entracte.json(&["compare", &scene.root, &two, "--digest", &scene.digest]).code(0);
    let folder = format!("{}#2", scene.bed.reference().display());
    scene.entracte.json(&["compare", &folder, &two, "--digest", &scene.digest]).code(0);
    scene.entracte.json(&["compare", &scene.root, &format!("{url}x.zip"), "--files"]).refused(1);
    scene.entracte.json(&["compare", &scene.root, &scene.root, "--digest", &scene.digest]).refused(2);
}
