//! What the process was born with: user, folders, variables.

use std::path::PathBuf;

use crate::sys::fs::IoError;

pub fn current_folder() -> Result<PathBuf, IoError> {
    std::env::current_dir().map_err(|source| IoError::new("find", ".", source))
}

/// The path of this very program.
pub fn program() -> Result<PathBuf, IoError> {
    std::env::current_exe().map_err(|source| IoError::new("find", "the running program", source))
}

pub fn home() -> Option<PathBuf> {
    std::env::home_dir().filter(|home| home.is_absolute())
}

pub fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

pub fn temporary_folder() -> PathBuf {
    std::env::temp_dir()
}

pub fn process_id() -> u32 {
    std::process::id()
}

pub fn user_id() -> u32 {
    rustix::process::geteuid().as_raw()
}

pub fn group_id() -> u32 {
    rustix::process::getegid().as_raw()
}

pub fn host_name() -> String {
    String::from_utf8_lossy(rustix::system::uname().nodename().to_bytes()).into_owned()
}

/// The groups that this process may give files to.
pub fn group_ids() -> Vec<u32> {
    let mut groups: Vec<u32> =
        rustix::process::getgroups().unwrap_or_default().into_iter().map(|group| group.as_raw()).collect();
    groups.push(group_id());
    groups
}
