//! What is fuzzed: everything that reads bytes which others wrote. Each target
//! takes any bytes and must neither panic nor contradict itself.
//!
//! `cargo fuzz run NAME` uses them, and so does the bounded run in `./test`.

use std::path::Path;

use entracte::base::path::SitePath;
use entracte::base::pattern::Patterns;
use entracte::database::lexer;
use entracte::database::lexer::Dialect;
use entracte::integrity::list;
use entracte::integrity::list::Format;
use entracte::integrity::list::certificate;
use entracte::integrity::manifest::Manifest;
use entracte::release::archive::Archive;
use entracte::release::archive::Limits;
use entracte::release::vendor::feed;
use entracte::release::yacs::list::List;
use entracte::site::extension;
use entracte::site::profile::FeedFormat;
use entracte::site::settings::Settings;
use entracte::update::journal;

/// Whether the bytes were taken as what they should be.
pub type Target = fn(&[u8]) -> bool;

#[allow(dead_code, reason = "cargo fuzz names the one that it runs")]
pub const ALL: [(&str, Target); 20] = [
    ("manifest", manifest),
    ("journal", journal),
    ("archive", archive),
    ("sql", sql),
    ("path", path),
    ("hooks", hooks),
    ("extension", extension_file),
    ("settings", settings),
    ("footprints", footprints),
    ("list_footprints", list_footprints),
    ("list_secdb", list_secdb),
    ("list_signature", list_signature),
    ("list_sums", list_sums),
    ("list_wordpress", list_wordpress),
    ("feed_dokuwiki", feed_dokuwiki),
    ("feed_github_refs", feed_github_refs),
    ("feed_github_releases", feed_github_releases),
    ("feed_nextcloud", feed_nextcloud),
    ("feed_sourceforge", feed_sourceforge),
    ("feed_wordpress", feed_wordpress),
];

/// What is taken is written as it was read.
pub fn manifest(bytes: &[u8]) -> bool {
    let Ok(manifest) = Manifest::parse(bytes) else { return false };
    let again = Manifest::parse(&manifest.to_json()).expect("a manifest that was read can be written");
    assert!(again == manifest, "a manifest changes by being written");
    true
}

/// The same lines leave a run where it stands.
pub fn journal(bytes: &[u8]) -> bool {
    let path = Path::new("journal.jsonl");
    let Ok((records, standing)) = journal::parse(path, bytes) else { return false };
    let again: Vec<u8> = records.iter().flat_map(line).collect();
    let (_, twice) = journal::parse(path, &again).expect("a journal that was read can be written");
    assert!(standing == twice, "a journal changes by being written");
    true
}

fn line(record: &journal::Record) -> Vec<u8> {
    let mut line = entracte::base::json::line(record).expect("a record that was read can be written");
    line.push(b'\n');
    line
}

/// What is taken has clean paths and reads the same a second time.
pub fn archive(bytes: &[u8]) -> bool {
    let mut file = std::env::temp_dir();
    file.push(format!("entracte-fuzz-{}-{:?}", std::process::id(), std::thread::current().id()));
    std::fs::write(&file, bytes).expect("the temporary folder can be written");
    let limits = Limits { total_bytes: 16 << 20, file_bytes: 8 << 20, entries: 2000, ..Limits::default() };
    let opened = Archive::open(&file, &limits);
    if let Ok(archive) = &opened {
        assert!(archive.members().iter().all(|member| path(member.path.as_str().as_bytes())));
        archive.each(&mut |_, _| Ok(())).expect("an archive that was judged reads the same again");
    }
    let _ = std::fs::remove_file(&file);
    opened.is_ok()
}

/// Statements are pieces of the text, in their order.
pub fn sql(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    let _ = lexer::is_compound(&text);
    let taken = [Dialect::MySql, Dialect::Sqlite].map(|dialect| {
        let Ok(statements) = lexer::split(&text, dialect) else { return false };
        let lines: Vec<usize> = statements.iter().map(|statement| statement.line).collect();
        assert!(lines.is_sorted() && statements.iter().all(|statement| !statement.text.is_empty()));
        true
    });
    taken.contains(&true)
}

pub fn path(bytes: &[u8]) -> bool {
    let Ok(path) = SitePath::parse_bytes(bytes) else { return false };
    let text = path.as_str();
    let is_plain = |part: &str| !matches!(part, "" | "." | "..") && part.len() <= 255;
    assert!(text.split('/').all(is_plain) && text.len() <= 1024, "{text:?}");
    assert!(!text.contains(['\\', '\0', '\n', '\r', '\x1b']), "{text:?}");
    assert!(!text.starts_with(".entracte-") && !text.starts_with(".entracte/"), "{text:?}");
    true
}

