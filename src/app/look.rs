//! The manifest of a release that nobody stages.

use std::path::Path;

use crate::app::desk::Listener;
use crate::app::failure::Failure;
use crate::integrity::manifest::Extent;
use crate::integrity::manifest::Manifest;
use crate::release::archive::Limits;
use crate::release::network::Network;
use crate::release::source::Source;
use crate::release::stage;
use crate::release::unread::Unread;
use crate::site::profile::Profile;
use crate::sys::fs;
use crate::sys::scratch::Scratch;

/// What the folder or archive at `path` holds, taken for a whole release.
pub(super) fn release_at(
    path: &Path,
    profile: &Profile,
    product: &str,
    version: Option<&str>,
    network: &Network,
    listener: Listener,
) -> Result<Manifest, Failure> {
    release_by_way_of(&Scratch::new()?, path, profile, product, version, network, listener)
}

/// The same; the content of an archive is in `scratch` as in a staging area afterwards.
pub(super) fn release_by_way_of(
    scratch: &Scratch,
    path: &Path,
    profile: &Profile,
    product: &str,
    version: Option<&str>,
    network: &Network,
    listener: Listener,
) -> Result<Manifest, Failure> {
    let options = options(path, profile, product, version, network);
    let source = match fs::is_folder(path) {
        true => Source::Folder(path.to_owned()),
        false => Source::parse(&path.to_string_lossy())?,
    };
    Ok(stage::look(&source, &options, scratch.path(), &mut |step, event| listener(None, step, event))?)
}

/// The folder at `path`, listed and not read yet, with its manifest but for the digests; `None`
/// where it has to be looked at as a whole.
pub(super) fn unread_at(
    path: &Path,
    profile: &Profile,
    product: &str,
    version: Option<&str>,
    listener: Listener,
) -> Result<Option<(Unread, Manifest)>, Failure> {
    if !fs::is_folder(path) {
        return Ok(None);
    }
    let network = Network::default();
    let options = options(path, profile, product, version, &network);
    Ok(Unread::list(path, &options, &mut |step, event| listener(None, step, event))?)
}

fn options<'a>(
    path: &'a Path,
    profile: &'a Profile,
    product: &'a str,
    version: Option<&'a str>,
    network: &Network,
) -> stage::Options<'a> {
    stage::Options {
        profile,
        product,
        version,
        extent: Some(Extent::Complete),
        limits: Limits::default(),
        inbox: path,
        incoming: path,
        network: network.clone(),
        live: None,
        home: None,
    }
}
