//! What a release says of itself, or, where it says nothing, what its content
//! tells. `read` gives the content of single files of it.

use crate::base::count;
use crate::base::digest::Sha256;
use crate::base::path::SitePath;
use crate::base::path::TreePath;
use crate::base::tree::Kind;
use crate::base::tree::Tree;
use crate::integrity::manifest::Extent;
use crate::integrity::manifest::Made;
use crate::integrity::manifest::Manifest;
use crate::integrity::manifest::build::Describe;
use crate::integrity::manifest::build::build;
use crate::integrity::manifest::version;
use crate::release::content::Said;
use crate::release::stage::MANIFEST_NAME;
use crate::release::stage::Options;
use crate::release::stage::StageError;

type Read<'a> = &'a dyn Fn(&SitePath) -> Option<Vec<u8>>;

/// The release's own manifest, proved by what is there, else one that is built.
/// Its own manifest is no file of the release: it leaves the tree.
pub(super) fn manifest_of(
    tree: &mut Tree,
    extent: Extent,
    options: &Options,
    told: &Said,
    read: Read,
    notes: &mut Vec<String>,
) -> Result<Manifest, StageError> {
    let name = SitePath::parse(MANIFEST_NAME).ok().filter(|name| tree.contains_key(&TreePath::from(name)));
    let own = name.as_ref().and_then(read);
    if let Some(name) = &name {
        tree.remove(&TreePath::from(name));
    }
    let manifest = match own {
        Some(text) => {
            let manifest = Manifest::parse(&text).map_err(StageError::Manifest)?;
            check_listed(&manifest, tree, notes)?;
            manifest
        }
        None => built(options, tree, extent, told, read, notes)?,
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
    Ok(manifest)
}

/// A manifest for a release that has none.
fn built(
    options: &Options,
    tree: &Tree,
    extent: Extent,
    told: &Said,
    read: Read,
    notes: &mut Vec<String>,
) -> Result<Manifest, StageError> {
    if !tree.values().any(|node| matches!(node.kind, Kind::File { .. })) {
        return Err(StageError::Empty);
    }
    let said = options.profile.version_in(read);
    let said = options.version.map(str::to_owned).or(said).or_else(|| told.version.clone());
    let version = said.unwrap_or_else(|| unknown_version(tree));
    let list = options.profile.release.deleted_list.as_ref();
    let deleted = list.map(|path| deleted(path, tree, read, notes));
    let newest = tree.values().map(|node| node.meta.modified()).max().unwrap_or_default();
    let describe = Describe {
        product: options.product.to_owned(),
        version,
        time: told.time.unwrap_or(newest),
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
    format!("{}{}", version::UNKNOWN, &Sha256::of(&lines).to_string()[..8])
}

/// The obsolete paths that a release lists, one a line; those it ships are not.
fn deleted(list: &SitePath, tree: &Tree, read: Read, notes: &mut Vec<String>) -> Vec<SitePath> {
    let text = read(list).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let (mut paths, mut wrong) = (Vec::new(), Vec::new());
    for line in lines {
        match SitePath::parse(line.trim_end_matches('/')) {
            Ok(path) if tree.contains_key(&TreePath::from(&path)) => {}
            Ok(path) => paths.push(path),
            Err(error) => wrong.push(error.to_string()),
        }
    }
    if let Some(first) = wrong.first() {
        notes.push(format!("left out of {list}: {}, the first: {first}", count::of(wrong.len(), "line")));
    }
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
        notes.push(format!("left out, since the manifest does not list it: {}", count::of(extra, "file")));
    }
    Ok(())
}
