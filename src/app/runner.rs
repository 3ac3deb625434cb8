//! Work that hangs on no terminal: a detached process does it, and whoever
//! wants follows its events. All that is known of it stands in files, so that
//! another process, or a later one, follows it as well.

mod ended;
mod files;
mod tail;
mod works;

use std::ffi::OsString;
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;
use serde::Deserialize;
use serde::Serialize;

use crate::app::desk::Place;
use crate::app::event_line::EventLine;
use crate::app::failure::Failure;
pub use crate::app::runner::ended::Ended;
pub use crate::app::runner::tail::Heard;
pub use crate::app::runner::tail::Tail;
pub use crate::app::runner::works::Works;
use crate::base::escape;
use crate::base::exit::Exit;
use crate::base::json;
use crate::site::state::State;
use crate::sys::clock;
use crate::sys::disk;
use crate::sys::env;
use crate::sys::fs;
use crate::sys::fs::IoError;
use crate::sys::process;
use crate::sys::random;
use crate::sys::signal::Interrupt;
use crate::update::reserve;
use crate::update::run;

/// As much is kept free for a runner's events and for its answer.
const EVENTS_BYTES: u64 = 64 << 10;
const ANSWER_BYTES: u64 = 16 << 10;
/// A person's name is not longer.
const PERSON_LETTERS: usize = 120;
/// Between two looks at a runner by whoever hands on its events.
const LOOK: Duration = Duration::from_millis(40);

/// Where one detached process writes, and which it is.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Runner {
    pub pid: u32,
    /// In ticks since the boot; another process may have the same id later.
    #[serde(default)]
    started: Option<u64>,
    pub boot: String,
    pub verb: String,
    /// Its events, one JSON object a line.
    pub events: PathBuf,
    /// Its one JSON document.
    pub answer: PathBuf,
    /// Who asked for it, where it is not the one at the keyboard.
    #[serde(default)]
    pub by: Option<String>,
    #[serde(default)]
    pub since: Option<Timestamp>,
}

/// For whom work is started, and from which page.
#[derive(Clone, Copy, Debug, Default)]
pub struct Asked<'a> {
    pub by: Option<&'a str>,
    /// What `stand::seen` said to whoever asked.
    pub seen: Option<&'a str>,
}

/// What a person said to a process that works.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StopAsked {
    pub by: String,
    pub at: Timestamp,
}

/// What a detached process answered, as its JSON document.
pub struct Answered(pub String);

/// Whether a process works still, or how it ended.
pub enum RunnerState {
    Lives,
    Ended(Box<Ended>),
}

/// Starts `arguments` (the verb first) on the site's state, detached. Where
/// the disk is full an open run gives back the room that it kept for this.
pub fn start(state: &State, arguments: &[OsString]) -> Result<Runner, Failure> {
    start_for(state, Asked::default(), arguments)
}

/// The same for somebody else than the one at the keyboard.
pub fn start_for(state: &State, asked: Asked, arguments: &[OsString]) -> Result<Runner, Failure> {
    match launch(state, asked, arguments) {
        Err(error) if reserve::would_help(&error) && give_room_back(state)? => {
            Ok(launch(state, asked, arguments)?)
        }
        started => Ok(started?),
    }
}

fn give_room_back(state: &State) -> Result<bool, Failure> {
    match run::open_run(&state.runs())? {
        Some((id, _)) => Ok(reserve::give_back(&run::folder_of(&state.runs(), &id)?)?),
        None => Ok(false),
    }
}

fn launch(state: &State, asked: Asked, arguments: &[OsString]) -> Result<Runner, IoError> {
    let folder = state.runner();
    fs::create_folders(&folder, 0o700)?;
    let id = format!("{}-{}", clock::now().as_millisecond(), random::hex(4));
    let events = folder.join(format!("{id}.events"));
    with_room(&events, EVENTS_BYTES)?;
    let verb = arguments.first().map(|verb| verb.to_string_lossy().into_owned()).unwrap_or_default();
    let mut runner = Runner::new(0, verb, &events, asked.by.map(named));
    let mut all: Vec<OsString> =
        ["--state".into(), state.folder().into(), "--json".into(), "--events".into()].into();
    all.push(events.into());
    all.extend(arguments.iter().cloned());
    all.push("--detached".into());
    all.extend(runner.by.iter().map(|by| format!("--by={by}").into()));
    all.extend(asked.seen.map(|seen| format!("--seen={seen}").into()));
    let answer = with_room(&runner.answer, ANSWER_BYTES)?;
    runner.pid = process::start_detached(&all, answer, fs::create(&runner.log())?)?;
    runner.started = process::started_at(runner.pid);
    fs::write_durable(&runner.record(), &runner.text())?;
    // What old ones left costs room and nothing else.
    let _ = files::sweep(&folder);
    Ok(runner)
}

/// A person's name as it may stand in a record and on a command line.
fn named(by: &str) -> String {
    escape::text(by).chars().take(PERSON_LETTERS).collect()
}

/// A new file with its room taken: what is said of a run shall not be lost.
fn with_room(path: &Path, bytes: u64) -> Result<File, IoError> {
    let file = fs::create(path)?;
    disk::reserve(&file, path, bytes)?;
    Ok(file)
}

