//! Lists of public releases that ship with the program, so that it knows
//! something on the first day. `manifests/make` makes them; `docs/identify.md`
//! tells their format and whence they come.

use std::io::BufRead;
use std::io::BufReader;
use std::io::Read;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

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
        read(product, packed, collector)?;
    }
    Ok(())
}

/// Line by line, since the whole text is many times what it tells.
fn read(product: &'static str, packed: &[u8], collector: &mut Collector) -> Result<(), ShippedError> {
    let damaged = |source| ShippedError::Packed { product, source };
    let reader = zstd::stream::read::Decoder::new(packed).map_err(damaged)?;
    let (mut builder, mut abouts, mut first) = (None, Vec::new(), None);
    for (number, line) in BufReader::new(reader.take(MOST_BYTES)).lines().enumerate() {
        let line = line.map_err(damaged)?;
        let wrong = || ShippedError::Line { product, line: number + 1 };
        let fields: Vec<&str> = line.split('\t').collect();
        match fields[..] {
            ["known", "1", name, by] if number == 0 && name == product => builder = Some(by.to_owned()),
            ["release", version, build, day, _] if first.is_none() => {
                let by = builder.as_ref().ok_or_else(wrong)?;
                abouts.push(About {
                    product: product.into(),
                    version: version.into(),
                    build: Some(format!("{by} {build}")),
                    time: day_begins(day).ok_or_else(wrong)?,
                    origin: Origin::Shipped,
                });
            }
            [path, size, digest, holders] if !abouts.is_empty() => {
                let first = *first.get_or_insert_with(|| collector.begin_shared(abouts.clone()));
                let holders: Option<u64> = holders.parse().ok();
                let holders = holders.filter(|bits| *bits != 0 && *bits >> abouts.len() == 0);
                let path = SitePath::parse(path).map_err(|_| wrong())?;
                let (size, digest) = size.parse().ok().zip(digest.parse().ok()).ok_or_else(wrong)?;
                collector.add_shared(first, (path, size, digest), holders.ok_or_else(wrong)?);
            }
            _ => return Err(wrong()),
        }
    }
    Ok(())
}

fn day_begins(day: &str) -> Option<Timestamp> {
    let day: Date = day.parse().ok()?;
    Some(day.to_zoned(TimeZone::UTC).ok()?.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::digest::Sha256;
    use crate::site::profile::Profile;

    #[test]
    fn every_list_is_whole_and_of_an_application_that_is_known() {
        let mut collector = Collector::default();
        add_to(&mut collector, None).unwrap();
        let catalogue = collector.finish();
        for (product, _) in EMBEDDED {
            let own = catalogue.releases().iter().filter(|release| release.about.product == product);
            assert!(own.count() > 3, "{product}");
        }
        for release in catalogue.releases() {
            let about = &release.about;
            let paths: Vec<&SitePath> =
                release.files().iter().map(|number| &catalogue.entry(*number).path).collect();
            assert!(paths.len() > 1500, "{}", about.title());
            assert!(paths.is_sorted_by(|a, b| a < b), "{}: a path stands twice", about.title());
            // How the application is detected is met by what is listed.
            let profile = Profile::named(&about.product).unwrap();
            let missing: Vec<_> =
                profile.detect.iter().filter(|path| paths.binary_search(path).is_err()).collect();
            assert!(missing.is_empty(), "{}: {missing:?}", about.title());
        }
    }

    #[test]
    fn what_is_damaged_is_told_by_its_line() {
        let packed = |text: &str| zstd::stream::encode_all(text.as_bytes(), 1).unwrap();
        let digest = Sha256::of(b"x");
        let read = |packed: &[u8]| {
            let mut collector = Collector::default();
            read("dokuwiki", packed, &mut collector).map(|()| collector.finish().releases().len())
        };
        let head = "known\t1\tdokuwiki\tDebian\nrelease\t1\t1-1\t2026-11-22\ta.deb x\n";
        assert_eq!(read(&packed(&format!("{head}a\t1\t{digest}\t1\n"))).unwrap(), 1);
        for (text, at) in [
            (format!("{head}../a\t1\t{digest}\t1\n"), 3),
            (format!("{head}a\t1\t{digest}\t2\n"), 3),
            (format!("{head}a\t1\t{digest}\t0\n"), 3),
            (format!("{head}a\t-1\t{digest}\t1\n"), 3),
            (format!("{head}a\t1\tabc\t1\n"), 3),
            (head.replace("2026-11-22", "yesterday"), 2),
            (head.replace("dokuwiki", "other"), 1),
        ] {
            assert!(
                matches!(read(&packed(&text)), Err(ShippedError::Line { line, .. }) if line == at),
                "{text}"
            );
        }
        assert!(matches!(read(b"no zstd"), Err(ShippedError::Packed { .. })));
    }
}
