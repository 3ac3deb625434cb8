//! Many releases at once: what the versions of a product share is kept once,
//! and a digest leads to every file that has it.

use std::collections::HashMap;
use std::ops::Range;

use jiff::Timestamp;

use crate::base::digest::Sha256;
use crate::base::path::SitePath;
use crate::integrity::manifest::Content;
use crate::integrity::manifest::Manifest;

/// The bit of numbers that count in `Collector::shared`.
const SHARED: u32 = 1 << 31;

/// One file as some releases of a product have it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Entry {
    product: u16,
    pub path: SitePath,
    pub sha256: Sha256,
    pub size: u64,
}

/// One release, by the numbers of its entries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    product: u16,
    pub about: About,
    /// Ascending, so in byte order of their paths.
    files: Vec<u32>,
}

/// What is told of a release besides its files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct About {
    pub product: String,
    pub version: String,
    /// Who built it, where that is not the product's own maker: `Debian 6.8.12+dfsg1-1`.
    pub build: Option<String>,
    pub time: Timestamp,
    pub origin: Origin,
}

/// Whence a release is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// It was named: a manifest, a folder, an archive, a reference.
    Named(String),
    /// It is or was installed at this site.
    Installed,
    /// Its list ships with the program.
    Shipped,
}

impl Origin {
    pub fn name(&self) -> &'static str {
        match self {
            Origin::Named(_) => "named",
            Origin::Installed => "installed",
            Origin::Shipped => "shipped",
        }
    }
}

/// Releases on their way into a catalogue.
#[derive(Debug, Default)]
pub struct Collector {
    products: Vec<String>,
    numbers: HashMap<Entry, u32>,
    /// Those that came once for several releases: no room is needed to find them again.
    shared: Vec<Entry>,
    releases: Vec<Release>,
}

/// All of them, ready to be asked.
#[derive(Debug, Default)]
pub struct Catalogue {
    products: Vec<String>,
    /// In order of product, path and digest.
    entries: Vec<Entry>,
    /// The same by digest.
    by_digest: Vec<u32>,
    releases: Vec<Release>,
}

impl Collector {
    pub fn add_manifest(&mut self, manifest: Manifest, origin: Origin) {
        let about = About {
            product: manifest.product,
            version: manifest.version,
            build: None,
            time: manifest.time,
            origin,
        };
        let files = manifest.files.into_iter().filter_map(|entry| match entry.content {
            Content::File { size, sha256, .. } => Some((entry.path, size, sha256)),
            Content::Link { .. } | Content::Folder => None,
        });
        self.add(about, files);
    }

    /// Each path may stand once among the files.
    pub fn add(&mut self, about: About, files: impl IntoIterator<Item = (SitePath, u64, Sha256)>) {
        let product = self.product(&about.product);
        let mut numbers: Vec<u32> =
            files.into_iter().map(|(path, size, sha256)| self.entry(product, path, size, sha256)).collect();
        numbers.sort_unstable();
        self.releases.push(Release { product, about, files: numbers });
    }

    /// Begins several releases of one product whose files stand once; what is
    /// returned is what [`Collector::add_shared`] wants.
    pub fn begin_shared(&mut self, abouts: Vec<About>) -> usize {
        let first = self.releases.len();
        for about in abouts {
            let product = self.product(&about.product);
            self.releases.push(Release { product, about, files: Vec::new() });
        }
        first
    }

    /// One file of those releases that `holders` has a bit of.
    pub fn add_shared(&mut self, first: usize, (path, size, sha256): (SitePath, u64, Sha256), holders: u64) {
        let Some(product) = self.releases.get(first).map(|release| release.product) else { return };
        let number = SHARED | u32::try_from(self.shared.len()).unwrap_or(u32::MAX);
        self.shared.push(Entry { product, path, sha256, size });
        for (bit, release) in self.releases[first..].iter_mut().enumerate() {
            if holders >> bit & 1 == 1 {
                release.files.push(number);
            }
        }
    }

    fn product(&mut self, name: &str) -> u16 {
        let at = self.products.iter().position(|known| known == name).unwrap_or_else(|| {
            self.products.push(name.to_owned());
            self.products.len() - 1
        });
        u16::try_from(at).unwrap_or(u16::MAX)
    }

    fn entry(&mut self, product: u16, path: SitePath, size: u64, sha256: Sha256) -> u32 {
        let next = u32::try_from(self.numbers.len()).unwrap_or(u32::MAX);
        *self.numbers.entry(Entry { product, path, sha256, size }).or_insert(next)
    }

    pub fn finish(self) -> Catalogue {
        let mut now = [vec![0; self.numbers.len()], vec![0; self.shared.len()]];
        let shared = self.shared.into_iter().zip(SHARED..);
        let mut numbered: Vec<(Entry, u32)> = self.numbers.into_iter().chain(shared).collect();
        numbered.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        let mut entries: Vec<Entry> = Vec::with_capacity(numbered.len());
        for (entry, before) in numbered {
            if entries.last() != Some(&entry) {
                entries.push(entry);
            }
            now[usize::from(before >= SHARED)][(before & !SHARED) as usize] = entries.len() as u32 - 1;
        }
        let mut releases = self.releases;
        for release in &mut releases {
            for number in &mut release.files {
                *number = now[usize::from(*number >= SHARED)][(*number & !SHARED) as usize];
            }
            release.files.sort_unstable();
            release.files.dedup();
            release.files.shrink_to_fit();
        }
        let mut by_digest: Vec<u32> = (0..entries.len() as u32).collect();
        by_digest.sort_unstable_by_key(|number| entries[*number as usize].sha256);
        Catalogue { products: self.products, entries, by_digest, releases: without_doubles(releases) }
    }
}

