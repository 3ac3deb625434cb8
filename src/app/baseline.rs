//! What is known of the release that is installed: as given, as a list in the
//! tree proves it, or as observed.

use std::path::Path;

use crate::app::believe;
use crate::app::desk::Listener;
use crate::app::failure::Failure;
use crate::app::identify;
use crate::app::identify::Recognised;
use crate::app::init::Request;
use crate::app::look::release_at;
use crate::app::network::network;
use crate::app::published::Published;
use crate::app::published::Wish;
use crate::base::count;
use crate::base::escape;
use crate::base::exit::causes;
use crate::base::path::SitePath;
use crate::base::path::TreePath;
use crate::base::tree::Kind;
use crate::base::tree::Meta;
use crate::base::tree::Node;
use crate::base::tree::Tree;
use crate::integrity::list::Document;
use crate::integrity::list::HashList;
use crate::integrity::list::Verdict;
use crate::integrity::manifest::Extent;
use crate::integrity::manifest::Made;
use crate::integrity::manifest::Manifest;
use crate::integrity::manifest::build::Describe;
use crate::integrity::manifest::build::build;
use crate::integrity::manifest::check_names;
use crate::integrity::verify;
use crate::integrity::verify::Findings;
use crate::release::network::Network;
use crate::site::installed::Baseline;
use crate::site::profile::Profile;
use crate::site::settings::Policy;
use crate::sys::beneath::Root;
use crate::sys::clock;
use crate::sys::fs;

/// The profile that fits everything names nothing.
const NAMELESS: &str = "generic";

/// The manifest of what is installed: as given, else as observed.
pub(super) fn baseline(
    root: &Path,
    tree: &Tree,
    profile: &Profile,
    request: &Request,
    notes: &mut Vec<String>,
    listener: Listener,
) -> Result<Known, Failure> {
    if let Some(path) = &request.manifest {
        return match Document::read(path, None)? {
            Document::Manifest(manifest) => Ok(Known::release(*manifest, tree, profile)),
            Document::List(list) => {
                notes.push(format!("the list {} tells what was released; nobody signed it", fs::shown(path)));
                proved(&list, root, tree, profile, notes)
            }
        };
    }
    if let Some(path) = &request.release {
        let network = network(None, &request.network.options()?)?;
        if let Some(published) = published(root, tree, profile, request, &network, notes, listener)? {
            return Ok(Known::published(published, tree, profile));
        }
        let version = request.version.as_deref();
        let manifest = release_at(path, profile, &profile.name, version, &network, listener)?;
        return Ok(Known::release(manifest, tree, profile));
    }
    if let Some(listed) = from_list(root, tree, profile, notes)? {
        return Ok(listed);
    }
    if let Some(recognised) = identify::recognise(root, tree, profile)? {
        return from_known(recognised, tree, profile, notes);
    }
    notes.push(
        "without --release or --manifest nobody knows what the files were before: the baseline is observed"
            .into(),
    );
    let manifest = observed(root, tree, profile, notes)?;
    let findings = Findings { exact: manifest.files.len() as u64, ..Findings::default() };
    Ok(Known { manifest, baseline: Baseline::Observed, findings, published: None })
}

/// What is known of the installed release, and how the tree stands to it.
pub(super) struct Known {
    pub manifest: Manifest,
    pub baseline: Baseline,
    pub findings: Findings,
    /// The reference that it is from.
    pub published: Option<Published>,
}

impl Known {
    fn release(manifest: Manifest, tree: &Tree, profile: &Profile) -> Known {
        let findings = verify::verify(&manifest, tree, &profile.keep.and(&profile.volatile));
        Known { manifest, baseline: Baseline::Release, findings, published: None }
    }

    fn published(published: Published, tree: &Tree, profile: &Profile) -> Known {
        let known = Known::release(published.manifest.clone(), tree, profile);
        Known { published: Some(published), ..known }
    }
}

