//! What lies ready for a site: the inbox with its archives, and the folder that
//! a release is copied into by hand.

use std::path::Path;
use std::path::PathBuf;

use jiff::Timestamp;
use serde::Serialize;

use crate::app::desk::Place;
use crate::app::failure::Failure;
use crate::app::upload::UploadView;
use crate::app::upload::Uploads;
use crate::base::exit::Exit;
use crate::release::source;
use crate::sys::fs;
use crate::sys::fs::IoError;

/// More of them are counted, not shown.
const MOST_ITEMS: usize = 200;
/// Nobody waits for more to be counted.
const MOST_FILES: u64 = 20_000;

#[derive(Clone, Debug, Serialize)]
pub struct InboxView {
    pub folder: String,
    /// By name; no folders, and nothing that hides.
    pub items: Vec<Item>,
    /// What is not shown.
    pub more: usize,
    pub uploads: Vec<UploadView>,
    /// No upload may be larger, in bytes.
    pub limit: u64,
}

#[derive(Clone, Debug, Serialize)]
pub struct Item {
    pub name: String,
    pub size: u64,
    pub modified: Option<Timestamp>,
    /// Whether its name is an archive's.
    pub is_archive: bool,
    /// Of what came by a browser, and who sent it.
    pub sha256: Option<String>,
    pub by: Option<String>,
}

/// The folder that a release is copied into.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Incoming {
    pub folder: String,
    pub files: u64,
    pub bytes: u64,
    /// When the last of its files was written.
    pub modified: Option<Timestamp>,
    /// There are more files than were counted.
    pub is_more: bool,
}

pub fn inbox(place: &Place) -> Result<InboxView, Failure> {
    let (folder, uploads) = (place.open()?.inbox(), Uploads::of(place)?);
    let mut items = Vec::new();
    for path in files_of(&folder)? {
        items.extend(item(&path, &uploads)?);
    }
    let more = items.len().saturating_sub(MOST_ITEMS);
    items.truncate(MOST_ITEMS);
    let limit = uploads.limit;
    Ok(InboxView { folder: fs::shown(&folder), items, more, uploads: uploads.list()?, limit })
}

fn files_of(folder: &Path) -> Result<Vec<PathBuf>, IoError> {
    if fs::is_folder(folder) { fs::list(folder) } else { Ok(Vec::new()) }
}

/// `None` for what nobody can pick.
fn item(path: &Path, uploads: &Uploads) -> Result<Option<Item>, Failure> {
    let Some(name) = path.file_name().and_then(|name| name.to_str()).filter(|name| !name.starts_with('.'))
    else {
        return Ok(None);
    };
    let Some(metadata) = fs::metadata(path)?.filter(|found| found.is_file()) else { return Ok(None) };
    let (size, modified) = (metadata.len(), fs::modified(path)?);
    let (sha256, by) = uploads.arrived(name, size, modified).unzip();
    Ok(Some(Item {
        name: name.to_owned(),
        size,
        modified,
        is_archive: source::has_archive_ending(name),
        sha256: sha256.map(|digest| digest.to_string()),
        by,
    }))
}

/// Deletes a file that the inbox shows under this very name.
pub fn delete(place: &Place, name: &str) -> Result<(), Failure> {
    let folder = place.open()?.inbox();
    let is_it = |path: &PathBuf| path.file_name().is_some_and(|found| found == name);
    let path = files_of(&folder)?.into_iter().find(is_it).filter(|path| is_plain(path));
    let path = path.ok_or_else(|| Failure::new(Exit::Refused, "the inbox holds no such file"))?;
    Ok(fs::remove_file(&path)?)
}

/// A file, and no link to one, that does not hide.
fn is_plain(path: &Path) -> bool {
    let hides = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
    !hides && fs::metadata(path).ok().flatten().is_some_and(|found| found.is_file())
}

pub fn incoming(place: &Place) -> Result<Incoming, Failure> {
    let folder = place.open()?.incoming();
    let mut found = Incoming { folder: fs::shown(&folder), ..Incoming::default() };
    count(&folder, &mut found)?;
    Ok(found)
}

/// Links are not followed.
fn count(folder: &Path, found: &mut Incoming) -> Result<(), IoError> {
    for path in files_of(folder)? {
        let Some(metadata) = fs::metadata(&path)? else { continue };
        if found.files >= MOST_FILES {
            found.is_more = true;
            return Ok(());
        }
        if metadata.is_dir() {
            count(&path, found)?;
            continue;
        }
        found.files += 1;
        found.bytes += metadata.len();
        found.modified = found.modified.max(fs::modified(&path)?);
    }
    Ok(())
}
