//! `core/version-check/1.7`: the newest version, and the newest of each older branch.

use serde::Deserialize;

use crate::base::json;
use crate::release::vendor::feed::Context;
use crate::release::vendor::feed::FeedError;
use crate::release::vendor::offer::Offer;
use crate::release::vendor::offer::address;
use crate::site::settings::Channel;

#[derive(Deserialize)]
struct Answer {
    offers: Vec<Listed>,
}

#[derive(Deserialize)]
struct Listed {
    /// `upgrade`, `latest`, `autoupdate`, `development`.
    #[serde(default)]
    response: String,
    version: Option<String>,
    #[serde(default)]
    locale: String,
    packages: Option<Packages>,
    php_version: Option<String>,
}

#[derive(Deserialize)]
struct Packages {
    full: Option<String>,
}

pub(super) fn read(bytes: &[u8], context: &Context) -> Result<Vec<Offer>, FeedError> {
    let mut listed = json::read::<Answer>(bytes)?.offers;
    // What speaks the site's language goes before the same in English.
    listed.sort_by_key(|offer| offer.locale != context.locale);
    Ok(listed.iter().filter_map(offer).collect())
}

fn offer(listed: &Listed) -> Option<Offer> {
    let offer = Offer::of(listed.version.as_deref()?)?;
    let channel = if listed.response == "development" { Channel::Testing } else { offer.channel };
    let full = listed.packages.as_ref().and_then(|packages| packages.full.as_deref());
    Some(Offer {
        channel,
        // An archive that cannot be fetched is no offer.
        archive: full.map(|text| address(text).ok_or(())).transpose().ok()?,
        requires_php: listed.php_version.as_deref().and_then(Offer::of).map(|php| php.version),
        ..offer
    })
}
