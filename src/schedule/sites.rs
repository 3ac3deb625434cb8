//! The list of sites that one user's ticks go through: one state folder a line.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::path::PathBuf;

use crate::base::exit::Exit;
use crate::base::exit::Fault;
use crate::site::settings;
use crate::site::settings::SettingsError;
use crate::sys::env;
use crate::sys::fs;
use crate::sys::fs::IoError;
use crate::sys::user;

const ABOUT: &[u8] = b"# The sites that `entracte tick --all` goes through: one state folder a line.\n";

#[derive(Debug, thiserror::Error)]
pub enum SitesError {
    #[error("this user (uid {uid}) has no home folder that could hold the list of sites")]
    NoHome { uid: u32 },
    #[error("the folder {} for the list of sites cannot be made", fs::shown(folder))]
    NoFolder {
        folder: PathBuf,
        #[source]
        source: IoError,
    },
    #[error("the state folder {} cannot stand on a line", fs::shown(folder))]
    Path { folder: PathBuf },
    #[error(transparent)]
    Settings(#[from] SettingsError),
    #[error(transparent)]
    Io(#[from] IoError),
}

impl Fault for SitesError {
    fn exit(&self) -> Exit {
        match self {
            SitesError::Settings(error) => error.exit(),
            SitesError::Io(error) => error.exit(),
            _ => Exit::Refused,
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            SitesError::NoFolder { folder, .. } => vec![format!(
                "as root: install -d -o {} -g {} {}",
                env::user_id(),
                env::group_id(),
                fs::shown(folder)
            )],
            SitesError::Settings(error) => error.hints(),
            SitesError::Io(error) => error.hints(),
            _ => Vec::new(),
        }
    }
}

/// Where the list of the user stands that this process works as.
pub fn file() -> Result<PathBuf, SitesError> {
    let folder = user::configuration().ok_or(SitesError::NoHome { uid: env::user_id() })?;
    Ok(folder.join("entracte/sites"))
}

/// The state folders of the list, in its order; none where there is no list.
pub fn load(file: &Path) -> Result<Vec<PathBuf>, SitesError> {
    let Some(text) = read(file)? else { return Ok(Vec::new()) };
    let mut sites: Vec<PathBuf> = Vec::new();
    for site in text.split(|byte| *byte == b'\n').filter_map(site_of) {
        if !sites.iter().any(|known| known == site) {
            sites.push(site.to_owned());
        }
    }
    Ok(sites)
}

/// Makes the folder of the list.
pub fn prepare(file: &Path) -> Result<(), SitesError> {
    let folder = file.parent().unwrap_or(Path::new("/"));
    let made = fs::create_folders(folder, 0o700);
    made.map_err(|source| SitesError::NoFolder { folder: folder.to_owned(), source })
}

/// Waits for its turn: two that read the list and the crontab and write them
/// again would lose what the other wrote. The turn ends when what comes back is dropped.
pub fn turn(file: &Path) -> Result<std::fs::File, SitesError> {
    prepare(file)?;
    let path = file.with_extension("lock");
    let turn = fs::append(&path)?;
    turn.lock().map_err(|source| IoError::new("lock", &path, source))?;
    Ok(turn)
}

/// Adds a site, and says whether it was not there before.
pub fn add(file: &Path, folder: &Path) -> Result<bool, SitesError> {
    let bytes = folder.as_os_str().as_bytes();
    if site_of(bytes) != Some(folder) {
        return Err(SitesError::Path { folder: folder.to_owned() });
    }
    prepare(file)?;
    if load(file)?.iter().any(|known| known == folder) {
        return Ok(false);
    }
    let mut text = read(file)?.unwrap_or_else(|| ABOUT.to_vec());
    if !text.is_empty() && !text.ends_with(b"\n") {
        text.push(b'\n');
    }
    text.extend(bytes);
    text.push(b'\n');
    fs::write_durable(file, &text)?;
    Ok(true)
}

/// Takes a site out, and says whether it was there.
pub fn remove(file: &Path, folder: &Path) -> Result<bool, SitesError> {
    let Some(text) = read(file)? else { return Ok(false) };
    let lines = text.split_inclusive(|byte| *byte == b'\n');
    let kept: Vec<u8> = lines.filter(|line| site_of(line) != Some(folder)).flatten().copied().collect();
    if kept == text {
        return Ok(false);
    }
    fs::write_durable(file, &kept)?;
    Ok(true)
}

/// Whoever may write the list decides what is run.
fn read(file: &Path) -> Result<Option<Vec<u8>>, SitesError> {
    if !fs::exists(file) {
        return Ok(None);
    }
    settings::check_private(file)?;
    Ok(Some(fs::read(file)?))
}

/// The site that a line names; `None` for comments and empty lines.
fn site_of(line: &[u8]) -> Option<&Path> {
    use std::ffi::OsStr;
    let line = line.trim_ascii();
    let is_path = line.first() == Some(&b'/') && !line.iter().any(u8::is_ascii_control);
    is_path.then(|| Path::new(OsStr::from_bytes(line)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sites_come_and_go_and_the_rest_stays() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("entracte/sites");
        let (one, two) = (Path::new("/srv/.entracte-one"), Path::new("/srv/of été/.entracte-two"));
        assert_eq!(load(&file).unwrap(), Vec::<PathBuf>::new());
        assert!(!remove(&file, one).unwrap());
        assert!(add(&file, one).unwrap() && add(&file, two).unwrap() && !add(&file, one).unwrap());
        assert_eq!(load(&file).unwrap(), [one, two]);
        assert_eq!(fs::mode(&file).unwrap(), 0o600);
        fs::write_durable(&file, b"# mine\r\n\n  /srv/.entracte-one  \nnonsense\n/srv/three").unwrap();
        assert_eq!(load(&file).unwrap(), [one, Path::new("/srv/three")]);
        assert!(add(&file, two).unwrap() && remove(&file, one).unwrap());
        let text = String::from_utf8(fs::read(&file).unwrap()).unwrap();
        assert_eq!(text, "# mine\r\n\nnonsense\n/srv/three\n/srv/of été/.entracte-two\n");
    }

    #[test]
    fn a_list_that_others_can_write_is_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("sites");
        fs::write_durable_with(&file, b"/srv/x\n", 0o666).unwrap();
        assert!(load(&file).is_err() && add(&file, Path::new("/srv/y")).is_err());
        for odd in ["relative", "/with\nbreak", "/ends in a blank "] {
            assert!(
                matches!(add(&folder.path().join("s"), Path::new(odd)), Err(SitesError::Path { .. })),
                "{odd}"
            );
        }
    }
}
