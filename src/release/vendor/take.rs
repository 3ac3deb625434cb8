//! Brings an offer of the vendor to staging.

use crate::base::event::Event;
use crate::base::event::Watch;
use crate::base::exit::Exit;
use crate::base::exit::Fault;
use crate::base::step::Step;
use crate::release::network::address::Address;
use crate::release::network::address::AddressError;
use crate::release::source::Source;
use crate::release::stage;
use crate::release::stage::Options;
use crate::release::stage::StageError;
use crate::release::stage::Voucher;
use crate::release::staging::Staged;
use crate::release::staging::Staging;
use crate::release::vendor::ask::AskError;
use crate::release::vendor::ask::Asking;
use crate::release::vendor::ask::Prepared;
use crate::release::vendor::choose::Choice;
use crate::release::vendor::choose::HeldBack;
use crate::release::vendor::choose::Wanted;
use crate::release::vendor::choose::choose;
use crate::release::vendor::offer::Offer;
use crate::site::profile::DigestName;
use crate::site::settings::Versions;

#[derive(Debug, thiserror::Error)]
pub enum TakeError {
    #[error("{vendor} offers nothing for this site that is newer than {installed}")]
    Nothing { vendor: String, installed: String, held_back: Vec<HeldBack> },
    #[error("the settings stay with {pin}, which {version} is not")]
    Pinned { version: String, pin: String },
    #[error("\"{version}\" is no name of a version")]
    NoVersion { version: String },
    #[error(transparent)]
    Ask(#[from] AskError),
    #[error(transparent)]
    Address(#[from] AddressError),
    #[error(transparent)]
    Stage(#[from] StageError),
}

impl Fault for TakeError {
    fn exit(&self) -> Exit {
        match self {
            TakeError::Nothing { .. } => Exit::NothingToDo,
            TakeError::Ask(error) => error.exit(),
            TakeError::Stage(error) => error.exit(),
            _ => Exit::Refused,
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            TakeError::Nothing { held_back, .. } => told(held_back).into_iter().collect(),
            TakeError::Pinned { .. } => vec!["`vendor.pin` in entracte.toml says what is not left".into()],
            TakeError::NoVersion { .. } | TakeError::Address(_) => Vec::new(),
            TakeError::Ask(error) => error.hints(),
            TakeError::Stage(error) => error.hints(),
        }
    }

    fn is_network(&self) -> bool {
        match self {
            TakeError::Ask(error) => error.is_network(),
            TakeError::Stage(error) => error.is_network(),
            _ => false,
        }
    }
}

/// What is to be taken.
#[derive(Clone, Copy, Debug)]
pub enum Pick<'a> {
    /// What a person named.
    Named(&'a str),
    /// The newest that fits, in a range that automation does not leave.
    Newest(Option<&'a Versions>),
}

impl<'a> Asking<'a> {
    /// What the site takes of these offers.
    pub fn choose(&self, offers: &[Offer], versions: Option<&Versions>) -> Choice {
        let wanted = Wanted {
            installed: self.installed,
            channel: self.channel,
            pin: self.settings.pin.as_ref(),
            versions,
            php: self.php,
            profile: self.profile,
        };
        choose(offers, &wanted)
    }

    /// Stages what is picked of all that the vendor offers.
    pub fn stage(
        &self,
        pick: Pick,
        staging: &Staging,
        options: &Options,
        watch: Watch,
    ) -> Result<Staged, TakeError> {
        let heard = self.offers(watch)?;
        let (offer, is_listed) = match pick {
            Pick::Named(version) => self.named(version, &heard.offers)?,
            Pick::Newest(versions) => (self.newest(&heard.offers, versions, watch)?, true),
        };
        let prepared = self.prepare(&offer, !is_listed, watch)?;
        let voucher = Voucher {
            source: format!("{} ({})", self.rule()?.name, Address::of_document(prepared.archive.clone())),
            version: &offer.version,
            requests: heard.requests + prepared.requests,
            bytes: heard.bytes + prepared.bytes,
            prove: &mut |archive| prepared.evidence.prove(archive),
        };
        let source = Source::Url(archive_of(&prepared)?);
        let options = Options { version: Some(&offer.version), ..options.clone() };
        Ok(stage::stage_vouched(&source, Some(voucher), staging, &options, watch)?)
    }

    /// An offer that a person named, and whether the feed has it.
    fn named(&self, version: &str, offers: &[Offer]) -> Result<(Offer, bool), TakeError> {
        let no_version = || TakeError::NoVersion { version: crate::base::escape::text(version).into_owned() };
        let listed = offers.iter().find(|offer| offer.version == version).cloned();
        let is_listed = listed.is_some();
        let offer = listed.or_else(|| Offer::of(version)).ok_or_else(no_version)?;
        match self.settings.pin.as_ref().filter(|pin| !pin.holds(version)) {
            Some(pin) => Err(TakeError::Pinned { version: version.to_owned(), pin: pin.text().to_owned() }),
            None => Ok((offer, is_listed)),
        }
    }

    fn newest(
        &self,
        offers: &[Offer],
        versions: Option<&Versions>,
        watch: Watch,
    ) -> Result<Offer, TakeError> {
        let Choice { offer, held_back } = self.choose(offers, versions);
        let (vendor, installed) = (self.rule()?.name.clone(), self.installed.to_owned());
        let Some(offer) = offer else { return Err(TakeError::Nothing { vendor, installed, held_back }) };
        if let Some(message) = told(&held_back) {
            watch(Some(Step::Stage), Event::Warning { message });
        }
        Ok(offer)
    }
}

/// What is held back, in a sentence: there may be hundreds.
fn told(held_back: &[HeldBack]) -> Option<String> {
    let newest = held_back.first()?;
    let others = match held_back.len() {
        1 => String::new(),
        many => format!("; so are {} others (`entracte check` names them)", many - 1),
    };
    Some(format!("{} is held back: {}{others}", newest.version, newest.why))
}

/// The archive's address, with the digest by which it is verified while it comes.
fn archive_of(prepared: &Prepared) -> Result<Address, AddressError> {
    let published = prepared.evidence.published.as_ref();
    let mut url = prepared.archive.clone();
    url.set_fragment(None);
    match published.filter(|published| published.algorithm == DigestName::Sha256) {
        Some(published) => Address::parse(&format!("{url}#sha256={}", published.hex)),
        None => Address::parse(url.as_str()),
    }
}
