//! Brings one archive here: asks, takes in, and begins again where it broke.

use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;

use crate::base::event::Event;
use crate::base::event::Watch;
use crate::base::exit::causes;
use crate::base::step::Step;
use crate::release::archive::Limits;
use crate::release::network::address::Address;
use crate::release::network::address::shown;
use crate::release::network::answer;
use crate::release::network::answer::Ask;
use crate::release::network::answer::Verdict;
use crate::release::network::client::Answer;
use crate::release::network::client::Client;
use crate::release::network::client::Ended;
use crate::release::network::error::Cause;
use crate::release::network::error::NetworkError;
use crate::release::network::part::Growing;
use crate::release::network::part::Here;
use crate::release::network::part::Part;
use crate::release::network::part::Record;
use crate::release::network::redirect::Way;
use crate::release::network::retry::Tries;
use crate::release::network::waiting::Waiting;
use crate::site::settings::NetworkSettings;
use crate::sys::clock;
use crate::sys::clock::Stopwatch;
use crate::sys::random;
use crate::sys::signal::Interrupt;

/// An attempt that came so much farther was worth it.
const WORTH: u64 = 64 << 10;
/// After so many bytes of a body without end the disk is looked at.
const LOOK_EVERY: u64 = 1 << 20;
/// How often progress is told.
const TELL_EVERY: Duration = Duration::from_millis(100);
/// How often somebody who pauses looks up.
const TICK: Duration = Duration::from_millis(50);

/// How the network is used.
#[derive(Clone, Debug)]
pub struct Network {
    pub settings: NetworkSettings,
    /// More than that is not taken.
    pub max_bytes: u64,
    pub interrupt: Interrupt,
}

impl Default for Network {
    fn default() -> Network {
        let (settings, max_bytes) = (NetworkSettings::default(), Limits::default().total_bytes);
        Network { settings, max_bytes, interrupt: Interrupt::default() }
    }
}

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
    let way = Way::begin(address.url(), network.settings.insecure_http)?;
    let part = Part::new(folder, address.key())?;
    let client = Client::new(&network.settings)?;
    let clock = Stopwatch::start();
    Fetch { address, part, network, client, clock, way, requests: 0, bytes: 0, farthest: 0 }.run(watch)
}

/// Forgets what was fetched from the address.
pub fn forget(address: &Address, folder: &Path) -> Result<(), NetworkError> {
    Part::new(folder, address.key())?.forget()
}

struct Fetch<'a> {
    address: &'a Address,
    part: Part,
    network: &'a Network,
    client: Client,
    clock: Stopwatch,
    /// From the address to who answered last.
    way: Way,
    requests: u64,
    bytes: u64,
    /// The most that was ever here: what is fetched again is no progress.
    farthest: u64,
}

/// An answer, and what it means.
struct Got {
    answer: Answer,
    verdict: Verdict,
    waiting: Waiting,
}

