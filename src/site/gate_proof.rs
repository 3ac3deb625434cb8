//! A gate that was once proved to keep visitors out, by requests.

use jiff::Timestamp;
use serde::Deserialize;
use serde::Serialize;

use crate::base::digest::Sha256;
use crate::site::Site;
use crate::site::gate::Gate;
use crate::site::gate::token;
use crate::site::stored;
use crate::site::stored::StoredError;
use crate::sys::clock;

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Proofs {
    proved: Option<Proof>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Proof {
    at: Timestamp,
    /// Digest of everything that the proof depends on.
    of: Sha256,
}

/// Remembers that visitors were kept out by this gate just now.
pub fn remember(site: &Site, gate: &Gate) -> Result<(), StoredError> {
    let proof = Proof { at: clock::now(), of: identity(site, gate) };
    stored::save(&site.state.gate_proof(), &Proofs { proved: Some(proof) })
}

/// When the gate, as it is set now, was last proved.
pub fn recall(site: &Site, gate: &Gate) -> Result<Option<Timestamp>, StoredError> {
    let known: Proofs = stored::load(&site.state.gate_proof())?;
    Ok(known.proved.filter(|proof| proof.of == identity(site, gate)).map(|proof| proof.at))
}

fn identity(site: &Site, gate: &Gate) -> Sha256 {
    let settings = &site.settings.gate;
    let url = site.settings.url.as_ref().map(ToString::to_string).unwrap_or_default();
    let parts = [settings.kind.as_str(), &url, &token::fingerprint(gate.pass())];
    let all: Vec<&str> =
        parts.into_iter().chain(settings.close.iter().chain(&settings.open).map(String::as_str)).collect();
    Sha256::of(all.join("\0").as_bytes())
}
