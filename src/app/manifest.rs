//! `manifest build`, `show`, `verify`, `diff`: they need no site.

use std::path::Path;
use std::path::PathBuf;

use crate::app::desk::Listener;
use crate::app::failure::Failure;
use crate::app::look::release_at;
use crate::app::report::Answer;
use crate::app::report::FileView;
use crate::app::report::FindingsView;
use crate::app::report::ManifestDiffView;
use crate::app::report::ManifestView;
use crate::base::digest::Algorithms;
use crate::base::exit::Exit;
use crate::base::path::SitePath;
use crate::base::pattern::Patterns;
use crate::integrity::manifest::Content;
use crate::integrity::manifest::FileEntry;
use crate::integrity::manifest::Made;
use crate::integrity::manifest::Manifest;
use crate::integrity::manifest::diff;
use crate::integrity::scan;
use crate::integrity::verify;
use crate::site::detect;
use crate::sys::beneath::Root;
use crate::sys::fs;

/// What `manifest build` is asked for.
#[derive(Clone, Debug)]
pub struct BuildRequest {
    pub release: PathBuf,
    pub product: Option<String>,
    pub version: Option<String>,
    pub output: Option<PathBuf>,
}

/// The manifest, written where asked; its text where nowhere was named.
pub fn build(
    request: &BuildRequest,
    listener: Listener,
) -> Result<(Answer<ManifestView>, Option<String>), Failure> {
    let profile = detect::profile(&request.release, None)?;
    let product = request.product.as_deref().unwrap_or(&profile.name);
    let mut manifest = release_at(&request.release, &profile, product, request.version.as_deref(), listener)?;
    manifest.made = Made::Published;
    manifest.check()?;
    let json = manifest.to_json();
    let text = match &request.output {
        Some(path) => {
            fs::write_durable_with(path, &json, 0o644)?;
            None
        }
        None => Some(String::from_utf8_lossy(&json).into_owned()),
    };
    Ok((Answer::done(view(manifest)), text))
}

pub fn show(path: &Path) -> Result<Answer<ManifestView>, Failure> {
    Ok(Answer::done(view(load(path)?)))
}

fn load(path: &Path) -> Result<Manifest, Failure> {
    if !fs::is_file(path) {
        return Err(Failure::new(Exit::Refused, format!("there is no file {}", fs::shown(path))));
    }
    Ok(Manifest::parse(&fs::read(path)?)?)
}

fn view(manifest: Manifest) -> ManifestView {
    ManifestView {
        format: "entracte".into(),
        product: manifest.product,
        version: manifest.version,
        files: manifest.files.into_iter().map(file_view).collect(),
        warnings: Vec::new(),
    }
}

fn file_view(entry: FileEntry) -> FileView {
    let size = entry.size();
    let (sha256, md5, link) = match entry.content {
        Content::File { sha256, md5, .. } => (Some(sha256), md5, None),
        Content::Link { target } => (None, None, Some(target)),
        Content::Folder => (None, None, None),
    };
    FileView { path: entry.path, size, sha256, md5, mode: entry.mode, link }
}

/// A folder held against a manifest; `strict` reports what is not listed, too.
pub fn verify(
    manifest: &Path,
    folder: &Path,
    strict: Strictness,
    listener: Listener,
) -> Result<Answer<FindingsView>, Failure> {
    let manifest = load(manifest)?;
    if !fs::is_folder(folder) {
        return Err(Failure::new(Exit::Refused, format!("there is no folder {}", fs::shown(folder))));
    }
    let nothing = Patterns::default();
    let options = scan::Options { algorithms: Algorithms::Sha256, skip: &nothing, cache: None };
    let watch = &mut |step, event| listener(None, step, event);
    let scanned = scan::scan(&Root::open(folder)?, &options, watch)?;
    let findings = verify::verify(&manifest, &scanned.tree, &nothing);
    let shown =
        |paths: &[crate::base::path::TreePath]| paths.iter().map(ToString::to_string).collect::<Vec<_>>();
    let unexpected = if strict == Strictness::Everything { shown(&findings.unexpected) } else { Vec::new() };
    let exit = if findings.is_clean() && unexpected.is_empty() { Exit::Done } else { Exit::Differs };
    Ok(Answer::ending(
        exit,
        FindingsView {
            modified: shown(&findings.modified),
            missing: shown(&findings.missing),
            unexpected,
            unreadable: shown(&findings.unreadable),
            checked: scanned.checked,
            bytes: scanned.bytes,
            rehashed: scanned.rehashed,
        },
    ))
}

/// What `verify` reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strictness {
    Listed,
    Everything,
}

pub fn difference(old: &Path, new: &Path) -> Result<Answer<ManifestDiffView>, Failure> {
    let found = diff::difference(&load(old)?, &load(new)?);
    let shown = |paths: &[SitePath]| paths.iter().map(|path| path.as_str().to_owned()).collect::<Vec<_>>();
    let view = ManifestDiffView {
        added: shown(&found.added),
        removed: shown(&found.removed),
        changed: shown(&found.changed),
    };
    let same = view.added.is_empty() && view.removed.is_empty() && view.changed.is_empty();
    Ok(Answer::ending(if same { Exit::Done } else { Exit::Differs }, view))
}
