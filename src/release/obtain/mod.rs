//! A release from a reference: what it says is proved, then exactly what is
//! missing is brought here, the cheapest way.

pub mod bundle;
mod error;
mod here;
mod look;
mod manifests;
mod metadata;
mod patch;
mod pick;
mod place;

use std::collections::BTreeSet;
use std::io::Read;
use std::path::Path;
use std::path::PathBuf;
use std::sync::OnceLock;

use url::Url;

pub use self::error::ObtainError;
use self::here::Here;
pub use self::look::Look;
pub use self::manifests::manifests;
use self::pick::Release;
use self::pick::Wish;
use self::pick::pick;
use self::pick::releases_of;
use self::place::Far;
use self::place::Place;
use self::place::Server;
use crate::base::digest::Sha256;
use crate::base::event::Event;
use crate::base::event::Watch;
use crate::base::step::Step;
use crate::integrity::manifest::FileEntry;
use crate::integrity::manifest::Manifest;
use crate::release::archive::Limits;
use crate::release::choose::Offer;
use crate::release::choose::Way;
use crate::release::choose::packed;
use crate::release::content;
use crate::release::network;
use crate::release::network::Network;
use crate::release::obtain::bundle::Bundle;
use crate::release::stage::Options;
use crate::release::staging::FORMAT;
use crate::release::staging::Origin;
use crate::release::staging::Signed;
use crate::release::staging::Staged;
use crate::release::staging::Staging;
use crate::release::staging::Trust;
use crate::release::trust::Pinned;
use crate::release::trust::Store;
use crate::release::trust::TargetInfo;
use crate::release::trust::Verified;
use crate::site::installed::Installed;
use crate::site::settings::Policy;
use crate::sys::clock;
use crate::sys::fs;

/// The site that follows a reference.
#[derive(Clone, Copy)]
pub struct Home<'a> {
    /// Where the roots lie that it believes.
    pub trust: &'a Path,
    pub installed: &'a Path,
    /// The live tree.
    pub root: &'a Path,
    pub policy: &'a Policy,
}

/// Where a reference lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Where {
    Server(Url),
    Folder(PathBuf),
    Bundle(PathBuf),
}

/// Whether a folder is a reference rather than a release.
pub fn is_reference(folder: &Path) -> bool {
    fs::is_file(&folder.join("metadata/timestamp.json"))
}

/// Brings the release here; nothing is recorded as staged yet.
pub fn obtain(
    from: &Where,
    staging: &Staging,
    home: &Home,
    options: &Options,
    watch: Watch,
) -> Result<Staged, ObtainError> {
    let installed = installed(home)?;
    let Offered { place, pinned, verified, release } = ask(from, installed.as_ref(), home, options, watch)?;
    let (here, published) = (Here::new(Some(home.root), installed.as_ref()), releases_of(&verified.targets)?);
    let installed = installed.as_ref();
    let unchanged = OnceLock::new();
    let work = Work { place, staging, options, installed, here, verified, published, release, unchanged };
    let manifest = work.bring(watch)?;
    work.described(manifest, &pinned)
}

fn installed(home: &Home) -> Result<Option<Manifest>, ObtainError> {
    match Installed(home.installed).current()? {
        Some(_) => Ok(Some(Installed(home.installed).load()?.1)),
        None => Ok(None),
    }
}

/// A release that is proved to be offered.
struct Offered {
    place: Place,
    pinned: Pinned,
    verified: Verified,
    release: Release,
}

fn ask(
    from: &Where,
    installed: Option<&Manifest>,
    home: &Home,
    options: &Options,
    watch: Watch,
) -> Result<Offered, ObtainError> {
    let (place, url) = open(from, &options.network)?;
    let (pinned, verified) = metadata::refresh(&Store::open(home.trust), &place, &url, watch)?;
    for message in &verified.warnings {
        watch(Some(Step::Stage), Event::Warning { message: message.clone() });
    }
    let only = match &place {
        Place::Bundle(bundle) => Some(bundle.version()),
        _ => None,
    };
    let wish = Wish {
        url: pinned.url(),
        product: options.product,
        version: options.version,
        installed: installed.map(|manifest| manifest.version.as_str()),
        policy: home.policy,
    };
    let release = pick(&verified.targets, &wish.of_bundle(only)?)?;
    Ok(Offered { place, pinned, verified, release })
}

