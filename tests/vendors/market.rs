//! A mirror of vendors on loopback, and a site that takes from it.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::Mutex;

use entracte::base::digest::Sha256;

use crate::host::Asked;
use crate::host::Host;
use crate::host::Thing;
use crate::host::reply;

/// Settings that make tests quick.
const NETWORK: &str = "[network]\ntries = 1\nbackoff_seconds = 0.05\nstall_seconds = 5\n";

type Shelf = Arc<Mutex<BTreeMap<String, (Thing, usize)>>>;

pub struct Market {
    host: Host,
    shelf: Shelf,
}

impl Market {
    pub fn open() -> Market {
        let shelf = Shelf::default();
        let served = Arc::clone(&shelf);
        let host = Host::serve(Box::new(move |asked, stream| {
            let path = asked.target.split('?').next().unwrap_or_default();
            let found = served.lock().unwrap().get(path).cloned();
            match found {
                Some((thing, most)) => thing.send_up_to(most, asked, stream),
                None => reply(stream, "404 Not Found", "", b""),
            }
        }));
        Market { host, shelf }
    }

    /// What an address of a vendor leads to; `address` has no scheme.
    pub fn put(&self, address: &str, bytes: &[u8]) {
        self.put_cut(address, bytes, usize::MAX);
    }

    /// The same, of which only so many bytes come.
    pub fn put_cut(&self, address: &str, bytes: &[u8], most: usize) {
        let etag: &'static str = Box::leak(format!("\"{}\"", Sha256::of(bytes)).into_boxed_str());
        let thing = Thing { modified: None, ..Thing::new(bytes).with_etag(etag) };
        self.shelf.lock().unwrap().insert(format!("/{address}"), (thing, most));
    }

    pub fn remove(&self, address: &str) {
        self.shelf.lock().unwrap().remove(&format!("/{address}"));
    }

    /// Settings that lead to this mirror, with more under `[vendor]`.
    pub fn settings(&self, more: &str) -> String {
        format!("{NETWORK}[vendor]\nmirror = \"http://{}/\"\n{more}\n", self.host.address)
    }

    pub fn place(&self) -> String {
        format!("http://{}", self.host.address)
    }

    pub fn asked(&self) -> Vec<Asked> {
        self.host.asked()
    }
}

/// Puts settings behind those that `init` wrote, in place of earlier ones.
pub fn set(state: &Path, more: &str) {
    let path = state.join("entracte.toml");
    let text = fs::read_to_string(&path).unwrap();
    let usual = text.split("# of the test\n").next().unwrap();
    fs::write(&path, format!("{usual}# of the test\n{more}")).unwrap();
}
