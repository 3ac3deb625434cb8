//! What has to hold before a site is left to itself.

use crate::app::auto::Proof;
use crate::app::failure::Failure;
use crate::base::exit::Exit;
use crate::base::exit::Fault;
use crate::notify;
use crate::site::Site;
use crate::site::gate::Gate;
use crate::site::gate::Kind;
use crate::site::gate_proof;

/// One thing that is not there, and how to get it.
struct Lacking(String, String);

/// Refuses where nobody would notice, or be told, that an update went wrong.
pub fn check(site: &Site, gate: &Gate, proof: Proof) -> Result<(), Failure> {
    let mut lacking = Vec::new();
    if site.settings.policy.versions.as_ref().is_some_and(|versions| versions.pin_one()) {
        lacking.push(Lacking(
            "the policy takes only one version, so that nothing would ever be updated".into(),
            "write a range: policy.versions = \">=6.1, <7\"".into(),
        ));
    }
    if !site.has_own_health_checks() {
        lacking.push(Lacking(
            "no health check is set".into(),
            "say in the settings how a good page is known: [[health.urls]] or [[health.command]]".into(),
        ));
    }
    if proof == Proof::Asked {
        lacking.extend(unproven(site, gate)?);
    }
    if lacking.is_empty() {
        return Ok(());
    }
    let mut failure = Failure::new(Exit::Refused, "this site cannot be left to itself yet");
    for Lacking(what, how) in lacking {
        failure.causes.push(what);
        failure.hints.push(how);
    }
    Err(failure)
}

fn unproven(site: &Site, gate: &Gate) -> Result<Vec<Lacking>, Failure> {
    let mut lacking = Vec::new();
    if site.settings.url.is_none() {
        lacking.push(Lacking("the site has no URL to ask".into(), "set `url` in the settings".into()));
    }
    if *gate.kind() == Kind::None || gate_proof::recall(site, gate)?.is_none() {
        lacking.push(Lacking(
            "the gate was never proved to keep visitors out".into(),
            "`entracte close`, then `entracte open`: it is proved by asking, with the settings as they are"
                .into(),
        ));
    }
    if let Err(error) = notify::proved(site) {
        lacking.push(Lacking(error.to_string(), error.hints().join("; ")));
    }
    Ok(lacking)
}
