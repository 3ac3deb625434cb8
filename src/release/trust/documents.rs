//! Where documents are asked for when nobody else does it: a folder, or one
//! small request after another.

use std::path::Path;
use std::path::PathBuf;

use url::Url;

use crate::release::network;
use crate::release::network::Mirrors;
use crate::release::network::Network;
use crate::release::network::Session;
use crate::release::network::address::Address;
use crate::release::network::address::shown;
use crate::release::trust::error::TrustError;
use crate::release::trust::error::Unreachable;
use crate::sys::fs;

/// Asks the reference at this address, folder, file URL or server.
pub struct Source {
    place: Place,
}

enum Place {
    Folder(PathBuf),
    Server(Box<(Session, Mirrors)>),
}

impl Source {
    /// `text` as it was typed: user and password in it are used.
    pub fn open(text: &str, network: &Network) -> Result<Source, TrustError> {
        let wrong =
            |reason: &str| TrustError::Address { text: "what was named".into(), reason: reason.into() };
        let place = match Address::is_meant(text) {
            false => Place::Folder(fs::canonical(Path::new(text))?),
            true => {
                let url = Url::parse(text).map_err(|error| wrong(&error.to_string()))?;
                match url.scheme() {
                    "file" => {
                        Place::Folder(url.to_file_path().map_err(|()| wrong("no file of this machine"))?)
                    }
                    _ => {
                        let session = Session::new(network).map_err(|error| TrustError::CannotCheck {
                            url: shown(&url),
                            source: error.into(),
                        })?;
                        Place::Server(Box::new((session, Mirrors::new(&url, &[]))))
                    }
                }
            }
        };
        Ok(Source { place })
    }

    /// The document of this name; at most one byte more than the limit.
    pub fn ask(&mut self, name: &str, limit: u64) -> Result<Option<Vec<u8>>, Unreachable> {
        match &self.place {
            Place::Folder(folder) => Ok(read(&folder.join(name), limit)?),
            Place::Server(server) => {
                let (session, mirrors) = &**server;
                Ok(network::document(session, mirrors, name, limit, true, &mut |_, _| ())?)
            }
        }
    }
}

fn read(path: &Path, limit: u64) -> Result<Option<Vec<u8>>, fs::IoError> {
    use std::io::Read;
    let Some(file) = fs::open_if_present(path)? else { return Ok(None) };
    let mut bytes = Vec::new();
    let read = file.take(limit.saturating_add(1)).read_to_end(&mut bytes);
    read.map_err(|source| fs::IoError::new("read", path, source))?;
    Ok(Some(bytes))
}
