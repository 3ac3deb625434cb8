//! A partial release of the installed version, made of files that stand in the
//! site: what they ask for becomes a run like any other, planned, approved,
//! closed, saved, and with a way back.

use std::io::Read;
use std::io::Write;
use std::path::Path;

use crate::app::desk::Held;
use crate::app::desk::Interrupt;
use crate::app::desk::Listener;
use crate::app::failure::Failure;
use crate::app::stage;
use crate::base::digest::Sha256;
use crate::base::exit::Exit;
use crate::base::path::SitePath;
use crate::integrity::manifest::Content;
use crate::integrity::manifest::FileEntry;
use crate::integrity::manifest::Manifest;
use crate::release::stage::MANIFEST_NAME;
use crate::release::staging::Staging;
use crate::site::Site;
use crate::sys::beneath::Root;
use crate::sys::clock;
use crate::sys::fs;
use crate::sys::fs::IoError;

/// A file of the site and what stands in it.
pub(super) type Text = (SitePath, Vec<u8>);

/// Puts these files of the live tree into staging; `roles` says in the manifest
/// what they are.
pub(super) fn stage(
    held: &Held,
    installed: &Manifest,
    paths: &[SitePath],
    roles: impl FnOnce(&mut Manifest, &[Text]),
    interrupt: &Interrupt,
    listener: Listener,
) -> Result<(), Failure> {
    refuse_to_forget(&held.site, installed)?;
    let texts = read(&held.site, paths)?;
    let mut manifest = manifest(&held.site, installed, &texts);
    roles(&mut manifest, &texts);
    let folder = held.site.state.runner().join("own-release");
    gather(&texts, &manifest, &folder)?;
    let from = folder.to_string_lossy().into_owned();
    let request = stage::Request { from: Some(from), version: None, complete: false };
    stage::stage_here(&held.site, &request, interrupt, listener)?;
    Ok(fs::remove_folder_all(&folder)?)
}

/// What stands in these files of the live tree.
pub(super) fn read(site: &Site, paths: &[SitePath]) -> Result<Vec<Text>, Failure> {
    let live = site.tree()?;
    let one = |path: &SitePath| {
        let mut text = Vec::new();
        let mut from = live.open_file(path)?;
        from.read_to_end(&mut text).map_err(|source| IoError::new("read", live.full(path), source))?;
        Ok((path.clone(), text))
    };
    paths.iter().map(one).collect()
}

/// A release that waits in staging would be replaced by this one.
fn refuse_to_forget(site: &Site, installed: &Manifest) -> Result<(), Failure> {
    match Staging::open(&site.state.staging())?.staged()? {
        Some(staged) if staged.manifest.version != installed.version => Err(Failure::new(
            Exit::Refused,
            format!("release {} is staged and waits", staged.manifest.version),
        )
        .hint("apply it first, or `entracte discard` it")),
        _ => Ok(()),
    }
}

fn manifest(site: &Site, installed: &Manifest, texts: &[Text]) -> Manifest {
    let entry = |(path, text): &Text| {
        let content = Content::File { size: text.len() as u64, sha256: Sha256::of(text), md5: None };
        FileEntry { path: path.clone(), content, mode: None }
    };
    Manifest {
        files: texts.iter().map(entry).collect(),
        ..Manifest::new(site.product().to_owned(), installed.version.clone(), clock::now())
    }
}

fn gather(texts: &[Text], manifest: &Manifest, folder: &Path) -> Result<(), Failure> {
    fs::remove_folder_all(folder)?;
    fs::create_folders(folder, 0o700)?;
    let copy = Root::open(folder)?;
    for (path, text) in texts {
        copy.create_folders_above(path, 0o700)?;
        copy.create_file(path, 0o600)?
            .write_all(text)
            .map_err(|source| IoError::new("write", copy.full(path), source))?;
    }
    Ok(fs::write_durable(&folder.join(MANIFEST_NAME), &manifest.to_json())?)
}
