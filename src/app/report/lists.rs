//! What is answered of manifests and lists.

use serde::Serialize;
use serde::ser::SerializeMap;

use crate::base::path::SitePath;
use crate::integrity::list::Digest;
use crate::integrity::list::Kind;

#[derive(Clone, Debug, Default, Serialize)]
pub struct FindingsView {
    pub modified: Vec<String>,
    pub missing: Vec<String>,
    pub unexpected: Vec<String>,
    pub unreadable: Vec<String>,
    pub checked: u64,
    pub bytes: u64,
    pub rehashed: u64,
}

#[derive(Clone, Debug, Serialize)]
pub struct ManifestView {
    pub format: String,
    pub product: Option<String>,
    pub version: Option<String>,
    pub files: Vec<FileView>,
    /// The name in the certificate of whoever signed it, where that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signed: Option<String>,
    pub warnings: Vec<LineWarning>,
}

/// A large manifest is shown entry by entry: no digest is a text before it is printed.
#[derive(Clone, Debug, Serialize)]
pub struct FileView {
    pub path: SitePath,
    /// `None` where a list does not say it.
    pub size: Option<u64>,
    #[serde(flatten)]
    pub digests: Digests,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "octal")]
    pub mode: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
}

/// Each kind by its name; where several readings of a file are listed, a list of them.
#[derive(Clone, Debug)]
pub struct Digests(pub Vec<Digest>);

impl Serialize for Digests {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (name, kind) in [
            ("sha256", Kind::Sha256),
            ("sha512", Kind::Sha512),
            ("sha1", Kind::Sha1),
            ("md5", Kind::Md5),
            ("md5_without_line_ends", Kind::LooseMd5),
        ] {
            let found: Vec<String> =
                self.0.iter().filter(|digest| digest.kind() == kind).map(ToString::to_string).collect();
            match &found[..] {
                [] => {}
                [one] => map.serialize_entry(name, one)?,
                several => map.serialize_entry(name, several)?,
            }
        }
        map.end()
    }
}

/// Permission bits as four octal digits.
fn octal<S: serde::Serializer>(mode: &Option<u32>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("{:04o}", mode.unwrap_or_default()))
}

#[derive(Clone, Debug, Serialize)]
pub struct LineWarning {
    pub line: u64,
    pub text: String,
}

#[derive(Clone, Debug, Serialize)]
pub struct ConvertView {
    pub from: String,
    pub to: String,
    pub files: u64,
    /// What the other format cannot say, and what was left out.
    pub warnings: Vec<String>,
    /// What was made, where no file was named for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

#[derive(Clone, Debug, Serialize)]
pub struct ManifestDiffView {
    pub added: Vec<String>,
    pub removed: Vec<String>,
    pub changed: Vec<String>,
}
