//! A small site, as it was at one moment, to be laid down again and again.

use std::path::PathBuf;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering;

use super::ground::Ground;
use super::process;

/// A copy of the site and of everything beside it. No run may be begun: it knows
/// its files by their inodes, and copies have others.
pub struct Template {
    from: PathBuf,
    to: PathBuf,
}

impl Template {
    /// Keeps `ground` as it is now.
    pub fn of(ground: &Ground) -> Template {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let name = format!("template-{}", NUMBER.fetch_add(1, Ordering::SeqCst));
        let (to, from) = (ground.parent(), ground.small.folder.path().join(name));
        process::run("cp", &["-a", to.to_str().unwrap(), from.to_str().unwrap()]);
        Template { from, to }
    }

    /// Puts it back.
    pub fn lay(&self) {
        process::run("rm", &["-rf", self.to.to_str().unwrap()]);
        process::run("cp", &["-a", self.from.to_str().unwrap(), self.to.to_str().unwrap()]);
    }
}
