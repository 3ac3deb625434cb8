//! Somebody who may write to the site swaps a folder of it for a link that
//! leads outside, as fast as possible, while the site is updated and rolled back.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::Duration;
use std::time::Instant;

use nix::errno::Errno;
use rustix::fs::CWD;
use rustix::fs::RenameFlags;

use crate::support::chance::Chance;
use crate::support::effort;
use crate::support::ground::Ground;
use crate::support::process;
use crate::support::tracer::Ended;
use crate::support::tracer::Fault;
use crate::support::tracer::trace;

/// Folders of the small site that releases change something in.
const FOLDERS: [&str; 3] = ["app", "app/becomes-file", "app/emptied"];

/// A tree outside of the site that nothing may touch: everything of each inode,
/// times of change included.
pub struct Canary {
    pub folder: PathBuf,
    before: Vec<String>,
}

impl Canary {
    /// A tree like the folder, so that whatever is tried there would succeed.
    pub fn like(folder: &Path, at: &Path) -> Canary {
        process::run("cp", &["-a", folder.to_str().unwrap(), at.to_str().unwrap()]);
        for name in [
            "changed.txt",
            "added.txt",
            "one.txt",
            "two.txt",
            "last.txt",
            "deep/er/added.txt",
            "becomes-file",
        ] {
            fs::create_dir_all(at.join(name).parent().unwrap()).unwrap();
            if !at.join(name).exists() {
                fs::write(at.join(name), "nobody's\n").unwrap();
            }
        }
        Canary { folder: at.to_owned(), before: look(at) }
    }

    #[track_caller]
    pub fn is_alive(&self, when: &str) {
        assert_eq!(self.before, look(&self.folder), "the tree outside was touched, {when}");
    }

    fn is_touched(&self) -> bool {
        self.before != look(&self.folder)
    }
}

fn look(folder: &Path) -> Vec<String> {
    let entries = walkdir::WalkDir::new(folder).sort_by_file_name().into_iter().map(Result::unwrap);
    let line = |entry: walkdir::DirEntry| {
        let (path, meta) = (entry.path(), fs::symlink_metadata(entry.path()).unwrap());
        let content = if meta.is_file() { fs::read(path).unwrap() } else { Vec::new() };
        let times = [meta.mtime(), meta.mtime_nsec(), meta.ctime(), meta.ctime_nsec()];
        format!(
            "{path:?} {} {:o} {}:{} {times:?} {} {}",
            meta.ino(),
            meta.mode(),
            meta.uid(),
            meta.gid(),
            meta.nlink(),
            content.escape_ascii()
        )
    };
    entries.map(line).collect()
}

/// Swaps `inside` for `link` and back until it is stopped.
struct Racer {
    stop: Arc<AtomicBool>,
    swaps: Arc<AtomicU64>,
    thread: JoinHandle<()>,
    inside: PathBuf,
    link: PathBuf,
}

impl Racer {
    fn start(inside: PathBuf, link: PathBuf, seed: u64) -> Racer {
        let (stop, swaps) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let (is_over, count, from, to) =
            (Arc::clone(&stop), Arc::clone(&swaps), inside.clone(), link.clone());
        let thread = std::thread::spawn(move || {
            let mut chance = Chance::new(seed);
            while !is_over.load(Ordering::Relaxed) {
                // Once the link was put aside by a rollback the race is over.
                if from.is_symlink() != to.is_symlink() && swap(&from, &to) {
                    count.fetch_add(1, Ordering::Relaxed);
                }
                // Mostly the folder is there, so that checks pass and work goes on behind them.
                let is_link = from.is_symlink();
                let pause = if is_link { chance.below(80) } else { chance.below(2500) };
                spin(Duration::from_micros(pause as u64));
            }
        });
        Racer { stop, swaps, thread, inside, link }
    }

    /// How many swaps there were; the folder is where it belongs again.
    fn stop(self) -> u64 {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap();
        if self.inside.is_symlink() {
            assert!(swap(&self.inside, &self.link), "the folder cannot be put back");
        }
        self.swaps.load(Ordering::Relaxed)
    }
}

fn swap(one: &Path, two: &Path) -> bool {
    rustix::fs::renameat_with(CWD, one, CWD, two, RenameFlags::EXCHANGE).is_ok()
}

fn spin(time: Duration) {
    let since = Instant::now();
    while since.elapsed() < time {
        std::hint::spin_loop();
    }
}

/// A site that is ready, laid anew for each round, without scripts: those are
/// the release's own and go where they want.
struct Track {
    ground: Ground,
    template: PathBuf,
    canary: Canary,
    link: PathBuf,
    /// How often openat2 was refused.
    struck: AtomicU64,
}

impl Track {
    fn new(folder: &str) -> Track {
        let ground = Ground::with(|small| fs::remove_dir_all(small.release(2).join("run_once")).unwrap());
        let beside = ground.small.folder.path().to_owned();
        let template = beside.join("template");
        process::run("cp", &["-a", ground.parent().to_str().unwrap(), template.to_str().unwrap()]);
        let canary = Canary::like(&ground.small.path(folder), &beside.join("canary"));
        let link = beside.join("link");
        symlink(&canary.folder, &link).unwrap();
        Track { ground, template, canary, link, struck: AtomicU64::new(0) }
    }

