//! Which sites one console shows, when they are not named one by one.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::path::PathBuf;

use crate::app::desk::Place;
use crate::app::failure::Failure;
use crate::base::exit::Exit;
use crate::schedule::sites;
use crate::site::settings;
use crate::sys::env;
use crate::sys::fs;

/// Longer than any list of sites.
const MAX_LIST_BYTES: u64 = 1 << 20;

/// Those that `tick --all` goes through.
pub fn scheduled() -> Result<Vec<Place>, Failure> {
    let list = sites::file()?;
    let listed = sites::load(&list)?;
    if listed.is_empty() {
        return Err(Failure::new(Exit::Refused, format!("no site stands on the list {}", fs::shown(&list)))
            .hint("`entracte schedule install` in a site's folder puts it there; each user of the machine has a list"));
    }
    Ok(listed.into_iter().map(|state| Place { state: Some(state), ..Place::default() }).collect())
}

/// Folders of sites from a file, one a line; `#` begins a comment.
pub fn of_file(file: &Path) -> Result<Vec<Place>, Failure> {
    settings::check_private(file)?;
    let text = fs::read_text(file, MAX_LIST_BYTES)?;
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let places: Vec<Place> =
        lines.map(|line| of_folder(PathBuf::from(OsStr::from_bytes(line.as_bytes())))).collect();
    match places.is_empty() {
        true => Err(Failure::new(Exit::Refused, format!("{} names no site", fs::shown(file)))),
        false => Ok(places),
    }
}

pub fn of_folder(folder: PathBuf) -> Place {
    Place { site: Some(folder), ..Place::default() }
}

/// Refuses a site of somebody else: what a console does there would belong to
/// the wrong user, or fail half-way.
pub fn is_ours(place: &Place) -> Result<(), Failure> {
    let folder = place.state()?.folder().to_owned();
    let (owner, _) = fs::owner(&folder)?;
    let user = env::user_id();
    match owner == user {
        true => Ok(()),
        false => Err(Failure::new(
            Exit::Refused,
            format!("{} belongs to the user {owner}, and this console works as {user}", fs::shown(&folder)),
        )
        .hint("a console shows the sites of one user; start another one for the others, each as its owner")),
    }
}
