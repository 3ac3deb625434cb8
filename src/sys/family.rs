//! Everything that a process started, and what that started in turn.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use rustix::process::Pid;
use rustix::process::Signal;

use crate::sys::fs;

/// Between two looks.
const TICK: Duration = Duration::from_millis(2);
/// Who starts others faster than they are ended is given up on.
const MOST_ROUNDS: usize = 1000;

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
        std::thread::sleep(TICK);
    }
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
