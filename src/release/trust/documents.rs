//! Where documents are asked for when nobody else does it: a folder, or one
//! small request after another.

use std::path::Path;
use std::path::PathBuf;

use url::Url;

use crate::release::network;
use crate::release::network::Network;
use crate::release::network::address::Address;
use crate::release::network::address::AddressError;
use crate::release::network::error::NetworkError;
use crate::release::trust::error::TrustError;
use crate::release::trust::error::Unreachable;
use crate::sys::fs;

/// Asks the reference at this address, folder, file URL or server.
pub struct Source {
    place: Place,
    network: Network,
    /// Where what is being fetched lies meanwhile.
    scratch: PathBuf,
}

enum Place {
    Folder(PathBuf),
    Server(Url),
}

impl Source {
    /// `text` as it was typed: user and password in it are used.
    pub fn open(text: &str, network: Network, scratch: &Path) -> Result<Source, TrustError> {
        let wrong =
            |reason: &str| TrustError::Address { text: "what was named".into(), reason: reason.into() };
        let place = match Address::is_meant(text) {
            false => Place::Folder(fs::canonical(Path::new(text))?),
            true => {
                let mut url = Url::parse(text).map_err(|error| wrong(&error.to_string()))?;
                if !url.path().ends_with('/') {
                    url.set_path(&format!("{}/", url.path()));
                }
                match url.scheme() {
                    "file" => {
                        Place::Folder(url.to_file_path().map_err(|()| wrong("no file of this machine"))?)
                    }
                    _ => Place::Server(url),
                }
            }
        };
        Ok(Source { place, network, scratch: scratch.to_owned() })
    }

    /// The document of this name; at most one byte more than the limit.
    pub fn ask(&mut self, name: &str, limit: u64) -> Result<Option<Vec<u8>>, Unreachable> {
        match &self.place {
            Place::Folder(folder) => Ok(read(&folder.join(name), limit)?),
            Place::Server(url) => self.fetch(&below(url, name), limit),
        }
    }

    fn fetch(&self, url: &Url, limit: u64) -> Result<Option<Vec<u8>>, Unreachable> {
        let address = Address::parse(url.as_str()).map_err(NotAnAddress)?;
        let network = Network { max_bytes: limit, ..self.network.clone() };
        let fetched = match network::fetch(&address, &self.scratch, &network, &mut |_, _| ()) {
            // Stores of objects say "forbidden" of what is not there.
            Err(NetworkError::Status { code: 403 | 404 | 410, .. }) => return Ok(None),
            fetched => fetched?,
        };
        let bytes = fs::read(&fetched.path)?;
        network::forget(&address, &self.scratch)?;
        Ok(Some(bytes))
    }
}

/// The name behind the path, before what was typed as query.
fn below(url: &Url, name: &str) -> Url {
    let mut url = url.clone();
    url.set_path(&format!("{}{name}", url.path()));
    url
}

fn read(path: &Path, limit: u64) -> Result<Option<Vec<u8>>, fs::IoError> {
    use std::io::Read;
    let Some(file) = fs::open_if_present(path)? else { return Ok(None) };
    let mut bytes = Vec::new();
    let read = file.take(limit.saturating_add(1)).read_to_end(&mut bytes);
    read.map_err(|source| fs::IoError::new("read", path, source))?;
    Ok(Some(bytes))
}

#[derive(Debug, thiserror::Error)]
#[error(transparent)]
struct NotAnAddress(AddressError);

impl crate::base::exit::Fault for NotAnAddress {}
