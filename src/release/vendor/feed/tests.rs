use super::*;
use crate::site::profile::DigestName;
use crate::site::profile::Profile;
use crate::site::settings::Channel;

fn context(profile: &Profile) -> Context<'_> {
    let file = profile.vendor.as_ref().and_then(|vendor| vendor.file.as_deref());
    Context { file, locale: "en_US" }
}

fn read_as(name: &str, bytes: &[u8]) -> Result<Vec<Offer>, FeedError> {
    let profile = Profile::named(name).unwrap();
    read(profile.vendor.as_ref().unwrap().format, &context(&profile), bytes)
}

fn fixture(name: &str) -> Vec<u8> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/vendors");
    crate::sys::fs::read(&std::path::Path::new(folder).join(name)).unwrap()
}

/// The applications that have a vendor, and a feed of each.
const FEEDS: [(&str, &str); 6] = [
    ("wordpress", "wordpress-offers.json"),
    ("nextcloud", "nextcloud-next.xml"),
    ("dokuwiki", "dokuwiki-kinds.json"),
    ("mediawiki", "mediawiki-tags.json"),
    ("roundcube", "roundcube-releases.json"),
    ("tiki", "tiki-files.rss"),
];

fn versions(offers: &[Offer]) -> Vec<&str> {
    offers.iter().map(|offer| offer.version.as_str()).collect()
}

#[test]
fn wordpress_offers_the_newest_of_each_branch() {
    let offers = read_as("wordpress", &fixture("wordpress-offers.json")).unwrap();
    assert_eq!(versions(&offers), ["7.1.4", "7.2-beta1", "6.8.7"]);
    let archive = |offer: &Offer| offer.archive.as_ref().unwrap().to_string();
    assert_eq!(archive(&offers[0]), "https://downloads.wordpress.org/release/wordpress-7.1.4.zip");
    assert_eq!((offers[0].requires_php.as_deref(), offers[0].channel), (Some("7.4"), Channel::Stable));
    assert_eq!(offers[1].channel, Channel::Testing);
    let german = Context { file: None, locale: "de_DE" };
    let offers = read(FeedFormat::Wordpress, &german, &fixture("wordpress-offers.json")).unwrap();
    assert_eq!(archive(&offers[0]), "https://downloads.wordpress.org/release/de_DE/wordpress-7.1.4.zip");
}

#[test]
fn nextcloud_offers_one_signed_version() {
    let offers = read_as("nextcloud", &fixture("nextcloud-next.xml")).unwrap();
    assert_eq!(versions(&offers), ["31.0.9"]);
    let offer = &offers[0];
    assert!(
        matches!(&offer.signature, Some(crate::release::vendor::offer::Signature::Rsa(bytes)) if bytes.len() == 256)
    );
    assert_eq!(offer.end_of_life.as_deref(), Some("2026-02-25"));
    assert!(offer.notes_url.is_some() && offer.archive.is_some());
    assert_eq!(read_as("nextcloud", b"").unwrap(), [], "no update");
    let beta = String::from_utf8(fixture("nextcloud-next.xml")).unwrap().replace("31.0.9<", "35.0.0 beta 4<");
    let offers = read_as("nextcloud", beta.as_bytes()).unwrap();
    assert_eq!((versions(&offers), offers[0].channel), (vec!["35.0.0beta4"], Channel::Testing));
}

#[test]
fn dokuwiki_offers_what_is_released() {
    let offers = read_as("dokuwiki", &fixture("dokuwiki-kinds.json")).unwrap();
    assert_eq!(versions(&offers), ["2025-05-14b", "2024-02-06b"]);
}

#[test]
fn mediawiki_offers_every_tag() {
    let offers = read_as("mediawiki", &fixture("mediawiki-tags.json")).unwrap();
    assert_eq!(versions(&offers), ["1.43.0", "1.43.0-rc.0", "1.43.5", "1.44.2"]);
    assert_eq!(offers[1].channel, Channel::Testing);
}

#[test]
fn roundcube_offers_releases_with_their_digests() {
    let offers = read_as("roundcube", &fixture("roundcube-releases.json")).unwrap();
    assert_eq!(
        versions(&offers),
        ["1.7.4", "1.7-rc1", "1.6.10"],
        "drafts and releases without the file are left out"
    );
    assert_eq!(offers[0].digest.as_ref().unwrap().algorithm, DigestName::Sha256);
    assert!(offers[0].signature.is_some() && offers[0].notes_url.is_some());
    assert_eq!((offers[1].channel, &offers[2].digest), (Channel::Testing, &None));
}

