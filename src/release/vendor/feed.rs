//! The lists in which vendors say what they have published. Each reader is a
//! function of bytes, believes nothing, and leaves out what it does not know.

mod dokuwiki;
mod github;
mod nextcloud;
mod sourceforge;
#[cfg(test)]
mod tests;
mod wordpress;

use crate::release::vendor::offer::Offer;
use crate::release::vendor::xml::XmlError;
use crate::site::profile::FeedFormat;

/// Most versions that one feed may list.
const MOST: usize = 2000;

/// What a reader has to know besides the bytes.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// How the archive is named among other files, with `{version}` in it.
    pub file: Option<&'a str>,
    /// The language of packages.
    pub locale: &'a str,
}

#[derive(Debug, thiserror::Error)]
pub enum FeedError {
    #[error("it is no JSON of that shape")]
    Json(#[from] serde_json::Error),
    #[error("it is no XML of that shape: {0}")]
    Xml(#[from] XmlError),
    #[error("it lacks {what}")]
    Lacks { what: &'static str },
    #[error("it lists more than {MOST} versions")]
    TooMany,
}

/// What the feed offers, in its order; a version that stands twice is taken once.
pub fn read(format: FeedFormat, context: &Context, bytes: &[u8]) -> Result<Vec<Offer>, FeedError> {
    let mut offers = match format {
        FeedFormat::Dokuwiki => dokuwiki::read(bytes),
        FeedFormat::GithubRefs => github::refs(bytes),
        FeedFormat::GithubReleases => github::releases(bytes, context),
        FeedFormat::Nextcloud => nextcloud::read(bytes),
        FeedFormat::Sourceforge => sourceforge::read(bytes, context),
        FeedFormat::Wordpress => wordpress::read(bytes, context),
    }?;
    if offers.len() > MOST {
        return Err(FeedError::TooMany);
    }
    let mut seen = std::collections::HashSet::new();
    offers.retain(|offer| seen.insert(offer.version.clone()));
    Ok(offers)
}

/// The version in the name of a file, where it is named as `pattern` says.
fn version_in_name<'a>(pattern: &str, name: &'a str) -> Option<&'a str> {
    let (before, behind) = pattern.split_once("{version}")?;
    name.strip_prefix(before)?.strip_suffix(behind)
}
