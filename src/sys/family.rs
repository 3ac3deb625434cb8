//! The family of a program that we start: everything that it starts in turn.
//!
//! A keeper stands between us and the program (`entracte __keeper PID -- ARGV…`).
//! Whatever loses its parent below the keeper becomes the keeper's own child, so
//! nobody gets away by going to the background. When the program has ended, or
//! when we are gone, the keeper ends who is left.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::ffi::OsString;
use std::io;
use std::os::unix::process::CommandExt;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Child;
use std::process::Command;
use std::process::ExitStatus;
use std::time::Duration;
use std::time::Instant;

use rustix::process::Pid;
use rustix::process::Signal;

use crate::sys::env;
use crate::sys::fs;
use crate::sys::process;

/// The hidden verb of a keeper.
pub const KEEPER: &str = "__keeper";
/// The hidden verb of what becomes the program.
pub const PROGRAM: &str = "__program";

/// Between two looks at a program that runs: short at first, as most are.
const FIRST_TICK: Duration = Duration::from_millis(2);
const TICK: Duration = Duration::from_millis(20);
/// Who starts others faster than they are ended is given up on.
const MOST_ROUNDS: usize = 1000;

/// Takes the part that `verb` names, for the process `parent`. The status is
/// the program's; a program never returns here unless it could not be started.
pub fn take_part(verb: &OsStr, parent: u32, argv: &[OsString]) -> Option<io::Result<u8>> {
    match verb.to_str()? {
        KEEPER => Some(keep(parent, argv)),
        PROGRAM => Some(Err(become_program(parent, argv))),
        _ => None,
    }
}

/// Ends everything below a process: those who come while others go, too.
pub fn end_below(id: u32) {
    let mut empty = 0;
    for _ in 0..MOST_ROUNDS {
        let below = below(id);
        empty = if below.is_empty() { empty + 1 } else { 0 };
        // One look is no proof: a parent that goes meanwhile hides its children.
        if empty == 2 {
            return;
        }
        for pid in below.into_iter().filter_map(|id| Pid::from_raw(id as i32)) {
            // It may be gone already.
            let _ = rustix::process::kill_process(pid, Signal::KILL);
        }
        std::thread::sleep(FIRST_TICK);
    }
}

/// Waits for a child; `None` as soon as `is_over` says so.
pub fn wait(child: &mut Child, is_over: impl Fn(Duration) -> bool) -> io::Result<Option<ExitStatus>> {
    let started = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        let elapsed = started.elapsed();
        if is_over(elapsed) {
            return Ok(None);
        }
        std::thread::sleep(if elapsed.as_millis() < 200 { FIRST_TICK } else { TICK });
    }
}

fn keep(parent: u32, argv: &[OsString]) -> io::Result<u8> {
    rustix::process::set_child_subreaper(Some(rustix::process::getpid()))?;
    let own = env::process_id();
    let mut program = process::ourselves().arg(PROGRAM).arg(own.to_string()).arg("--").args(argv).spawn()?;
    let ended = wait(&mut program, |_| !is_our_parent(parent))?;
    end_below(own);
    match ended {
        Some(status) => Ok(ended_as(status)),
        None => Err(io::Error::other("the parent is gone")),
    }
}

/// Ends as the program did.
fn ended_as(status: ExitStatus) -> u8 {
    if let Some(signal) = status.signal().and_then(Signal::from_named_raw) {
        let _ = rustix::process::kill_process(rustix::process::getpid(), signal);
    }
    status.code().unwrap_or(128 + status.signal().unwrap_or_default()) as u8
}

/// Becomes the program, to be killed with its keeper. Returns only when that fails.
fn become_program(keeper: u32, argv: &[OsString]) -> io::Error {
    if let Err(errno) = rustix::process::set_parent_process_death_signal(Some(Signal::KILL)) {
        return errno.into();
    }
    match (is_our_parent(keeper), argv) {
        (true, [program, arguments @ ..]) => Command::new(program).args(arguments).exec(),
        (true, []) => io::Error::from(io::ErrorKind::InvalidInput),
        (false, _) => io::Error::other("the parent is gone"),
    }
}

fn is_our_parent(id: u32) -> bool {
    rustix::process::getppid().is_some_and(|pid| pid.as_raw_nonzero().get() as u32 == id)
}

/// Everybody below a process who lives.
fn below(id: u32) -> Vec<u32> {
    let mut children: BTreeMap<u32, Vec<Relative>> = BTreeMap::new();
    for one in everybody() {
        children.entry(one.parent).or_default().push(one);
    }
    let (mut found, mut next) = (Vec::new(), vec![id]);
    while let Some(parent) = next.pop() {
        let below = children.remove(&parent).unwrap_or_default();
        next.extend(below.iter().map(|one| one.id));
        found.extend(below.iter().filter(|one| one.lives).map(|one| one.id));
    }
    found
}

struct Relative {
    id: u32,
    parent: u32,
    /// Not one that has ended and that nobody has asked about yet.
    lives: bool,
}

fn everybody() -> Vec<Relative> {
    let folders = fs::list(Path::new("/proc")).unwrap_or_default();
    let relative = |folder: &Path| {
        let id = folder.file_name()?.to_str()?.parse().ok()?;
        let text = fs::read(&folder.join("stat")).ok()?;
        // The name before it may hold anything, even brackets.
        let text = String::from_utf8_lossy(&text);
        let mut words = text.rsplit_once(") ")?.1.split(' ');
        let (state, parent) = (words.next()?, words.next()?.parse().ok()?);
        Some(Relative { id, parent, lives: state != "Z" })
    };
    folders.iter().filter_map(|folder| relative(folder)).collect()
}