#[test]
fn tiki_offers_the_files_of_its_project() {
    let offers = read_as("tiki", &fixture("tiki-files.rss")).unwrap();
    assert_eq!(versions(&offers), ["29.1", "27.3"]);
    let archive = offers[0].archive.as_ref().unwrap();
    assert_eq!(
        archive.as_str(),
        "https://sourceforge.net/projects/tikiwiki/files/Tiki_29.x_X/29.1/tiki-29.1.tar.gz/download"
    );
    assert_eq!(offers[0].digest.as_ref().unwrap().algorithm, DigestName::Md5);
}

/// Whoever cuts a feed brings nothing in: it is refused, or offers no more than the whole.
#[test]
fn a_feed_that_was_cut_is_refused() {
    for (name, file) in FEEDS {
        let whole = fixture(file);
        let text_end = whole.trim_ascii_end().len();
        for end in (1..text_end).step_by(7) {
            let cut = read_as(name, &whole[..end]);
            assert!(cut.is_err(), "{name} cut at {end}: {cut:?}");
        }
    }
}

#[test]
fn feeds_of_enemies_are_refused_or_offer_nothing() {
    let many: String = (0..=MOST).map(|number| format!("{{\"ref\":\"refs/tags/1.{number}\"}},")).collect();
    let many = format!("[{}]", many.trim_end_matches(','));
    let deep = "[".repeat(100) + &"]".repeat(100);
    for (name, text) in [
        ("wordpress", "<html>busy</html>"),
        ("wordpress", "{\"offers\": 1}"),
        ("wordpress", "{\"offers\": [], \"offers\": []}"),
        ("nextcloud", "<html><body>busy</body></html>"),
        ("nextcloud", "<!DOCTYPE nextcloud SYSTEM \"file:///etc/passwd\"><nextcloud/>"),
        ("nextcloud", "<nextcloud><versionstring>Nextcloud 31.0.9</versionstring></nextcloud>"),
        (
            "nextcloud",
            "<nextcloud><versionstring>Nextcloud 31.0.9</versionstring><url>file:///etc/passwd</url></nextcloud>",
        ),
        ("tiki", "<rss/>"),
        ("mediawiki", "{}"),
        ("mediawiki", many.as_str()),
        ("roundcube", deep.as_str()),
        ("dokuwiki", "[]"),
    ] {
        let found = read_as(name, text.as_bytes());
        assert!(found.is_err(), "{name}: {found:?}");
    }
    for (name, text) in [
        ("wordpress", r#"{"offers": [{"version": "../../x"}, {"version": null}, {}]}"#),
        ("wordpress", r#"{"offers": [{"version": "9.9", "packages": {"full": "file:///etc/passwd"}}]}"#),
        ("wordpress", r#"{"offers": [{"version": "9.9\u001b[2J"}]}"#),
        ("dokuwiki", r#"{"stable": {"date": "2099 x"}, "master": {"date": "2099-01-01"}}"#),
        ("mediawiki", r#"[{"ref": "refs/heads/1.9"}, {"ref": "refs/tags/../1.9"}]"#),
        (
            "roundcube",
            r#"[{"tag_name": "9.9", "assets": [{"name": "x.tar.gz", "browser_download_url": "https://a/x"}]}]"#,
        ),
        (
            "tiki",
            "<rss><channel><item><title>/x/tiki-9.9.zip</title><link>https://a/b</link></item></channel></rss>",
        ),
        (
            "nextcloud",
            "<nextcloud><versionstring>Nextcloud ../9</versionstring><url>https://a/</url></nextcloud>",
        ),
    ] {
        assert_eq!(read_as(name, text.as_bytes()).unwrap(), [], "{name}: {text}");
    }
}

#[test]
fn a_digest_or_signature_of_the_wrong_shape_is_none() {
    let text = String::from_utf8(fixture("roundcube-releases.json")).unwrap();
    for (name, wrong) in [("another kind", "sha512:00"), ("too short", "sha256:00"), ("no text", "")] {
        let text = text.replace(&format!("sha256:{}", "a".repeat(64)), wrong);
        assert_eq!(read_as("roundcube", text.as_bytes()).unwrap()[0].digest, None, "{name}");
    }
    let text = String::from_utf8(fixture("nextcloud-next.xml")).unwrap();
    let (before, behind) = text.split_once("<signature>").unwrap();
    let behind = behind.split_once("</signature>").unwrap().1;
    for wrong in ["", "%%%", "AAA"] {
        let text = format!("{before}<signature>{wrong}</signature>{behind}");
        assert_eq!(read_as("nextcloud", text.as_bytes()).unwrap()[0].signature, None, "{wrong:?}");
    }
}
