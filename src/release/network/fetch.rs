//! Brings one thing here: asks, takes in, begins again where it broke, and
//! elsewhere when somebody fails.

use std::collections::BTreeSet;
use std::io::Read;
use std::time::Duration;

use crate::base::digest::Sha256;
use crate::base::event::Event;
use crate::base::event::Watch;
use crate::base::exit::causes;
use crate::base::step::Step;
use crate::release::network::address::shown;
use crate::release::network::answer;
use crate::release::network::answer::Ask;
use crate::release::network::answer::Verdict;
use crate::release::network::answer::Version;
use crate::release::network::client::Answer;
use crate::release::network::client::Ended;
use crate::release::network::error::Cause;
use crate::release::network::error::NetworkError;
use crate::release::network::failures::Failures;
use crate::release::network::failures::is_missing;
use crate::release::network::failures::is_ours;
use crate::release::network::failures::spoils_what_is_here;
use crate::release::network::mirrors::Mirrors;
use crate::release::network::mirrors::is_lie;
use crate::release::network::part::Here;
use crate::release::network::part::Record;
use crate::release::network::redirect::Way;
use crate::release::network::retry::Came;
use crate::release::network::retry::Tries;
use crate::release::network::session::Session;
use crate::release::network::store::Store;
use crate::release::network::waiting::Waiting;

/// Attempts were worth it when so much came that had not been here, of this or of what is fetched
/// beside it: a line on which each of them brings a little is no line that brings nothing.
const WORTH: u64 = 16 << 10;
/// After so many bytes of a body without end the disk is looked at.
const LOOK_EVERY: u64 = 1 << 20;
/// How often progress is told.
const TELL_EVERY: Duration = Duration::from_millis(100);

/// Says of the content of an answer whether it is what was asked for; the address is for messages.
pub(super) type Check<'a> = &'a (dyn Fn(&mut dyn Read, &str) -> Result<(), NetworkError> + Sync);

/// What is asked for, and what is known of it.
pub(super) struct Wanted<'a> {
    /// Below each mirror; nothing: the mirror's own address.
    pub name: &'a str,
    pub digest: Option<Sha256>,
    pub length: Option<u64>,
    /// More than that is not taken.
    pub most: u64,
    /// Beside the digest, or in its place.
    pub check: Option<Check<'a>>,
    /// Whoever says that it is not there is believed.
    pub may_be_missing: bool,
}

impl Wanted<'_> {
    pub fn up_to(most: u64) -> Wanted<'static> {
        Wanted { name: "", digest: None, length: None, most, check: None, may_be_missing: false }
    }
}

/// What was learnt of something that is here.
#[derive(Clone, Copy, Debug)]
pub(super) struct Got {
    pub is_page: bool,
    /// Nobody on the way can have changed it.
    pub is_safe: bool,
}

pub(super) struct Fetch<'a, S: Store> {
    session: &'a Session,
    mirrors: &'a Mirrors,
    wanted: &'a Wanted<'a>,
    store: &'a mut S,
    /// From the address to who answered last.
    way: Way,
    /// The mirror that is asked.
    which: usize,
    /// The most that was ever here: what is fetched again is no progress.
    farthest: u64,
}

/// An answer, and what it means.
struct Answered<'s> {
    answer: Answer,
    verdict: Verdict,
    waiting: Waiting<'s>,
}

/// Fetches something that lies under the same name on several mirrors.
pub(super) fn from_mirrors<S: Store>(
    session: &Session,
    mirrors: &Mirrors,
    wanted: &Wanted,
    store: &mut S,
    watch: Watch,
) -> Result<Got, NetworkError> {
    let nowhere = || NetworkError::Client { source: "there is no address to ask".into() };
    let url = mirrors.next(&BTreeSet::new()).and_then(|which| mirrors.url(which, wanted.name));
    let url = url.ok_or_else(nowhere)?;
    let way = Way::begin(&url, session.network.settings.insecure_http)?;
    Fetch::new(session, mirrors, wanted, way, store).run(watch)
}

