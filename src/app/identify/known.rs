//! The releases that a tree is held against.

use std::path::Path;
use std::path::PathBuf;

use crate::app::desk::Listener;
use crate::app::failure::Failure;
use crate::app::look::release_at;
use crate::app::network::Typed;
use crate::app::network::network;
use crate::base::escape;
use crate::base::exit::Exit;
use crate::base::pattern::Patterns;
use crate::base::tree::Tree;
use crate::integrity::catalogue::Catalogue;
use crate::integrity::catalogue::Collector;
use crate::integrity::catalogue::Origin;
use crate::integrity::list::Document;
use crate::integrity::manifest::Made;
use crate::integrity::manifest::Manifest;
use crate::release::obtain;
use crate::release::obtain::Where;
use crate::release::obtain::is_reference;
use crate::release::source::Source;
use crate::site::Site;
use crate::site::detect;
use crate::site::installed::Installed;
use crate::site::shipped;
use crate::site::state::State;
use crate::sys::beneath::Root;
use crate::sys::fs;

/// What is named besides what is known anyway.
#[derive(Clone, Debug, Default)]
pub struct Named {
    pub manifests: Vec<PathBuf>,
    /// Folders, archives and their addresses, and references that the site trusts.
    pub from: Vec<String>,
    /// How the network is used, where it is not as the site's settings say.
    pub network: Typed,
}

/// Everything that is known: what was named first, then what was installed
/// here, then what ships with the program.
pub(super) fn gather(
    folder: &Root,
    tree: &Tree,
    state: Option<&State>,
    named: &Named,
    listener: Listener,
) -> Result<Catalogue, Failure> {
    let mut collector = Collector::default();
    for path in &named.manifests {
        if !fs::is_file(path) {
            return Err(Failure::new(Exit::Refused, format!("there is no file {}", fs::shown(path))));
        }
        let manifest = Document::read(path, None)?.against(folder, tree, &Patterns::default())?;
        collector.add_manifest(manifest, Origin::Named(fs::shown(path)));
    }
    for text in &named.from {
        let shown = escape::text(text).into_owned();
        for manifest in from(text, folder.path(), state, &named.network, listener)? {
            collector.add_manifest(manifest, Origin::Named(shown.clone()));
        }
    }
    if let Some(state) = state {
        // What was observed is no release: it is the tree itself.
        let installed = Installed(&state.installed()).all()?.into_iter();
        installed
            .filter(|manifest| manifest.made != Made::Observed)
            .for_each(|manifest| collector.add_manifest(manifest, Origin::Installed));
    }
    shipped::add_to(&mut collector, None)?;
    Ok(collector.finish())
}

/// The manifests of everything that one source offers.
fn from(
    text: &str,
    root: &Path,
    state: Option<&State>,
    typed: &Typed,
    listener: Listener,
) -> Result<Vec<Manifest>, Failure> {
    let site = state.map(|state| Site::open(state.clone())).transpose()?;
    let network = network(site.as_ref(), &typed.options()?)?;
    let place = match Source::parse(text)? {
        Source::Reference(url) => Where::Server(url),
        Source::Folder(path) if is_reference(&path) => Where::Folder(path),
        Source::Folder(path) | Source::Archive(path) => {
            let profile = match fs::is_folder(&path) {
                true => detect::profile(&path, None)?,
                false => detect::profile(root, None)?,
            };
            return Ok(vec![release_at(&path, &profile, &profile.name, None, &network, listener)?]);
        }
        Source::Url(_) => {
            let profile = detect::profile(root, None)?;
            return Ok(vec![release_at(Path::new(text), &profile, &profile.name, None, &network, listener)?]);
        }
        _ => {
            let message = format!("{} cannot be asked which releases it holds", escape::text(text));
            return Err(Failure::new(Exit::Usage, message)
                .hint("name a reference that the site trusts, a folder, an archive or its address"));
        }
    };
    let Some(state) = state else {
        let message = "a reference is believed by a site, and this folder is none";
        return Err(Failure::new(Exit::Untrusted, message)
            .hint("name the site that trusts it with --site, or a manifest with --manifest"));
    };
    let watch = &mut |step, event| listener(None, step, event);
    Ok(obtain::manifests(&place, &state.trust(), &network, watch)?)
}
