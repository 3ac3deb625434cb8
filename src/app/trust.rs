//! `trust`: whom this site believes.

use std::path::PathBuf;

use serde::Serialize;

use crate::app::believe;
use crate::app::desk::Held;
use crate::app::desk::Place;
use crate::app::failure::Failure;
use crate::app::plan::who;
use crate::app::report::Answer;
use crate::base::digest::Sha256;
use crate::release::network::Network;
use crate::release::source::Source;
use crate::release::trust::Pinned;
use crate::release::trust::Store;
use crate::release::trust::last_seen;
use crate::site::Site;
use crate::site::history;
use crate::site::history::Deed;
use crate::site::history::News;
use crate::sys::signal::Interrupt;

/// What is believed of a reference.
#[derive(Clone, Debug)]
pub enum Belief {
    /// The root in this file.
    Root(PathBuf),
    /// The root that has this digest, wherever it comes from.
    Digest(Sha256),
}

#[derive(Clone, Debug, Serialize)]
pub struct TrustView {
    pub references: Vec<PinnedView>,
}

#[derive(Clone, Debug, Serialize)]
pub struct PinnedView {
    pub url: String,
    /// SHA-256 of the root that was believed first.
    pub digest: Sha256,
    pub added: String,
    /// The root that counts by now; None before anything was verified.
    pub root_version: Option<u64>,
    /// When what was seen last stops to count.
    pub expires: Option<String>,
    pub warnings: Vec<String>,
}

pub fn list(place: &Place) -> Result<Answer<TrustView>, Failure> {
    let site = place.open()?;
    let all = Store::open(&site.state.trust()).list()?;
    let references = all.iter().map(view).collect::<Result<Vec<_>, _>>()?;
    Ok(Answer::done(TrustView { references }))
}

pub fn add(place: &Place, url: &str, belief: &Belief) -> Result<Answer<PinnedView>, Failure> {
    let held = Held::take(place, "trust add")?;
    let site = &held.site;
    let store = Store::open(&site.state.trust());
    // A bundle says itself of which reference it is.
    let pinned = match Source::parse(url) {
        Ok(source @ Source::Archive(_)) => {
            believe::pin(&store, &believe::expected(&source)?, belief, &network(site))?
        }
        _ => believe::believe(&store, url, belief, &network(site))?,
    };
    note(site, Deed::Trusted, format!("{} by the root {}", pinned.url(), pinned.digest()))?;
    Ok(Answer::done(view(&pinned)?))
}

pub fn remove(place: &Place, url: &str) -> Result<Answer<TrustView>, Failure> {
    let held = Held::take(place, "trust remove")?;
    let store = Store::open(&held.site.state.trust());
    let pinned = store.find(url)?;
    store.remove(url)?;
    let Some(pinned) = pinned else { return list(place) };
    note(&held.site, Deed::Distrusted, pinned.url().to_owned())?;
    drop(held);
    list(place)
}

fn network(site: &Site) -> Network {
    let interrupt = Interrupt::default();
    Network { settings: site.settings.network.clone(), max_bytes: believe::MOST_BYTES, interrupt }
}

fn note(site: &Site, event: Deed, detail: String) -> Result<(), Failure> {
    let by = who();
    history::append(&site.state.history(), News { event, run: None, by: Some(&by), detail })?;
    Ok(())
}

fn view(pinned: &Pinned) -> Result<PinnedView, Failure> {
    let seen = last_seen(pinned)?;
    Ok(PinnedView {
        url: pinned.url().to_owned(),
        digest: pinned.digest(),
        added: pinned.added().to_string(),
        root_version: seen.as_ref().map(|seen| seen.root_version),
        expires: seen.as_ref().map(|seen| seen.expires.to_string()),
        warnings: seen.map(|seen| seen.warnings).unwrap_or_default(),
    })
}
