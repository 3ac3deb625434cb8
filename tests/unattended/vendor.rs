//! A site that takes what its application's vendor publishes, by itself.

use std::fs;

use serde_json::json;

use crate::alone::Alone;
use crate::market::Market;
use crate::market::set;

const AUTO: &[&str] = &["update", "--auto"];
const FEED: &str = "api.vendor.example/releases";

fn release(version: &str) -> serde_json::Value {
    let name = format!("pages-{version}.tar");
    let url = format!("https://files.vendor.example/{name}");
    json!({"tag_name": version, "assets": [{"name": name, "browser_download_url": url}]})
}

#[test]
fn the_newest_that_the_policy_takes_comes_from_the_vendor() {
    let (alone, market) = (Alone::new("vendor"), Market::open());
    let mut archive = tar::Builder::new(Vec::new());
    archive.append_dir_all("pages-2", &alone.next).unwrap();
    market.put("files.vendor.example/pages-2.tar", &archive.into_inner().unwrap());
    market.put(FEED, json!([release("3"), release("2"), release("1")]).to_string().as_bytes());
    let embedded = include_str!("../../manifests/profiles/generic.toml");
    let vendor = "[vendor]\nname = \"Pages\"\nfeed = \"https://api.vendor.example/releases\"\n\
                  format = \"github-releases\"\nfile = \"pages-{version}.tar\"\n";
    fs::write(alone.state().join("profile.toml"), format!("{embedded}\n{vendor}")).unwrap();
    alone.settings(|settings| {
        settings["policy"]["from"] = toml_edit::value("vendor");
        settings["policy"]["versions"] = toml_edit::value("<3");
        settings["policy"]["trust"] = toml_edit::value("list");
        settings["schedule"]["update"] = toml_edit::value("0 0 1 1 *");
    });
    set(&alone.state(), &market.settings(""));
    // Only TLS would prove it, and the owner wants more.
    let refused = alone.entracte.json(AUTO).refused(5);
    assert!(refused.contains("no published list vouches for it"), "{refused}");
    alone.mails();
    alone.is_old("nobody vouches for it");
    alone.settings(|settings| settings["policy"]["trust"] = toml_edit::value("none"));
    alone.entracte.json(AUTO).code(0);
    alone.is_new("the vendor published it");
    let refused = alone.entracte.json(AUTO).refused(3);
    assert!(refused.contains("Pages offers nothing for this site that is newer than 2"), "{refused}");
    assert!(!market.asked().iter().any(|asked| asked.target.contains("pages-3")));
    // A vendor that is not understood is told of.
    alone.mails();
    market.put(FEED, b"<html>");
    alone.entracte.json(AUTO).refused(1);
    alone.one_mail(&["cannot be understood"]);
}
