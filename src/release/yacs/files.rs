//! Many files by a request each, over a few connections that are kept.

use std::collections::BTreeMap;
use std::io::Read;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use crate::base::digest::Sha256;
use crate::base::event::Event;
use crate::base::event::Watch;
use crate::base::path::SitePath;
use crate::base::step::Step;
use crate::release::network;
use crate::release::network::Object;
use crate::release::network::Session;
use crate::release::network::Told;
use crate::release::network::error::NetworkError;
use crate::release::staging::Staging;
use crate::release::staging::StagingError;
use crate::release::yacs::address::Server;
use crate::release::yacs::bring::MOST_FILE_BYTES;
use crate::release::yacs::error::YacsError;
use crate::release::yacs::list::Listed;
use crate::sys::fs::IoError;

/// Content that is in staging.
pub(super) type Held = (Sha256, u64);

/// Brings all of them to staging, at most `most` bytes; ends with the first that
/// cannot be had, and what came before stays.
pub(super) fn fetch(
    server: &Server,
    wanted: &[(SitePath, Listed)],
    session: &Session,
    staging: &Staging,
    most: u64,
    watch: Watch,
) -> Result<BTreeMap<usize, Held>, YacsError> {
    if let Some((path, _)) = wanted.iter().find(|(path, _)| !Server::can_hand_out(path)) {
        return Err(YacsError::Unaskable { server: server.to_string(), path: path.clone() });
    }
    let object = |(path, _): &(SitePath, Listed)| Object { name: path.to_string(), most: MOST_FILE_BYTES };
    let list: Vec<Object> = wanted.iter().map(object).collect();
    let (held, bytes) = (Mutex::new(BTreeMap::new()), AtomicU64::new(0));
    let accept = |at: usize, content: &mut dyn Read, url: &str| {
        let taken = take(content, &wanted[at].1, staging, url)?;
        if bytes.fetch_add(taken.1, Relaxed) + taken.1 > most {
            return Err(NetworkError::TooLarge { url: url.to_owned(), limit: most });
        }
        held.lock().unwrap_or_else(PoisonError::into_inner).insert(at, taken);
        Ok(())
    };
    let (mut done, total) = (0, wanted.len() as u64);
    let mut told = |told: Told| {
        match told {
            Told::Done => done += 1,
            Told::Warning(message) => return watch(Some(Step::Stage), Event::Warning { message }),
            Told::Nothing => {}
        }
        let (what, bytes) = ("downloading".into(), session.bytes());
        watch(Some(Step::Stage), Event::Progress { what, done, total, bytes, total_bytes: 0 });
    };
    network::objects(session, &server.files(), &list, None, &accept, &mut told)
        .map_err(|(at, error)| failed(server, &wanted[at].0, error))?;
    Ok(held.into_inner().unwrap_or_else(PoisonError::into_inner))
}

/// Puts into staging what has its digest.
fn take(content: &mut dyn Read, listed: &Listed, staging: &Staging, url: &str) -> Result<Held, NetworkError> {
    let mut bytes = Vec::new();
    content.read_to_end(&mut bytes).map_err(|source| IoError::new("read", url, source))?;
    let wrong = |source: network::error::Cause| NetworkError::Content { url: url.to_owned(), source };
    if !listed.fits(&bytes) {
        return Err(wrong("it has not the digest that is listed".into()));
    }
    match staging.add(&mut &*bytes, None) {
        Ok((size, digest)) => Ok((digest, size)),
        Err(StagingError::Io(error)) => Err(error.into()),
        Err(error) => Err(wrong(error.into())),
    }
}

fn failed(server: &Server, path: &SitePath, error: NetworkError) -> YacsError {
    match error {
        NetworkError::Status { code: 404 | 410, .. } => {
            YacsError::Missing { server: server.to_string(), path: path.clone() }
        }
        NetworkError::Content { .. } => YacsError::Wrong { server: server.to_string(), path: path.clone() },
        error => error.into(),
    }
}
