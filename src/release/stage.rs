//! Step 1: a release is brought here and verified. Nothing of it is executed
//! or believed, and what was staged before stays until all of it is here.

use std::io::Read;
use std::path::Path;

use crate::base::digest::Algorithms;
use crate::base::digest::Sha256;
use crate::base::event::Watch;
use crate::base::exit::Exit;
use crate::base::exit::Fault;
use crate::base::path::SitePath;
use crate::base::path::TreePath;
use crate::base::tree::Kind;
use crate::base::tree::Node;
use crate::base::tree::Tree;
use crate::integrity::manifest::Extent;
use crate::integrity::manifest::Made;
use crate::integrity::manifest::Manifest;
use crate::integrity::manifest::ManifestError;
use crate::integrity::manifest::build::BuildError;
use crate::integrity::manifest::build::Describe;
use crate::integrity::manifest::build::build;
use crate::integrity::scan;
use crate::integrity::scan::ScanError;
use crate::release::archive::ArchiveError;
use crate::release::archive::Limits;
use crate::release::content::Content;
use crate::release::content::take_in;
use crate::release::source::Source;
use crate::release::source::SourceError;
use crate::release::staging::FORMAT;
use crate::release::staging::Origin;
use crate::release::staging::Staged;
use crate::release::staging::Staging;
use crate::release::staging::StagingError;
use crate::release::staging::Trust;
use crate::site::profile::Profile;
use crate::sys::clock;
use crate::sys::fs::IoError;

/// The name under which a release carries its own manifest.
pub const MANIFEST_NAME: &str = "entracte.json";

/// What staging needs to know of the site.
pub struct Options<'a> {
    pub profile: &'a Profile,
    pub product: &'a str,
    pub version: Option<&'a str>,
    /// Whether a folder without a manifest is the whole release.
    pub extent: Option<Extent>,
    pub limits: Limits,
    pub inbox: &'a Path,
    pub incoming: &'a Path,
}

