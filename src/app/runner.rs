//! Work that hangs on no terminal: a detached process does it, and whoever
//! wants follows its events.

use std::ffi::OsString;
use std::fs::File;
use std::io::Read;
use std::io::Seek;
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;
use serde::Serialize;

use crate::app::desk::Place;
use crate::app::event_line::EventLine;
use crate::app::failure::Failure;
use crate::base::exit::Exit;
use crate::base::json;
use crate::site::state::State;
use crate::sys::clock;
use crate::sys::disk;
use crate::sys::env;
use crate::sys::fs;
use crate::sys::fs::IoError;
use crate::sys::process;
use crate::sys::signal::Interrupt;
use crate::update::reserve;
use crate::update::run;

const TICK: Duration = Duration::from_millis(40);
/// As much is kept free for a runner's events and for its answer.
const EVENTS_BYTES: u64 = 64 << 10;
const ANSWER_BYTES: u64 = 16 << 10;

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
}

/// What a detached process answered, as its JSON document.
pub struct Answered(pub String);

/// Starts `arguments` (the verb first) on the site's state, detached. Where
/// the disk is full an open run gives back the room that it kept for this.
pub fn start(state: &State, arguments: &[OsString]) -> Result<Runner, Failure> {
    match launch(state, arguments) {
        Err(error) if reserve::would_help(&error) && give_room_back(state)? => Ok(launch(state, arguments)?),
        started => Ok(started?),
    }
}

fn give_room_back(state: &State) -> Result<bool, Failure> {
    match run::open_run(&state.runs())? {
        Some((id, _)) => Ok(reserve::give_back(&run::folder_of(&state.runs(), &id)?)?),
        None => Ok(false),
    }
}

fn launch(state: &State, arguments: &[OsString]) -> Result<Runner, IoError> {
    let id = format!("{}-{}", clock::now().as_millisecond(), env::process_id());
    let folder = state.runner();
    fs::create_folders(&folder, 0o700)?;
    let events = folder.join(format!("{id}.events"));
    with_room(&events, EVENTS_BYTES)?;
    let verb = arguments.first().map(|verb| verb.to_string_lossy().into_owned()).unwrap_or_default();
    let mut runner = Runner::new(0, verb, &events);
    let mut all: Vec<OsString> =
        ["--state".into(), state.folder().into(), "--json".into(), "--events".into()].into();
    all.push(events.into());
    all.extend(arguments.iter().cloned());
    all.push("--detached".into());
    let answer = with_room(&runner.answer, ANSWER_BYTES)?;
    runner.pid = process::start_detached(&all, answer, fs::create(&runner.answer.with_extension("log"))?)?;
    runner.started = process::started_at(runner.pid);
    Ok(runner)
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
pub fn announce(state: &State, verb: &str, events: &Path) {
    let runner = Runner::new(env::process_id(), verb.to_owned(), events);
    // Structs of strings always serialise.
    let text = json::line(&runner).unwrap_or_default();
    let _ = sweep(&state.runner(), events).and_then(|()| fs::write_durable(&current(state), &text));
}

impl Runner {
    fn new(pid: u32, verb: String, events: &Path) -> Runner {
        Runner {
            pid,
            started: process::started_at(pid),
            boot: clock::boot_id(),
            verb,
            events: events.to_owned(),
            answer: events.with_extension("json"),
        }
    }

    /// What its files are called.
    pub fn id(&self) -> String {
        self.events.file_stem().unwrap_or_default().to_string_lossy().into_owned()
    }

    fn lives(&self) -> bool {
        self.boot == clock::boot_id()
            && process::is_alive(self.pid)
            && self.started == process::started_at(self.pid)
    }
}

/// The process that worked last, if any.
pub fn last(place: &Place) -> Result<Option<Runner>, Failure> {
    last_of(&place.state()?)
}

pub(super) fn last_of(state: &State) -> Result<Option<Runner>, Failure> {
    let path = current(state);
    let Some(bytes) = fs::read_if_present(&path)? else { return Ok(None) };
    Ok(json::read(&bytes).ok())
}

fn current(state: &State) -> PathBuf {
    state.runner().join("current.json")
}

/// What ended runners wrote is kept by their runs; only the last few stay here.
fn sweep(folder: &Path, mine: &Path) -> Result<(), IoError> {
    let mut files = fs::list(folder)?;
    files.retain(|path| path.file_stem() != Some("current".as_ref()) && path.file_stem() != mine.file_stem());
    for old in files.iter().rev().skip(12) {
        fs::remove_file_if_present(old)?;
    }
    Ok(())
}

/// Hands on the events of a runner until it is gone; the first interrupt asks
/// it to stop in good order, the second ends it at once.
pub fn follow(
    runner: &Runner,
    interrupt: &Interrupt,
    take: &mut dyn FnMut(&EventLine),
) -> Result<Answered, Failure> {
    let mut file = fs::open(&runner.events)?;
    let mut rest = Vec::new();
    loop {
        let lives = runner.lives();
        if lives && interrupt.take() {
            process::interrupt(runner.pid);
        }
        read_on(&mut file, &mut rest, take).map_err(|source| IoError::new("read", &runner.events, source))?;
        if !lives {
            return answer(runner);
        }
        clock::sleep(TICK);
    }
}

fn read_on(file: &mut File, rest: &mut Vec<u8>, take: &mut dyn FnMut(&EventLine)) -> std::io::Result<()> {
    file.stream_position()?;
    file.read_to_end(rest)?;
    while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
        let line: Vec<u8> = rest.drain(..=end).collect();
        if let Ok(line) = json::read(&line) {
            take(&line);
        }
    }
    Ok(())
}

fn answer(runner: &Runner) -> Result<Answered, Failure> {
    let text = fs::read_text(&runner.answer, 64 << 20)?;
    match text.trim().is_empty() {
        false => Ok(Answered(text)),
        true => {
            let log = fs::read_text(&runner.answer.with_extension("log"), 1 << 20).unwrap_or_default();
            let said = log.lines().last().unwrap_or("it said nothing").to_owned();
            Err(Failure::new(Exit::Stuck, format!("the process that worked on the site is gone: {said}"))
                .hint("`entracte status` says where the run stands; `entracte resume` or `entracte rollback` go on from there"))
        }
    }
}
