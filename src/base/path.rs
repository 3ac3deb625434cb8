//! Paths of a site. [`SitePath`] is the only way a path from outside gets in;
//! [`TreePath`] is what a scan found, whatever its bytes are.

use std::ffi::OsStr;
use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::str::FromStr;

use serde::Deserialize;
use serde::Deserializer;
use serde::Serialize;
use serde::Serializer;

use crate::base::escape;

/// Longest path accepted, in bytes.
pub const MAX_PATH: usize = 1024;
/// Longest component accepted, in bytes.
pub const MAX_COMPONENT: usize = 255;
/// Deepest path accepted, in components.
pub const MAX_DEPTH: usize = 64;
/// Names at the top of a site that belong to entracte itself.
pub const RESERVED: &str = ".entracte";

/// A path below a site's root that came from outside and was checked:
/// relative, clean, UTF-8, `/`-separated, without `..`, control characters,
/// backslashes or the reserved state folder.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SitePath(Box<str>);

/// Why a path from outside is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    #[error("the path is empty")]
    Empty,
    #[error("path {path:?} is absolute")]
    Absolute { path: String },
    #[error("path {path:?} has a `.`, `..` or empty component")]
    Unclean { path: String },
    #[error("path \"{path}\" has a control character or a backslash")]
    Forbidden { path: String },
    #[error("path {path:?} is not UTF-8")]
    NotUtf8 { path: String },
    #[error(
        "path {path:?} is longer than {MAX_PATH} bytes, {MAX_COMPONENT} in a component, or {MAX_DEPTH} levels"
    )]
    TooLong { path: String },
    #[error("path {path:?} is inside the folder reserved for entracte's state")]
    Reserved { path: String },
}

impl SitePath {
    /// Checks `raw` and takes it as a site path.
    pub fn parse(raw: &str) -> Result<SitePath, PathError> {
        let path = || escape::text(raw).chars().take(200).collect::<String>();
        if raw.is_empty() {
            return Err(PathError::Empty);
        }
        if raw.starts_with('/') {
            return Err(PathError::Absolute { path: path() });
        }
        let is_forbidden = |byte: u8| byte.is_ascii_control() || byte == b'\\';
        if raw.bytes().any(is_forbidden) || (!raw.is_ascii() && raw.chars().any(char::is_control)) {
            return Err(PathError::Forbidden { path: path() });
        }
        let (mut levels, mut longest, mut is_clean) = (0, 0, true);
        for part in raw.split('/') {
            levels += 1;
            longest = longest.max(part.len());
            is_clean &= !matches!(part, "" | "." | "..");
        }
        if !is_clean {
            return Err(PathError::Unclean { path: path() });
        }
        if raw.len() > MAX_PATH || levels > MAX_DEPTH || longest > MAX_COMPONENT {
            return Err(PathError::TooLong { path: path() });
        }
        if raw.split('/').next().is_some_and(is_reserved) {
            return Err(PathError::Reserved { path: path() });
        }
        Ok(SitePath(raw.into()))
    }

    /// Checks bytes, as an archive or a directory listing gives them.
    pub fn parse_bytes(raw: &[u8]) -> Result<SitePath, PathError> {
        match std::str::from_utf8(raw) {
            Ok(text) => SitePath::parse(text),
            Err(_) => Err(PathError::NotUtf8 { path: escape::bytes(raw) }),
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The path as the operating system takes it; relative, never to be joined
    /// to anything but a root that is opened without following links.
    pub fn as_path(&self) -> &Path {
        Path::new(&*self.0)
    }

    /// The last component.
    pub fn name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or(&self.0)
    }

    /// The folder that holds it; `None` at the top of the site.
    pub fn parent(&self) -> Option<SitePath> {
        self.0.rsplit_once('/').map(|(parent, _)| SitePath(parent.into()))
    }

    /// Every folder above it, outermost first.
    pub fn ancestors(&self) -> impl Iterator<Item = SitePath> + '_ {
        self.0.match_indices('/').map(|(at, _)| SitePath(self.0[..at].into()))
    }

    /// Whether `self` lies below `folder`.
    pub fn is_below(&self, folder: &SitePath) -> bool {
        self.0.strip_prefix(&*folder.0).is_some_and(|rest| rest.starts_with('/'))
    }

    /// A path below this one.
    pub fn join(&self, below: &str) -> Result<SitePath, PathError> {
        SitePath::parse(&format!("{}/{below}", self.0))
    }

