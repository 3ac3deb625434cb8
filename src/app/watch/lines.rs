//! How the lines of one changed file differ from the release, where the
//! release's content is still at hand.

use std::io::Read;

use crate::app::desk::Place;
use crate::app::failure::Failure;
use crate::base::diff;
use crate::base::exit::Exit;
use crate::base::path::SitePath;
use crate::release::staging::Staging;
use crate::site::installed::Installed;
use crate::sys::fs::IoError;

/// A unified diff from the installed release to what stands there now; `None`:
/// the release does not have the file, or its content is not here any more.
/// Files of the owner's are never shown: they hold passwords.
pub fn lines(place: &Place, path: &str) -> Result<Option<String>, Failure> {
    let site = place.open()?;
    let path = SitePath::parse(path).map_err(|error| Failure::new(Exit::Usage, error.to_string()))?;
    if site.keep().matches(path.as_str()) {
        return Err(Failure::new(Exit::Refused, format!("{path} is the owner's, and may hold passwords")));
    }
    let (_, manifest) = Installed(&site.state.installed()).load()?;
    let entry = manifest.files.iter().find(|entry| entry.path == path);
    let Some(digest) = entry.and_then(|entry| entry.sha256()) else { return Ok(None) };
    let staging = Staging::open(&site.state.staging())?;
    let old = match staging.open_object(&digest) {
        Ok(file) => {
            bounded(file).map_err(|source| IoError::new("read", staging.object_path(&digest), source))?
        }
        Err(error) if error.is_not_found() => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let tree = site.tree()?;
    let new = match tree.open_file(&path) {
        Ok(file) => bounded(file).map_err(|source| IoError::new("read", tree.full(&path), source))?,
        Err(error) if error.is_not_found() => Vec::new(),
        Err(error) => return Err(error.into()),
    };
    if !diff::is_text(&old) || !diff::is_text(&new) {
        return Ok(Some(format!("no text, or longer than {} MiB\n", diff::MAX_BYTES >> 20)));
    }
    Ok(Some(diff::unified(&format!("release/{path}"), &format!("live/{path}"), &old, &new)))
}

/// One byte more than is a text tells that it is none.
fn bounded(file: impl Read) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(diff::MAX_BYTES + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}
