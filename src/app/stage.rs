//! `stage` and `discard`.

use std::path::PathBuf;

use crate::app::believe;
use crate::app::desk::Held;
use crate::app::desk::Listener;
use crate::app::desk::Place;
use crate::app::failure::Failure;
use crate::app::plan;
use crate::app::report::Answer;
use crate::app::report::Stage;
use crate::app::vendor::Customer;
use crate::base::event::Watch;
use crate::base::exit::Exit;
use crate::integrity::manifest::Extent;
use crate::integrity::manifest::Made;
use crate::release::archive::Limits;
use crate::release::network::Network;
use crate::release::obtain::Home;
use crate::release::source::Source;
use crate::release::stage;
use crate::release::stage::Options;
use crate::release::staging::Staging;
use crate::release::trust::Store;
use crate::release::vendor::take::Pick;
use crate::site::Site;
use crate::site::settings::Versions;
use crate::sys::fs;
use crate::sys::signal::Interrupt;
use crate::update::compose::Reinstall;

/// What is asked for.
#[derive(Clone, Debug)]
pub struct Request {
    /// Nothing: where the settings look for releases.
    pub from: Option<String>,
    pub version: Option<String>,
    /// A folder without a manifest is the whole release.
    pub complete: bool,
}

pub fn stage(place: &Place, request: &Request, listener: Listener) -> Result<Answer<Stage>, Failure> {
    let held = Held::take_idle(place, "stage")?;
    // Ctrl-C ends this verb at once: all that the next one needs is on the disk.
    stage_here(&held.site, request, &Interrupt::default(), listener).map(Answer::done)
}

/// The same, and makes the plan at once.
pub fn stage_and_plan(
    place: &Place,
    request: &Request,
    listener: Listener,
) -> Result<Answer<Stage>, Failure> {
    let held = Held::take_idle(place, "stage")?;
    let staged = stage_here(&held.site, request, &Interrupt::default(), listener)?;
    let plan = plan::make(&held.site, &held.gate, Reinstall::No, listener)?;
    let exit = if plan.is_empty() { Exit::NothingToDo } else { Exit::Done };
    Ok(Answer::ending(exit, Stage { plan: Some(plan.id.to_string()), ..staged }))
}

/// The same on a site whose lock is held; `interrupt` ends a download.
pub(super) fn stage_here(
    site: &Site,
    request: &Request,
    interrupt: &Interrupt,
    listener: Listener,
) -> Result<Stage, Failure> {
    stage_within(site, request, None, interrupt, listener)
}

/// The same, where nobody looks: of what a vendor offers, only `versions` are taken.
pub(super) fn stage_within(
    site: &Site,
    request: &Request,
    versions: Option<&Versions>,
    interrupt: &Interrupt,
    listener: Listener,
) -> Result<Stage, Failure> {
    let from = request.from.as_deref().unwrap_or(&site.settings.policy.from);
    let source = believe::source(from, &Store::open(&site.state.trust()), None)?;
    let places = Places::of(site);
    let options = options(site, request, interrupt, &places);
    let staging = Staging::open(&site.state.staging())?;
    let watch: Watch = &mut |step, event| listener(None, step, event);
    let staged = match source {
        Source::Vendor => {
            let pick = request.version.as_deref().map_or(Pick::Newest(versions), Pick::Named);
            Customer::of(site)?.asking("stage", &options.network).stage(pick, &staging, &options, watch)?
        }
        source => stage::stage(&source, &staging, &options, watch)?,
    };
    forget_plan(site)?;
    let mut notes = staged.origin.notes.clone();
    if staged.manifest.made == Made::Built {
        notes.push("the release has no manifest of its own: one was built from its content".into());
    }
    if staged.manifest.extent == Extent::Partial {
        notes.push("this is a part of a release: nothing will be removed but what it names (`--complete` says that it is the whole)".into());
    }
    Ok(Stage {
        version: staged.manifest.version.clone(),
        files: staged.manifest.files.len() as u64,
        bytes: staged.manifest.bytes(),
        fetched_bytes: staged.origin.fetched_bytes,
        requests: staged.origin.requests,
        trust: staged.origin.trust.name().into(),
        full_bytes: staged.origin.full_bytes,
        signed: staged.origin.signed.clone(),
        plan: None,
        notes,
    })
}

/// Folders of a site that staging looks into.
pub(super) struct Places {
    inbox: PathBuf,
    incoming: PathBuf,
    trust: PathBuf,
    installed: PathBuf,
}

impl Places {
    pub(super) fn of(site: &Site) -> Places {
        let (trust, installed) = (site.state.trust(), site.state.installed());
        Places { inbox: site.inbox(), incoming: site.incoming(), trust, installed }
    }
}

pub(super) fn options<'a>(
    site: &'a Site,
    request: &'a Request,
    interrupt: &Interrupt,
    places: &'a Places,
) -> Options<'a> {
    Options {
        profile: &site.profile,
        product: site.product(),
        version: request.version.as_deref(),
        extent: request.complete.then_some(Extent::Complete),
        limits: limits(site),
        inbox: &places.inbox,
        incoming: &places.incoming,
        network: network(site, interrupt),
        live: Some(&site.root),
        home: Some(Home {
            trust: &places.trust,
            installed: &places.installed,
            root: &site.root,
            policy: &site.settings.policy,
        }),
    }
}

/// How the site uses the network.
pub(super) fn network(site: &Site, interrupt: &Interrupt) -> Network {
    Network {
        settings: site.settings.network.clone(),
        max_bytes: limits(site).total_bytes,
        interrupt: interrupt.clone(),
    }
}

pub(super) fn limits(site: &Site) -> Limits {
    let (wanted, usual) = (&site.settings.limits, Limits::default());
    Limits {
        total_bytes: wanted.total_bytes.unwrap_or(usual.total_bytes),
        file_bytes: wanted.file_bytes.unwrap_or(usual.file_bytes),
        ratio: wanted.ratio.unwrap_or(usual.ratio),
        entries: wanted.entries.unwrap_or(usual.entries),
        folder_entries: wanted.folder_entries.unwrap_or(usual.folder_entries),
        memory_bytes: wanted.memory_bytes.unwrap_or(usual.memory_bytes),
    }
}

/// A plan for another release is worth nothing.
pub(super) fn forget_plan(site: &Site) -> Result<(), Failure> {
    fs::remove_file_if_present(&site.state.approval())?;
    Ok(fs::remove_file_if_present(&site.state.plan())?)
}

pub fn discard(place: &Place) -> Result<Answer<()>, Failure> {
    let held = Held::take_idle(place, "discard")?;
    forget_plan(&held.site)?;
    Staging::open(&held.site.state.staging())?.discard()?;
    Ok(Answer::done(()))
}
