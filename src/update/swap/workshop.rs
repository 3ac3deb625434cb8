//! The folders of a run that take part in the swap, opened once.

use std::path::Path;
use std::path::PathBuf;

use crate::base::path::SitePath;
use crate::site::gate::Held;
use crate::sys::beneath::Root;
use crate::sys::beneath::Stat;
use crate::sys::fs;
use crate::sys::fs::IoError;
use crate::update::swap::SwapError;

/// Where a live file stands now: under its own path in the site, or held by the
/// gate, maybe under another name.
#[derive(Clone, Copy, Debug)]
pub struct Home<'a> {
    pub root: &'a Root,
    pub path: &'a SitePath,
}

/// The live tree and, on the same file system, the places beside it.
#[derive(Debug)]
pub struct Workshop {
    pub live: Root,
    /// While the gate is closed by a block in one of the site's own files, the
    /// site's version of that file rests here and stands in for it.
    held: Option<(Held, Root)>,
    pub new: Root,
    pub bak: Root,
    /// Where files go that somebody changed after the swap.
    pub undone: Root,
    /// The run's folder, where the record is.
    pub folder: PathBuf,
}

impl Workshop {
    /// Opens the places, making those that are missing (0700).
    pub fn open(site: &Path, place: &Path, folder: &Path, held: Option<Held>) -> Result<Workshop, IoError> {
        let open = |name: &str| {
            let path = place.join(name);
            fs::create_folders(&path, 0o700)?;
            Root::open(&path)
        };
        let held = match held {
            Some(held) => {
                let root = Root::open(&held.folder)?;
                Some((held, root))
            }
            None => None,
        };
        Ok(Workshop {
            live: Root::open(site)?,
            held,
            new: open("new")?,
            bak: open("bak")?,
            undone: open("undone")?,
            folder: folder.to_owned(),
        })
    }

    pub fn home<'a>(&'a self, path: &'a SitePath) -> Home<'a> {
        match &self.held {
            Some((held, root)) if held.path == *path => Home { root, path: &held.name },
            _ => Home { root: &self.live, path },
        }
    }

    pub fn live(&self, path: &SitePath) -> Result<Option<Stat>, IoError> {
        let home = self.home(path);
        home.root.stat(home.path)
    }

    /// The same, for whoever leaves alone what is not there.
    pub fn live_in_plain_sight(&self, path: &SitePath) -> Result<Option<Stat>, IoError> {
        let home = self.home(path);
        home.root.stat_in_plain_sight(home.path)
    }

    pub fn record_path(&self) -> PathBuf {
        self.folder.join("operations.json")
    }

    /// The name under which the old version of `path` is kept.
    pub fn bak_path(&self, path: &SitePath) -> Result<SitePath, SwapError> {
        path.with_suffix(".bak").map_err(|error| {
            let source = std::io::Error::new(std::io::ErrorKind::InvalidFilename, error.to_string());
            SwapError::Io(IoError::new("name the saved copy of", path.as_str(), source))
        })
    }
}
