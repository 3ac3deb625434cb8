//! The lock of one site: a kernel lock that dies with its holder, and in the
//! file, for people, who holds it. What is written there decides nothing.
//!
//! A second one beside it is held by the guards of the programs that the holder
//! started: when the holder is killed, the next one waits until they are gone.

use std::fs::File;
use std::fs::TryLockError;
use std::io::Read;
use std::io::Seek;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;
use serde::Deserialize;
use serde::Serialize;

use crate::base::exit::Exit;
use crate::base::exit::Fault;
use crate::base::json;
use crate::sys::clock;
use crate::sys::env;
use crate::sys::fs::IoError;
use crate::sys::guard;

/// Somebody who only looks whether the lock is free has it for an instant.
const LOOKER_TRIES: u32 = 10;
const LOOKER_PAUSE: Duration = Duration::from_millis(20);

/// Who holds a lock, for people and for `status`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    pub pid: u32,
    pub boot: String,
    pub host: String,
    /// What the holder is doing, e.g. `apply` or a step's name.
    pub doing: String,
    pub since: Timestamp,
}

/// How long guards may take to end what they guard, in pauses.
const GUARD_TRIES: u32 = 250;

/// A held lock; the kernel frees it when its holder is gone.
#[derive(Debug)]
pub struct Lock {
    file: File,
    path: PathBuf,
}

#[derive(Debug, thiserror::Error)]
pub enum LockError {
    #[error("another entracte works on this site{}", described(.holder))]
    Held { holder: Option<Holder> },
    #[error("programs of an earlier entracte still run on this site")]
    StillEnding,
    #[error(transparent)]
    Io(#[from] IoError),
}

impl Fault for LockError {
    fn exit(&self) -> Exit {
        match self {
            LockError::Held { .. } | LockError::StillEnding => Exit::Locked,
            LockError::Io(error) => error.exit(),
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            LockError::Held { .. } => vec![
                "`entracte attach` follows a run that goes on in the background".into(),
                "the lock goes away with its holder; there is no file to delete".into(),
            ],
            LockError::StillEnding => vec!["they are being ended; try again in a moment".into()],
            LockError::Io(error) => error.hints(),
        }
    }
}

fn described(holder: &Option<Holder>) -> String {
    match holder {
        Some(holder) => {
            format!(": {} (process {} on {}, since {})", holder.doing, holder.pid, holder.host, holder.since)
        }
        None => String::new(),
    }
}

impl Lock {
    /// Takes the lock at `path` now, or says who has it.
    pub fn take(path: &Path, doing: &str) -> Result<Lock, LockError> {
        let file = open(path, Access::Change)?;
        if !wait_for(LOOKER_TRIES, path, || file.try_lock())? {
            return Err(LockError::Held { holder: read_holder(&file) });
        }
        let mut lock = Lock { file, path: path.to_owned() };
        let guards = guards(path);
        let all = open(&guards, Access::Change)?;
        if !wait_for(GUARD_TRIES, &guards, || all.try_lock())? {
            return Err(LockError::StillEnding);
        }
        guard::hold(Some(&guards));
        lock.now_doing(doing)?;
        Ok(lock)
    }

