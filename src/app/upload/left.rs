//! What uploads leave behind: parts that nobody goes on with, and records of
//! archives that are gone.

use std::path::Path;
use std::path::PathBuf;

use jiff::SignedDuration;

use crate::app::upload::Uploads;
use crate::app::upload::error::UploadError;
use crate::app::upload::stored::Stored;
use crate::sys::clock;
use crate::sys::disk;
use crate::sys::fs;
use crate::sys::fs::IoError;

/// Whoever began one may come back for so long.
const KEPT: SignedDuration = SignedDuration::from_hours(7 * 24);

/// What is left of one upload.
#[derive(Clone, Debug, PartialEq)]
pub struct Left {
    id: String,
    /// Its part, or what stands for it.
    pub path: PathBuf,
    pub bytes: u64,
    pub why: String,
}

impl Uploads {
    /// Removes what nobody goes on with, and records of what is no longer there.
    pub fn sweep(&self) -> Result<(), UploadError> {
        self.left()?.iter().try_for_each(|left| self.clear(left))
    }

    /// The same, without removing anything.
    pub fn left(&self) -> Result<Vec<Left>, UploadError> {
        let mut all = Vec::new();
        for id in self.ids()? {
            let (part, record) = (self.part(&id), self.record(&id));
            let (path, why) = match Stored::load(&record).ok().flatten() {
                Some(stored) if stored.sha256.is_some() => {
                    match fs::exists(&self.folder.join(&stored.name)) {
                        true => continue,
                        false => (record.clone(), format!("{} is no longer in the inbox", stored.name)),
                    }
                }
                stored => match is_old(&part)? && is_old(&record)? {
                    false => continue,
                    true => {
                        let name = stored.map_or("it".into(), |stored| stored.name);
                        let days = KEPT.as_hours() / 24;
                        (part.clone(), format!("nobody went on with {name} for {days} days"))
                    }
                },
            };
            let bytes = disk::usage(&part)? + disk::usage(&record)?;
            all.push(Left { id, path, bytes, why });
        }
        Ok(all)
    }

    pub fn clear(&self, left: &Left) -> Result<(), UploadError> {
        self.remove(&left.id)
    }
}

fn is_old(path: &Path) -> Result<bool, IoError> {
    Ok(fs::modified(path)?.is_none_or(|at| clock::now().duration_since(at) > KEPT))
}
