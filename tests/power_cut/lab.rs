//! A site on a disk of its own: recorded once, cut off as often as one likes.

use std::fs;
use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::path::Path;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use tempfile::TempDir;

use crate::disk;
use crate::disk::Disk;
use crate::disk::Entry;
use crate::support::ground::Ground;
use crate::support::mounts;
use crate::support::mounts::Mounted;
use crate::support::process;
use crate::support::tracer::Answers;
use crate::support::tracer::Ended;
use crate::support::tracer::Fault;
use crate::support::tracer::trace_on;

/// A disk writes this much at once or not at all.
const PIECE: usize = 4096;

/// A kind of file system to try.
pub struct Kind {
    pub name: &'static str,
    pub megabytes: u64,
    make: (&'static str, &'static [&'static str]),
    /// How it is mounted; the kernel writes on its own as early as it can.
    options: &'static str,
}

/// No lazy work of the kernel's, which would be recorded as well.
const EAGER: [&str; 4] = ["-q", "-F", "-E", "lazy_itable_init=0,lazy_journal_init=0"];

pub const EXT4: Kind = Kind { name: "ext4", megabytes: 24, make: ("mkfs.ext4", &EAGER), options: "commit=1" };
pub const EXT4_WRITEBACK: Kind = Kind {
    name: "ext4 with data=writeback",
    megabytes: 24,
    make: ("mkfs.ext4", &EAGER),
    options: "commit=1,data=writeback",
};
pub const XFS: Kind =
    Kind { name: "xfs", megabytes: 300, make: ("mkfs.xfs", &["-q", "-f"]), options: "nouuid" };
pub const BTRFS: Kind =
    Kind { name: "btrfs", megabytes: 114, make: ("mkfs.btrfs", &["-q", "-f"]), options: "commit=1" };

/// Where disks and mounts of one test are.
pub struct Lab {
    kind: Kind,
    pub ground: Ground,
    folder: TempDir,
    /// The disk as it is before the update.
    base: Vec<u8>,
}

/// What a recording has of the disk, and what of it has been put together.
pub struct Recording {
    pub log: Vec<Entry>,
    base: Vec<u8>,
}

impl Lab {
    /// `Err` says what this machine cannot do.
    pub fn new(kind: Kind) -> Result<Lab, String> {
        mounts::can_mount_images()?;
        let fuse = fs::File::options().read(true).write(true).open("/dev/fuse");
        fuse.map_err(|error| format!("/dev/fuse: {error}"))?;
        mounts::become_private()?;
        let folder = tempfile::Builder::new().prefix("entracte-power-").tempdir_in(roomy()).unwrap();
        let image = folder.path().join("image");
        mounts::make_image(&image, kind.megabytes, kind.make.0, kind.make.1)?;
        let lab = Lab { kind, ground: Ground::new(), folder, base: Vec::new() };
        let at = lab.make_folder("first");
        let first = lab.mount(&image, &at)?;
        let everything = lab.ground.parent().join(".");
        process::run("cp", &["-a", everything.to_str().unwrap(), at.to_str().unwrap()]);
        drop(first);
        let base = fs::read(&image).unwrap();
        fs::remove_file(&image).unwrap();
        Ok(Lab { base, ..lab })
    }

    /// Records what reaches the disk while the program does `verb`, on a ground
    /// that may answer it as it likes.
    pub fn record(&self, verb: &[&str], answers: Answers) -> Result<Recording, String> {
        self.record_from(self.base.clone(), verb, answers)
    }

    /// As `record`, beginning with the disk that an earlier recording left.
    pub fn record_after(&self, earlier: &Recording, verb: &[&str]) -> Result<Recording, String> {
        self.record_from(earlier.image_after(earlier.log.len()), verb, |_| None)
    }

    fn record_from(&self, base: Vec<u8>, verb: &[&str], answers: Answers) -> Result<Recording, String> {
        let served = self.make_folder("served");
        let disk = Disk::serve(base.clone(), &served).map_err(|error| format!("FUSE: {error}"))?;
        let mounted = self.mount(&served.join(disk::NAME), &self.ground.parent())?;
        let traced = trace_on(answers, self.ground.entracte.command(verb), Fault::Count);
        assert_eq!(traced.ended, Ended::Status(0), "{traced:?}");
        // What the program did not wait for is written by the kernel in its own time.
        thread::sleep(Duration::from_secs(2));
        drop(mounted);
        Ok(Recording { log: disk.log(), base })
    }

    /// Mounts `image` in place of the site's surroundings and lets `look` judge
    /// it; `Err` says what was wrong.
    pub fn judge(&self, image: &[u8], look: impl FnOnce(&Ground)) -> Result<(), String> {
        let path = self.folder.path().join("cut");
        fs::write(&path, image).unwrap();
        let mounted = self.mount(&path, &self.ground.parent()).map_err(|why| format!("no mount: {why}"))?;
        let judged = catch_unwind(AssertUnwindSafe(|| look(&self.ground)));
        drop(mounted);
        judged.map_err(|panic| match panic.downcast::<String>() {
            Ok(text) => *text,
            Err(_) => "an assertion failed".to_owned(),
        })
    }

    /// Takes the number that the recorded disk had, as after a start at which
    /// disks are found in another order.
    pub fn occupy_device(&self) -> Result<Mounted, String> {
        let image = self.folder.path().join("other");
        mounts::make_image(&image, 1, "mkfs.ext4", &["-q", "-F"])?;
        Mounted::new(&["-o", "loop"], &image, &self.make_folder("other-disk"))
    }

    fn mount(&self, image: &Path, at: &Path) -> Result<Mounted, String> {
        Mounted::new(&["-o", &format!("loop,{}", self.kind.options)], image, at)
    }

    pub fn kind(&self) -> &'static str {
        self.kind.name
    }

    fn make_folder(&self, name: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::create_dir_all(&path).unwrap();
        path
    }
}

impl Recording {
    /// How many entries of the log each prefix that ends with a write has.
    pub fn cuts(&self) -> Vec<usize> {
        let ends = self.log.iter().enumerate().filter(|(_, entry)| matches!(entry, Entry::Write { .. }));
        std::iter::once(0).chain(ends.map(|(at, _)| at + 1)).collect()
    }

