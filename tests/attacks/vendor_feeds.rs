//! The lists of vendors, with many that are nearly right.

use std::fs;
use std::path::Path;

use crate::fuzz::JSON;
use crate::fuzz::feed;

const XML: &[&[u8]] = &[
    b"<",
    b"</",
    b">",
    b"/>",
    b"<![CDATA[",
    b"]]>",
    b"<!--",
    b"-->",
    b"<?",
    b"?>",
    b"<!DOCTYPE",
    b"&lt;",
    b"&#x41;",
    b"&x;",
    b"\"",
    b"='",
    b"<item>",
    b"</item>",
    b"https://a/",
    b"\xff",
];

fn fixture(name: &str, file: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/vendors").join(name);
    let text = fs::read_to_string(path).unwrap();
    // The harness knows one name of a file for all.
    text.replace(file, "file-").replace("-complete.tar.gz", ".tar.gz").into_bytes()
}

#[test]
fn json_of_wordpress() {
    feed("feed_wordpress", &[fixture("wordpress-offers.json", "wordpress-")], JSON, 20_000);
}

#[test]
fn json_of_dokuwiki() {
    feed("feed_dokuwiki", &[fixture("dokuwiki-kinds.json", "dokuwiki-")], JSON, 40_000);
}

#[test]
fn json_of_github() {
    feed("feed_github_refs", &[fixture("mediawiki-tags.json", "mediawiki-")], JSON, 20_000);
    feed("feed_github_releases", &[fixture("roundcube-releases.json", "roundcubemail-")], JSON, 10_000);
}

#[test]
fn xml_of_nextcloud() {
    feed("feed_nextcloud", &[fixture("nextcloud-next.xml", "nextcloud-")], XML, 40_000);
}

#[test]
fn xml_of_sourceforge() {
    feed("feed_sourceforge", &[fixture("tiki-files.rss", "tiki-")], XML, 20_000);
}