/// The release that the tree is likely to be, where a reference is named.
fn published(
    root: &Path,
    tree: &Tree,
    profile: &Profile,
    request: &Request,
    network: &Network,
    notes: &mut Vec<String>,
    listener: Listener,
) -> Result<Option<Published>, Failure> {
    let Some(text) = request.release.as_ref().map(|path| path.to_string_lossy()) else { return Ok(None) };
    let says_itself = profile.version_in(&|path| fs::read(&root.join(path.as_path())).ok());
    let folder = request.dir.as_ref().map(|dir| format!(" {}", escape::word(&dir.to_string_lossy())));
    let (folder, options) = (folder.unwrap_or_default(), request.network.retyped());
    let command = format!("entracte init{folder} --release {}{options}", believe::retyped(&text));
    let policy = Policy::default();
    let wish = Wish {
        text: &text,
        version: request.version.as_deref(),
        likely: says_itself.as_deref(),
        // What no profile knows is whatever its maker calls it.
        product: Some(profile.name.as_str()).filter(|name| *name != NAMELESS),
        profile,
        belief: request.belief.as_ref(),
        policy: &policy,
        trust: None,
        network: network.clone(),
        command: &command,
    };
    let Some(found) = Published::look(&wish, listener)? else { return Ok(None) };
    let is_said = wish.version.is_some() || wish.likely == Some(&found.manifest.version);
    if is_said || !found.is_followed || found.offered.len() < 2 {
        return Ok(Some(found));
    }
    nearest(root, tree, found, wish, notes, listener)
}

/// The one of several published versions that the files are nearest to: taken for
/// another, all that differs would count as changed by the owner.
fn nearest(
    root: &Path,
    tree: &Tree,
    newest: Published,
    wish: Wish,
    notes: &mut Vec<String>,
    listener: Listener,
) -> Result<Option<Published>, Failure> {
    let nearest = identify::nearest_of(root, tree, newest.releases(&wish.network, listener)?)?;
    let (assumed, offered) = (&newest.manifest.version, count::of(newest.offered.len(), "version"));
    notes.push(match &nearest {
        Some(nearest) => format!("of the {offered} that are published, its files are nearest to {nearest}"),
        None => {
            format!("its files are near to none of the {offered} that are published: {assumed} is assumed")
        }
    });
    match nearest.filter(|nearest| nearest != assumed) {
        Some(nearest) => Published::look(&Wish { version: Some(&nearest), ..wish }, listener),
        None => Ok(Some(newest)),
    }
}

/// What a list in the tree itself proves, where there is one that can be used.
fn from_list(
    root: &Path,
    tree: &Tree,
    profile: &Profile,
    notes: &mut Vec<String>,
) -> Result<Option<Known>, Failure> {
    let read = |path: &SitePath| fs::read(&root.join(path.as_path())).ok();
    let version = profile.version_in(&read).unwrap_or_default();
    for rule in &profile.release.hash_lists {
        // Some have the version in their names.
        let Ok(file) = SitePath::parse(&rule.file.as_str().replace("{version}", &version)) else { continue };
        let path = root.join(file.as_path());
        if !fs::is_file(&path) {
            continue;
        }
        match Document::read(&path, Some(rule.format)) {
            Ok(document) => {
                let list = document.into_list();
                notes.push(format!("the list {file} in the tree tells what was released; nobody signed it"));
                return proved(&list, root, tree, profile, notes).map(Some);
            }
            Err(error) => {
                let why = causes(&error).join(": ");
                notes.push(format!("the list {file} in the tree is of no use: {why}"));
            }
        }
    }
    Ok(None)
}