impl Fetch<'_> {
    fn run(&mut self, watch: Watch) -> Result<Fetched, NetworkError> {
        let settings = &self.network.settings;
        let mut tries = Tries { most: settings.tries, backoff: settings.backoff_seconds.get(), failed: 0 };
        loop {
            let before = self.farthest;
            let error = match self.attempt(watch) {
                Ok(is_page) => return Ok(self.fetched(is_page)),
                Err(error) => error,
            };
            if spoils_what_is_here(&error) {
                self.part.forget()?;
            }
            let brought = self.farthest - before >= WORTH;
            let Some(pause) = tries.after(&error, brought, chance()) else { return Err(error) };
            if self.clock.elapsed() + pause >= settings.total_seconds.get() {
                return Err(error);
            }
            let cause = causes(&error).pop().map(|cause| format!(" ({cause})")).unwrap_or_default();
            let message = format!("{error}{cause}; trying again in {:.1} s", pause.as_secs_f64());
            watch(Some(Step::Stage), Event::Warning { message });
            self.pause(pause)?;
        }
    }

    fn fetched(&self, is_page: bool) -> Fetched {
        let (path, bytes, requests) = (self.part.whole_path(), self.bytes, self.requests);
        let notes = match (self.address.digest(), self.way.is_safe()) {
            (Some(_), _) => vec!["the archive has the SHA-256 that was named".into()],
            (None, true) => Vec::new(),
            (None, false) => vec!["the archive came without TLS: whoever is on the way can change it".into()],
        };
        Fetched { path, bytes, requests, is_page, notes }
    }

    /// Brings all that is missing, if nothing breaks; whether it is a web page.
    fn attempt(&mut self, watch: Watch) -> Result<bool, NetworkError> {
        let wanted = self.address.digest();
        match self.part.look()? {
            Here::Whole { record, digest } if wanted == Some(digest) => Ok(record.is_page),
            Here::Whole { record, .. } if wanted.is_none() => self.if_changed(&record, watch),
            Here::Part { record, bytes } if record.version.is_known_for_sure() || wanted.is_some() => {
                self.rest(record, bytes, watch)
            }
            _ => self.whole(watch),
        }
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
        // Nobody can be asked for no bytes at all.
        let last = record.version.length.map_or(u64::MAX, |length| length.saturating_sub(1));
        let growing = self.part.go_on(bytes.min(last))?;
        let got = self.ask(&Ask::Rest { from: growing.bytes, version: record.version.clone() })?;
        match got.verdict {
            Verdict::Rest(length) => {
                record.version.length = Some(length);
                match self.take(got, growing, &record, watch) {
                    // The two pieces may have been of two versions.
                    Err(NetworkError::Digest { .. }) => self.anew(watch),
                    taken => taken,
                }
            }
            Verdict::Whole => self.take_whole(got, watch),
            Verdict::Anew => self.anew(watch),
            _ => Err(self.failed(got)),
        }
    }

    fn anew(&mut self, watch: Watch) -> Result<bool, NetworkError> {
        self.part.forget()?;
        self.whole(watch)
    }

    /// Asks, and asks on where the answer leads.
    fn ask(&mut self, ask: &Ask) -> Result<Got, NetworkError> {
        self.way = Way::begin(self.address.url(), self.network.settings.insecure_http)?;
        loop {
            let mut waiting = Waiting::new(self.network, self.clock, shown(self.way.here()));
            self.requests += 1;
            let answer = self.client.ask(self.way.here(), &ask.headers(), &mut || waiting.check())?;
            waiting.came(0);
            match answer::judge(ask, &answer.head, clock::now()) {
                Verdict::LeadsTo(to) => self.way.follow(&to)?,
                verdict => return Ok(Got { answer, verdict, waiting }),
            }
        }
    }

    /// Why an answer is of no use.
    fn failed(&self, got: Got) -> NetworkError {
        let url = shown(self.way.here());
        let (code, status) = (got.answer.head.status, got.answer.status);
        match got.verdict {
            Verdict::Encoded(encoding) => NetworkError::Encoded { url, encoding },
            Verdict::Failed(retry_after) => NetworkError::Status { url, status, code, retry_after },
            _ => NetworkError::Status { url, status, code, retry_after: None },
        }
    }

    fn take_whole(&mut self, got: Got, watch: Watch) -> Result<bool, NetworkError> {
        let head = &got.answer.head;
        self.check_size(head.version.length, 0)?;
        let record = Record::new(self.address.to_string(), head.version.clone(), head.is_page);
        let growing = self.part.begin(&record)?;
        self.take(got, growing, &record, watch)
    }

    /// Takes in the body of an answer behind what is here; whether it is a web page.
    fn take(
        &mut self,
        mut got: Got,
        mut growing: Growing,
        record: &Record,
        watch: Watch,
    ) -> Result<bool, NetworkError> {
        let length = record.version.length;
        self.check_size(length, growing.bytes)?;
        let mut said = Said::default();
        while let Some(piece) = self.next(&mut got, growing.bytes, length)? {
            self.check_growth(growing.bytes, piece.len() as u64, length)?;
            growing.add(&piece)?;
            self.bytes += piece.len() as u64;
            self.farthest = self.farthest.max(growing.bytes);
            got.waiting.came(piece.len() as u64);
            got.waiting.check()?;
            said.progress(self.clock.elapsed(), growing.bytes, length, watch);
        }
        if length.is_some_and(|length| length != growing.bytes) {
            return Err(self.cut(growing.bytes, length, "the answer ended too early".into()));
        }
        let found = growing.digest();
        if let Some(expected) = self.address.digest()
            && expected != found
        {
            return Err(NetworkError::Digest { url: shown(self.way.here()), expected, found });
        }
        self.part.end(growing, record)?;
        Ok(record.is_page)
    }

    /// The next piece of a body of which so many bytes are here.
    fn next(&self, got: &mut Got, here: u64, length: Option<u64>) -> Result<Option<Vec<u8>>, NetworkError> {
        let Got { answer, waiting, .. } = got;
        self.client.next(answer, &mut || waiting.check()).map_err(|ended| match ended {
            Ended::Impatient(error) => error,
            Ended::Broken(source) => self.cut(here, length, source),
        })
    }

    fn cut(&self, bytes: u64, length: Option<u64>, source: Cause) -> NetworkError {
        NetworkError::Cut { url: shown(self.way.here()), bytes, length, source }
    }

    /// Whether so much may come, and has room.
    fn check_size(&self, length: Option<u64>, here: u64) -> Result<(), NetworkError> {
        let Some(length) = length else { return self.part.check_room(0) };
        if length > self.network.max_bytes {
            return Err(self.too_large());
        }
        self.part.check_room(length.saturating_sub(here))
    }

    fn check_growth(&self, here: u64, more: u64, length: Option<u64>) -> Result<(), NetworkError> {
        let bytes = here + more;
        if length.is_some_and(|length| bytes > length) {
            let source = "more came than was announced".into();
            return Err(NetworkError::Answer { url: shown(self.way.here()), source });
        }
        if bytes > self.network.max_bytes {
            return Err(self.too_large());
        }
        match length.is_none() && bytes / LOOK_EVERY > here / LOOK_EVERY {
            true => self.part.check_room(0),
            false => Ok(()),
        }
    }

    fn too_large(&self) -> NetworkError {
        NetworkError::TooLarge { url: shown(self.way.here()), limit: self.network.max_bytes }
    }

    fn pause(&self, pause: Duration) -> Result<(), NetworkError> {
        let until = self.clock.elapsed() + pause;
        while self.clock.elapsed() < until {
            if self.network.interrupt.is_set() {
                return Err(NetworkError::Interrupted { url: self.address.to_string() });
            }
            clock::sleep(TICK.min(pause));
        }
        Ok(())
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

/// Whether going on with what is here would end in the same, or fills a disk.
fn spoils_what_is_here(error: &NetworkError) -> bool {
    matches!(
        error,
        NetworkError::Digest { .. }
            | NetworkError::TooLarge { .. }
            | NetworkError::Answer { .. }
            | NetworkError::Full { .. }
    )
}

/// From 0 to 1.
pub(super) fn chance() -> f64 {
    let number = u16::from_str_radix(&random::hex(2), 16).unwrap_or_default();
    f64::from(number) / f64::from(u16::MAX)
}
