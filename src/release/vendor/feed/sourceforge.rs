//! SourceForge's RSS of a project's files.

use crate::release::vendor::feed::Context;
use crate::release::vendor::feed::FeedError;
use crate::release::vendor::feed::version_in_name;
use crate::release::vendor::offer::Offer;
use crate::release::vendor::offer::Published;
use crate::release::vendor::offer::address;
use crate::release::vendor::xml;
use crate::release::vendor::xml::Element;
use crate::site::profile::DigestName;

pub(super) fn read(bytes: &[u8], context: &Context) -> Result<Vec<Offer>, FeedError> {
    let file = context.file.ok_or(FeedError::Lacks { what: "`file` in the profile" })?;
    let root = xml::read(bytes)?;
    let channel = root.child("channel").ok_or(FeedError::Lacks { what: "the element channel" })?;
    Ok(channel.children("item").filter_map(|item| offer(item, file)).collect())
}

/// `<title>/Tiki_27.x/27.2/tiki-27.2.tar.gz</title>` and where that is.
fn offer(item: &Element, file: &str) -> Option<Offer> {
    let name = item.text_of("title")?.rsplit('/').next()?;
    let offer = Offer::of(version_in_name(file, name)?)?;
    let content = item.child("media:content");
    let hash = content.and_then(|content| content.child("media:hash"));
    let md5 = hash.filter(|hash| hash.attribute("algo").is_some_and(|name| name.eq_ignore_ascii_case("md5")));
    let place = content.and_then(|content| content.attribute("url")).or(item.text_of("link"));
    Some(Offer {
        archive: Some(place.and_then(address)?),
        digest: md5.and_then(|hash| Published::new(DigestName::Md5, &hash.text)),
        ..offer
    })
}
