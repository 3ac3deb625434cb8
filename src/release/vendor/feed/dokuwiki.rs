//! `download.dokuwiki.org/version`: one version for each kind of release.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::base::json;
use crate::release::vendor::feed::FeedError;
use crate::release::vendor::offer::Offer;

#[derive(Deserialize)]
struct Listed {
    /// The version; the name of the release stands elsewhere.
    date: Option<String>,
}

pub(super) fn read(bytes: &[u8]) -> Result<Vec<Offer>, FeedError> {
    let listed: BTreeMap<String, Listed> = json::read(bytes)?;
    let offer = |kind: &str| Offer::of(listed.get(kind)?.date.as_deref()?);
    // `master` is a state of the repository, of which no archive is published; the names
    // of release candidates (`rc2025-04-01`) stand in no order with those of releases.
    Ok(["stable", "oldstable"].into_iter().filter_map(offer).collect())
}