    /// The same path with `suffix` behind its name, as in `config.php.new`.
    pub fn with_suffix(&self, suffix: &str) -> Result<SitePath, PathError> {
        SitePath::parse(&format!("{}{suffix}", self.0))
    }
}

fn is_reserved(top: &str) -> bool {
    top == RESERVED || top.starts_with(".entracte-")
}

impl FromStr for SitePath {
    type Err = PathError;

    fn from_str(raw: &str) -> Result<SitePath, PathError> {
        SitePath::parse(raw)
    }
}

impl fmt::Display for SitePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&escape::text(&self.0))
    }
}

impl Serialize for SitePath {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for SitePath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<SitePath, D::Error> {
        let raw = std::borrow::Cow::<str>::deserialize(deserializer)?;
        SitePath::parse(&raw).map_err(serde::de::Error::custom)
    }
}

/// A path that a scan found below a root: relative and `/`-separated, but of
/// any bytes a file system allows.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TreePath(Box<[u8]>);

impl TreePath {
    /// The root itself.
    pub fn root() -> TreePath {
        TreePath(Box::default())
    }

    /// The entry `name` inside this folder.
    pub fn child(&self, name: &OsStr) -> TreePath {
        let mut path = Vec::with_capacity(self.0.len() + 1 + name.len());
        if !self.0.is_empty() {
            path.extend_from_slice(&self.0);
            path.push(b'/');
        }
        path.extend_from_slice(name.as_bytes());
        TreePath(path.into())
    }

    pub fn from_bytes(raw: &[u8]) -> TreePath {
        TreePath(raw.into())
    }

    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    pub fn as_path(&self) -> &Path {
        Path::new(OsStr::from_bytes(&self.0))
    }

    /// The same path as a [`SitePath`], when its name is one a release may use.
    pub fn to_site_path(&self) -> Result<SitePath, PathError> {
        SitePath::parse_bytes(&self.0)
    }
}

impl From<&SitePath> for TreePath {
    fn from(path: &SitePath) -> TreePath {
        TreePath(path.as_str().as_bytes().into())
    }
}

impl fmt::Display for TreePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&escape::bytes(&self.0))
    }
}

impl fmt::Debug for TreePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

impl Serialize for TreePath {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clean_relative_paths_are_taken() {
        for raw in
            ["a", "a/b.php", "été/ü.css", ".htaccess", "a b/c'd", "a/.entracte", "..a/b..", ".entractes"]
        {
            assert_eq!(SitePath::parse(raw).unwrap().as_str(), raw);
        }
    }

    #[test]
    fn what_could_escape_is_refused() {
        let long = "x".repeat(256);
        let deep = ["d"; 65].join("/");
        for raw in [
            "",
            "/",
            "/etc/passwd",
            "..",
            "../a",
            "a/..",
            "a/../b",
            ".",
            "./a",
            "a//b",
            "a/",
            "a\\b",
            "a\0b",
            "a\nb",
            "a\u{85}b",
            ".entracte",
            ".entracte/lock",
            ".entracte-site/lock",
            &long,
            &deep,
        ] {
            assert!(SitePath::parse(raw).is_err(), "{raw:?} was taken");
        }
        assert!(SitePath::parse_bytes(b"a\xff").is_err());
    }

    #[test]
    fn folders_above_and_below_are_told_apart() {
        let path = SitePath::parse("a/b/c.php").unwrap();
        let above: Vec<String> = path.ancestors().map(|p| p.as_str().to_owned()).collect();
        assert_eq!(above, ["a", "a/b"]);
        assert_eq!(path.name(), "c.php");
        assert!(path.is_below(&SitePath::parse("a/b").unwrap()));
        assert!(!SitePath::parse("a/bc").unwrap().is_below(&SitePath::parse("a/b").unwrap()));
    }

    #[test]
    fn json_goes_through_the_same_parser() {
        assert!(serde_json::from_str::<SitePath>("\"a/../b\"").is_err());
        assert_eq!(serde_json::from_str::<SitePath>("\"a\\u00e9\"").unwrap().as_str(), "aé");
    }

    proptest::proptest! {
        #[test]
        fn whatever_is_taken_stays_below_the_root(raw in "\\PC{0,40}") {
            if let Ok(path) = SitePath::parse(&raw) {
                let normal = path.as_path().components().all(|c| matches!(c, std::path::Component::Normal(_)));
                proptest::prop_assert!(normal);
            }
        }
    }
}
