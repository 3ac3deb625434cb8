//! Lists of digests that others publish: which files a release has, and what
//! is in them. They are read as data, never executed, and nobody proved who
//! wrote them. The formats are `docs/lists.md`.

pub mod certificate;
mod detect;
mod diff;
mod digest;
mod error;
pub mod footprints;
mod gather;
mod json;
mod lines;
mod secdb;
mod signature;
mod stand_in;
mod sums;
mod verify;
mod wordpress;
pub mod write;

use std::collections::BTreeMap;
use std::fmt;
use std::io::BufRead;
use std::io::BufReader;
use std::io::Read;
use std::path::Path;

pub use digest::Digest;
pub use digest::Kind;
pub use digest::take as taken;
pub use error::ListError;
pub use error::ReadError;
use serde::Deserialize;
use serde::Deserializer;
pub use verify::Verdict;

use crate::base::path::SitePath;
use crate::integrity::manifest::Content;
use crate::integrity::manifest::Manifest;
use crate::sys::fs;

/// Most files that a list may name.
pub const MAX_FILES: usize = 500_000;
/// Longest line that is read, in bytes.
pub const MAX_LINE: usize = 64 << 10;
/// Largest list of a format that has to be read as a whole, in bytes.
pub const MAX_DOCUMENT: usize = 64 << 20;
/// Read at once; enough to tell the format.
const HEAD_BYTES: usize = 64 << 10;

/// How a list is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// entracte's own manifest.
    Native,
    /// YACS's `footprints.php`.
    Footprints,
    /// Tiki's `secdb` SQL.
    Secdb,
    /// Nextcloud's `signature.json`.
    Signature,
    /// Debian's `md5sums`.
    Md5sums,
    /// The checksum documents of wordpress.org.
    WordPress,
    /// What `sha256sum` and its like write, and the tagged lines of the BSDs.
    Sums,
}

/// Which files there are, and what is known of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HashList {
    pub format: Format,
    pub product: Option<String>,
    pub version: Option<String>,
    pub files: BTreeMap<SitePath, Listed>,
    /// What was left out, or should be known.
    pub warnings: Vec<Warning>,
}

/// What a list says of one file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listed {
    pub size: Option<u64>,
    /// In order. Of each kind, one has to fit.
    pub digests: Vec<Digest>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// From 1; 0 where no line can be named.
    pub line: u64,
    pub text: String,
}

/// What a file may hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Document {
    Manifest(Box<Manifest>),
    List(HashList),
}

impl Document {
    /// Reads a manifest or a list; without a hint its content tells the format.
    /// Lists that are made of lines are never held as a whole.
    pub fn read(path: &Path, hint: Option<Format>) -> Result<Document, ReadError> {
        let wrong = |source| ReadError::List { path: fs::shown(path), source };
        let mut reader = BufReader::with_capacity(HEAD_BYTES, fs::open(path)?);
        let head = reader.fill_buf().map_err(|error| wrong(error.into()))?.to_vec();
        document(&mut reader, &head, hint).map_err(wrong)
    }

    pub fn into_list(self) -> HashList {
        match self {
            Document::Manifest(manifest) => HashList::from(&*manifest),
            Document::List(list) => list,
        }
    }
}

/// Whether a file that begins so is a manifest or a list, as far as one can tell.
pub fn is_recognised(head: &[u8]) -> bool {
    !head.contains(&0) && detect::family(head, None).is_ok()
}

/// Reads a list that is held in memory; without a hint its content tells the format.
pub fn parse(bytes: &[u8], hint: Option<Format>) -> Result<HashList, ListError> {
    document(&mut &*bytes, bytes, hint).map(Document::into_list)
}

/// `head` is how it begins.
fn document(reader: &mut dyn BufRead, head: &[u8], hint: Option<Format>) -> Result<Document, ListError> {
    let list = match detect::family(head, hint)? {
        detect::Family::Lines(format) => sums::parse(format, reader),
        detect::Family::Php => footprints::parse(reader),
        detect::Family::Sql => secdb::parse(&whole(reader)?),
        detect::Family::Json => {
            let bytes = whole(reader)?;
            let bytes = lines::without_mark(&bytes);
            match hint.map_or_else(|| json::format(bytes), Ok)? {
                Format::Signature => signature::parse(bytes),
                Format::WordPress => wordpress::parse(bytes),
                _ => return Ok(Document::Manifest(Box::new(Manifest::parse(bytes)?))),
            }
        }
    };
    list.map(Document::List)
}

