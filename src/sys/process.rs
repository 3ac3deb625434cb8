//! Programs we start: an argument list, never a shell; an environment that is
//! named, never inherited whole; a time limit; and no orphans.
//!
//! Each is started behind a guard (`sys/guard.rs`), which ends it and all that
//! it started when we die. It stands in a process group of its own, so that a
//! Ctrl-C on our terminal does not reach it and a time limit reaches its own children.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::io::Read;
use std::io::Seek;
use std::io::SeekFrom;
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::path::PathBuf;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::thread::JoinHandle;
use std::time::Duration;
use std::time::Instant;

use rustix::process::Pid;
use rustix::process::Signal;

use crate::base::escape;
use crate::sys::env;
use crate::sys::fs::IoError;
use crate::sys::guard;
pub use crate::sys::guard::Rest;
use crate::sys::user;

/// Variables that a child inherits; everything else it must be given.
const INHERITED: [&str; 6] = ["HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "USER"];

/// As much of the end of a log is looked at for its last line.
const LAST_BYTES: u64 = 4096;

/// A program to run.
#[derive(Clone, Debug)]
pub struct Program {
    pub argv: Vec<OsString>,
    pub folder: PathBuf,
    pub env: BTreeMap<String, String>,
    pub stdin: Vec<u8>,
    pub limit: Duration,
    /// What becomes of what it leaves running.
    pub rest: Rest,
}

/// How a program ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    Status(i32),
    Signal(i32),
    /// It was killed because its time was up.
    TimedOut,
}

impl Ended {
    /// For messages, after the program's name: how it ended within `limit`, and
    /// the last line of what it wrote to `log`, made safe to show.
    pub fn told(&self, limit: Duration, log: &Path) -> String {
        let how = match self {
            Ended::Status(status) => format!("ended with status {status}"),
            Ended::Signal(signal) => format!("was ended by signal {signal}"),
            Ended::TimedOut => format!("took longer than {} s and was ended", limit.as_secs_f64()),
        };
        match last_line(log) {
            Ok(line) if !line.is_empty() => format!("{how}: {line}"),
            // A log that cannot be read says nothing more.
            _ => how,
        }
    }
}

fn last_line(log: &Path) -> io::Result<String> {
    let mut file = File::open(log)?;
    let start = file.metadata()?.len().saturating_sub(LAST_BYTES);
    file.seek(SeekFrom::Start(start))?;
    let mut bytes = Vec::new();
    file.take(LAST_BYTES).read_to_end(&mut bytes)?;
    let line = bytes.trim_ascii().rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
    Ok(escape::bytes(line).chars().take(300).collect())
}

#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    #[error("failed to start {program}")]
    Start {
        program: String,
        #[source]
        source: io::Error,
    },
    #[error("failed to wait for {program}")]
    Wait {
        program: String,
        #[source]
        source: io::Error,
    },
    #[error(transparent)]
    Io(#[from] IoError),
}

impl crate::base::exit::Fault for ProcessError {}

impl Program {
    pub fn new(argv: impl IntoIterator<Item = impl Into<OsString>>, folder: &Path) -> Program {
        Program {
            argv: argv.into_iter().map(Into::into).collect(),
            folder: folder.to_owned(),
            env: BTreeMap::new(),
            stdin: Vec::new(),
            limit: Duration::from_secs(3600),
            rest: Rest::default(),
        }
    }

    /// The program's name, for messages.
    pub fn name(&self) -> String {
        self.argv.first().map(|name| crate::sys::fs::shown(Path::new(name))).unwrap_or_default()
    }

    /// Runs it to its end, output and errors going to `log`.
    pub fn run(&self, log: File) -> Result<Ended, ProcessError> {
        let errors = log.try_clone().map_err(|source| self.start_error(source))?;
        let mut child = self.spawn(Stdio::from(log), Stdio::from(errors))?;
        self.feed(&mut child);
        self.wait(&mut child)
    }