    /// Writes what the holder is doing now.
    pub fn now_doing(&mut self, doing: &str) -> Result<(), IoError> {
        let holder = Holder {
            pid: env::process_id(),
            boot: clock::boot_id(),
            host: env::host_name(),
            doing: doing.to_owned(),
            since: clock::now(),
        };
        let text = json::line(&holder).unwrap_or_default();
        let write = |file: &mut File| {
            file.rewind()?;
            file.write_all(&text)?;
            file.set_len(text.len() as u64)
        };
        write(&mut self.file).map_err(|source| IoError::new("write the lock", &self.path, source))
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        guard::hold(None);
        // Closing the file frees it as well, unless somebody inherited it.
        let _ = self.file.unlock();
    }
}

/// Who holds the lock at `path` now; `None` when it is free.
pub fn holder(path: &Path) -> Result<Option<Holder>, IoError> {
    let file = match open(path, Access::Look) {
        Ok(file) => file,
        Err(error) if error.is_not_found() => return Ok(None),
        Err(error) => return Err(error),
    };
    match file.try_lock_shared() {
        Ok(()) => Ok(None),
        Err(TryLockError::WouldBlock) => Ok(Some(read_holder(&file).unwrap_or_else(unknown_holder))),
        Err(TryLockError::Error(source)) => Err(IoError::new("look at the lock", path, source)),
    }
}

/// Holds the lock at `path` together with others, for as long as the file is open.
pub fn hold_shared(path: &Path) -> Result<File, IoError> {
    let file = open(path, Access::Change)?;
    file.lock_shared().map_err(|source| IoError::new("lock", path, source))?;
    Ok(file)
}

/// The lock of the guards.
fn guards(path: &Path) -> PathBuf {
    path.with_extension("guards")
}

#[derive(Clone, Copy, PartialEq)]
enum Access {
    Look,
    Change,
}

/// Opens a lock, which is a file: nothing that stands there instead is followed
/// or waited for. It is its owner's alone: who can open it can hold it against us.
fn open(path: &Path, access: Access) -> Result<File, IoError> {
    let change = access == Access::Change;
    let flags = (rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK).bits() as i32;
    let mut options = std::fs::OpenOptions::new();
    options.read(true).write(change).create(change).truncate(false).mode(0o600).custom_flags(flags);
    let failed = |source| IoError::new("open the lock", path, source);
    let file = options.open(path).map_err(|error| failed(explained(error)))?;
    match file.metadata().map_err(failed)?.is_file() {
        true => Ok(file),
        false => Err(failed(std::io::Error::other(NOT_A_FILE))),
    }
}

const NOT_A_FILE: &str = "what stands there is no file; move it away";

fn explained(error: std::io::Error) -> std::io::Error {
    match rustix::io::Errno::from_io_error(&error) {
        Some(rustix::io::Errno::LOOP | rustix::io::Errno::ISDIR | rustix::io::Errno::NXIO) => {
            std::io::Error::new(error.kind(), NOT_A_FILE)
        }
        _ => error,
    }
}

/// Tries a few times, as those who only look go again at once.
fn wait_for(
    tries: u32,
    path: &Path,
    mut lock: impl FnMut() -> Result<(), TryLockError>,
) -> Result<bool, IoError> {
    for _ in 0..tries {
        match lock() {
            Ok(()) => return Ok(true),
            Err(TryLockError::WouldBlock) => clock::sleep(LOOKER_PAUSE),
            Err(TryLockError::Error(source)) => return Err(IoError::new("lock", path, source)),
        }
    }
    Ok(false)
}

fn read_holder(mut file: &File) -> Option<Holder> {
    let mut text = String::new();
    file.rewind().ok()?;
    file.take(4096).read_to_string(&mut text).ok()?;
    json::read(text.as_bytes()).ok()
}

fn unknown_holder() -> Holder {
    Holder {
        pid: 0,
        boot: String::new(),
        host: String::new(),
        doing: "unknown".into(),
        since: Timestamp::UNIX_EPOCH,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_wins_and_the_other_is_told_who() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let held = Lock::take(&path, "apply").unwrap();
        let Err(LockError::Held { holder: Some(who) }) = Lock::take(&path, "plan") else {
            panic!("not refused")
        };
        assert_eq!((who.doing.as_str(), who.pid), ("apply", std::process::id()));
        assert_eq!(holder(&path).unwrap().unwrap().doing, "apply");
        drop(held);
        assert!(holder(&path).unwrap().is_none());
        Lock::take(&path, "plan").unwrap();
    }

    #[test]
    fn only_its_owner_can_open_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let _held = Lock::take(&path, "apply").unwrap();
        assert_eq!(crate::sys::fs::mode(&path).unwrap(), 0o600);
    }

    #[test]
    fn those_who_only_look_keep_nobody_out() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        drop(Lock::take(&path, "apply").unwrap());
        std::thread::scope(|scope| {
            let looker = scope.spawn(|| (0..20_000).for_each(|_| drop(holder(&path).unwrap())));
            while !looker.is_finished() {
                Lock::take(&path, "plan").unwrap();
            }
        });
    }
}
