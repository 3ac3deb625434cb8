//! What a reference says now, believed by a pinned root: from the first of its
//! mirrors that can prove it, in few round trips.

use std::io::Read;
use std::thread;

use crate::base::event::Event;
use crate::base::event::Watch;
use crate::base::exit::Exit;
use crate::base::exit::Fault;
use crate::base::exit::causes;
use crate::base::step::Step;
use crate::release::network;
use crate::release::network::Mirrors;
use crate::release::network::Session;
use crate::release::network::error::NetworkError;
use crate::release::obtain::ObtainError;
use crate::release::obtain::place::Place;
use crate::release::obtain::place::Server;
use crate::release::trust;
use crate::release::trust::Pinned;
use crate::release::trust::Store;
use crate::release::trust::TrustError;
use crate::release::trust::Unreachable;
use crate::release::trust::Verified;
use crate::sys::fs;
use crate::sys::fs::IoError;

const TIMESTAMP: &str = "metadata/timestamp.json";
/// Whatever a timestamp says is said in less.
const MOST_TIMESTAMP: u64 = 64 << 10;
/// So many roots of a reference are compared with those that are believed.
const MOST_ROOTS: u32 = 64;
const MOST_ROOT: u64 = 1 << 20;

/// Verifies what lies at the place; `url`: as what it was named.
pub fn refresh(
    store: &Store,
    place: &Place,
    url: &str,
    watch: Watch,
) -> Result<(Pinned, Verified), ObtainError> {
    match place {
        Place::Server(server) => {
            let pinned = match store.find(url)? {
                Some(pinned) => pinned,
                None => store.require(url, &mut |name, most| server.document(&server.mirrors, name, most))?,
            };
            let verified = from_servers(&pinned, server, watch)?;
            Ok((pinned, verified))
        }
        _ => {
            let pinned = pin_of(store, place, url)?;
            let verified = trust::refresh(&pinned, &mut |name, most| local(place, name, most))?;
            Ok((pinned, verified))
        }
    }
}

/// The root that is believed for what lies on this machine: the one of its
/// address, or one that is among its own roots.
fn pin_of(store: &Store, place: &Place, url: &str) -> Result<Pinned, ObtainError> {
    if let Some(pinned) = store.find(url)? {
        return Ok(pinned);
    }
    let pins = store.list()?;
    for version in 1..=MOST_ROOTS {
        let Some(root) = bounded(place, &format!("metadata/{version}.root.json"), MOST_ROOT)? else { break };
        let digest = crate::base::digest::Sha256::of(&root);
        if let Some(pinned) = pins.iter().find(|pinned| pinned.digest() == digest) {
            return Ok(pinned.clone());
        }
    }
    Ok(store.require(url, &mut |name, most| local(place, name, most))?)
}

fn local(place: &Place, name: &str, most: u64) -> Result<Option<Vec<u8>>, Unreachable> {
    Ok(bounded(place, name, most)?)
}

/// A small file, of which at most one byte more than the limit is read.
fn bounded(place: &Place, name: &str, most: u64) -> Result<Option<Vec<u8>>, IoError> {
    let Some(file) = place.open(name)? else { return Ok(None) };
    let mut bytes = Vec::new();
    let read = file.take(most.saturating_add(1)).read_to_end(&mut bytes);
    read.map_err(|source| IoError::new("read", name, source))?;
    Ok(Some(bytes))
}

