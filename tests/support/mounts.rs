//! Mounts that nobody else sees and that go away with the thread that made them.

use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::process::Stdio;

use nix::mount::MntFlags;
use nix::mount::umount2;
use nix::sched::CloneFlags;
use nix::sched::unshare;

/// Something that is mounted until it is dropped.
pub struct Mounted {
    at: PathBuf,
}

/// Gives this thread, and the programs it starts, mounts of their own; `Err`
/// says why this machine cannot.
pub fn become_private() -> Result<(), String> {
    unshare(CloneFlags::CLONE_NEWNS).map_err(|errno| format!("no mounts of its own for a test: {errno}"))?;
    // Nothing that is mounted here spreads to where the tests were started.
    run("mount", &["--make-rprivate", "/"])
}

/// Whether disk images can be mounted here; `Err` says why not.
pub fn can_mount_images() -> Result<(), String> {
    if !rustix::process::geteuid().is_root() {
        return Err("mounting needs root".into());
    }
    match fs::File::options().read(true).write(true).open("/dev/loop-control") {
        Ok(_) => Ok(()),
        Err(error) => Err(format!("no loop devices: {error}")),
    }
}

impl Mounted {
    /// Mounts `what` at `at`, with the options of `mount`.
    pub fn new(options: &[&str], what: &Path, at: &Path) -> Result<Mounted, String> {
        run("mount", &[options, &[what.to_str().unwrap(), at.to_str().unwrap()]].concat())?;
        Ok(Mounted { at: at.to_owned() })
    }

    pub fn at(&self) -> &Path {
        &self.at
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        if umount2(&self.at, MntFlags::empty()).is_err() {
            // Somebody is in there still: at least nobody new gets in.
            let _ = umount2(&self.at, MntFlags::MNT_DETACH);
        }
    }
}

/// Makes an image of `megabytes` with a file system in it.
pub fn make_image(path: &Path, megabytes: u64, program: &str, options: &[&str]) -> Result<(), String> {
    let file = fs::File::create(path).map_err(|error| error.to_string())?;
    file.set_len(megabytes << 20).map_err(|error| error.to_string())?;
    run(program, &[options, &[path.to_str().unwrap()]].concat())
}

fn run(program: &str, arguments: &[&str]) -> Result<(), String> {
    let output = Command::new(program).args(arguments).stdin(Stdio::null()).output();
    let output = output.map_err(|error| format!("{program}: {error}"))?;
    match output.status.success() {
        true => Ok(()),
        false => Err(format!(
            "{program} {}: {}",
            arguments.join(" "),
            String::from_utf8_lossy(&output.stderr).trim()
        )),
    }
}
