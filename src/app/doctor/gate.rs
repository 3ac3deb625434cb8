//! The gate, and whatever else may keep visitors out.

use crate::app::doctor::Home;
use crate::app::doctor::Patient;
use crate::app::doctor::failed;
use crate::app::doctor::unsure;
use crate::base::check::Check;
use crate::base::exit::Fault;
use crate::site::gate::Gate;
use crate::site::gate::GateState;
use crate::site::gate::Kind;
use crate::site::maintenance;
use crate::site::maintenance::Flag;
use crate::update::checks::environment;

pub fn checks(patient: &Patient) -> Vec<Check> {
    let gate = match patient.site.gate() {
        Ok(gate) => gate,
        Err(error) => return vec![failed("gate", &error, "mend [gate] in entracte.toml")],
    };
    let state = match gate.state() {
        Ok(state) => state,
        Err(error) => return vec![failed("gate", &error, "make the gate's folder readable")],
    };
    let mut checks = Vec::new();
    checks.push(environment::page(&gate).unwrap_or_else(|| installed(patient, &gate, &state)));
    checks.push(closed(patient, &state));
    checks.extend(effective(patient, &gate, &state));
    checks.push(application(patient, &state));
    checks
}

/// Whether an open site could be closed.
fn installed(patient: &Patient, gate: &Gate, state: &GateState) -> Check {
    const NAME: &str = "gate";
    let Home::Answers { probe, url, .. } = &patient.home else {
        return environment::can_close(patient.site, gate);
    };
    if state.closed || *gate.kind() != Kind::Prepend {
        return environment::can_close(patient.site, gate);
    }
    match probe.gate_is_installed(url, gate.pass()) {
        Ok(true) => Check::ok(NAME, "PHP runs the guard"),
        Ok(false) => Check::error(
            NAME,
            "PHP does not run the guard at the site's address",
            "`entracte gate install`, then wait as long as PHP's user_ini.cache_ttl says (300 s unless changed)",
        ),
        Err(error) => unsure(NAME, &error, "check `url` in entracte.toml"),
    }
}

/// By whom the site is closed, and whether that is as it should be.
fn closed(patient: &Patient, state: &GateState) -> Check {
    const NAME: &str = "closed";
    if !state.closed {
        return Check::ok(NAME, "the site is open");
    }
    let by = state.by.as_deref().unwrap_or("nobody knows whom");
    let since = state.since.map(|since| format!(" since {since}")).unwrap_or_default();
    let reason = state.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
    let detail = format!("closed by {by}{since}{reason}");
    let run = patient.open_run.as_ref().ok().and_then(|open| open.as_ref()).map(|(id, _)| id.as_str());
    match (patient.holder.is_some(), run) {
        (true, _) => Check::ok(NAME, detail),
        (false, Some(id)) if id == by => Check::error(
            NAME,
            detail,
            "`entracte resume` or `entracte rollback` ends the run and opens the site",
        ),
        _ if by == "operator" => Check::warning(NAME, detail, "entracte open"),
        _ => Check::error(NAME, format!("{detail}, and no such run is open"), "entracte open"),
    }
}

/// Whether visitors find what the gate says.
fn effective(patient: &Patient, gate: &Gate, state: &GateState) -> Option<Check> {
    const NAME: &str = "gate-effective";
    let Home::Answers { probe, url, page } = &patient.home else { return None };
    if !state.closed {
        return Some(match page.closed_by_us {
            false => Check::ok(NAME, "visitors are let in"),
            true => Check::error(
                NAME,
                "visitors get the page of a closed site, and the gate is open",
                "`entracte close`, then `entracte open`; a cache in front must not keep that page",
            ),
        });
    }
    if *gate.kind() == Kind::None {
        return Some(Check::warning(
            NAME,
            "there is no gate: visitors are let in",
            "set `kind` under [gate]",
        ));
    }
    Some(match probe.prove_closed(url, gate.pass()) {
        Ok(()) => Check::ok(NAME, "visitors are kept out, the operator is let in"),
        Err(error) => Check::error(NAME, error.to_string(), error.hints().join("; ")),
    })
}

/// The application's own flags that somebody left behind.
fn application(patient: &Patient, state: &GateState) -> Check {
    const NAME: &str = "maintenance";
    if state.closed || patient.holder.is_some() {
        return Check::ok(NAME, "the site is closed, or being worked on");
    }
    let flags = match maintenance::flags(patient.site, patient.now) {
        Ok(flags) => flags,
        Err(error) => return unsure(NAME, &error, "make it readable"),
    };
    match flags.iter().find(|flag| flag.is_orphan).or(flags.first()) {
        None => Check::ok(NAME, "the application is not closed"),
        Some(Flag { path, since, is_orphan: true, fix }) => Check::error(
            NAME,
            format!("{path} has closed the application since {since}, and entracte did not put it there"),
            fix.clone(),
        ),
        Some(Flag { path, since, .. }) => Check::ok(
            NAME,
            format!("{path} has closed the application since {since}: it may be updating itself"),
        ),
    }
}