/// The same version with the same files, known from two places, is one release.
fn without_doubles(releases: Vec<Release>) -> Vec<Release> {
    let mut kept: Vec<Release> = Vec::with_capacity(releases.len());
    for release in releases {
        let is_known = |known: &Release| {
            known.product == release.product
                && known.about.version == release.about.version
                && known.files == release.files
        };
        if !kept.iter().any(is_known) {
            kept.push(release);
        }
    }
    kept
}

impl Catalogue {
    pub fn releases(&self) -> &[Release] {
        &self.releases
    }

    pub fn is_empty(&self) -> bool {
        self.releases.is_empty()
    }

    pub(super) fn products(&self) -> usize {
        self.products.len()
    }

    /// The releases of one product, by their numbers.
    pub(super) fn releases_of(&self, product: u16) -> impl Iterator<Item = usize> + '_ {
        let own = move |release: &&Release| release.product == product;
        (0..self.releases.len()).filter(move |number| own(&&self.releases[*number]))
    }

    pub fn entry(&self, number: u32) -> &Entry {
        &self.entries[number as usize]
    }

    /// The numbers of all entries of a product, in byte order of their paths.
    pub(super) fn entries_of(&self, product: u16) -> Range<usize> {
        let start = self.entries.partition_point(|entry| entry.product < product);
        start..start + self.entries[start..].partition_point(|entry| entry.product == product)
    }

    /// The entries that have this content.
    pub(super) fn with_digest(&self, digest: &Sha256) -> &[u32] {
        let of = |number: &u32| self.entries[*number as usize].sha256;
        let start = self.by_digest.partition_point(|number| of(number) < *digest);
        let rest = &self.by_digest[start..];
        &rest[..rest.partition_point(|number| of(number) == *digest)]
    }
}

impl Entry {
    pub(super) fn product(&self) -> u16 {
        self.product
    }
}

impl Release {
    /// The numbers of its entries, ascending.
    pub fn files(&self) -> &[u32] {
        &self.files
    }

    pub fn holds(&self, number: u32) -> bool {
        self.files.binary_search(&number).is_ok()
    }
}

impl About {
    /// For people: `wordpress 6.8.12 as packaged by Debian (6.8.12+dfsg1-1)`.
    pub fn title(&self) -> String {
        match self.build.as_deref().map(|build| build.split_once(' ').unwrap_or((build, ""))) {
            None => format!("{} {}", self.product, self.version),
            Some((who, "")) => format!("{} {} as packaged by {who}", self.product, self.version),
            Some((who, number)) => {
                format!("{} {} as packaged by {who} ({number})", self.product, self.version)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, text: &str) -> (SitePath, u64, Sha256) {
        (SitePath::parse(path).unwrap(), text.len() as u64, Sha256::of(text.as_bytes()))
    }

    fn about(product: &str, version: &str) -> About {
        About {
            product: product.into(),
            version: version.into(),
            build: None,
            time: Timestamp::UNIX_EPOCH,
            origin: Origin::Shipped,
        }
    }

    #[test]
    fn what_is_shared_stands_once_and_is_found_by_its_content() {
        let mut collector = Collector::default();
        collector.add(about("shop", "1"), [file("b", "same"), file("a", "old")]);
        collector.add(about("shop", "2"), [file("a", "new"), file("b", "same"), file("c/b", "same")]);
        collector.add(about("other", "1"), [file("b", "same")]);
        let first = collector.begin_shared(vec![about("shop", "3"), about("shop", "4")]);
        collector.add_shared(first, file("b", "same"), 3);
        collector.add_shared(first, file("a", "four"), 2);
        collector.add(about("shop", "1"), [file("a", "old"), file("b", "same")]);
        let catalogue = collector.finish();
        assert_eq!(catalogue.releases().len(), 5, "the same release twice");
        assert_eq!(catalogue.entries_of(0).len(), 5);
        let counts: Vec<usize> = catalogue.releases().iter().map(|release| release.files().len()).collect();
        assert_eq!(counts, [2, 3, 1, 1, 2]);
        assert_eq!(catalogue.entries_of(1).len(), 1);
        let paths: Vec<(u16, &str)> = catalogue
            .with_digest(&Sha256::of(b"same"))
            .iter()
            .map(|number| (catalogue.entry(*number).product(), catalogue.entry(*number).path.as_str()))
            .collect();
        assert_eq!(paths.len(), 3);
        assert!(paths.contains(&(0, "c/b")) && paths.contains(&(1, "b")));
        assert!(catalogue.with_digest(&Sha256::of(b"unknown")).is_empty());
        for release in catalogue.releases() {
            let paths: Vec<&SitePath> =
                release.files().iter().map(|number| &catalogue.entry(*number).path).collect();
            assert!(paths.is_sorted());
        }
    }
}
