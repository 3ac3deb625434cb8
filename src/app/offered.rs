//! What the reference that a site follows offers now, in the words of `check`.
//! Its metadata are proved as for staging, and nothing of it is kept.

use crate::app::check::CheckView;
use crate::app::check::OfferView;
use crate::app::check::Offering;
use crate::app::desk::Listener;
use crate::app::failure::Failure;
use crate::app::published::Published;
use crate::app::report::Version;
use crate::base::exit::Exit;
use crate::integrity::manifest::version;
use crate::release::network::Network;
use crate::release::reference::custom::ManifestTarget;
use crate::release::source::Source;
use crate::release::vendor::offer::channel_of;
use crate::site::Site;
use crate::site::installed::Installed;

/// `None` where the settings follow something else than a reference.
pub(super) fn offered(
    site: &Site,
    network: &Network,
    listener: Listener,
) -> Result<Option<CheckView>, Failure> {
    let from = site.settings.policy.from.as_str();
    let may_be_one = matches!(
        Source::parse(from),
        Ok(Source::Reference(_) | Source::Url(_) | Source::Folder(_) | Source::Archive(_))
    );
    if !may_be_one {
        return Ok(None);
    }
    match Published::followed(site, network.clone(), listener) {
        Ok(None) => Ok(None),
        Ok(Some(published)) => view(site, Some(&published)).map(Some),
        // Nothing is there that the policy takes.
        Err(failure) if failure.exit == Exit::NothingToDo => view(site, None).map(Some),
        Err(failure) => Err(failure),
    }
}

fn view(site: &Site, published: Option<&Published>) -> Result<CheckView, Failure> {
    let installed = Installed(&site.state.installed()).current()?.map(|current| current.version);
    let newest = published.map(|published| published.manifest.version.clone()).filter(|newest| {
        let known = installed.as_deref().filter(|installed| version::is_known(installed));
        known.is_none_or(|known| version::compare(newest, known).is_gt())
    });
    let source = published.map_or_else(
        || Source::parse(&site.settings.policy.from).map(|source| source.text()).unwrap_or_default(),
        |published| published.source.clone(),
    );
    Ok(CheckView {
        vendor: source.clone(),
        feed: source,
        installed: installed.map(|version| Version { version }),
        channel: site.settings.policy.channel.name(),
        php: None,
        newest: newest.map(|version| OfferView {
            version,
            archive: None,
            verified: "signature",
            requires_php: None,
            notes: None,
        }),
        held_back: Vec::new(),
        end_of_life: None,
        offerings: published.map(offerings).unwrap_or_default(),
        is_reference: true,
        requests: published.map_or(0, |published| published.requests),
        next: "entracte update",
    })
}

fn offerings(published: &Published) -> Vec<Offering> {
    let offering = |about: &ManifestTarget| {
        Offering::new(&about.version, channel_of(&about.version), &about.notes, None)
    };
    published.offered.iter().map(offering).collect()
}