fn open(from: &Where, network: &Network) -> Result<(Place, String), ObtainError> {
    Ok(match from {
        Where::Server(url) => (Place::Server(Box::new(Server::new(url, network)?)), url.as_str().to_owned()),
        Where::Folder(path) => (Place::Folder(path.clone()), path.to_string_lossy().into_owned()),
        Where::Bundle(path) => {
            let bundle = Bundle::open(path)?;
            // Where it says none, its own root tells whose it is.
            let url = match bundle.reference() {
                "" => path.to_string_lossy().into_owned(),
                url => url.to_owned(),
            };
            (Place::Bundle(bundle), url)
        }
    })
}

/// One release on its way.
struct Work<'a> {
    place: Place,
    staging: &'a Staging,
    options: &'a Options<'a>,
    installed: Option<&'a Manifest>,
    here: Here<'a>,
    verified: Verified,
    /// All releases that are offered.
    published: Vec<Release>,
    release: Release,
    unchanged: OnceLock<BTreeSet<Sha256>>,
}

impl Work<'_> {
    /// Everything that the release needs is in staging afterwards.
    fn bring(&self, watch: Watch) -> Result<Manifest, ObtainError> {
        let mut tried = BTreeSet::new();
        let manifest = match self.known_manifest()? {
            Some(manifest) => manifest,
            None => match self.pack_first(&mut tried, watch)? {
                Some(manifest) => manifest,
                None => self.fetch_manifest(&self.release, watch)?,
            },
        };
        if manifest.product != self.options.product {
            let name = self.release.name.clone();
            return Err(ObtainError::WrongManifest { name });
        }
        self.here.take(&self.missing(&manifest), self.staging)?;
        loop {
            let missing = self.missing(&manifest);
            let ways = self.offer(Some(&missing)).ways();
            let Some(way) = ways.into_iter().find(|way| !tried.contains(&(*way as u8))) else {
                let path = missing.first().map(|entry| entry.path.clone());
                return match path {
                    Some(path) => Err(ObtainError::Incomplete { url: self.place.shown(), path }),
                    None => Ok(manifest),
                };
            };
            tried.insert(way as u8);
            let gone = match way {
                Way::Nothing => return Ok(manifest),
                Way::Pack => self.unpack_pack(Some(&manifest), watch).map(drop),
                Way::Archive => self.unpack_archive(watch),
                Way::Objects => self.fetch_objects(&missing, watch),
            };
            self.go_on(gone, &mut |event| watch(Some(Step::Stage), event))?;
        }
    }

    /// What is not there may come another way; what is wrong is refused.
    fn go_on(&self, gone: Result<(), ObtainError>, tell: &mut dyn FnMut(Event)) -> Result<(), ObtainError> {
        match gone {
            Err(error @ ObtainError::Missing { .. }) => {
                tell(Event::Warning { message: error.to_string() });
                Ok(())
            }
            gone => gone,
        }
    }

    /// The manifest, where it came before.
    fn known_manifest(&self) -> Result<Option<Manifest>, ObtainError> {
        let wanted = self.release.about.digest;
        // What is damaged here is fetched anew.
        let staged = self.staging.staged().ok().flatten().map(|staged| staged.manifest);
        let known = [staged.as_ref(), self.installed].into_iter().flatten();
        Ok(known.into_iter().find(|manifest| manifest.digest() == wanted).cloned())
    }

    /// Before anything of the release is known: whether its pack is the way, whatever is missing.
    fn pack_first(&self, tried: &mut BTreeSet<u8>, watch: Watch) -> Result<Option<Manifest>, ObtainError> {
        let about = &self.release.about;
        let objects = Some((about.files.max(1), self.release.info.length + about.objects_bytes));
        let offer = Offer { objects: objects.filter(|_| self.place.has_objects()), ..self.offer(None) };
        if offer.ways().first() != Some(&Way::Pack) {
            return Ok(None);
        }
        tried.insert(Way::Pack as u8);
        let unpacked = self.unpack_pack(None, watch);
        match unpacked {
            Ok(manifest) => Ok(manifest),
            Err(error) => {
                self.go_on(Err(error), &mut |event| watch(Some(Step::Stage), event))?;
                Ok(None)
            }
        }
    }

    fn fetch_manifest(&self, release: &Release, watch: Watch) -> Result<Manifest, ObtainError> {
        let path = self.place.target(&release.name, &release.info, &self.staging.downloads(), watch)?;
        look::manifest_of(&path, release)
    }

    /// Files whose content is neither in staging nor left as it is in the live tree, each content once.
    fn missing<'m>(&self, manifest: &'m Manifest) -> Vec<&'m FileEntry> {
        let unchanged = self.unchanged.get_or_init(|| self.here.unchanged(manifest));
        let mut seen = BTreeSet::new();
        let mut missing = self.staging.missing(manifest);
        missing.retain(|entry| {
            entry.sha256().is_some_and(|digest| !unchanged.contains(&digest) && seen.insert(digest))
        });
        missing
    }

    /// Whether this content is one of them, once it is known what is left as it is.
    fn lacks(&self, digest: &Sha256, size: u64) -> bool {
        let is_unchanged = self.unchanged.get().is_some_and(|unchanged| unchanged.contains(digest));
        !is_unchanged && !self.staging.has(digest, size)
    }

    /// What there is to choose from.
    fn offer(&self, missing: Option<&[&FileEntry]>) -> Offer {
        let about = &self.release.about;
        let all = (about.content_bytes, about.objects_bytes);
        let objects = missing.map(|missing| {
            let content = missing.iter().map(|entry| entry.size()).sum();
            (missing.len() as u64, packed(content, all))
        });
        Offer {
            pack: self.pack().map(|pack| pack.length()),
            archive: self.archive().map(|(_, info)| info.length),
            // That nothing is missing counts wherever it lies.
            objects: objects.filter(|(count, _)| *count == 0 || self.place.has_objects()),
            at_once: self.place.at_once(),
        }
    }

    fn archive(&self) -> Option<(&str, &TargetInfo)> {
        let (name, info) = self.verified.targets.get_key_value(self.release.about.archive.as_ref()?)?;
        self.place.may_have(name, info).then_some((name.as_str(), info))
    }

    fn unpack_archive(&self, watch: Watch) -> Result<(), ObtainError> {
        let Some((name, info)) = self.archive() else { return Ok(()) };
        let path = self.place.target(name, info, &self.staging.downloads(), watch)?;
        let lacks = |digest: &Sha256, size| self.lacks(digest, size);
        // Who signed the archive also signed what it unfolds into: that may pack well.
        let limits = Limits { ratio: u64::MAX, ..self.options.limits.clone() };
        content::unpack(&path, self.staging, &lacks, &limits, watch)
    }

    fn fetch_objects(&self, missing: &[&FileEntry], watch: Watch) -> Result<(), ObtainError> {
        let about = &self.release.about;
        let bytes = packed(
            missing.iter().map(|entry| entry.size()).sum(),
            (about.content_bytes, about.objects_bytes),
        );
        let far = Far { done: 0, total: missing.len() as u64, total_bytes: bytes };
        self.place.objects(missing, self.staging, far, watch)
    }

    fn described(self, manifest: Manifest, pinned: &Pinned) -> Result<Staged, ObtainError> {
        let about = &self.release.about;
        let full = match self.archive() {
            Some((_, info)) => info.length,
            None => about.objects_bytes.saturating_add(self.release.info.length),
        };
        let mut notes = match &self.place {
            Place::Server(server) => server.mirrors.notes(),
            _ => Vec::new(),
        };
        notes.extend(self.verified.warnings.iter().cloned());
        let origin = Origin {
            format: FORMAT,
            manifest: manifest.digest(),
            source: self.place.shown(),
            trust: Trust::Signed,
            fetched_bytes: self.place.fetched(),
            requests: self.place.requests(),
            staged_at: clock::now(),
            notes,
            signed: Some(Signed {
                reference: pinned.url().to_owned(),
                root: pinned.digest(),
                root_version: self.verified.root_version,
                expires: self.verified.expires,
            }),
            full_bytes: Some(full),
        };
        if fs::is_folder(&self.staging.downloads()) {
            network::forget_all(&self.staging.downloads())?;
        }
        Ok(Staged { manifest, origin })
    }
}

fn read_all(mut from: impl Read) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    from.read_to_end(&mut bytes).ok()?;
    Some(bytes)
}
