//! The native form: versioned JSON, one file a line. Documented in
//! `docs/manifest.md`, with a JSON schema beside it.

mod lines;

use jiff::Timestamp;
use serde::Deserialize;

use crate::base::digest::Sha256;
use crate::base::exit::Exit;
use crate::base::exit::Fault;
use crate::base::json;
use crate::base::path::SitePath;
use crate::integrity::manifest::Content;
use crate::integrity::manifest::Extent;
use crate::integrity::manifest::FORMAT;
use crate::integrity::manifest::FileEntry;
use crate::integrity::manifest::FromRule;
use crate::integrity::manifest::Made;
use crate::integrity::manifest::Manifest;
use crate::integrity::manifest::RunOnce;
use crate::integrity::manifest::json::lines::Files;
use crate::integrity::manifest::json::lines::Line;

/// Largest manifest that is read, in bytes.
pub const MAX_BYTES: usize = 64 << 20;
/// Most files that a manifest may list.
pub const MAX_FILES: usize = 200_000;

#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    #[error("the manifest is larger than {MAX_BYTES} bytes")]
    TooLarge,
    #[error("the manifest is no JSON of the expected form")]
    Json(#[source] serde_json::Error),
    #[error("the manifest is of format {found}; this entracte knows {FORMAT}")]
    Format { found: u64 },
    #[error("\"{text}\" is no product name: up to 64 of a-z, 0-9, dot, dash and underscore")]
    Product { text: String },
    #[error("\"{text}\" is no version: up to 64 visible characters without slash or blank")]
    Version { text: String },
    #[error("{path} is listed twice")]
    Twice { path: SitePath },
    #[error("{path} is listed both as a file and as a folder")]
    FileAndFolder { path: SitePath },
    #[error("the entry of {path} is neither a file with size and sha256, nor a link, nor a folder")]
    Shape { path: SitePath },
    #[error("the link {path} leads out of the site")]
    LinkOut { path: SitePath },
    #[error("{path} is named as {role} but is no file of the release")]
    NotListed { path: SitePath, role: &'static str },
    #[error("the name of the one-time script {path} does not begin with a digit")]
    ScriptName { path: SitePath },
}

impl Fault for ManifestError {
    fn exit(&self) -> Exit {
        match self {
            ManifestError::Format { .. } => Exit::Refused,
            ManifestError::Json(_) => Exit::Failed,
            _ => Exit::Untrusted,
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            ManifestError::Format { .. } => vec!["a newer entracte can read it".into()],
            _ => Vec::new(),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    format: u64,
    product: String,
    version: String,
    time: Timestamp,
    #[serde(default = "complete")]
    extent: Extent,
    #[serde(default = "published")]
    made: Made,
    #[serde(default)]
    from: Vec<FromRule>,
    files: Files,
    #[serde(default)]
    deleted: Vec<SitePath>,
    #[serde(default)]
    schema: Vec<SitePath>,
    #[serde(default)]
    tables: Vec<SitePath>,
    #[serde(default)]
    run_once: Vec<RunOnce>,
    #[serde(default)]
    extensions: Vec<SitePath>,
}

fn complete() -> Extent {
    Extent::Complete
}

fn published() -> Made {
    Made::Published
}

impl Manifest {
    /// Reads the native form and checks all of it.
    pub fn parse(bytes: &[u8]) -> Result<Manifest, ManifestError> {
        if bytes.len() > MAX_BYTES {
            return Err(ManifestError::TooLarge);
        }
        let document: Document = match json::read(bytes) {
            Ok(document) => document,
            // A higher format is said to be one, before its unknown fields are complained of.
            Err(error) => return Err(check_format(bytes).err().unwrap_or(ManifestError::Json(error))),
        };
        if document.format != u64::from(FORMAT) {
            return Err(ManifestError::Format { found: document.format });
        }
        if let Some(path) = document.files.misshapen {
            return Err(ManifestError::Shape { path });
        }
        let mut manifest = Manifest {
            product: document.product,
            version: document.version,
            time: document.time,
            extent: document.extent,
            made: document.made,
            from: document.from,
            files: document.files.entries,
            deleted: document.deleted,
            schema: document.schema,
            tables: document.tables,
            run_once: document.run_once,
            extensions: document.extensions,
        };
        manifest.files.sort_unstable_by(|a, b| a.path.cmp(&b.path));
        manifest.deleted.sort();
        manifest.check()?;
        Ok(manifest)
    }

    /// Canonical bytes: the same manifest always gives the same.
    pub fn to_json(&self) -> Vec<u8> {
        // A line of `files` has about so many bytes.
        let mut text = String::with_capacity(4096 + 160 * self.files.len());
        text.push_str("{\n");
        let field = |text: &mut String, name: &str, value: &dyn erased::Json| {
            text.push_str(&format!("\"{name}\": {},\n", value.json()));
        };
        field(&mut text, "format", &FORMAT);
        field(&mut text, "product", &self.product);
        field(&mut text, "version", &self.version);
        field(&mut text, "time", &self.time);
        field(&mut text, "extent", &self.extent);
        field(&mut text, "made", &self.made);
        field(&mut text, "from", &self.from);
        field(&mut text, "deleted", &self.deleted);
        field(&mut text, "schema", &self.schema);
        // Manifests without any have the digest that they always had.
        if !self.tables.is_empty() {
            field(&mut text, "tables", &self.tables);
        }
        field(&mut text, "run_once", &self.run_once);
        field(&mut text, "extensions", &self.extensions);
        text.push_str("\"files\": [\n");
        let mut text = text.into_bytes();
        for (at, entry) in self.files.iter().enumerate() {
            erased::write(&mut text, &Line::of(entry));
            text.extend_from_slice(if at + 1 < self.files.len() { b",\n" } else { b"\n" });
        }
        text.extend_from_slice(b"]\n}\n");
        text
    }

    pub fn digest(&self) -> Sha256 {
        Sha256::of(&self.to_json())
    }

    /// Whether everything fits together; see the variants of the error.
    pub fn check(&self) -> Result<(), ManifestError> {
        check_names(&self.product, &self.version)?;
        for pair in self.files.windows(2) {
            if pair[0].path == pair[1].path {
                return Err(ManifestError::Twice { path: pair[1].path.clone() });
            }
        }
        let is_leaf =
            |path: &SitePath| self.entry(path).is_some_and(|entry| entry.content != Content::Folder);
        let mut last = None;
        for entry in &self.files {
            let folder = entry.path.as_str().rsplit_once('/').map(|(folder, _)| folder);
            // What stands beside the last one has the same folders above it.
            if last != Some(folder)
                && let Some(path) = entry.path.ancestors().find(is_leaf)
            {
                return Err(ManifestError::FileAndFolder { path });
            }
            last = Some(folder);
            if let Content::Link { target } = &entry.content
                && !stays_inside(&entry.path, target)
            {
                return Err(ManifestError::LinkOut { path: entry.path.clone() });
            }
        }
        self.check_roles()
    }

    fn check_roles(&self) -> Result<(), ManifestError> {
        let scripts = self.run_once.iter().map(|script| (&script.path, "a one-time script"));
        let schema = self.schema.iter().map(|path| (path, "a schema file"));
        let tables = self.tables.iter().map(|path| (path, "a declaration of tables"));
        let extensions = self.extensions.iter().map(|path| (path, "an extension"));
        for (path, role) in schema.chain(tables).chain(scripts).chain(extensions) {
            if self.entry(path).and_then(FileEntry::sha256).is_none() {
                return Err(ManifestError::NotListed { path: path.clone(), role });
            }
        }
        match self
            .run_once
            .iter()
            .find(|script| !script.path.name().starts_with(|c: char| c.is_ascii_digit()))
        {
            Some(script) => Err(ManifestError::ScriptName { path: script.path.clone() }),
            None => Ok(()),
        }
    }
}

fn check_format(bytes: &[u8]) -> Result<(), ManifestError> {
    #[derive(Deserialize)]
    struct Head {
        format: u64,
    }
    let head: Head = serde_json::from_slice(bytes).map_err(ManifestError::Json)?;
    match head.format == u64::from(FORMAT) {
        true => Ok(()),
        false => Err(ManifestError::Format { found: head.format }),
    }
}

/// Whether product and version are names that can stand in paths and lines.
pub fn check_names(product: &str, version: &str) -> Result<(), ManifestError> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '-' | '_');
    let shown = |text: &str| crate::base::escape::text(text).chars().take(80).collect();
    if product.is_empty() || product.len() > 64 || !product.chars().all(plain) {
        return Err(ManifestError::Product { text: shown(product) });
    }
    let visible = |c: char| c.is_ascii_graphic() && c != '/' && c != '\\';
    if version.is_empty() || version.len() > 64 || !version.chars().all(visible) {
        return Err(ManifestError::Version { text: shown(version) });
    }
    Ok(())
}

/// Whether a link at `path` to `target` stays below the root, by its words alone.
pub fn stays_inside(path: &SitePath, target: &str) -> bool {
    let mut depth = path.ancestors().count() as i64;
    if target.is_empty() || target.starts_with('/') || target.chars().any(char::is_control) {
        return false;
    }
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => depth -= 1,
            _ => depth += 1,
        }
        if depth < 0 {
            return false;
        }
    }
    true
}

/// Serialising through a trait object.
mod erased {
    pub trait Json {
        fn json(&self) -> String;
    }

    impl<T: serde::Serialize> Json for T {
        fn json(&self) -> String {
            // Structs of strings and numbers always serialise.
            crate::base::json::line(self)
                .ok()
                .and_then(|text| String::from_utf8(text).ok())
                .unwrap_or_default()
        }
    }

    /// The same at the end of `text`.
    pub fn write(text: &mut Vec<u8>, value: &impl serde::Serialize) {
        let _ = crate::base::json::write(text, value);
    }
}

#[cfg(test)]
mod tests;