    /// Where flushes are, and so where the writes between two of them begin.
    pub fn flushes(&self) -> Vec<usize> {
        let ends = self.log.iter().enumerate().filter(|(_, entry)| matches!(entry, Entry::Flush));
        std::iter::once(0).chain(ends.map(|(at, _)| at + 1)).collect()
    }

    /// The disk after the first `count` entries.
    pub fn image_after(&self, count: usize) -> Vec<u8> {
        let mut image = self.base.clone();
        for entry in &self.log[..count] {
            if let Entry::Write { at, bytes } = entry {
                image[*at..*at + bytes.len()].copy_from_slice(bytes);
            }
        }
        image
    }

    /// The disk after the flush at `flush`, with those pieces of what follows it,
    /// until the next flush, that `has_reached` chooses.
    pub fn image_with_some(&self, flush: usize, mut has_reached: impl FnMut() -> bool) -> Vec<u8> {
        let mut image = self.image_after(flush);
        let open = self.log[flush..].iter().take_while(|entry| !matches!(entry, Entry::Flush));
        for entry in open {
            let Entry::Write { at, bytes } = entry else { continue };
            for (number, piece) in bytes.chunks(PIECE).enumerate() {
                if has_reached() {
                    let at = at + number * PIECE;
                    image[at..at + piece.len()].copy_from_slice(piece);
                }
            }
        }
        image
    }
}

/// Memory, where there is enough of it.
fn roomy() -> &'static str {
    let free = rustix::fs::statvfs("/dev/shm").map_or(0, |space| space.f_bavail * space.f_frsize);
    if free > 1 << 30 { "/dev/shm" } else { "/tmp" }
}
