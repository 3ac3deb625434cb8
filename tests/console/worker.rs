//! The process that works for a page: it stands still, goes on, or is killed.

use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;
use std::time::Instant;

use nix::sys::signal::Signal;
use serde_json::Value;

use super::support::process;

/// Longer than anything here takes on a machine that has much to do.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// The process that has the lock of the site, once it stands still at its fault point.
#[track_caller]
pub fn halted(site: &Path) -> u32 {
    let mut found = None;
    wait("nothing stands still", || {
        found = last(site).filter(|pid| process::state(*pid) == Some('T'));
        found.is_some()
    });
    found.unwrap()
}

/// Waits until nobody works any more.
#[track_caller]
pub fn gone(site: &Path) {
    wait("somebody works still", || last(site).is_none_or(has_ended));
}

/// The one document of that work, once whoever wrote it at its end has let go of the site.
#[track_caller]
pub fn answer(site: &Path, id: &str) -> Value {
    let folder = state(site).join("runner");
    let document = folder.join(format!("{id}.json"));
    let mut answer = None;
    wait("there is no answer", || {
        answer = fs::read(&document).ok().and_then(|text| serde_json::from_slice(&text).ok());
        answer.is_some()
    });
    wait("whoever answered is there still", || {
        pid_in(&folder.join(format!("{id}.runner"))).is_none_or(has_ended)
    });
    answer.unwrap()
}

fn has_ended(pid: u32) -> bool {
    matches!(process::state(pid), None | Some('Z'))
}

pub fn goes_on(pid: u32) {
    signal(pid, Signal::SIGCONT);
}

pub fn killed(pid: u32) {
    signal(pid, Signal::SIGKILL);
}

/// The folder with what entracte keeps of the site.
pub fn state(site: &Path) -> PathBuf {
    let name = format!(".entracte-{}", site.file_name().unwrap().to_str().unwrap());
    site.with_file_name(name)
}

/// The process that had the lock last.
fn last(site: &Path) -> Option<u32> {
    pid_in(&state(site).join("runner/current.json"))
}

fn pid_in(record: &Path) -> Option<u32> {
    let runner: Value = serde_json::from_slice(&fs::read(record).ok()?).ok()?;
    Some(runner["pid"].as_u64()? as u32)
}

#[track_caller]
fn wait(complaint: &str, mut is_so: impl FnMut() -> bool) {
    let since = Instant::now();
    while !is_so() {
        assert!(since.elapsed() < PATIENCE, "{complaint}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn signal(pid: u32, signal: Signal) {
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid as i32), signal).unwrap();
}
