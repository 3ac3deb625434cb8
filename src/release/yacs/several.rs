//! Many files by a request each, over a few connections that are kept.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::sync::mpsc::SyncSender;
use std::sync::mpsc::sync_channel;
use std::thread;

use crate::base::event::Event;
use crate::base::event::Watch;
use crate::base::path::SitePath;
use crate::base::step::Step;
use crate::release::network::Asker;
use crate::release::network::Document;
use crate::release::network::Network;
use crate::release::network::error::NetworkError;
use crate::release::stage::Options;
use crate::release::yacs::address::Server;
use crate::release::yacs::bring::MOST_FILE_BYTES;
use crate::release::yacs::error::YacsError;
use crate::release::yacs::list::Listed;
use crate::sys::clock::Stopwatch;

/// Old servers are small.
const CONNECTIONS: usize = 4;

/// What came over the network.
#[derive(Debug, Default)]
pub(super) struct Came {
    pub requests: u64,
    pub bytes: u64,
    /// Some of it without TLS.
    pub is_open: bool,
}

impl Came {
    pub fn of(asker: &Asker) -> Came {
        Came { requests: asker.requests(), bytes: asker.bytes(), is_open: !asker.is_safe }
    }

    pub fn add(&mut self, other: &Came) {
        self.requests += other.requests;
        self.bytes += other.bytes;
        self.is_open |= other.is_open;
    }
}

/// Takes in the content of one file.
pub(super) type Take<'a> = &'a mut dyn FnMut(&SitePath, &Listed, Vec<u8>) -> Result<(), YacsError>;

/// A flag that nobody sets.
pub(super) fn nobody_gone() -> Arc<AtomicBool> {
    Arc::default()
}

/// What a connection's thread tells.
enum Told {
    Answer(usize, Document),
    Got(String),
    Failed(NetworkError),
    Ended(Came),
}

/// Asks for all of them; ends with the first that cannot be had, and what came
/// before is taken.
pub(super) fn ask(
    server: &Server,
    wanted: &[(SitePath, Listed)],
    options: &Options,
    clock: Stopwatch,
    watch: Watch,
    take: Take,
) -> Result<Came, YacsError> {
    for (path, _) in wanted {
        if server.file(path).is_none() {
            return Err(YacsError::Unaskable { server: server.to_string(), path: path.clone() });
        }
    }
    let (next, gone) = (AtomicUsize::new(0), nobody_gone());
    let work = Work { server, wanted, network: &options.network, clock, next: &next, gone: &gone };
    thread::scope(|scope| {
        // The bound keeps in memory what is taken soon.
        let (tell, told) = sync_channel(1);
        for _ in 0..CONNECTIONS.min(wanted.len()) {
            let (work, tell) = (&work, tell.clone());
            scope.spawn(move || work.ask(&tell));
        }
        drop(tell);
        let (mut came, mut done, mut failed) = (Came::default(), 0, None);
        for told in told {
            let result = match told {
                Told::Answer(at, document) => {
                    done += 1;
                    taken(server, &wanted[at], document, take)
                }
                Told::Got(message) => {
                    watch(Some(Step::Stage), Event::Warning { message });
                    continue;
                }
                Told::Failed(error) => Err(error.into()),
                Told::Ended(of_one) => {
                    came.add(&of_one);
                    continue;
                }
            };
            if let Err(error) = result {
                gone.store(true, Ordering::Relaxed);
                failed.get_or_insert(error);
            }
            let (what, total) = ("downloading".into(), wanted.len() as u64);
            watch(Some(Step::Stage), Event::Progress { what, done, total, bytes: 0, total_bytes: 0 });
        }
        failed.map_or(Ok(came), Err)
    })
}

fn taken(
    server: &Server,
    (path, listed): &(SitePath, Listed),
    document: Document,
    take: Take,
) -> Result<(), YacsError> {
    match document {
        Document::Content(content) => take(path, listed, content),
        _ => Err(YacsError::Missing { server: server.to_string(), path: path.clone() }),
    }
}

struct Work<'a> {
    server: &'a Server,
    wanted: &'a [(SitePath, Listed)],
    network: &'a Network,
    clock: Stopwatch,
    next: &'a AtomicUsize,
    /// Whoever asked has no use for more.
    gone: &'a Arc<AtomicBool>,
}

impl Work<'_> {
    /// One connection's share. That nobody listens any more ends it, too.
    fn ask(&self, tell: &SyncSender<Told>) {
        let mut asker = match Asker::new(self.network, self.clock, self.gone) {
            Ok(asker) => asker,
            Err(error) => return drop(tell.send(Told::Failed(error))),
        };
        while !self.gone.load(Ordering::Relaxed) {
            let at = self.next.fetch_add(1, Ordering::Relaxed);
            let Some((path, _)) = self.wanted.get(at) else { break };
            let Some(url) = self.server.file(path) else { break };
            let mut hear = |message| drop(tell.send(Told::Got(message)));
            let told = match asker.get(&url, None, MOST_FILE_BYTES, &mut hear) {
                Ok(document) => Told::Answer(at, document),
                Err(error) => Told::Failed(error),
            };
            let is_over = matches!(told, Told::Failed(_));
            if tell.send(told).is_err() || is_over {
                break;
            }
        }
        drop(tell.send(Told::Ended(Came::of(&asker))));
    }
}
