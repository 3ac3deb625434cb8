//! A real WordPress as its vendor offers it.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;
use serde_json::json;

use crate::market::Market;
use crate::market::set;
use crate::support::releases;
use crate::support::run::Entracte;

const FEED: &str = "api.wordpress.org/core/version-check/1.7/";

struct Press {
    folder: tempfile::TempDir,
    market: Market,
    entracte: Entracte,
    archive: Vec<u8>,
    /// The version of the archive.
    new: String,
    /// Where it stands.
    address: String,
}

impl Press {
    /// A site that looks like the old version, of which no more is needed to stage.
    fn new() -> Press {
        let folder = tempfile::Builder::new().prefix("entracte-vendors-").tempdir_in("/tmp").unwrap();
        let (old, site) = (releases::tree("wordpress-6.1"), folder.path().join("parent/site"));
        for name in ["wp-includes/version.php", "wp-load.php", "wp-admin/includes/upgrade.php"] {
            fs::create_dir_all(site.join(name).parent().unwrap()).unwrap();
            fs::copy(old.folder.join(name), site.join(name)).unwrap();
        }
        let entracte = Entracte::new(&site);
        entracte.json(&["init", site.to_str().unwrap()]).code(0);
        let archive = fs::read(releases::archive("wordpress-6.8.zip")).unwrap();
        let new = releases::tree("wordpress-6.8").version;
        let address = format!("downloads.wordpress.org/release/wordpress-{new}.zip");
        let press = Press { folder, market: Market::open(), entracte, archive, new, address };
        press.market.put(FEED, &feed(&["99.0.1", &press.new]));
        press.market.put(&press.address, &press.archive);
        press.market.put(&format!("{}.sha1", press.address), sha1(&press.archive).as_bytes());
        press.set("");
        press
    }

    fn state(&self) -> PathBuf {
        self.folder.path().join("parent/.entracte-site")
    }

    fn set(&self, more: &str) {
        set(&self.state(), &self.market.settings(more));
    }

    fn origin(&self) -> Value {
        serde_json::from_slice(&fs::read(self.state().join("staging/release.json")).unwrap()).unwrap()
    }
}

/// As the vendor writes it; the first needs a PHP that there is not.
fn feed(versions: &[&str]) -> Vec<u8> {
    let offer = |version: &&str| {
        let full = format!("https://downloads.wordpress.org/release/wordpress-{version}.zip");
        let php = if version.starts_with("99") { "98.1" } else { "7.2.24" };
        json!({"response": "upgrade", "download": full, "locale": "en_US", "packages": {"full": full, "partial": false},
            "current": version, "version": version, "php_version": php, "partial_version": false})
    };
    json!({"offers": versions.iter().map(offer).collect::<Vec<_>>(), "translations": []})
        .to_string()
        .into_bytes()
}

fn sha1(bytes: &[u8]) -> String {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA1_FOR_LEGACY_USE_ONLY, bytes);
    hex::encode(digest)
}

const STAGE: &[&str] = &["stage", "--from", "vendor"];

