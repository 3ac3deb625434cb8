//! `manifest build`, `show`, `verify`, `diff`, `convert`: they need no site.

use std::path::Path;
use std::path::PathBuf;

use crate::app::desk::Listener;
use crate::app::failure::Failure;
use crate::app::look::release_at;
use crate::app::report::Answer;
use crate::app::report::ConvertView;
use crate::app::report::Digests;
use crate::app::report::FileView;
use crate::app::report::FindingsView;
use crate::app::report::LineWarning;
use crate::app::report::ManifestDiffView;
use crate::app::report::ManifestView;
use crate::base::digest::Algorithms;
use crate::base::exit::Exit;
use crate::base::path::SitePath;
use crate::base::path::TreePath;
use crate::base::pattern::Patterns;
use crate::integrity::list::Digest;
use crate::integrity::list::Document;
pub use crate::integrity::list::Format;
use crate::integrity::list::HashList;
use crate::integrity::list::Listed;
use crate::integrity::list::certificate;
use crate::integrity::list::write;
use crate::integrity::manifest::Content;
use crate::integrity::manifest::FileEntry;
use crate::integrity::manifest::Made;
use crate::integrity::manifest::Manifest;
use crate::integrity::manifest::diff;
use crate::integrity::scan;
use crate::integrity::verify;
use crate::integrity::verify::Findings;
use crate::release::network::Network;
use crate::site::detect;
use crate::sys::beneath::Root;
use crate::sys::clock;
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
    let (version, nowhere) = (request.version.as_deref(), Network::default());
    let mut manifest = release_at(&request.release, &profile, product, version, &nowhere, listener)?;
    manifest.made = Made::Published;
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

/// A manifest or a list of digests, as it was named.
#[derive(Clone, Debug)]
pub struct Named {
    pub path: PathBuf,
    /// Told by the content where nothing is said.
    pub format: Option<Format>,
    /// Certificates of whoever may have signed it.
    pub roots: Option<PathBuf>,
}

impl Named {
    /// What it holds, and who signed it where roots are named.
    fn read(&self) -> Result<(Document, Option<String>), Failure> {
        let path = &self.path;
        if !fs::is_file(path) {
            return Err(Failure::new(Exit::Refused, format!("there is no file {}", fs::shown(path))));
        }
        let document = Document::read(path, self.format)?;
        let Some(roots) = &self.roots else { return Ok((document, None)) };
        match &document {
            Document::List(list) if list.format == Format::Signature => {
                Ok((document, Some(certificate::signer(&fs::read(path)?, &fs::read(roots)?)?)))
            }
            _ => Err(Failure::new(Exit::Usage, "--root is for Nextcloud's signature.json")),
        }
    }
}

pub fn show(named: &Named) -> Result<Answer<ManifestView>, Failure> {
    let (document, signed) = named.read()?;
    let view = match document {
        Document::Manifest(manifest) => view(*manifest),
        Document::List(list) => list_view(list),
    };
    Ok(Answer::done(ManifestView { signed, ..view }))
}

fn view(manifest: Manifest) -> ManifestView {
    ManifestView {
        format: Format::Native.name().into(),
        product: Some(manifest.product),
        version: Some(manifest.version),
        files: manifest.files.into_iter().map(file_view).collect(),
        signed: None,
        warnings: Vec::new(),
    }
}

fn file_view(entry: FileEntry) -> FileView {
    let size = Some(entry.size());
    let (digests, link) = match entry.content {
        Content::File { sha256, md5, .. } => {
            ([Digest::Sha256(sha256)].into_iter().chain(md5.map(Digest::Md5)).collect(), None)
        }
        Content::Link { target } => (Vec::new(), Some(target)),
        Content::Folder => (Vec::new(), None),
    };
    FileView { path: entry.path, size, digests: Digests(digests), mode: entry.mode, link }
}

fn list_view(list: HashList) -> ManifestView {
    let file = |(path, listed): (SitePath, Listed)| FileView {
        path,
        size: listed.size,
        digests: Digests(listed.digests),
        mode: None,
        link: None,
    };
    ManifestView {
        format: list.format.name().into(),
        product: list.product,
        version: list.version,
        files: list.files.into_iter().map(file).collect(),
        signed: None,
        warnings: list
            .warnings
            .into_iter()
            .map(|told| LineWarning { line: told.line, text: told.text })
            .collect(),
    }
}

