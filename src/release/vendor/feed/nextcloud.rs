//! The update server's answer to one site: the version that it should take next,
//! signed; nothing at all where there is none.

use crate::release::vendor::feed::FeedError;
use crate::release::vendor::offer::Offer;
use crate::release::vendor::offer::Signature;
use crate::release::vendor::offer::address;
use crate::release::vendor::xml;

const TITLE: &str = "Nextcloud ";
/// Longest signature, in bytes of base64.
const LONGEST: usize = 4096;

pub(super) fn read(bytes: &[u8]) -> Result<Vec<Offer>, FeedError> {
    if bytes.trim_ascii().is_empty() {
        return Ok(Vec::new());
    }
    let root = xml::read(bytes)?;
    if root.name != "nextcloud" {
        return Err(FeedError::Lacks { what: "the element nextcloud" });
    }
    let title = root.text_of("versionstring").ok_or(FeedError::Lacks { what: "versionstring" })?;
    // `35.0.0 beta 4`
    let version = title.strip_prefix(TITLE).unwrap_or(title).replace(' ', "");
    let Some(offer) = Offer::of(&version) else { return Ok(Vec::new()) };
    let archive = root.text_of("url").and_then(address).ok_or(FeedError::Lacks { what: "url" })?;
    let is_over = root.text_of("eol") == Some("1");
    let date = root.text_of("eolDate").filter(|date| is_date(date));
    Ok(vec![Offer {
        archive: Some(archive),
        signature: root.text_of("signature").and_then(signature).map(Signature::Rsa),
        notes_url: root.text_of("changes").and_then(address),
        end_of_life: date.map(str::to_owned).or(is_over.then(|| "over".into())),
        ..offer
    }])
}

fn is_date(text: &str) -> bool {
    text.parse::<jiff::civil::Date>().is_ok()
}

/// Base64 in lines.
fn signature(text: &str) -> Option<Vec<u8>> {
    let text: String = text.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    (text.len() <= LONGEST).then_some(())?;
    crate::base::base64::decode(&text)
}
