//! A bundle: the signed part of a reference that one release needs, in one file.
//! The stored form is `docs/reference.md`; it is believed as the reference is.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::io::Seek;
use std::io::SeekFrom;
use std::path::Path;
use std::path::PathBuf;

use serde::Deserialize;

use crate::base::escape;
use crate::base::exit::Exit;
use crate::base::exit::Fault;
use crate::base::json;
use crate::release::reference::names::is_target_name;
use crate::sys::fs;
use crate::sys::fs::IoError;

/// The first name in the file, by which it is known.
pub const HEAD: &str = "entracte-bundle.json";
const FORMAT: u32 = 1;
const MOST_ENTRIES: usize = 4096;
const MOST_HEAD: u64 = 64 << 10;

/// Where everything stands in the file.
#[derive(Debug)]
pub struct Bundle {
    path: PathBuf,
    head: Head,
    places: BTreeMap<String, (u64, u64)>,
}

#[derive(Debug, Deserialize)]
struct Head {
    /// The reference's URL. It decides nothing but whose signature is looked for.
    reference: String,
    version: String,
}

#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    #[error("{path} cannot be read as a bundle")]
    Tar {
        path: String,
        #[source]
        source: std::io::Error,
    },
    #[error("{path} is no bundle that this entracte can read")]
    Head {
        path: String,
        #[source]
        source: serde_json::Error,
    },
    #[error("the bundle {path} holds \"{name}\", {why}")]
    Entry { path: String, name: String, why: &'static str },
    #[error(transparent)]
    Io(#[from] IoError),
}

impl Fault for BundleError {
    fn exit(&self) -> Exit {
        match self {
            BundleError::Tar { .. } => Exit::Failed,
            BundleError::Head { .. } => Exit::Refused,
            BundleError::Entry { .. } => Exit::Untrusted,
            BundleError::Io(error) => error.exit(),
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            BundleError::Io(error) => error.hints(),
            _ => vec!["was the bundle copied as a whole? Compare its size, or make it anew".into()],
        }
    }
}

impl Bundle {
    /// Whether the file begins as a bundle does.
    pub fn is_meant(path: &Path) -> bool {
        let Ok(file) = fs::open(path) else { return false };
        let mut archive = tar::Archive::new(file.take(64 << 10));
        let first = archive.entries().ok().and_then(|mut entries| entries.next()?.ok());
        first.is_some_and(|entry| *entry.path_bytes() == *HEAD.as_bytes())
    }

    pub fn open(path: &Path) -> Result<Bundle, BundleError> {
        let shown = || fs::shown(path);
        let broken = |source| BundleError::Tar { path: shown(), source };
        let mut archive = tar::Archive::new(fs::open(path)?);
        let mut places = BTreeMap::new();
        for entry in archive.entries_with_seek().map_err(broken)? {
            let entry = entry.map_err(broken)?;
            let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
            let wrong = |why| {
                let name = escape::text(&name).chars().take(80).collect();
                Err(BundleError::Entry { path: shown(), name, why })
            };
            if !entry.header().entry_type().is_file() || !is_expected(&name) {
                return wrong("which has no place in a bundle");
            }
            if places.len() == MOST_ENTRIES {
                return wrong("and too much besides");
            }
            let place = (entry.raw_file_position(), entry.size());
            if places.insert(name.clone(), place).is_some() {
                return wrong("twice");
            }
        }
        let nothing = Head { reference: String::new(), version: String::new() };
        let mut bundle = Bundle { path: path.to_owned(), head: nothing, places };
        let mut text = Vec::new();
        if let Some(head) = bundle.read(HEAD)? {
            let read = head.take(MOST_HEAD).read_to_end(&mut text);
            read.map_err(|source| IoError::new("read", path, source))?;
        }
        bundle.head =
            json::read_format(&text, FORMAT).map_err(|source| BundleError::Head { path: shown(), source })?;
        Ok(bundle)
    }

    /// The URL of the reference that it was made from, as it says itself.
    pub fn reference(&self) -> &str {
        &self.head.reference
    }

    /// The one version that it brings.
    pub fn version(&self) -> &str {
        &self.head.version
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn has(&self, name: &str) -> bool {
        self.places.contains_key(name)
    }

    pub fn read(&self, name: &str) -> Result<Option<impl Read + use<>>, IoError> {
        let Some((at, size)) = self.places.get(name) else { return Ok(None) };
        let mut file: File = fs::open(&self.path)?;
        file.seek(SeekFrom::Start(*at)).map_err(|source| IoError::new("read", &self.path, source))?;
        Ok(Some(file.take(*size)))
    }
}

/// What a bundle may hold; no name of it ever becomes a path.
fn is_expected(name: &str) -> bool {
    let below = |folder: &str| name.strip_prefix(folder).filter(|name| name.len() < 256);
    let plain =
        |name: &str| is_target_name(&name.chars().take(100).collect::<String>()) && !name.contains('/');
    name == HEAD || below("metadata/").or(below("targets/")).is_some_and(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tar(folder: &Path, entries: &[(&str, &[u8])]) -> PathBuf {
        let path = folder.join("x.bundle");
        let mut builder = tar::Builder::new(std::fs::File::create(&path).unwrap());
        for (name, content) in entries {
            let mut header = tar::Header::new_ustar();
            header.set_size(content.len() as u64);
            header.set_mode(0o644);
            header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
            header.set_cksum();
            builder.append(&header, *content).unwrap();
        }
        builder.into_inner().unwrap();
        path
    }

    const GOOD: &[u8] =
        br#"{"format": 1, "reference": "https://x/", "product": "p", "version": "2", "manifest": "m"}"#;

    #[test]
    fn what_stands_in_it_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path =
            tar(folder.path(), &[(HEAD, GOOD), ("metadata/timestamp.json", b"{}"), ("targets/ab.x", b"xyz")]);
        assert!(Bundle::is_meant(&path));
        let bundle = Bundle::open(&path).unwrap();
        assert_eq!((bundle.reference(), bundle.version()), ("https://x/", "2"));
        let mut text = String::new();
        bundle.read("targets/ab.x").unwrap().unwrap().read_to_string(&mut text).unwrap();
        assert_eq!(text, "xyz");
        assert!(bundle.read("targets/other").unwrap().is_none() && !bundle.has("targets/other"));
    }

    #[test]
    fn what_has_no_place_in_it_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        for name in [
            "../x",
            "targets/../../x",
            "/etc/passwd",
            "targets/a/b",
            "targets/.x",
            "objects/ab/x",
            "targets/",
        ] {
            let path = tar(folder.path(), &[(HEAD, GOOD), (name, b"")]);
            assert_eq!(Bundle::open(&path).unwrap_err().exit(), Exit::Untrusted, "{name}");
        }
        let twice = tar(folder.path(), &[(HEAD, GOOD), ("targets/a", b"1"), ("targets/a", b"2")]);
        assert!(Bundle::open(&twice).unwrap_err().to_string().contains("twice"));
        for head in [&b"{}"[..], br#"{"format": 2, "reference": "", "version": ""}"#, b""] {
            let path = tar(folder.path(), &[(HEAD, head)]);
            assert_eq!(Bundle::open(&path).unwrap_err().exit(), Exit::Refused);
        }
        let other = tar(folder.path(), &[("index.php", b"x")]);
        assert!(!Bundle::is_meant(&other) && !Bundle::is_meant(folder.path()));
    }
}