/// A folder held against a manifest; `strict` reports what is not listed, too.
pub fn verify(
    named: &Named,
    folder: &Path,
    strict: Strictness,
    listener: Listener,
) -> Result<Answer<FindingsView>, Failure> {
    let (document, _) = named.read()?;
    if !fs::is_folder(folder) {
        return Err(Failure::new(Exit::Refused, format!("there is no folder {}", fs::shown(folder))));
    }
    let (root, nothing) = (Root::open(folder)?, Patterns::default());
    let counted = match (&document, strict) {
        // Nothing else is looked at: such lists are held against whole machines.
        (Document::List(list), Strictness::Listed) => {
            Counted::of_list(list, &root, list.verify_listed(&root, &nothing)?)
        }
        _ => {
            let algorithms = match &document {
                Document::List(list) => list.algorithms(),
                Document::Manifest(_) => Algorithms::Sha256,
            };
            let options = scan::Options { algorithms, skip: &nothing, digests: scan::Digests::Read };
            let scanned = scan::scan(&root, &options, &mut |step, event| listener(None, step, event))?;
            let findings = match &document {
                Document::List(list) => list.verify(&root, &scanned.tree, &nothing)?,
                Document::Manifest(manifest) => verify::verify(manifest, &scanned.tree, &nothing),
            };
            Counted { findings, checked: scanned.checked, bytes: scanned.bytes, rehashed: scanned.rehashed }
        }
    };
    Ok(counted.answer(strict))
}

/// What was found, and how much was looked at.
struct Counted {
    findings: Findings,
    checked: u64,
    bytes: u64,
    rehashed: u64,
}

impl Counted {
    fn of_list(list: &HashList, root: &Root, findings: Findings) -> Counted {
        let checked = list.files.len() as u64 - findings.missing.len() as u64;
        let stats = list.files.keys().filter_map(|path| root.stat(path).ok().flatten());
        let bytes = stats.map(|stat| stat.size).sum();
        Counted { findings, checked, bytes, rehashed: checked }
    }

    fn answer(self, strict: Strictness) -> Answer<FindingsView> {
        let findings = self.findings;
        let shown = |paths: &[TreePath]| paths.iter().map(ToString::to_string).collect::<Vec<_>>();
        let unexpected =
            if strict == Strictness::Everything { shown(&findings.unexpected) } else { Vec::new() };
        let exit = if findings.is_clean() && unexpected.is_empty() { Exit::Done } else { Exit::Differs };
        let view = FindingsView {
            modified: shown(&findings.modified),
            missing: shown(&findings.missing),
            unexpected,
            unreadable: shown(&findings.unreadable),
            checked: self.checked,
            bytes: self.bytes,
            rehashed: self.rehashed,
        };
        Answer::ending(exit, view)
    }
}

/// What `verify` reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strictness {
    Listed,
    Everything,
}

pub fn difference(old: &Named, new: &Named) -> Result<Answer<ManifestDiffView>, Failure> {
    let found = match (old.read()?.0, new.read()?.0) {
        (Document::Manifest(old), Document::Manifest(new)) => diff::difference(&old, &new),
        (old, new) => old.into_list().difference(&new.into_list())?,
    };
    let shown = |paths: &[SitePath]| paths.iter().map(|path| path.as_str().to_owned()).collect::<Vec<_>>();
    let view = ManifestDiffView {
        added: shown(&found.added),
        removed: shown(&found.removed),
        changed: shown(&found.changed),
    };
    let same = view.added.is_empty() && view.removed.is_empty() && view.changed.is_empty();
    Ok(Answer::ending(if same { Exit::Done } else { Exit::Differs }, view))
}

/// What `manifest convert` is asked for.
#[derive(Clone, Debug)]
pub struct ConvertRequest {
    pub from: Named,
    pub to: Format,
    /// Where to write it.
    pub output: Option<PathBuf>,
    /// A folder that holds the files as released.
    pub tree: Option<PathBuf>,
    pub product: Option<String>,
    pub version: Option<String>,
}

/// The list in the other format, written where asked; what it could not say is told.
pub fn convert(request: &ConvertRequest) -> Result<Answer<ConvertView>, Failure> {
    let (document, _) = request.from.read()?;
    let mut warnings = match &document {
        Document::Manifest(manifest) => write::unsaid_of(manifest),
        Document::List(_) => Vec::new(),
    };
    let mut list = document.into_list();
    let from = list.format;
    list.product = request.product.clone().or(list.product);
    list.version = request.version.clone().or(list.version);
    if let Some(tree) = &request.tree {
        list.complete(&Root::open(tree)?, request.to)?;
    }
    let bytes = list.write(request.to, clock::now())?;
    let told = list.warnings.iter().map(|told| format!("line {}: {}", told.line, told.text));
    warnings.extend(told.chain(list.unsaid(request.to)));
    let text = match &request.output {
        Some(path) => {
            fs::write_durable_with(path, &bytes, 0o644)?;
            None
        }
        None => Some(String::from_utf8_lossy(&bytes).into_owned()),
    };
    let files = list.files.len() as u64;
    let (from, to) = (from.name().into(), request.to.name().into());
    Ok(Answer::done(ConvertView { from, to, files, warnings, text }))
}