    fn lay(&self) {
        let parent = self.ground.parent();
        process::run("rm", &["-rf", parent.to_str().unwrap()]);
        process::run("cp", &["-a", self.template.to_str().unwrap(), parent.to_str().unwrap()]);
    }

    /// One update and one rollback with a racer at the folder; how many swaps
    /// there were, and how the update ended.
    fn round(&self, folder: &str, number: u64, without_openat2: bool) -> (u64, i32) {
        let when = format!("round {number} at {folder}");
        self.lay();
        let racer = Racer::start(self.ground.small.path(folder), self.link.clone(), number);
        let applied = self.run("apply", without_openat2);
        assert!(matches!(applied, 0 | 1 | 5 | 6), "{when}: apply ended with {applied}");
        if applied == 0 || number.is_multiple_of(2) {
            let back = self.run("rollback", without_openat2);
            assert!(matches!(back, 0 | 1 | 3 | 5 | 6), "{when}: rollback ended with {back}");
        }
        let swaps = racer.stop();
        self.canary.is_alive(&when);
        self.ground.status_is_true(&when);
        let back = self.ground.entracte.json(&["rollback"]);
        assert!(matches!(back.exit, 0 | 3), "{when}, apply {applied}: the rollback in peace: {back:?}");
        self.ground.is_old(&when);
        self.canary.is_alive(&when);
        (swaps, applied)
    }

    fn run(&self, verb: &str, without_openat2: bool) -> i32 {
        let arguments = ["--json", verb, "--foreground"];
        if !without_openat2 {
            return self.ground.entracte.json(&arguments[1..]).exit;
        }
        let fault = Fault::Lacking { call: libc::SYS_openat2, errno: Errno::ENOSYS };
        let traced = trace(self.ground.entracte.command(&arguments), fault);
        self.struck.fetch_add(traced.struck, Ordering::Relaxed);
        match traced.ended {
            Ended::Status(code) => code,
            Ended::Killed => panic!("{verb} was killed: {traced:?}"),
        }
    }
}

fn race(wanted: u64, without_openat2: bool) -> u64 {
    let (mut swaps, mut ends) = (0, std::collections::BTreeMap::new());
    let mut number = 0;
    for folder in FOLDERS.iter().cycle() {
        if swaps >= wanted && number >= 9 {
            break;
        }
        let track = Track::new(folder);
        for _ in 0..3 {
            number += 1;
            let (more, end) = track.round(folder, number, without_openat2);
            swaps += more;
            *ends.entry(end).or_insert(0) += 1;
        }
        let struck = track.struck.load(Ordering::Relaxed);
        assert_eq!(struck > 0, without_openat2, "openat2 was refused {struck} times");
    }
    eprintln!("{swaps} swaps in {number} rounds; updates ended so: {ends:?}");
    // Where all are refused at their first look nothing was tried.
    assert!(ends.keys().any(|end| *end != 5), "{ends:?}");
    swaps
}

#[test]
fn a_folder_swapped_for_a_link_during_updates_and_rollbacks() {
    let swaps = race(effort::points(4000, 100_000) as u64, false);
    effort::tried("swaps of a folder for a link during updates and rollbacks", swaps);
}

#[test]
fn the_same_where_the_kernel_has_no_openat2() {
    let swaps = race(effort::points(2000, 20_000) as u64, true);
    effort::tried("such swaps without openat2", swaps);
}

/// Without care the tree outside is hit at once: the race is one.
#[test]
fn naive_writes_do_hit_the_tree_outside() {
    let track = Track::new("app");
    let inside = track.ground.small.path("app");
    let racer = Racer::start(inside.clone(), track.link.clone(), 1);
    let since = Instant::now();
    while !track.canary.is_touched() && since.elapsed() < Duration::from_secs(60) {
        let file = inside.join("changed.txt");
        // As many a tool does: looks first, then writes by the name.
        if fs::symlink_metadata(&inside).is_ok_and(|meta| meta.is_dir()) {
            let _ = fs::write(&file, "naive\n");
            let _ = fs::set_permissions(&file, fs::Permissions::from_mode(0o600));
        }
    }
    racer.stop();
    assert!(track.canary.is_touched(), "the race was never won");
}

/// Names with bytes of any kind make no difference to how they are reached.
#[test]
fn the_link_has_any_name() {
    let folder = tempfile::tempdir().unwrap();
    let canary = Canary::like(folder.path(), &folder.path().with_extension("canary"));
    let name = std::ffi::OsStr::from_bytes(b"\xff\x1b[2J");
    symlink(&canary.folder, folder.path().join(name)).unwrap();
    let root = entracte::sys::beneath::Root::open(folder.path()).unwrap();
    let inside = entracte::base::path::TreePath::from_bytes(&[name.as_bytes(), b"/changed.txt"].concat());
    assert!(root.open_file(&inside).is_err() && root.remove_file(&inside).is_err());
    assert!(root.create_folder(&inside, 0o755).is_err() && root.set_mode(&inside, 0o777).is_err());
    canary.is_alive("by a strange name");
    fs::remove_dir_all(&canary.folder).unwrap();
}