#[test]
fn what_is_new_is_told_taken_and_proved() {
    let press = Press::new();
    let told = press.entracte.json(&["check"]).code(7);
    assert_eq!(told["newest"]["version"], *press.new, "{told:#}");
    assert_eq!(told["newest"]["verified"], "sha1");
    assert_eq!(told["newest"]["requires_php"], "7.2.24");
    assert_eq!(told["vendor"], "WordPress.org");
    assert_eq!(told["installed"]["version"], releases::tree("wordpress-6.1").version);
    assert_eq!(told["held_back"][0]["version"], "99.0.1");
    assert!(told["held_back"][0]["why"].as_str().unwrap().starts_with("it needs PHP 98.1, and here is "));
    let asked = press.market.asked();
    assert!(asked[0].target.starts_with(&format!("/{FEED}?version=6.1.")), "{}", asked[0].target);
    // The same again is not sent again.
    press.entracte.json(&["check"]).code(7);
    let again = &press.market.asked()[1];
    assert!(again.header("if-none-match").is_some());
    let page = press.entracte.run(&["check"]).code(7).stdout;
    let php = told["php"].as_str().unwrap();
    let readable = page.replace(&press.market.place(), "MIRROR").replace(&format!("is {php}"), "is PHP");
    let old = releases::tree("wordpress-6.1").version;
    let readable = readable.replace(&press.new, "NEW").replace(&old, "OLD");
    insta::assert_snapshot!(readable);

    let staged = press.entracte.json(STAGE).code(0);
    assert_eq!(
        (&staged["version"], &staged["trust"], &staged["requests"]),
        (&json!(press.new), &json!("none"), &json!(3))
    );
    let notes = staged["notes"].to_string();
    assert!(notes.contains("has the SHA-1") && notes.contains("accidents, not attackers"), "{notes}");
    assert!(press.origin()["source"].as_str().unwrap().starts_with("WordPress.org (http://127.0.0.1:"));
    let plan = press.entracte.json(&["plan"]).result;
    assert!(plan["checks"].to_string().contains("nobody vouches for it"), "{:#}", plan["checks"]);
}

#[test]
fn what_is_wrong_is_refused_and_what_was_staged_stays() {
    let press = Press::new();
    press.entracte.json(STAGE).code(0);
    let before = press.origin();
    let digest = format!("{}.sha1", press.address);
    press.market.put(&digest, sha1(b"another").as_bytes());
    let refused = press.entracte.json(STAGE).refused(9);
    assert!(refused.contains("has the SHA-1"), "{refused}");
    let rests = fs::read_dir(press.state().join("staging/download")).unwrap().count();
    assert_eq!(rests, 0, "what is refused is not kept");
    press.market.put(&digest, b"<html>busy</html>");
    press.entracte.json(STAGE).refused(1);
    press.market.put(&digest, sha1(&press.archive).as_bytes());
    // An old archive under a new name, its digest and all.
    let newer = "downloads.wordpress.org/release/wordpress-6.8.99.zip";
    press.market.put(FEED, &feed(&["6.8.99"]));
    press.market.put(newer, &press.archive);
    let refused = press.entracte.json(STAGE).refused(9);
    assert!(
        refused.contains(&format!("6.8.99 was offered, but the release says that it is {}", press.new)),
        "{refused}"
    );
    for (bytes, most) in
        [(feed(&[&press.new]), 40), (b"{\"offers\": [".to_vec(), 999), (b"<html>".to_vec(), 999)]
    {
        press.market.put_cut(FEED, &bytes, most);
        press.entracte.json(STAGE).refused(1);
        press.entracte.json(&["check"]).refused(1);
    }
    press.market.remove(FEED);
    press.entracte.json(&["check"]).refused(1);
    assert_eq!(press.origin(), before);
}

#[test]
fn settings_say_what_is_not_left() {
    let press = Press::new();
    press.set("pin = \"6.1\"");
    let told = press.entracte.json(&["check"]).code(0);
    assert_eq!((&told["newest"], told["held_back"].as_array().unwrap().len()), (&Value::Null, 2), "{told:#}");
    let refused = press.entracte.json(STAGE).refused(3);
    assert!(refused.contains("offers nothing for this site that is newer"), "{refused}");
    press.entracte.json(&[STAGE, &["--version", &press.new]].concat()).refused(5);
    press.set("");
    // What no feed lists is found by its name.
    press.market.put(FEED, &feed(&[]));
    press.entracte.json(&["check"]).code(0);
    press.entracte.json(&[STAGE, &["--version", &press.new]].concat()).code(0);
    press.entracte.json(&[STAGE, &["--version", "6.8.98"]].concat()).refused(1);
    press.entracte.json(&[STAGE, &["--version", "../x"]].concat()).refused(5);
    let all_by_the_mirror = press.market.asked().iter().all(|asked| asked.target.contains(".wordpress.org/"));
    assert!(all_by_the_mirror);
}
