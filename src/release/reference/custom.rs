//! What stands in the metadata of a target under `entracte`, format 1: signed,
//! but by somebody who may be mistaken, so every number and name has bounds.

use jiff::Timestamp;
use serde::Deserialize;
use serde::Serialize;
use serde_json::Value;

use crate::base::digest::Sha256;
use crate::base::exit::Exit;
use crate::base::exit::Fault;
use crate::integrity::manifest::MAX_BYTES;
use crate::integrity::manifest::MAX_FILES;
use crate::integrity::manifest::ManifestError;
use crate::integrity::manifest::check_names;
use crate::release::reference::names::is_target_name;

pub const FORMAT: u64 = 1;
/// Longest notes of a release, in bytes.
pub const MAX_NOTES: usize = 64 << 10;
/// Most packs that lead to one release.
pub const MAX_PACKS: usize = 64;

/// What a target is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    Manifest(ManifestTarget),
    Archive,
    Pack(PackTarget),
}

/// A release.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestTarget {
    pub product: String,
    pub version: String,
    /// When the release was made.
    pub time: Timestamp,
    /// Of the manifest's canonical JSON.
    pub digest: Sha256,
    pub manifest_bytes: u64,
    pub files: u64,
    pub content_bytes: u64,
    /// All its objects, as they are served.
    pub objects_bytes: u64,
    #[serde(default)]
    pub notes: String,
    /// The target that holds all of it.
    #[serde(default)]
    pub archive: Option<String>,
    /// The targets that lead to it from older releases.
    #[serde(default)]
    pub packs: Vec<String>,
}

/// What differs between two releases.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PackTarget {
    pub from: Sha256,
    pub to: Sha256,
    pub content_bytes: u64,
    /// Prefix and content of the group that needs most memory.
    pub largest_group: u64,
}