/// One mirror after the other, each by itself: documents of two do not fit together.
fn from_servers(pinned: &Pinned, server: &Server, watch: Watch) -> Result<Verified, TrustError> {
    let mut gravest: Option<TrustError> = None;
    for which in server.mirrors.in_turn() {
        let mirror = server.mirrors.only(which);
        let mut asked = Asked { server, mirror, pinned, ahead: None, seen: Seen::Nothing };
        let error = match trust::refresh(pinned, &mut |name, most| asked.document(name, most)) {
            Ok(verified) => return Ok(verified),
            Err(error) => error,
        };
        let lied = error.exit() == Exit::Untrusted;
        server.mirrors.blame(which, &error, lied);
        if server.session.is_interrupted() {
            return Err(error);
        }
        if server.mirrors.count() > 1 {
            let cause = causes(&error).pop().map(|cause| format!(" ({cause})")).unwrap_or_default();
            let message = format!("{}: {error}{cause}", server.mirrors.shown(which));
            watch(Some(Step::Stage), Event::Warning { message });
        }
        if gravest.as_ref().is_none_or(|grave| lied && grave.exit() != Exit::Untrusted) {
            gravest = Some(error);
        }
    }
    Err(gravest.unwrap_or(TrustError::Missing { url: pinned.url().to_owned(), name: TIMESTAMP.into() }))
}

impl Server {
    fn document(&self, mirrors: &Mirrors, name: &str, most: u64) -> Result<Option<Vec<u8>>, Unreachable> {
        Ok(document(&self.session, mirrors, name, most)?)
    }
}

fn document(
    session: &Session,
    mirrors: &Mirrors,
    name: &str,
    most: u64,
) -> Result<Option<Vec<u8>>, NetworkError> {
    let may_be_missing = name.ends_with(".root.json");
    network::document(session, mirrors, name, most, may_be_missing, &mut |_, _| {})
}

/// One conversation with one mirror.
struct Asked<'a> {
    server: &'a Server,
    mirror: Mirrors,
    pinned: &'a Pinned,
    /// The timestamp, asked for together with the next root.
    ahead: Option<Result<Option<Vec<u8>>, NetworkError>>,
    seen: Seen,
}

/// What the timestamp says of what is behind it.
#[derive(PartialEq)]
enum Seen {
    Nothing,
    /// It is the one that was seen last, so that all it leads to is here.
    Same,
    Other,
}

impl Asked<'_> {
    fn document(&mut self, name: &str, most: u64) -> Result<Option<Vec<u8>>, Unreachable> {
        if name.ends_with(".root.json") {
            return Ok(self.root(name, most)?);
        }
        if name == TIMESTAMP {
            return Ok(self.timestamp(most)?);
        }
        if let Some(kept) = self.kept(name)? {
            return Ok(Some(kept));
        }
        Ok(document(&self.server.session, &self.mirror, name, most)?)
    }

    /// The first root and the timestamp are asked for at the same time.
    fn root(&mut self, name: &str, most: u64) -> Result<Option<Vec<u8>>, NetworkError> {
        let (session, mirror) = (&self.server.session, &self.mirror);
        if self.ahead.is_some() {
            // What was asked for before a root came may be older than that root.
            self.ahead = None;
            return document(session, mirror, name, most);
        }
        let (root, timestamp) = thread::scope(|scope| {
            let timestamp = scope.spawn(|| document(session, mirror, TIMESTAMP, MOST_TIMESTAMP));
            let root = document(session, mirror, name, most);
            (root, timestamp.join())
        });
        let root = root?;
        if root.is_none() {
            self.ahead = timestamp.ok();
        }
        Ok(root)
    }

    fn timestamp(&mut self, most: u64) -> Result<Option<Vec<u8>>, NetworkError> {
        let timestamp = match self.ahead.take() {
            Some(asked) => asked?,
            None => document(&self.server.session, &self.mirror, TIMESTAMP, most)?,
        };
        let kept = fs::read_if_present(&self.pinned.folder().join("timestamp.json"))?;
        self.seen = match timestamp.is_some() && kept == timestamp {
            true => Seen::Same,
            false => Seen::Other,
        };
        Ok(timestamp)
    }

    /// What is here already of what an unchanged timestamp leads to. It is proved as if it came.
    fn kept(&self, name: &str) -> Result<Option<Vec<u8>>, NetworkError> {
        if self.seen != Seen::Same {
            return Ok(None);
        }
        let role = ["snapshot.json", "targets.json"].into_iter().find(|role| name.ends_with(role));
        Ok(match role {
            Some(role) => fs::read_if_present(&self.pinned.folder().join(role))?,
            None => None,
        })
    }
}
