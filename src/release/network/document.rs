//! Small things, one after another on a connection that is kept, each whole in
//! memory or not at all.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::time::Duration;

use url::Url;

use crate::base::exit::causes;
use crate::release::network::address::shown;
use crate::release::network::answer::Ask;
use crate::release::network::answer::Verdict;
use crate::release::network::answer::Version;
use crate::release::network::answer::judge;
use crate::release::network::client::Answer;
use crate::release::network::client::Ended;
use crate::release::network::error::NetworkError;
use crate::release::network::redirect::Way;
use crate::release::network::retry::Tries;
use crate::release::network::session::Network;
use crate::release::network::session::Session;
use crate::release::network::session::chance;
use crate::release::network::waiting::Waiting;
use crate::sys::clock;
use crate::sys::clock::Stopwatch;

/// How often somebody who pauses looks up.
const TICK: Duration = Duration::from_millis(50);

/// Asks one server for one thing at a time.
pub(in crate::release) struct Asker {
    session: Session,
    /// No answer was open to whoever is on the way.
    pub is_safe: bool,
    /// Set when nobody waits for an answer any more.
    gone: Arc<AtomicBool>,
}

/// What a server has under an address.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::release) enum Document {
    Content(Vec<u8>),
    /// It still has what bears the mark that was named.
    Unchanged,
    /// It says that there is none.
    Nothing,
}

impl Asker {
    /// `clock` runs since the first of all questions.
    pub fn new(network: &Network, clock: Stopwatch, gone: &Arc<AtomicBool>) -> Result<Asker, NetworkError> {
        let mut session = Session::new(network)?;
        session.clock = clock;
        Ok(Asker { session, is_safe: true, gone: gone.clone() })
    }

    pub fn requests(&self) -> u64 {
        self.session.requests()
    }

    /// Bytes of content that came.
    pub fn bytes(&self) -> u64 {
        self.session.bytes()
    }

    /// What is at the address, at most so many bytes of it; `known` is the ETag
    /// of what is here already. Hears of every failure that is got over.
    pub fn get(
        &mut self,
        url: &Url,
        known: Option<&str>,
        most: u64,
        hear: &mut dyn FnMut(String),
    ) -> Result<Document, NetworkError> {
        let settings = &self.session.network.settings;
        let total = settings.total_seconds.get();
        let mut tries = Tries { most: settings.tries, backoff: settings.backoff_seconds.get(), failed: 0 };
        loop {
            let error = match self.attempt(url, known, most) {
                Err(NetworkError::Status { code: 404 | 410, .. }) => return Ok(Document::Nothing),
                Err(error) => error,
                got => return got,
            };
            let Some(pause) = tries.after(&error, false, chance()) else { return Err(error) };
            if self.session.clock.elapsed() + pause >= total {
                return Err(error);
            }
            let cause = causes(&error).pop().map(|cause| format!(" ({cause})")).unwrap_or_default();
            hear(format!("{error}{cause}; trying again in {:.1} s", pause.as_secs_f64()));
            self.pause(pause, url)?;
        }
    }

    fn attempt(&mut self, url: &Url, known: Option<&str>, most: u64) -> Result<Document, NetworkError> {
        let ask = match known {
            Some(etag) => Ask::IfChanged(Version { etag: Some(etag.to_owned()), ..Version::default() }),
            None => Ask::Whole,
        };
        let mut way = Way::begin(url, self.session.network.settings.insecure_http)?;
        loop {
            let mut waiting = Waiting::new(&self.session, shown(way.here()));
            self.session.asked();
            let url_asked = shown(way.here());
            let mut answer = self
                .session
                .client
                .ask(way.here(), &ask.headers(), &mut || self.may_go_on(&mut waiting, &url_asked))?;
            waiting.came(0);
            self.is_safe &= way.is_safe();
            let (url, code, status) = (url_asked, answer.head.status, answer.status.clone());
            match judge(&ask, &answer.head, clock::now()) {
                Verdict::LeadsTo(to) => way.follow(&to)?,
                Verdict::Unchanged => return Ok(Document::Unchanged),
                Verdict::Whole => return self.body(&mut answer, &mut waiting, url, most),
                Verdict::Encoded(encoding) => return Err(NetworkError::Encoded { url, encoding }),
                Verdict::Failed(retry_after) => {
                    return Err(NetworkError::Status { url, status, code, retry_after });
                }
                Verdict::Rest(_) | Verdict::Anew => {
                    return Err(NetworkError::Status { url, status, code, retry_after: None });
                }
            }
        }
    }

    fn body(
        &self,
        answer: &mut Answer,
        waiting: &mut Waiting,
        url: String,
        most: u64,
    ) -> Result<Document, NetworkError> {
        let (length, mut content) = (answer.head.version.length, Vec::new());
        let too_large = || NetworkError::TooLarge { url: url.clone(), limit: most };
        if length.is_some_and(|length| length > most) {
            return Err(too_large());
        }
        loop {
            let piece =
                self.session.client.next(answer, &mut || self.may_go_on(waiting, &url)).map_err(|ended| {
                    match ended {
                        Ended::Impatient(error) => error,
                        Ended::Broken(source) => NetworkError::Cut {
                            url: url.clone(),
                            bytes: content.len() as u64,
                            length,
                            source,
                        },
                    }
                })?;
            let Some(piece) = piece else { return Ok(Document::Content(content)) };
            if (content.len() + piece.len()) as u64 > most {
                return Err(too_large());
            }
            waiting.came(piece.len() as u64);
            waiting.check()?;
            self.session.came(piece.len() as u64);
            content.extend_from_slice(&piece);
        }
    }

    fn may_go_on(&self, waiting: &mut Waiting, url: &str) -> Result<(), NetworkError> {
        match self.gone.load(Ordering::Relaxed) {
            true => Err(NetworkError::Interrupted { url: url.to_owned() }),
            false => waiting.check(),
        }
    }

    fn pause(&self, pause: Duration, url: &Url) -> Result<(), NetworkError> {
        let until = self.session.clock.elapsed() + pause;
        while self.session.clock.elapsed() < until {
            if self.session.network.interrupt.is_set() || self.gone.load(Ordering::Relaxed) {
                return Err(NetworkError::Interrupted { url: shown(url) });
            }
            clock::sleep(TICK.min(pause));
        }
        Ok(())
    }
}
