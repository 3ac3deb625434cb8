//! Disks that are too small, or that somebody fills while a site is closed.
//! The site and its state stand on a file system of their own, in memory.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::time::Duration;
use std::time::Instant;

use nix::mount::MntFlags;
use nix::mount::MsFlags;
use nix::sys::signal::Signal;
use nix::unistd::Pid;

use crate::arena::APPLY;
use crate::support::effort;
use crate::support::ground::Ground;
use crate::support::process;
use crate::support::run::Entracte;
use crate::support::small::SmallSite;

/// A file system in memory, mounted over a folder.
struct Disk<'a>(&'a Path);

impl Disk<'_> {
    /// `None` where nobody may mount.
    fn mount<'a>(folder: &'a Path, options: &str) -> Option<Disk<'a>> {
        let mounted =
            nix::mount::mount(Some("tmpfs"), folder, Some("tmpfs"), MsFlags::empty(), Some(options));
        match mounted {
            Ok(()) => Some(Disk(folder)),
            Err(error) => {
                effort::skipped("full disks", &format!("no file system can be mounted here: {error}"));
                None
            }
        }
    }
}

impl Drop for Disk<'_> {
    fn drop(&mut self) {
        let _ = nix::mount::umount2(self.0, MntFlags::MNT_DETACH);
    }
}

/// A ground whose site is moved to a small disk once everything is approved.
struct Tight {
    ground: Ground,
    /// What the site and its state took when the update was approved, in bytes and files.
    before: (u64, u64),
}

impl Tight {
    fn new(spoil: impl FnOnce(&SmallSite)) -> Tight {
        let ground = Ground::with(spoil);
        let before = used(&ground.parent());
        Tight { ground, before }
    }

    /// Runs `then` with the site on a disk of that size.
    fn on<T>(&self, options: &str, then: impl FnOnce() -> T) -> Option<T> {
        let parent = self.ground.parent();
        let aside = self.ground.small.folder.path().join("aside");
        if !aside.exists() {
            process::run("cp", &["-a", parent.to_str().unwrap(), aside.to_str().unwrap()]);
        }
        let _disk = Disk::mount(&parent, options)?;
        process::run("cp", &["-a", &format!("{}/.", aside.display()), parent.to_str().unwrap()]);
        Some(then())
    }
}

fn used(folder: &Path) -> (u64, u64) {
    let entries = walkdir::WalkDir::new(folder).into_iter().map(Result::unwrap);
    entries.fold((0, 0), |(bytes, files), entry| {
        let size = if entry.file_type().is_file() {
            entry.metadata().unwrap().len().div_ceil(4096) * 4096
        } else {
            0
        };
        (bytes + size, files + 1)
    })
}

/// From half of what is needed to more than enough: refused, failed and as
/// before, stuck and taken back, or done; never anything else.
#[test]
fn too_small_in_every_size() {
    let tight = Tight::new(|_| ());
    let Some(needed) = tight.on("size=64m", || {
        tight.ground.entracte.run(APPLY).code(0);
        used(&tight.ground.parent())
    }) else {
        return;
    };
    let mut ended = std::collections::BTreeMap::new();
    let percents = effort::points(15, 71);
    for number in 0..percents {
        let percent = 50 + number * 70 / (percents - 1);
        let part = |before: u64, after: u64| before + (after - before) * percent as u64 / 100;
        // The plan asks for 8 MiB more than it will use; the room it keeps is part of that.
        let bytes = part(tight.before.0, needed.0 + (8 << 20));
        let files = part(tight.before.1, needed.1 + 64);
        for options in [format!("size={bytes}"), format!("size=64m,nr_inodes={files}")] {
            let code = tight.on(&options, || ends_well(&tight.ground, &options));
            *ended.entry(code).or_insert(0) += 1;
        }
    }
    assert!(ended.contains_key(&Some(5)) && ended.contains_key(&Some(0)), "{ended:?}");
    effort::tried("disks from 50 % to 120 % of the need, by bytes and by files", 2 * percents as u64);
}

