//! The lock of one site: a kernel lock that dies with its holder, and beside
//! it, for people, who holds it.

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

/// A held lock; the kernel frees it when this and every inheriting child is gone.
#[derive(Debug)]
pub struct Lock {
    file: File,
    path: PathBuf,
}

#[derive(Debug, thiserror::Error)]
pub enum LockError {
    #[error("another entracte works on this site{}", described(.holder))]
    Held { holder: Option<Holder> },
    #[error(transparent)]
    Io(#[from] IoError),
}

impl Fault for LockError {
    fn exit(&self) -> Exit {
        match self {
            LockError::Held { .. } => Exit::Locked,
            LockError::Io(error) => error.exit(),
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            LockError::Held { .. } => vec![
                "`entracte attach` follows a run that goes on in the background".into(),
                "the lock goes away with its holder; there is no file to delete".into(),
            ],
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
    /// Takes the lock at `path` now, or says who has it. The file is its owner's
    /// alone: who can open it can hold it against us.
    pub fn take(path: &Path, doing: &str) -> Result<Lock, LockError> {
        let file = std::fs::OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(path)
            .map_err(|source| IoError::new("open the lock", path, source))?;
        let mut tries = 0;
        while let Err(error) = file.try_lock() {
            match error {
                TryLockError::WouldBlock if tries < LOOKER_TRIES => clock::sleep(LOOKER_PAUSE),
                TryLockError::WouldBlock => return Err(LockError::Held { holder: read_holder(&file) }),
                TryLockError::Error(source) => return Err(IoError::new("lock", path, source).into()),
            }
            tries += 1;
        }
        let mut lock = Lock { file, path: path.to_owned() };
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

    /// Lets children started from now on inherit the lock: it stays held until
    /// the last of them is gone, so that nobody else starts beside an orphan.
    pub fn share_with_children(&self) -> Result<(), IoError> {
        rustix::io::fcntl_setfd(&self.file, rustix::io::FdFlags::empty())
            .map_err(|errno| IoError::new("share the lock", &self.path, errno))
    }
}

/// Who holds the lock at `path` now; `None` when it is free.
pub fn holder(path: &Path) -> Result<Option<Holder>, IoError> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(IoError::new("open the lock", path, source)),
    };
    match file.try_lock_shared() {
        Ok(()) => Ok(None),
        Err(TryLockError::WouldBlock) => Ok(Some(read_holder(&file).unwrap_or_else(unknown_holder))),
        Err(TryLockError::Error(source)) => Err(IoError::new("look at the lock", path, source)),
    }
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
