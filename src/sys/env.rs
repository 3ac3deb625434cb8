//! What the process was born with: user, folders, variables.

use std::ffi::OsString;
use std::path::PathBuf;

use crate::sys::fs::IoError;

/// Where programs stand on the systems that we know.
const USUAL: [&str; 6] = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];

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

/// The folders in which programs are searched: those of the environment, then
/// the usual ones that it lacks, since cron names only two.
pub fn search_path() -> OsString {
    searched(std::env::var_os("PATH").unwrap_or_default())
}

fn searched(said: OsString) -> OsString {
    let said: Vec<PathBuf> =
        std::env::split_paths(&said).filter(|folder| !folder.as_os_str().is_empty()).collect();
    let lacking = USUAL.iter().map(PathBuf::from).filter(|usual| !said.contains(usual));
    // What was split at colons holds none.
    std::env::join_paths(said.iter().cloned().chain(lacking)).unwrap_or_default()
}

pub fn temporary_folder() -> PathBuf {
    std::env::temp_dir()
}

pub fn process_id() -> u32 {
    std::process::id()
}

/// How many threads can work at the same time.
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usual_folders_are_searched_last() {
        for (said, searched_in) in [
            ("/usr/bin:/bin", "/usr/bin:/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/sbin"),
            ("/opt/php/bin:", "/opt/php/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"),
            ("", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"),
        ] {
            assert_eq!(searched(said.into()), searched_in);
        }
    }
}