    /// Runs it to its end and returns what it printed, at most `limit` bytes
    /// of standard output; errors are thrown away.
    pub fn capture(&self, limit: u64) -> Result<(Ended, Vec<u8>), ProcessError> {
        let mut child = self.spawn(Stdio::piped(), Stdio::null())?;
        self.feed(&mut child);
        let output = child.stdout.take().map(|out| {
            std::thread::spawn(move || {
                let mut bytes = Vec::new();
                let _ = out.take(limit).read_to_end(&mut bytes);
                bytes
            })
        });
        let ended = self.wait(&mut child)?;
        let bytes = output.and_then(|thread| thread.join().ok()).unwrap_or_default();
        Ok((ended, bytes))
    }

    /// As [`Program::capture`], with what it complained of, at most `limit` bytes of each.
    pub fn capture_both(&self, limit: u64) -> Result<(Ended, Vec<u8>, Vec<u8>), ProcessError> {
        self.capture_while(limit, &mut || true)
    }

    /// As [`Program::capture_both`]; as soon as `may_go_on` says no it is ended as if its time were up.
    pub fn capture_while(
        &self,
        limit: u64,
        may_go_on: &mut dyn FnMut() -> bool,
    ) -> Result<(Ended, Vec<u8>, Vec<u8>), ProcessError> {
        let mut child = self.spawn(Stdio::piped(), Stdio::piped())?;
        self.feed(&mut child);
        let output = child.stdout.take().map(|out| std::thread::spawn(move || at_most(limit, out)));
        let errors = child.stderr.take().map(|err| std::thread::spawn(move || at_most(limit, err)));
        let ended = self.wait_while(&mut child, may_go_on)?;
        let bytes = |thread: Option<JoinHandle<Vec<u8>>>| {
            thread.and_then(|thread| thread.join().ok()).unwrap_or_default()
        };
        Ok((ended, bytes(output), bytes(errors)))
    }

    fn spawn(&self, out: Stdio, err: Stdio) -> Result<Child, ProcessError> {
        let mut command = guard::command(&self.argv, self.rest);
        command
            .current_dir(&self.folder)
            .env_clear()
            .envs(INHERITED.iter().filter_map(|name| Some((name, env::variable(name)?))))
            .envs(self.home().map(|home| ("HOME", home)))
            .env("PATH", env::search_path())
            .envs(&self.env)
            .stdin(if self.stdin.is_empty() { Stdio::null() } else { Stdio::piped() })
            .stdout(out)
            .stderr(err)
            .process_group(0);
        command.spawn().map_err(|source| self.start_error(source))
    }

    /// Root that became the site's owner still has root's. Who names one asks nobody, as
    /// does the program that is asked whose home it is.
    fn home(&self) -> Option<PathBuf> {
        if self.env.contains_key("HOME") { None } else { user::home() }
    }

    fn feed(&self, child: &mut Child) {
        if let Some(mut stdin) = child.stdin.take() {
            let bytes = self.stdin.clone();
            // A child that does not read its input ends the writer with EPIPE.
            std::thread::spawn(move || stdin.write_all(&bytes));
        }
    }

    fn wait(&self, child: &mut Child) -> Result<Ended, ProcessError> {
        self.wait_while(child, &mut || true)
    }

    fn wait_while(
        &self,
        child: &mut Child,
        may_go_on: &mut dyn FnMut() -> bool,
    ) -> Result<Ended, ProcessError> {
        let started = Instant::now();
        loop {
            let ended =
                child.try_wait().map_err(|source| ProcessError::Wait { program: self.name(), source })?;
            if let Some(status) = ended {
                return Ok(match status.code() {
                    Some(code) => Ended::Status(code),
                    None => Ended::Signal(status.signal().unwrap_or_default()),
                });
            }
            if started.elapsed() >= self.limit || !may_go_on() {
                guard::end(child.id());
                let _ = child.wait();
                return Ok(Ended::TimedOut);
            }
            std::thread::sleep(Duration::from_millis(if started.elapsed().as_millis() < 200 {
                2
            } else {
                20
            }));
        }
    }