#[derive(Debug, thiserror::Error)]
pub enum StageError {
    #[error("{source_name} is still changing")]
    StillChanging { source_name: String },
    #[error("the release holds {product}, but this site is {wanted}")]
    OtherProduct { product: String, wanted: String },
    #[error("the release says that it is version {found}, not {wanted}")]
    OtherVersion { found: String, wanted: String },
    #[error("{path} is listed in the release's manifest but not in the release")]
    Missing { path: SitePath },
    #[error("{path} is not as the release's manifest says")]
    NotAsListed { path: SitePath },
    #[error("the release's own manifest {MANIFEST_NAME} cannot be used")]
    Manifest(#[source] ManifestError),
    #[error("the release holds no file")]
    Empty,
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    #[error(transparent)]
    Build(#[from] BuildError),
    #[error(transparent)]
    Io(#[from] IoError),
    #[error(transparent)]
    Scan(#[from] ScanError),
    #[error(transparent)]
    Source(#[from] SourceError),
    #[error(transparent)]
    Staging(#[from] StagingError),
}

impl Fault for StageError {
    fn exit(&self) -> Exit {
        match self {
            StageError::StillChanging { .. }
            | StageError::OtherProduct { .. }
            | StageError::OtherVersion { .. } => Exit::Refused,
            StageError::Missing { .. } | StageError::NotAsListed { .. } => Exit::Untrusted,
            StageError::Manifest(error) => error.exit(),
            StageError::Empty => Exit::Failed,
            StageError::Archive(error) => error.exit(),
            StageError::Build(error) => error.exit(),
            StageError::Io(error) => error.exit(),
            StageError::Scan(error) => error.exit(),
            StageError::Source(error) => error.exit(),
            StageError::Staging(error) => error.exit(),
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            StageError::StillChanging { .. } => {
                vec!["wait until the transfer is over, then try again".into()]
            }
            StageError::OtherProduct { .. } => {
                vec!["`product` in entracte.toml says what this site takes".into()]
            }
            StageError::Archive(error) => error.hints(),
            StageError::Io(error) => error.hints(),
            StageError::Source(error) => error.hints(),
            StageError::Staging(error) => error.hints(),
            _ => Vec::new(),
        }
    }
}

/// Brings the release to staging and makes it the staged one.
pub fn stage(
    source: &Source,
    staging: &Staging,
    options: &Options,
    watch: Watch,
) -> Result<Staged, StageError> {
    let found = source.find(options.inbox, options.incoming)?;
    let content = take_in(source, &found, staging, &options.limits, options.extent, watch)?;
    let staged = match describe(source, staging, options, content) {
        Ok(staged) => staged,
        Err(error) => {
            // What was refused is not kept; what stays is what was staged before.
            staging.forget_unrecorded()?;
            return Err(error);
        }
    };
    staging.record(&staged)?;
    Ok(staged)
}

/// The manifest of a source, its content being put into staging.
fn describe(
    source: &Source,
    staging: &Staging,
    options: &Options,
    mut content: Content,
) -> Result<Staged, StageError> {
    let own =
        SitePath::parse(MANIFEST_NAME).ok().and_then(|path| content.tree.remove(&TreePath::from(&path)));
    let tree = &content.tree;
    let read = |path: &SitePath| read_object(staging, tree, path);
    let manifest = match own.as_ref().and_then(Node::sha256) {
        Some(digest) => {
            let mut text = Vec::new();
            let mut object = staging.open_object(&digest)?;
            object.read_to_end(&mut text).map_err(|source| IoError::new("read", MANIFEST_NAME, source))?;
            let manifest = Manifest::parse(&text).map_err(StageError::Manifest)?;
            check_listed(&manifest, tree, &mut content.notes)?;
            manifest
        }
        None => built(options, tree, content.extent, &read)?,
    };
    if manifest.product != options.product {
        let wanted = options.product.to_owned();
        return Err(StageError::OtherProduct { product: manifest.product, wanted });
    }
    if let Some(wanted) = options.version
        && manifest.version != wanted
    {
        return Err(StageError::OtherVersion { found: manifest.version, wanted: wanted.to_owned() });
    }
    let origin = Origin {
        format: FORMAT,
        manifest: manifest.digest(),
        source: source.text(),
        trust: Trust::None,
        fetched_bytes: content.written,
        requests: 0,
        staged_at: clock::now(),
        notes: content.notes,
    };
    Ok(Staged { manifest, origin })
}

/// A manifest for a release that has none.
fn built(
    options: &Options,
    tree: &Tree,
    extent: Extent,
    read: &dyn Fn(&SitePath) -> Option<Vec<u8>>,
) -> Result<Manifest, StageError> {
    if !tree.values().any(|node| matches!(node.kind, Kind::File { .. })) {
        return Err(StageError::Empty);
    }
    let said = options.profile.version_in(read);
    let version = options.version.map(str::to_owned).or(said).unwrap_or_else(|| unknown_version(tree));
    let deleted = options.profile.release.deleted_list.as_ref().map(|path| deleted(path, tree, read));
    let newest = tree.values().map(|node| node.meta.modified()).max().unwrap_or_default();
    let describe = Describe {
        product: options.product.to_owned(),
        version,
        time: newest,
        made: Made::Built,
        extent,
        from: Vec::new(),
        deleted: deleted.unwrap_or_default(),
        conventions: options.profile.conventions(),
    };
    Ok(build(tree, describe, &mut |path| read(path))?)
}

/// The same content always gets the same name.
fn unknown_version(tree: &Tree) -> String {
    let lines: Vec<u8> = tree
        .iter()
        .flat_map(|(path, node)| {
            [path.as_bytes(), node.sha256().map_or(String::new(), |d| d.to_string()).as_bytes()].concat()
        })
        .collect();
    format!("unknown-{}", &Sha256::of(&lines).to_string()[..8])
}

/// The obsolete paths that a release lists, one a line; those it ships are not.
fn deleted(list: &SitePath, tree: &Tree, read: &dyn Fn(&SitePath) -> Option<Vec<u8>>) -> Vec<SitePath> {
    let text = read(list).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let mut paths: Vec<SitePath> = lines
        .filter_map(|line| SitePath::parse(line.trim_end_matches('/')).ok())
        .filter(|path| !tree.contains_key(&TreePath::from(path)))
        .collect();
    paths.sort();
    paths.dedup();
    paths
}

fn check_listed(manifest: &Manifest, tree: &Tree, notes: &mut Vec<String>) -> Result<(), StageError> {
    for entry in &manifest.files {
        match tree.get(&TreePath::from(&entry.path)) {
            Some(node) if crate::integrity::three_way::holds(node, &entry.content) => {}
            Some(_) => return Err(StageError::NotAsListed { path: entry.path.clone() }),
            None => return Err(StageError::Missing { path: entry.path.clone() }),
        }
    }
    let listed = |path: &TreePath| path.to_site_path().is_ok_and(|path| manifest.entry(&path).is_some());
    let extra = tree.iter().filter(|(path, node)| !node.is_folder() && !listed(path)).count();
    if extra > 0 {
        notes.push(format!("{extra} files of the release are not in its manifest and were left out"));
    }
    Ok(())
}

fn read_object(staging: &Staging, tree: &Tree, path: &SitePath) -> Option<Vec<u8>> {
    let digest = tree.get(&TreePath::from(path))?.sha256()?;
    let mut content = Vec::new();
    staging.open_object(&digest).ok()?.read_to_end(&mut content).ok()?;
    Some(content)
}

/// Every content that a manifest names is here and has its digest.
pub fn verify_objects(staging: &Staging, manifest: &Manifest) -> Result<(), StageError> {
    for entry in manifest.files.iter().filter(|entry| entry.sha256().is_some()) {
        let Some(expected) = entry.sha256() else { continue };
        let missing = || StageError::Missing { path: entry.path.clone() };
        let mut file = staging.open_object(&expected).map_err(|_| missing())?;
        let (_, digest, _) = scan::hash_reader(&mut file, Algorithms::Sha256)
            .map_err(|source| IoError::new("read", staging.object_path(&expected), source))?;
        if digest != expected {
            return Err(StageError::NotAsListed { path: entry.path.clone() });
        }
    }
    Ok(())
}
