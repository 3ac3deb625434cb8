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
use crate::sys::clock;
use crate::update::owners::Witness;

/// When visitors are told to come back, where nobody knows better, in seconds.
const RETRY_SECONDS: u32 = 300;

pub fn close(place: &Place, reason: Option<&str>) -> Result<Answer<GateStatus>, Failure> {
    let held = Held::take_idle(place, "close")?;
    let closing = Closing {
        reason: reason.unwrap_or("maintenance").to_owned(),
        by: "operator".into(),
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
    Ok(Answer::done(view(held.gate.state()?)))
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
    if !held.gate.state()?.closed {
        return Ok(Answer::ending(Exit::NothingToDo, view(held.gate.state()?)));
    }
    let witness = Witness::take(&held.site, &held.gate)?;
    held.gate.open()?;
    witness.settle(&held.site, &held.gate)?;
    Ok(Answer::done(view(held.gate.state()?)))
}

pub fn show(place: &Place) -> Result<Answer<GateView>, Failure> {
    let gate = place.open()?.gate()?;
    Ok(Answer::done(GateView {
        kind: name(&gate).into(),
        instructions: gate.instructions(),
        installed: None,
    }))
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
    }
}