    fn start_error(&self, source: io::Error) -> ProcessError {
        ProcessError::Start { program: self.name(), source }
    }
}

fn at_most(limit: u64, from: impl Read) -> Vec<u8> {
    let mut bytes = Vec::new();
    let _ = from.take(limit).read_to_end(&mut bytes);
    bytes
}

/// This very program, wherever it stands and whoever may go there.
pub const OURSELVES: &str = "/proc/self/exe";

/// This very program, to be started once more.
pub(super) fn ourselves() -> Command {
    let mut command = Command::new(OURSELVES);
    command.arg0("entracte");
    command
}

/// Starts this program again with `arguments` in a session of its own, which
/// no lost terminal ends; what it prints goes to these files. Returns its process id.
pub fn start_detached(arguments: &[OsString], output: File, errors: File) -> Result<u32, IoError> {
    let program = Path::new(OURSELVES);
    let mut child = ourselves()
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(output)
        .stderr(errors)
        .spawn()
        .map_err(|source| IoError::new("start", program, source))?;
    let id = child.id();
    // Who goes on for long must not keep what is left of it.
    std::thread::spawn(move || child.wait());
    Ok(id)
}

/// Starts a program of the person's own, with the person's own environment,
/// which lives on when this one ends.
pub fn start_aside(program: &Path, argument: &Path) -> Result<(), IoError> {
    let mut child = Command::new(program)
        .arg(argument)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .map_err(|source| IoError::new("start", program, source))?;
    std::thread::spawn(move || child.wait());
    Ok(())
}

/// Asks a process to end in good order.
pub fn interrupt(id: u32) {
    if let Some(pid) = Pid::from_raw(id as i32) {
        // It may be gone already.
        let _ = rustix::process::kill_process(pid, Signal::INT);
    }
}

/// Leaves the session of the terminal; called by a detached program at its start.
pub fn leave_session() {
    // Fails only when we lead a process group already: then we stand alone anyway.
    let _ = rustix::process::setsid();
}

/// Runs this program again as another user with the same arguments, and
/// returns its exit status.
pub fn again_as(uid: u32, gid: u32, arguments: &[OsString]) -> Result<u8, IoError> {
    // Opened before the change of user, who may not reach the folder that it is in.
    let program = File::open(OURSELVES).map_err(|source| IoError::new("open", OURSELVES, source))?;
    let shared = rustix::io::fcntl_setfd(&program, rustix::io::FdFlags::empty());
    shared.map_err(|errno| IoError::new("share", OURSELVES, errno))?;
    let path = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&program));
    let error = Command::new(path).arg0("entracte").args(arguments).uid(uid).gid(gid).exec();
    Err(IoError::new("start again as the site's owner", env::program()?, error))
}

/// Whether a process with this id lives now.
pub fn is_alive(id: u32) -> bool {
    Pid::from_raw(id as i32).is_some_and(|pid| match rustix::process::test_kill_process(pid) {
        Ok(()) => !is_zombie(id),
        Err(errno) => errno == rustix::io::Errno::PERM,
    })
}

fn is_zombie(id: u32) -> bool {
    fields(id).is_some_and(|fields| fields.starts_with('Z'))
}

/// When a process started, in ticks since the boot: with its id it is one
/// process and never a later one. `None` where `/proc` does not say.
pub fn started_at(id: u32) -> Option<u64> {
    fields(id)?.split(' ').nth(19)?.parse().ok()
}

/// What `/proc` says of a process after its name, from its state on.
fn fields(id: u32) -> Option<String> {
    let stat = crate::sys::fs::read_text(Path::new(&format!("/proc/{id}/stat")), 4096).ok()?;
    Some(stat.rsplit_once(") ")?.1.to_owned())
}

/// The folder that holds the program `name`, searched as a shell would.
pub fn find(name: &str) -> Option<PathBuf> {
    std::env::split_paths(&env::search_path())
        .map(|folder| folder.join(name))
        .find(|path| crate::sys::fs::is_file(path))
}
