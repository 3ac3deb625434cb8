//! `check`: what the application's vendor, or the reference that it follows,
//! offers to this site. Nothing is
//! staged, and nothing of the site is touched.

use jiff::Timestamp;
use serde::Deserialize;
use serde::Serialize;

use crate::app::desk::Interrupt;
use crate::app::desk::Listener;
use crate::app::desk::Place;
use crate::app::failure::Failure;
use crate::app::offered::offered;
use crate::app::report::Answer;
use crate::app::report::Version;
use crate::app::stage;
use crate::app::vendor::Customer;
use crate::base::exit::Exit;
use crate::integrity::manifest::version;
use crate::release::network::address::shown;
use crate::release::vendor::ask::Asking;
use crate::release::vendor::ask::Heard;
use crate::release::vendor::choose::Choice;
use crate::release::vendor::offer::Offer;
use crate::site::Site;
use crate::site::settings::Channel;
use crate::site::stored;
use crate::sys::clock;

/// As many are remembered.
const MOST_OFFERINGS: usize = 50;
/// Of the notes of one, in letters.
const MOST_NOTES: usize = 8000;

#[derive(Clone, Debug, Serialize)]
pub struct CheckView {
    pub vendor: String,
    /// Where it was asked.
    pub feed: String,
    /// `None`: nobody knows.
    pub installed: Option<Version>,
    pub channel: &'static str,
    pub php: Option<String>,
    /// What would be staged.
    pub newest: Option<OfferView>,
    pub held_back: Vec<HeldBackView>,
    /// Until when the vendor looks after what it offers, where it says that.
    pub end_of_life: Option<String>,
    /// Whatever is published, the newest first; kept for the console's pages.
    #[serde(skip)]
    pub offerings: Vec<Offering>,
    /// Whether the reference was asked that the site follows, and not a vendor.
    #[serde(skip)]
    pub is_reference: bool,
    pub requests: u64,
    /// The command that brings it.
    #[serde(skip)]
    pub next: &'static str,
}

#[derive(Clone, Debug, Serialize)]
pub struct OfferView {
    pub version: String,
    pub archive: Option<String>,
    /// `signature`, `sha512`, `sha256`, `sha1`, `md5`, `tls`.
    pub verified: &'static str,
    pub requires_php: Option<String>,
    pub notes: Option<String>,
}

#[derive(Clone, Debug, Serialize)]
pub struct HeldBackView {
    pub version: String,
    pub why: String,
}

pub fn check(place: &Place, listener: Listener) -> Result<Answer<CheckView>, Failure> {
    let site = place.open()?;
    // Ctrl-C ends this verb at once: nothing hangs on what is here of an answer.
    let network = stage::network(&site, &Interrupt::default());
    if let Some(view) = offered(&site, &network, listener)? {
        return Ok(told(&site, view));
    }
    let customer = Customer::of(&site)?;
    let asking = customer.asking("check", &network);
    let heard = asking.offers(&mut |step, event| listener(None, step, event))?;
    let choice = asking.choose(&heard.offers, None);
    Ok(told(&site, view(&asking, &heard, choice)?))
}

fn told(site: &Site, view: CheckView) -> Answer<CheckView> {
    let exit = if view.newest.is_some() { Exit::Differs } else { Exit::Done };
    // Who may read the site and not write its state gets the answer all the same.
    let _ = stored::save(&site.state.checked(), &Checked::of(&view));
    Answer::ending(exit, view)
}

/// What was heard last, for whoever must not wait for the network.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Checked {
    pub at: Option<Timestamp>,
    pub vendor: String,
    /// What would have been staged.
    pub newest: Option<String>,
    pub verified: String,
    pub notes: Option<String>,
    pub held_back: u64,
    pub end_of_life: Option<String>,
    /// Whatever is published, the newest first.
    pub offerings: Vec<Offering>,
    pub is_reference: bool,
}

/// One version that is published, whether the site takes it or not.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Offering {
    pub version: String,
    /// `stable` or `testing`.
    pub channel: String,
    /// What its publisher says of it.
    pub notes: String,
    /// The page that says it.
    pub notes_url: Option<String>,
}

impl Offering {
    pub fn new(version: &str, channel: Channel, notes: &str, notes_url: Option<String>) -> Offering {
        Offering {
            version: version.to_owned(),
            channel: channel.name().to_owned(),
            notes: notes.trim_end().chars().take(MOST_NOTES).collect(),
            notes_url,
        }
    }
}

impl Checked {
    fn of(view: &CheckView) -> Checked {
        let newest = view.newest.as_ref();
        Checked {
            at: Some(clock::now()),
            vendor: view.vendor.clone(),
            newest: newest.map(|offer| offer.version.clone()),
            verified: newest.map(|offer| offer.verified.to_owned()).unwrap_or_default(),
            notes: newest.and_then(|offer| offer.notes.clone()),
            held_back: view.held_back.len() as u64,
            end_of_life: view.end_of_life.clone(),
            offerings: view.offerings.iter().take(MOST_OFFERINGS).cloned().collect(),
            is_reference: view.is_reference,
        }
    }

    /// `None`: nobody asked yet.
    pub(super) fn of_site(site: &Site) -> Result<Option<Checked>, Failure> {
        let checked: Checked = stored::load(&site.state.checked())?;
        Ok(checked.at.is_some().then_some(checked))
    }
}

fn view(asking: &Asking, heard: &Heard, choice: Choice) -> Result<CheckView, Failure> {
    let same = |offer: &&Offer| offer.version == asking.installed;
    let of_life = choice.offer.as_ref().or_else(|| heard.offers.iter().find(same));
    let held_back = choice.held_back.iter();
    Ok(CheckView {
        vendor: asking.rule()?.name.clone(),
        feed: heard.feed.clone(),
        installed: (asking.installed != "0").then(|| Version { version: asking.installed.to_owned() }),
        channel: asking.channel.name(),
        php: asking.php.map(str::to_owned),
        end_of_life: of_life.and_then(|offer| offer.end_of_life.clone()),
        newest: choice.offer.as_ref().map(|offer| offer_view(asking, offer)),
        held_back: held_back
            .map(|held| HeldBackView { version: held.version.clone(), why: held.why.clone() })
            .collect(),
        offerings: offerings(asking, &heard.offers),
        is_reference: false,
        requests: heard.requests,
        next: "entracte update --from vendor",
    })
}

fn offerings(asking: &Asking, offers: &[Offer]) -> Vec<Offering> {
    let offering = |offer: &Offer| Offering::new(&offer.version, offer.channel, "", asking.notes(offer));
    let mut offerings: Vec<Offering> = offers.iter().map(offering).collect();
    offerings.sort_by(|a, b| version::compare(&b.version, &a.version));
    offerings.dedup_by(|a, b| a.version == b.version);
    offerings
}

fn offer_view(asking: &Asking, offer: &Offer) -> OfferView {
    let least = offer.requires_php.as_deref().or_else(|| asking.profile.least_php(&offer.version));
    OfferView {
        version: offer.version.clone(),
        archive: asking.archive(offer).ok().map(|url| shown(&url)),
        verified: asking.worth(offer),
        requires_php: least.map(str::to_owned),
        notes: asking.notes(offer),
    }
}
