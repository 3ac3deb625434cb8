//! A published release that is looked at, not staged: its manifest, proved by
//! a root that somebody believes.

use std::path::Path;
use std::path::PathBuf;

use crate::app::believe;
use crate::app::desk::Listener;
use crate::app::failure::Failure;
use crate::app::trust::Belief;
use crate::integrity::manifest::Manifest;
use crate::release::archive::Limits;
use crate::release::network::Network;
use crate::release::obtain;
use crate::release::obtain::Home;
use crate::release::obtain::Look;
use crate::release::obtain::ObtainError;
use crate::release::obtain::Where;
use crate::release::reference::custom::ManifestTarget;
use crate::release::source::Source;
use crate::release::stage::Options;
use crate::release::staging::Signed;
use crate::release::trust::Store;
use crate::site::Site;
use crate::site::profile::Profile;
use crate::site::settings::Policy;
use crate::sys::beneath::Root;
use crate::sys::fs;
use crate::sys::fs::IoError;
use crate::sys::scratch::Scratch;

/// A folder that changes is copied so often.
const MOST_COPIES: usize = 4;

/// What is asked for, and who asks.
#[derive(Clone)]
pub(super) struct Wish<'a> {
    /// As `stage --from` takes it.
    pub text: &'a str,
    pub version: Option<&'a str>,
    /// Where none is named, this one if it is published, else the newest.
    pub likely: Option<&'a str>,
    /// `None`: whatever is published there, if it is one product.
    pub product: Option<&'a str>,
    pub profile: &'a Profile,
    pub belief: Option<&'a Belief>,
    /// Which versions are wanted, where none is named.
    pub policy: &'a Policy,
    /// What somebody believes already; it is not touched.
    pub trust: Option<&'a Path>,
    pub network: Network,
    /// What is to be typed again, with a digest.
    pub command: &'a str,
}

/// What is known of the release.
pub(super) struct Published {
    pub manifest: Manifest,
    pub signed: Signed,
    pub warnings: Vec<String>,
    /// Whatever is offered there of the product, the newest first.
    pub offered: Vec<ManifestTarget>,
    /// For people, and to be asked again; without user and password.
    pub source: String,
    /// Whether there may be something newer another time.
    pub is_followed: bool,
    /// What was asked of servers for it.
    pub requests: u64,
    place: Where,
    scratch: Scratch,
}

impl Published {
    /// What the reference offers that the site's settings follow, believed as the site believes it.
    pub fn followed(site: &Site, network: Network, listener: Listener) -> Result<Option<Published>, Failure> {
        let from = site.settings.policy.from.as_str();
        let (trust, command) = (site.state.trust(), format!("entracte trust add {}", believe::retyped(from)));
        let wish = Wish {
            text: from,
            version: None,
            likely: None,
            product: Some(site.product()),
            profile: &site.profile,
            belief: None,
            policy: &site.settings.policy,
            trust: Some(&trust),
            network,
            command: &command,
        };
        Published::look(&wish, listener)
    }

    /// `None` where something else is named than a reference.
    pub fn look(wish: &Wish, listener: Listener) -> Result<Option<Published>, Failure> {
        let scratch = Scratch::new()?;
        let store = Store::open(&trust(&scratch));
        if let Some(trust) = wish.trust.filter(|trust| fs::is_folder(trust)) {
            copy(trust, &self::trust(&scratch))?;
        }
        let source = believe::source(wish.text, &store, wish.belief)?;
        let place = match wish.belief {
            None => believe::reference(&source)?,
            Some(belief) => {
                let place = believe::expected(&source)?;
                believe::pin(&store, &place, belief, &wish.network)?;
                Some(place)
            }
        };
        let Some(place) = place else { return Ok(None) };
        let look = wish.asked(&place, &scratch, listener);
        let look = look.map_err(|error| believe::untrusted(error, wish.command))?;
        let requests = look.requests();
        let Look { manifest, signed, warnings, offered, .. } = look;
        let is_followed = !matches!(place, Where::Bundle(_));
        let source = match &source {
            Source::Folder(path) => fs::shown(&fs::canonical(path)?),
            source => source.text(),
        };
        let known =
            Published { manifest, signed, warnings, offered, source, is_followed, requests, place, scratch };
        Ok(Some(known))
    }

    /// The manifests of all releases of the product that are offered there.
    pub fn releases(&self, network: &Network, listener: Listener) -> Result<Vec<Manifest>, Failure> {
        let watch = &mut |step, event| listener(None, step, event);
        let mut all = obtain::manifests(&self.place, &trust(&self.scratch), network, watch)?;
        all.retain(|manifest| manifest.product == self.manifest.product);
        Ok(all)
    }

    /// The manifest as a file, as long as this lives.
    pub fn manifest_file(&self) -> Result<PathBuf, Failure> {
        let path = self.scratch.path().join("manifest.json");
        fs::write_durable(&path, &self.manifest.to_json())?;
        Ok(path)
    }

    /// Writes down whom was believed, and what was seen, for a site.
    pub fn keep_trust(&self, folder: &Path) -> Result<(), Failure> {
        fs::copy_folder(&trust(&self.scratch), folder)?;
        Ok(Root::open(folder)?.sync_file_system()?)
    }
}

impl Wish<'_> {
    fn asked(&self, place: &Where, scratch: &Scratch, listener: Listener) -> Result<Look, ObtainError> {
        let version = self.version.or(self.likely);
        let product = self.product.unwrap_or_default();
        match self.look_at(place, scratch, product, version, listener) {
            Err(ObtainError::NoProduct { others, .. }) if self.product.is_none() && others.len() == 1 => {
                Wish { product: Some(&others[0]), ..self.clone() }.asked(place, scratch, listener)
            }
            Err(ObtainError::NoVersion { .. }) if self.version.is_none() => {
                self.look_at(place, scratch, product, None, listener)
            }
            look => look,
        }
    }

    fn look_at(
        &self,
        place: &Where,
        scratch: &Scratch,
        product: &str,
        version: Option<&str>,
        listener: Listener,
    ) -> Result<Look, ObtainError> {
        let (trust, nothing) = (trust(scratch), scratch.path().join("nothing"));
        let home = Home { trust: &trust, installed: &nothing, root: &nothing, policy: self.policy };
        let options = Options {
            profile: self.profile,
            product,
            version,
            extent: None,
            limits: Limits::default(),
            inbox: &nothing,
            incoming: &nothing,
            network: self.network.clone(),
            live: None,
            home: Some(home),
        };
        let downloads = scratch.path().join("download");
        Look::at(place, &home, &options, &downloads, &mut |step, event| listener(None, step, event))
    }
}

/// Whoever writes there meanwhile gives files their names when they are whole;
/// what was on its way to one may be gone.
fn copy(trust: &Path, to: &Path) -> Result<(), IoError> {
    let copied = (0..MOST_COPIES).map(|_| fs::copy_folder(trust, to));
    let mut whole = copied.skip_while(|copied| copied.as_ref().is_err_and(IoError::is_not_found));
    whole.next().unwrap_or_else(|| fs::copy_folder(trust, to))
}

fn trust(scratch: &Scratch) -> PathBuf {
    scratch.path().join("trust")
}
