//! A published release as one side of a comparison: `https://host/path/`, a
//! folder or a bundle, with `#VERSION` behind it where another than the newest is meant.

use std::path::Path;
use std::path::PathBuf;

use url::Url;

use crate::app::believe;
use crate::app::compare_side::Side;
use crate::app::desk::Listener;
use crate::app::failure::Failure;
use crate::app::published::Published;
use crate::app::published::Wish;
use crate::app::stage;
use crate::app::trust::Belief;
use crate::base::escape;
use crate::base::exit::Exit;
use crate::base::pattern::Patterns;
use crate::compare::listing::Listing;
use crate::release::network::Network;
use crate::release::network::address::Address;
use crate::release::network::address::shown;
use crate::release::obtain::bundle::Bundle;
use crate::release::obtain::is_reference;
use crate::site::Site;
use crate::site::profile::Profile;
use crate::sys::fs;
use crate::sys::signal::Interrupt;

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

    fn open(
        &mut self,
        site: Option<&Site>,
        belief: Option<&Belief>,
        command: &str,
        listener: Listener,
    ) -> Result<(), Failure> {
        let trust: Option<PathBuf> = site.map(|site| site.state.trust());
        let (generic, network) = (Profile::named("generic")?, Network::default());
        let wish = Wish {
            text: &self.text,
            version: self.version.as_deref(),
            likely: None,
            product: site.map(Site::product),
            profile: site.map_or(&generic, |site| &site.profile),
            belief,
            trust: trust.as_deref(),
            network: site.map_or(network, |site| stage::network(site, &Interrupt::default())),
            command,
        };
        self.published = Published::look(&wish, listener)?;
        match self.published {
            Some(_) => Ok(()),
            None => {
                let message = format!("{} is no reference", self.shown());
                Err(Failure::new(Exit::Usage, message)
                    .hint("its address ends with /; an archive has to be fetched before it is compared"))
            }
        }
    }
}

fn is_one(path: &Path) -> bool {
    is_reference(path) || (fs::is_file(path) && Bundle::is_meant(path))
}

/// Asks the references among the two: they are believed as the site on the other
/// side does, or as somebody says.
pub(super) fn open(
    sides: &mut [Side; 2],
    belief: Option<&Belief>,
    listener: Listener,
) -> Result<(), Failure> {
    let words: Vec<String> = sides.iter().map(Side::retyped).collect();
    let command = format!("entracte compare {}", words.join(" "));
    let is_one = |side: &Side| matches!(side, Side::Reference(_));
    if belief.is_some() && !sides.iter().any(is_one) {
        return Err(Failure::new(Exit::Usage, "--root and --digest say whom to believe of a reference")
            .hint("name one: `entracte compare SITE https://…/ --digest SHA256`"));
    }
    let [a, b] = sides;
    if let Side::Reference(side) = a {
        side.open(b.site(), belief, &command, listener)?;
    }
    if let Side::Reference(side) = b {
        side.open(a.site(), belief, &command, listener)?;
    }
    Ok(())
}