fn ends_well(ground: &Ground, when: &str) -> i32 {
    let ran = ground.entracte.run(&[&["--json"], APPLY].concat());
    let code = ran.status.code().unwrap_or_else(|| panic!("{when}: {ran}"));
    match code {
        0 => ground.is_new(when),
        1 | 5 => ground.is_old(when),
        6 => {
            ground.entracte.json(&["rollback"]).code(0);
            ground.is_old(&format!("{when}, rolled back"));
        }
        _ => panic!("{when}: {ran}"),
    }
    assert!(!ran.stderr.contains("panicked"), "{when}: {ran}");
    code
}

/// Without a database or scripts nothing but our own files is written after
/// the first exchange, and the room for those is kept.
fn of_files_alone(small: &SmallSite) {
    for gone in ["schema", "run_once"] {
        fs::remove_dir_all(small.release(2).join(gone)).unwrap();
    }
}

#[test]
fn filled_after_the_first_exchange() {
    let tight = Tight::new(of_files_alone);
    let mut tried = 0;
    for point in ["swap.exchanged:1", "swap.exchanged:3", "swap.operation:9", "swap.synced:1"] {
        let finished = tight.on("size=32m", || {
            let ran = filled_at(&tight.ground, point, || ());
            assert!(ran.status.success(), "filled at {point}: {ran:?}");
            assert_eq!(tight.ground.small.read("VERSION"), "2\n", "filled at {point}");
            assert!(!tight.ground.flag().exists(), "filled at {point}: the gate is closed");
        });
        tried += u64::from(finished.is_some());
    }
    if tried > 0 {
        effort::tried("disk filled while the site was closed, and finished", tried);
    }
}

/// The control: without the room that was kept the run gets stuck.
#[test]
fn filled_with_no_room_kept() {
    let tight = Tight::new(of_files_alone);
    tight.on("size=32m", || {
        let parent = tight.ground.parent();
        let ran = filled_at(&tight.ground, "swap.exchanged:1", || {
            process::run("sh", &["-c", &format!("rm {}/.entracte-site/runs/*/reserve", parent.display())]);
        });
        assert_eq!(ran.status.code(), Some(6), "{ran:?}");
    });
}

#[test]
fn filled_and_killed_then_taken_back_or_on() {
    let tight = Tight::new(of_files_alone);
    let mut tried = 0;
    for (number, point) in ["swap.exchanged:1", "swap.operation:9", "swap.synced:1"].iter().enumerate() {
        let verb = ["rollback", "resume"][number % 2];
        let done = tight.on("size=32m", || {
            let ground = &tight.ground;
            Entracte::with_fault(&ground.small.root(), &format!("{point}=kill")).run(APPLY).killed();
            fill(&ground.parent());
            ground.entracte.json(&[verb]).code(0);
            let version = if verb == "rollback" { "1\n" } else { "2\n" };
            assert_eq!(ground.small.read("VERSION"), version, "killed at {point}");
            assert!(!ground.flag().exists(), "killed at {point}: the gate is closed after {verb}");
        });
        tried += u64::from(done.is_some());
    }
    if tried > 0 {
        effort::tried("disk filled after a kill, then recovered", tried);
    }
}

/// Stands still at the point until every byte of the disk is taken.
fn filled_at(ground: &Ground, point: &str, before: impl FnOnce()) -> std::process::Output {
    let paused = Entracte::with_fault(&ground.small.root(), &format!("{point}=halt"));
    let mut command = paused.command(APPLY);
    let child =
        command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().unwrap();
    let pid = child.id();
    let begun = Instant::now();
    while process::state(pid) != Some('T') {
        assert!(begun.elapsed() < Duration::from_secs(30), "it never came to {point}");
        std::thread::sleep(Duration::from_millis(5));
    }
    before();
    fill(&ground.parent());
    nix::sys::signal::kill(Pid::from_raw(pid as i32), Signal::SIGCONT).unwrap();
    child.wait_with_output().unwrap()
}

fn fill(folder: &Path) {
    let mut file = fs::File::create(folder.join("somebody-elses")).unwrap();
    let mut taken = 0_u64;
    for size in [1 << 20, 4096, 1] {
        while file.write_all(&vec![b'x'; size]).is_ok() {
            taken += size as u64;
        }
    }
    assert!(taken > 1 << 20, "only {taken} bytes were left to fill");
}
