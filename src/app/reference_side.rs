//! A published release as one side of a comparison: `https://host/path/`, a
//! folder or a bundle, with `#VERSION` behind it where another than the newest is meant.
//! What an address names that is no reference is an archive.

use std::path::Path;
use std::path::PathBuf;

use url::Url;

use crate::app::archive_side::ArchiveSide;
use crate::app::believe;
use crate::app::compare_side::Side;
use crate::app::desk::Listener;
use crate::app::failure::Failure;
use crate::app::network::Typed;
use crate::app::network::network;
use crate::app::published::Published;
use crate::app::published::Wish;
use crate::app::trust::Belief;
use crate::base::escape;
use crate::base::exit::Exit;
use crate::base::pattern::Patterns;
use crate::compare::listing::Listing;
use crate::release::network::address::Address;
use crate::release::network::address::shown;
use crate::release::obtain::bundle::Bundle;
use crate::release::obtain::is_reference;
use crate::site::Site;
use crate::site::profile::Profile;
use crate::site::settings::NetworkOptions;
use crate::site::settings::Policy;
use crate::sys::fs;

const DIGEST: &str = "sha256=";

/// As it was typed, and once it was opened, what is published there.
pub(super) struct ReferenceSide {
    text: String,
    version: Option<String>,
    published: Option<Published>,
}

impl ReferenceSide {
    /// `None` where the text names something else.
    pub fn find(text: &str) -> Result<Option<ReferenceSide>, Failure> {
        let side = |text: &str, version: Option<&str>| {
            let version = version.filter(|version| !version.is_empty()).map(str::to_owned);
            Ok(Some(ReferenceSide { text: text.to_owned(), version, published: None }))
        };
        if Address::is_meant(text) {
            let Ok(mut url) = Url::parse(text) else { return Ok(None) };
            if !["http", "https", "file"].contains(&url.scheme()) {
                return Ok(None);
            }
            // Behind an archive's address stands its digest.
            if url.fragment().is_some_and(|fragment| fragment.starts_with(DIGEST)) {
                return side(text, None);
            }
            let version = url.fragment().map(str::to_owned);
            url.set_fragment(None);
            return side(url.as_str(), version.as_deref());
        }
        if is_one(Path::new(text)) {
            return side(text, None);
        }
        match text.rsplit_once('#') {
            Some((path, version)) if !fs::exists(Path::new(text)) && is_one(Path::new(path)) => {
                side(path, Some(version))
            }
            _ => Ok(None),
        }
    }

    pub fn shown(&self) -> String {
        let of = |place: &str| match &self.version {
            Some(version) => format!("{place}#{}", escape::text(version)),
            None => place.to_owned(),
        };
        match &self.published {
            Some(Published { manifest, source, .. }) => {
                format!("{source}#{}", escape::text(&manifest.version))
            }
            None => of(&Url::parse(&self.text).map_or_else(|_| self.text.clone(), |url| shown(&url))),
        }
    }

    /// What was typed, to be typed again.
    pub fn retyped(&self) -> String {
        match (believe::retyped(&self.text), &self.version) {
            (text, None) => text,
            (text, Some(version)) => format!("{text}#{}", escape::word(version)),
        }
    }

    pub fn listing(&self, skip: &Patterns) -> Result<Listing, Failure> {
        match &self.published {
            Some(published) => Ok(Listing::of_file(&published.manifest_file()?, skip)?),
            None => Ok(Listing::default()),
        }
    }

    /// Asks it; where it turns out to be no reference but an archive, that is brought here.
    fn open(
        &mut self,
        site: Option<&Site>,
        by: &By,
        listener: Listener,
    ) -> Result<Option<ArchiveSide>, Failure> {
        let trust: Option<PathBuf> = site.map(|site| site.state.trust());
        let (generic, network) = (Profile::named("generic")?, network(site, by.network)?);
        let policy = Policy::default();
        let wish = Wish {
            text: &self.text,
            version: self.version.as_deref(),
            likely: None,
            product: site.map(Site::product),
            profile: site.map_or(&generic, |site| &site.profile),
            belief: by.belief,
            policy: &policy,
            trust: trust.as_deref(),
            network: network.clone(),
            command: by.command,
        };
        self.published = Published::look(&wish, listener)?;
        match (&self.published, &self.version) {
            (Some(_), _) => Ok(None),
            (None, None) => ArchiveSide::bring(&self.text, network, listener).map(Some),
            (None, Some(_)) => {
                let message = format!("{} is no reference, of which a version could be named", self.shown());
                Err(Failure::new(Exit::Usage, message)
                    .hint("a reference's address ends with /; behind an archive's stands #sha256=DIGEST"))
            }
        }
    }
}

fn is_one(path: &Path) -> bool {
    is_reference(path) || (fs::is_file(path) && Bundle::is_meant(path))
}

/// How the sides are asked, and whom somebody says to believe.
struct By<'a> {
    belief: Option<&'a Belief>,
    network: &'a NetworkOptions,
    /// What is to be typed again, with a digest.
    command: &'a str,
}

/// Asks the references among the two: they are believed as the site on the other
/// side does, or as somebody says.
pub(super) fn open(
    sides: &mut [Side; 2],
    belief: Option<&Belief>,
    typed: &Typed,
    listener: Listener,
) -> Result<Vec<String>, Failure> {
    let words: Vec<String> = sides.iter().map(Side::retyped).collect();
    let command = format!("entracte compare {}{}", words.join(" "), typed.retyped());
    let by = By { belief, network: &typed.options()?, command: &command };
    let is_one = |side: &Side| matches!(side, Side::Reference(_));
    if belief.is_some() && !sides.iter().any(is_one) {
        return Err(Failure::new(Exit::Usage, "--root and --digest say whom to believe of a reference")
            .hint("name one: `entracte compare SITE https://…/ --digest SHA256`"));
    }
    let mut notes = Vec::new();
    for at in [0, 1] {
        let [a, b] = sides;
        let (side, other) = if at == 0 { (a, b) } else { (b, a) };
        let Side::Reference(reference) = side else { continue };
        if let Some(archive) = reference.open(other.site(), &by, listener)? {
            notes.extend(archive.notes.iter().map(|note| format!("{}: {note}", archive.shown())));
            *side = Side::Archive(archive);
        }
    }
    Ok(notes)
}
