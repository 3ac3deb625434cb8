//! What all releases of a reference hold, without the content of any.

use std::path::Path;

use crate::base::event::Event;
use crate::base::event::Watch;
use crate::integrity::manifest::Manifest;
use crate::release::network::Network;
use crate::release::obtain::ObtainError;
use crate::release::obtain::Where;
use crate::release::obtain::look::manifest_of;
use crate::release::obtain::metadata;
use crate::release::obtain::open;
use crate::release::obtain::pick::releases_of;
use crate::release::trust::Store;
use crate::sys::env;
use crate::sys::fs;

/// The manifest of each release that the reference offers, believed by a root in `trust`.
pub fn manifests(
    from: &Where,
    trust: &Path,
    network: &Network,
    watch: Watch,
) -> Result<Vec<Manifest>, ObtainError> {
    let (place, url) = open(from, network)?;
    let (_, verified) = metadata::refresh(&Store::open(trust), &place, &url, watch)?;
    let releases = releases_of(&verified.targets)?;
    let downloads = env::temporary_folder().join(format!("entracte-{}", crate::sys::random::hex(8)));
    fs::create_folders(&downloads, 0o700)?;
    let total = releases.len() as u64;
    let mut read = Ok(Vec::new());
    for (done, release) in releases.iter().enumerate() {
        let what = "reading manifests".into();
        watch(None, Event::Progress { what, done: done as u64, total, bytes: 0, total_bytes: 0 });
        read = read.and_then(|mut all: Vec<Manifest>| {
            let path = place.target(&release.name, &release.info, &downloads, watch)?;
            all.push(manifest_of(&path, release)?);
            Ok(all)
        });
    }
    fs::remove_folder_all(&downloads)?;
    read
}