#[derive(Debug, thiserror::Error)]
pub enum CustomError {
    #[error("the metadata of a target is of format {found}; this entracte knows {FORMAT}")]
    Format { found: u64 },
    #[error("the metadata of a target cannot be understood")]
    Shape(#[source] serde_json::Error),
    #[error("the metadata of a release names it in a way that cannot be used")]
    Names(#[source] ManifestError),
    #[error("the metadata of a release says {what}, which is too much")]
    TooMuch { what: String },
    #[error("the metadata of a release names \"{name}\", which is no name of a target")]
    TargetName { name: String },
}

impl Fault for CustomError {
    fn exit(&self) -> Exit {
        match self {
            CustomError::Format { .. } => Exit::Refused,
            _ => Exit::Untrusted,
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            CustomError::Format { .. } => vec!["a newer entracte can read it".into()],
            _ => vec!["tell whoever publishes this reference".into()],
        }
    }
}

impl Kind {
    /// What `custom` says; `None` for a kind that a newer entracte may know.
    pub fn parse(custom: &Value) -> Result<Option<Kind>, CustomError> {
        #[derive(Deserialize)]
        struct Head {
            format: u64,
            kind: String,
        }
        let head: Head = from_value(custom)?;
        if head.format != FORMAT {
            return Err(CustomError::Format { found: head.format });
        }
        let kind = match head.kind.as_str() {
            "manifest" => Kind::Manifest(from_value(custom)?),
            "archive" => Kind::Archive,
            "pack" => Kind::Pack(from_value(custom)?),
            _ => return Ok(None),
        };
        kind.check()?;
        Ok(Some(kind))
    }

    pub fn to_value(&self) -> Value {
        let (name, about) = match self {
            Kind::Manifest(about) => ("manifest", serde_json::to_value(about)),
            Kind::Archive => ("archive", Ok(Value::Object(serde_json::Map::new()))),
            Kind::Pack(about) => ("pack", serde_json::to_value(about)),
        };
        // Structs of strings and numbers always serialise.
        let mut value = about.unwrap_or_default();
        value["format"] = FORMAT.into();
        value["kind"] = name.into();
        value
    }

    fn check(&self) -> Result<(), CustomError> {
        match self {
            Kind::Manifest(about) => about.check(),
            Kind::Archive | Kind::Pack(_) => Ok(()),
        }
    }
}

impl ManifestTarget {
    fn check(&self) -> Result<(), CustomError> {
        check_names(&self.product, &self.version).map_err(CustomError::Names)?;
        for (what, found, most) in [
            ("bytes of the manifest", self.manifest_bytes, MAX_BYTES as u64),
            ("files", self.files, MAX_FILES as u64),
            ("bytes of notes", self.notes.len() as u64, MAX_NOTES as u64),
            ("packs", self.packs.len() as u64, MAX_PACKS as u64),
            // Sums of what a manifest may list; beyond, arithmetic would be a risk.
            ("bytes of content", self.content_bytes.max(self.objects_bytes), 1 << 50),
        ] {
            if found > most {
                return Err(CustomError::TooMuch { what: format!("{found} {what}") });
            }
        }
        match self.archive.iter().chain(&self.packs).find(|name| !is_target_name(name)) {
            None => Ok(()),
            Some(name) => {
                let name = crate::base::escape::text(name).chars().take(80).collect();
                Err(CustomError::TargetName { name })
            }
        }
    }
}

fn from_value<T: serde::de::DeserializeOwned>(value: &Value) -> Result<T, CustomError> {
    T::deserialize(value).map_err(CustomError::Shape)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn release() -> Value {
        json!({
            "format": 1, "kind": "manifest", "product": "shop", "version": "2.1",
            "time": "2026-11-21T08:00:00Z", "digest": "ab".repeat(32),
            "manifest_bytes": 900, "files": 3, "content_bytes": 50, "objects_bytes": 30,
            "notes": "new", "archive": "shop-2.1.tar.zst", "packs": ["shop-2.0-to-2.1.pack"],
        })
    }

    #[test]
    fn what_is_written_is_read() {
        let pack = json!({
            "format": 1, "kind": "pack", "from": "ab".repeat(32), "to": "cd".repeat(32),
            "content_bytes": 5, "largest_group": 9,
        });
        for value in [release(), pack, json!({"format": 1, "kind": "archive"})] {
            let kind = Kind::parse(&value).unwrap().unwrap();
            assert_eq!(kind.to_value(), value);
        }
    }

    #[test]
    fn what_a_newer_one_adds_is_passed_over() {
        assert!(Kind::parse(&json!({"format": 1, "kind": "mirror", "x": []})).unwrap().is_none());
        let mut value = release();
        value["colour"] = json!("blue");
        value.as_object_mut().unwrap().remove("notes");
        value.as_object_mut().unwrap().remove("packs");
        value["archive"] = Value::Null;
        assert!(Kind::parse(&value).unwrap().is_some());
    }

    #[test]
    fn what_nobody_may_say() {
        for (field, said, exit) in [
            ("format", json!(2), Exit::Refused),
            ("format", json!("1"), Exit::Untrusted),
            ("format", json!(-1), Exit::Untrusted),
            ("format", Value::Null, Exit::Untrusted),
            ("kind", json!(["manifest"]), Exit::Untrusted),
            ("product", json!("../../etc"), Exit::Untrusted),
            ("product", json!(""), Exit::Untrusted),
            ("version", json!("1/2"), Exit::Untrusted),
            ("version", json!("1\u{1b}[2J"), Exit::Untrusted),
            ("version", json!("9".repeat(65)), Exit::Untrusted),
            ("time", json!("yesterday"), Exit::Untrusted),
            ("digest", json!("ab"), Exit::Untrusted),
            ("digest", json!("zz".repeat(32)), Exit::Untrusted),
            ("manifest_bytes", json!(u64::MAX), Exit::Untrusted),
            ("manifest_bytes", json!(-1), Exit::Untrusted),
            ("manifest_bytes", json!(1.5), Exit::Untrusted),
            ("files", json!(200_001), Exit::Untrusted),
            ("content_bytes", json!(u64::MAX), Exit::Untrusted),
            ("objects_bytes", json!(u64::MAX), Exit::Untrusted),
            ("notes", json!("n".repeat(65 << 10)), Exit::Untrusted),
            ("archive", json!("../timestamp.json"), Exit::Untrusted),
            ("archive", json!("a/b.tar.zst"), Exit::Untrusted),
            ("archive", json!(""), Exit::Untrusted),
            ("archive", json!(".hidden"), Exit::Untrusted),
            ("packs", json!(["a.pack", "b\\c"]), Exit::Untrusted),
            ("packs", json!(vec!["a.pack"; 65]), Exit::Untrusted),
            ("packs", json!("a.pack"), Exit::Untrusted),
        ] {
            let mut value = release();
            value[field] = said;
            let error = Kind::parse(&value).expect_err(field);
            assert_eq!(error.exit(), exit, "{field}: {}", value[field]);
            assert!(!error.to_string().contains('\u{1b}'));
        }
        for other in [Value::Null, json!([]), json!("manifest"), json!(1)] {
            assert!(Kind::parse(&other).is_err(), "{other}");
        }
    }
}
