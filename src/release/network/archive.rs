//! One archive, from one address.

use std::path::Path;
use std::path::PathBuf;

use crate::base::event::Watch;
use crate::release::network::address::Address;
use crate::release::network::error::NetworkError;
use crate::release::network::fetch::Wanted;
use crate::release::network::fetch::from_mirrors;
use crate::release::network::mirrors::Mirrors;
use crate::release::network::part::Part;
use crate::release::network::redirect::Way;
use crate::release::network::session::Network;
use crate::release::network::session::Session;

/// An archive that is here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetched {
    pub path: PathBuf,
    /// Bytes of content that came over the network now.
    pub bytes: u64,
    pub requests: u64,
    /// The server says that it is a web page.
    pub is_page: bool,
    /// What a person should know of the way it came.
    pub notes: Vec<String>,
}

/// Fetches what is at the address into `folder`, or what is missing of it.
pub fn fetch(
    address: &Address,
    folder: &Path,
    network: &Network,
    watch: Watch,
) -> Result<Fetched, NetworkError> {
    // What is never asked leaves nothing behind.
    Way::begin(address.url(), network.settings.insecure_http)?;
    let mut part = Part::new(folder, address.key())?;
    let session = Session::new(network)?;
    let wanted = Wanted { digest: address.digest(), ..Wanted::up_to(network.max_bytes) };
    let mirrors = Mirrors::file(address.url());
    let got = from_mirrors(&session, &mirrors, &wanted, &mut part, watch)?;
    part.forget_others()?;
    let notes = match (address.digest(), got.is_safe) {
        (Some(_), _) => vec!["the archive has the SHA-256 that was named".into()],
        (None, true) => Vec::new(),
        (None, false) => vec!["the archive came without TLS: whoever is on the way can change it".into()],
    };
    let (path, bytes, requests) = (part.whole_path(), session.bytes(), session.requests());
    Ok(Fetched { path, bytes, requests, is_page: got.is_page, notes })
}

/// Forgets what was fetched from the address.
pub fn forget(address: &Address, folder: &Path) -> Result<(), NetworkError> {
    Part::new(folder, address.key())?.forget()
}
