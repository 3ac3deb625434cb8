//! `plan` and `approve`.

use std::io::Read;

use crate::app::desk::Held;
use crate::app::desk::Listener;
use crate::app::desk::Place;
use crate::app::failure::Failure;
use crate::app::report::Answer;
use crate::app::report::Approved;
use crate::app::report::ChangeView;
use crate::app::report::DiffView;
use crate::app::report::PlanView;
use crate::app::report::SourceView;
use crate::app::report::Version;
use crate::app::schema::TableStepView;
use crate::base::diff;
use crate::base::exit::Exit;
use crate::base::path::SitePath;
use crate::release::at_hand::AtHand;
use crate::release::staging::Staging;
use crate::site::Site;
use crate::site::gate::Gate;
use crate::site::history;
use crate::site::history::Deed;
use crate::site::history::News;
use crate::sys::env;
use crate::sys::fs;
use crate::update::approval::Approval;
use crate::update::compose::Reinstall;
use crate::update::hooks;
use crate::update::plan::Change;
use crate::update::plan::Plan;
use crate::update::plan::Resolution;
use crate::update::plan::Thing;
use crate::update::review;

/// Of what the content is to be compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Diff {
    None,
    All,
    One(String),
}

/// What is remembered of files that look unchanged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Memory {
    Trusted,
    /// Every file is read anew.
    Forgotten,
}

pub fn plan(
    place: &Place,
    diff: &Diff,
    memory: Memory,
    listener: Listener,
) -> Result<Answer<PlanView>, Failure> {
    let held = Held::take_to_look(place, "plan")?;
    if memory == Memory::Forgotten {
        fs::remove_file_if_present(&held.site.state.cache())?;
    }
    let plan = make(&held.site, &held.gate, Reinstall::No, listener)?;
    let exit = if plan.is_empty() { Exit::NothingToDo } else { Exit::Done };
    Ok(Answer::ending(exit, view(&held.site, &plan, diff)?))
}

/// Builds the plan and makes it the current one; an approval of exactly this
/// plan stays.
pub(super) fn make(
    site: &Site,
    gate: &Gate,
    reinstall: Reinstall,
    listener: Listener,
) -> Result<Plan, Failure> {
    let plan = review::review(site, gate, reinstall, &mut |step, event| listener(None, step, event))?;
    plan.save(&site.state.plan())?;
    if Approval::load(&site.state.approval())?.is_some_and(|approval| approval.plan != plan.id) {
        crate::sys::fs::remove_file_if_present(&site.state.approval())?;
    }
    Ok(plan)
}

pub(super) fn view(site: &Site, plan: &Plan, diff: &Diff) -> Result<PlanView, Failure> {
    let sealed = &plan.sealed;
    let counts = plan.counts().into_iter().map(|(kind, count)| (word(&kind), count));
    let mut statements = sealed.statements();
    if let Some(upgrade) = &sealed.upgrade {
        let call = match (&upgrade.argv.first(), &upgrade.url) {
            (Some(program), _) => format!("{program} …"),
            (None, url) => url.clone().unwrap_or_default(),
        };
        statements.push(format!("-- the application's own upgrade: {call}"));
    }
    let mut kinds: std::collections::BTreeMap<String, u64> =
        ["add", "replace", "remove", "keep", "conflict", "same"]
            .into_iter()
            .map(|kind| (kind.into(), 0))
            .collect();
    kinds.extend(counts);
    Ok(PlanView {
        id: plan.id.to_string(),
        from: Version { version: sealed.from.version.clone() },
        to: Version { version: sealed.to.version.clone() },
        source: source(site, plan)?,
        changes: sealed.changes.iter().map(change_view).collect(),
        counts: kinds,
        statements,
        schema: sealed.table_steps().iter().zip(&plan.costs).map(TableStepView::of).collect(),
        scripts: sealed.scripts.iter().map(|script| script.path.as_str().to_owned()).collect(),
        bytes_to_fetch: plan.estimate.bytes_to_fetch,
        bytes_needed: plan.estimate.bytes_needed,
        checks: plan.checks.clone(),
        closed_seconds: plan.estimate.closed_seconds,
        warnings: review::warnings(plan),
        hooks: sealed.hooks.iter().map(hooks::told).collect(),
        approved: is_approved(site, plan)?,
        diffs: diffs(site, plan, diff)?,
    })
}

/// Where that came from which the plan installs.
fn source(site: &Site, plan: &Plan) -> Result<Option<SourceView>, Failure> {
    let origin = Staging::open(&site.state.staging())?.origin()?;
    let origin = origin.filter(|origin| origin.manifest == plan.sealed.to.manifest);
    Ok(origin.map(|origin| SourceView {
        from: origin.source,
        trust: origin.trust.name().into(),
        signed: origin.signed,
        notes: origin.notes,
    }))
}

pub(super) fn is_approved(site: &Site, plan: &Plan) -> Result<bool, Failure> {
    Ok(Approval::load(&site.state.approval())?.is_some_and(|approval| approval.plan == plan.id))
}

