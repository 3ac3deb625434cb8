//! A release that is looked at: what is signed of it, its manifest, and those
//! of its files that somebody asks for.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::path::Path;

use crate::base::digest::Sha256;
use crate::base::event::Watch;
use crate::base::path::SitePath;
use crate::integrity::manifest::FileEntry;
use crate::integrity::manifest::Manifest;
use crate::integrity::manifest::version;
use crate::release::network;
use crate::release::obtain::Home;
use crate::release::obtain::ObtainError;
use crate::release::obtain::Offered;
use crate::release::obtain::Where;
use crate::release::obtain::ask;
use crate::release::obtain::installed;
use crate::release::obtain::pick::Release;
use crate::release::obtain::pick::releases_of;
use crate::release::obtain::place::Far;
use crate::release::obtain::place::Place;
use crate::release::reference::content::unpacked;
use crate::release::reference::custom::ManifestTarget;
use crate::release::stage::Options;
use crate::release::staging::FORMAT;
use crate::release::staging::Origin;
use crate::release::staging::Signed;
use crate::release::staging::Staging;
use crate::release::staging::Trust;
use crate::release::trust::Pinned;
use crate::release::trust::TargetInfo;
use crate::sys::clock;
use crate::sys::fs;

/// A release that is proved to be offered, as far as its manifest.
pub struct Look {
    place: Place,
    release: Release,
    /// What people should know of its signatures.
    pub warnings: Vec<String>,
    /// Whatever the reference offers of the product, the newest first.
    pub offered: Vec<ManifestTarget>,
    pub manifest: Manifest,
    pub pinned: Pinned,
    pub signed: Signed,
}

impl Look {
    /// What [`super::obtain`] would bring; nothing but metadata and the manifest
    /// comes, into the folder `downloads`.
    pub fn at(
        from: &Where,
        home: &Home,
        options: &Options,
        downloads: &Path,
        watch: Watch,
    ) -> Result<Look, ObtainError> {
        let installed = installed(home)?;
        let Offered { place, pinned, verified, release } =
            ask(from, installed.as_ref(), home, options, watch)?;
        let path = place.target(&release.name, &release.info, downloads, watch)?;
        let manifest = manifest_of(&path, &release)?;
        if manifest.product != options.product {
            return Err(ObtainError::WrongManifest { name: release.name });
        }
        let signed = Signed {
            reference: pinned.url().to_owned(),
            root: pinned.digest(),
            root_version: verified.root_version,
            expires: verified.expires,
        };
        let offered = offered(&verified.targets, options.product)?;
        Ok(Look { place, release, warnings: verified.warnings, offered, manifest, pinned, signed })
    }

    /// For people.
    pub fn source(&self) -> String {
        self.place.shown()
    }

    /// What was asked of servers until now.
    pub fn requests(&self) -> u64 {
        self.place.requests()
    }

    /// Whether files come one by one; a bundle holds them in other ways.
    pub fn has_objects(&self) -> bool {
        self.place.has_objects()
    }

    /// Brings the files of these paths to staging, each proved.
    pub fn bring(
        &self,
        is_wanted: &dyn Fn(&SitePath) -> bool,
        staging: &Staging,
        watch: Watch,
    ) -> Result<Origin, ObtainError> {
        let mut missing = staging.missing(&self.manifest);
        let mut seen = BTreeSet::new();
        missing.retain(|entry| is_wanted(&entry.path) && seen.insert(entry.sha256()));
        let far =
            Far { done: 0, total: missing.len() as u64, total_bytes: missing.iter().map(size).sum::<u64>() };
        self.place.objects(&missing, staging, far, watch)?;
        if fs::is_folder(&staging.downloads()) {
            network::forget_all(&staging.downloads())?;
        }
        let mut notes = match &self.place {
            Place::Server(server) => server.mirrors.notes(),
            _ => Vec::new(),
        };
        notes.extend(self.warnings.iter().cloned());
        Ok(Origin {
            format: FORMAT,
            manifest: self.manifest.digest(),
            source: self.source(),
            trust: Trust::Signed,
            fetched_bytes: self.place.fetched(),
            requests: self.requests(),
            staged_at: clock::now(),
            notes,
            signed: Some(self.signed.clone()),
            full_bytes: Some(self.release.about.objects_bytes.saturating_add(self.release.info.length)),
        })
    }
}

fn offered(
    targets: &BTreeMap<String, TargetInfo>,
    product: &str,
) -> Result<Vec<ManifestTarget>, ObtainError> {
    let mut offered: Vec<ManifestTarget> =
        releases_of(targets)?.into_iter().map(|release| release.about).collect();
    offered.retain(|about| about.product == product);
    offered.sort_by(|a, b| version::compare(&b.version, &a.version).then(b.time.cmp(&a.time)));
    Ok(offered)
}

fn size(entry: &&FileEntry) -> u64 {
    entry.size()
}

/// What a file that came under a signed name says, if it is what was signed.
pub(super) fn manifest_of(path: &Path, release: &Release) -> Result<Manifest, ObtainError> {
    let Release { name, about, .. } = release;
    let json = unpacked(&fs::read(path)?, &[], about.manifest_bytes)
        .map_err(|source| ObtainError::Packed { name: name.clone(), source })?;
    if Sha256::of(&json) != about.digest {
        return Err(ObtainError::WrongManifest { name: name.clone() });
    }
    let manifest =
        Manifest::parse(&json).map_err(|source| ObtainError::Manifest { name: name.clone(), source })?;
    match manifest.digest() == about.digest {
        true => Ok(manifest),
        false => Err(ObtainError::WrongManifest { name: name.clone() }),
    }
}
