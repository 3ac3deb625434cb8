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
    sweep(&folder)?;
    let (events, answer) = (folder.join(format!("{id}.events")), folder.join(format!("{id}.json")));
    with_room(&events, EVENTS_BYTES)?;
    let output = with_room(&answer, ANSWER_BYTES)?;
    let mut all: Vec<OsString> =
        ["--state".into(), state.folder().into(), "--json".into(), "--events".into()].into();
    all.push(events.clone().into());
    all.extend(arguments.iter().cloned());
    all.push("--detached".into());
    let pid = process::start_detached(&all, output, fs::create(&folder.join(format!("{id}.log")))?)?;
    let verb = arguments.first().map(|verb| verb.to_string_lossy().into_owned()).unwrap_or_default();
    let runner = Runner { pid, boot: clock::boot_id(), verb, events, answer };
<<<<<<< HEAD
    // Structs of strings always serialise; without this file nobody else can follow, and no more.
    let _ = fs::write_durable(&current(state), &serde_json::to_vec(&runner).unwrap_or_default());
=======
    // Structs of strings always serialise.
    fs::write_durable(&current(state), &json::line(&runner).unwrap_or_default())?;
>>>>>>> room-hostile
    Ok(runner)
}

/// A new file with its room taken: what is said of a run shall not be lost.
fn with_room(path: &Path, bytes: u64) -> Result<File, IoError> {
    let file = fs::create(path)?;
    disk::reserve(&file, path, bytes)?;
    Ok(file)
}

/// The process that was started last, if any.
pub fn last(place: &Place) -> Result<Option<Runner>, Failure> {
    let path = current(&place.state()?);
    let Some(bytes) = fs::read_if_present(&path)? else { return Ok(None) };
    Ok(json::read(&bytes).ok())
}

fn current(state: &State) -> PathBuf {
    state.runner().join("current.json")
}

/// What ended runners wrote is kept by their runs; only the last few stay here.
fn sweep(folder: &Path) -> Result<(), IoError> {
    fs::create_folders(folder, 0o700)?;
    let mut files = fs::list(folder)?;
    files.retain(|path| {
        path.extension()
            .is_some_and(|extension| extension != "json" || path.file_stem() != Some("current".as_ref()))
    });
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
    let same_boot = runner.boot == clock::boot_id();
    loop {
        let lives = same_boot && process::is_alive(runner.pid);
        if interrupt.take() {
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