/// The files that a list proves to be as released; the rest of what it lists was
/// changed here, and nobody knows from what.
fn proved(
    list: &HashList,
    root: &Path,
    tree: &Tree,
    profile: &Profile,
    notes: &mut Vec<String>,
) -> Result<Known, Failure> {
    if !list.warnings.is_empty() {
        notes.push(format!(
            "left out of the list: {}, which `entracte manifest show` names",
            count::of(list.warnings.len(), "line")
        ));
    }
    let (mut exact, mut findings) = (Tree::new(), Findings::default());
    for (path, verdict) in list.judge(&Root::open(root)?, Some(tree), &profile.keep.and(&profile.volatile))? {
        let path = TreePath::from(&path);
        match verdict {
            Verdict::Exact => {
                findings.exact += 1;
                exact.extend(tree.get_key_value(&path).map(|(path, node)| (path.clone(), node.clone())));
            }
            Verdict::Modified => findings.modified.push(path),
            Verdict::Missing => findings.missing.push(path),
            Verdict::Unreadable => findings.unreadable.push(path),
        }
    }
    let mut manifest = observed(root, &exact, profile, notes)?;
    manifest.made = Made::Built;
    if let Some(version) = list.version.as_ref().filter(|_| manifest.version == "unknown")
        && check_names(&manifest.product, version).is_ok()
    {
        manifest.version = version.clone();
    }
    Ok(Known { manifest, baseline: Baseline::List, findings, published: None })
}

/// The release of a list that ships with the program. A text that only has other
/// line ends is as released: what stands there is what the list says.
fn from_known(
    recognised: Recognised,
    tree: &Tree,
    profile: &Profile,
    notes: &mut Vec<String>,
) -> Result<Known, Failure> {
    let Recognised { catalogue, found, account } = recognised;
    let release = &catalogue.releases()[found.ranks[0].release];
    let entries = release.files().iter().map(|number| catalogue.entry(*number));
    let listed: Tree = entries
        .map(|entry| {
            let path = TreePath::from(&entry.path);
            let here = tree.get(&path).filter(|_| account.line_ends.binary_search(&path).is_ok());
            let kind = Kind::File { size: entry.size, sha256: entry.sha256, md5: None };
            let node = here.cloned().unwrap_or(Node { kind, meta: Meta::default() });
            (path, node)
        })
        .collect();
    let describe = Describe {
        product: release.about.product.clone(),
        version: release.about.version.clone(),
        time: release.about.time,
        made: Made::Built,
        extent: Extent::Complete,
        from: Vec::new(),
        deleted: Vec::new(),
        conventions: profile.conventions(),
    };
    let mut manifest = build(&listed, describe, &mut |_| None)?;
    // The list does not say permissions.
    manifest.files.iter_mut().for_each(|entry| entry.mode = None);
    notes.push(format!(
        "recognised: {}, {} of its {} are there; nobody signed this list for your tree",
        release.about.title(),
        found.ranks[0].held,
        count::of(found.ranks[0].files, "file")
    ));
    if !account.line_ends.is_empty() {
        notes.push(format!(
            "of {} only the line ends are other than the release's: that counts as released",
            count::of(account.line_ends.len(), "file")
        ));
    }
    Ok(Known { baseline: Baseline::List, ..Known::release(manifest, tree, profile) })
}

/// What stands there now, without the owner's files and what changes by itself.
fn observed(
    root: &Path,
    tree: &Tree,
    profile: &Profile,
    notes: &mut Vec<String>,
) -> Result<Manifest, Failure> {
    let aside = profile.keep.and(&profile.volatile).and(&profile.uploads);
    let mut listed = Tree::new();
    for (path, node) in tree.iter().filter(|(path, _)| !aside.matches_bytes(path.as_bytes())) {
        let usable = path.to_site_path().is_ok() && matches!(node.kind, Kind::File { .. } | Kind::Folder);
        if usable {
            listed.insert(path.clone(), node.clone());
        } else if !matches!(node.kind, Kind::Link { .. }) {
            notes.push(format!("{path} is left out: no release can hold it"));
        }
    }
    let read = |path: &SitePath| fs::read(&root.join(path.as_path())).ok();
    let version = profile.version_in(&read).unwrap_or_else(|| "unknown".into());
    let describe = Describe {
        product: profile.name.clone(),
        version,
        time: clock::now(),
        made: Made::Observed,
        extent: Extent::Complete,
        from: Vec::new(),
        deleted: Vec::new(),
        conventions: profile.conventions(),
    };
    Ok(build(&listed, describe, &mut |path| read(path))?)
}
