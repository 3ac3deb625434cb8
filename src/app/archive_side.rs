//! An archive of the network as one side of a comparison: it comes into a folder
//! of its own, and goes away with it.

use std::path::Path;
use std::path::PathBuf;

use crate::app::desk::Listener;
use crate::app::failure::Failure;
use crate::base::exit::Exit;
use crate::base::pattern::Patterns;
use crate::compare::listing::Listing;
use crate::compare::listing::ListingError;
use crate::release::network;
use crate::release::network::Network;
use crate::release::network::address::Address;
use crate::release::network::error::NetworkError;
use crate::release::source::SourceError;
use crate::release::stage::StageError;
use crate::sys::scratch::Scratch;
use crate::sys::signal::Interrupt;

pub(super) struct ArchiveSide {
    address: Address,
    path: PathBuf,
    /// The server says that it is a web page.
    is_page: bool,
    /// What a person should know of the way it came.
    pub notes: Vec<String>,
    /// Where it came to, unless it is a file of this machine.
    _scratch: Option<Scratch>,
}

impl ArchiveSide {
    /// Fetches it, if it is not here already; one with another digest than was typed is refused.
    pub fn bring(text: &str, network: Network, listener: Listener) -> Result<ArchiveSide, Failure> {
        let address = Address::parse(text).map_err(SourceError::from)?;
        if let Some(path) = address.file() {
            prove(&address, &path)?;
            return Ok(ArchiveSide { address, path, is_page: false, notes: Vec::new(), _scratch: None });
        }
        let scratch = Scratch::new()?;
        let attention = Interrupt::listen_for_a_while();
        let network = Network { interrupt: attention.interrupt.clone(), ..network };
        let watch = &mut |step, event| listener(None, step, event);
        let fetched = network::fetch(&address, scratch.path(), &network, watch).map_err(told)?;
        let (path, is_page, notes) = (fetched.path, fetched.is_page, fetched.notes);
        Ok(ArchiveSide { address, path, is_page, notes, _scratch: Some(scratch) })
    }

    pub fn shown(&self) -> String {
        self.address.to_string()
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn listing(&self, skip: &Patterns) -> Result<Listing, Failure> {
        Listing::of_file(&self.path, skip).map_err(|error| match error {
            ListingError::Archive(source) if self._scratch.is_some() => {
                let (url, source) = (self.shown(), Box::new(source));
                StageError::Sent { url, is_page: self.is_page, source }.into()
            }
            error => error.into(),
        })
    }
}

fn prove(address: &Address, path: &Path) -> Result<(), Failure> {
    let Some(expected) = address.digest() else { return Ok(()) };
    match network::digest_of(path)? {
        found if found == expected => Ok(()),
        found => Err(SourceError::Digest { path: address.to_string(), expected, found }.into()),
    }
}

/// Nothing of it is kept, so that nothing can be gone on with.
fn told(error: NetworkError) -> Failure {
    match error {
        NetworkError::Interrupted { .. } => Failure::new(Exit::Failed, error.to_string()),
        error => error.into(),
    }
}
