//! Where a site can get its next release from, and what of one is here already.

use serde::Serialize;

use crate::app::check::Checked;
pub use crate::app::check::Offering;
use crate::app::desk::Place;
use crate::app::failure::Failure;
use crate::app::report::SourceView;
use crate::base::escape;
use crate::integrity::manifest::Extent;
use crate::integrity::manifest::version;
use crate::release::source::Source;
use crate::release::staging::Staging;
use crate::site::Site;
use crate::site::installed::Installed;

/// Of so many it is shown what is new.
const MOST_NEWS: usize = 5;

#[derive(Clone, Debug, Serialize)]
pub struct Sources {
    /// Where the settings look, for people.
    pub from: String,
    pub kind: SourceKind,
    /// The application's vendor, where it publishes releases.
    pub vendor: Option<String>,
    pub installed: Option<String>,
    pub staged: Option<StagedView>,
    /// What was heard last of what is new; `None`: nobody asked.
    pub checked: Option<Checked>,
    /// Newer releases that say what is new in them, the newest first.
    pub news: Vec<Offering>,
}

/// What `policy.from` names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SourceKind {
    Vendor,
    Inbox,
    Incoming,
    /// A reference, an archive, a repository, a folder.
    Place,
}

/// The release that is here and verified.
#[derive(Clone, Debug, Serialize)]
pub struct StagedView {
    pub version: String,
    pub files: u64,
    pub bytes: u64,
    pub at: String,
    pub source: SourceView,
    pub is_partial: bool,
}

pub fn sources(place: &Place) -> Result<Sources, Failure> {
    let site = place.open()?;
    let from = site.settings.policy.from.as_str();
    let (text, kind) = match Source::parse(from) {
        Ok(Source::Vendor) => (from.to_owned(), SourceKind::Vendor),
        Ok(Source::Inbox(_)) => (from.to_owned(), SourceKind::Inbox),
        Ok(Source::Incoming) => (from.to_owned(), SourceKind::Incoming),
        Ok(source) => (source.text(), SourceKind::Place),
        // An address that cannot be read may hold a password.
        Err(_) => {
            (escape::text(from.split(['?', '@']).next_back().unwrap_or_default()).into(), SourceKind::Place)
        }
    };
    let installed = Installed(&site.state.installed()).current()?.map(|current| current.version);
    let checked = Checked::of_site(&site)?;
    Ok(Sources {
        from: text,
        kind,
        vendor: site.profile.vendor.as_ref().map(|vendor| vendor.name.clone()),
        staged: staged(&site)?,
        news: checked.as_ref().map(|checked| news(checked, installed.as_deref())).unwrap_or_default(),
        installed,
        checked,
    })
}

fn news(checked: &Checked, installed: Option<&str>) -> Vec<Offering> {
    let known = installed.filter(|installed| version::is_known(installed));
    let is_newer = |one: &&Offering| known.is_none_or(|known| version::compare(&one.version, known).is_gt());
    let says = |one: &&Offering| !one.notes.is_empty() || one.notes_url.is_some();
    checked.offerings.iter().filter(is_newer).filter(says).take(MOST_NEWS).cloned().collect()
}

fn staged(site: &Site) -> Result<Option<StagedView>, Failure> {
    let Some(staged) = Staging::open(&site.state.staging())?.staged()? else { return Ok(None) };
    let (manifest, origin) = (staged.manifest, staged.origin);
    Ok(Some(StagedView {
        version: manifest.version.clone(),
        files: manifest.files.len() as u64,
        bytes: manifest.bytes(),
        at: origin.staged_at.to_string(),
        source: SourceView {
            from: origin.source,
            trust: origin.trust.name().into(),
            signed: origin.signed,
            notes: origin.notes,
        },
        is_partial: manifest.extent == Extent::Partial,
    }))
}
