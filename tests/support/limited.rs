//! A program and all that it starts, with a limit on the memory of all of them
//! together: by a control group, and where none can be made by watching them.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::process::Output;
use std::process::Stdio;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

/// A limit for one program after the other.
pub struct Limit {
    /// `None` where this machine lets us make none.
    group: Option<Group>,
}

struct Group {
    folder: PathBuf,
    /// The files of this version of control groups: most bytes used, and kills.
    peak: &'static str,
    kills: &'static str,
}

/// How it ended, and what it took.
#[derive(Debug)]
pub struct Used {
    pub output: Output,
    /// Bytes of all together at their most, what is only cached included where
    /// a control group counts.
    pub peak: u64,
    pub killed: bool,
}

impl Limit {
    pub fn new(bytes: u64) -> Limit {
        let group = Group::make(bytes);
        if group.is_none() {
            super::effort::skipped(
                "memory",
                "no control group for memory: what is resident is added up instead",
            );
        }
        Limit { group }
    }

    /// No limit: what they take is only watched.
    pub fn watching() -> Limit {
        Limit { group: None }
    }

    pub fn run(&self, command: Command) -> Used {
        match &self.group {
            Some(group) => group.run(command),
            None => watch(command),
        }
    }
}

impl Used {
    pub fn is_within(&self, bytes: u64) -> bool {
        self.output.status.success() && !self.killed && self.peak <= bytes
    }

    /// Asserts that it did its work and had enough.
    #[track_caller]
    pub fn ended_within(&self, bytes: u64) {
        let said = String::from_utf8_lossy(&self.output.stderr);
        let (peak, killed, status) = (self.peak, self.killed, self.output.status);
        assert!(self.is_within(bytes), "{status}, killed: {killed}, at most {peak} bytes: {said}");
    }
}

impl Group {
    fn make(bytes: u64) -> Option<Group> {
        let ours = fs::read_to_string("/proc/self/cgroup").ok()?;
        let path = |controller: &str| {
            let mut lines = ours.lines().map(|line| line.splitn(3, ':').skip(1));
            lines.find_map(|mut parts| {
                let is_it = parts.next()?.split(',').any(|name| name == controller);
                is_it.then(|| parts.next().map(|path| path.trim_start_matches('/').to_owned()))?
            })
        };
        let name =
            format!("entracte-test-{}-{}", std::process::id(), rustix::thread::gettid().as_raw_nonzero());
        let old = path("memory").map(|path| {
            let folder = Path::new("/sys/fs/cgroup/memory").join(path).join(&name);
            (folder, "memory.limit_in_bytes", "memory.max_usage_in_bytes", "memory.oom_control")
        });
        let new = path("").map(|path| {
            let folder = Path::new("/sys/fs/cgroup").join(path).join(&name);
            (folder, "memory.max", "memory.peak", "memory.events")
        });
        old.into_iter().chain(new).find_map(|(folder, limit, peak, kills)| {
            fs::create_dir(&folder).ok()?;
            let group = Group { folder, peak, kills };
            let path = group.folder.join(limit);
            // Writing to a file that is not there would make one on a plain file system.
            (path.exists() && fs::write(path, bytes.to_string()).is_ok()).then_some(group)
        })
    }

    fn run(&self, command: Command) -> Used {
        // Only an old kernel's peak can be set back; a new one's is that of all runs so far.
        let _ = fs::write(self.folder.join(self.peak), "0");
        let before = self.kills();
        let mut inside = Command::new("sh");
        inside.args(["-c", "echo $$ > \"$0\" && exec \"$@\""]).arg(self.folder.join("cgroup.procs"));
        let output = like(inside, &command).output().unwrap();
        let peak = fs::read_to_string(self.folder.join(self.peak)).unwrap_or_default();
        let killed = self.kills() > before;
        Used { output, peak: peak.trim().parse().unwrap_or(0), killed }
    }

    fn kills(&self) -> u64 {
        let text = fs::read_to_string(self.folder.join(self.kills)).unwrap_or_default();
        let count = text.lines().find_map(|line| line.strip_prefix("oom_kill "));
        count.and_then(|count| count.trim().parse().ok()).unwrap_or(0)
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // The last process may take an instant to be gone.
        for _ in 0..50 {
            if fs::remove_dir(&self.folder).is_ok() {
                return;
            }
            thread::sleep(Duration::from_millis(20));
        }
    }
}

/// `program`, and after its arguments all of `command`, with that one's surroundings.
fn like(mut program: Command, command: &Command) -> Command {
    program.arg(command.get_program()).args(command.get_args()).stdin(Stdio::null()).env_clear();
    let variables = command.get_envs().filter_map(|(name, value)| Some((name, value?)));
    program.envs(variables);
    if let Some(folder) = command.get_current_dir() {
        program.current_dir(folder);
    }
    program
}

/// Adds up, again and again, what the family has in memory.
fn watch(mut command: Command) -> Used {
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let (first, peak) = (child.id(), AtomicU64::new(0));
    let (over, peak_seen) = (AtomicU64::new(0), &peak);
    let output = thread::scope(|threads| {
        threads.spawn(|| {
            while over.load(Ordering::SeqCst) == 0 {
                peak_seen.fetch_max(resident(first), Ordering::SeqCst);
                thread::sleep(Duration::from_millis(2));
            }
        });
        let output = child.wait_with_output().unwrap();
        over.store(1, Ordering::SeqCst);
        output
    });
    Used { output, peak: peak.into_inner(), killed: false }
}

/// Bytes that a process and those below it have in memory.
fn resident(first: u32) -> u64 {
    let mut processes = BTreeMap::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else {
            continue;
        };
        let Ok(status) = fs::read_to_string(entry.path().join("status")) else { continue };
        let value = |key: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(key))?;
            line.split_whitespace().next()?.parse::<u64>().ok()
        };
        processes.insert(pid, (value("PPid:").unwrap_or(0) as u32, value("VmRSS:").unwrap_or(0) * 1024));
    }
    let mut family = vec![first];
    let mut at = 0;
    while let Some(above) = family.get(at).copied() {
        family.extend(processes.iter().filter(|(_, (parent, _))| *parent == above).map(|(pid, _)| *pid));
        at += 1;
    }
    family.iter().filter_map(|pid| processes.get(pid)).map(|(_, bytes)| bytes).sum()
}
