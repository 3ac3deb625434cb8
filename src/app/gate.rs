//! The gate alone: `close`, `open`, `gate show`, `gate install`.

use crate::app::desk::Held;
use crate::app::desk::Place;
use crate::app::failure::Failure;
use crate::app::report::Answer;
use crate::app::report::GateStatus;
use crate::app::report::GateView;
use crate::base::exit::Exit;
use crate::site::gate::Closing;
use crate::site::gate::Gate;
use crate::site::gate::GateState;
use crate::site::gate::Kind;
use crate::site::gate_proof;
use crate::site::history;
use crate::site::history::Deed;
use crate::site::history::News;
use crate::sys::clock;
use crate::update::owners::Witness;

/// When visitors are told to come back, where nobody knows better, in seconds.
const RETRY_SECONDS: u32 = 300;
const REASON: &str = "maintenance";

pub fn close(place: &Place, reason: Option<&str>) -> Result<Answer<GateStatus>, Failure> {
    let held = Held::take_idle(place, "close")?;
    let closing = Closing {
        reason: reason.unwrap_or(REASON).to_owned(),
        by: place.by.clone().unwrap_or_else(|| "operator".into()),
        since: clock::now(),
        retry_after_seconds: RETRY_SECONDS,
    };
    let witness = Witness::take(&held.site, &held.gate)?;
    let proved = held.gate.close(&closing).map_err(Failure::from).and_then(|()| prove(&held));
    if let Err(failure) = proved {
        // Half a closed gate keeps nobody out and confuses everybody.
        held.gate.open()?;
        witness.settle(&held.site, &held.gate)?;
        return Err(failure.ending(Exit::Failed));
    }
    witness.settle(&held.site, &held.gate)?;
    let untold = note(&held, Deed::Closed, &closing.reason);
    Ok(Answer::done(GateStatus { warnings: untold, ..view(held.gate.state()?) }))
}

/// Who did it stands in the log of the site. That it cannot be written there
/// keeps nobody out and lets nobody in.
fn note(held: &Held, event: Deed, detail: &str) -> Vec<String> {
    let news = News { event, run: None, by: Some(&held.by), detail: detail.to_owned() };
    match history::append(&held.site.state.history(), news) {
        Ok(()) => Vec::new(),
        Err(error) => vec![format!("the history could not be told: {error}: {}", error.source)],
    }
}

fn prove(held: &Held) -> Result<(), Failure> {
    match held.site.probe()? {
        Some((probe, url)) if *held.gate.kind() != Kind::None => {
            probe.prove_closed(&url, held.gate.pass())?;
            Ok(gate_proof::remember(&held.site, &held.gate)?)
        }
        _ => Ok(()),
    }
}

pub fn open(place: &Place) -> Result<Answer<GateStatus>, Failure> {
    let held = Held::take_idle(place, "open")?;
    let was = held.gate.state()?;
    if !was.closed {
        return Ok(Answer::ending(Exit::NothingToDo, view(was)));
    }
    let witness = Witness::take(&held.site, &held.gate)?;
    held.gate.open()?;
    witness.settle(&held.site, &held.gate)?;
    let untold = note(&held, Deed::Reopened, was.reason.as_deref().unwrap_or_default());
    Ok(Answer::done(GateStatus { warnings: untold, ..view(held.gate.state()?) }))
}

pub fn show(place: &Place) -> Result<Answer<GateView>, Failure> {
    let gate = place.open()?.gate()?;
    Ok(Answer::done(GateView {
        kind: name(&gate).into(),
        instructions: gate.instructions(),
        installed: None,
    }))
}

/// The page that visitors would see, in the first of its languages and in French.
/// A template of the owner's that fails is an error here; closing would do without it.
pub fn preview(place: &Place, reason: Option<&str>) -> Result<[String; 2], Failure> {
    let closing = Closing {
        reason: reason.unwrap_or(REASON).to_owned(),
        by: "preview".into(),
        since: clock::now(),
        retry_after_seconds: RETRY_SECONDS,
    };
    let pages = place.open()?.gate()?.preview(&closing)?;
    Ok([pages.default, pages.french])
}

pub fn install(place: &Place) -> Result<Answer<GateView>, Failure> {
    let held = Held::take_idle(place, "gate install")?;
    let witness = Witness::take(&held.site, &held.gate)?;
    held.gate.install()?;
    witness.settle(&held.site, &held.gate)?;
    let kind = name(&held.gate);
    let installed = match held.gate.kind() {
        Kind::Prepend => "the guard is installed",
        Kind::Nginx => "this cannot be done from the site's own files: paste the following",
        _ => "nothing needs to be installed",
    };
    Ok(Answer::done(GateView {
        kind: kind.into(),
        instructions: held.gate.instructions(),
        installed: Some(installed.into()),
    }))
}

fn name(gate: &Gate) -> &'static str {
    match gate.kind() {
        Kind::Apache => "apache",
        Kind::Nginx => "nginx",
        Kind::Prepend => "prepend",
        Kind::WordPress => "wordpress",
        Kind::Command { .. } => "command",
        Kind::None => "none",
    }
}

fn view(state: GateState) -> GateStatus {
    GateStatus {
        closed: state.closed,
        by: state.by,
        since: state.since.map(|since| since.to_string()),
        reason: state.reason,
        warnings: Vec::new(),
    }
}
