//! Puts a program in the place of the one that runs. At any moment the name of
//! the program means the old one or the new one, whole.

use std::ffi::OsString;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;

use crate::app::self_update::error::SelfUpdateError;
use crate::base::digest::Algorithms;
use crate::base::digest::Sha256;
use crate::base::escape;
use crate::integrity::scan;
use crate::sys::env;
use crate::sys::fault;
use crate::sys::fs;
use crate::sys::fs::IoError;
use crate::sys::process::Ended;
use crate::sys::process::Program;
use crate::sys::random;

/// Names that a killed self-update may leave begin so.
const OURS: &str = ".entracte-self-";
const TRIAL_LIMIT: Duration = Duration::from_secs(20);
const MOST_WORDS: u64 = 4096;

/// A program beside the one that runs, proved to start.
pub struct Candidate {
    path: PathBuf,
}

impl Candidate {
    /// Writes the new program beside the old one, with its mode and owner.
    pub fn write(program: &Path, content: &mut dyn Read) -> Result<Candidate, SelfUpdateError> {
        let not_ours = |source: IoError| SelfUpdateError::NotOurs { path: program.to_owned(), source };
        sweep(program)?;
        let path = beside(program, &format!("{OURS}{}", random::hex(8)));
        fs::write_durable_by(&path, fs::mode(program)?, |out| std::io::copy(content, out).map(|_| ()))
            .map_err(not_ours)?;
        let candidate = Candidate { path };
        let (uid, gid) = fs::owner(program)?;
        if env::user_id() == 0 {
            fs::set_owner(&candidate.path, uid, gid)?;
        }
        fault::point("self-update.written").map_err(|source| IoError::new("write", program, source))?;
        Ok(candidate)
    }

    /// Whether it starts on this machine and says that it is this version.
    pub fn prove(&self, version: &str) -> Result<(), SelfUpdateError> {
        let folder = self.path.parent().unwrap_or(Path::new("/"));
        let mut program = Program::new([self.path.as_os_str(), "--version".as_ref()], folder);
        program.limit = TRIAL_LIMIT;
        let (ended, said, complaints) = match program.capture_both(MOST_WORDS) {
            Ok(ran) => ran,
            Err(error) => {
                return Err(SelfUpdateError::DoesNotStart {
                    told: crate::base::exit::causes(&error).join(": "),
                });
            }
        };
        if ended != Ended::Status(0) {
            let told = String::from_utf8_lossy(&complaints).trim().chars().take(300).collect::<String>();
            let told = format!("{ended:?} {}", escape::text(&told));
            return Err(SelfUpdateError::DoesNotStart { told });
        }
        let found = escape::bytes(said.trim_ascii());
        match found == format!("entracte {version}") {
            true => Ok(()),
            false => Err(SelfUpdateError::OtherVersion { found, expected: version.to_owned() }),
        }
    }

    /// Keeps the old program as `NAME.bak` and gives the new one its name.
    pub fn replace(self, program: &Path) -> Result<(), SelfUpdateError> {
        let kept = beside(program, &format!("{OURS}{}", random::hex(8)));
        fs::hard_link(program, &kept)?;
        fs::rename(&kept, &backup(program))?;
        // A rename onto another name of the same file does nothing.
        fs::remove_file_if_present(&kept)?;
        fault::point("self-update.saved").map_err(|source| IoError::new("save", program, source))?;
        fs::rename(&self.path, program)?;
        fs::sync_folder(folder(program))?;
        Ok(fault::point("self-update.replaced").map_err(|source| IoError::new("replace", program, source))?)
    }
}

impl Drop for Candidate {
    fn drop(&mut self) {
        // Once it has its name, this one is gone.
        let _ = fs::remove_file_if_present(&self.path);
    }
}

/// Brings back the program that was replaced, if it still is that one.
pub fn bring_back(program: &Path, expected: Sha256) -> Result<(), SelfUpdateError> {
    let backup = backup(program);
    // A self-update that was cut off before it replaced anything leaves both the same.
    if !fs::is_file(&backup) || digest(program)? == expected {
        return Err(SelfUpdateError::NothingToUndo);
    }
    if digest(&backup)? != expected {
        return Err(SelfUpdateError::OtherBackup { path: backup, expected });
    }
    fs::rename(&backup, program)
        .map_err(|source| SelfUpdateError::NotOurs { path: program.to_owned(), source })?;
    Ok(fs::sync_folder(folder(program))?)
}

pub fn digest(path: &Path) -> Result<Sha256, IoError> {
    let mut file = fs::open(path)?;
    let (_, digest, _) = scan::hash_reader(&mut file, Algorithms::Sha256)
        .map_err(|source| IoError::new("read", path, source))?;
    Ok(digest)
}

/// Removes what a killed self-update left beside the program.
fn sweep(program: &Path) -> Result<(), IoError> {
    let own = env::user_id();
    for path in fs::list(folder(program))? {
        let is_ours = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(OURS));
        if is_ours && fs::metadata(&path)?.is_some_and(|file| file.is_file() && file.uid() == own) {
            fs::remove_file_if_present(&path)?;
        }
    }
    Ok(())
}

pub fn backup(program: &Path) -> PathBuf {
    let mut name: OsString = program.file_name().unwrap_or_default().to_owned();
    name.push(".bak");
    program.with_file_name(name)
}

fn beside(program: &Path, name: &str) -> PathBuf {
    program.with_file_name(name)
}

fn folder(program: &Path) -> &Path {
    program.parent().unwrap_or(Path::new("/"))
}