impl<'a, S: Store> Fetch<'a, S> {
    fn new(
        session: &'a Session,
        mirrors: &'a Mirrors,
        wanted: &'a Wanted<'a>,
        way: Way,
        store: &'a mut S,
    ) -> Fetch<'a, S> {
        Fetch { session, mirrors, wanted, store, way, which: 0, farthest: 0 }
    }

    fn run(&mut self, watch: Watch) -> Result<Got, NetworkError> {
        let settings = &self.session.network.settings;
        let mut tries = Tries::new(settings.tries, settings.backoff_seconds.get());
        let mut failures = Failures::default();
        let mut mark = self.session.farther();
        loop {
            self.which = match self.mirrors.next(&failures.out()) {
                Some(which) => which,
                None => return Err(failures.last()),
            };
            let before = self.session.bytes();
            let error = match self.attempt(watch) {
                Ok(is_page) => return Ok(Got { is_page, is_safe: self.way.is_safe() }),
                Err(error) => error,
            };
            if spoils_what_is_here(&error) {
                self.store.forget()?;
            }
            if is_ours(&error) || (self.wanted.may_be_missing && is_missing(&error)) {
                return Err(error);
            }
            let farther = self.session.farther();
            let came = match () {
                () if farther - mark >= WORTH => Came::Farther,
                () if self.session.bytes() - before >= WORTH => Came::Again,
                () => Came::Nothing,
            };
            mark = if came == Came::Farther { farther } else { mark };
            self.mirrors.blame(self.which, &error, is_lie(&error));
            let message = self.told(&error);
            failures.add(self.which, error);
            if self.mirrors.next(&failures.out()).is_some() {
                watch(Some(Step::Stage), Event::Warning { message: format!("{message}; trying elsewhere") });
                continue;
            }
            let pause = failures.retry(&mut tries, came).filter(|pause| self.session.has_time_for(*pause));
            let Some(pause) = pause else { return Err(failures.last()) };
            let message = format!("{message}; trying again in {:.1} s", pause.as_secs_f64());
            watch(Some(Step::Stage), Event::Warning { message });
            self.session.pause(pause, &shown(self.way.here()))?;
        }
    }

    fn told(&self, error: &NetworkError) -> String {
        let cause = causes(error).pop().map(|cause| format!(" ({cause})")).unwrap_or_default();
        format!("{error}{cause}")
    }

    /// Brings all that is missing, if nothing breaks; whether it is a web page.
    fn attempt(&mut self, watch: Watch) -> Result<bool, NetworkError> {
        let wanted = self.wanted.digest;
        match self.store.look()? {
            Here::Whole { record, digest } if wanted == Some(digest) => Ok(record.is_page),
            Here::Whole { record, .. } if wanted.is_none() => self.if_changed(&record, watch),
            Here::Part { record, bytes } if self.can_go_on_with(&record) => self.rest(record, bytes, watch),
            _ => self.whole(watch),
        }
    }

    /// What has a digest is the same wherever it lies.
    fn can_go_on_with(&self, record: &Record) -> bool {
        self.wanted.digest.is_some() || (self.is_from_here(record) && record.version.is_known_for_sure())
    }

    fn is_from_here(&self, record: &Record) -> bool {
        self.url().is_ok_and(|url| record.url == shown(&url))
    }

    fn url(&self) -> Result<url::Url, NetworkError> {
        let nowhere = || NetworkError::Client { source: "there is no address to ask".into() };
        self.mirrors.url(self.which, self.wanted.name).ok_or_else(nowhere)
    }

    fn whole(&mut self, watch: Watch) -> Result<bool, NetworkError> {
        let got = self.ask(&Ask::Whole)?;
        match got.verdict {
            Verdict::Whole => self.take_whole(got, watch),
            _ => Err(self.failed(got)),
        }
    }

    fn if_changed(&mut self, record: &Record, watch: Watch) -> Result<bool, NetworkError> {
        let got = self.ask(&Ask::IfChanged(record.version.clone()))?;
        match got.verdict {
            Verdict::Unchanged => Ok(record.is_page),
            Verdict::Whole => self.take_whole(got, watch),
            _ => Err(self.failed(got)),
        }
    }

    fn rest(&mut self, mut record: Record, bytes: u64, watch: Watch) -> Result<bool, NetworkError> {
        if !self.is_from_here(&record) {
            // By its own words no server knows what another one sent.
            record.version = Version { length: record.version.length, ..Version::default() };
        }
        // Nobody can be asked for no bytes at all.
        let last = record.version.length.map_or(u64::MAX, |length| length.saturating_sub(1));
        let from = self.store.go_on(bytes.min(last))?;
        self.farthest = self.farthest.max(from);
        let got = self.ask(&Ask::Rest { from, version: record.version.clone() })?;
        match got.verdict {
            Verdict::Rest(length) => {
                record.version.length = Some(length);
                match self.take(got, &record, watch) {
                    // The two pieces may have been of two versions.
                    Err(NetworkError::Digest { .. } | NetworkError::Content { .. }) => self.anew(watch),
                    taken => taken,
                }
            }
            Verdict::Whole => self.take_whole(got, watch),
            Verdict::Anew => self.anew(watch),
            _ => Err(self.failed(got)),
        }
    }

    fn anew(&mut self, watch: Watch) -> Result<bool, NetworkError> {
        self.store.forget()?;
        self.whole(watch)
    }

    /// Asks, and asks on where the answer leads.
    fn ask(&mut self, ask: &Ask) -> Result<Answered<'a>, NetworkError> {
        self.way = Way::begin(&self.url()?, self.session.network.settings.insecure_http)?;
        loop {
            let mut waiting = Waiting::new(self.session, shown(self.way.here()));
            self.session.asked();
            let client = &self.session.client;
            let answer = client.ask(self.way.here(), &ask.headers(), &mut || waiting.check())?;
            self.session.answered(answer.on_shared_connection);
            waiting.came(0);
            match answer::judge(ask, &answer.head, crate::sys::clock::now()) {
                Verdict::LeadsTo(to) => self.way.follow(&to)?,
                verdict => return Ok(Answered { answer, verdict, waiting }),
            }
        }
    }

    /// Why an answer is of no use.
    fn failed(&self, got: Answered) -> NetworkError {
        let url = shown(self.way.here());
        let (code, status) = (got.answer.head.status, got.answer.status);
        match got.verdict {
            Verdict::Encoded(encoding) => NetworkError::Encoded { url, encoding },
            Verdict::Failed(retry_after) => NetworkError::Status { url, status, code, retry_after },
            _ => NetworkError::Status { url, status, code, retry_after: None },
        }
    }

    fn take_whole(&mut self, got: Answered, watch: Watch) -> Result<bool, NetworkError> {
        let head = &got.answer.head;
        self.check_size(head.version.length, 0)?;
        let mut record = Record::new(shown(&self.url()?), head.version.clone(), head.is_page);
        record.version.length = record.version.length.or(self.wanted.length);
        self.store.begin(&record)?;
        self.take(got, &record, watch)
    }

    /// Takes in the body of an answer behind what is here; whether it is a web page.
    fn take(&mut self, mut got: Answered, record: &Record, watch: Watch) -> Result<bool, NetworkError> {
        let length = record.version.length;
        self.check_size(length, self.store.bytes())?;
        let mut said = Said::default();
        while let Some(piece) = self.next(&mut got, length)? {
            self.check_growth(self.store.bytes(), piece.len() as u64, length)?;
            self.store.add(&piece)?;
            let farther = self.store.bytes().saturating_sub(self.farthest);
            self.farthest += farther;
            self.session.came(piece.len() as u64, farther);
            got.waiting.came(piece.len() as u64);
            got.waiting.check()?;
            said.progress(self.session.clock.elapsed(), self.store.bytes(), length, watch);
        }
        if length.is_some_and(|length| length != self.store.bytes()) {
            return Err(self.cut(length, "the answer ended too early".into()));
        }
        self.check_content()?;
        self.store.end(record)?;
        Ok(record.is_page)
    }

    fn check_content(&mut self) -> Result<(), NetworkError> {
        let url = shown(self.way.here());
        if let Some(expected) = self.wanted.digest {
            let found = self.store.digest();
            if expected != found {
                return Err(NetworkError::Digest { url, expected, found });
            }
        }
        match self.wanted.check {
            Some(check) => check(&mut self.store.read()?, &url),
            None => Ok(()),
        }
    }

    /// The next piece of a body.
    fn next(&self, got: &mut Answered, length: Option<u64>) -> Result<Option<Vec<u8>>, NetworkError> {
        let Answered { answer, waiting, .. } = got;
        self.session.client.next(answer, &mut || waiting.check()).map_err(|ended| match ended {
            Ended::Impatient(error) => error,
            Ended::Broken(source) => self.cut(length, source),
        })
    }

    fn cut(&self, length: Option<u64>, source: Cause) -> NetworkError {
        NetworkError::Cut { url: shown(self.way.here()), bytes: self.store.bytes(), length, source }
    }

    /// Whether so much may come, and has room.
    fn check_size(&self, length: Option<u64>, here: u64) -> Result<(), NetworkError> {
        let Some(length) = length else { return self.store.check_room(0) };
        if let Some(expected) = self.wanted.length.filter(|expected| *expected != length) {
            let url = shown(self.way.here());
            return Err(NetworkError::Length { url, expected, found: length });
        }
        if length > self.wanted.most {
            return Err(self.too_large());
        }
        self.store.check_room(length.saturating_sub(here))
    }

    fn check_growth(&self, here: u64, more: u64, length: Option<u64>) -> Result<(), NetworkError> {
        let bytes = here + more;
        if length.is_some_and(|length| bytes > length) {
            let source = "more came than was announced".into();
            return Err(NetworkError::Answer { url: shown(self.way.here()), source });
        }
        if bytes > self.wanted.most {
            return Err(self.too_large());
        }
        match length.is_none() && bytes / LOOK_EVERY > here / LOOK_EVERY {
            true => self.store.check_room(0),
            false => Ok(()),
        }
    }

    fn too_large(&self) -> NetworkError {
        NetworkError::TooLarge { url: shown(self.way.here()), limit: self.wanted.most }
    }
}

/// When progress was told.
#[derive(Default)]
struct Said(Option<Duration>);

impl Said {
    fn progress(&mut self, now: Duration, bytes: u64, length: Option<u64>, watch: Watch) {
        let is_over = length == Some(bytes);
        if !is_over && self.0.is_some_and(|then| now < then + TELL_EVERY) {
            return;
        }
        self.0 = Some(now);
        let (what, total_bytes) = ("downloading".into(), length.unwrap_or_default());
        watch(Some(Step::Stage), Event::Progress { what, done: 0, total: 0, bytes, total_bytes });
    }
}