pub fn hooks(bytes: &[u8]) -> bool {
    find("shared/hook.php", bytes)
}

pub fn extension_file(bytes: &[u8]) -> bool {
    find("mail/extension.toml", bytes)
}

fn find(name: &str, bytes: &[u8]) -> bool {
    let path = SitePath::parse(name).expect("a plain name");
    let patterns = Patterns::new(["**/hook.php", "**/extension.toml"]).expect("plain patterns");
    let found = extension::find([&path].into_iter(), &patterns, &|_| Some(bytes.to_vec()), &|_| false);
    assert!(found.extensions.iter().all(|one| !one.id.is_empty() && one.source == path));
    !found.extensions.is_empty()
}

/// What is taken has clean paths, and a version and a time or none.
pub fn footprints(bytes: &[u8]) -> bool {
    let Ok(list) = List::parse(bytes, &Limits::default()) else { return false };
    assert!(list.files.keys().all(|file| path(file.as_str().as_bytes())));
    assert!(list.version().is_none_or(|version| (1..=64).contains(&version.len())));
    let _ = list.time();
    true
}

pub fn list_footprints(bytes: &[u8]) -> bool {
    a_list(bytes, Format::Footprints)
}

pub fn list_secdb(bytes: &[u8]) -> bool {
    a_list(bytes, Format::Secdb)
}

/// Whoever signed it, nobody signed what is bent.
pub fn list_signature(bytes: &[u8]) -> bool {
    let _ = certificate::signer(bytes, bytes);
    a_list(bytes, Format::Signature)
}

pub fn list_sums(bytes: &[u8]) -> bool {
    a_list(bytes, Format::Sums)
}

pub fn list_wordpress(bytes: &[u8]) -> bool {
    a_list(bytes, Format::WordPress)
}

/// What is taken has clean paths, a digest of each, and says the same where it
/// can be written.
fn a_list(bytes: &[u8], format: Format) -> bool {
    let _ = list::parse(bytes, None);
    let Ok(read) = list::parse(bytes, Some(format)) else { return false };
    assert!(read.files.keys().all(|file| path(file.as_str().as_bytes())));
    assert!(read.files.values().all(|listed| !listed.digests.is_empty()));
    if let Ok(written) = read.write(format, jiff::Timestamp::UNIX_EPOCH) {
        let again = list::parse(&written, Some(format)).expect("a list that was read can be written");
        assert!(again.files.keys().eq(read.files.keys()), "a list changes by being written");
    }
    true
}

pub fn settings(bytes: &[u8]) -> bool {
    let settings = Settings::parse(Path::new("entracte.toml"), &String::from_utf8_lossy(bytes));
    settings.is_ok_and(|settings| settings.format == 1)
}

pub fn feed_dokuwiki(bytes: &[u8]) -> bool {
    offers(FeedFormat::Dokuwiki, bytes)
}

pub fn feed_github_refs(bytes: &[u8]) -> bool {
    offers(FeedFormat::GithubRefs, bytes)
}

pub fn feed_github_releases(bytes: &[u8]) -> bool {
    offers(FeedFormat::GithubReleases, bytes)
}

pub fn feed_nextcloud(bytes: &[u8]) -> bool {
    offers(FeedFormat::Nextcloud, bytes)
}

pub fn feed_sourceforge(bytes: &[u8]) -> bool {
    offers(FeedFormat::Sourceforge, bytes)
}

pub fn feed_wordpress(bytes: &[u8]) -> bool {
    offers(FeedFormat::Wordpress, bytes)
}

/// What a vendor offers has a plain version, and an address of the network or none.
fn offers(format: FeedFormat, bytes: &[u8]) -> bool {
    let context = feed::Context { file: Some("file-{version}.tar.gz"), locale: "en_US" };
    let Ok(offers) = feed::read(format, &context, bytes) else { return false };
    for offer in &offers {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || ".-_+~".contains(c);
        assert!(offer.version.chars().all(is_plain) && (1..=64).contains(&offer.version.len()));
        let urls = offer.archive.iter().chain(&offer.notes_url);
        assert!(
            urls.into_iter().all(|url| ["http", "https"].contains(&url.scheme()) && url.password().is_none())
        );
        assert!(offer.digest.iter().all(|digest| digest.hex.chars().all(|c| c.is_ascii_hexdigit())));
    }
    !offers.is_empty()
}
