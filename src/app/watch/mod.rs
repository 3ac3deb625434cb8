//! `watch`: the live tree against what is known to be installed. It looks
//! without a lock, and takes one for the moment in which it remembers.

mod accept;
mod follow;
mod grounds;
mod inspect;
mod lines;
mod live;
mod outside;
pub mod past;
mod record;
mod scheduled;
mod settled;

use std::path::PathBuf;

use jiff::Timestamp;
use serde::Serialize;

use crate::app::desk::Listener;
use crate::app::desk::Place;
use crate::app::failure::Failure;
use crate::app::report::Answer;
use crate::app::report::FindingsView;
use crate::base::digest::Sha256;
use crate::base::exit::Exit;
use crate::site::Site;
use crate::site::installed::Current;
use crate::sys::clock;
use crate::sys::fs;
pub use crate::watch::Finding;
pub use crate::watch::Kind;
pub use crate::watch::Why;
pub use crate::watch::folders::UnknownFolder;
use crate::watch::html;
use crate::watch::memory::Memory;
pub use crate::watch::memory::News;

use live::Looked;

pub use follow::Seen;
pub use follow::follow;
pub use lines::lines;
pub(super) use scheduled::scheduled;

/// What `watch` is asked for.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// Every file is read, whatever is remembered of it.
    pub paranoid: bool,
    /// Instead of what is installed.
    pub manifest: Option<PathBuf>,
    /// Paths whose findings are accepted, and why.
    pub accept: Vec<String>,
    pub note: Option<String>,
    /// Which findings whoever accepts has seen: [`past::LastWatch::seen`].
    pub seen: Option<Sha256>,
    pub html: Option<PathBuf>,
}

/// What differs.
#[derive(Clone, Debug, Serialize)]
pub struct WatchView {
    #[serde(flatten)]
    pub found: FindingsView,
    /// Each finding in full.
    pub details: Vec<Detail>,
    /// The same of what belongs to the site and stands outside its folder.
    pub outside: OutsideView,
    /// Folders of unexpected files that nothing is known of.
    pub folders: Vec<UnknownFolder>,
    pub against: Against,
    /// `None` where a manifest was named: nothing is remembered of that.
    pub news: Option<News>,
    /// What was accepted just now.
    pub accepted: Vec<String>,
    pub notes: Vec<String>,
    #[serde(skip)]
    pub html: Option<PathBuf>,
}

/// What differs outside the site; paths are behind `outside:`.
#[derive(Clone, Debug, Default, Serialize)]
pub struct OutsideView {
    #[serde(flatten)]
    pub found: FindingsView,
    pub details: Vec<Detail>,
}

#[derive(Clone, Debug, Serialize)]
pub struct Detail {
    #[serde(flatten)]
    pub finding: Finding,
    /// Somebody has to look at it first.
    pub alarm: bool,
    /// When a watch found it like this for the first time.
    pub since: Option<Timestamp>,
}

/// What the tree was held against.
#[derive(Clone, Debug, Serialize)]
pub struct Against {
    pub version: String,
    /// `release`, `list`, `observed`, or `manifest` where one was named.
    pub baseline: &'static str,
    /// Paths that are other than that, with somebody's word for it.
    pub accepted: u64,
}

impl Against {
    fn of(current: &Current) -> Against {
        let accepted = current.deviations.len() + current.accepted.len();
        let version = current.version.clone();
        Against { version, baseline: current.baseline.name(), accepted: accepted as u64 }
    }
}

pub fn watch(place: &Place, request: &Request, listener: Listener) -> Result<Answer<WatchView>, Failure> {
    if !request.accept.is_empty() {
        return accept::accept(place, request, listener);
    }
    let site = place.open()?;
    let memory = Memory::load(&site.state.watch())?;
    let looked = live::look(&site, &live::Manner::of(request, &memory), listener)?;
    let mut notes = looked.notes.clone();
    let news = match &request.manifest {
        Some(_) => None,
        None => {
            notes.extend(record::try_record(&site, &looked)?);
            Some(memory.news(&looked.findings))
        }
    };
    answer(&site, &memory, looked, Extra { news, notes, accepted: Vec::new(), html: request.html.clone() })
}

/// What is told besides the findings.
struct Extra {
    news: Option<News>,
    notes: Vec<String>,
    accepted: Vec<String>,
    html: Option<PathBuf>,
}

fn answer(site: &Site, memory: &Memory, looked: Looked, extra: Extra) -> Result<Answer<WatchView>, Failure> {
    let exit = if looked.findings.is_empty() { Exit::Done } else { Exit::Differs };
    if let Some(path) = &extra.html {
        write_report(path, site, &looked, &extra)?;
    }
    let now = clock::now();
    let since = |finding: &Finding| {
        let known = memory.findings.get(&finding.name());
        known.filter(|known| known.mark == finding.mark()).map_or(now, |known| known.since)
    };
    let is_remembered = extra.news.is_some();
    let details = looked.findings.into_iter().map(|finding| Detail {
        alarm: finding.is_alarm(),
        since: is_remembered.then(|| since(&finding)),
        finding,
    });
    let (outside, details): (Vec<Detail>, Vec<Detail>) = details.partition(|detail| detail.finding.outside);
    let view = WatchView {
        found: found(&details, (looked.checked, looked.bytes, looked.rehashed)),
        against: looked.against.clone(),
        folders: looked.folders,
        details,
        outside: OutsideView::of(&looked.outside, outside),
        news: extra.news,
        accepted: extra.accepted,
        notes: extra.notes,
        html: extra.html,
    };
    Ok(Answer::ending(exit, view))
}

fn paths(details: &[Detail], kind: Kind) -> Vec<String> {
    let here = details.iter().filter(|detail| detail.finding.kind == kind);
    here.map(|detail| detail.finding.path.to_string()).collect()
}

impl OutsideView {
    fn of(looked: &outside::Looked, details: Vec<Detail>) -> OutsideView {
        OutsideView { found: found(&details, (looked.checked, looked.bytes, looked.rehashed)), details }
    }
}

/// The paths of each kind; files, bytes and files that were read are counted elsewhere.
fn found(details: &[Detail], (checked, bytes, rehashed): (u64, u64, u64)) -> FindingsView {
    FindingsView {
        modified: paths(details, Kind::Modified),
        missing: paths(details, Kind::Missing),
        unexpected: paths(details, Kind::Unexpected),
        unreadable: paths(details, Kind::Unreadable),
        checked,
        bytes,
        rehashed,
    }
}

fn write_report(path: &std::path::Path, site: &Site, looked: &Looked, extra: &Extra) -> Result<(), Failure> {
    let nothing = News::default();
    let news = extra.news.as_ref().unwrap_or(&nothing);
    let report = html::Report {
        site: &fs::shown(&site.root),
        version: &looked.against.version,
        made: &clock::now().strftime("%Y-%m-%d %H:%M UTC").to_string(),
        checked: looked.checked + looked.outside.checked,
        rows: looked.findings.iter().map(|finding| html::Row::of(finding, news)).collect(),
        news,
        notes: &extra.notes,
    };
    let page = html::page(&report)
        .map_err(|error| Failure::new(Exit::Failed, format!("failed to write the report: {error}")))?;
    Ok(fs::write_durable_with(path, page.as_bytes(), 0o600)?)
}