fn change_view(change: &Change) -> ChangeView {
    let resolution = change.resolution.map(|resolution| match resolution {
        Resolution::Ours => "ours",
        Resolution::Theirs => "theirs",
        Resolution::Stop => "stop",
    });
    ChangeView {
        path: change.path.as_str().to_owned(),
        kind: word(&change.kind),
        reason: change.reason.text().to_owned(),
        resolution: resolution.map(str::to_owned),
        beside: change.beside.as_ref().map(|beside| beside.path.as_str().to_owned()),
    }
}

/// The one word that a plain enum is in JSON.
pub(super) fn word(value: &impl serde::Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

fn diffs(site: &Site, plan: &Plan, diff: &Diff) -> Result<Vec<DiffView>, Failure> {
    let wanted: Box<dyn Fn(&Change) -> bool> = match diff {
        Diff::None => return Ok(Vec::new()),
        Diff::All => Box::new(|change| change.effect().is_some() || change.beside.is_some()),
        Diff::One(path) => {
            let path = SitePath::parse(path).map_err(|error| Failure::new(Exit::Usage, error.to_string()))?;
            if !plan.sealed.changes.iter().any(|change| change.path == path) {
                return Err(Failure::new(Exit::Usage, format!("the plan does not touch {path}")));
            }
            Box::new(move |change| change.path == path)
        }
    };
    let staging = Staging::open(&site.state.staging())?;
    let Some(staged) = staging.staged()? else { return Ok(Vec::new()) };
    let at_hand = AtHand::of(&staging, &staged.manifest, &site.root);
    let changes = plan.sealed.changes.iter().filter(|change| wanted(change));
    Ok(changes.map(|change| diff_view(site, &at_hand, change)).collect())
}

fn diff_view(site: &Site, at_hand: &AtHand, change: &Change) -> DiffView {
    let path = change.path.as_str().to_owned();
    let old = change.old.as_ref().and_then(|thing| {
        let file = site.tree().ok()?.open_file(&change.path).ok()?;
        text(thing, file)
    });
    let new = change.new.as_ref().and_then(|thing| text(thing, at_hand.open(&thing.sha256()?).ok()?));
    let text = match (old, new, &change.old, &change.new) {
        (Some(old), Some(new), _, _) => unified(&path, &old, &new),
        (None, Some(new), None, _) => unified(&path, b"", &new),
        (Some(old), None, _, None) => unified(&path, &old, b""),
        (_, _, old, new) => format!("{path}: {} -> {}\n", summary(old.as_ref()), summary(new.as_ref())),
    };
    DiffView { path, text }
}

fn unified(path: &str, old: &[u8], new: &[u8]) -> String {
    diff::unified(&format!("a/{path}"), &format!("b/{path}"), old, new)
}

/// The content, where it is text and not too long.
fn text(thing: &Thing, file: std::fs::File) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    if thing.size() <= diff::MAX_BYTES {
        file.take(diff::MAX_BYTES + 1).read_to_end(&mut bytes).ok()?;
    }
    (thing.size() <= diff::MAX_BYTES && diff::is_text(&bytes)).then_some(bytes)
}

fn summary(thing: Option<&Thing>) -> String {
    use crate::update::plan::What;
    match thing.map(|thing| &thing.what) {
        None => "nothing".into(),
        Some(What::File { size, sha256 }) => format!("{size} bytes {}", sha256.short()),
        Some(What::Link { target }) => format!("link to {}", crate::base::escape::text(target)),
        Some(What::Folder) => "a folder".into(),
        Some(What::Other) => "something else".into(),
    }
}

pub fn approve(place: &Place, id: &str) -> Result<Answer<Approved>, Failure> {
    let held = Held::take_idle(place, "approve")?;
    let plan = Plan::load(&held.site.state.plan())?;
    if plan.is_empty() {
        return Err(Failure::new(Exit::NothingToDo, "the plan changes nothing"));
    }
    let approval = approve_here(&held.site, &plan, id, &held.by)?;
    Ok(Answer::done(Approved { plan: approval.plan.to_string(), by: approval.by }))
}

pub(super) fn approve_here(site: &Site, plan: &Plan, id: &str, by: &str) -> Result<Approval, Failure> {
    let approval = Approval::give(&site.state.approval(), id, &plan.id, by)?;
    let detail = format!("plan {}: {} -> {}", plan.id, plan.sealed.from.version, plan.sealed.to.version);
    history::append(&site.state.history(), News { event: Deed::Approved, run: None, by: Some(by), detail })?;
    Ok(approval)
}

/// The person at the keyboard, as far as the system knows.
pub(in crate::app) fn who() -> String {
    let name = ["SUDO_USER", "USER", "LOGNAME"].into_iter().find_map(env::variable);
    let name = name.unwrap_or_else(|| format!("uid {}", env::user_id()));
    format!("{}@{}", crate::base::escape::text(&name), env::host_name())
}