fn whole(reader: &mut dyn BufRead) -> Result<Vec<u8>, ListError> {
    let mut bytes = Vec::new();
    reader.take(MAX_DOCUMENT as u64 + 1).read_to_end(&mut bytes)?;
    if bytes.len() > MAX_DOCUMENT { Err(ListError::TooLarge) } else { Ok(bytes) }
}

impl Format {
    pub const ALL: [Format; 7] = [
        Format::Native,
        Format::Footprints,
        Format::Secdb,
        Format::Signature,
        Format::Md5sums,
        Format::WordPress,
        Format::Sums,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Format::Native => "entracte",
            Format::Footprints => "footprints",
            Format::Secdb => "secdb",
            Format::Signature => "signature",
            Format::Md5sums => "md5sums",
            Format::WordPress => "wordpress",
            Format::Sums => "sums",
        }
    }

    pub fn named(name: &str) -> Option<Format> {
        // As profiles called it once.
        let name = if name == "nextcloud-signature" { "signature" } else { name };
        Format::ALL.into_iter().find(|format| format.name() == name)
    }

    /// All of them, for people.
    pub fn names() -> String {
        Format::ALL.map(Format::name).join(", ")
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl<'de> Deserialize<'de> for Format {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Format, D::Error> {
        let name = std::borrow::Cow::<str>::deserialize(deserializer)?;
        let unknown = || serde::de::Error::custom(format!("{name:?} is none of {}", Format::names()));
        Format::named(&name).ok_or_else(unknown)
    }
}

impl Listed {
    pub fn new(size: Option<u64>, digests: &[Digest]) -> Listed {
        let mut digests = digests.to_vec();
        digests.sort();
        digests.dedup();
        Listed { size, digests }
    }

    /// The kinds of digest that are known, the best first.
    pub fn kinds(&self) -> Vec<Kind> {
        let mut kinds: Vec<Kind> = self.digests.iter().map(Digest::kind).collect();
        kinds.dedup();
        kinds
    }

    pub fn of_kind(&self, kind: Kind) -> impl Iterator<Item = &Digest> {
        self.digests.iter().filter(move |digest| digest.kind() == kind)
    }

    /// Whether a file with this size and these digests is the listed one: each
    /// kind that is listed has to be among them, and to fit.
    pub fn fits(&self, size: u64, found: &[Digest]) -> bool {
        let fits = |kind| self.of_kind(kind).any(|digest| found.contains(digest));
        self.size.is_none_or(|listed| listed == size) && self.kinds().into_iter().all(fits)
    }

    /// Takes what another entry says of the same file; false where they contradict each other.
    fn join(&mut self, other: &Listed) -> bool {
        let agrees = |kind| {
            let mine: Vec<_> = self.of_kind(kind).collect();
            mine.is_empty() || mine.into_iter().eq(other.of_kind(kind))
        };
        let sizes_agree = self.size.is_none() || other.size.is_none() || self.size == other.size;
        if !sizes_agree || !other.kinds().into_iter().all(agrees) {
            return false;
        }
        self.size = self.size.or(other.size);
        self.digests.extend(&other.digests);
        self.digests.sort();
        self.digests.dedup();
        true
    }
}

/// The files of a manifest; of its links, folders and modes a list knows nothing.
impl From<&Manifest> for HashList {
    fn from(manifest: &Manifest) -> HashList {
        let files = manifest.files.iter().filter_map(|entry| match entry.content {
            Content::File { size, sha256, md5 } => {
                let digests: Vec<Digest> =
                    [Digest::Sha256(sha256)].into_iter().chain(md5.map(Digest::Md5)).collect();
                Some((entry.path.clone(), Listed::new(Some(size), &digests)))
            }
            Content::Link { .. } | Content::Folder => None,
        });
        HashList {
            format: Format::Native,
            product: Some(manifest.product.clone()),
            version: Some(manifest.version.clone()),
            files: files.collect(),
            warnings: Vec::new(),
        }
    }
}
