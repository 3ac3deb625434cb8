//! Programs we start: an argument list, never a shell; an environment that is
//! named, never inherited whole; a time limit; and no orphans.
//!
//! A program is started through this very one, by a keeper that ends it and all
//! that it started when it is over, or we are (`sys::family`). It stands in a
//! process group of its own, so that a Ctrl-C on our terminal does not reach it.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::io::Read;
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::path::PathBuf;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::Pid;
use rustix::process::Signal;

use crate::sys::env;
use crate::sys::family;
use crate::sys::fs::IoError;

/// Variables that a child inherits; everything else it must be given.
const INHERITED: [&str; 7] = ["PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "USER"];

/// A program to run.
#[derive(Clone, Debug)]
pub struct Program {
    pub argv: Vec<OsString>,
    pub folder: PathBuf,
    pub env: BTreeMap<String, String>,
    pub stdin: Vec<u8>,
    pub limit: Duration,
}

/// How a program ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    Status(i32),
    Signal(i32),
    /// It was killed because its time was up.
    TimedOut,
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

    fn spawn(&self, out: Stdio, err: Stdio) -> Result<Child, ProcessError> {
        let mut command = ourselves();
        command
            .arg(family::KEEPER)
            .arg(env::process_id().to_string())
            .arg("--")
            .args(&self.argv)
            .current_dir(&self.folder)
            .env_clear()
            .envs(INHERITED.iter().filter_map(|name| Some((name, env::variable(name)?))))
            .envs(&self.env)
            .stdin(if self.stdin.is_empty() { Stdio::null() } else { Stdio::piped() })
            .stdout(out)
            .stderr(err)
            .process_group(0);
        command.spawn().map_err(|source| self.start_error(source))
    }

    fn feed(&self, child: &mut Child) {
        if let Some(mut stdin) = child.stdin.take() {
            let bytes = self.stdin.clone();
            // A child that does not read its input ends the writer with EPIPE.
            std::thread::spawn(move || stdin.write_all(&bytes));
        }
    }

    fn wait(&self, child: &mut Child) -> Result<Ended, ProcessError> {
        let waited = family::wait(child, |elapsed| elapsed >= self.limit);
        let ended = waited.map_err(|source| ProcessError::Wait { program: self.name(), source })?;
        let Some(status) = ended else {
            family::end_below(child.id());
            kill_group(child.id());
            let _ = child.wait();
            return Ok(Ended::TimedOut);
        };
        Ok(match status.code() {
            Some(code) => Ended::Status(code),
            None => Ended::Signal(status.signal().unwrap_or_default()),
        })
    }

    fn start_error(&self, source: io::Error) -> ProcessError {
        ProcessError::Start { program: self.name(), source }
    }
}

/// This very program, wherever it stands and whoever may go there.
const OURSELVES: &str = "/proc/self/exe";

pub(in crate::sys) fn ourselves() -> Command {
    let mut command = Command::new(OURSELVES);
    command.arg0("entracte");
    command
}

fn kill_group(id: u32) {
    if let Some(pid) = Pid::from_raw(id as i32) {
        let _ = rustix::process::kill_process_group(pid, Signal::KILL);
    }
}

/// Starts this program again with `arguments` in a session of its own, which
/// no lost terminal ends; what it prints goes to these files. Returns its process id.
pub fn start_detached(arguments: &[OsString], output: File, errors: File) -> Result<u32, IoError> {
    let program = Path::new(OURSELVES);
    let child = ourselves()
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(output)
        .stderr(errors)
        .spawn()
        .map_err(|source| IoError::new("start", program, source))?;
    Ok(child.id())
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
    let stat = crate::sys::fs::read_text(Path::new(&format!("/proc/{id}/stat")), 4096).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('Z'))
}

/// The folder that holds the program `name`, searched as a shell would.
pub fn find(name: &str) -> Option<PathBuf> {
    let paths = std::env::var_os("PATH")?;
    std::env::split_paths(&paths).map(|folder| folder.join(name)).find(|path| crate::sys::fs::is_file(path))
}
