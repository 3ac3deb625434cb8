//! Lists of public releases that ship with the program, so that it knows
//! something on the first day. `manifests/make` makes them; `docs/identify.md`
//! tells their format and whence they come.

use std::io::Read;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::base::digest::Sha256;
use crate::base::exit::Fault;
use crate::base::path::SitePath;
use crate::integrity::catalogue::About;
use crate::integrity::catalogue::Collector;
use crate::integrity::catalogue::Origin;

const EMBEDDED: [(&str, &[u8]); 4] = [
    ("dokuwiki", include_bytes!("../../manifests/releases/dokuwiki.tsv.zst")),
    ("mediawiki", include_bytes!("../../manifests/releases/mediawiki.tsv.zst")),
    ("roundcube", include_bytes!("../../manifests/releases/roundcube.tsv.zst")),
    ("wordpress", include_bytes!("../../manifests/releases/wordpress.tsv.zst")),
];
/// No list of ours is longer when it is unpacked.
const MOST_BYTES: u64 = 64 << 20;

#[derive(Debug, thiserror::Error)]
pub enum ShippedError {
    #[error("the list of {product} that ships with this program cannot be unpacked")]
    Packed {
        product: &'static str,
        #[source]
        source: std::io::Error,
    },
    #[error("line {line} of the list of {product} that ships with this program cannot be understood")]
    Line { product: &'static str, line: usize },
}

impl Fault for ShippedError {}

/// Adds what is known of all products, or of one.
pub fn add_to(collector: &mut Collector, only: Option<&str>) -> Result<(), ShippedError> {
    for (product, packed) in EMBEDDED.into_iter().filter(|(name, _)| only.is_none_or(|only| only == *name)) {
        let (abouts, files) = read(product, packed)?;
        collector.add_shared(abouts, files);
    }
    Ok(())
}

/// A path with size and digest, and the releases that have it, by bits.
type Shared = (SitePath, u64, Sha256, u64);

fn read(product: &'static str, packed: &[u8]) -> Result<(Vec<About>, Vec<Shared>), ShippedError> {
    let mut text = String::new();
    zstd::stream::read::Decoder::new(packed)
        .and_then(|reader| reader.take(MOST_BYTES).read_to_string(&mut text))
        .map_err(|source| ShippedError::Packed { product, source })?;
    let (mut builder, mut abouts, mut files) = (None, Vec::new(), Vec::with_capacity(text.len() / 120));
    for (number, line) in text.lines().enumerate() {
        let wrong = || ShippedError::Line { product, line: number + 1 };
        let fields: Vec<&str> = line.split('\t').collect();
        match fields[..] {
            ["known", "1", name, by] if number == 0 && name == product => builder = Some(by),
            ["release", version, build, day, _] => {
                let by = builder.ok_or_else(wrong)?;
                abouts.push(About {
                    product: product.into(),
                    version: version.into(),
                    build: Some(format!("{by} {build}")),
                    time: day_begins(day).ok_or_else(wrong)?,
                    origin: Origin::Shipped,
                });
            }
            [path, size, digest, holders] if !abouts.is_empty() => {
                let holders = holders.parse::<u64>().ok().filter(|bits| *bits != 0 && *bits >> abouts.len() == 0);
                files.push((
                    SitePath::parse(path).map_err(|_| wrong())?,
                    size.parse().map_err(|_| wrong())?,
                    digest.parse().map_err(|_| wrong())?,
                    holders.ok_or_else(wrong)?,
                ));
            }
            _ => return Err(wrong()),
        }
    }
    Ok((abouts, files))
}

fn day_begins(day: &str) -> Option<Timestamp> {
    let day: Date = day.parse().ok()?;
    Some(day.to_zoned(TimeZone::UTC).ok()?.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::site::profile::Profile;

    #[test]
    fn every_list_is_whole_and_of_an_application_that_is_known() {
        for (product, packed) in EMBEDDED {
            let (abouts, files) = read(product, packed).unwrap();
            let profile = Profile::named(product).unwrap();
            assert!(abouts.len() > 3, "{product}");
            for (bit, about) in abouts.iter().enumerate() {
                let own = || files.iter().filter(|file| file.3 >> bit & 1 == 1);
                let mut paths: Vec<&SitePath> = own().map(|file| &file.0).collect();
                assert!(paths.len() > 1500, "{}", about.title());
                // How the application is detected is met by what is listed.
                assert!(profile.detect.iter().all(|path| paths.contains(&path)), "{}", about.title());
                paths.sort();
                let count = paths.len();
                paths.dedup();
                assert_eq!(paths.len(), count, "{}: a path stands twice", about.title());
            }
        }
    }

    #[test]
    fn what_is_damaged_is_told_by_its_line() {
        let packed = |text: &str| zstd::stream::encode_all(text.as_bytes(), 1).unwrap();
        let digest = Sha256::of(b"x");
        let head = "known\t1\tdokuwiki\tDebian\nrelease\t1\t1-1\t2026-11-22\ta.deb x\n";
        assert_eq!(read("dokuwiki", &packed(&format!("{head}a\t1\t{digest}\t1\n"))).unwrap().1.len(), 1);
        for (text, at) in [
            (format!("{head}../a\t1\t{digest}\t1\n"), 3),
            (format!("{head}a\t1\t{digest}\t2\n"), 3),
            (format!("{head}a\t1\t{digest}\t0\n"), 3),
            (format!("{head}a\t-1\t{digest}\t1\n"), 3),
            (format!("{head}a\t1\tabc\t1\n"), 3),
            (head.replace("2026-11-22", "yesterday"), 2),
            (head.replace("dokuwiki", "other"), 1),
        ] {
            let found = read("dokuwiki", &packed(&text));
            assert!(matches!(found, Err(ShippedError::Line { line, .. }) if line == at), "{text}");
        }
        assert!(matches!(read("dokuwiki", b"no zstd"), Err(ShippedError::Packed { .. })));
    }
}
