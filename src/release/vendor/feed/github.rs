//! GitHub's lists: of releases with their files, and of tags.

use serde::Deserialize;

use crate::base::json;
use crate::release::vendor::feed::Context;
use crate::release::vendor::feed::FeedError;
use crate::release::vendor::offer::Offer;
use crate::release::vendor::offer::Published;
use crate::release::vendor::offer::Signature;
use crate::release::vendor::offer::address;
use crate::site::profile::DigestName;
use crate::site::settings::Channel;

#[derive(Deserialize)]
struct Release {
    tag_name: String,
    #[serde(default)]
    draft: bool,
    #[serde(default)]
    prerelease: bool,
    html_url: Option<String>,
    #[serde(default)]
    assets: Vec<Asset>,
}

#[derive(Deserialize)]
struct Asset {
    name: String,
    browser_download_url: String,
    /// `sha256:…`, of files that came since June 2025.
    digest: Option<String>,
}

/// `GET /repos/…/releases`
pub(super) fn releases(bytes: &[u8], context: &Context) -> Result<Vec<Offer>, FeedError> {
    let listed: Vec<Release> = json::read(bytes)?;
    let file = context.file.ok_or(FeedError::Lacks { what: "`file` in the profile" })?;
    Ok(listed.iter().filter_map(|release| offer(release, file)).collect())
}

fn offer(release: &Release, file: &str) -> Option<Offer> {
    let offer = Offer::of(release.tag_name.trim_start_matches('v')).filter(|_| !release.draft)?;
    let name = file.replace("{version}", &offer.version);
    let find = |name: &str| release.assets.iter().find(|asset| asset.name == name);
    let asset = find(&name)?;
    let signature = find(&format!("{name}.asc")).and_then(|asset| address(&asset.browser_download_url));
    let digest = asset.digest.as_deref().and_then(|text| text.strip_prefix("sha256:"));
    Some(Offer {
        channel: if release.prerelease { Channel::Testing } else { offer.channel },
        archive: Some(address(&asset.browser_download_url)?),
        digest: digest.and_then(|text| Published::new(DigestName::Sha256, text)),
        signature: signature.map(Signature::Gpg),
        notes_url: release.html_url.as_deref().and_then(address),
        ..offer
    })
}

#[derive(Deserialize)]
struct Reference {
    #[serde(rename = "ref")]
    name: String,
}

/// `GET /repos/…/git/matching-refs/tags/…`
pub(super) fn refs(bytes: &[u8]) -> Result<Vec<Offer>, FeedError> {
    let listed: Vec<Reference> = json::read(bytes)?;
    let version = |reference: &Reference| Offer::of(reference.name.strip_prefix("refs/tags/")?);
    Ok(listed.iter().filter_map(version).collect())
}