/// Called by a detached process that has the lock: it is the one that `attach`
/// follows, and one that was refused never is. Where that cannot be written
/// nobody else can follow, and no more.
pub fn announce(state: &State, verb: &str, events: &Path, by: Option<&str>) {
    let runner = Runner::new(env::process_id(), verb.to_owned(), events, by.map(named));
    let _ = fs::write_durable(&files::current(state), &runner.text());
}

impl Runner {
    fn new(pid: u32, verb: String, events: &Path, by: Option<String>) -> Runner {
        Runner {
            pid,
            started: process::started_at(pid),
            boot: clock::boot_id(),
            verb,
            events: events.to_owned(),
            answer: events.with_extension("json"),
            by,
            since: Some(clock::now()),
        }
    }

    fn text(&self) -> Vec<u8> {
        // Structs of strings always serialise.
        json::line(self).unwrap_or_default()
    }

    /// What its files are called.
    pub fn id(&self) -> String {
        self.events.file_stem().unwrap_or_default().to_string_lossy().into_owned()
    }

    fn record(&self) -> PathBuf {
        self.events.with_extension("runner")
    }

    fn log(&self) -> PathBuf {
        self.events.with_extension("log")
    }

    fn stop(&self) -> PathBuf {
        self.events.with_extension("stop")
    }

    fn interrupted(&self) -> PathBuf {
        self.events.with_extension("interrupted")
    }

    pub fn lives(&self) -> bool {
        self.boot == clock::boot_id()
            && process::is_alive(self.pid)
            && self.started == process::started_at(self.pid)
    }

    /// Whether it works still, or how it ended.
    pub fn state(&self) -> RunnerState {
        match self.lives() {
            true => RunnerState::Lives,
            false => RunnerState::Ended(Box::new(Ended::of(self))),
        }
    }

    /// Who asked it to stop, if anybody did and it will stop or is gone.
    pub fn stop_asked(&self) -> Option<StopAsked> {
        if !fs::exists(&self.interrupted()) && self.lives() {
            return None;
        }
        let text = fs::read_text(&self.stop(), 4096).ok()?;
        json::read(text.as_bytes()).ok()
    }

    /// Whether asking it to stop would end it in good order: who goes back is
    /// not stopped half-way.
    pub fn may_be_stopped(&self) -> bool {
        !matches!(self.verb.as_str(), "rollback" | "commit")
    }
}

/// The process that worked last, if any.
pub fn last(place: &Place) -> Result<Option<Runner>, Failure> {
    last_of(&place.state()?)
}

pub(super) fn last_of(state: &State) -> Result<Option<Runner>, Failure> {
    let path = files::current(state);
    let Some(bytes) = fs::read_if_present(&path)? else { return Ok(None) };
    Ok(json::read(&bytes).ok())
}

pub(super) use crate::app::runner::files::is_in_use;

/// The process of that id, whoever started it, and whether or not it lives.
pub fn find(place: &Place, id: &str) -> Result<Option<Runner>, Failure> {
    let state = place.state()?;
    if !files::is_id(id) {
        return Ok(None);
    }
    let events = state.runner().join(format!("{id}.events"));
    let Ok(text) = fs::read_text(&events.with_extension("runner"), 64 << 10) else {
        // Of an entracte that left no record of each.
        return Ok(last_of(&state)?.filter(|last| last.id() == id));
    };
    let found: Option<Runner> = json::read(text.as_bytes()).ok();
    // The folder may have been moved since.
    Ok(found.map(|found| Runner { answer: events.with_extension("json"), events, ..found }))
}

/// Asks a process to end in good order, once: a second word would end it at once.
pub fn ask_to_stop(runner: &Runner, by: &str) -> Result<(), Failure> {
    if !runner.lives() {
        return Err(Failure::new(Exit::NothingToDo, "it has ended already"));
    }
    if !runner.may_be_stopped() {
        return Err(Failure::new(Exit::Refused, format!("{} is not stopped half-way", runner.verb)));
    }
    let path = runner.stop();
    let mut file = match fs::create_new(&path) {
        Ok(file) => file,
        Err(_) if fs::exists(&path) => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    let word = StopAsked { by: named(by), at: clock::now() };
    // Where the word cannot be written nobody is told who asked, and no more.
    let _ = file.write_all(&json::line(&word).unwrap_or_default());
    process::interrupt(runner.pid);
    // A disk may take its time over either file; nobody is shown what is not true yet.
    let _ = fs::create_new(&runner.interrupted());
    Ok(())
}

/// Hands on the events of a runner until it is gone; the first interrupt asks
/// it to stop in good order, the second ends it at once.
pub fn follow(
    runner: &Runner,
    interrupt: &Interrupt,
    take: &mut dyn FnMut(&EventLine),
) -> Result<Answered, Failure> {
    let mut tail = Tail::open(runner, 0)?;
    while !tail.is_over() {
        if interrupt.take() && runner.lives() {
            process::interrupt(runner.pid);
        }
        for heard in tail.next(LOOK)? {
            take(&heard.line);
        }
    }
    ended::document(runner)
}
