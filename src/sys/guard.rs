//! Between us and each program that we start stands a guard, another process of
//! this program: when we die, it ends the program and whatever that started.
//!
//! `entracte __guard PARENT LOCK REST -- ARGV…` holds a lock of its own for as
//! long, so that nobody begins beside what is still being ended. Whatever loses
//! its parent below the guard becomes the guard's own child, so that nobody gets
//! away by going to the background. The program inherits no lock. It is started
//! through `entracte __child`, which the kernel kills when its guard dies.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::unix::process::CommandExt;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::path::PathBuf;
use std::process::Child;
use std::process::Command;
use std::process::ExitStatus;
use std::sync::Mutex;
use std::sync::PoisonError;

use rustix::process::Pid;
use rustix::process::Signal;
use signal_hook::consts::SIGCHLD;
use signal_hook::consts::SIGTERM;
use signal_hook::iterator::Signals;

use crate::sys::env;
use crate::sys::family;
use crate::sys::lock;
use crate::sys::process;

const GUARD_VERB: &str = "__guard";
const CHILD_VERB: &str = "__child";
/// What stands for "there is no lock".
const NO_LOCK: &str = "-";

/// What becomes of processes that a program leaves running when it ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Rest {
    /// They are ended: nothing may go on changing the site.
    #[default]
    Ended,
    /// They stay, as do the daemons that a program was called to start.
    Stays,
}

impl Rest {
    fn name(self) -> &'static str {
        match self {
            Rest::Ended => "ends",
            Rest::Stays => "stays",
        }
    }

    fn named(name: &OsString) -> Option<Rest> {
        [Rest::Ended, Rest::Stays].into_iter().find(|rest| name == rest.name())
    }
}

/// The lock that guards hold; none while we hold no lock ourselves.
static LOCK: Mutex<Option<PathBuf>> = Mutex::new(None);

/// From now on the guards that we start hold the lock at `path`, or none.
pub fn hold(path: Option<&Path>) {
    *LOCK.lock().unwrap_or_else(PoisonError::into_inner) = path.map(Path::to_owned);
}

/// The command that starts `argv` behind a guard.
pub fn command(argv: &[OsString], rest: Rest) -> Command {
    let lock = LOCK.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let mut command = process::ourselves();
    command.arg(GUARD_VERB).arg(env::process_id().to_string());
    command.arg(lock.unwrap_or_else(|| NO_LOCK.into())).arg(rest.name()).arg("--").args(argv);
    command
}

/// Asks the guard `id` to end its program, and all that it started, at once.
pub fn end(id: u32) {
    if let Some(pid) = Pid::from_raw(id as i32) {
        // It may be gone already.
        let _ = rustix::process::kill_process(pid, Signal::TERM);
    }
}

/// What this process is to be when it was started as a guard or behind one.
pub enum Role {
    Guard { parent: u32, lock: Option<PathBuf>, rest: Rest, argv: Vec<OsString> },
    Child { parent: u32, argv: Vec<OsString> },
}

impl Role {
    /// `None` when `arguments` are those of a person.
    pub fn of(arguments: &[OsString]) -> Option<Role> {
        let (verb, others) = arguments.get(1..)?.split_first()?;
        let number = |text: &OsString| text.to_str()?.parse().ok();
        match (verb.to_str()?, others) {
            (GUARD_VERB, [parent, lock, rest, dashes, argv @ ..]) if dashes == "--" => Some(Role::Guard {
                parent: number(parent)?,
                lock: (lock != NO_LOCK).then(|| lock.into()),
                rest: Rest::named(rest)?,
                argv: argv.to_vec(),
            }),
            (CHILD_VERB, [parent, dashes, argv @ ..]) if dashes == "--" => {
                Some(Role::Child { parent: number(parent)?, argv: argv.to_vec() })
            }
            _ => None,
        }
    }

    /// Plays it. Comes back with the status of the program, or with why it did
    /// not start.
    pub fn play(&self) -> io::Result<u8> {
        match self {
            Role::Guard { parent, lock, rest, argv } => guard(*parent, lock.as_deref(), *rest, argv),
            Role::Child { parent, argv } => Err(become_program(*parent, argv)),
        }
    }

    /// The program's name, for messages.
    pub fn program(&self) -> String {
        let (Role::Guard { argv, .. } | Role::Child { argv, .. }) = self;
        argv.first().map(|name| crate::sys::fs::shown(Path::new(name))).unwrap_or_default()
    }
}

fn guard(parent: u32, lock: Option<&Path>, rest: Rest, argv: &[OsString]) -> io::Result<u8> {
    let mut signals = Signals::new([SIGTERM, SIGCHLD])?;
    let _held: Option<File> = lock.map(lock::hold_shared).transpose().map_err(io::Error::other)?;
    // Only now: who dies before is noticed by what follows, who dies later by the signal.
    die_with(parent, Signal::TERM)?;
    rustix::process::set_child_subreaper(Some(rustix::process::getpid()))?;
    let mut command = process::ourselves();
    command.arg(CHILD_VERB).arg(env::process_id().to_string()).arg("--").args(argv).process_group(0);
    let mut child = command.spawn()?;
    for signal in signals.forever() {
        if signal == SIGTERM {
            return end_all(&mut child);
        }
        if let Some(status) = child.try_wait()? {
            if rest == Rest::Ended {
                family::end_below(env::process_id());
            }
            return end_as(status);
        }
    }
    end_all(&mut child)
}

/// The kernel is to send us `signal` when `parent` dies, which still lives.
fn die_with(parent: u32, signal: Signal) -> io::Result<()> {
    rustix::process::set_parent_process_death_signal(Some(signal))?;
    let lives = rustix::process::getppid().is_some_and(|pid| pid.as_raw_nonzero().get() as u32 == parent);
    if lives { Ok(()) } else { Err(io::Error::other("the parent is gone")) }
}

fn end_all(child: &mut Child) -> io::Result<u8> {
    if let Some(group) = Pid::from_raw(child.id() as i32) {
        let _ = rustix::process::kill_process_group(group, Signal::KILL);
    }
    family::end_below(env::process_id());
    end_as(child.wait()?)
}

/// Ends as the program ended, by the same signal if it was one.
fn end_as(status: ExitStatus) -> io::Result<u8> {
    let signal = match (status.code(), status.signal()) {
        (Some(code), _) => return Ok(code as u8),
        (None, signal) => signal.unwrap_or_default(),
    };
    let _ = signal_hook::low_level::emulate_default_handler(signal);
    Ok(128u8.wrapping_add(signal as u8))
}

/// Becomes the program of `argv`, to be killed with its guard. Returns only
/// when that fails.
fn become_program(guard: u32, argv: &[OsString]) -> io::Error {
    match (die_with(guard, Signal::KILL), argv) {
        (Ok(()), [program, arguments @ ..]) => Command::new(program).args(arguments).exec(),
        (Ok(()), []) => io::Error::from(io::ErrorKind::InvalidInput),
        (Err(error), _) => error,
    }
}
